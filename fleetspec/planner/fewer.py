"""Plans of a small fleet, the same whatever its pools' maxima, so that more nodes never cost more.

A plan that keeps to few nodes keeps to more, too. What a heuristic finds for the two need not be in that order:
programs round, and searches end, differently for each. So a small fleet is not planned for the nodes it may have. It is
planned for ``ROOM`` nodes of each pool, and again, from each plan, for one node less than that plan has of each of its
pools in turn. These plans are one set, whatever the maxima are. The plan is one of those that keep to the maxima: of
those that cost about as little as any, the one that ends first.

For maxima N ≤ N' what keeps to N also keeps to N'. So the plan for N' costs no more, or it ends sooner and costs at
most ``CLOSE`` more. A branch whose lower bound, which holds for all of it, is above that is left out, and so is what is
left of the set once a plan is proved to be the cheapest.

Whether a fleet is small is said without its maxima, too: half of ``ROOM`` nodes have time for its work, and its plan
for ``ROOM`` of each pool has no more than twice as many in all. Others are planned for the maxima they have: of that
many nodes what rounding costs is little.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetspec.planner.bound import least
from fleetspec.planner.ladder import RUNGS
from fleetspec.planner.lengths import CLOSE
from fleetspec.planner.terrain import Terrain, survey
from fleetspec.planner.whole_bound import COLUMNS, whole_usd

if TYPE_CHECKING:
    from fleetspec.planner.planning import Outcome
    from fleetspec.planner.problem import CapacityProblem
    from fleetspec.planner.simulate import Replay

ROOM = 8
"""Nodes that a small fleet has of each pool before its own maxima count."""
PLANS = 12
"""Plans of one set at most, in an order that no maximum decides."""
CLASSES = 300
"""Plans times classes of one set."""
ON_RUNG = 4
"""The same of a set that is planned for an earlier deadline (:mod:`ladder`)."""
EXACT = 1 - 2e-6
"""A bound within this share of a plan's cost proves that none is cheaper, but for a solver's tolerances."""
Plan = Callable[["CapacityProblem"], "Outcome"]
"""Makes the plan of a problem for the maxima it has."""
Most = tuple[int, ...]
"""Nodes by the spec's pools (``CapacityProblem.offers``): maxima, or the most of a plan at one time."""


def may_be_small(problem: CapacityProblem) -> bool:
    """Whether half of ``ROOM`` nodes, for others boot and wait, have time for the work: no plan is made to say so."""
    land = survey(_roomy(problem))
    if not land.classes:
        return False
    work = 0.0
    for row, one in enumerate(land.classes):
        work += one.jobs * min(_alone(land, row, kind, place.seconds) for kind, place in land.places[row])
    enough = ROOM / 2 * land.time
    if work > enough:
        return False
    fluid = least(land, time=land.time)
    return fluid is not None and sum(fluid.work.values()) <= enough


def one_of_each(problem: CapacityProblem, plan: Plan) -> Outcome | None:
    """The plan of a small fleet for all the time there may be, where it ends by the deadline, keeps to the budget
    and has one node of each pool that it uses: it keeps to all maxima, and to all deadlines from its end on. None of
    another one."""
    found = plan(_roomy(replace(problem, deadline_seconds=max(problem.deadline_seconds, RUNGS[-1]))))
    nodes = _nodes(problem, found)
    if nodes is None or max(nodes) > 1 or (problem.budget_usd is not None and _cost(found) > problem.budget_usd):
        return None
    return _of(problem, found)


def takes_few(problem: CapacityProblem, plan: Plan) -> bool:
    """Whether a fleet is small."""
    roomy = _roomy(problem)
    nodes = _nodes(roomy, plan(roomy))
    return nodes is not None and sum(nodes) <= 2 * ROOM


def root_of(problem: CapacityProblem, plan: Plan) -> tuple[float, float]:
    """End and USD of the plan that the set of a small fleet begins with: where they are those for another deadline, so
    is the set."""
    return _end(plan(_roomy(problem)))


def floor(problem: CapacityProblem) -> float:
    """USD that no plan of a small fleet is cheaper than; 0 of one with so many classes that it takes long to say."""
    return whole_usd(problem) if sum(map(len, survey(problem).places)) <= COLUMNS else 0.0


def fewest(
    problem: CapacityProblem, plan: Plan, proved_usd: float, below: float = math.inf, plans: int = PLANS
) -> Outcome | None:
    """The plan of a small fleet, out of those of the set that keep to its maxima; None where none does.

    None is cheaper than ``proved_usd``; none that costs ``below`` or more is sought, and of ``plans`` at most. Plans
    are made without the budget, so those for several are the same; with it where they cost more and others may not.
    """
    budget = problem.budget_usd
    fitting = _set(_roomy(problem), problem, plan, proved_usd, below, plans)
    best = _soonest(fitting, budget) if fitting else None
    if best is not None and budget is not None and _cost(best) > budget >= _least_usd(problem):
        fitting = _set(replace(_roomy(problem), budget_usd=budget), problem, plan, proved_usd, below, plans)
        best = _soonest(fitting, budget) if fitting else best
    return None if best is None else _of(problem, best)


def _set(
    roomy: CapacityProblem, problem: CapacityProblem, plan: Plan, proved_usd: float, below: float, plans: int
) -> list[Outcome]:
    """Of the set that begins with ``roomy`` the plans that keep to the maxima of a problem."""
    maxima = _maxima(problem)
    plans = max(min(plans, CLASSES // len(problem.classes)), 2)
    root = _maxima(roomy)
    waiting, seen, planned, full = deque([root]), {root}, 0, False
    fitting: list[Outcome] = []
    while waiting and planned < plans:
        most = waiting.popleft()
        posed, cheapest = _with(roomy, most), min(map(_cost, fitting), default=math.inf)
        if most != root and _least_usd(posed) >= min((1 + CLOSE) * cheapest, below):
            continue
        if cheapest * EXACT <= proved_usd:
            break
        found, planned = plan(posed), planned + 1
        had = _nodes(posed, found)
        if had is None:
            continue
        full |= max(had) >= ROOM
        if _keeps(had, maxima):
            fitting.append(found)
        for less in _less(most, had):
            if less not in seen:
                seen.add(less)
                waiting.append(less)
    if full and max(maxima) > ROOM:
        # More nodes may be worth an earlier end; what they cost more is held against the set.
        own = plan(_with(roomy, maxima))
        if _nodes(problem, own) is not None:
            fitting.append(own)
    return fitting


def _roomy(problem: CapacityProblem) -> CapacityProblem:
    """The problem with ``ROOM`` nodes of each pool that may have any, and without what a plan does not depend on."""
    bare = replace(problem, on_time=None, objective="cost", maximize_value=False, budget_usd=None)
    return _with(bare, tuple(ROOM if nodes else 0 for nodes in _maxima(problem)))


def _with(problem: CapacityProblem, most: Most) -> CapacityProblem:
    """The problem with other maxima."""
    caps = {k: nodes for members, nodes in zip(problem.offers, most, strict=True) for k in members}
    return replace(problem, pools=tuple(replace(pool, cap=caps[k]) for k, pool in enumerate(problem.pools)))


def _maxima(problem: CapacityProblem) -> Most:
    return tuple(max(problem.pools[k].cap for k in members) for members in problem.offers)


def _keeps(had: Most, maxima: Most) -> bool:
    return all(nodes <= most for nodes, most in zip(had, maxima, strict=True))


def _less(most: Most, had: Most) -> Iterator[Most]:
    """Maxima with one node less than a plan has, of each pool that it has several of."""
    for at, nodes in enumerate(had):
        if nodes > 1:
            yield (*most[:at], min(nodes, most[at]) - 1, *most[at + 1 :])


def _alone(land: Terrain, row: int, kind: int, seconds: float) -> float:
    """Seconds of a node that a job of a class takes where it has nothing else to run."""
    one, room = land.classes[row], land.kinds[kind]
    pool = land.pools[room.pool]
    if pool.gpu is not None:
        return seconds / max(count for _, count in room.count)
    return seconds * max(one.cores / pool.cpu, one.memory_mib / pool.memory_mib)


def _least_usd(problem: CapacityProblem) -> float:
    """USD below which no plan is, with these maxima or lower ones."""
    land = survey(problem)
    fluid = least(land, time=land.time)
    return math.inf if fluid is None else fluid.cost_usd


def _nodes(problem: CapacityProblem, found: Outcome) -> Most | None:
    """The most nodes of a plan in time, and of the one with barriers that it is told with; None of a late one."""
    if found.replay is None or found.replay.end > problem.deadline_seconds:
        return None
    both = [_peaks(one) for one in (found.replay, found.barriers) if one is not None]
    return tuple(max(sum(one.get(k, 0) for k in members) for one in both) for members in problem.offers)


def _peaks(one: Replay) -> dict[int, int]:
    """By pool the nodes of a replay: a node keeps its layout, so the most of each layout add up."""
    most: dict[tuple[int, str], int] = {}
    for stage in one.stages:
        for key, nodes in stage.nodes.items():
            most[key] = max(most.get(key, 0), nodes)
    found: dict[int, int] = {}
    for (k, _), nodes in most.items():
        found[k] = found.get(k, 0) + nodes
    return found


def _soonest(fitting: Sequence[Outcome], budget_usd: float | None) -> Outcome:
    """The one that ends first of those that cost about as little as any: an earlier end is worth a little, but not more
    than there is."""
    cheapest = min(map(_cost, fitting))
    most = cheapest * (1 + CLOSE)
    if budget_usd is not None:
        most = max(cheapest, min(most, budget_usd))
    return min((one for one in fitting if _cost(one) <= most), key=_end)


def _cost(one: Outcome) -> float:
    return math.inf if one.replay is None else one.replay.cost_usd


def _end(one: Outcome) -> tuple[float, float]:
    return (math.inf if one.replay is None else one.replay.end, _cost(one))


def _of(problem: CapacityProblem, best: Outcome) -> Outcome | None:
    """A plan as the outcome of the problem: its land, its bound, and whether its budget is kept."""
    land = survey(problem)
    bound = least(land, time=land.time)
    if bound is None:
        return None
    dear = problem.budget_usd is not None and _cost(best) > problem.budget_usd + 1e-9
    found = replace(best, land=land, bound=bound, verdict="feasible", reason="")
    return replace(found, verdict="infeasible", reason="budget") if dear else found
