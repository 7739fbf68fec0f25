"""The cheapest plan of a tiny problem whose classes wait for each other, by one time-indexed program.

Time goes in ticks of ten seconds, and all times of a tiny problem are whole ticks, so whatever a replay does is an
answer to it. Jobs that have begun run to their end. Of a pool there are nodes that work, nodes that boot and nodes that
idle; one is called only while jobs wait that may run on it (an autoscaler does not look ahead), and one that has
worked is kept for ``IDLE_SECONDS`` or until the run ends, as the replay keeps it. Which node a job runs on is left
open, so the optimum here is at most that of anything executable. Nothing of it is the planner's: no stages, no
milestones, and another solver (scipy's) without PuLP.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
from capacity_problems import cpu_pool, job_class, problem
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from fleetspec.planner.formulation import IDLE_SECONDS
from fleetspec.planner.problem import CapacityProblem

TICK = 10


def tiny(seed: int, deadline: int | None = None) -> CapacityProblem:
    """Three to five classes of one to four jobs, each waiting for some classes of earlier stages, on one or two pools
    of CPU nodes; a job takes one core."""
    rng = random.Random(seed)
    pools = [cpu_pool("cpu", rng.choice([0.5, 1.0]), rng.randint(1, 3), 2, rng.choice([0, 20, 60]), 4000)]
    if rng.random() < 0.6:
        pools.append(cpu_pool("big", rng.choice([1.5, 4.0]), 3, 1, rng.choice([0, 30]), 4000))
    stages = sorted([0, *(rng.randint(0, 2) for _ in range(rng.randint(2, 4)))])
    stages = [sorted(set(stages)).index(stage) for stage in stages]
    classes = []
    for number, stage in enumerate(stages):
        where = {"cpu": float(rng.choice([10, 20, 40, 60]))}
        if len(pools) > 1:
            where["big"] = float(rng.choice([10, 20, 40]))
            if rng.random() < 0.3:
                del where[rng.choice(["cpu", "big"])]
        name = f"u/g/f{number}/fit"
        earlier = [one.name for one in classes if one.stage < stage]
        after = tuple(sorted({rng.choice(earlier), *(n for n in earlier if rng.random() < 0.2)})) if earlier else ()
        classes.append(replace(job_class(name, rng.randint(1, 4), stage, 1, 300, **where), after=after))
    return problem(classes, pools, rng.choice([120, 180, 260]) if deadline is None else deadline)


class _Rows:
    """Columns and rows of a program that is minimised: ``low ≤ A x ≤ high``, some columns whole."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.most: list[float] = []
        self.whole: list[int] = []
        self.entries: list[tuple[int, int, float]] = []
        self.low: list[float] = []
        self.high: list[float] = []

    def column(self, cost: float = 0.0, most: float = np.inf, whole: bool = True) -> int:
        self.cost.append(cost)
        self.most.append(most)
        self.whole.append(int(whole))
        return len(self.cost) - 1

    def row(self, terms: list[tuple[int, float]], low: float, high: float) -> None:
        self.entries += [(len(self.low), column, factor) for column, factor in terms]
        self.low.append(low)
        self.high.append(high)

    def least(self) -> float:
        rows, columns, factors = zip(*self.entries, strict=True)
        matrix = csr_array((factors, (rows, columns)), shape=(len(self.low), len(self.cost)))
        found = milp(
            np.array(self.cost),
            integrality=np.array(self.whole),
            bounds=Bounds(0, np.array(self.most)),
            constraints=LinearConstraint(matrix, np.array(self.low), np.array(self.high)),
            options={"mip_rel_gap": 1e-7},
        )
        assert found.status in (0, 2), found.message
        return float(found.fun) if found.status == 0 else math.inf


def optimum(posed: CapacityProblem) -> float:
    """USD below which nothing executable is; inf where nothing ends in time."""
    ticks, rows = posed.deadline_seconds // TICK, range(len(posed.classes))
    p = _Rows()
    on = [p.column(most=1) for _ in range(ticks)]
    for t in range(1, ticks):
        p.row([(on[t - 1], 1), (on[t], -1)], 0, np.inf)
    begin = {
        (j, place.pool, t): p.column(most=one.jobs)
        for j, one in enumerate(posed.classes)
        for place in one.placements
        for t in range(ticks - _ticks(place.seconds) + 1)
    }
    length = {(j, q.pool): _ticks(q.seconds) for j, one in enumerate(posed.classes) for q in one.placements}
    for j, one in enumerate(posed.classes):
        p.row([(column, 1) for (i, _, _), column in begin.items() if i == j] or [(on[0], 0)], one.jobs, one.jobs)
    over = _precedence(posed, p, begin, length, ticks)
    for pool in posed.pools:
        boot, idle, hour = _ticks(pool.boot_seconds), _ticks(IDLE_SECONDS), pool.usd_per_hour * TICK / 3600
        paid = [p.column(hour, pool.cap) for _ in range(ticks)]
        calls = [p.column(most=pool.cap) for _ in range(ticks)]
        work = [p.column(most=pool.cap) for _ in range(ticks)]
        wanted = [[p.column(most=1) for _ in range(ticks)] if (j, pool.name) in length else [] for j in rows]
        for t in range(ticks):
            p.row([(calls[t], 1), *((mine[t], -pool.cap) for mine in wanted if mine)], -np.inf, 0)
            for j, mine in zip(rows, wanted, strict=True):
                if mine:
                    begun = [(column, 1) for (i, _, u), column in begin.items() if i == j and u < t]
                    p.row([(mine[t], 1), *begun], -np.inf, posed.classes[j].jobs)
                    for released in over[j]:
                        p.row([(mine[t], 1), (released[t], -1)], -np.inf, 0)
            before = [(paid[t - 1], -1)] if t else []
            p.row([(paid[t], 1), *before, (calls[t], -1)], -np.inf, 0)
            booting = [(calls[u], 1) for u in range(max(t - boot + 1, 0), t + 1)]
            p.row([(work[t], 1), (paid[t], -1), *booting], -np.inf, 0)
            running = [
                (c, 1) for (j, name, u), c in begin.items() if name == pool.name and u <= t < u + length[j, name]
            ]
            p.row([*running, (work[t], -pool.cpu)], -np.inf, 0)
            p.row([(work[t], 1), (on[t], -pool.cap)], -np.inf, 0)
            for u in range(max(t - idle, 0), t):
                # What has worked is kept for so long, unless the run is over.
                p.row([(work[u], 1), (paid[t], -1), (on[t], pool.cap)], -np.inf, pool.cap)
    return p.least()


def _precedence(
    posed: CapacityProblem,
    p: _Rows,
    begin: dict[tuple[int, str, int], int],
    length: dict[tuple[int, str], int],
    ticks: int,
) -> list[list[list[int]]]:
    """No job begins before all jobs of the classes that its own waits for have ended. By class, for each that it waits
    for, columns (ticks) that may be 1 when that one is over."""
    rows = {one.name: j for j, one in enumerate(posed.classes)}
    found: list[list[list[int]]] = [[] for _ in rows]
    for j, one in enumerate(posed.classes):
        names = [n.name for n in posed.classes if n.stage < one.stage] if one.after is None else one.after
        for i in (rows[name] for name in names):
            over = [p.column(most=1) for _ in range(ticks)]
            found[j].append(over)
            for t in range(ticks):
                ended = [(c, -1) for (k, pool, u), c in begin.items() if k == i and u + length[k, pool] <= t]
                p.row([(over[t], posed.classes[i].jobs), *ended], -np.inf, 0)
                started = [(c, 1) for (k, _, u), c in begin.items() if k == j and u == t]
                if started:
                    p.row([*started, (over[t], -one.jobs)], -np.inf, 0)
    return found


def _ticks(seconds: float) -> int:
    count = round(seconds / TICK)
    assert abs(count * TICK - seconds) < 1e-9
    return count
