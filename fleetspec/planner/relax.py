"""Why not: what binds a plan, and what is said of one that does not hold, with the ways out (:mod:`ways`)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fleetspec.diagnostics import Report
from fleetspec.planner.bound import least
from fleetspec.planner.plans import Change, Plan, Suggestion, window_of
from fleetspec.planner.ways import span
from fleetspec.rules import capacity as rules
from fleetspec.units import Money, Share

if TYPE_CHECKING:
    from fleetspec.planner.planning import Outcome

WORTH = 1e-3
"""A limit binds if a little more of it lowers the cost by this share."""


def binding(outcome: Outcome) -> tuple[str, ...]:
    """What stops the plan from being cheaper, or from being at all."""
    land, bound, reason = outcome.land, outcome.bound, outcome.reason
    goal = "cost" if bound is not None else "time"
    time = land.time if bound is not None else None
    now = bound if bound is not None else least(land, "time", time=None)
    if now is None:
        return ("hardware: some jobs have no nodes to run on",)
    words = []
    if bound is None:
        shortest = land.problem.overhead_seconds + sum(now.lengths.values())
        ends = outcome.replay.end if outcome.replay is not None else shortest
        words.append(
            f"deadline: at full speed the run ends after {span(ends)}, "
            f"the deadline is after {span(land.problem.deadline_seconds)}"
        )
    elif reason == "deadline":
        words.append("deadline: whole jobs on whole nodes, with their boots, end after it")
    else:
        longer = least(land, time=land.time * 1.1)
        if longer is not None and longer.cost_usd < bound.cost_usd * (1 - WORTH):
            words.append("deadline")
    if reason == "on_time":
        words.append("schedule.on_time: no headroom that fits is enough")
    if reason == "budget":
        words.append("budget")
    # The bound of stages that overlap does not say in which of them a pool is full.
    serial = not land.order.overlaps
    before = now.cost_usd if goal == "cost" else sum(now.lengths.values())
    for members in land.problem.offers:
        pool = land.pools[members[0]]
        caps = [one.cap + (index in members) for index, one in enumerate(land.pools)]
        more = least(land, goal, time=time, caps=caps)  # type: ignore[arg-type]
        after = math.inf if more is None else more.cost_usd if goal == "cost" else sum(more.lengths.values())
        if after < before * (1 - WORTH):
            work = {s: sum(now.work.get((k, s), 0.0) for k in members) for s in now.lengths}
            stages = [s for s in now.lengths if serial and work[s] > 0.999 * pool.cap * now.lengths[s]]
            where = f" in stage {', '.join(map(str, stages))}" if stages else ""
            words.append(f"hardware.{pool.spec_name}.max: {pool.cap} {'node' if pool.cap == 1 else 'nodes'}{where}")
    return tuple(words)


def _help(plan: Plan) -> str:
    """The ways out of a plan in a line."""
    if plan.suggestions:
        return f"any one of: {' | '.join(map(_words, plan.suggestions))}"
    if plan.combinations:
        return f"together: {' | or: '.join(' and '.join(map(_words, one.changes)) for one in plan.combinations)}"
    if plan.keep_both is not None:
        return f"leave out {', '.join(one.name for one in plan.keep_both.left_out)}"
    return "no change of the pools, the deadline and the budget is enough"


def _words(one: Suggestion | Change) -> str:
    return f"{'.'.join(one.route)} {one.current} → {one.proposed}"


def report_verdict(plan: Plan, report: Report) -> None:
    """Add what a plan that does not hold has to say (FS301, FS302, FS304) at the line of the spec to blame; of one that
    leaves models out, which (FS305)."""
    help = _help(plan)
    if plan.left_out:
        models = sum(one.models for one in plan.left_out)
        named = ", ".join(one.name for one in plan.left_out)
        said = f"the plan leaves out {models:,} of {plan.models:,} models: {named}"
        report.add(rules.FALLS_OUT, said, route=("objective", "maximize"), help=f"to keep them, {help}")
    if plan.verdict == "feasible":
        return
    window = window_of(plan.run)
    late = plan.end_seconds > plan.deadline_seconds
    numbers = f"it ends after {span(plan.end_seconds)}, the deadline is after {span(plan.deadline_seconds)}"
    if plan.verdict == "unsure":
        assert plan.chance is not None
        assert plan.assurance is not None
        report.add(
            rules.UNSURE,
            f"the plan ends in time in {plan.chance.p_on_time:.1%} of nights, {Share(plan.assurance.asked)} are asked "
            "for",
            route=("schedule", "on_time"),
            help=help,
        )
    elif plan.verdict == "late":
        report.add(rules.LATE, f"the best plan found is late: {numbers}", route=window, help=help)
    elif plan.stages and not late:
        assert plan.budget_usd is not None
        report.add(
            rules.OVER_BUDGET,
            f"the cheapest plan costs {Money(plan.cost_usd)}, the budget is {Money(plan.budget_usd)}",
            route=("budget", plan.run),
            help=help,
        )
    else:
        report.add(
            rules.INFEASIBLE,
            f"no allocation meets the deadline; what binds is the {'; '.join(plan.binding)}",
            route=window,
            help=help,
        )
