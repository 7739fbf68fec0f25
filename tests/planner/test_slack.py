"""The waterfall: its steps fill the window, and boots are those of the node that works last."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from capacity_problems import HEADER, cpu_pool, drawn, job_class, mig_pool, on_mig, problem
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import waiting

from fleetspec.planner.planning import make_plan
from fleetspec.planner.plans import Plan
from fleetspec.planner.slack import WORTH, Step, waterfall


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_steps_fill_the_window(seed: int) -> None:
    plan = make_plan(drawn(seed), HEADER)
    steps = waterfall(plan)
    if not plan.stages:
        assert steps == ()
        return
    fill_the_window(plan, steps)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_steps_of_stages_that_overlap_fill_the_window(seed: int) -> None:
    plan = make_plan(waiting(seed), HEADER)
    if plan.stages:
        fill_the_window(plan, waterfall(plan))


def fill_the_window(plan: Plan, steps: tuple[Step, ...]) -> None:
    """Each step begins where the last one ended, in the order of time, and is worth a row."""
    clock = 0.0
    for step in steps:
        assert step.start_seconds == pytest.approx(clock)
        assert step.seconds >= WORTH * plan.end_seconds or step.kind in ("startup", "slack")
        assert step.kind != "wait", "somebody works, or boots, until the end"
        clock += step.seconds
    assert clock == pytest.approx(plan.deadline_seconds)
    assert steps[-1].seconds == pytest.approx(plan.deadline_seconds - plan.end_seconds)
    assert all(one != other for one, other in pairwise((step.kind, step.what) for step in steps))


def test_what_is_too_short_to_read_is_part_of_the_step_before() -> None:
    # 100 s of fits, then 20 ms of forecasts on the same nodes.
    classes = [job_class("u/a/a/fit", 8, 0, cpu=50.0), job_class("u/a/a/forecast", 8, 1, cpu=0.01)]
    plan = make_plan(problem(classes, [cpu_pool(cap=1)], deadline=300), HEADER)
    assert [(step.kind, step.what, step.seconds) for step in waterfall(plan)] == [
        ("startup", "admission, Ray's head, image", 0),
        ("run", "0 fit, u/a/a", pytest.approx(100.02)),
        ("slack", "until the deadline", pytest.approx(199.98)),
    ]


def test_a_class_that_queues_is_not_said_to_boot() -> None:
    """One node of one core: b's forecasts are released while a is fitted, and wait for the core, not for a node."""
    classes = [
        job_class("u/b/b/fit", 1, 0, cpu=20.0),
        job_class("u/a/a/fit", 1, 0, cpu=10.0),
        job_class("u/b/b/forecast", 1, 1, cpu=15.0),
    ]
    classes = [replace(one, after=("u/b/b/fit",) if one.stage else ()) for one in classes]
    plan = make_plan(problem(classes, [cpu_pool(cpu=1, cap=1, boot=40)], deadline=300), HEADER)
    assert [(step.kind, step.seconds) for step in waterfall(plan)] == [
        ("startup", 0),
        ("boot", 40),
        ("run", pytest.approx(30)),
        ("run", pytest.approx(15)),
        ("slack", pytest.approx(215)),
    ]


def test_stages_of_one_title_are_told_apart_by_their_group() -> None:
    classes = [
        job_class("u/a/f/fit", 4, 0, cpu=50.0),
        job_class("u/a/f/forecast", 4, 1, cpu=10.0),
        job_class("u/b/g/forecast", 4, 2, cpu=10.0),
    ]
    plan = make_plan(problem(classes, [cpu_pool()], deadline=300), HEADER)
    assert [stage.title for stage in plan.stages] == ["fit", "forecast of a", "forecast of b"]


def test_the_boot_is_that_of_the_node_that_ends_last() -> None:
    # The GPU node boots for 300 s and works for 700; the CPU node boots for 60 and is done at 100.
    gpu = mig_pool("gpu", boot=300, cap=1)
    classes = [
        job_class("u/a/a/fit", 1, 0, cpu=40.0),
        job_class("u/b/b/fit", 7, 0, gpu_memory=9000, gpu={"mig-1g.10gb": 700.0}),
        job_class("u/a/a/forecast", 1, 1, cpu=30.0),
    ]
    plan = make_plan(problem(classes, [cpu_pool(boot=60), gpu], deadline=3600, overhead=120), HEADER)
    told = [(step.kind, step.what, step.seconds) for step in waterfall(plan)]
    assert told == [
        ("startup", "admission, Ray's head, image", 120),
        ("boot", "gpu for 0 fit", 300),
        ("run", "0 fit, u/b/b", pytest.approx(700)),
        # The CPU node was given back in the meantime.
        ("boot", "cpu for 1 forecast", 60),
        ("run", "1 forecast, u/a/a", pytest.approx(30)),
        ("slack", "until the deadline", pytest.approx(3600 - 1210)),
    ]


def test_stages_that_overlap_have_the_time_that_the_others_leave() -> None:
    gpu = mig_pool("gpu", cap=1)
    where = {"gpu": on_mig(gpu, 100.0, 9000)}
    classes = [job_class("u/a/a/fit", 7, 0, gpu_memory=9000, **where), job_class("u/a/a/forecast", 1, 1, cpu=30.0)]
    plan = make_plan(problem(classes, [cpu_pool(), gpu], deadline=3600), HEADER)
    first, second = plan.stages
    earlier = replace(second, start_seconds=first.end_seconds - 20, end_seconds=first.end_seconds + 10)
    steps = waterfall(replace(plan, stages=(first, earlier), end_seconds=earlier.end_seconds))
    assert [(step.kind, step.seconds) for step in steps[2:]] == [
        ("run", pytest.approx(10)),
        ("slack", pytest.approx(3590 - first.end_seconds)),
    ]
