"""Nodes of a long stage that are at work in the short one after it: by hand, and with whole plans."""

from __future__ import annotations

from dataclasses import replace

import pytest
from capacity_problems import HEADER, cpu_pool, job_class, problem, production

from fleetspec.planner import planning
from fleetspec.planner.formulation import Allocation
from fleetspec.planner.handover import handed_over
from fleetspec.planner.planning import make_plan, solve
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.simulate import Replay, replay
from fleetspec.planner.terrain import survey
from fleetspec.planner.violations import violations

BIG, SMALL, TINY = range(3)


def night(beside: int, deadline: int = 1500) -> CapacityProblem:
    """Fits of 100 s on nodes that cost a cent a second and boot for 300 s; ``beside`` them as many of a second on CPUs.

    Forecasts take 5 s there and 1 s here.
    """
    classes = [
        job_class("u/deep/net/fit", 40, 0, big=100.0),
        job_class("u/vol/garch/fit", beside, 0, small=1.0, tiny=1.0),
        job_class("u/deep/net/forecast", 8, 1, big=5.0),
        job_class("u/vol/garch/forecast", 40, 1, small=1.0, tiny=1.0),
    ]
    pools = [
        cpu_pool("big", 36.0, 1, 10, 300),
        cpu_pool("small", 0.36, 4, 9, 60),
        cpu_pool("tiny", 0.108, 1, 9, 60),
    ]
    return problem(classes, pools, deadline)


def as_bought(posed: CapacityProblem) -> Replay:
    """Four nodes for the long fits, one for their forecasts, and one of four cores for the others in both stages."""
    nodes = {(BIG, "", 0): 4, (BIG, "", 1): 1, (SMALL, "", 0): 1, (SMALL, "", 1): 1}
    shares = {(0, BIG): 1.0, (1, SMALL): 1.0, (2, BIG): 1.0, (3, SMALL): 1.0}
    return replay(survey(posed), Allocation({0: 1300.0, 1: 70.0}, nodes, shares, ""))


def test_a_pool_that_ends_with_the_long_stage_is_up_for_the_short_one() -> None:
    """1,150 s on one core are over 90 s before the end of the fits: nothing boots, and nobody is idle for long."""
    posed = night(1150)
    start = as_bought(posed)
    # The node of four cores is given back after 288 + 60 s and boots again, for which four nodes wait.
    assert start.end == 1300 + 60 + 10
    assert start.cost_usd == pytest.approx((4 * 1300 + 4 * 70) * 0.01 + (60 + 288 + 120 + 70) * 0.0001)
    found = handed_over(survey(posed), start, 0.0)
    assert found.allocation.nodes == {(BIG, "", 0): 4, (BIG, "", 1): 4, (TINY, "", 0): 1, (TINY, "", 1): 1}
    assert found.stages[1].booted == {(BIG, ""): 0, (TINY, ""): 0}
    assert found.end == 1300 + 40
    assert found.cost_usd == pytest.approx(4 * 1340 * 0.01 + 1340 * 0.00003)


def test_what_one_pool_cannot_do_in_time_another_does() -> None:
    """Of 1,600 s one core does 1,200 until 40 s before the end of the fits; four others do the rest."""
    posed = night(1600)
    found = handed_over(survey(posed), as_bought(posed), 0.0)
    spans = found.stages[0].spans
    assert spans[TINY, ""] == (0.0, 60 + 1200)
    assert spans[SMALL, ""] == (0.0, 60 + 400 / 4)
    assert found.stages[1].booted == {(BIG, ""): 0, (TINY, ""): 0}
    assert found.end == 1300 + 40


def test_fewer_nodes_that_are_in_time() -> None:
    """With a little more time three nodes do: 14 fits one after the other, and three rounds of forecasts."""
    posed = night(1600, 1800)
    found = handed_over(survey(posed), as_bought(posed), 0.0)
    assert found.allocation.nodes[BIG, "", 0] == found.allocation.nodes[BIG, "", 1] == 3
    assert found.stages[0].end == 300 + 14 * 100
    assert found.cost_usd < handed_over(survey(night(1600)), as_bought(night(1600)), 0.0).cost_usd


def test_it_is_left_alone_where_nothing_is_to_be_had() -> None:
    posed = night(1150)
    land, start = survey(posed), as_bought(posed)
    # What is close to its bound, and what has its largest stage last.
    assert handed_over(land, start, start.cost_usd) is start
    swapped = replace(posed, classes=tuple(replace(one, stage=1 - one.stage) for one in posed.classes))
    nodes = {(BIG, "", 1): 4, (BIG, "", 0): 1, (SMALL, "", 0): 1, (SMALL, "", 1): 1}
    last = replay(survey(swapped), replace(start.allocation, nodes=nodes))
    assert handed_over(survey(swapped), last, 0.0) is last
    # More nodes of the first pool than there are.
    pools = (posed.pools[0], posed.pools[1], replace(posed.pools[2], cap=0))
    none = replace(posed, pools=pools)
    assert handed_over(survey(none), as_bought(none), 0.0).cost_usd <= start.cost_usd


@pytest.mark.parametrize("overlap", [False, True])
def test_plans_with_it_are_cheaper(overlap: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    posed = production(3, deadline=5400, budget=None)
    posed = replace(posed, pools=tuple(replace(pool, cap=10 * pool.cap) for pool in posed.pools))
    if overlap:
        fits = {one.name for one in posed.classes if one.stage == 0}
        after = {one.name: (own,) for one in posed.classes if (own := f"{one.name.rpartition('/')[0]}/fit") in fits}
        classes = tuple(
            replace(one, after=() if one.stage == 0 else after.get(one.name, one.after)) for one in posed.classes
        )
        posed = replace(posed, classes=classes)
    assert violations(posed, make_plan(posed, HEADER)) == []
    found = cost(posed)
    monkeypatch.setattr(planning, "handed_over", lambda land, best, *_: best)
    assert found <= cost(posed) * 0.985


def cost(posed: CapacityProblem) -> float:
    planning._on_rung.cache_clear()
    found = solve(posed)
    assert found.verdict == "feasible"
    assert found.replay is not None
    return found.replay.cost_usd
