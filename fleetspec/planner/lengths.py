"""How long each stage should take: what the free-length program leaves open and whole nodes decide.

The cost of fluid work does not depend on how long a stage is; that of whole nodes does, for each of them boots.
For the work of each pool and stage, as the free-length program shares it out, :func:`vectors` looks over the lengths
at which some pool has exactly m nodes' worth of work and returns the cheapest combinations that end in time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fleetspec.planner.formulation import IDLE_SECONDS, LANE_JOBS, Fluid, even_prices
from fleetspec.planner.terrain import Terrain

CHOICES = 24
"""Lengths considered per stage."""
LABELS = 12
"""Partial combinations kept per length."""
CLOSE = 0.01
"""Of plans that cost within this share of the cheapest, the one that ends first is taken."""
APART = 0.03
"""Combinations whose totals differ by less than this share are one."""
EMPTY = 1e-6
"""Share of a stage's work below which a pool counts as unused."""


@dataclass(frozen=True, slots=True)
class Label:
    """Lengths of the first stages: what they cost, how long they take, and the nodes there are at their end."""

    cost: float
    seconds: float
    lengths: tuple[float, ...]
    nodes: tuple[int, ...]


def vectors(land: Terrain, fluid: Fluid, time: float, count: int) -> list[dict[int, float]]:
    """At most ``count`` combinations of stage lengths within ``time`` seconds, the cheapest first."""
    prices = even_prices(land)
    labels = [Label(0.0, 0.0, (), (0,) * len(land.pools))]
    for s in land.stages:
        listed = options(land, fluid, s)
        grown: list[Label] = []
        for length in listed:
            reached = []
            for label in labels:
                if label.seconds + length > time * (1 + 1e-9):
                    continue
                step = _step(land, fluid, prices, s, length, label.nodes)
                if step is not None:
                    cost, nodes = step
                    reached.append(Label(label.cost + cost, label.seconds + length, (*label.lengths, length), nodes))
            grown += _undominated(reached)
        labels = grown
    labels.sort(key=lambda label: (label.cost, label.seconds, label.lengths))
    if not labels:
        return []
    # The soonest among the nearly cheapest comes second: an early end is worth a little.
    near = [label for label in labels if label.cost <= labels[0].cost * (1 + CLOSE)]
    chosen: list[Label] = []
    for label in [labels[0], min(near, key=lambda label: (label.seconds, label.cost)), *labels]:
        if len(chosen) < count and all(abs(label.seconds / other.seconds - 1) > APART for other in chosen):
            chosen.append(label)
    return [dict(zip(land.stages, label.lengths, strict=True)) for label in chosen]


def boot_of(land: Terrain, fluid: Fluid, stage: int) -> float:
    """Longest boot among the pools a stage uses and the stage before it did not."""
    before = land.stages[land.stages.index(stage) - 1] if stage != land.stages[0] else None
    old = _work(land, fluid, before) if before is not None else {}
    return max((float(land.pools[k].boot_seconds) for k in _work(land, fluid, stage) if k not in old), default=0.0)


def _work(land: Terrain, fluid: Fluid, stage: int) -> dict[int, float]:
    work = {k: fluid.work.get((k, stage), 0.0) for k in range(len(land.pools))}
    total = sum(work.values())
    return {k: seconds for k, seconds in work.items() if seconds > EMPTY * total}


def options(land: Terrain, fluid: Fluid, stage: int) -> list[float]:
    """Lengths worth a look: m nodes' worth of work, rounded up to whole jobs in a row where there are few, and with
    room for one more, because lanes do not all end together."""
    found = {fluid.lengths[stage] + boot_of(land, fluid, stage)}
    for k, seconds in _work(land, fluid, stage).items():
        pool, longest = land.pools[k], fluid.longest.get((k, stage), 0.0)
        for m in _counts(pool.cap):
            lane = max(seconds / m, longest)
            if 0 < longest * LANE_JOBS > lane:
                lane = math.ceil(lane / longest * (1 - 1e-6)) * longest
            for boot in {0.0 if stage != land.stages[0] else pool.boot_seconds, pool.boot_seconds}:
                found |= {boot + lane * 1.001, boot + lane + longest}
    listed = sorted(x for x in found if x > 0)
    if len(listed) <= CHOICES:
        return listed
    # Evenly over the sorted lengths, both ends included.
    return [listed[round(i * (len(listed) - 1) / (CHOICES - 1))] for i in range(CHOICES)]


def _counts(cap: int) -> list[int]:
    """1, 2, 3, … up to the cap, in growing steps."""
    found, m = [], 1
    while m < cap:
        found.append(m)
        m = max(m + 1, round(m * 1.3))
    return [*found, cap] if cap else []


def _step(
    land: Terrain, fluid: Fluid, prices: list[float], stage: int, length: float, before: tuple[int, ...]
) -> tuple[float, tuple[int, ...]] | None:
    """Cost of a stage of this length with the least nodes that do its work, and the nodes left at its end."""
    cost, left, bought, work = 0.0, [0] * len(land.pools), [0] * len(land.pools), _work(land, fluid, stage)
    for k, seconds in work.items():
        pool, kept, longest = land.pools[k], before[k], fluid.longest.get((k, stage), 0.0)
        whole, booted = _whole(length, longest), _whole(length - pool.boot_seconds, longest)
        nodes = max(math.ceil(seconds / whole - 1e-6), 1) if whole > 0 else pool.cap + 1
        if nodes > kept:
            if booted <= 0:
                return None
            nodes = kept + max(math.ceil((seconds - kept * whole) / booted - 1e-6), 1)
        if nodes > pool.cap:
            return None
        booting = max(nodes - kept, 0) * pool.boot_seconds
        idle = min(length - (seconds + booting) / nodes, IDLE_SECONDS)
        cost += prices[k] / 3600 * (seconds + booting + nodes * idle)
        if idle < IDLE_SECONDS:
            left[k] = nodes
        bought[k] = nodes
    for members in land.problem.offers:
        if sum(bought[k] for k in members) > max(land.pools[k].cap for k in members):
            return None
    return cost, tuple(left)


def _whole(seconds: float, longest: float) -> float:
    """What of a lane's time holds whole jobs of the longest class."""
    if longest <= 0 or seconds >= longest * LANE_JOBS:
        return max(seconds, 0.0)
    return max(math.floor(seconds / longest * (1 + 1e-9)), 0) * longest


def _undominated(labels: list[Label]) -> list[Label]:
    kept: list[Label] = []
    for label in sorted(labels, key=lambda one: (one.cost, one.seconds, one.lengths)):
        if not kept or label.seconds < kept[-1].seconds - 1e-9:
            kept.append(label)
    return kept[:LABELS]
