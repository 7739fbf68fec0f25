"""More time never costs more: what is planned for a shorter deadline counts for every later one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from capacity_problems import drawn, job_class, mig_pool, mixed_night, on_mig, problem, production, whole_gpu_pool

from fleetspec.planner import planning
from fleetspec.planner.ladder import RUNGS, rungs_below
from fleetspec.planner.planning import solve
from fleetspec.planner.problem import CapacityProblem


def costs(posed: CapacityProblem, deadlines: list[int]) -> list[float]:
    """USD of the plan for each deadline; inf where none holds."""
    found = [solve(replace(posed, deadline_seconds=each, budget_usd=None)) for each in deadlines]
    return [
        one.replay.cost_usd if one.verdict == "feasible" and one.replay is not None else float("inf") for one in found
    ]


def uneven() -> CapacityProblem:
    """Long jobs on two kinds of GPU: what whole jobs cost in whole nodes jumps up and down with the time there is."""
    mig = mig_pool("mig", 11.0, 8, 300)
    return problem(
        [
            job_class("u/g/a/fit", 250, 0, gpu_memory=9000, mig=on_mig(mig, 200.0, 9000), whole={"gpu": 700.0}),
            job_class("u/g/b/fit", 400, 0, gpu_memory=9000, mig=on_mig(mig, 190.0, 9000), whole={"gpu": 640.0}),
            job_class("u/g/c/fit", 90, 1, gpu_memory=9000, mig=on_mig(mig, 60.0, 9000)),
        ],
        [mig, whole_gpu_pool("whole", 1.38, 6, 120)],
        overhead=120,
    )


@pytest.mark.parametrize("posed", [production(), uneven(), *map(drawn, range(4))])
def test_more_time_costs_no_more(posed: CapacityProblem) -> None:
    hours = [1, 3, 4, 5.5, 8, 12]
    found = costs(posed, [round(hour * 3600) for hour in hours])
    for number, cost in enumerate(found[1:], 1):
        # Between two deadlines that are no rungs, each may round in its own way.
        earlier = [found[at] for at in range(number) if hours[at] * 3600 in RUNGS]
        assert cost <= min(earlier) * (1 + 1e-9), f"{hours[number]} h costs {cost}, and less time {min(earlier)}"


def test_without_rungs_more_time_may_cost_more(monkeypatch: pytest.MonkeyPatch) -> None:
    three, four = costs(mixed_night(3), [3 * 3600, 4 * 3600])
    assert four <= three
    monkeypatch.setattr(planning, "rungs_below", lambda deadline, overhead: ())
    three, four = costs(mixed_night(3), [3 * 3600, 4 * 3600])
    assert four > three


def test_a_late_plan_is_replaced_by_an_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where rounding makes the plan for a deadline late, the one for a rung below it holds."""
    posed = replace(uneven(), deadline_seconds=5 * 3600)
    true = planning._sized

    def misled(asked: CapacityProblem, first: bool, rough: bool = False) -> planning.Outcome:
        found = true(asked, first, rough)
        return replace(found, verdict="late", reason="deadline") if asked.deadline_seconds == 5 * 3600 else found

    monkeypatch.setattr(planning, "_sized", misled)
    planning._on_rung.cache_clear()
    assert solve(posed).verdict == "feasible"
    # The budget is held against what is taken.
    assert (solve(replace(posed, budget_usd=1.0)).verdict, solve(replace(posed, budget_usd=1.0)).reason) == (
        "infeasible",
        "budget",
    )


def test_rungs_leave_time_for_work() -> None:
    assert next(iter(rungs_below(4 * 3600, 0))) == 3 * 3600
    assert list(rungs_below(1000, 950)) == []
    assert all(rung > 120 for rung in rungs_below(10**9, 120))
