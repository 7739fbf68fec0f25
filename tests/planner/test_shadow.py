"""Shadow prices: every dual lies between what a little less and a little more of its limit does to the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from capacity_problems import HEADER, cpu_pool, drawn, job_class, problem, production
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetspec.planner.formulation import Fluid, free_lengths
from fleetspec.planner.planning import make_plan
from fleetspec.planner.shadow import shadow_prices
from fleetspec.planner.terrain import Terrain, survey

STEP = 1e-4


def length(found: Fluid) -> float:
    return sum(found.lengths.values())


def assert_between(dual: float, now: float, less: float | None, more: float | None, step: float) -> None:
    """The slopes to both sides of an optimum bracket its dual, whichever of several duals the solver found."""
    slack = 1e-6 + 1e-5 * abs(dual) + 1e-9 * abs(now) / step
    if more is not None:
        assert dual <= (more - now) / step + slack
    if less is not None:
        assert (now - less) / step <= dual + slack


def cost(land: Terrain, time: float) -> float | None:
    found = free_lengths(land, time=time)
    return None if found is None else found.cost_usd


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(1.001, 3.0))
def test_the_dual_of_time_is_the_slope_of_cost(seed: int, share: float) -> None:
    land = survey(drawn(seed))
    fastest = free_lengths(land, "time", time=None)
    assert fastest is not None
    time = length(fastest) * share + max(pool.boot_seconds for pool in land.pools)
    now = free_lengths(land, time=time)
    if now is None:
        return
    step = STEP * time
    assert now.marginal.second <= 0
    assert_between(now.marginal.second, now.cost_usd, cost(land, time - step), cost(land, time + step), step)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(1.001, 2.0))
def test_the_dual_of_a_budget_is_the_slope_of_time(seed: int, share: float) -> None:
    land = survey(drawn(seed))
    cheapest = free_lengths(land, time=None)
    assert cheapest is not None
    budget = cheapest.cost_usd * share + 1e-3
    now = free_lengths(land, "time", time=None, budget=budget)
    assert now is not None
    step = STEP * budget
    sides = [free_lengths(land, "time", time=None, budget=budget + sign * step) for sign in (-1, 1)]
    less, more = (None if side is None else length(side) for side in sides)
    assert_between(now.marginal.budget, length(now), less, more, step)


def test_the_dual_of_a_node_is_exact_where_it_binds() -> None:
    # 8,000 core-seconds on 4 cores a node: two cheap nodes do them in 1,000 s. With 600 s there is room for 4,800 of
    # them; the other 3,200 are bought at the dear pool. A third cheap node would take 2,400 more.
    pools = [cpu_pool("cheap", 1.0, 4, 2), cpu_pool("dear", 5.0, 4, 9)]
    posed = problem([job_class(jobs=8000, cheap=1.0, dear=1.0)], pools, deadline=600)
    land = survey(posed)
    now = free_lengths(land, time=land.time)
    assert now is not None
    assert now.cost_usd == pytest.approx(1200 / 3600 * 1 + 800 / 3600 * 5)
    assert now.marginal.node[0] == pytest.approx(-600 / 3600 * (5 - 1))
    assert now.marginal.node[1] == pytest.approx(0)
    assert now.marginal.second == pytest.approx(-2 / 3600 * (5 - 1))


def test_what_a_step_saves_is_said_for_the_whole_step() -> None:
    pools = [cpu_pool("cheap", 1.0, 4, 2), cpu_pool("dear", 5.0, 4, 9)]
    posed = problem([job_class(jobs=8000, cheap=1.0, dear=1.0)], pools, deadline=600, budget=2.0)
    said = {(one.kind, one.name): one for one in shadow_prices(posed, make_plan(posed, HEADER))}
    hour = said["deadline", ""]
    # After 400 more seconds all work is on the cheap nodes: the hour saves that much and no more.
    assert hour.saves == pytest.approx(800 / 3600 * (5 - 1))
    assert hour.rate == pytest.approx(2 * (5 - 1))
    assert said["nodes", "cheap"].saves == pytest.approx(600 / 3600 * (5 - 1))
    assert ("nodes", "dear") not in said
    assert said["work", "u/g/f/fit"].saves == pytest.approx(200 / 3600 * 5)
    # Within 2 USD the work takes 350 s: L = (10,000 - 3,600 B) / 8. All eleven nodes would take 182 s.
    dollar = said["budget", ""]
    assert (dollar.unit, dollar.rate) == ("s", pytest.approx(450))
    assert dollar.saves == pytest.approx(350 - 8000 / 44)


def test_where_nothing_binds_only_faster_work_helps() -> None:
    posed = production()
    said = shadow_prices(posed, make_plan(posed, HEADER))
    assert {one.kind for one in said} == {"work"}
    assert [one.saves for one in said] == sorted((one.saves for one in said), reverse=True)


def test_nothing_is_said_where_nothing_can_run() -> None:
    posed = replace(production(), deadline_seconds=1)
    assert shadow_prices(posed, make_plan(posed, HEADER)) == ()
