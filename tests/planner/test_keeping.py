"""What falls out when deadline and budget are kept, against every set of lines tried by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from capacity_problems import HEADER, cpu_pool, drawn, job_class, problem

from fleetspec.planner.keeping import keep_both, lines_of, without
from fleetspec.planner.planning import make_plan, solve
from fleetspec.planner.problem import CapacityProblem


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


@pytest.mark.parametrize("seed", [15, 245, 417])
def test_no_set_of_lines_that_plans_is_worth_more(seed: int) -> None:
    posed = worth(drawn(seed), f0=3.0, f2=0.5)
    found = keep_both(posed, solve)
    lines = {line.name: line for line in lines_of(posed)}
    best = 0.0
    for count in range(1, len(lines)):
        for gone in combinations(lines, count):
            if solve(without(posed, frozenset(gone))).verdict == "feasible":
                best = max(best, sum(line.value for line in lines.values() if line.name not in gone))
    assert (0.0 if found is None else found.kept_value) == pytest.approx(best)
