"""Plans of classes that wait for each other against the cheapest there is (``bench/oracles.py`` has the rest)."""

from __future__ import annotations

import math

import pytest
from capacity_problems import HEADER
from exact_overlap import optimum, tiny
from waiting import crossing

from fleetspec.planner.planning import make_plan, solve
from fleetspec.planner.terrain import survey
from fleetspec.planner.violations import violations
from fleetspec.planner.whole_bound import least_whole


@pytest.mark.parametrize("seed", [0, 3, 11, 12, 26])
def test_the_bound_is_below_the_optimum_and_the_plan_is_not(seed: int) -> None:
    posed = tiny(seed)
    cheapest, found = optimum(posed), solve(posed)
    assert found.bound is None or found.bound.cost_usd <= cheapest + 1e-9
    assert least_whole(survey(posed)) <= cheapest + 1e-9
    if found.verdict == "feasible":
        assert found.replay is not None
        assert cheapest <= found.replay.cost_usd + 1e-9
        assert found.replay.cost_usd <= 1.6 * cheapest
    else:
        assert math.isinf(cheapest)
    assert violations(posed, make_plan(posed, HEADER)) == []


def test_the_oracle_knows_the_crossing_chains() -> None:
    # y works for 120 s and x for 100, and is kept until the end; 10 s less and there is no plan.
    assert optimum(crossing(130)) == pytest.approx((120 * 1.0 + 120 * 2.0) / 3600)
    assert optimum(crossing(120)) == pytest.approx((120 * 1.0 + 120 * 2.0) / 3600)
    assert optimum(crossing(110)) == math.inf
