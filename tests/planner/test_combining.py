"""Changes that make a plan hold together, where no single one is enough: found, in words, and none of them in vain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from capacity_problems import HEADER, cpu_pool, drawn, job_class, problem
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_laws import BACKTEST, applied

from fleetspec.diagnostics import Report
from fleetspec.planner.planning import make_plan
from fleetspec.planner.plans import Combination, Plan
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.relax import report_verdict
from fleetspec.planner.soonest import soonest_end
from fleetspec.units import Duration, Money

SHORT = problem([job_class(jobs=72, cpu=1000.0)], [cpu_pool(cpu=1, cap=1)], deadline=40_000, budget=5.0)
"""20 hours of work that cost 20 USD, and 40,000 s and 5 USD for it."""


def routes(one: Combination) -> list[str]:
    return [".".join(change.route) for change in one.changes]


def proposed(one: Combination) -> dict[str, str]:
    return {".".join(change.route): change.proposed for change in one.changes}


def holds(posed: CapacityProblem, one: Combination) -> None:
    """All changes give the plan that is stated, and with any one of them left out there is none."""
    again = make_plan(applied(posed, *one.changes), BACKTEST)
    assert (again.verdict, again.end_seconds, again.cost_usd) == ("feasible", one.end_seconds, one.cost_usd)
    for change in one.changes:
        others = [other for other in one.changes if other != change]
        assert make_plan(applied(posed, *others), BACKTEST).verdict != "feasible"


def test_a_deadline_or_nodes_and_the_budget_they_need() -> None:
    plan = make_plan(SHORT, BACKTEST)
    assert plan.suggestions == ()
    assert sorted(map(routes, plan.combinations)) == [
        ["backtest.within", "budget.backtest"],
        ["hardware.cpu.max", "budget.backtest"],
    ]
    for one in plan.combinations:
        said = proposed(one)
        # The work costs 20 USD by whatever nodes: two of them hold it in 36,000 s, one in 20 hours.
        assert one.cost_usd == pytest.approx(20.0)
        assert Money.parse(said["budget.backtest"]).usd == pytest.approx(20.0)
        assert said.get("hardware.cpu.max", "2") == "2"
        assert Duration.parse(said.get("backtest.within", "20h")).seconds == 72_000
        holds(SHORT, one)


def test_more_time_that_is_much_cheaper_is_said_beside_the_earliest_that_holds() -> None:
    # 36,000 s of work: 10 USD on the slow node, 50 USD on the five dear ones, which end it in 7,200 s.
    pools = [cpu_pool("slow", cpu=1, cap=1, price=1.0), cpu_pool("dear", cpu=1, cap=5, price=5.0)]
    posed = problem([job_class(jobs=360, slow=100.0, dear=100.0)], pools, deadline=3600, budget=1.0)
    plan = make_plan(posed, BACKTEST)
    pairs = [proposed(one) for one in plan.combinations if routes(one) == ["backtest.within", "budget.backtest"]]
    by_budget = sorted(Money.parse(one["budget.backtest"]).usd for one in pairs)
    assert by_budget[0] == pytest.approx(10.0)
    assert by_budget[-1] > 40
    assert min(Duration.parse(one["backtest.within"]).seconds for one in pairs) < 7200
    for one in plan.combinations:
        holds(posed, one)


def two_stages(**limits: object) -> CapacityProblem:
    """Thirty hours of work on each of two pools of one core, one stage after the other."""
    classes = [
        job_class("u/g/a/fit", 108, 0, first=1000.0),
        job_class("u/h/b/fit", 108, 1, second=1000.0),
    ]
    pools = [cpu_pool("first", cpu=1, cap=1), cpu_pool("second", cpu=1, cap=1)]
    return replace(problem(classes, pools, deadline=40_000), **limits)  # type: ignore[arg-type]


def test_nodes_of_two_pools_where_the_night_is_too_short_for_either() -> None:
    # A clock ends at midnight: the deadline cannot be moved.
    header = replace(HEADER, deadline="23:59 UTC")
    posed = two_stages()
    plan = make_plan(posed, header)
    assert plan.suggestions == ()
    (one,) = plan.combinations
    assert routes(one) == ["hardware.first.max", "hardware.second.max"]
    holds(posed, one)


def test_three_changes_where_no_two_are_enough() -> None:
    header = replace(HEADER, deadline="23:59 UTC")
    posed = two_stages(budget_usd=10.0)
    plan = make_plan(posed, header)
    (one,) = plan.combinations
    assert routes(one) == ["hardware.first.max", "hardware.second.max", "budget.nightly"]
    # Sixty hours of work at a dollar, and a little for nodes that wait.
    assert 60 <= Money.parse(proposed(one)["budget.nightly"]).usd < 61
    holds(posed, one)


def test_a_share_of_nights_with_the_budget_of_a_plan_that_keeps_less_of_it() -> None:
    # As planned the one node is done at 37,000 s. It is late in a good part of the nights, and no second node may come.
    posed = replace(SHORT, classes=(job_class(jobs=37, cpu=1000.0),), on_time=0.999)
    plan = make_plan(posed, replace(HEADER, deadline="23:59 UTC"))
    assert plan.suggestions == ()
    assert plan.combinations
    assert ["schedule.on_time", "budget.nightly"] in list(map(routes, plan.combinations))
    for one in plan.combinations:
        again = make_plan(applied(posed, *one.changes), HEADER)
        assert (again.verdict, again.end_seconds, again.cost_usd) == ("feasible", one.end_seconds, one.cost_usd)


def test_a_job_that_is_longer_than_any_night_has_no_way_out() -> None:
    posed = problem([job_class(jobs=2, cpu=100_000.0)], [cpu_pool()], deadline=40_000, budget=1.0)
    plan = make_plan(posed, HEADER)
    assert (plan.suggestions, plan.combinations, plan.keep_both) == ((), (), None)
    report = Report()
    report_verdict(plan, report)
    assert [one.help for one in report] == ["no change of the pools, the deadline and the budget is enough"]


def test_the_finding_names_them() -> None:
    report = Report()
    report_verdict(make_plan(SHORT, BACKTEST), report)
    (said,) = [one.help for one in report]
    assert said is not None
    assert said.startswith("together: ")
    assert "hardware.cpu.max 1 → 2 and budget.backtest 5.00 USD → 20.00 USD" in said


def test_a_plan_that_holds_has_none() -> None:
    plan = make_plan(replace(SHORT, deadline_seconds=80_000, budget_usd=21.0), BACKTEST)
    assert (plan.verdict, plan.suggestions, plan.combinations) == ("feasible", (), ())


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 500), time=st.sampled_from([0.3, 0.9, 1.0]), money=st.sampled_from([0.01, 0.5]))
def test_a_backtest_always_has_a_way_out_that_holds(seed: int, time: float, money: float) -> None:
    base = replace(drawn(seed), budget_usd=None, on_time=None)
    free = make_plan(replace(base, deadline_seconds=30 * 86_400), BACKTEST)
    if free.verdict != "feasible" or free.cost_usd < 0.1:
        return
    seconds = round(base.overhead_seconds + (soonest_end(base) - base.overhead_seconds) * time) + 1
    posed = replace(base, deadline_seconds=seconds, budget_usd=free.cost_usd * money)
    plan: Plan = make_plan(posed, BACKTEST)
    assert plan.verdict != "feasible"
    ways = [*((one,) for one in plan.suggestions), *(one.changes for one in plan.combinations)]
    assert ways
    stated = [*plan.suggestions, *plan.combinations]
    for changes, one in zip(ways, stated, strict=True):
        again = make_plan(applied(posed, *changes), BACKTEST)
        assert (again.verdict, again.end_seconds, again.cost_usd) == ("feasible", one.end_seconds, one.cost_usd)
