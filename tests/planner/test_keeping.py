"""What falls out when deadline and budget are kept, against every set of lines tried by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations, islice

import pytest
from capacity_problems import HEADER, cpu_pool, drawn, job_class, problem

from fleetspec.planner.keeping import _sets, keep_both, lines_of, selected, without
from fleetspec.planner.planjson import plan_from_json
from fleetspec.planner.planning import Outcome, make_plan, solve
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.violations import violations


def worth(posed: CapacityProblem, **values: float) -> CapacityProblem:
    classes = tuple(replace(one, value=values.get(one.family, 1.0)) for one in posed.classes)
    return replace(posed, classes=classes)


def crowded(deadline: int = 1000, budget: float | None = None) -> CapacityProblem:
    """Three families on one node of four cores: 1,000, 500 and 300 s of it; b's fits are read by c's forecasts."""
    a = job_class("u/g/a/fit", 40, 0, cpu=100.0)
    b = job_class("u/g/b/fit", 20, 0, cpu=100.0)
    c = replace(job_class("u/g/c/forecast", 10, 1, cpu=100.0), after=("u/g/b/fit",))
    return problem([replace(a, after=()), replace(b, after=()), c], [cpu_pool(cap=1)], deadline, budget)


def test_the_line_that_is_worth_least_falls() -> None:
    # a alone fits into 1,000 s, or b and c together: 40 models against 30.
    found = keep_both(crowded(), solve)
    assert found is not None
    assert [one.name for one in found.left_out] == ["u/g/b", "u/g/c"]
    assert (found.kept_value, found.total_value) == (40, 70)
    assert found.end_seconds <= 1000


def test_value_turns_the_choice() -> None:
    found = keep_both(worth(crowded(), b=2.0, c=2.0), solve)
    assert found is not None
    assert [one.name for one in found.left_out] == ["u/g/a"]
    assert (found.kept_value, found.total_value) == (60, 100)


def test_what_reads_from_a_line_falls_with_it() -> None:
    lines = {line.name: line for line in lines_of(crowded())}
    assert lines["u/g/b"].falls == {"u/g/b", "u/g/c"}
    assert lines["u/g/c"].falls == {"u/g/c"}
    # c is worth a lot, but not without b.
    found = keep_both(worth(crowded(), a=0.1, c=50.0), solve)
    assert found is not None
    assert [one.name for one in found.left_out] == ["u/g/a"]


def test_a_plan_that_does_not_hold_says_it_and_one_that_holds_does_not() -> None:
    late = make_plan(crowded(), HEADER)
    assert late.verdict in ("late", "infeasible")
    assert late.keep_both is not None
    assert late.keep_both == keep_both(crowded(), solve)
    assert make_plan(crowded(4000), HEADER).keep_both is None


def test_the_budget_is_kept_too() -> None:
    # A node costs 1 USD an hour: everything takes half an hour, a alone 1,000 s and the idle time after it.
    found = keep_both(crowded(4000, budget=0.35), solve)
    assert found is not None
    assert found.cost_usd <= 0.35
    assert [one.name for one in found.left_out] == ["u/g/b", "u/g/c"]


def test_where_nothing_holds_nothing_is_said() -> None:
    assert keep_both(crowded(50), solve) is None


def test_of_many_lines_few_plans_are_made() -> None:
    # Sixty lines of a job of 300 s. Fluid work on forty cores does 53 of them in 400 s, whole jobs are forty.
    lines = [replace(job_class(f"u/g/f{at:02}/fit", 1, 0, memory=1, cpu=300.0), after=()) for at in range(60)]
    posed = problem(lines, [cpu_pool(cpu=40, cap=1)], 400)
    made: list[bool] = []

    def counted(one: CapacityProblem, *, first: bool = False) -> Outcome:
        made.append(first)
        return solve(one, first=first)

    found = keep_both(posed, counted)
    assert found is not None
    assert (found.kept_value, found.end_seconds) == (40, 300)
    assert len(made) < 20


@pytest.mark.parametrize("seed", [15, 245, 417])
def test_no_set_of_lines_that_plans_is_worth_more(seed: int) -> None:
    posed = worth(drawn(seed), f0=3.0, f2=0.5)
    found = keep_both(posed, solve)
    lines = {line.name: line for line in lines_of(posed)}
    best = 0.0
    total = sum(line.value for line in lines.values())
    for count in range(1, len(lines)):
        for gone in combinations(lines, count):
            if solve(without(posed, frozenset(gone))).verdict == "feasible":
                best = max(best, sum(line.value for line in lines.values() if line.name not in gone))
    assert (0.0 if found is None else found.kept_value) == pytest.approx(best)
    if found is not None:
        assert best - 1e-9 <= found.most_value <= total


@pytest.mark.parametrize("seed", [15, 245, 417])
def test_sets_of_lines_come_in_the_order_of_what_they_lose(seed: int) -> None:
    lines = {line.name: line for line in lines_of(worth(drawn(seed), f0=3.0, f2=0.5))}
    found = list(islice(_sets(lines), 200))
    assert [lost for lost, _ in found] == sorted(lost for lost, _ in found)
    assert len({gone for _, gone in found}) == len(found)
    for lost, gone in found:
        assert lost == pytest.approx(sum(lines[name].value for name in gone))
        assert all(lines[name].falls <= gone for name in gone)


def maximised(posed: CapacityProblem) -> CapacityProblem:
    return replace(posed, maximize_value=True)


def test_a_plan_that_maximises_value_leaves_out_what_does_not_fit() -> None:
    made = make_plan(maximised(crowded()), HEADER)
    assert made.verdict == "feasible"
    assert [one.name for one in made.left_out] == ["u/g/b", "u/g/c"]
    assert [(one.models, one.jobs) for one in made.left_out] == [(20, 20), (10, 10)]
    assert (made.jobs, made.missing) == (40, 70)
    assert {lane.klass for lane in made.lanes} == {"u/g/a/fit"}
    assert made.selection is not None
    assert (made.selection.kept_value, made.selection.most_value, made.selection.total_value) == (40, 40, 70)
    assert (made.selection.end_seconds, made.selection.cost_usd) == (made.end_seconds, made.cost_usd)
    assert made.end_seconds <= 1000
    assert made.keep_both is None
    # What would keep all of it is told beside, as of any plan that does not hold.
    assert made.suggestions == make_plan(crowded(), HEADER).suggestions
    assert made.suggestions
    assert violations(selected(maximised(crowded()), made), made) == []
    assert plan_from_json(json.loads(made.to_bytes())).to_bytes() == made.to_bytes()


def test_where_everything_fits_value_changes_nothing() -> None:
    assert make_plan(maximised(crowded(4000)), HEADER) == make_plan(crowded(4000), HEADER)


def test_where_nothing_fits_the_verdict_stays() -> None:
    made = make_plan(maximised(crowded(50)), HEADER)
    assert made.verdict in ("late", "infeasible")
    assert made.selection is None


def test_the_share_of_nights_asked_for_counts_in_what_is_kept() -> None:
    # a alone takes 1,000 s of 1,040: in time as planned, and too seldom; b and c take 800 s.
    tight = maximised(crowded(1040))
    assert [one.name for one in make_plan(tight, HEADER).left_out] == ["u/g/b", "u/g/c"]
    sure = make_plan(replace(tight, on_time=0.9), HEADER)
    assert [one.name for one in sure.left_out] == ["u/g/a"]
    assert sure.verdict == "feasible"
    assert sure.chance is not None
    assert sure.chance.interval[1] >= 0.9


def test_of_plans_that_keep_as_much_the_objective_chooses() -> None:
    wide = replace(crowded(520), pools=(cpu_pool(cap=3),))
    cheap, quick = (make_plan(maximised(replace(wide, objective=goal)), HEADER) for goal in ("cost", "time"))
    assert quick.end_seconds <= cheap.end_seconds
    assert quick.left_out == cheap.left_out
