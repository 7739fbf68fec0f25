"""Cost against deadline: every point is an executed plan, and more time never costs more."""

from __future__ import annotations

from dataclasses import replace

from capacity_problems import drawn, production
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetspec.planner.frontier import frontier
from fleetspec.planner.planning import solve


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_laws_of_the_points(seed: int) -> None:
    posed = drawn(seed)
    points = frontier(posed, points=5)
    assert [p.deadline_seconds for p in points] == sorted({p.deadline_seconds for p in points})
    for point in points:
        assert point.end_seconds <= point.deadline_seconds
        assert point.bound_usd <= point.cost_usd
        assert all(nodes > 0 for _, nodes in point.nodes)
        caps = {pool.name: pool.cap for pool in posed.pools}
        assert all(nodes <= caps[name] for name, nodes in point.nodes)
    costs = [p.cost_usd for p in points]
    assert costs == sorted(costs, reverse=True)
    feasible = solve(replace(posed, budget_usd=None)).verdict == "feasible"
    assert not feasible or any(p.asked for p in points)


def test_the_point_of_the_spec_is_its_plan_or_a_cheaper_one() -> None:
    posed = production()
    told: list[tuple[int, int]] = []
    points = frontier(posed, points=4, progress=lambda done, of: told.append((done, of)))
    (asked,) = [p for p in points if p.asked]
    assert asked.deadline_seconds == posed.deadline_seconds
    found = solve(replace(posed, budget_usd=None))
    assert found.replay is not None
    assert asked.cost_usd <= found.replay.cost_usd
    assert points[0].cost_usd > asked.cost_usd
    assert told[0][0] == 0
    assert told[-1][0] == told[-1][1]


def test_what_can_never_run_has_no_points() -> None:
    posed = production()
    assert frontier(replace(posed, pools=tuple(replace(pool, cap=0) for pool in posed.pools))) == ()
