"""More nodes never cost more: a small fleet has one set of plans, whatever its pools' maxima are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from capacity_problems import cpu_pool, drawn, job_class, mixed_night, problem

from fleetspec.planner import planning
from fleetspec.planner.fewer import ROOM, may_be_small, takes_few
from fleetspec.planner.ladder import RUNGS
from fleetspec.planner.lengths import CLOSE
from fleetspec.planner.planning import solve
from fleetspec.planner.problem import CapacityProblem

Figures = tuple[float, float]
"""USD and seconds of a plan."""


def with_cap(posed: CapacityProblem, name: str, cap: int) -> CapacityProblem:
    return replace(posed, pools=tuple(replace(one, cap=cap) if one.name == name else one for one in posed.pools))


def figures(posed: CapacityProblem) -> Figures:
    found = solve(posed)
    assert found.verdict == "feasible"
    assert found.replay is not None
    return found.replay.cost_usd, found.replay.end


def dearer(before: Figures, after: Figures) -> bool:
    """Whether a plan costs more than it may: a little, where it ends sooner, or nothing."""
    allowed = 1 + (CLOSE if after[1] < before[1] else 1e-6)
    return after[0] > before[0] * allowed


def rises(posed: CapacityProblem, name: str, caps: tuple[int, ...]) -> list[tuple[int, int]]:
    """Pairs of maxima of a pool of which the larger one is dearer."""
    found = [figures(with_cap(posed, name, cap)) for cap in caps]
    return [
        (caps[one], caps[other])
        for other in range(len(caps))
        for one in range(other)
        if dearer(found[one], found[other])
    ]


def uneven(seed: int) -> CapacityProblem:
    return replace(drawn(seed), budget_usd=None, on_time=None, objective="cost")


def row_of_jobs(deadline: int = 900, cap: int = 4) -> CapacityProblem:
    """Three classes that one node has time for."""
    classes = [
        job_class("u/g/a/fit", 40, 0, cpu=2.0),
        job_class("u/g/b/fit", 9, 0, cpu=11.0),
        job_class("u/g/a/forecast", 40, 1, cpu=0.1),
    ]
    return problem(classes, [cpu_pool("cpu", 1.0, 4, cap, 60)], deadline)


@pytest.mark.parametrize("seed", [19, 26])
def test_more_nodes_are_never_dearer(seed: int) -> None:
    assert rises(uneven(seed), "gpu", (1, 2, 3, 5)) == []


@pytest.mark.parametrize("seed", [19, 26])
def test_planned_for_their_maxima_alone_they_are(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "may_be_small", lambda posed: False)
    assert rises(uneven(seed), "gpu", (1, 2, 3, 5))


def test_all_large_maxima_have_one_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    first = figures(row_of_jobs(cap=ROOM))
    monkeypatch.setattr(planning, "_sized", lambda *given, **named: pytest.fail("planned once more"))
    assert figures(row_of_jobs(cap=ROOM + 1)) == first
    assert figures(row_of_jobs(cap=1000)) == first


def test_one_node_of_each_pool_is_the_plan_of_all_deadlines_from_its_end_on() -> None:
    cost, end = figures(row_of_jobs(RUNGS[-1]))
    found = [figures(row_of_jobs(int(end) + more)) for more in (1, 60, 3600, 86_400)]
    assert set(found) == {(cost, end)}
    assert figures(row_of_jobs(int(end) - 1))[1] <= int(end) - 1


def test_a_large_fleet_is_planned_for_its_own_maxima(monkeypatch: pytest.MonkeyPatch) -> None:
    night = mixed_night(2)
    assert not may_be_small(night)
    asked: list[tuple[int, ...]] = []
    true = planning._sized

    def noted(posed: CapacityProblem, first: bool, rough: bool = False) -> planning.Outcome:
        asked.append(tuple(pool.cap for pool in posed.pools))
        return true(posed, first, rough)

    monkeypatch.setattr(planning, "_sized", noted)
    solve(night)
    assert {tuple(sorted(caps)) for caps in asked} == {tuple(sorted(pool.cap for pool in night.pools))}


def test_whether_a_fleet_is_small_does_not_depend_on_its_maxima() -> None:
    for cap in (1, 5, 40):
        posed = row_of_jobs(cap=cap)
        assert may_be_small(posed)
        assert takes_few(posed, planning._on_rung)


def test_a_pool_of_no_nodes_gets_none() -> None:
    posed = row_of_jobs()
    cheap = replace(cpu_pool("cheap", 0.01, 4, 0, 60))
    classes = tuple(
        replace(one, placements=(*one.placements, replace(one.placements[0], pool="cheap"))) for one in posed.classes
    )
    assert figures(replace(posed, pools=(*posed.pools, cheap), classes=classes)) == figures(posed)


def test_the_budget_is_held_against_what_is_taken() -> None:
    cost, _ = figures(row_of_jobs())
    assert solve(replace(row_of_jobs(), budget_usd=cost)).verdict == "feasible"
    found = solve(replace(row_of_jobs(), budget_usd=cost * 0.9))
    assert (found.verdict, found.reason) == ("infeasible", "budget")
