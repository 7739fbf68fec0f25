"""Plans whose stages overlap: a class begins when what it waits for has ended, not when a whole stage has.

The plan with stages as barriers comes first and stays a candidate. Its nodes are replayed with classes released as soon
as may be; so are nodes bought for more time than there is, because stages that overlap need less. The cheapest of these
is polished, and taken where it costs no more than the plan with barriers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fleetspec.planner.formulation import Allocation, free_lengths
from fleetspec.planner.polish import polished
from fleetspec.planner.simulate import Replay, replay
from fleetspec.planner.terrain import Terrain

WORTH = 1e-3
"""More time is looked at where it makes fluid work cheaper by this share."""
STRETCHES = (1.1, 1.3, 1.6)
"""Times over the one there is, where no plan with barriers is in time."""
LOOSEST = 2.0
"""Nodes are bought for at most so many times the time there is."""

DIGITS = 3
"""Decimals of seconds by which plans differ."""
DOUBLING = 2**18
"""Steps of USD in a doubling, 2.6 millionths each. They begin and end at the same plans when all prices double."""

Buy = Callable[[Terrain, float, bool], list[Replay]]
"""Replays with barriers of nodes bought for a time; whether the first that holds is enough."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The plan to be taken, and the one with barriers that it is held against (None where nothing can overlap)."""

    best: Replay
    barriers: Replay | None


def overlapped(land: Terrain, plain: Replay, held: Replay, bound_usd: float, buy: Buy, quick: bool) -> Pair:
    """The better of a plan with barriers and of those whose stages overlap; ``quick`` looks at its nodes alone.
    ``held`` is the plan with barriers, or a cheaper one with nodes that go on."""
    if not land.order.overlaps:
        return Pair(held, None)

    def worth(one: Replay) -> tuple[float, float, float]:
        return _worth(land, one)

    found = list(released(land, plain.allocation))
    if not quick:
        shorter = min(one.end for one in found) - land.problem.overhead_seconds
        ratio = (plain.end - land.problem.overhead_seconds) / max(shorter, 1e-9)
        for stretch in _stretches(land, plain, ratio):
            found += [again for one in buy(land, land.time * stretch, True) for again in released(land, one.allocation)]
    if not quick:
        # Each order of classes released at once is polished for itself: one may hold with fewer nodes.
        leaders = [min((one for one in found if one.urgent is urgent), key=worth) for urgent in (False, True)]
        found += [polished(land, one, bound_usd) for one in leaders]
    if held is not plain:
        found += released(land, held.allocation)
    best = min(found, key=worth)
    return Pair(best if worth(best) < worth(held) else held, held)


def released(land: Terrain, allocation: Allocation) -> Iterator[Replay]:
    """An allocation replayed without barriers: the longest jobs first, and those first that most is to follow."""
    yield replay(land, allocation, barriers=False)
    yield replay(land, allocation, barriers=False, urgent=True)


def _stretches(land: Terrain, plain: Replay, ratio: float) -> list[float]:
    """Times to buy nodes for, over the one there is."""
    if plain.end > land.problem.deadline_seconds:
        return [*STRETCHES]
    ratio = min(ratio, LOOSEST)
    now, more = (free_lengths(land, time=land.time * factor) for factor in (1.0, ratio))
    if now is None or more is None or more.cost_usd >= now.cost_usd * (1 - WORTH):
        return []
    return [ratio]


def _worth(land: Terrain, one: Replay) -> tuple[float, float, float]:
    """Seconds late, steps of USD, end: less is better; what rounding decides is no difference."""
    late = max(one.end - land.problem.deadline_seconds, 0.0)
    steps = round(math.log2(one.cost_usd) * DOUBLING) if one.cost_usd > 0 else -math.inf
    return round(late, DIGITS), steps, round(one.end, DIGITS)
