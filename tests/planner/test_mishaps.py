"""What falls first, against replays done by hand: late data, a node less, and what reads from what is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from capacity_problems import HEADER, cpu_pool, drawn, job_class, mig_pool, on_mig, problem
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetspec.planner.mishaps import LATE, mishaps
from fleetspec.planner.planning import make_plan
from fleetspec.planner.problem import CapacityProblem

NOTHING: dict[str, frozenset[str]] = {}


def told(posed: CapacityProblem, rests_on: dict[str, frozenset[str]] = NOTHING) -> dict[str, Any]:
    plan = make_plan(posed, HEADER)
    assert plan.verdict == "feasible"
    return {one.what: one for one in mishaps(posed, plan, rests_on)}


def test_a_plan_with_an_hour_to_spare_stays_as_it_is() -> None:
    posed = problem([job_class(jobs=8, cpu=100.0)], [cpu_pool(cap=1)], deadline=LATE + 200)
    late = told(posed)["data 60 minutes late"]
    assert (late.holds, late.again, late.end_seconds, late.lost) == (True, False, LATE + 200, ())


def test_late_data_may_take_more_nodes() -> None:
    # 16 jobs of 100 s on 4 cores: 400 s on a node. In the 250 s that are left of the window it takes two.
    posed = problem([job_class(jobs=16, cpu=100.0)], [cpu_pool(cap=2, price=1.0)], deadline=LATE + 250)
    plan = make_plan(posed, HEADER)
    late = told(posed)["data 60 minutes late"]
    assert late.holds
    assert late.end_seconds == pytest.approx(LATE + 200)
    assert plan.end_seconds <= LATE + 250


def test_what_late_data_leave_undone_is_counted_in_whole_jobs() -> None:
    # One node, 4 jobs at a time, 100 s each: of 40 jobs, 5 rounds of 4 end in the 550 s that are left, half of them.
    posed = problem([job_class(jobs=40, cpu=100.0)], [cpu_pool(cap=1)], deadline=LATE + 550)
    late = told(posed)["data 60 minutes late"]
    assert not late.holds
    (lost,) = late.lost
    assert (lost.name, lost.jobs, lost.of) == ("u/g/f/fit", 20, 40)


def test_without_time_nothing_runs() -> None:
    posed = problem([job_class(jobs=4, cpu=100.0)], [cpu_pool(cap=1)], deadline=LATE, overhead=60)
    late = told(posed)["data 60 minutes late"]
    assert (late.holds, late.end_seconds, late.lost[0].jobs) == (False, None, 4)


def test_a_node_less_ends_later_or_falls() -> None:
    posed = problem([job_class(jobs=16, cpu=100.0)], [cpu_pool(cap=2)], deadline=250)
    (less,) = (one for what, one in told(posed).items() if "node" in what)
    # With one node 4 jobs end by 100 and 4 more by 200.
    assert (less.what, less.pool, less.holds) == ("one node of cpu less than the 2 planned", "cpu", False)
    assert [(lost.jobs, lost.of, lost.why) for lost in less.lost] == [(8, 16, "ends too late")]


def test_without_its_only_pool_a_class_falls_and_takes_its_readers_along() -> None:
    classes = [
        job_class("u/a/a/fit", 7, 0, gpu_memory=9000, gpu={"mig-1g.10gb": 10.0}),
        job_class("u/a/a/forecast", 7, 1, cpu=1.0),
        job_class("u/b/b/fit", 4, 0, cpu=1.0),
    ]
    posed = problem(classes, [cpu_pool(), mig_pool("gpu", cap=1)])
    less = told(posed, {"u/a/a/forecast": frozenset({"u/a/a/fit"})})["no node of gpu (1 planned)"]
    assert [(lost.name, lost.why) for lost in less.lost] == [
        ("u/a/a/fit", "runs on gpu only"),
        ("u/a/a/forecast", "reads what is missing"),
    ]
    assert not less.holds
    assert less.end_seconds is not None


def test_on_a_bad_night_it_counts_whether_it_ends_in_time() -> None:
    # With time, 80 jobs take 2,000 s on the cheap node. In the 420 s that an hour's delay leaves, both nodes end after
    # 400 s: too close to be in time in 99 % of nights, yet in time.
    pools = [cpu_pool("cheap", 1.0, cap=1), cpu_pool("dear", 20.0, cap=1)]
    posed = problem([job_class(jobs=80, cheap=100.0, dear=25.0)], pools, deadline=LATE + 420)
    late = told(replace(posed, on_time=0.99))["data 60 minutes late"]
    assert (late.holds, late.again, late.end_seconds) == (True, True, pytest.approx(LATE + 400))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_laws_of_mishaps(seed: int) -> None:
    posed = drawn(seed)
    plan = make_plan(posed, HEADER)
    if plan.verdict != "feasible":
        return
    jobs = {one.name: one.jobs for one in posed.classes}
    for one in mishaps(posed, plan, NOTHING):
        assert not (one.holds and one.lost)
        assert len({lost.name for lost in one.lost}) == len(one.lost)
        for lost in one.lost:
            assert 0 < lost.jobs <= lost.of == jobs[lost.name]
        if one.holds:
            assert one.end_seconds is not None
            assert one.end_seconds <= posed.deadline_seconds + 1e-6


def test_the_worst_comes_first_and_says_a_way_out() -> None:
    """GPU jobs that run nowhere else fall with their pool; late data only cost time; a spare CPU node costs nothing."""
    gpu = mig_pool(cap=1)
    posed = problem(
        [job_class("u/g/a/fit", 30, gpu_memory=9000, gpu=on_mig(gpu, 60.0, 9000)), job_class("u/g/b/fit", 4, cpu=10.0)],
        [cpu_pool(), gpu],
        deadline=3 * LATE,
    )
    found = mishaps(posed, make_plan(posed, HEADER), NOTHING)
    assert [one.what for one in found][:2] == ["no node of gpu (1 planned)", "no node of cpu (1 planned)"]
    assert [one.holds for one in found] == [False, False, True]
    assert found[0].way_out == "a second pool under hardware, with GPUs that hold them, not H100-80GB alone"
    assert found[2].way_out == ""


def test_what_is_late_is_said_with_the_time_it_lacks() -> None:
    posed = problem([job_class(jobs=40, cpu=100.0)], [cpu_pool(cap=1)], deadline=LATE + 550)
    late = told(posed)["data 60 minutes late"]
    # 1,000 s of work from 3,600 s on end at 4,600 s: 450 s, in whole minutes 8, after the deadline.
    assert late.way_out == "schedule.deadline 8m later"
