"""Does the plan hold? A replay of whole jobs on whole nodes: list scheduling, longest jobs first, stage by stage.

The replay is event-driven, with the events of equal jobs merged: a class is n equal jobs, and where each of them
starts on m lanes that fall free at different times has a closed form (:func:`pour`), so a million jobs replay as
fast as a thousand. A *lane* is a slot of a GPU node, or a share of a CPU node's cores and memory.

Nodes boot when a stage first needs them. Those of one pool and pattern work until their last job ends, and are given
back when they have been idle for ``IDLE_SECONDS``; a later stage takes them over if it begins before that, else nodes
boot again. They are paid from boot until they are given back or the run ends. Nothing of a stage starts before
everything of the stage before has ended.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fleetspec.planner.formulation import IDLE_SECONDS, Allocation
from fleetspec.planner.problem import CapacityPool
from fleetspec.planner.terrain import NODE, Terrain

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Jobs of one class in a row on some lanes: lane i of node ``node[i]`` runs ``count[i]`` jobs from ``start[i]`` on.

    ``lanes`` (m, width) numbers the lanes of the node that a job takes at once. Times count from the plan's start.
    """

    stage: int
    row: int
    kind: int
    pattern: str
    seconds: float
    node: Counts
    lanes: Counts
    start: Floats
    count: Counts

    @property
    def end(self) -> Floats:
        return self.start + self.count * self.seconds

    def later(self, seconds: float) -> Segment:
        """The same so much later."""
        return replace(self, start=self.start + seconds)


NodeKey = tuple[int, str]
"""Pool and pattern."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Nodes that have had nothing to do since a moment."""

    nodes: int
    since: float

    @property
    def until(self) -> float:
        """When they are given back."""
        return self.since + IDLE_SECONDS


@dataclass(frozen=True, slots=True)
class StageReplay:
    """One stage as it went, by pool and pattern: nodes there are, how many of them have nothing to do in it and only
    wait to be given back, how many boot, and paid node-seconds."""

    stage: int
    start: float
    end: float
    nodes: dict[NodeKey, int]
    waiting: dict[NodeKey, int]
    booted: dict[NodeKey, int]
    paid: dict[NodeKey, float]
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """A replayed allocation. Costs in USD, times in seconds from the plan's start."""

    stages: tuple[StageReplay, ...]
    cost_usd: float
    end: float
    allocation: Allocation


Memory = dict[tuple[object, ...], tuple[Segment, ...]]
"""Stages that were run before, by all they depend on; times count from the stage's start."""


def replay(land: Terrain, allocation: Allocation, memory: Memory | None = None) -> Replay:
    """Run an allocation's whole jobs on its whole nodes.

    Replays of one terrain may share a ``memory``: most of their stages are alike.
    """
    jobs = whole_jobs(land, allocation)
    clock = float(land.problem.overhead_seconds)
    alive: dict[NodeKey, list[Idle]] = {}
    stages = []
    cost = 0.0
    for s in land.stages:
        alive = {key: [idle for idle in here if idle.until >= clock] for key, here in alive.items()}
        needed = _needed(land, allocation, jobs[s], s)
        booted = {key: nodes - _take(alive.setdefault(key, []), nodes) for key, nodes in needed.items()}
        segments = [one.later(clock) for one in _remembered(land, s, jobs[s], needed, booted, memory)]
        last = dict.fromkeys(needed, clock)
        for one in segments:
            key = (land.kinds[one.kind].pool, one.pattern)
            last[key] = max(last[key], float(one.end.max()))
        end = max(last.values())
        for key, nodes in needed.items():
            alive[key].insert(0, Idle(nodes, last[key]))
        paid = {
            key: sum(idle.nodes * (min(idle.until, end) - clock) for idle in here)
            for key, here in alive.items()
            if here
        }
        present = {key: sum(idle.nodes for idle in here) for key, here in alive.items() if here}
        cost += sum(seconds / 3600 * land.pools[k].usd_per_hour for (k, _), seconds in paid.items())
        waiting = {key: spare for key, nodes in present.items() if (spare := nodes - needed.get(key, 0))}
        stages.append(StageReplay(s, clock, end, present, waiting, booted, paid, tuple(segments)))
        clock = end
    return Replay(tuple(stages), cost, clock, allocation)


def _needed(land: Terrain, allocation: Allocation, jobs: dict[tuple[int, int], int], stage: int) -> dict[NodeKey, int]:
    """Nodes of a stage by (pool, pattern), without those that would have nothing to run."""
    used = {(land.kinds[kind].pool, name) for _, kind in jobs for name, _ in land.kinds[kind].count}
    return {(k, name): n for (k, name, s), n in allocation.nodes.items() if s == stage and (k, name) in used}


def _take(idle: list[Idle], nodes: int) -> int:
    """Put idle nodes to work, those last busy first; returns how many there were, at most ``nodes``."""
    taken = 0
    while idle and taken < nodes:
        group = idle.pop(0)
        use = min(group.nodes, nodes - taken)
        taken += use
        if use < group.nodes:
            idle.insert(0, Idle(group.nodes - use, group.since))
    return taken


def _remembered(
    land: Terrain,
    stage: int,
    jobs: dict[tuple[int, int], int],
    needed: dict[NodeKey, int],
    booted: dict[NodeKey, int],
    memory: Memory | None,
) -> tuple[Segment, ...]:
    """What runs in a stage, in seconds from its start."""
    key = (stage, tuple(jobs.items()), tuple((node, count, booted[node]) for node, count in needed.items()))
    if memory is not None and key in memory:
        return memory[key]
    ready = {
        (k, name): np.repeat([0.0, float(land.pools[k].boot_seconds)], [nodes - booted[k, name], booted[k, name]])
        for (k, name), nodes in needed.items()
    }
    found = tuple(_run(land, stage, jobs, ready))
    if memory is not None:
        memory[key] = found
    return found


def _run(land: Terrain, stage: int, jobs: dict[tuple[int, int], int], ready: dict[NodeKey, Floats]) -> list[Segment]:
    segments: list[Segment] = []
    for k, pool in enumerate(land.pools):
        here = {key: count for key, count in jobs.items() if land.kinds[key[1]].pool == k}
        if here:
            mine = {name: times for (index, name), times in ready.items() if index == k}
            segments += _on_slots(land, stage, here, mine) if pool.gpu else _on_cpu(land, stage, pool, here, mine)
    return segments


def whole_jobs(land: Terrain, allocation: Allocation) -> dict[int, dict[tuple[int, int], int]]:
    """Jobs by stage and (class, kind): shares rounded so that every job is somewhere, largest remainder first."""
    result: dict[int, dict[tuple[int, int], int]] = {s: {} for s in land.stages}
    for row, one in enumerate(land.classes):
        shares = sorted((kind, share) for (r, kind), share in allocation.shares.items() if r == row)
        total = sum(share for _, share in shares)
        exact = [one.jobs * share / total for _, share in shares]
        counts = [math.floor(x + 1e-9) for x in exact]
        order = sorted(range(len(shares)), key=lambda i: (counts[i] - exact[i], i))
        for i in order[: one.jobs - sum(counts)]:
            counts[i] += 1
        for (kind, _), count in zip(shares, counts, strict=True):
            if count:
                result[one.stage][row, kind] = count
    return result


def pour(ready: Floats, jobs: int, seconds: float) -> Counts:
    """How many of ``jobs`` equal jobs each lane gets, when the next job always goes to the lane that is free first.

    Water rises over lanes of different height: up to a level w, lane i has room for (w - ready_i) / seconds jobs.
    """
    order = np.argsort(ready, kind="stable")
    sorted_ready = ready[order]
    lanes = np.arange(1, len(ready) + 1)
    level = (jobs * seconds + np.cumsum(sorted_ready)) / lanes
    # So many lanes are under water that the next one is above it.
    wet = int(np.argmax(np.append(sorted_ready[1:], np.inf) >= level))
    counts = np.zeros(len(ready), dtype=np.int64)
    counts[order[: wet + 1]] = np.floor((level[wet] - sorted_ready[: wet + 1]) / seconds + 1e-9).astype(np.int64)
    rest = jobs - int(counts.sum())
    free = ready + counts * seconds
    if rest > 0:
        counts[np.argsort(free, kind="stable")[:rest]] += 1
    elif rest < 0:
        # Rounding up by the tolerance may have poured a job too many; it comes off where it would end last.
        last = np.argsort(-(np.where(counts > 0, free, -np.inf)), kind="stable")[:-rest]
        counts[last] -= 1
    return counts


def _longest_first(land: Terrain, here: Iterable[tuple[int, int]]) -> list[tuple[float, int, int]]:
    listed = []
    for row, kind in here:
        seconds = next(p.seconds for k, p in land.places[row] if k == kind)
        listed.append((seconds, row, kind))
    return sorted(listed, key=lambda x: (-x[0], x[1], x[2]))


def _on_slots(land: Terrain, stage: int, here: dict[tuple[int, int], int], ready: dict[str, Floats]) -> list[Segment]:
    """Each slot of a GPU node is a lane for the classes of its kind."""
    found = []
    for index in sorted({kind for _, kind in here}):
        kind = land.kinds[index]
        counts = [(name, count) for name, count in kind.count if name in ready]
        free = np.concatenate([np.repeat(ready[name], count) for name, count in counts])
        node = np.concatenate([np.repeat(np.arange(len(ready[name])), count) for name, count in counts])
        lane = np.concatenate([np.tile(np.arange(count), len(ready[name])) for name, count in counts])
        owner = np.concatenate([np.full(len(ready[name]) * count, at) for at, (name, count) in enumerate(counts)])
        for seconds, row, _ in _longest_first(land, (key for key in here if key[1] == index)):
            jobs = pour(free, here[row, index], seconds)
            for at, (name, _) in enumerate(counts):
                used = (jobs > 0) & (owner == at)
                if used.any():
                    found.append(
                        Segment(stage, row, index, name, seconds, node[used], lane[used, None], free[used], jobs[used])
                    )
            free = free + jobs * seconds
    return found


def _on_cpu(
    land: Terrain, stage: int, pool: CapacityPool, here: dict[tuple[int, int], int], ready: dict[str, Floats]
) -> list[Segment]:
    """A CPU node is cut into equal lanes; a job takes as many as its share of cores or memory, whichever is more."""
    order = _longest_first(land, here)
    lanes = _lanes(land, pool, [(here[row, kind] * seconds, row) for seconds, row, kind in order])
    free = np.repeat(ready[NODE][:, None], lanes, axis=1)
    found = []
    for seconds, row, kind in order:
        width = _width(land, pool, row, lanes)
        gangs = lanes // width
        # On every node the lanes that fall free together make a gang; it is free when its last lane is.
        sequence = np.argsort(free, axis=1, kind="stable")[:, : gangs * width].reshape(len(free), gangs, width)
        begin = np.take_along_axis(free, sequence[:, :, -1], axis=1)
        jobs = pour(begin.ravel(), here[row, kind], seconds)
        used = np.flatnonzero(jobs)
        node, members = used // gangs, sequence.reshape(-1, width)[used]
        start, count = begin.ravel()[used], jobs[used]
        free[node[:, None], members] = (start + count * seconds)[:, None]
        found.append(Segment(stage, row, kind, NODE, seconds, node, members, start, count))
    return found


def _share(land: Terrain, pool: CapacityPool, row: int) -> float:
    one = land.classes[row]
    return max(one.cores / pool.cpu, one.memory_mib / pool.memory_mib)


def _width(land: Terrain, pool: CapacityPool, row: int, lanes: int) -> int:
    return max(1, math.ceil(_share(land, pool, row) * lanes - 1e-9))


def _lanes(land: Terrain, pool: CapacityPool, work: list[tuple[float, int]]) -> int:
    """Into how many lanes a node is cut: as many as lose the least of this mix of classes, one per core at most."""
    counts = np.arange(pool.cpu, 0, -1)
    shares = np.array([_share(land, pool, row) for _, row in work])
    widths = np.maximum(np.ceil(counts[:, None] * shares - 1e-9), 1)
    losses = (np.array([seconds for seconds, _ in work]) / (counts[:, None] // widths)).sum(axis=1)
    best, least = pool.cpu, math.inf
    for lanes, loss in zip(counts.tolist(), losses.tolist(), strict=True):
        if loss < least * (1 - 1e-9):
            best, least = lanes, loss
    return best
