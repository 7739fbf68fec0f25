"""Nodes that go on: what a long stage has is at work in the short stages after it, too.

A node without jobs is paid for until it is given back. So all nodes of a long stage pay idle seconds at its end, unless
the run is over before: where what follows is short, and all of them have a part of it. It is short only if nothing
boots in it, so other pools that it needs must still be up: they end their part of the long stage just before its end.
Programs do not see this, since they know of no node when it last works, and no single change of :mod:`polish` makes it.

So the nodes of the dearest pool are kept from its largest stage on, some fewer of them and one more, and the replay
says when that stage ends. Of the CPU work beside it one pool gets as much as it does until shortly before, and another
one the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fleetspec.planner.formulation import IDLE_SECONDS, Allocation, even_prices
from fleetspec.planner.loose import CLOSE
from fleetspec.planner.polish import SMALLEST, Nodes, Shares, dear, layouts, polished, within
from fleetspec.planner.simulate import Replay, StageReplay, replay
from fleetspec.planner.terrain import NODE, Terrain

AHEAD = IDLE_SECONDS / 3
"""Seconds before the end of a stage at which work is to end that goes with it: it is not known to the second how it
packs, and nodes that end more than the idle time before are given back."""
FINE = 12
"""The dearest pool's nodes over those that are one step,"""
FEWER = 4
"""and steps by which there may be fewer; one more is tried, too."""
TRIES = 48
"""Replays at most,"""
WORK = 4800
"""replays times classes,"""
LEAST = 12
"""and replays of ever so many classes."""

Parts = dict[int, tuple[int, float]]
"""By kind: nodes, and the share of the work that they do."""


def handed_over(land: Terrain, start: Replay, bound_usd: float) -> Replay:
    """The cheapest in time of a replay with barriers and of those of it with nodes that go on, with small changes."""
    if start.cost_usd <= bound_usd * (1 + CLOSE):
        return start
    prices = even_prices(land)
    paid: dict[tuple[int, int], float] = {}
    for one in start.stages:
        for (k, name), seconds in one.paid.items():
            # Nodes of a pool that only wait there to be given back are not those that go on.
            if (k, name) in one.spans:
                paid[k, one.stage] = paid.get((k, one.stage), 0.0) + seconds * prices[k]
    main, largest = max(paid, key=lambda key: (paid[key], key))
    saved = _idle(start, main, largest) * prices[main] / 3600
    if largest == land.stages[-1] or saved < start.cost_usd * SMALLEST:
        return start
    search = _Search(land, main, largest, start, max(min(TRIES, WORK // len(land.classes)), LEAST))
    search.run()
    worth = 1.0 if dear(land, start) else 1 - SMALLEST
    return start if search.best.cost_usd >= start.cost_usd * worth else polished(land, search.best, bound_usd)


def _idle(one: Replay, pool: int, since: int) -> float:
    """Node-seconds of a pool that are paid from a stage on, before and after its work in each of them."""
    found = 0.0
    for stage in one.stages:
        for key, seconds in stage.paid.items() if stage.stage >= since else ():
            begin, end = stage.spans.get(key, (0.0, 0.0))
            if key[0] == pool:
                found += seconds - (stage.nodes[key] - stage.waiting.get(key, 0)) * (end - begin)
    return found


@dataclass(eq=False)
class _Search:
    """Replays with the nodes of pool ``main`` kept from stage ``largest`` on, of which ``left`` more are made."""

    land: Terrain
    main: int
    largest: int
    best: Replay
    left: int

    def run(self) -> None:
        start = self.best
        for base in (start.allocation, *self._alone(start.allocation)):
            fewer, few = 0, max(sum(self._most(base).values()) // FINE, 1)
            while fewer <= FEWER and self._step(base, -fewer * few, start):
                fewer += 1
            self._step(base, few, start)

    def _step(self, base: Allocation, step: int, start: Replay) -> bool:
        """With so many nodes more; whether fewer may do."""
        nodes = self._kept(base, step)
        if nodes is None:
            return False
        held = start if nodes == start.allocation.nodes else self._tried(nodes, base.shares)
        if held is None:
            return False
        for others, shares in self._together(held):
            self._tried(others, shares)
        return self._end(held) <= self.land.problem.deadline_seconds

    def _tried(self, nodes: Nodes, shares: Shares) -> Replay | None:
        """The replay of an allocation, the best if it is; None where there are too few nodes, or no more tries."""
        if not self.left or not within(self.land, nodes):
            return None
        self.left -= 1
        found = replay(self.land, replace(self.best.allocation, nodes=nodes, shares=shares))
        if found.end <= self.land.problem.deadline_seconds and found.cost_usd < self.best.cost_usd:
            self.best = found
        return found

    def _alone(self, now: Allocation) -> Iterator[Allocation]:
        """All nodes of the main pool in one layout, where there are two."""
        names = sorted({name for k, name, _ in now.nodes if k == self.main})
        for one in layouts(self.land, now) if len(names) == 2 else ():
            left = {name for k, name, _ in one.nodes if k == self.main}
            if len(left) == 1 and left <= set(names):
                names = [name for name in names if name not in left]
                yield one

    def _most(self, now: Allocation) -> dict[str, int]:
        """The main pool's nodes of the largest stage, by pattern."""
        return {name: count for (k, name, s), count in now.nodes.items() if (k, s) == (self.main, self.largest)}

    def _end(self, held: Replay) -> float:
        """When the main pool's last job of the largest stage ends."""
        return max(end for (k, _), (_, end) in self._stage(held).spans.items() if k == self.main)

    def _kept(self, now: Allocation, step: int) -> Nodes | None:
        """The main pool's nodes of the largest stage, by ``step`` more, in all stages after it that have work there."""
        most = self._most(now)
        name = max(most, key=lambda name: (most[name], name))
        most[name] += step
        if most[name] < 1:
            return None
        nodes = {key: count for key, count in now.nodes.items() if key[0] != self.main or key[2] < self.largest}
        for row, kind in now.shares:
            room, stage = self.land.kinds[kind], self.land.classes[row].stage
            if room.pool == self.main and stage >= self.largest:
                here = [name for name, _ in room.count if name in most]
                if not here:
                    return None
                nodes |= {(self.main, name, stage): most[name] for name in here}
        return nodes

    def _together(self, held: Replay) -> Iterator[tuple[Nodes, Shares]]:
        """Nodes and shares with which one CPU pool ends its part of the largest stage with the main pool."""
        land, now, stage = self.land, held.allocation, self._stage(held)
        length = self._end(held) - stage.start
        kinds = [i for i, kind in enumerate(land.kinds) if land.pools[kind.pool].gpu is None and kind.pool != self.main]
        side: dict[int, float] = {}
        for (row, kind), share in now.shares.items():
            if kind in kinds and land.classes[row].stage >= self.largest:
                side[row] = side.get(row, 0.0) + share
        work = {kind: all_of for kind in kinds if (all_of := self._work(side, kind)) > 0}
        for parts in self._parts(now, work, length):
            least = self._paid(stage) + sum(self._least(now, kind, part, work[kind]) for kind, part in parts.items())
            if least < self.best.cost_usd:
                yield self._shared(now, side, kinds, parts)

    def _parts(self, now: Allocation, work: dict[int, float], length: float) -> Iterator[Parts]:
        """Which CPU pool ends with the largest stage, with how many nodes, and which one has the rest."""
        for kind, seconds in work.items():
            boot = self._boot(now, kind)
            room = length - boot - AHEAD
            if room <= 0:
                continue
            count = math.floor(seconds / room)
            if boot + seconds / (count + 1) >= length - IDLE_SECONDS:
                yield {kind: (count + 1, 1.0)}
            for other, rest in work.items() if count else ():
                part, time = count * room / seconds, length - self._boot(now, other)
                if other != kind and time > 0:
                    yield {kind: (count, part), other: (max(math.ceil(rest * (1 - part) / time), 1), 1 - part)}

    def _stage(self, one: Replay) -> StageReplay:
        return next(stage for stage in one.stages if stage.stage == self.largest)

    def _paid(self, stage: StageReplay) -> float:
        """USD of the main pool from the largest stage's start until its last work there."""
        seconds = sum(
            stage.nodes[key] * (end - begin) for key, (begin, end) in stage.spans.items() if key[0] == self.main
        )
        return seconds / 3600 * self.land.pools[self.main].usd_per_hour

    def _least(self, now: Allocation, kind: int, part: tuple[int, float], work: float) -> float:
        """USD of the work that a CPU pool does of the largest stage, and of the boots for it."""
        count, share = part
        seconds = work * share + count * self._boot(now, kind)
        return seconds / 3600 * self.land.pools[self.land.kinds[kind].pool].usd_per_hour

    def _boot(self, now: Allocation, kind: int) -> float:
        """Seconds that nodes of a CPU pool boot in the largest stage."""
        pool, before = self.land.kinds[kind].pool, max((s for s in self.land.stages if s < self.largest), default=-1)
        return 0.0 if (pool, NODE, before) in now.nodes else float(self.land.pools[pool].boot_seconds)

    def _work(self, side: dict[int, float], kind: int) -> float:
        """Node-seconds of shares of classes in the largest stage, all on one CPU pool; 0 where one has no room there,
        in it or after it."""
        land, found = self.land, 0.0
        pool = land.pools[land.kinds[kind].pool]
        for row, share in side.items():
            one, seconds = land.classes[row], next((p.seconds for k, p in land.places[row] if k == kind), None)
            if seconds is None:
                return 0.0
            if one.stage == self.largest:
                found += share * one.jobs * seconds * max(one.cores / pool.cpu, one.memory_mib / pool.memory_mib)
        return found

    def _shared(self, now: Allocation, side: dict[int, float], kinds: list[int], parts: Parts) -> tuple[Nodes, Shares]:
        """CPU work of the largest stage by ``parts``; after it all on the first of them."""
        land, first = self.land, next(iter(parts))
        pools = {land.kinds[kind].pool for kind in kinds}
        shares = {key: share for key, share in now.shares.items() if key[0] not in side or key[1] not in kinds}
        nodes = {key: count for key, count in now.nodes.items() if key[0] not in pools or key[2] < self.largest}
        for row, share in side.items():
            stage = land.classes[row].stage
            here = parts if stage == self.largest else {first: (parts[first][0], 1.0)}
            for kind, (count, part) in here.items():
                shares[row, kind] = shares.get((row, kind), 0.0) + share * part
                nodes[land.kinds[kind].pool, NODE, stage] = count
        return nodes, shares
