"""Layouts: which slice holds what, near misses by hand, other layouts re-planned, and the price of a drain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from capacity_problems import HEADER, cpu_pool, job_class, mig_pool, on_mig, problem, whole_gpu_pool

from fleetspec.planner import cuts
from fleetspec.planner.planning import make_plan
from fleetspec.planner.problem import CapacityProblem

H100 = mig_pool("gpu", price=10.0, cap=1, boot=300)


def network(need: int, jobs: int = 70) -> CapacityProblem:
    one = job_class("u/deep/nbeats/fit", jobs, 0, gpu_memory=need, gpu=on_mig(H100, 100.0, need))
    return problem([one], [cpu_pool(), H100], deadline=20_000)


def test_the_smallest_slice_that_holds_a_job_by_usable_memory() -> None:
    # A 1g.10gb of an H100 leaves 9,984 MiB to a process, and a GPU has 7 of them; 20,091 MiB are in 4 slices.
    (fit,) = cuts.fits(network(9216), make_plan(network(9216), HEADER))
    assert (fit.slot, fit.usable_mib, fit.per_gpu) == ("mig-1g.10gb", 9984, 7)
    (fit,) = cuts.fits(network(10_240), make_plan(network(10_240), HEADER))
    assert (fit.slot, fit.usable_mib, fit.per_gpu) == ("mig-1g.20gb", 20_091, 4)


@pytest.mark.parametrize(
    ("need", "less"),
    [(9984, None), (9985, 1), (10_240, 256), (10_483, 499), (10_484, None), (20_091, None), (20_480, 389)],
)
def test_a_near_miss_is_one_of_under_five_percent(need: int, less: int | None) -> None:
    found = cuts.near_misses(network(need))
    assert [miss.less_mib for miss in found] == ([] if less is None else [less])
    if less == 256:
        (miss,) = found
        assert (miss.slot, miss.per_gpu, miss.now_per_gpu) == ("mig-1g.10gb", 7, 4)


def test_memory_of_the_node_can_make_a_smaller_slice_useless() -> None:
    # 7 slices share 200,000 MiB of the node: a job of 40,000 has no room in any of them, however little GPU it needs.
    one = job_class("u/deep/nbeats/fit", 7, 0, memory=40_000, gpu_memory=10_240, gpu=on_mig(H100, 100.0, 10_240))
    assert cuts.near_misses(problem([one], [H100])) == ()


def test_other_layouts_are_planned_and_the_plan_is_the_cheapest() -> None:
    posed = network(9216)
    plan = make_plan(posed, HEADER)
    whole = whole_gpu_pool("gpu", price=10.0, cap=1, boot=300, gpus=1)
    uncut = problem(
        [job_class("u/deep/nbeats/fit", 70, 0, gpu_memory=9216, gpu={"gpu": 100.0})], [cpu_pool(), whole], 20_000
    )
    found = {one.layout: one for one in cuts.alternatives(posed, plan, {"gpu": uncut})}
    assert set(found) == {"7x1g.10gb", "4x1g.20gb", "2x3g.40gb", "1x7g.80gb", cuts.WHOLE}
    assert [name for name, one in found.items() if one.chosen] == ["7x1g.10gb"]
    assert found["7x1g.10gb"].cost_usd == pytest.approx(plan.cost_usd)
    # 70 jobs of 100 s one after the other on a whole GPU, which boots for 300 s and idles for as long as it may.
    assert found[cuts.WHOLE].cost_usd == pytest.approx((70 * 100 + 300) / 3600 * 10, rel=0.02)
    assert all(one.cost_usd is None or one.cost_usd >= plan.cost_usd * 0.999 for one in found.values())


@pytest.mark.parametrize("cap", [1, 2, 8])
def test_layouts_that_do_the_same_are_of_equal_slices(cap: int) -> None:
    posed = network(9216)
    more = replace(posed, pools=tuple(replace(pool, cap=cap) if pool.gpu else pool for pool in posed.pools))
    # One slice of 20 GB beside six of 10 GB would do as well, and programs take it where there may be several nodes.
    assert cuts.layout_of(make_plan(more, HEADER)) == {"gpu": {"7x1g.10gb": 1}}


def test_a_layout_that_holds_no_job_is_said_to_be_none() -> None:
    posed = network(30_000)
    found = {one.layout: one for one in cuts.alternatives(posed, make_plan(posed, HEADER), {})}
    assert (found["7x1g.10gb"].verdict, found["7x1g.10gb"].cost_usd) == ("infeasible", None)
    assert found["2x3g.40gb"].cost_usd is not None


def test_keeping_the_layout_that_stands_is_priced_against_a_drain() -> None:
    posed = network(9216)
    plan = make_plan(posed, HEADER)
    assert cuts.layout_of(plan) == {"gpu": {"7x1g.10gb": 1}}
    same = cuts.standing(posed, plan, {"gpu": {"7x1g.10gb": 1}})
    assert same is not None
    assert (same.same, same.switched, same.drain_usd) == (True, 0, 0.0)
    kept = cuts.standing(posed, plan, {"gpu": {"4x1g.20gb": 1}, "gone": {"7x1g.10gb": 1}})
    assert kept is not None
    assert kept.layout == (("gpu", (("4x1g.20gb", 1),)),)
    # One node boots again for 300 s at 10 USD/h.
    assert (kept.switched, kept.drain_seconds, kept.drain_usd) == (1, 300, pytest.approx(300 / 3600 * 10))
    only = {one.layout: one for one in cuts.alternatives(posed, plan, {})}["4x1g.20gb"]
    assert kept.cost_usd == pytest.approx(only.cost_usd)


def test_a_layout_in_which_nothing_holds_has_no_price() -> None:
    posed = network(30_000)
    kept = cuts.standing(posed, make_plan(posed, HEADER), {"gpu": {"7x1g.10gb": 1}})
    assert kept is not None
    assert kept.cost_usd is None
    late = replace(network(9216, 700), deadline_seconds=13_000)
    kept = cuts.standing(late, make_plan(late, HEADER), {"gpu": {"1x7g.80gb": 1}})
    assert kept is not None
    assert kept.cost_usd is None


def test_nodes_that_come_on_top_need_no_drain() -> None:
    assert cuts.standing(network(9216), make_plan(network(9216), HEADER), {}) is None
    posed = replace(network(9216), pools=(cpu_pool(), replace(H100, cap=2)), deadline_seconds=1600)
    plan = make_plan(posed, HEADER)
    here = cuts.layout_of(plan)["gpu"]
    assert sum(here.values()) == 2
    kept = cuts.standing(posed, plan, {"gpu": {max(here): 1}})
    assert kept is not None
    assert kept.same
