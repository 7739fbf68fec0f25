"""Changes of a spec that make a plan hold together, where no single one is enough.

A limit is taken away, the others are moved one at a time until a plan holds (:mod:`ways`), and the limit comes back
where that plan needs it: a budget at its cost, a share of nights at the highest that holds. Each combination is planned
again with all of its changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from fleetspec.planner.bound import least
from fleetspec.planner.plans import Change, Combination, Suggestion
from fleetspec.planner.terrain import survey
from fleetspec.planner.ways import (
    Asking,
    Move,
    allowed,
    dearer,
    delayed,
    later,
    latest,
    more_nodes,
    moved,
    paid,
    promised,
    rarer,
    several_pools,
    single,
)

if TYPE_CHECKING:
    from fleetspec.planner.planning import Outcome
    from fleetspec.planner.problem import CapacityProblem

MOST = 4
"""Combinations that are said, the cheapest of those that were found."""
CHEAPER = 0.9
"""A later deadline is a combination of its own where its plan costs less than this share of the earliest one's."""
NEARLY = 1.02
"""Fluid work that costs less than this many times the least is as cheap as it gets."""
HALVINGS = 12


def ways_out(
    problem: CapacityProblem, asking: Asking, outcome: Outcome
) -> tuple[tuple[Suggestion, ...], tuple[Combination, ...]]:
    """Single changes after which a problem holds, and where there are none, changes that do together; each confirmed by
    planning again, the cheapest plan first. ``outcome`` is the answer to the problem as it is."""
    found = list(single(problem, asking, outcome))
    if not found:
        for step in (_without_budget, _without_share, _without_either, _with_allowances, _with_nodes):
            found = list(step(problem, asking))
            if found:
                break
    alone = [
        Suggestion(one.changes[0].route, one.changes[0].current, one.changes[0].proposed, *_figures(one))
        for one in found
        if len(one.changes) == 1
    ]
    together = {one.changes: Combination(one.changes, *_figures(one)) for one in found if len(one.changes) > 1}
    return (
        tuple(sorted(alone, key=lambda one: (one.cost_usd, one.route))),
        tuple(sorted(together.values(), key=lambda one: (one.cost_usd, one.changes[0].route)))[:MOST],
    )


def _figures(move: Move) -> tuple[float, float]:
    return move.end_seconds, move.cost_usd


def _without_budget(problem: CapacityProblem, asking: Asking) -> Iterator[Move]:
    """A change of another limit, and the budget that its plan needs."""
    if problem.budget_usd is None:
        return
    free = _unpaid(problem)
    sooner = _unhurried(free, asking, asking.solve(free))
    for move in chain(sooner, more_nodes(free, asking), allowed(free, asking), rarer(free, asking)):
        yield from paid(problem, asking, move)


def _without_share(problem: CapacityProblem, asking: Asking) -> Iterator[Move]:
    """A change of another limit, and the share of nights that its plan keeps."""
    if problem.on_time is None:
        return
    free = replace(problem, on_time=None)
    for move in chain(_at_last(free, asking), more_nodes(free, asking), allowed(free, asking)):
        yield from promised(problem, asking, move.changes, move.problem)


def _without_either(problem: CapacityProblem, asking: Asking) -> Iterator[Move]:
    """A change of another limit with the share of nights and the budget that its plan needs."""
    if problem.budget_usd is not None:
        for move in _without_share(_unpaid(problem), asking):
            yield from paid(problem, asking, move)


def _with_allowances(problem: CapacityProblem, asking: Asking) -> Iterator[Move]:
    """What the spec may allow, all of it, or with more time or nodes."""
    for one in asking.allowances:
        there = one.under(problem)
        outcome = asking.solve(there)
        if outcome.verdict == "feasible":
            yield Move(one.changes, there, outcome)
            continue
        for move in chain(later(there, asking, outcome), more_nodes(there, asking), dearer(there, asking)):
            yield replace(move, changes=(*one.changes, *move.changes))


def _with_nodes(problem: CapacityProblem, asking: Asking) -> Iterator[Move]:
    """As many nodes of all pools as it takes, at the deadline there is or else at the latest one, for the cost and the
    share of nights that come of it."""
    for base, delay in ((problem, ()), _at_its_latest(problem, asking)):
        for share in dict.fromkeys((problem.on_time, None)):
            for move in several_pools(_unpaid(replace(base, on_time=share)), asking):
                changes = (*delay, *move.changes)
                made: Iterable[Move] = (replace(move, changes=changes),)
                if share != problem.on_time:
                    made = promised(problem, asking, changes, move.problem)
                for one in made:
                    yield from (one,) if problem.budget_usd is None else paid(problem, asking, one)
                    return


def _unpaid(problem: CapacityProblem) -> CapacityProblem:
    """The problem without a budget. The cheapest plan says which one it needs."""
    return problem if problem.budget_usd is None else replace(problem, budget_usd=None, objective="cost")


def _unhurried(problem: CapacityProblem, asking: Asking, outcome: Outcome) -> Iterator[Move]:
    """Later deadlines of a problem without a budget: the earliest that holds, and where more time is much cheaper, the
    one from which on more of it saves next to nothing."""
    for soon in later(problem, asking, outcome):
        yield soon
        last = latest(problem, asking.header)

        def least_usd(seconds: int) -> float:
            land = survey(replace(problem, deadline_seconds=seconds))
            fluid = least(land, time=land.time)
            assert fluid is not None
            return fluid.cost_usd

        low, high = soon.problem.deadline_seconds, last
        cheap = least_usd(high) * NEARLY
        if low >= high or cheap >= CHEAPER * soon.cost_usd:
            return
        for _ in range(HALVINGS):
            middle = moved(problem, asking.header, (low + high) / 2)
            if not low < middle < high:
                break
            low, high = (low, middle) if least_usd(middle) <= cheap else (middle, high)
        there = replace(problem, deadline_seconds=high)
        made = asking.whole(there)
        if made is not None and made.replay is not None and made.replay.cost_usd < CHEAPER * soon.cost_usd:
            yield Move((delayed(problem, asking.header, high),), there, made)


def _at_last(problem: CapacityProblem, asking: Asking) -> Iterator[Move]:
    """The latest deadline that is worth suggesting, where a plan holds with it."""
    last, delay = _at_its_latest(problem, asking)
    made = asking.whole(last) if delay else None
    if made is not None:
        yield Move(delay, last, made)


def _at_its_latest(problem: CapacityProblem, asking: Asking) -> tuple[CapacityProblem, tuple[Change, ...]]:
    """The problem with the latest deadline that is worth suggesting, and the change that makes it, if it is one."""
    seconds = latest(problem, asking.header)
    if seconds <= problem.deadline_seconds:
        return problem, ()
    return replace(problem, deadline_seconds=seconds), (delayed(problem, asking.header, seconds),)
