"""Bound, optimum and plan of tiny problems in order; the model that finds the optimum against hand-worked cases.

``bench/oracles.py`` does the same for 200 of them.
"""

from __future__ import annotations

import math

import pytest
from capacity_problems import HEADER, cpu_pool, job_class, problem
from exact_plans import optimum, tiny

from fleetspec.planner.planning import make_plan
from fleetspec.planner.violations import violations


def test_the_optimum_by_hand() -> None:
    # Three jobs of 60 s on two cores at 3.6 USD/h: one node for 120 s, or two for 60 s, either way 0.12 USD.
    jobs = job_class(jobs=3, cpu=60.0)
    assert optimum(problem([jobs], [cpu_pool(price=3.6, cpu=2)], 120)) == pytest.approx(0.12)
    # Within 90 s only two nodes do. Within 50 s nothing does.
    assert optimum(problem([jobs], [cpu_pool(price=3.6, cpu=2)], 90)) == pytest.approx(0.12)
    assert math.isinf(optimum(problem([jobs], [cpu_pool(price=3.6, cpu=2)], 50)))
    # A boot of 40 s is paid once by the one node: 160 s.
    assert optimum(problem([jobs], [cpu_pool(price=3.6, cpu=2, boot=40)], 400)) == pytest.approx(0.16)


def test_a_node_is_kept_for_the_next_stage() -> None:
    # One core at 3.6 USD/h with a boot of 100 s: 100 + 10 s, and it is still there for the 10 s of the second stage.
    jobs = [job_class("u/g/a/fit", 1, 0, cpu=10.0), job_class("u/g/b/fit", 1, 1, cpu=10.0)]
    assert optimum(problem(jobs, [cpu_pool(price=3.6, cpu=1, cap=1, boot=100)], 400)) == pytest.approx(0.12)


@pytest.mark.parametrize("seed", range(24))
def test_bound_optimum_plan(seed: int) -> None:
    posed = tiny(seed)
    least, plan = optimum(posed), make_plan(posed, HEADER)
    assert violations(posed, plan) == []
    assert plan.bound_usd <= least + 1e-9
    if plan.verdict == "feasible":
        assert least <= plan.cost_usd + 1e-9
