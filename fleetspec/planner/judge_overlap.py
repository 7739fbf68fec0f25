"""Stages that overlap, in many trials at once: each class begins when what it waits for has ended in that trial.

Lanes of the lane table are gone through in their turn. One is released, in each trial, at the latest end of
the classes it waits for; its nodes boot when the first lane that needs them is released; its jobs queue behind those of
the lanes before it in the same room (:mod:`judge_rooms`). Nodes that the plan gives back and boots again within
such a part of the night stay up here, with chance and without. Nodes that only wait to be given back run nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fleetspec.planner.judge_chances import MOST_NODES, Factors, load_of, places_on, taken_of, working_of
from fleetspec.planner.judge_rooms import FINE, LANES, last_of
from fleetspec.planner.noise import Noise
from fleetspec.planner.plans import Lane, Plan, PoolUse, StagePlan
from fleetspec.planner.precedence import precedence
from fleetspec.planner.problem import CPU_SLOT, CapacityPool, CapacityProblem

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


class Together:
    """Stages of a plan that run together. Times are (trials,) seconds from the first of them on."""

    def __init__(
        self,
        problem: CapacityProblem,
        plan: Plan,
        stages: tuple[StagePlan, ...],
        before: dict[tuple[str, str], int],
        rng: np.random.Generator,
        trials: int,
        noise: Noise,
        factors: Factors,
    ) -> None:
        self._rng, self._trials, self._noise, self._factors = rng, trials, noise, factors
        self._pools = {pool.name: pool for pool in problem.pools}
        self._classes = {one.name: one for one in problem.classes}
        order = precedence(problem.classes)
        names = [one.name for one in problem.classes if one.jobs]
        self._waits = {
            name: [other for row, other in enumerate(names) if mask >> row & 1]
            for name, mask in zip(names, order.before, strict=True)
        }
        self._uses = {(stage.stage, use.pool): use for stage in stages for use in stage.pools}
        numbers = {stage.stage for stage in stages}
        self._lanes = sorted(
            (lane for lane in plan.lanes if lane.stage in numbers),
            key=lambda lane: (lane.turn, lane.stage, -lane.seconds_per_job, lane.klass, lane.pool, lane.slot),
        )
        self._length = max(s.end_seconds for s in stages) - min(s.start_seconds for s in stages)
        self._before = before
        # Of very many nodes a part is drawn: when single ones of so many are up does not matter.
        most: dict[str, int] = {}
        for (_, name), use in self._uses.items():
            most[name] = max(most.get(name, 1), sum(nodes for _, nodes in working_of(use)))
        self._part = {name: min(MOST_NODES / nodes, 1.0) for name, nodes in most.items()}
        self._gone = {key: taken_of(self._pools[key[1]], use, rng, trials, noise) for key, use in self._uses.items()}
        self._up: dict[tuple[str, str], list[Floats]] = {}
        self._rooms: dict[tuple[str, str], _Room] = {}
        self._ends: dict[str, Floats] = {}
        self._busy: dict[tuple[int, str], tuple[Floats, Floats]] = {}

    def run(self) -> Floats:
        """How long all of it takes."""
        end = np.zeros(self._trials)
        for lane in self._lanes:
            last = self._lane(lane)
            self._ends[lane.klass] = np.maximum(self._ends.get(lane.klass, last), last)
            end = np.maximum(end, last)
        return end

    def paid(self, idle: float) -> dict[tuple[int, str], Floats]:
        """By stage and pool the seconds that a node is paid for: from the call for it until it is given back."""
        found = {key: np.ones(self._trials) for key in self._uses}
        for key, (start, end) in self._busy.items():
            found[key] = end - start + idle
        return found

    def _lane(self, lane: Lane) -> Floats:
        """When the last of a lane's jobs ends."""
        nothing = np.zeros(self._trials)
        waits = [self._ends[name] for name in self._waits[lane.klass] if name in self._ends]
        release = np.maximum.reduce([nothing, *waits])
        pool, use = self._pools[lane.pool], self._uses[lane.stage, lane.pool]
        drawn = self._drawn(use)
        for key, nodes in drawn.items():
            self._call(key, nodes, release)
        room = self._room(pool, lane.slot)
        mine = room.of(drawn)
        up = np.stack([self._up[key][node] for key, node in (room.owner(at) for at in mine)], axis=1)
        one = self._classes[lane.klass]
        width = room.places(dict(working_of(use))) * (places_on(pool, one) if lane.slot == CPU_SLOT else 1)
        load = load_of(lane, one, pool, width, self._gone[lane.stage, lane.pool], self._factors, self._noise)
        free = np.sort(np.maximum(np.maximum(room.free[:, mine], up), release[:, None]), axis=1)
        room.free[:, mine], last = last_of(free, load, lane.seconds_per_job <= FINE * self._length, self._rng)
        start, end = self._busy.get((lane.stage, lane.pool), (release, last))
        self._busy[lane.stage, lane.pool] = np.minimum(start, release), np.maximum(end, last)
        return last

    def _drawn(self, use: PoolUse) -> dict[tuple[str, str], int]:
        """Nodes of a pool that work in a stage, as many as are drawn."""
        return {key: math.ceil(nodes * self._part[use.pool]) for key, nodes in working_of(use)}

    def _call(self, key: tuple[str, str], nodes: int, release: Floats) -> None:
        """Boot what is not up of the first ``nodes``."""
        pool, noise = self._pools[key[0]], self._noise
        up = self._up.setdefault(key, self._there(key))
        missing = nodes - len(up)
        if missing > 0:
            out = self._rng.random(self._trials) < noise.stock_out
            short = out * self._rng.exponential(max(noise.stock_out_seconds, 1e-9), self._trials)
            boots = np.exp(noise.boot * self._rng.standard_normal((self._trials, missing)))
            up += [release + pool.boot_seconds * boots[:, at] + short for at in range(missing)]

    def _there(self, key: tuple[str, str]) -> list[Floats]:
        """Nodes that are up from before."""
        return [np.zeros(self._trials) for _ in range(math.ceil(self._before.get(key, 0) * self._part[key[0]]))]

    def _room(self, pool: CapacityPool, slot: str) -> _Room:
        if (pool.name, slot) not in self._rooms:
            uses = [use for (_, name), use in self._uses.items() if name == pool.name]
            per = max(
                places_on(pool, self._classes[lane.klass]) if slot == CPU_SLOT else 1
                for lane in self._lanes
                if (lane.pool, lane.slot) == (pool.name, slot)
            )
            self._rooms[pool.name, slot] = _Room(pool, slot, [self._drawn(use) for use in uses], per, self._trials)
        return self._rooms[pool.name, slot]


class _Room:
    """The lanes of one slot of a pool. Each stands for a place on a node, evenly over the nodes; a CPU node is one
    place, on which up to ``per`` jobs run."""

    def __init__(
        self, pool: CapacityPool, slot: str, uses: list[dict[tuple[str, str], int]], per: int, trials: int
    ) -> None:
        most: dict[tuple[str, str], int] = {}
        for use in uses:
            for key, nodes in use.items():
                most[key] = max(most.get(key, 0), nodes)
        self._counts = {key: 1 if slot == CPU_SLOT else _count(pool, key[1], slot) for key in most}
        places = [(key, node) for key, nodes in most.items() for node in range(nodes) for _ in range(self._counts[key])]
        count = min(len(places) * per, LANES)
        self._owner = [places[at * len(places) // count] for at in range(count)]
        self.free = np.zeros((trials, count))

    def owner(self, at: int) -> tuple[tuple[str, str], int]:
        """The node of a lane."""
        return self._owner[at]

    def of(self, nodes: dict[tuple[str, str], int]) -> list[int]:
        """The lanes of the first nodes of each pattern, at least one."""
        mine = [at for at, (key, node) in enumerate(self._owner) if node < nodes.get(key, 0)]
        return mine or [0]

    def places(self, nodes: dict[tuple[str, str], int]) -> int:
        """How many places the first nodes of each pattern have."""
        return max(sum(self._counts.get(key, 0) * count for key, count in nodes.items()), 1)


def _count(pool: CapacityPool, pattern: str, slot: str) -> int:
    return next(dict(one.slots).get(slot, 0) for one in pool.patterns if one.name == pattern)
