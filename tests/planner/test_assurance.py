"""Headroom: as much as a share of nights needs, never counted in the bill, and said where none is enough."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from capacity_problems import HEADER, cpu_pool, job_class, problem, production

from fleetspec.diagnostics import Report
from fleetspec.planner.headroom import headroom, padded, quantile
from fleetspec.planner.judge import nights
from fleetspec.planner.noise import JUDGED_ON, USUAL
from fleetspec.planner.planning import make_plan
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.relax import report_verdict
from fleetspec.planner.simulate import replay
from fleetspec.planner.violations import violations
from fleetspec.rules.capacity import UNSURE


def unsure(posed: CapacityProblem, error: float, on_time: float | None) -> CapacityProblem:
    """A problem whose figures may all be off by ``error``, and which asks for a share of nights."""
    classes = tuple(
        replace(one, placements=tuple(replace(place, error=error) for place in one.placements)) for one in posed.classes
    )
    return replace(posed, classes=classes, on_time=on_time)


def test_rho_by_hand() -> None:
    one = job_class(jobs=100, cpu=36.0)
    place = replace(one.placements[0], error=0.08, spread=0.3)
    # z = 1.6449: exp(1.6449 * 0.1) - 1 = 0.1788; cv = 0.3069, 0.0505 for a hundred jobs; 36 s of an hour 0.0050.
    assert quantile(0.95) == pytest.approx(1.6449, abs=1e-4)
    assert headroom(one, place, quantile(0.95), 3600.0) == pytest.approx(0.1788 + 0.0505 + 0.0050, abs=2e-4)
    assert quantile(0.5) == quantile(0.3) == 0.0


def test_padding_lengthens_jobs_alone() -> None:
    posed = replace(production(), on_time=0.95)
    wide = padded(posed, 0.95, 2.0)
    assert (wide.deadline_seconds, wide.pools, wide.budget_usd, wide.on_time) == (54_900, posed.pools, None, None)
    for before, after in zip(posed.classes, wide.classes, strict=True):
        assert all(b.seconds < a.seconds for b, a in zip(before.placements, after.placements, strict=True))
    assert padded(posed, 0.95, 0.0).classes == posed.classes


@pytest.mark.parametrize("asked", [0.9, 0.99])
@pytest.mark.parametrize("error", [0.05, 0.25])
def test_a_plan_is_on_time_as_often_as_asked(asked: float, error: float) -> None:
    posed = unsure(production(deadline=10_600), error, asked)
    plan = make_plan(posed, HEADER)
    assert plan.verdict == "feasible"
    assert violations(posed, plan) == []
    assert plan.chance is not None
    assert plan.assurance is not None
    assert plan.chance.p_on_time > asked - 0.01
    assert plan.assurance.headroom > 0
    assert plan.assurance.share_without < asked
    # On nights that neither planning nor the judge has seen.
    fresh = nights(posed, plan, JUDGED_ON + 1, 4000, USUAL)
    assert np.mean(fresh.ends <= plan.deadline_seconds) == pytest.approx(plan.chance.p_on_time, abs=0.015)


def test_a_plan_that_is_sure_enough_gets_no_headroom() -> None:
    posed = problem([job_class(jobs=40, cpu=10.0)], [cpu_pool()], 36_000)
    plain, asked = make_plan(posed, HEADER), make_plan(replace(posed, on_time=0.99), HEADER)
    assert asked.assurance is not None
    assert asked.assurance.headroom == 0
    assert (asked.stages, asked.lanes, asked.cost_usd) == (plain.stages, plain.lanes, plain.cost_usd)
    assert plain.assurance is None


def test_what_no_headroom_helps_is_unsure_and_says_what_would() -> None:
    # One job of an hour with five minutes to spare: no number of nodes makes it shorter.
    posed = unsure(problem([job_class(jobs=1, cpu=3600.0)], [cpu_pool(cap=4)], 3900), 0.2, 0.99)
    plan = make_plan(posed, HEADER)
    assert plan.verdict == "unsure"
    assert violations(posed, plan) == []
    assert plan.end_seconds <= plan.deadline_seconds
    ways = {way.route: way for way in plan.suggestions}
    assert ("schedule", "deadline") in ways
    report = Report()
    report_verdict(plan, report)
    (finding,) = report
    assert (finding.rule, finding.route) == (UNSURE, ("schedule", "on_time"))
    assert "99% are asked for" in finding.message


def test_the_word_of_the_judge_counts_and_comes_with_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    posed = problem([job_class(jobs=40, cpu=10.0)], [cpu_pool()], 36_000)
    sure = make_plan(posed, HEADER)
    assert sure.chance is not None
    strict = replace(sure.chance, p_on_time=0.9, interval=(0.88, 0.92))
    monkeypatch.setattr("fleetspec.planner.planning.judge", lambda problem, plan: strict)
    plan = make_plan(replace(posed, on_time=0.99), HEADER)
    assert plan.verdict == "unsure"
    assert plan.binding[0].startswith("schedule.on_time")
    assert ("schedule", "on_time") in {way.route for way in plan.suggestions}


def test_a_budget_too_small_for_headroom_is_said() -> None:
    posed = unsure(production(), 0.1, 0.99)
    free = make_plan(posed, HEADER)
    assert free.assurance is not None
    between = (free.cost_usd + free.assurance.cost_usd_without) / 2
    plan = make_plan(replace(posed, budget_usd=between), HEADER)
    assert plan.verdict == "infeasible"
    assert any(way.route == ("budget", "nightly") for way in plan.suggestions)


def test_a_replay_can_be_made_again_from_its_allocation() -> None:
    from fleetspec.planner.planning import solve

    found = solve(production())
    assert found.replay is not None
    again = replay(found.land, found.replay.allocation)
    assert (again.end, again.cost_usd) == (found.replay.end, found.replay.cost_usd)
