"""Pools of partitioned GPUs: patterns by hand, plans against every fixed mode, and what is told of them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from capacity_problems import HEADER, cpu_pool, job_class, problem

from fleetspec.catalog.loading import shipped
from fleetspec.compiler.spec_hardware import Pool
from fleetspec.planner import cuts
from fleetspec.planner.offers import offers_of, partitions
from fleetspec.planner.planning import make_plan
from fleetspec.planner.problem import CapacityPool, CapacityProblem, is_partition
from fleetspec.planner.violations import violations

MI300X = shipped().devices["MI300X"]
EXPONENT = 0.3


def pool(mode: str, gpus: int = 1, cores: int = 24, cap: int = 2) -> CapacityPool:
    slots, patterns = partitions(MI300X, gpus, cores, 400_000, mode)
    return CapacityPool("amd", 20.0, cores, 400_000, cap, 300, "MI300X", gpus, slots, patterns, "spec")


def networks(amd: CapacityPool, jobs: int, need: int, seconds: float = 600.0) -> CapacityProblem:
    where = {slot.name: seconds / slot.share**EXPONENT for slot in amd.slots if slot.gpu_memory_mib >= need}
    one = job_class("u/deep/nbeats/fit", jobs, 0, gpu_memory=need, amd=where)
    return problem([one], [cpu_pool(), amd], deadline=6 * 3600)


def test_patterns_of_a_node_of_eight() -> None:
    slots, patterns = partitions(MI300X, 8, 95, 1_700_000, "auto")
    assert [(slot.name, slot.gpu_memory_mib, slot.share) for slot in slots] == [
        ("spx-nps1", 186_777, 1.0),
        ("cpx-nps4", 23_347, 0.125),
    ]
    assert [(one.name, one.slots, one.cores_per_slot, one.memory_mib_per_slot) for one in patterns] == [
        ("1xspx-nps1", (("spx-nps1", 8),), 11, 212_500),
        ("8xcpx-nps4", (("cpx-nps4", 64),), 1, 26_562),
    ]


def test_a_mode_by_name_is_the_only_one_and_no_slot_is_without_a_core() -> None:
    assert [one.name for one in partitions(MI300X, 8, 95, 1_700_000, "qpx-nps1")[1]] == ["4xqpx-nps1"]
    assert [one.name for one in partitions(MI300X, 8, 63, 1_700_000, "auto")[1]] == ["1xspx-nps1"]


def test_a_pool_of_the_spec_is_partitioned_as_it_says() -> None:
    offer = "azure/Standard_ND96isr_MI300X_v5"
    for mode, names in (
        ("none", ["8xgpu"]),
        ("auto", ["1xspx-nps1", "8xcpx-nps4"]),
        ("dpx-nps1", ["2xdpx-nps1"]),
    ):
        (made,) = offers_of("amd", Pool.model_validate({"offer": offer, "partition": mode, "max": "1"}), shipped())
        assert [pattern.name for pattern in made.patterns] == names


@pytest.mark.parametrize(("jobs", "need"), [(64, 9_216), (6, 9_216), (40, 40_000), (10, 150_000)])
def test_the_plan_is_as_good_as_the_best_mode_alone(jobs: int, need: int) -> None:
    """Oracle: each mode planned by itself; a pool that may choose costs no more than the cheapest of them."""
    amd = pool("auto")
    posed = networks(amd, jobs, need)
    plan = make_plan(posed, HEADER)
    assert plan.verdict == "feasible"
    assert violations(posed, plan) == []
    alone = []
    for mode in ("spx-nps1", "cpx-nps4"):
        if any(slot.name == mode and slot.gpu_memory_mib >= need for slot in amd.slots):
            one = make_plan(networks(pool(mode), jobs, need), HEADER)
            alone += [one.cost_usd] if one.verdict == "feasible" else []
    assert plan.cost_usd <= min(alone) * 1.001
    used = {lane.slot for lane in plan.lanes}
    assert all(is_partition(slot) for slot in used)
    # 40,000 MiB fit into no eighth of an MI300X, however many jobs there are.
    assert used == ({"cpx-nps4"} if need == 9_216 else {"spx-nps1"})


def test_waves_of_one_mode_by_hand() -> None:
    # 64 jobs, 16 partitions on two nodes of one GPU: four waves one after the other, or eight on one node.
    amd = pool("cpx-nps4")
    posed = networks(amd, 64, 9_216)
    each = 600.0 * 8**EXPONENT
    for nodes, waves in ((1, 8), (2, 4)):
        plan = make_plan(replace(posed, deadline_seconds=math.ceil(waves * each + 400)), HEADER)
        assert plan.verdict == "feasible"
        (stage,) = plan.stages
        assert stage.pools[0].nodes == nodes
        assert plan.end_seconds == pytest.approx(300 + waves * each, rel=0.02)


def test_memory_that_jobs_can_use_decides_and_a_near_miss_is_told() -> None:
    # 24 GB, as the name of the mode would have it, are 24,576 MiB: more than a partition has.
    posed = networks(pool("auto"), 64, 24_000)
    plan = make_plan(posed, HEADER)
    assert {lane.slot for lane in plan.lanes} == {"spx-nps1"}
    (fit,) = cuts.fits(posed, plan)
    assert (fit.slot, fit.per_gpu) == ("spx-nps1", 1)
    (miss,) = cuts.near_misses(posed)
    assert (miss.slot, miss.less_mib, miss.per_gpu, miss.now_per_gpu) == ("cpx-nps4", 653, 8, 1)


def test_other_modes_are_told_beside_the_plan() -> None:
    posed = networks(pool("auto"), 64, 9_216)
    found = {one.layout: one for one in cuts.alternatives(posed, make_plan(posed, HEADER), {})}
    assert set(found) == {"1xspx-nps1", "8xcpx-nps4"}
    assert found["8xcpx-nps4"].chosen
    assert found["1xspx-nps1"].cost_usd is None or found["1xspx-nps1"].cost_usd > found["8xcpx-nps4"].cost_usd  # type: ignore[operator]
