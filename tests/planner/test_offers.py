"""Spot and owned nodes beside those on demand: hand-computed plans, and laws that another offer cannot break."""

from __future__ import annotations

from dataclasses import replace

import pytest
from capacity_problems import HEADER, cpu_pool, job_class, problem
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetspec.catalog.loading import shipped
from fleetspec.compiler.spec_hardware import Pool
from fleetspec.planner.formulation import Allocation, free_lengths
from fleetspec.planner.judge import judge, nights
from fleetspec.planner.noise import NONE, USUAL
from fleetspec.planner.offers import lost_share, offers_of, restart_seconds, turns_factor
from fleetspec.planner.planning import make_plan
from fleetspec.planner.polish import polished
from fleetspec.planner.problem import CapacityProblem, DemandClass
from fleetspec.planner.shadow import shadow_prices
from fleetspec.planner.simulate import replay
from fleetspec.planner.terrain import survey
from fleetspec.planner.violations import violations

LAWS = settings(max_examples=12, deadline=None, derandomize=True)


def with_spot(base: CapacityProblem, price: float, preempt: float) -> CapacityProblem:
    """The first pool of a problem also as spot, its jobs as much longer as they lose."""
    pool = replace(base.pools[0], pool_of=base.pools[0].name)
    name = pool.name + "-spot"
    spot = replace(pool, name=name, usd_per_hour=price, purchase="spot", preempt_per_hour=preempt)

    def doubled(one: DemandClass) -> DemandClass:
        more = []
        for place in one.placements:
            if place.pool == pool.name:
                lost = lost_share(spot, place.seconds)
                more.append(replace(place, pool=name, seconds=place.seconds * (1 + lost), lost=lost))
        return replace(one, placements=(*one.placements, *more))

    return replace(base, classes=tuple(map(doubled, base.classes)), pools=(pool, *base.pools[1:], spot))


def test_a_job_on_spot_takes_what_it_loses_longer() -> None:
    spot = replace(cpu_pool(boot=240), preempt_per_hour=0.04)
    # λ (t/2 + restart) with λ = 0.04 / 3600 s: of an hour's job, 1800 s are lost and 300 s waited for.
    assert restart_seconds(240) == 300
    assert lost_share(spot, 3600.0) == pytest.approx(0.04 / 3600 * 2100)


def test_spot_is_bought_where_it_is_cheaper_by_more_than_it_loses() -> None:
    base = problem([job_class(jobs=40, cpu=600.0)], [cpu_pool(cpu=4, cap=4, boot=60)], deadline=7200)
    cheap = make_plan(with_spot(base, 0.4, 0.05), HEADER)
    assert {use.pool for stage in cheap.stages for use in stage.pools} == {"cpu-spot"}
    # 40 jobs of 10 minutes on 4 cores: 100 node-minutes and what is lost of them, at 0.4 USD/h.
    work = 40 * 600 / 4 * (1 + 0.05 / 3600 * (300 + 120))
    assert cheap.bound_usd == pytest.approx((work + 60) / 3600 * 0.4, rel=1e-3)
    assert cheap.cost_usd >= cheap.bound_usd
    # Taken back nearly every hour, an hour's job on spot at 0.8 of the price costs more than on demand.
    risky = make_plan(
        with_spot(problem([job_class(jobs=8, cpu=3600.0)], [cpu_pool(cap=2)], deadline=9000), 0.8, 0.9), HEADER
    )
    assert {use.pool for stage in risky.stages for use in stage.pools} == {"cpu"}


def test_offers_of_a_pool_share_its_maximum() -> None:
    # 32 jobs of 900 s on 2 nodes of 4 cores take an hour; on 2 of each it would be half of one.
    base = problem([job_class(jobs=32, cpu=900.0)], [cpu_pool(cpu=4, cap=2)], deadline=2000)
    both = with_spot(base, 0.5, 0.01)
    assert make_plan(both, HEADER).verdict == "infeasible"
    four = replace(both, pools=tuple(replace(pool, cap=4) for pool in both.pools))
    plan = make_plan(four, HEADER)
    assert plan.verdict == "feasible"
    assert max(sum(use.nodes for use in stage.pools) for stage in plan.stages) <= 4
    assert violations(four, plan) == []
    changed = replace(four, pools=tuple(replace(pool, cap=2) for pool in four.pools))
    assert any("nodes of cpu and cpu-spot, at most 2" in fault or "at most 2" in fault
               for fault in violations(changed, plan))  # fmt: skip


def test_violations_count_all_offers_of_a_pool_together() -> None:
    # A long job cannot be on spot in time, short ones are cheaper there: the plan mixes both.
    classes = [job_class("u/a/f/fit", jobs=4, cpu=3000.0), job_class("u/b/f/fit", jobs=400, cpu=20.0)]
    both = with_spot(problem(classes, [cpu_pool(cpu=4, cap=3, boot=10)], deadline=3030), 0.3, 0.5)
    plan = make_plan(both, HEADER)
    used = {use.pool: use.nodes for stage in plan.stages for use in stage.pools}
    assert set(used) == {"cpu", "cpu-spot"}
    assert violations(both, plan) == []
    least = max(used.values())
    fewer = replace(both, pools=tuple(replace(pool, cap=least) for pool in both.pools))
    assert any("nodes of cpu and cpu-spot" in fault for fault in violations(fewer, plan))


@given(st.floats(0.05, 0.99), st.floats(0.001, 0.9), st.integers(1, 60), st.floats(5.0, 2000.0))
@LAWS
def test_another_offer_never_raises_the_bound(price: float, preempt: float, jobs: int, seconds: float) -> None:
    base = problem([job_class(jobs=jobs, cpu=seconds)], [cpu_pool(cap=6, boot=30)], deadline=14_400)
    plain, both = survey(base), survey(with_spot(base, price, preempt))
    before, after = free_lengths(plain, time=plain.time), free_lengths(both, time=both.time)
    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert after.cost_usd <= before.cost_usd * (1 + 1e-6)


@given(st.floats(0.05, 0.95), st.integers(1, 60), st.floats(5.0, 2000.0))
@LAWS
def test_spot_that_is_never_taken_costs_at_most_what_on_demand_does(price: float, jobs: int, seconds: float) -> None:
    base = problem([job_class(jobs=jobs, cpu=seconds)], [cpu_pool(cap=6, boot=30)], deadline=14_400)
    both = with_spot(base, price, 0.0)
    ours, theirs = make_plan(both, HEADER), make_plan(base, HEADER)
    assert ours.cost_usd <= theirs.cost_usd * (1 + 1e-6)
    assert violations(both, ours) == []


def test_a_node_more_is_one_of_any_offer() -> None:
    classes = [job_class("u/a/f/fit", jobs=64, cpu=900.0)]
    both = with_spot(problem(classes, [cpu_pool("cpu", 2.0, cap=3), cpu_pool("dear", 9.0, cap=9)], deadline=3600),
                     1.0, 0.01)  # fmt: skip
    dear = tuple(
        replace(one, placements=(*one.placements, replace(one.placements[0], pool="dear"))) for one in both.classes
    )
    both = replace(both, classes=dear)
    found = [one for one in shadow_prices(both, make_plan(both, HEADER)) if one.kind == "nodes"]
    assert [(one.name, one.route) for one in found] == [("cpu", ("hardware", "cpu", "max"))]
    assert found[0].saves == pytest.approx(found[0].rate, rel=0.3)


def test_nights_on_spot_vary_about_what_was_planned() -> None:
    base = problem([job_class(jobs=40, cpu=600.0)], [cpu_pool(cpu=4, cap=4)], deadline=36_000)
    both = with_spot(base, 0.4, 0.2)
    plan = make_plan(both, HEADER)
    only = replace(NONE, taken=1.0)
    found = nights(both, plan, 3, 4000, only)
    assert found.costs.mean() == pytest.approx(plan.cost_usd, rel=0.02)
    assert found.ends.std() > 0
    still = nights(both, plan, 3, 10, NONE)
    assert still.ends.max() == pytest.approx(plan.end_seconds)
    chance = judge(both, plan)
    assert chance is not None
    assert any("spot nodes are taken back" in text for text in chance.assumptions)
    assert USUAL.taken == 1.0


def test_an_owned_node_costs_its_power_and_its_purchase_is_told_beside() -> None:
    owned = replace(cpu_pool(price=0.5, cpu=4, cap=2), purchase="owned", capex_per_hour=1.5)
    plan = make_plan(problem([job_class(jobs=8, cpu=1800.0)], [owned], deadline=7200), HEADER)
    # 8 jobs of half an hour on 4 cores: one node-hour, at 0.50 USD of power and 1.50 USD of its price.
    assert plan.cost_usd == pytest.approx(0.5, rel=0.05)
    assert plan.loaded_usd == pytest.approx(4 * plan.cost_usd)
    assert plan.to_json()["pools"][0]["purchase"] == "owned"


def shared_pool(how: str, gpus: int = 2) -> Pool:
    return Pool.model_validate(
        {"cpu": "32", "memory": "128Gi", "gpu": "RTX-4090", "per_node": str(gpus), "share": how, "max": "1",
         "price": "0.62 USD/h"}
    )  # fmt: skip


def test_shares_of_a_gpu_divide_its_memory_and_the_cores_of_its_node() -> None:
    (pool,) = offers_of("desk", shared_pool("mps"), shipped())
    slots = {slot.name: slot for slot in pool.slots}
    assert slots["gpu"].gpu_memory_mib == 24564
    assert (slots["shared-4"].gpu_memory_mib, slots["shared-4"].share) == (24564 // 4, 0.25)
    patterns = {pattern.name: pattern for pattern in pool.patterns}
    # 31 cores of 32 are for jobs: 8 shares of 2 GPUs get 3 each, and 32 shares would get none.
    assert (patterns["4xshared-4"].slots, patterns["4xshared-4"].cores_per_slot) == ((("shared-4", 8),), 3)
    assert "16xshared-16" not in patterns
    assert all(dict(pattern.slots).keys() <= slots.keys() for pattern in pool.patterns)


def test_turns_take_longer_than_shares_side_by_side() -> None:
    (side,), (turns,) = (offers_of("desk", shared_pool(how), shipped()) for how in ("mps", "time-slice"))
    assert turns_factor(side, "shared-4") == 1.0
    assert turns_factor(turns, "gpu") == 1.0
    assert turns_factor(turns, "shared-4") == 1.1


def test_jobs_that_do_not_fill_a_gpu_share_it() -> None:
    (pool,) = offers_of("desk", shared_pool("mps"), shipped())
    # Alone a job takes 100 s of a whole GPU; on a quarter 200 s, so four of them side by side take half as long.
    one = job_class(jobs=400, gpu_memory=3000, desk={"gpu": 100.0, "shared-4": 200.0})
    pool = replace(pool, boot_seconds=0)
    only = replace(pool, slots=pool.slots[:1], patterns=pool.patterns[:1])
    kept = tuple(place for place in one.placements if place.slot == "gpu")
    alone = make_plan(problem([replace(one, placements=kept)], [only], deadline=36_000), HEADER)
    both = problem([one], [pool], deadline=36_000)
    shared = make_plan(both, HEADER)
    assert alone.cost_usd == pytest.approx(400 * 100 / 2 / 3600 * 0.62, rel=0.02)
    assert shared.cost_usd == pytest.approx(alone.cost_usd / 2, rel=0.02)
    assert violations(both, shared) == []
    assert [line.slot for line in shared.pools[0].workers] == ["shared-4"]


def test_small_changes_keep_to_the_nodes_that_offers_share() -> None:
    """Twelve jobs of 100 s on two nodes of four cores are late; with a spot node more they would not be, but two is all
    there are."""
    classes = [job_class("u/g/a/fit", 8, cpu=100.0), job_class("u/g/b/fit", 4, cpu=100.0)]
    posed = with_spot(problem(classes, [cpu_pool(cpu=4, cap=2)], deadline=150), 0.5, 0.0)
    late = replay(survey(posed), Allocation({0: 150.0}, {(0, "", 0): 2}, {(0, 0): 1.0, (1, 0): 1.0}, ""))
    assert late.end == 200
    assert sum(polished(survey(posed), late, 0.0).peaks.values()) == 2
    more = replace(posed, pools=tuple(replace(pool, cap=3) for pool in posed.pools))
    assert polished(survey(more), late, 0.0).end == 100
