"""What whole nodes cost on paper, by hand: 3.6 USD/h is a thousandth of a dollar a second."""

from __future__ import annotations

import pytest
from capacity_problems import cpu_pool, job_class, problem, production

from fleetspec.planner.formulation import Allocation, few_patterns, free_lengths, whole_nodes
from fleetspec.planner.paper import paper_usd
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.simulate import replay
from fleetspec.planner.terrain import survey


def posed() -> CapacityProblem:
    """Two stages on pool a, which boots for 100 s, and one on pool b, which boots for 10 s."""
    classes = [
        job_class("u/g/f/fit", 200, 0, a=1.0),
        job_class("u/g/g/fit", 500, 0, b=1.0),
        job_class("u/g/h/fit", 50, 1, a=1.0),
    ]
    return problem(classes, [cpu_pool("a", 3.6, 1, 2, 100), cpu_pool("b", 3.6, 1, 2, 10)], 4000)


def usd(a: int, then: int, work_of_b: float) -> float:
    nodes = {(0, "", 0): a, (1, "", 0): 1, (0, "", 1): then}
    work = {(0, "", 0): 200.0, (1, "", 0): work_of_b, (0, "", 1): 50.0}
    shares = {(0, 0): 1.0, (1, 1): 1.0, (2, 0): 1.0}
    return paper_usd(survey(posed()), Allocation({}, nodes, shares, "optimal", work))


def test_a_node_that_waits_a_little_is_kept() -> None:
    # a: 100 + 200 s, 50 s of waiting for b, 50 s of work; b: 10 + 340 s, and idle for the 50 s of the second stage.
    assert usd(1, 1, 340.0) == pytest.approx((400 + 350 + 50) / 1000)


def test_a_node_that_waits_too_long_boots_again() -> None:
    # a: 300 s, idle for 120 of the 210 s until b has ended, then a boot and 50 s; b: 510 s and 120 s of idling.
    assert usd(1, 1, 500.0) == pytest.approx((300 + 120 + 150 + 510 + 120) / 1000)


def test_nodes_that_a_stage_has_no_use_for_are_given_back() -> None:
    # Two of a: 200 s each, 100 s until b has ended at 300 s. One goes on for 50 s, the other idles for 20 s more at
    # least; it is paid until the stage ends at most, as one that has just begun to idle.
    assert usd(2, 1, 290.0) == pytest.approx((2 * 300 + 50 + 20 + 300 + 50) / 1000)


def test_a_node_works_as_long_as_a_job() -> None:
    land = survey(problem([job_class(jobs=1, cpu=60.0)], [cpu_pool(price=3.6, cpu=4)], 400))
    assert paper_usd(land, Allocation({}, {(0, "", 0): 1}, {(0, 0): 1.0}, "", {(0, "", 0): 15.0})) == pytest.approx(
        0.06
    )


def test_paper_and_replay_agree_where_jobs_are_short() -> None:
    land = survey(production(scale=3))
    fluid = free_lengths(land, time=land.time)
    assert fluid is not None
    lengths = {s: max(length * 1.05, 400.0) for s, length in fluid.lengths.items()}
    found = whole_nodes(land, lengths, few_patterns(land, fluid))
    assert found is not None
    assert paper_usd(land, found) == pytest.approx(replay(land, found).cost_usd, rel=0.05)
