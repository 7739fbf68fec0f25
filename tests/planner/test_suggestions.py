"""What a plan that does not hold suggests: in words that a spec takes, with the figures of the plan that follows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from capacity_problems import HEADER, cpu_pool, drawn, job_class, problem
from plan_laws import BACKTEST, applied

from fleetspec.diagnostics import Report
from fleetspec.planner.planning import make_plan
from fleetspec.planner.plans import Plan
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.relax import report_verdict
from fleetspec.sessions import SessionTime
from fleetspec.units import Money

SLOW = problem([job_class(jobs=72, cpu=1000.0)], [cpu_pool(cpu=1, cap=1)], deadline=40_000)
"""20 hours of work, and 40,000 s for it."""
DEAR = problem([job_class(jobs=4000, cpu=3600.0)], [cpu_pool(cpu=1, cap=1000, price=1.0)], 40_000, budget=1234.0)
"""4,000 USD of work, and 1,234 USD for it."""


def words(plan: Plan) -> dict[str, tuple[str, str]]:
    return {".".join(one.route): (one.current, one.proposed) for one in plan.suggestions}


def quick(jobs: int) -> CapacityProblem:
    return replace(SLOW, classes=(replace(SLOW.classes[0], jobs=jobs),))


def test_a_deadline_on_a_clock_keeps_its_zone() -> None:
    plan = make_plan(quick(48), replace(HEADER, deadline="07:00 Europe/London"))
    current, proposed = words(plan)["schedule.deadline"]
    # 48,000 s of work on the one node there is, 8,000 s more than there are: 134 minutes.
    assert (current, proposed) == ("07:00 Europe/London", "09:14 Europe/London")
    assert SessionTime.parse(proposed).zone == "Europe/London"


def test_a_clock_ends_at_midnight() -> None:
    plan = make_plan(quick(48), replace(HEADER, deadline="23:00 UTC"))
    assert "schedule.deadline" not in words(plan)
    assert "hardware.cpu.max" in words(plan)


@pytest.mark.parametrize(("run", "route"), [("backtest", "backtest.within"), ("change", "change.within")])
def test_a_run_is_given_time_where_the_spec_gives_it(run: str, route: str) -> None:
    plan = make_plan(SLOW, replace(HEADER, run=run, deadline="40000s"))
    assert words(plan)[route] == ("11h6m40s", "20h")
    report = Report()
    report_verdict(plan, report)
    assert [".".join(map(str, one.route or ())) for one in report] == [route]


def test_a_budget_of_thousands_can_be_written_into_a_spec() -> None:
    _, proposed = words(make_plan(DEAR, HEADER))["budget.nightly"]
    assert Money.parse(proposed).usd >= 4000


@pytest.mark.parametrize("seed", [15, 23, 245, 417])
def test_a_suggestion_states_the_plan_that_follows(seed: int) -> None:
    posed = drawn(seed)
    plan = make_plan(posed, BACKTEST)
    assert plan.suggestions
    for one in plan.suggestions:
        again = make_plan(applied(posed, one), BACKTEST)
        assert (again.verdict, again.end_seconds, again.cost_usd) == ("feasible", one.end_seconds, one.cost_usd)
