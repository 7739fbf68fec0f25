"""The waterfall: its steps fill the window, and boots are those of the node that works last."""

from __future__ import annotations

from dataclasses import replace

import pytest
from capacity_problems import HEADER, cpu_pool, drawn, job_class, mig_pool, on_mig, problem
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetspec.planner.planning import make_plan
from fleetspec.planner.slack import waterfall


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_steps_fill_the_window(seed: int) -> None:
    plan = make_plan(drawn(seed), HEADER)
    steps = waterfall(plan)
    if not plan.stages:
        assert steps == ()
        return
    clock = 0.0
    for step in steps:
        assert step.start_seconds == pytest.approx(clock)
        assert step.seconds >= 0 or step.kind == "slack"
        clock += step.seconds
    assert clock == pytest.approx(plan.deadline_seconds)
    assert steps[-1].seconds == pytest.approx(plan.deadline_seconds - plan.end_seconds)


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
        ("boot", "0 fit", 300),
        ("run", "0 fit", pytest.approx(700)),
        # The CPU node was given back in the meantime.
        ("boot", "1 forecast", 60),
        ("run", "1 forecast", pytest.approx(30)),
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
