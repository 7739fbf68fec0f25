"""The plan that ends soonest within the budget: by hand, and against the cheapest one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from capacity_problems import HEADER, cpu_pool, job_class, problem, production

from fleetspec.planner.planning import make_plan
from fleetspec.planner.soonest import soonest_end
from fleetspec.planner.violations import violations


def test_as_many_nodes_as_the_budget_pays_for() -> None:
    # 64 core-hours on nodes of 4 cores at 1 USD/h that boot for 6 minutes: 16 USD of work, 0.1 USD a boot.
    posed = problem([job_class(jobs=1280, cpu=180.0)], [cpu_pool(cpu=4, cap=16, boot=360)], deadline=36_000)
    quick = replace(posed, objective="time", budget_usd=18.5)
    plan, cheap = make_plan(quick, HEADER), make_plan(posed, HEADER)
    # All 16 nodes: an hour of work and the boot.
    assert plan.end_seconds == pytest.approx(3600 + 360, rel=0.03)
    assert plan.end_seconds < cheap.end_seconds
    assert cheap.cost_usd <= plan.cost_usd <= 18.5
    assert violations(quick, plan) == []
    assert (plan.verdict, plan.objective, cheap.objective) == ("feasible", "time", "cost")
    # 17 USD pay for 17 node-hours, boots and idle time among them: fewer nodes, which take longer.
    tight = make_plan(replace(quick, budget_usd=16.6), HEADER)
    assert tight.verdict == "feasible"
    assert tight.cost_usd <= 16.6
    assert tight.end_seconds > plan.end_seconds


def test_no_plan_ends_before_what_is_proved() -> None:
    posed = replace(production(), objective="time")
    plan = make_plan(posed, HEADER)
    assert plan.soonest_seconds == pytest.approx(soonest_end(posed))
    assert 0 < plan.soonest_seconds <= plan.end_seconds <= posed.deadline_seconds
    cheapest = make_plan(production(), HEADER)
    assert plan.end_seconds <= cheapest.end_seconds
    assert plan.cost_usd >= cheapest.cost_usd * (1 - 1e-2)


def test_where_nothing_holds_it_is_said_as_for_cost() -> None:
    posed = problem([job_class(jobs=100, cpu=3600.0)], [cpu_pool(cap=1)], deadline=3600)
    quick, cheap = make_plan(replace(posed, objective="time"), HEADER), make_plan(posed, HEADER)
    assert (quick.verdict, quick.suggestions) == (cheap.verdict, cheap.suggestions)
