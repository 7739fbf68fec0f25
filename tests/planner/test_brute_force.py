"""Small problems whose best plan is found by trying everything, with arithmetic that knows nothing of the planner."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from capacity_problems import HEADER, cpu_pool, job_class, problem

from fleetspec.planner.formulation import IDLE_SECONDS
from fleetspec.planner.planning import make_plan
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.violations import violations


def tiny(seed: int) -> CapacityProblem:
    """One class of equal jobs of one core, one to three pools of one to three nodes."""
    rng = random.Random(seed)
    pools = [
        cpu_pool(f"p{k}", rng.choice([0.5, 1.0, 4.0]), rng.randint(1, 3), rng.randint(1, 3), rng.choice([0, 20, 100]))
        for k in range(rng.randint(1, 3))
    ]
    seconds = {pool.name: rng.choice([10.0, 25.0, 60.0]) for pool in pools}
    return problem([job_class(jobs=rng.randint(1, 9), **seconds)], pools, rng.choice([90, 200, 600]))


def best(posed: CapacityProblem) -> float:
    """Least cost over every split of the jobs and every number of nodes; inf where none ends in time."""
    (one,) = posed.classes
    seconds = {place.pool: place.seconds for place in one.placements}
    least = math.inf
    for split in itertools.product(range(one.jobs + 1), repeat=len(posed.pools)):
        if sum(split) != one.jobs:
            continue
        choices = [range(1, pool.cap + 1) if jobs else (0,) for pool, jobs in zip(posed.pools, split, strict=True)]
        for nodes in itertools.product(*choices):
            ends = [
                pool.boot_seconds + math.ceil(jobs / (n * pool.cpu)) * seconds[pool.name] if jobs else 0.0
                for pool, jobs, n in zip(posed.pools, split, nodes, strict=True)
            ]
            if max(ends) > posed.deadline_seconds:
                continue
            paid = [n * min(end + IDLE_SECONDS, max(ends)) for n, end in zip(nodes, ends, strict=True)]
            cost = sum(t / 3600 * pool.usd_per_hour for t, pool in zip(paid, posed.pools, strict=True))
            least = min(least, cost)
    return least


@pytest.mark.parametrize("seed", range(120))
def test_bound_optimum_plan(seed: int) -> None:
    posed = tiny(seed)
    optimum, plan = best(posed), make_plan(posed, HEADER)
    assert violations(posed, plan) == []
    if math.isinf(optimum):
        assert plan.verdict != "feasible"
        return
    assert plan.verdict == "feasible"
    assert plan.bound_usd <= optimum + 1e-9
    assert optimum <= plan.cost_usd + 1e-9


def test_plans_are_close_to_the_optimum() -> None:
    # Over the same seeds: what the heuristic parts (lengths, few candidates) give away.
    ratios = []
    for seed in range(120):
        posed = tiny(seed)
        optimum = best(posed)
        if not math.isinf(optimum):
            ratios.append(make_plan(posed, HEADER).cost_usd / optimum)
    ratios.sort()
    assert len(ratios) > 60
    assert ratios[len(ratios) // 2] < 1.001
    assert ratios[-1] < 1.6
