"""A second look at plans that hold and cost clearly more than their bound: fewer nodes for longer.

Stage lengths (:mod:`lengths`) and whole nodes (:mod:`formulation`) count a lane as if all of its jobs were as long as
the longest of its class, which many classes side by side are not: short jobs fill what long ones leave. So nodes are
bought once more for fluid work, in as much time as its largest stage may take, and, since few layouts round best, with
one layout of the dearest GPU pool at a time. Their replay says whether they hold. One that is cheaper and late by
little gets what the plan itself gets: small changes (:mod:`polish`), which first of all make it less late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fleetspec.planner.formulation import Fluid, even_prices, few_patterns, free_lengths
from fleetspec.planner.lengths import options, vectors
from fleetspec.planner.polish import SMALLEST, polished
from fleetspec.planner.simulate import Replay
from fleetspec.planner.terrain import Terrain

CLOSE = 0.01
"""A plan that costs within this share of its bound is not looked at again."""
LATE = 0.05
"""Share of the time by which a replay may be late to be worth small changes."""
REPAIRS = 24
"""Changes of the cheapest of these that are tried, of however many classes."""

Patterns = frozenset[tuple[int, str]]
Buy = Callable[[dict[int, float], Patterns], Replay | None]
"""The replay of whole nodes for these lengths and of these patterns, bought for fluid work."""


def loosened(land: Terrain, best: Replay, bound_usd: float, buy: Buy) -> Replay:
    """The cheapest of a plan that holds and of those that take longer."""
    if best.cost_usd <= bound_usd * (1 + CLOSE):
        return best
    fluid = free_lengths(land, time=land.time, prices=even_prices(land))
    known = vectors(land, fluid, land.time, 1) if fluid is not None else []
    if fluid is None or not known:
        return best
    lengths = _longer(land, fluid, known[0])
    bought = [buy(lengths, patterns) for patterns in _choices(land, fluid)]
    deadline = land.problem.deadline_seconds
    found = [one for one in bought if one is not None and one.cost_usd < best.cost_usd * (1 - SMALLEST)]
    near = [one for one in found if deadline < one.end <= deadline + LATE * land.time]
    near = sorted(near, key=lambda one: (one.cost_usd, one.end))[:1]
    repaired = [polished(land, one, bound_usd, REPAIRS) for one in near]
    holding = [one for one in (best, *found, *repaired) if one.end <= deadline]
    return min(holding, key=lambda one: one.cost_usd, default=best)


def _longer(land: Terrain, fluid: Fluid, lengths: dict[int, float]) -> dict[int, float]:
    """All the time that is left for the stage that costs most, up to what it takes on a single node."""
    prices = even_prices(land)
    main = max(land.stages, key=lambda s: sum(price * fluid.work.get((k, s), 0.0) for k, price in enumerate(prices)))
    left = land.time - sum(length for s, length in lengths.items() if s != main)
    return lengths | {main: max(min(left, max(options(land, fluid, main))), lengths[main])}


def _choices(land: Terrain, fluid: Fluid) -> Iterator[Patterns]:
    """Few patterns, and these with each layout alone of the GPU pool that costs most."""
    patterns, prices = few_patterns(land, fluid), even_prices(land)
    yield patterns
    spent = {
        k: sum(seconds for (index, _), seconds in fluid.work.items() if index == k) * prices[k]
        for k, pool in enumerate(land.pools)
        if pool.gpu is not None
    }
    dearest = max(spent, key=lambda k: (spent[k], -k), default=None)
    mine = sorted(name for k, name in patterns if k == dearest)
    for name in mine if len(mine) > 1 else ():
        yield frozenset({(k, other) for k, other in patterns if k != dearest} | {(dearest, name)})  # type: ignore[arg-type]
