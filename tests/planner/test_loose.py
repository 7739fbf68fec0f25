"""Plans that hold get a second look: fewer nodes for longer, and what is late by little is repaired."""

from __future__ import annotations

import random

import pytest
from capacity_problems import HEADER, cpu_pool, job_class, problem

from fleetspec.planner import loose, planning
from fleetspec.planner.formulation import Allocation
from fleetspec.planner.planning import make_plan, solve
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.simulate import Replay, replay
from fleetspec.planner.terrain import survey
from fleetspec.planner.violations import violations


def side_by_side(seed: int) -> CapacityProblem:
    """Classes of long jobs of different lengths, whose lanes hold whole jobs of none but all of them together."""
    rng = random.Random(seed)
    classes = [
        job_class(f"u/g/f{i}/fit", rng.choice([20, 40, 60]), 0, cpu=float(rng.choice([40, 90, 150, 250, 400])))
        for i in range(8)
    ]
    classes.append(job_class("u/g/h/forecast", 200, 1, cpu=2.0))
    return problem(classes, [cpu_pool("cpu", 3.6, 8, 40, 60, 64_000)], 1500)


def cost(posed: CapacityProblem) -> float:
    planning._on_rung.cache_clear()
    found = solve(posed)
    assert found.verdict == "feasible"
    assert found.replay is not None
    return found.replay.cost_usd


@pytest.mark.parametrize(("seed", "less"), [(5, 0.98), (11, 0.92), (2, 1.0)])
def test_fewer_nodes_for_longer(seed: int, less: float, monkeypatch: pytest.MonkeyPatch) -> None:
    posed = side_by_side(seed)
    # Nodes that go on, and plans for smaller maxima, find some of it, too.
    monkeypatch.setattr(planning, "handed_over", lambda land, best, *_: best)
    monkeypatch.setattr(planning, "may_be_small", lambda _: False)
    found = cost(posed)
    assert violations(posed, make_plan(posed, HEADER)) == []
    monkeypatch.setattr(planning, "loosened", lambda land, best, *_: best)
    assert found <= cost(posed) * less


def test_what_is_close_to_its_bound_is_left_alone() -> None:
    land = survey(side_by_side(2))
    best = one_stage(3, 100)

    def never(*_: object) -> None:
        raise AssertionError("nothing is bought")

    assert loose.loosened(land, best, best.cost_usd * 0.995, never) is best


def one_stage(nodes: int, jobs: int) -> Replay:
    posed = problem([job_class(jobs=jobs, cpu=30.0)], [cpu_pool(price=3.6, cpu=2, cap=9)], 600)
    return replay(survey(posed), Allocation({0: 600.0}, {(0, "", 0): nodes}, {(0, 0): 1.0}, ""))


def test_a_cheaper_one_that_is_late_by_little_is_repaired() -> None:
    """81 jobs of 30 s on two cores: two nodes take 630 s and are late by 30 s, three take 420 s."""
    posed = problem([job_class(jobs=81, cpu=30.0)], [cpu_pool(price=3.6, cpu=2, cap=9)], 600)
    dear, late = one_stage(9, 81), one_stage(2, 81)
    assert (dear.end, late.end) == (150.0, 630.0)
    found = loose.loosened(survey(posed), dear, 0.5, lambda *_: late)
    assert found.allocation.nodes == {(0, "", 0): 3}
    assert found.end == 420.0
    # What is late by more is not looked at, nor what costs more.
    assert loose.loosened(survey(posed), dear, 0.5, lambda *_: one_stage(1, 81)) is dear
    assert loose.loosened(survey(posed), late, 0.5, lambda *_: dear) is late
