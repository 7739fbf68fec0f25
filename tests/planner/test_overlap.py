"""Plans whose stages overlap: by hand, against plans with barriers, and their replays looked at second by second."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from capacity_problems import HEADER, cpu_pool, job_class, problem, production
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import crossing, waiting, with_barriers, with_edge

from fleetspec.planner.bound import least
from fleetspec.planner.formulation import free_lengths
from fleetspec.planner.planning import make_plan, solve
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.simulate import Replay
from fleetspec.planner.slack import waterfall
from fleetspec.planner.terrain import Terrain, survey
from fleetspec.planner.violations import violations


def bound(posed: CapacityProblem) -> float:
    land = survey(posed)
    found = least(land, time=land.time)
    return np.inf if found is None else found.cost_usd


def test_two_chains_that_cross_by_hand() -> None:
    posed = crossing()
    fastest = least(survey(posed), "time", time=None)
    assert fastest is not None
    assert sum(fastest.lengths.values()) == pytest.approx(120)
    plan = make_plan(posed, HEADER)
    assert plan.verdict == "feasible"
    assert plan.end_seconds == pytest.approx(120)
    # x for 100 s and then idle until the end, y for all 120 s.
    assert plan.cost_usd == pytest.approx((120 * 1.0 + 120 * 2.0) / 3600)
    assert violations(posed, plan) == []
    assert plan.overlap is not None
    assert plan.overlap.barrier_end_seconds == pytest.approx(200)
    assert plan.overlap.together == ((0, 1, pytest.approx(80)),)
    assert [(stage.start_seconds, stage.end_seconds) for stage in plan.stages] == [(0, 100), (20, 120)]
    # A stage after the other it is late whatever is bought, and that is proved.
    assert make_plan(with_barriers(posed), HEADER).verdict == "infeasible"
    assert make_plan(crossing(110), HEADER).verdict == "infeasible"


def test_what_others_wait_for_has_its_turn_before_longer_jobs() -> None:
    classes = [
        replace(job_class("a/g/f/fit", 1, 0, x=10.0), after=()),
        replace(job_class("b/g/f/fit", 1, 0, x=20.0), after=()),
        replace(job_class("a/g/f/forecast", 1, 1, y=15.0), after=("a/g/f/fit",)),
    ]
    posed = problem(classes, [cpu_pool("x", 1.0, 1, 1), cpu_pool("y", 2.0, 1, 1)], 35)
    plan = make_plan(posed, HEADER)
    # The longest first would end after 20 + 10 + 15 s.
    assert plan.end_seconds == pytest.approx(30)
    assert [(lane.klass, lane.turn) for lane in plan.lanes] == [
        ("a/g/f/fit", 0),
        ("b/g/f/fit", 1),
        ("a/g/f/forecast", 2),
    ]


def test_the_waterfall_of_stages_that_overlap_fills_the_window() -> None:
    steps = waterfall(make_plan(crossing(), HEADER))
    assert [(step.kind, step.what, step.seconds) for step in steps[1:]] == [
        ("run", "0 fit, a/g/f", pytest.approx(100)),
        ("run", "1 forecast, mostly b/g/f", pytest.approx(20)),
        ("slack", "until the deadline", pytest.approx(30)),
    ]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.2, 0.5, 0.8]))
def test_one_more_to_wait_for_never_lowers_the_bound(seed: int, share: float) -> None:
    posed = waiting(seed, share)
    more = with_edge(posed, seed)
    if more is not None:
        assert bound(more) >= bound(posed) * (1 - 1e-6) - 1e-9
        assert bound(with_barriers(posed)) >= bound(more) * (1 - 1e-6) - 1e-9


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_barriers_said_by_name_have_the_bound_of_barriers(seed: int) -> None:
    posed = with_barriers(waiting(seed))
    named = replace(
        posed,
        classes=tuple(
            replace(one, after=tuple(x.name for x in posed.classes if x.stage < one.stage)) for one in posed.classes
        ),
    )
    land = survey(posed)
    found = free_lengths(land, time=land.time)
    assert bound(named) == (np.inf if found is None else found.cost_usd)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_plan_never_costs_more_than_with_barriers(seed: int) -> None:
    posed = waiting(seed)
    ours, other = solve(posed), solve(with_barriers(posed))
    if other.verdict == "feasible":
        assert ours.verdict == "feasible"
        assert ours.replay is not None
        assert other.replay is not None
        assert ours.replay.cost_usd <= other.replay.cost_usd * (1 + 1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_replay_keeps_to_cores_slots_and_who_waits_for_whom(seed: int) -> None:
    posed = waiting(seed)
    found = solve(posed)
    if found.replay is not None:
        looked_at(found.land, found.replay)
    plan = make_plan(posed, HEADER)
    assert violations(posed, plan) == []


def looked_at(land: Terrain, made: Replay) -> None:
    """Every job once and by itself, from the segments alone."""
    jobs = [0] * len(land.classes)
    starts, ends = [np.inf] * len(jobs), [0.0] * len(jobs)
    lanes: dict[tuple[int, int, str, int, int], list[tuple[float, float]]] = {}
    for segment in (one for stage in made.stages for one in stage.segments):
        jobs[segment.row] += int(segment.count.sum())
        starts[segment.row] = min(starts[segment.row], float(segment.start.min()))
        ends[segment.row] = max(ends[segment.row], float(segment.end.max()))
        kind = land.kinds[segment.kind]
        slot = -1 if land.pools[kind.pool].gpu is None else segment.kind
        for at, node in enumerate(segment.node.tolist()):
            for lane in segment.lanes[at].tolist():
                key = (kind.pool, slot, segment.pattern, node, lane)
                lanes.setdefault(key, []).append((float(segment.start[at]), float(segment.end[at])))
    assert jobs == [one.jobs for one in land.classes]
    for listed in lanes.values():
        listed.sort()
        assert all(first[1] <= second[0] + 1e-6 for first, second in pairwise(listed))
    if not made.barriers:
        for row, before in enumerate(land.order.before):
            for other in range(len(jobs)):
                if before >> other & 1:
                    assert ends[other] <= starts[row] + 1e-6
    assert made.end == pytest.approx(max(ends))
    nodes = {(land.pools[k].name, pattern, node) for k, _, pattern, node, _ in lanes}
    for name in {name for name, _, _ in nodes}:
        pool = next(at for at, one in enumerate(land.pools) if one.name == name)
        assert made.peaks[pool] <= land.pools[pool].cap
    paid = sum(
        seconds / 3600 * land.pools[k].usd_per_hour for stage in made.stages for (k, _), seconds in stage.paid.items()
    )
    assert paid == pytest.approx(made.cost_usd)


def test_a_large_night_gains_and_its_bound_stays_close() -> None:
    posed = production()
    names = {one.name for one in posed.classes}
    forecast = {one.name: one.name.replace("/forecast", "/fit") for one in posed.classes}
    chains = replace(
        posed,
        classes=tuple(
            replace(one, after=(forecast[one.name],) if forecast[one.name] in names - {one.name} else ())
            for one in posed.classes
        ),
    )
    assert survey(chains).order.blocks == ((0, 1, 2),)
    ours, other = solve(chains), solve(posed)
    assert ours.replay is not None
    assert other.replay is not None
    assert ours.bound is not None
    assert ours.replay.cost_usd < other.replay.cost_usd
    assert ours.replay.cost_usd <= ours.bound.cost_usd * 1.05
