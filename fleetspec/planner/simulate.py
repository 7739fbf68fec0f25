"""Does the plan hold? A replay of whole jobs on whole nodes: list scheduling, class by class as they are released.

The replay is event-driven, with the events of equal jobs merged: a class is n equal jobs, and where each of them
starts on m lanes that fall free at different times has a closed form (:func:`pour`), so a million jobs replay as
fast as a thousand. A *lane* is a slot of a GPU node, or a share of a CPU node's cores and memory.

A class is released when all it waits for has ended, and its jobs queue behind those of classes released before it; of
classes released at once the longest jobs go first, or those that most is still to follow (``urgent``). With
``barriers`` a stage begins when everything of the stage before has ended, whatever waits for what.

Nodes boot when a class first needs them (:mod:`shifts`): one of a stage runs on as many as the stage has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from fleetspec.planner.formulation import Allocation
from fleetspec.planner.problem import CapacityPool
from fleetspec.planner.shifts import Group, NodeKey, Paid, bill, most_at_once
from fleetspec.planner.terrain import NODE, Terrain

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Jobs of one class in a row on some lanes: lane i of node ``node[i]`` runs ``count[i]`` jobs from ``start[i]`` on.

    ``lanes`` (m, width) numbers the lanes of the node that a job takes at once. Times count from the plan's start.
    ``turn`` numbers what is handed out, one class in one kind of room at a time, in that order.
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
    turn: int

    @property
    def end(self) -> Floats:
        return self.start + self.count * self.seconds


@dataclass(frozen=True, slots=True)
class StageReplay:
    """One stage as it went, by pool and pattern: nodes there are, how many of them run nothing of it and only wait to
    be given back, how many boot, and paid node-seconds. ``start`` is when its first class is released."""

    stage: int
    start: float
    end: float
    nodes: dict[NodeKey, int]
    waiting: dict[NodeKey, int]
    booted: dict[NodeKey, int]
    paid: dict[NodeKey, float]
    segments: tuple[Segment, ...]
    spans: dict[NodeKey, tuple[float, float]]
    """When the stage first calls for nodes, and when its last job on them ends."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A replayed allocation. Costs in USD, times in seconds from the plan's start. ``peaks`` is by pool the most nodes
    at one time; ``barriers`` and ``urgent`` are what it was replayed with."""

    stages: tuple[StageReplay, ...]
    cost_usd: float
    end: float
    allocation: Allocation
    peaks: dict[int, int]
    barriers: bool = True
    urgent: bool = False


def replay(land: Terrain, allocation: Allocation, *, barriers: bool = True, urgent: bool = False) -> Replay:
    """Run an allocation's whole jobs on its whole nodes."""
    jobs = whole_jobs(land, allocation)
    clock = float(land.problem.overhead_seconds)
    groups = _groups(land, allocation, jobs)
    ahead = _ahead(land) if urgent else (0.0,) * len(land.classes)
    blocks = [(s,) for s in land.stages] if barriers else land.order.blocks
    segments: list[Segment] = []
    spans, turn = [], 0
    for block in blocks:
        work = {key: count for s in block for key, count in jobs[s].items()}
        run = _Block(land, groups, work, clock, ahead, turn)
        segments += run.play()
        turn = run.turn
        spans.append((block, clock, run.end))
        clock = run.end
    paid = bill(groups, spans, clock)
    cost = sum(seconds / 3600 * land.pools[k].usd_per_hour for one in paid for (k, _), seconds in one.paid.items())
    stages = tuple(_stage(land, one, segments, groups) for one in paid)
    return Replay(stages, cost, clock, allocation, most_at_once(groups, clock), barriers, urgent)


def _stage(land: Terrain, one: Paid, segments: list[Segment], groups: dict[NodeKey, Group]) -> StageReplay:
    mine = tuple(segment for segment in segments if segment.stage == one.stage)
    booted = {key: group.booted.get(one.stage, 0) for key, group in groups.items() if one.stage in group.nodes}
    busy = {key: group.busy[one.stage] for key, group in groups.items() if one.stage in group.busy}
    spans = {key: (times.start, times.end) for key, times in busy.items()}
    working = {key: groups[key].nodes[one.stage] for key in busy}
    waiting = {key: spare for key, nodes in one.nodes.items() if (spare := nodes - working.get(key, 0)) > 0}
    return StageReplay(one.stage, one.start, one.end, one.nodes, waiting, booted, one.paid, mine, spans)


def _groups(land: Terrain, allocation: Allocation, jobs: dict[int, dict[tuple[int, int], int]]) -> dict[NodeKey, Group]:
    """The nodes of each pool and pattern, by stage, without those that would have nothing to run."""
    used = {
        (land.kinds[kind].pool, name, s)
        for s, here in jobs.items()
        for _, kind in here
        for name, _ in land.kinds[kind].count
    }
    nodes: dict[NodeKey, dict[int, int]] = {}
    for (k, name, s), n in allocation.nodes.items():
        if (k, name, s) in used:
            nodes.setdefault((k, name), {})[s] = n
    return {key: Group(here, float(land.pools[key[0]].boot_seconds)) for key, here in nodes.items()}


def _ahead(land: Terrain) -> tuple[float, ...]:
    """By class the seconds that it and the longest way of classes from it to the end take at least."""
    found = [0.0] * len(land.least)
    for row in sorted(range(len(found)), key=lambda row: -land.classes[row].stage):
        found[row] = land.least[row] + max((found[later] for later in land.order.waiting[row]), default=0.0)
    return tuple(found)


@dataclass(eq=False)
class _Block:
    """Stages that may overlap, played from ``clock`` on. ``work`` is jobs by (class, kind)."""

    land: Terrain
    groups: dict[NodeKey, Group]
    work: dict[tuple[int, int], int]
    clock: float
    ahead: tuple[float, ...]
    turn: int
    lanes: dict[int, _Slots | _Cores] = field(default_factory=dict)
    """By kind; of a CPU pool, which has one kind, its nodes."""
    end: float = 0.0

    def play(self) -> list[Segment]:
        """Every class when it is released, in the order of releases."""
        self.end = self.clock
        parts: dict[int, list[int]] = {}
        for row, kind in self.work:
            parts.setdefault(row, []).append(kind)
        inside = sum(1 << row for row in parts)
        before = [mask & inside for mask in self.land.order.before]
        if len({self.land.classes[row].stage for row in parts}) == 1:
            before = [0] * len(before)
        parts_left = {row: len(kinds) for row, kinds in parts.items()}
        last, ends = dict.fromkeys(parts, self.clock), dict[int, float]()
        queue: list[tuple[float, float, float, int, int]] = []
        waiting, found, done = sorted(parts), list[Segment](), 0
        while queue or waiting:
            for row in [row for row in waiting if before[row] & done == before[row]]:
                waiting.remove(row)
                moment = max((end for other, end in ends.items() if before[row] >> other & 1), default=self.clock)
                for kind in parts[row]:
                    heappush(queue, (moment, -self.ahead[row], -self.seconds(row, kind), row, kind))
            moment, _, _, row, kind = heappop(queue)
            ran = self._run(row, kind, moment)
            found += ran
            last[row] = max([last[row], *(float(one.end.max()) for one in ran)])
            self.turn += 1
            parts_left[row] -= 1
            if not parts_left[row]:
                ends[row], done = last[row], done | 1 << row
                self.end = max(self.end, last[row])
        return found

    def seconds(self, row: int, kind: int) -> float:
        return next(place.seconds for k, place in self.land.places[row] if k == kind)

    def _run(self, row: int, kind: int, moment: float) -> list[Segment]:
        """Jobs of a class in a kind of room, released at ``moment``."""
        land, stage = self.land, self.land.classes[row].stage
        room = land.kinds[kind]
        there = [name for name, _ in room.count if stage in self.nodes(room.pool, name)]
        for name in there:
            self.groups[room.pool, name].call(stage, moment)
        if kind not in self.lanes:
            self.lanes[kind] = self._open(kind)
        found = self.lanes[kind].run(self, row, kind, self.work[row, kind], self.seconds(row, kind), moment)
        for name in there:
            mine = [one for one in found if one.pattern == name]
            end = max((float(one.end.max()) for one in mine), default=moment)
            work = sum(int(one.count.sum()) for one in mine) * self.seconds(row, kind)
            self.groups[room.pool, name].keep(stage, moment, end, work)
        return found

    def nodes(self, pool: int, name: str) -> dict[int, int]:
        group = self.groups.get((pool, name))
        return {} if group is None else group.nodes

    def _open(self, kind: int) -> _Slots | _Cores:
        room = self.land.kinds[kind]
        stages = {self.land.classes[row].stage for row, _ in self.work}
        most = {
            name: max((n for s, n in self.nodes(room.pool, name).items() if s in stages), default=0)
            for name, _ in room.count
        }
        if self.land.pools[room.pool].gpu is not None:
            return _Slots(tuple((name, count, most[name]) for name, count in room.count if most[name]))
        pool = self.land.pools[room.pool]
        mix = [
            (self.work[row, kind] * seconds, row)
            for seconds, row, _ in _longest_first(self.land, (k for k in self.work if k[1] == kind))
        ]
        lanes = _lanes(self.land, pool, mix)
        return _Cores(np.zeros((most[NODE], lanes)))


class _Slots:
    """The slots of one kind on GPU nodes: each is a lane for the classes of its kind. ``counts`` is by pattern how many
    a node has, and the nodes."""

    def __init__(self, counts: tuple[tuple[str, int, int], ...]) -> None:
        self.names = [name for name, _, _ in counts]
        self.node = np.concatenate([np.repeat(np.arange(nodes), count) for _, count, nodes in counts])
        self.lane = np.concatenate([np.tile(np.arange(count), nodes) for _, count, nodes in counts])
        self.owner = np.concatenate([np.full(nodes * count, at) for at, (_, count, nodes) in enumerate(counts)])
        self.free = np.zeros(len(self.node))

    def run(self, block: _Block, row: int, kind: int, jobs: int, seconds: float, moment: float) -> list[Segment]:
        stage, pool = block.land.classes[row].stage, block.land.kinds[kind].pool
        most = np.array([block.nodes(pool, name).get(stage, 0) for name in self.names])
        mine = np.flatnonzero(self.node < most[self.owner])
        up = np.zeros(len(self.node))
        for at, name in enumerate(self.names):
            if most[at]:
                here = mine[self.owner[mine] == at]
                up[here] = block.groups[pool, name].up[self.node[here]]
        begin = np.maximum(np.maximum(self.free[mine], up[mine]), moment)
        poured = pour(begin, jobs, seconds)
        found = []
        for at, name in enumerate(self.names):
            used = (poured > 0) & (self.owner[mine] == at)
            if used.any():
                lanes = mine[used]
                found.append(
                    Segment(
                        stage,
                        row,
                        kind,
                        name,
                        seconds,
                        self.node[lanes],
                        self.lane[lanes, None],
                        begin[used],
                        poured[used],
                        block.turn,
                    )
                )
        busy = poured > 0
        self.free[mine[busy]] = (begin + poured * seconds)[busy]
        return found


class _Cores:
    """A CPU pool's nodes (nodes, lanes), each cut into equal lanes; a job takes as many as its share of cores or
    memory, whichever is more."""

    def __init__(self, free: Floats) -> None:
        self.free = free

    def run(self, block: _Block, row: int, kind: int, jobs: int, seconds: float, moment: float) -> list[Segment]:
        land, k = block.land, block.land.kinds[kind].pool
        stage, lanes = land.classes[row].stage, self.free.shape[1]
        group = block.groups[k, NODE]
        nodes = group.nodes[stage]
        free = np.maximum(np.maximum(self.free[:nodes], group.up[:nodes, None]), moment)
        width = _width(land, land.pools[k], row, lanes)
        gangs = lanes // width
        # On every node the lanes that fall free together make a gang; it is free when its last lane is.
        sequence = np.argsort(free, axis=1, kind="stable")[:, : gangs * width].reshape(len(free), gangs, width)
        begin = np.take_along_axis(free, sequence[:, :, -1], axis=1)
        poured = pour(begin.ravel(), jobs, seconds)
        used = np.flatnonzero(poured)
        node, members = used // gangs, sequence.reshape(-1, width)[used]
        start, count = begin.ravel()[used], poured[used]
        self.free[node[:, None], members] = (start + count * seconds)[:, None]
        return [Segment(stage, row, kind, NODE, seconds, node, members, start, count, block.turn)]


def whole_jobs(land: Terrain, allocation: Allocation) -> dict[int, dict[tuple[int, int], int]]:
    """Jobs by stage and (class, kind): shares rounded so that every job is somewhere, largest remainder first."""
    result: dict[int, dict[tuple[int, int], int]] = {s: {} for s in land.stages}
    by_row: dict[int, list[tuple[int, float]]] = {}
    for (row, kind), share in sorted(allocation.shares.items()):
        by_row.setdefault(row, []).append((kind, share))
    for row, one in enumerate(land.classes):
        shares = by_row.get(row, [])
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
