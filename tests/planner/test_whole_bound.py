"""The bound of whole nodes and jobs: by hand, and between the fluid bound and the optimum of tiny problems."""

from __future__ import annotations

import math
from dataclasses import replace

import exact_overlap
import exact_plans
import pytest
from capacity_problems import HEADER, cpu_pool, job_class, mig_pool, on_mig, problem, production

from fleetspec.planner import whole_bound
from fleetspec.planner.bound import least
from fleetspec.planner.frontier import frontier
from fleetspec.planner.planning import make_plan
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.terrain import survey
from fleetspec.planner.whole_bound import least_whole, proved_usd


def fluid(posed: CapacityProblem) -> float:
    land = survey(posed)
    found = least(land, time=land.time)
    return math.inf if found is None else found.cost_usd


def test_rounds_of_whole_jobs() -> None:
    # Three jobs of 60 s on nodes of two cores at 3.6 USD/h: two rounds, 120 s; fluid work takes 90 s.
    posed = problem([job_class(jobs=3, cpu=60.0)], [cpu_pool(price=3.6, cpu=2)], 400)
    assert fluid(posed) == pytest.approx(0.09)
    assert least_whole(survey(posed)) == pytest.approx(0.12, rel=1e-5)
    # Memory for one job alone: three rounds.
    narrow = problem([job_class(jobs=3, memory=600, cpu=60.0)], [cpu_pool(price=3.6, cpu=2, memory=1000)], 400)
    assert least_whole(survey(narrow)) == pytest.approx(0.18, rel=1e-5)


def test_one_job_keeps_a_whole_gpu_node() -> None:
    # It runs for 36 s in the slot that is quickest, and the node boots for 60 s; fluid work fills all seven slots.
    gpu = mig_pool(price=10.0, boot=60)
    posed = problem([job_class(jobs=1, gpu_memory=1000, gpu=on_mig(gpu, 36.0, 1000, 0.0))], [gpu], 4000)
    assert fluid(posed) == pytest.approx((60 + 36 / 7) / 360)
    assert least_whole(survey(posed)) == pytest.approx((60 + 36) / 360, rel=1e-5)


def test_nodes_boot_whole() -> None:
    # 40 rounds of 10 s do not fit behind one boot of 100 s in 400 s: two nodes, not 4/3 of one.
    posed = problem([job_class(jobs=40, cpu=10.0)], [cpu_pool(price=3.6, cpu=1, cap=5, boot=100)], 400)
    assert fluid(posed) == pytest.approx((400 + 100 * 4 / 3) / 1000)
    assert least_whole(survey(posed)) == pytest.approx((400 + 200) / 1000, rel=1e-5)


def test_no_plan_ends_in_time() -> None:
    # One after the other the jobs of two stages and a boot take 130 s.
    classes = [job_class("u/g/a/fit", 1, 0, cpu=50.0), job_class("u/g/b/fit", 1, 1, cpu=50.0)]
    pools = [cpu_pool(price=3.6, cpu=1, cap=4, boot=30)]
    assert math.isinf(least_whole(survey(problem(classes, pools, 125))))
    assert least_whole(survey(problem(classes, pools, 131))) == pytest.approx(0.13, rel=1e-5)


def test_between_the_fluid_bound_and_the_optimum() -> None:
    """``test_exact_overlap.py`` has the same where stages overlap."""
    higher = 0
    for seed in range(12):
        posed = exact_plans.tiny(seed)
        optimum, whole = exact_plans.optimum(posed), least_whole(survey(posed))
        assert fluid(posed) * (1 - 1e-5) <= whole <= optimum + 1e-9
        higher += fluid(posed) * 1.01 < whole < math.inf
    assert higher >= 5


def test_cut_short_it_is_lower_and_still_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    posed = exact_overlap.tiny(3)
    full = least_whole(survey(posed))
    found = []
    for nodes in (0, 1, 20):
        monkeypatch.setattr(whole_bound, "NODES", nodes)
        found.append(least_whole(survey(posed)))
    assert found[0] == 0.0
    assert found == sorted(found)
    assert found[-1] <= full * (1 + 1e-9)


def test_of_large_fleets_only_nodes_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    posed = problem([job_class(jobs=3, cpu=60.0)], [cpu_pool(price=3.6, cpu=2, cap=2, boot=50)], 400)
    assert least_whole(survey(posed)) == pytest.approx(0.17, rel=1e-5)
    monkeypatch.setattr(whole_bound, "COLUMNS", 0)
    assert least_whole(survey(posed)) == pytest.approx(0.14, rel=1e-5)
    land = survey(production())
    monkeypatch.setattr(whole_bound, "MOST_COLUMNS", 20)
    assert least_whole(land) == 0.0
    assert least_whole(survey(problem([], [cpu_pool()]))) == 0.0


def test_a_plan_says_which_bound_it_is_held_against() -> None:
    posed = problem([job_class(jobs=3, cpu=60.0)], [cpu_pool(price=3.6, cpu=2)], 400)
    plan = make_plan(posed, HEADER)
    assert (plan.cost_usd, plan.bound_usd) == (pytest.approx(0.12), pytest.approx(0.12, rel=1e-5))
    assert plan.gap == pytest.approx(0.0, abs=1e-5)
    assert "whole nodes and jobs" in plan.method
    even = make_plan(replace(posed, classes=(job_class(jobs=4, cpu=60.0),)), HEADER)
    assert "whole nodes and jobs" not in even.method


def test_a_plan_that_is_late_proves_nothing() -> None:
    assert (
        proved_usd(survey(problem([job_class(jobs=3, cpu=60.0)], [cpu_pool(price=3.6, cpu=2)], 400)), 0.09, None)
        == 0.09
    )


def test_bounds_of_a_frontier_fall() -> None:
    points = frontier(exact_plans.tiny(3), points=5)
    assert len(points) > 1
    bounds = [point.bound_usd for point in points]
    assert bounds == sorted(bounds, reverse=True)
