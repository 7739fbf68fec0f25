"""What more or less time would cost: executed plans at a row of deadlines, the cheapest that holds at each."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from fleetspec.planner.planning import solve
from fleetspec.planner.whole_bound import proved_usd

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetspec.planner.problem import CapacityProblem
    from fleetspec.planner.simulate import Replay
    from fleetspec.planner.terrain import Terrain

TIGHTEST = 1.02
"""The first deadline over the end of the fastest plan found: at that very end rounding alone would decide."""


@dataclass(frozen=True, slots=True)
class Point:
    """The cheapest plan found that ends by a deadline, and what no plan can be cheaper than. Seconds count from the
    start of the run, money is that of the run. ``asked`` marks the deadline of the spec."""

    deadline_seconds: float
    end_seconds: float
    cost_usd: float
    bound_usd: float
    nodes: tuple[tuple[str, int], ...]
    asked: bool


@dataclass(slots=True)
class _Tried:
    deadline: float
    bound: float
    land: Terrain
    replay: Replay | None


def frontier(
    problem: CapacityProblem, points: int = 8, progress: Callable[[int, int], None] = lambda done, of: None
) -> tuple[Point, ...]:
    """Cost against deadline, whatever the budget, from the fastest plan to twice the time there is.

    A plan that holds at one deadline holds at every later one, so cost falls along the points; the deadline asked for
    is one of them. Empty where nothing can run at all. ``progress`` is told how many plans of how many are made.
    """
    free = replace(problem, budget_usd=None)
    fastest = _fastest(free)
    if fastest is None:
        return ()
    asked = float(problem.deadline_seconds)
    leisurely = solve(replace(free, deadline_seconds=math.floor(2 * asked))).replay
    last = leisurely.end if leisurely is not None else 2 * asked
    deadlines = _deadlines(fastest * TIGHTEST, last, asked, points)
    tried: list[_Tried] = []
    for number, deadline in enumerate(deadlines):
        progress(number, len(deadlines))
        found = solve(replace(free, deadline_seconds=math.floor(deadline)))
        held = found.replay if found.verdict == "feasible" else None
        bound = proved_usd(found.land, found.bound.cost_usd, found.replay) if found.bound is not None else math.inf
        tried.append(_Tried(deadline, bound, found.land, held))
    progress(len(deadlines), len(deadlines))
    return tuple(_points(tried, problem))


def _fastest(problem: CapacityProblem) -> float | None:
    """When the fastest plan found ends, in seconds; None where some job has nowhere to run."""
    found = solve(replace(problem, deadline_seconds=1))
    return None if found.replay is None else found.replay.end


def _deadlines(first: float, last: float, asked: float, points: int) -> list[float]:
    """Evenly spaced in logarithms between the ends of the fastest and of the most leisurely plan, and the one asked
    for."""
    last = max(last, first) * TIGHTEST
    steps = [first * (last / first) ** (k / (points - 1)) for k in range(points)]
    return sorted({*map(float, map(round, steps)), asked})


def _points(tried: list[_Tried], problem: CapacityProblem) -> list[Point]:
    found: list[Point] = []
    # What holds for a later deadline holds for an earlier one, too.
    for earlier, later in reversed(list(pairwise(tried))):
        earlier.bound = max(earlier.bound, later.bound)
    best: Replay | None = None
    nodes: tuple[tuple[str, int], ...] = ()
    for one in tried:
        if one.replay is not None and (best is None or one.replay.cost_usd < best.cost_usd):
            best, nodes = one.replay, _peak(one.replay, one.land)
        asked = one.deadline == problem.deadline_seconds
        if best is None or (found and found[-1].cost_usd == best.cost_usd and not asked):
            continue
        found.append(
            Point(
                one.deadline,
                best.end,
                best.cost_usd,
                min(one.bound, best.cost_usd),
                nodes,
                asked,
            )
        )
    return found


def _peak(replay: Replay, land: Terrain) -> tuple[tuple[str, int], ...]:
    """The most nodes of each pool that stand at once."""
    return tuple(sorted((land.pools[k].name, nodes) for k, nodes in replay.peaks.items() if nodes))
