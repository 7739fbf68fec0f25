"""What one night has in store for jobs and nodes, drawn for many trials at once; arrays are (trials,) or wider."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleetspec.planner.judge_rooms import LANES, Load
from fleetspec.planner.noise import Noise
from fleetspec.planner.plans import Lane, PoolUse
from fleetspec.planner.problem import CPU_SLOT, CapacityPool, DemandClass, Placement

Floats = NDArray[np.float64]

MOST_NODES = 4 * LANES
"""Nodes of a pool whose boots are drawn one by one."""


class Factors:
    """What slows a class in each trial: the night as a whole, and the error of the figure its time rests on."""

    def __init__(self, rng: np.random.Generator, trials: int, noise: Noise) -> None:
        self._rng, self._trials, self._noise = rng, trials, noise
        self._night = np.exp(noise.night * rng.standard_normal(trials))
        self._errors: dict[tuple[str, str, str], Floats] = {}

    def of(self, one: DemandClass, place: Placement, device: str) -> Floats:
        """Seconds in a trial over those planned. Classes whose times rest on one figure are wrong together."""
        key = (one.family, one.task, device)
        if key not in self._errors:
            self._errors[key] = self._rng.standard_normal(self._trials)
        return np.asarray(self._night * np.exp(self._noise.errors * place.error * self._errors[key]))


def taken_of(pool: CapacityPool, use: PoolUse, rng: np.random.Generator, trials: int, noise: Noise) -> Floats:
    """How often nodes of a pool are taken back in a stage, over the mean that its times are planned with; (trials,).

    Each node-hour has its own chance, so the number is Poisson: one node for an hour is taken rarely and then costs a
    lot, hundreds of nodes lose what is expected.
    """
    mean = pool.preempt_per_hour * use.node_seconds / 3600
    if mean <= 0 or noise.taken == 0:
        return np.ones(trials)
    return np.asarray(1 + noise.taken * (rng.poisson(mean, trials) / mean - 1))


def places_on(pool: CapacityPool, one: DemandClass) -> int:
    """How many jobs of a class a CPU node runs at a time, by cores and memory."""
    by_memory = pool.memory_mib // one.memory_mib if one.memory_mib else pool.cpu
    return max(min(pool.cpu // max(one.cores, 1), by_memory), 1)


def nodes_of(use: PoolUse) -> list[tuple[tuple[str, str], int]]:
    """A pool's nodes in a stage by (pool, pattern)."""
    return [((use.pool, name), nodes) for name, nodes in use.patterns or (("", use.nodes),)]


def working_of(use: PoolUse) -> list[tuple[tuple[str, str], int]]:
    """Those of them that work, and do not only wait to be given back; patterns without any are left out."""
    spare = dict(use.waiting)
    working = [((pool, name), nodes - spare.get(name, 0)) for (pool, name), nodes in nodes_of(use)]
    return [(key, nodes) for key, nodes in working if nodes > 0]


def load_of(
    lane: Lane, one: DemandClass, pool: CapacityPool, width: int, gone: Floats, factors: Factors, noise: Noise
) -> Load:
    """A line of the lane table in every trial; ``gone`` is how often its nodes are taken back over the mean."""
    place = next(p for p in one.placements if p.pool == pool.name and p.slot == lane.slot)
    seconds = lane.seconds_per_job * factors.of(one, place, pool.gpu or CPU_SLOT)
    seconds *= (1 + place.lost * gone) / (1 + place.lost)
    return Load(lane.jobs, width, seconds, noise.jobs * place.spread, lane.seconds_per_job)
