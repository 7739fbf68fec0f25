"""Why not, and the cheapest way out: what binds a plan, and single changes of the spec after which one holds.

Linear programs find how far a limit has to move at least; a suggestion is made only after a real plan with the
limit there has held.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from fleetspec.diagnostics import Report
from fleetspec.planner.bound import least
from fleetspec.planner.plans import Plan, PlanHeader, Suggestion, window_of
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.terrain import survey
from fleetspec.rules import capacity as rules
from fleetspec.sessions import SessionTime
from fleetspec.units import Duration, Money, Share, UnitError

if TYPE_CHECKING:
    from fleetspec.planner.planning import Outcome

MOST_NODES = 1000
"""Largest maximum of a pool that is worth suggesting."""
TRIES = 6
"""Real plans per suggestion."""
LONGEST_NIGHT = 20 * 3600
"""A nightly deadline is not moved beyond this: the next night begins 21 hours later when a session closes early."""
DAY = 24 * 3600
LONGEST_RUN = 30 * DAY
SHARES = (0.999, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8)
"""Shares of nights on time that are worth suggesting."""
WORTH = 1e-3
"""A limit binds if a little more of it lowers the cost by this share."""


class Solve(Protocol):
    def __call__(self, problem: CapacityProblem, *, first: bool = False) -> Outcome: ...


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
            f"deadline: at full speed the run ends after {_span(ends)}, "
            f"the deadline is after {_span(land.problem.deadline_seconds)}"
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


def suggestions(problem: CapacityProblem, header: PlanHeader, outcome: Outcome, solve: Solve) -> tuple[Suggestion, ...]:
    """Single changes after which a plan holds, each confirmed by planning again; the cheapest plan first."""
    found = [*_pools(problem, solve), *_deadline(problem, header, outcome, solve), *_budget(problem, header, solve)]
    found += _share(problem, solve)
    return tuple(sorted(found, key=lambda one: (one.cost_usd, one.route)))


def _pools(problem: CapacityProblem, solve: Solve) -> Iterator[Suggestion]:
    for members in problem.offers:
        pool, fewest = problem.pools[members[0]], _least_cap(problem, members)
        if fewest is None:
            continue

        def with_cap(cap: int, members: tuple[int, ...] = members) -> CapacityProblem:
            pools = [replace(one, cap=cap) if index in members else one for index, one in enumerate(problem.pools)]
            return replace(problem, pools=tuple(pools))

        held: int | None = None
        missed, cap = pool.cap, fewest
        for attempt in range(TRIES):
            tried = solve(with_cap(cap), first=True)
            if tried.verdict == "feasible":
                held = cap
            else:
                missed = cap
            if held is None:
                # Far more nodes: if even they do not help, nothing between does.
                cap = min(max(2 * fewest, 4 * pool.cap), MOST_NODES)
                if attempt > 0 or cap <= missed:
                    break
            elif held - missed <= 1:
                break
            else:
                cap = (held + missed) // 2
        # The first plan that holds says that one does; the whole answer says what it costs and when it ends.
        made = solve(with_cap(held)) if held is not None else None
        if held is not None and made is not None and made.verdict == "feasible":
            yield _suggestion(("hardware", pool.spec_name, "max"), str(pool.cap), str(held), made)


def _least_cap(problem: CapacityProblem, members: tuple[int, ...]) -> int | None:
    """Smallest maximum of a pool above its own with which fluid work fits; None where none does."""
    land = survey(problem)

    def fits(cap: int) -> bool:
        caps = [cap if index in members else one.cap for index, one in enumerate(land.pools)]
        return least(land, time=land.time, budget=problem.budget_usd, caps=caps) is not None

    low, high = land.pools[members[0]].cap + 1, MOST_NODES
    if low > high or not any(land.patterns[k] for k in members) or not fits(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return low


def _deadline(problem: CapacityProblem, header: PlanHeader, outcome: Outcome, solve: Solve) -> Iterator[Suggestion]:
    land = survey(problem)
    fastest = least(land, "time", time=None, budget=problem.budget_usd)
    if fastest is None:
        return
    limit, now = LONGEST_NIGHT if header.run == "nightly" else LONGEST_RUN, problem.deadline_seconds

    def moved(seconds: float) -> int:
        """A later deadline: a moment moves by whole minutes, a span ends with one."""
        return now + max(_minutes(seconds - now), 60) if header.run == "nightly" else _minutes(max(seconds, now + 60))

    seconds = moved(problem.overhead_seconds + sum(fastest.lengths.values()))
    if outcome.replay is not None and outcome.reason == "deadline":
        # A replay at full speed has already said how long whole jobs take.
        seconds = max(seconds, moved(outcome.replay.end))
    for _ in range(TRIES):
        words = _deadline_words(problem, header, seconds)
        if seconds > limit or words is None:
            return
        tried = solve(replace(problem, deadline_seconds=seconds), first=True)
        if tried.verdict == "feasible":
            made = solve(replace(problem, deadline_seconds=seconds))
            if made.verdict == "feasible":
                yield _suggestion(window_of(header.run), *words, made)
            return
        ends = tried.replay.end if tried.replay is not None and tried.reason == "deadline" else 0.0
        seconds = moved(max(ends, seconds * 1.1))


def _budget(problem: CapacityProblem, header: PlanHeader, solve: Solve) -> Iterator[Suggestion]:
    if problem.budget_usd is None:
        return
    cheapest = solve(replace(problem, budget_usd=None))
    if cheapest.verdict != "feasible" or cheapest.replay is None:
        return
    needed = math.ceil(cheapest.replay.cost_usd * 100 - 1e-9) / 100
    if needed <= problem.budget_usd:
        return
    confirmed = solve(replace(problem, budget_usd=needed))
    if confirmed.verdict == "feasible":
        # No thousands are set apart: a comma in a value is an error in a spec.
        yield _suggestion(("budget", header.run), str(Money(problem.budget_usd)), f"{needed:.2f} USD", confirmed)


def _share(problem: CapacityProblem, solve: Solve) -> Iterator[Suggestion]:
    """A lower share of nights, where the plan holds with a share that is worth asking for."""
    for share in SHARES:
        if problem.on_time is not None and share < problem.on_time:
            if solve(replace(problem, on_time=share), first=True).verdict != "feasible":
                continue
            made = solve(replace(problem, on_time=share))
            if made.verdict == "feasible":
                words = (Share(problem.on_time), Share(share))
                yield _suggestion(("schedule", "on_time"), str(words[0]), str(words[1]), made)
                return


def _suggestion(route: tuple[str, ...], current: str, proposed: str, outcome: Outcome) -> Suggestion:
    assert outcome.replay is not None
    return Suggestion(route, current, proposed, outcome.replay.end, outcome.replay.cost_usd)


def _deadline_words(problem: CapacityProblem, header: PlanHeader, seconds: int) -> tuple[str, str] | None:
    """The deadline as the spec writes it, now and moved; None where no such words say it: a clock ends at midnight."""
    try:
        moment = SessionTime.parse(header.deadline)
    except UnitError:
        return _span(problem.deadline_seconds), _span(seconds)
    moved = SessionTime(moment.anchor, moment.offset_seconds + seconds - problem.deadline_seconds, moment.zone)
    if moved.anchor == "clock" and moved.offset_seconds >= DAY:
        return None
    return str(moment), str(moved)


def _minutes(seconds: float) -> int:
    """Rounded up to whole minutes."""
    return math.ceil(seconds / 60 - 1e-9) * 60


def _span(seconds: float) -> str:
    return str(Duration(math.ceil(seconds - 1e-9)))


def report_verdict(plan: Plan, report: Report) -> None:
    """Add what a plan that does not hold has to say (FS301, FS302, FS304) at the line of the spec to blame; of one that
    leaves models out, which (FS305)."""
    ways = " | ".join(f"{'.'.join(one.route)} {one.current} → {one.proposed}" for one in plan.suggestions)
    help = f"any one of: {ways}" if ways else "no single change of a pool, the deadline or the budget is enough"
    if plan.left_out:
        models = sum(one.models for one in plan.left_out)
        named = ", ".join(one.name for one in plan.left_out)
        said = f"the plan leaves out {models:,} of {plan.models:,} models: {named}"
        report.add(rules.FALLS_OUT, said, route=("objective", "maximize"), help=f"to keep them, {help}")
    if plan.verdict == "feasible":
        return
    window = window_of(plan.run)
    late = plan.end_seconds > plan.deadline_seconds
    numbers = f"it ends after {_span(plan.end_seconds)}, the deadline is after {_span(plan.deadline_seconds)}"
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
