"""What whole nodes cost on paper: fluid work, spread evenly over the nodes of each stage.

The program of whole nodes (:mod:`formulation`) charges each node of each stage the seconds until it is given back,
because a program cannot know which of them wait for another stage. Once it is solved they are known. Nodes of one pool
and pattern end together, no sooner than one of their jobs takes; the stage ends with the last of them. The others wait
for it, ``IDLE_SECONDS`` at most: then they are given back, and boot again where a later stage has them. When the run
ends nobody waits.
"""

from __future__ import annotations

from fleetspec.planner.formulation import IDLE_SECONDS, Allocation, even_prices
from fleetspec.planner.terrain import Terrain

Group = tuple[int, str]
"""Pool and pattern."""


def paper_usd(land: Terrain, allocation: Allocation) -> float:
    """USD of an allocation's nodes, at the prices that are decided by."""
    prices, longest = even_prices(land), _longest(land, allocation)
    paid: dict[int, float] = dict.fromkeys(range(len(land.pools)), 0.0)
    up: dict[Group, tuple[int, float]] = {}
    for s in land.stages:
        here = {(k, name): count for (k, name, stage), count in allocation.nodes.items() if stage == s}
        ends = {}
        for (k, name), count in here.items():
            booting = max(count - up.get((k, name), (0, 0.0))[0], 0)
            worked = allocation.work.get((k, name, s), 0.0) + booting * land.pools[k].boot_seconds
            boot = land.pools[k].boot_seconds if booting == count else 0
            ends[k, name] = max(worked / count, boot + longest.get((k, name, s), 0.0))
        length, before, up = max(ends.values(), default=0.0), up, {}
        for group in {**before, **here}:
            (had, idle), count = before.get(group, (0, 0.0)), here.get(group, 0)
            # What this stage has no use for has been idle since it last worked.
            spare, waits = max(had - count, 0), min(length, IDLE_SECONDS - idle)
            paid[group[0]] += spare * waits
            left = (spare, idle + waits)
            if count:
                waits = min(length - ends[group], IDLE_SECONDS)
                paid[group[0]] += count * (ends[group] + waits)
                left = (count, waits)
            if left[1] < IDLE_SECONDS:
                up[group] = left
    return sum(seconds / 3600 * prices[k] for k, seconds in paid.items())


def _longest(land: Terrain, allocation: Allocation) -> dict[tuple[int, str, int], float]:
    """Seconds of the longest job by pool, pattern and stage."""
    found: dict[tuple[int, str, int], float] = {}
    for row, kind in allocation.shares:
        seconds = next(place.seconds for index, place in land.places[row] if index == kind)
        for name, _ in land.kinds[kind].count:
            key = (land.kinds[kind].pool, name, land.classes[row].stage)
            found[key] = max(found.get(key, 0.0), seconds)
    return found
