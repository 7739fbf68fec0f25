"""Laws of the judge: no chance is the plan itself, more chance never helps, and seeds are never shared."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from capacity_problems import HEADER, cpu_pool, drawn, job_class, problem, production
from waiting import crossing, waiting

from fleetspec.planner.assembly import Findings, assemble
from fleetspec.planner.formulation import Allocation
from fleetspec.planner.judge import MOST_NODES, judge, nights, wilson
from fleetspec.planner.judge_rooms import Load, last_end
from fleetspec.planner.noise import JUDGED_ON, NONE, TIGHTENED_ON, Noise
from fleetspec.planner.planning import make_plan
from fleetspec.planner.plans import Plan
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.simulate import replay
from fleetspec.planner.terrain import survey
from fleetspec.planner.violations import violations


def loads(trials: int, *listed: tuple[int, int, float, float]) -> list[Load]:
    return [Load(jobs, width, np.full(trials, t), spread, t) for jobs, width, t, spread in listed]


def listed_scheduling(jobs: list[float], lanes: int) -> float:
    """Longest first, each job to the lane that is free first: one at a time."""
    free = np.zeros(lanes)
    for seconds in jobs:
        free[np.argmin(free)] += seconds
    return float(free.max())


@pytest.mark.parametrize("seed", range(12))
def test_without_chance_every_night_is_the_plan(seed: int) -> None:
    posed = drawn(seed)
    plan = make_plan(posed, HEADER)
    found = nights(posed, plan, 1, 3, NONE)
    assert found.ends == pytest.approx(plan.end_seconds)
    assert found.costs == pytest.approx(plan.cost_usd)


@pytest.mark.parametrize(("jobs", "lanes"), [(1, 4), (7, 4), (8, 4), (33, 8), (1000, 16), (130, 64), (5000, 64)])
def test_rooms_without_chance_are_list_scheduling(jobs: int, lanes: int) -> None:
    end = last_end(np.zeros((2, lanes)), loads(2, (jobs, lanes, 10.0, 0.0)), 1.0, np.random.default_rng(0))
    assert end == pytest.approx(listed_scheduling([10.0] * jobs, lanes))


@pytest.mark.parametrize(("jobs", "lanes", "spread"), [(6, 3, 0.5), (40, 8, 0.3), (700, 8, 0.6), (300, 150, 0.4)])
def test_rooms_end_when_jobs_dealt_out_one_by_one_do(jobs: int, lanes: int, spread: float) -> None:
    trials, rng = 1500, np.random.default_rng(5)
    free = np.zeros((trials, min(lanes, 64)))
    ends = last_end(free, loads(trials, (jobs, lanes, 10.0, spread)), 1.0, rng)
    drawn_jobs = 10.0 * np.exp(spread * rng.standard_normal((trials, jobs)) - spread**2 / 2)
    one_by_one = np.array([listed_scheduling(list(row), lanes) for row in drawn_jobs[:400]])
    for level in (0.1, 0.5, 0.95):
        assert np.quantile(ends, level) == pytest.approx(np.quantile(one_by_one, level), rel=0.05)


def test_fluid_jobs_and_real_ones_take_as_long() -> None:
    rng = np.random.default_rng(0)
    fluid = last_end(np.zeros((400, 8)), loads(400, (5000, 8, 0.1, 0.2)), 1e6, rng)
    real = last_end(np.zeros((400, 8)), loads(400, (5000, 8, 0.1, 0.2)), 1.0, rng)
    assert np.median(fluid) == pytest.approx(np.median(real), rel=0.01)


def test_more_chance_never_makes_a_plan_surer() -> None:
    posed = production()
    plan = make_plan(posed, HEADER)
    shares = []
    for scale in (0.0, 0.2, 0.5, 1.0, 2.0):
        noise = Noise(0.05 * scale, 0.25 * scale, 0.02 * scale, 900.0, 0.01 * scale, 900.0, scale, scale)
        shares.append(np.mean(nights(posed, plan, 3, 2000, noise).ends <= plan.deadline_seconds))
    assert shares[0] == 1.0
    assert all(later <= earlier + 0.01 for earlier, later in pairwise(shares))
    assert shares[-1] < 0.9


def test_a_chance_is_ordered_and_repeats() -> None:
    posed = production()
    plan = make_plan(posed, HEADER)
    chance = plan.chance
    assert chance is not None
    assert chance == judge(posed, plan)
    assert chance.interval[0] < chance.p_on_time < chance.interval[1]
    assert chance.end_p50 <= chance.end_p95
    assert chance.cost_p50 <= chance.cost_p95
    assert chance.seeds == (JUDGED_ON,)


def test_seeds_to_plan_with_never_judge() -> None:
    assert JUDGED_ON not in TIGHTENED_ON


def test_a_wrong_figure_moves_all_classes_that_rest_on_it() -> None:
    """Two classes of one family are late together: a night of both varies as a night of one does."""
    pools, noise = [cpu_pool(cpu=4)], replace(NONE, errors=1.0)

    def wide(*names: str) -> float:
        classes = [job_class(name, 400 // len(names), cpu=10.0) for name in names]
        unsure = [replace(c, placements=tuple(replace(p, error=0.3) for p in c.placements)) for c in classes]
        posed = problem(unsure, pools, 36_000)
        return float(np.std(np.log(nights(posed, make_plan(posed, HEADER), 2, 2000, noise).ends)))

    assert wide("u/g/f/fit", "v/g/f/fit") == pytest.approx(wide("u/g/f/fit"), rel=0.05)
    assert wide("u/g/f/fit", "v/g/h/fit") == pytest.approx(wide("u/g/f/fit") / np.sqrt(2), rel=0.1)


def test_late_data_delay_nights_and_nothing_else() -> None:
    posed = problem([job_class(jobs=8, cpu=10.0)], [cpu_pool()], 3600)
    plan = make_plan(posed, HEADER)
    found = nights(posed, plan, 9, 20_000, replace(NONE, late=0.1, late_seconds=600.0))
    delayed = found.ends - plan.end_seconds > 1e-6
    assert np.mean(delayed) == pytest.approx(0.1, abs=0.01)
    assert np.mean(found.ends[delayed] - plan.end_seconds) == pytest.approx(600, rel=0.1)
    assert found.costs == pytest.approx(plan.cost_usd)


def test_nothing_to_run_has_no_chance() -> None:
    posed = problem([job_class(jobs=0, cpu=10.0)], [cpu_pool()], 3600)
    assert make_plan(posed, HEADER).chance is None


def test_wilson_covers_a_share_it_has_seen() -> None:
    # Wilson (1927) by hand: 8 of 10 at z = 1.96 give 0.490 to 0.943.
    assert wilson(0.8, 10) == pytest.approx((0.490, 0.943), abs=5e-4)
    low, high = wilson(1.0, 100)
    assert 0.96 < low < high == 1.0


def test_stages_that_overlap_end_when_single_jobs_do() -> None:
    """Jobs of two chains that cross, drawn one by one: each class when the one before it in its chain has ended, first
    come, first served."""
    posed = crossing()
    plan = make_plan(posed, HEADER)
    assert plan.overlap is not None
    noise, trials = replace(NONE, jobs=3.0), 4000
    ends = nights(posed, plan, 4, trials, noise).ends
    rng, spread = np.random.default_rng(8), 3.0 * posed.classes[0].placements[0].spread

    def draw(count: int) -> np.ndarray:
        return 10.0 * np.exp(spread * rng.standard_normal((trials, count)) - spread**2 / 2)

    first, second = draw(10).sum(axis=1), draw(2).sum(axis=1)
    third = second + draw(8).sum(axis=1)
    seen = np.maximum(first, third) + draw(2).sum(axis=1)
    for level in (0.05, 0.5, 0.95):
        assert np.quantile(ends, level) == pytest.approx(np.quantile(seen, level), rel=0.02)
    # Without chance it is the plan, and what both pools cost.
    calm = nights(posed, plan, 4, 2, NONE)
    assert calm.ends == pytest.approx(plan.end_seconds)
    assert calm.costs == pytest.approx(plan.cost_usd)


@pytest.mark.parametrize("seed", range(8))
def test_without_chance_overlap_is_the_plan_too(seed: int) -> None:
    posed = waiting(seed)
    plan = make_plan(posed, HEADER)
    found = nights(posed, plan, 1, 3, NONE)
    assert found.ends == pytest.approx(plan.end_seconds)
    assert found.costs == pytest.approx(plan.cost_usd)


def fewer_nodes_later(stage_nodes: int) -> tuple[CapacityProblem, Plan]:
    """Eight equal jobs on two nodes, then four on ``stage_nodes`` of them."""
    posed = problem(
        [job_class("u/g/a/fit", 8, 0, cpu=60.0), job_class("u/g/b/fit", 4, 1, cpu=60.0)], [cpu_pool(boot=30)], 3600
    )
    allocation = Allocation({0: 90.0, 1: 60.0}, {(0, "", 0): 2, (0, "", 1): stage_nodes}, {(0, 0): 1, (1, 0): 1}, "")
    land = survey(posed)
    return posed, assemble(land, HEADER, Findings("feasible", None, replay(land, allocation), 0, ()))


def test_a_node_that_only_waits_does_not_work() -> None:
    posed, plan = fewer_nodes_later(1)
    use = plan.stages[1].pools[0]
    assert (use.nodes, use.waiting) == (2, (("", 1),))
    assert violations(posed, plan) == []
    # What the judge makes of the stage is the same as if the waiting node were gone.
    alone = replace(plan, stages=(plan.stages[0], replace(plan.stages[1], pools=(replace(use, nodes=1, waiting=()),))))
    noise = Noise(0.1, 0.25, 0.0, 0.0, 0.0, 0.0)
    assert nights(posed, plan, 4, 500, noise).ends == pytest.approx(nights(posed, alone, 4, 500, noise).ends)
    assert fewer_nodes_later(2)[1].stages[1].pools[0].waiting == ()


def waiting_beside_overlap() -> tuple[CapacityProblem, Plan]:
    """Twelve jobs on three nodes; then two classes that overlap, on one node while the other two wait."""
    classes = [
        job_class("u/g/a/fit", 12, 0, cpu=60.0),
        replace(job_class("u/g/b/fit", 12, 1, cpu=60.0), after=("u/g/a/fit",)),
        replace(job_class("u/g/c/fit", 8, 2, cpu=60.0), after=("u/g/a/fit",)),
    ]
    posed = problem(classes, [cpu_pool(cap=3, boot=30)], 3600)
    nodes = {(0, "", 0): 3, (0, "", 1): 1, (0, "", 2): 1}
    land = survey(posed)
    made = replay(
        land, Allocation({0: 90.0, 1: 180.0, 2: 120.0}, nodes, {(0, 0): 1, (1, 0): 1, (2, 0): 1}, ""), barriers=False
    )
    return posed, assemble(land, HEADER, Findings("feasible", None, made, 0, ()))


def test_a_node_that_only_waits_does_not_work_beside_stages_that_overlap() -> None:
    posed, plan = waiting_beside_overlap()
    assert plan.overlap is not None
    use = plan.stages[1].pools[0]
    assert (use.nodes, use.waiting) == (3, (("", 2),))
    gone = replace(plan.stages[1], pools=(replace(use, nodes=1, waiting=()),))
    alone = replace(plan, stages=(plan.stages[0], gone, plan.stages[2]))
    noise = Noise(0.1, 0.25, 0.0, 0.0, 0.0, 0.0)
    assert nights(posed, plan, 4, 500, noise).ends == pytest.approx(nights(posed, alone, 4, 500, noise).ends)


def test_nodes_given_back_in_a_long_stage_boot_again_in_the_next() -> None:
    """Two nodes, then one for longer than an idle node is kept, then two: one boots, and its boot varies."""
    jobs = [("u/g/a/fit", 8), ("u/g/b/fit", 12), ("u/g/c/fit", 8)]
    posed = problem([job_class(name, count, at, cpu=60.0) for at, (name, count) in enumerate(jobs)],
                    [cpu_pool(boot=30)], 3600)  # fmt: skip
    land = survey(posed)
    nodes = {(0, "", 0): 2, (0, "", 1): 1, (0, "", 2): 2}
    made = replay(land, Allocation({0: 90.0, 1: 180.0, 2: 90.0}, nodes, {(0, 0): 1, (1, 0): 1, (2, 0): 1}, ""))
    plan = assemble(land, HEADER, Findings("feasible", None, made, 0, ()))
    boots = replace(NONE, boot=1.0)
    # Stage 0 ends with the slower of two boots; stage 2 with the one that is booted again, a boot of 30 s beside 60 s
    # of jobs on the other node.
    varied = nights(posed, plan, 6, 4000, boots).ends - nights(posed, plan, 6, 4000, NONE).ends
    once = replace(plan, stages=plan.stages[:2], lanes=tuple(lane for lane in plan.lanes if lane.stage < 2))
    before = nights(posed, once, 6, 4000, boots).ends - nights(posed, once, 6, 4000, NONE).ends
    assert np.std(varied) > 1.1 * np.std(before)


def test_boots_of_very_many_nodes_are_drawn_for_some() -> None:
    """A stage of 4,000 nodes ends when one of 256 times fewer jobs on 256 nodes does, and takes no more memory."""
    ends = []
    for nodes in (MOST_NODES, 4000):
        posed = problem([job_class("u/g/a/fit", nodes * 8, cpu=60.0)], [cpu_pool(cap=nodes, boot=30)], 3600)
        land = survey(posed)
        made = replay(land, Allocation({0: 150.0}, {(0, "", 0): nodes}, {(0, 0): 1.0}, ""))
        plan = assemble(land, HEADER, Findings("feasible", None, made, 0, ()))
        ends.append(
            np.quantile(nights(posed, plan, 4, 1000, Noise(0.1, 0.25, 0.0, 0.0, 0.0, 0.0)).ends, [0.1, 0.5, 0.9])
        )
    assert ends[1] == pytest.approx(ends[0], rel=0.05)
