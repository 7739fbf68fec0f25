"""What holds of every plan, whatever the problem: each law gives what is wrong with it, [] where it holds.

Metamorphic: a problem is changed in a way whose effect on the answer is known, so no answer has to be known.
"""

from __future__ import annotations

import math
from dataclasses import replace

from capacity_problems import HEADER, cpu_pool, with_caps

from fleetspec.planner.formulation import free_lengths
from fleetspec.planner.ladder import RUNGS
from fleetspec.planner.planning import make_plan, solve
from fleetspec.planner.plans import Change, Plan, Suggestion
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.terrain import survey
from fleetspec.planner.violations import violations
from fleetspec.units import Duration, Money, Share

BACKTEST = replace(HEADER, run="backtest", deadline="")
"""Whose suggestions speak of the seconds between start and deadline, so that they can be applied to a problem."""
CLOSE = 1e-6


def bound(posed: CapacityProblem) -> float:
    """USD below which no plan is; inf where there is none."""
    land = survey(posed)
    found = free_lengths(land, time=land.time)
    return math.inf if found is None else found.cost_usd


def sound(posed: CapacityProblem, plan: Plan) -> list[str]:
    """A plan's own constraints, and that it is called feasible only if its replay ends in time and in budget."""
    found = violations(posed, plan)
    if plan.verdict == "feasible" and plan.end_seconds > posed.deadline_seconds:
        found.append(f"feasible, and ends at {plan.end_seconds} of {posed.deadline_seconds} s")
    if plan.verdict == "feasible" and posed.budget_usd is not None and plan.cost_usd > posed.budget_usd + CLOSE:
        found.append(f"feasible, and costs {plan.cost_usd} of {posed.budget_usd} USD")
    return found


def suggestions_help(posed: CapacityProblem, plan: Plan) -> list[str]:
    """What a plan that does not hold suggests, applied to its problem, gives one that does."""
    found = []
    for changes in [*((one,) for one in plan.suggestions), *(one.changes for one in plan.combinations)]:
        again = make_plan(applied(posed, *changes), BACKTEST)
        if again.verdict != "feasible":
            words = " and ".join(f"{'.'.join(one.route)} {one.current} → {one.proposed}" for one in changes)
            found.append(f"{words} is {again.verdict}")
    return found


def applied(posed: CapacityProblem, *changes: Suggestion | Change) -> CapacityProblem:
    """The problem with changes followed."""
    for one in changes:
        posed = _followed(posed, one)
    return posed


def _followed(posed: CapacityProblem, one: Suggestion | Change) -> CapacityProblem:
    match one.route[0], one.route[-1]:
        case "hardware", "max":
            pools = tuple(
                replace(pool, cap=int(one.proposed)) if pool.spec_name == one.route[1] else pool for pool in posed.pools
            )
            return replace(posed, pools=pools)
        case "budget", _:
            return replace(posed, budget_usd=Money.parse(one.proposed.replace(",", "")).usd)
        case "backtest", "within":
            return replace(posed, deadline_seconds=Duration.parse(one.proposed).seconds)
        case "schedule", "on_time":
            return replace(posed, on_time=Share.parse(one.proposed).fraction)
    raise ValueError(f"no problem has a {'.'.join(one.route)}")


def more_is_never_dearer(posed: CapacityProblem) -> list[str]:
    """The bound on cost does not rise with the deadline, with nodes, with pools, or with less to wait for."""
    base = bound(posed)
    freer = {
        "twice the deadline": replace(posed, deadline_seconds=posed.deadline_seconds * 2),
        "a node more of each pool": with_caps(posed, 1),
        "no startup": replace(posed, overhead_seconds=0),
        "another pool": replace(posed, pools=(*posed.pools, cpu_pool("unused"))),
    }
    return [
        f"{what}: {after} USD instead of {base}"
        for what, changed in freer.items()
        if (after := bound(changed)) > base * (1 + CLOSE) + 1e-9
    ]


def more_time_costs_no_more(posed: CapacityProblem) -> list[str]:
    """The executed plan for twice the time, or for the next rung, is no dearer than that for the rung below it."""
    if posed.on_time is not None or posed.objective != "cost":
        return []
    rung = max((one for one in RUNGS if one <= posed.deadline_seconds), default=0)
    if rung <= posed.overhead_seconds:
        return []
    early, found = solve(replace(posed, deadline_seconds=rung, budget_usd=None)), []
    for later in (posed.deadline_seconds, 2 * posed.deadline_seconds, *RUNGS[RUNGS.index(rung) + 1 :][:1]):
        late = solve(replace(posed, deadline_seconds=later, budget_usd=None))
        if early.verdict == "feasible" and early.replay is not None:
            if late.replay is None or late.verdict != "feasible":
                found.append(f"a plan holds within {rung} s and none within {later} s")
            elif late.replay.cost_usd > early.replay.cost_usd * (1 + CLOSE) + 1e-9:
                found.append(f"{later} s cost {late.replay.cost_usd}, {rung} s cost {early.replay.cost_usd}")
    return found


def names_do_not_matter(posed: CapacityProblem) -> list[str]:
    """Other names and another order of pools and classes: the same bound."""
    names = {pool.name: f"z{len(posed.pools) - at}" for at, pool in enumerate(posed.pools)}
    # Offers of one pool stay so: they share its cap.
    pools = tuple(
        replace(pool, name=names[pool.name], pool_of=pool.pool_of and names[pool.pool_of])
        for pool in reversed(posed.pools)
    )
    classes = tuple(
        replace(
            one,
            name=f"u/g/r{at}/fit",
            placements=tuple(replace(place, pool=names[place.pool]) for place in one.placements),
        )
        for at, one in enumerate(reversed(posed.classes))
    )
    base, other = bound(posed), bound(replace(posed, pools=pools, classes=classes))
    alike = base == other or math.isclose(base, other, rel_tol=CLOSE, abs_tol=1e-9)
    return [] if alike else [f"{other} USD under other names instead of {base}"]


def same_bytes(posed: CapacityProblem, plan: Plan) -> list[str]:
    """The same input gives the same plan to the byte."""
    return [] if make_plan(posed, BACKTEST).to_bytes() == plan.to_bytes() else ["two plans of one problem differ"]


def broken(posed: CapacityProblem) -> tuple[Plan, list[str]]:
    """The plan of a problem, and every law it breaks."""
    plan = make_plan(posed, BACKTEST)
    found = [*sound(posed, plan), *suggestions_help(posed, plan), *more_is_never_dearer(posed)]
    found += more_time_costs_no_more(posed)
    return plan, [*found, *names_do_not_matter(posed), *same_bytes(posed, plan)]
