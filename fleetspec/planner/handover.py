"""Nodes that go on: what a long stage has is at work in the short stages after it, too.

A node without jobs is paid for until it is given back. So all nodes of a long stage pay idle seconds at its end, unless
the run is over before: where what follows is short, and all of them have a part of it. It is short only if nothing
boots in it, so other pools that it needs must still be up: they end their part of the long stage just before its end.
Programs do not see this, since they know of no node when it last works, and no single change of :mod:`polish` makes it.

So the nodes of the dearest pool are kept from its largest stage on, one more of them and some fewer, and the replay
says when that stage ends. Of the CPU work beside it one pool gets as much as it does until shortly before, and another
one the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fleetspec.planner.formulation import IDLE_SECONDS, Allocation, even_prices
from fleetspec.planner.polish import Nodes, Shares, layouts, within
from fleetspec.planner.simulate import Replay, replay
from fleetspec.planner.terrain import NODE, Terrain

AHEAD = IDLE_SECONDS / 3
"""Seconds before the end of a stage at which work is to end that goes with it: it is not known to the second how it
packs, and nodes that end more than the idle time before are given back."""
STEPS = (0, -1, 1, -2, -3, -4)
"""Nodes more or fewer than there are."""
TRIES = 48
"""Replays at most,"""
WORK = 4800
"""replays times classes,"""
LEAST = 12
"""and replays of ever so many classes."""


def handed_over(land: Terrain, start: Replay) -> Replay:
    """The cheapest in time of a replay with barriers and of those of it with nodes that go on."""
    prices = even_prices(land)
    paid = {
        (k, stage.stage): sum(seconds for (index, _), seconds in stage.paid.items() if index == k) * prices[k]
        for stage in start.stages
        for k in {key[0] for key in stage.paid}
    }
    main, largest = max(paid, key=lambda key: (paid[key], key))
    if largest == land.stages[-1]:
        return start
    search = _Search(land, main, largest, start, max(min(TRIES, WORK // len(land.classes)), LEAST))
    search.run()
    return search.best


@dataclass(eq=False)
class _Search:
    """Replays with the nodes of pool ``main`` kept from stage ``largest`` on, of which ``left`` more are made."""

    land: Terrain
    main: int
    largest: int
    best: Replay
    left: int

    def run(self) -> None:
        start = self.best.allocation
        for base in (start, *self._alone(start)):
            for step in STEPS:
                nodes = self._kept(base, step)
                held = self._tried(nodes, base.shares) if nodes is not None else None
                if held is not None and self._floor(held) < self.best.cost_usd:
                    for nodes, shares in self._together(held):
                        self._tried(nodes, shares)

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
        """All nodes of the main pool in one layout, where there are several."""
        names = {name for k, name, _ in now.nodes if k == self.main}
        for name in sorted(names) if len(names) == 2 else ():
            yield from (
                one for one in layouts(self.land, now) if {n for k, n, _ in one.nodes if k == self.main} == {name}
            )

    def _kept(self, now: Allocation, step: int) -> Nodes | None:
        """The main pool's nodes of the largest stage, by ``step`` more, in all stages after it that have work there."""
        most = {name: count for (k, name, s), count in now.nodes.items() if (k, s) == (self.main, self.largest)}
        largest = max(most, key=lambda name: (most[name], name))
        most[largest] += step
        if most[largest] < 1:
            return None
        nodes = {
            (k, name, s): count for (k, name, s), count in now.nodes.items() if k != self.main or s < self.largest
        }
        for row, kind in now.shares:
            room, stage = self.land.kinds[kind], self.land.classes[row].stage
            if room.pool == self.main and stage >= self.largest:
                here = [name for name, _ in room.count if name in most]
                if not here:
                    return None
                nodes |= {(self.main, name, stage): most[name] for name in here}
        return nodes

    def _floor(self, held: Replay) -> float:
        """What the main pool costs until the end of its largest stage: no way to share out the rest comes below it."""
        stage = next(one for one in held.stages if one.stage == self.largest)
        seconds = sum(
            stage.nodes[key] * (end - begin) for key, (begin, end) in stage.spans.items() if key[0] == self.main
        )
        return seconds / 3600 * self.land.pools[self.main].usd_per_hour

    def _together(self, held: Replay) -> Iterator[tuple[Nodes, Shares]]:
        """Nodes and shares with which one CPU pool ends its part of the largest stage with the main pool."""
        land, now = self.land, held.allocation
        stage = next(one for one in held.stages if one.stage == self.largest)
        length = max(end for key, (_, end) in stage.spans.items() if key[0] == self.main) - stage.start
        kinds = {k.pool: i for i, k in enumerate(land.kinds) if land.pools[k.pool].gpu is None and k.pool != self.main}
        side: dict[int, float] = {}
        for (row, kind), share in now.shares.items():
            if kind in kinds.values() and land.classes[row].stage >= self.largest:
                side[row] = side.get(row, 0.0) + share
        for one in kinds:
            work = self._work(side, kinds[one])
            room = length - self._boot(now, one) - AHEAD
            if work is None or work <= 0 or room <= 0:
                continue
            count = math.floor(work / room)
            if work / (count + 1) + self._boot(now, one) >= length - IDLE_SECONDS:
                yield self._shared(now, side, {kinds[one]: (count + 1, 1.0)})
            for other in kinds if count else ():
                part = count * room / work
                rest = self._work(side, kinds[other]) if other != one else None
                time = length - self._boot(now, other)
                if rest is not None and time > 0:
                    more = max(math.ceil(rest * (1 - part) / time), 1)
                    yield self._shared(now, side, {kinds[one]: (count, part), kinds[other]: (more, 1 - part)})

    def _boot(self, now: Allocation, pool: int) -> float:
        """Seconds that nodes of a CPU pool boot in the largest stage."""
        before = max((s for s in self.land.stages if s < self.largest), default=-1)
        return 0.0 if (pool, NODE, before) in now.nodes else float(self.land.pools[pool].boot_seconds)

    def _work(self, side: dict[int, float], kind: int) -> float | None:
        """Node-seconds of shares of classes in the largest stage, all on one CPU pool; None where one has no room
        there."""
        land, found = self.land, 0.0
        pool = land.pools[land.kinds[kind].pool]
        for row, share in side.items():
            one, seconds = land.classes[row], next((p.seconds for k, p in land.places[row] if k == kind), None)
            if seconds is None:
                return None
            if one.stage == self.largest:
                part = max(one.cores / pool.cpu, one.memory_mib / pool.memory_mib)
                found += share * one.jobs * seconds * part
        return found

    def _shared(
        self, now: Allocation, side: dict[int, float], parts: dict[int, tuple[int, float]]
    ) -> tuple[Nodes, Shares]:
        """CPU work of the largest stage by ``parts``, nodes and shares by kind; after it all on the first of them."""
        land, first = self.land, next(iter(parts))
        cpu = {i for i, kind in enumerate(land.kinds) if land.pools[kind.pool].gpu is None and kind.pool != self.main}
        shares = {key: share for key, share in now.shares.items() if key[0] not in side or key[1] not in cpu}
        pools = {land.kinds[kind].pool for kind in cpu}
        nodes = {key: count for key, count in now.nodes.items() if key[0] not in pools or key[2] < self.largest}
        for row, share in side.items():
            stage = land.classes[row].stage
            here = parts if stage == self.largest else {first: (parts[first][0], 1.0)}
            for kind, (count, part) in here.items():
                shares[row, kind] = shares.get((row, kind), 0.0) + share * part
                nodes[land.kinds[kind].pool, NODE, stage] = count
        return nodes, shares
