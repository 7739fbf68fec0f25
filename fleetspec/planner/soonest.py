"""The plan that ends soonest within the budget: the deadline is halved in on, each step an executed plan.

For every end there is a cheapest plan, and it costs no less the earlier the end. So the soonest end that the budget
allows is where the cheapest plan for it stops holding. No plan ends
before the fluid minimum of Σ L_s within the budget.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetspec.planner.assurance import on_time
from fleetspec.planner.bound import least
from fleetspec.planner.noise import TIGHTENED_ON
from fleetspec.planner.terrain import survey

if TYPE_CHECKING:
    from fleetspec.planner.planning import Outcome
    from fleetspec.planner.problem import CapacityProblem

ROUNDS = 7
NEAR = 0.02
"""Ends closer than this share are one."""


def soonest(problem: CapacityProblem, cheapest: Callable[[CapacityProblem], Outcome]) -> Outcome:
    """The outcome that ends soonest within budget and share of nights; what ``cheapest`` says where nothing holds."""
    plain = replace(problem, objective="cost")
    best = replace(cheapest(plain), land=survey(problem))
    if best.verdict != "feasible" or best.replay is None:
        return best
    low = soonest_end(problem)
    for number in range(ROUNDS):
        high = best.replay.end
        if high - low <= NEAR * high:
            break
        middle = int((low + high) / 2)
        tried = cheapest(replace(plain, deadline_seconds=middle, on_time=None))
        if tried.verdict == "feasible" and tried.replay is not None and _sure(problem, tried, number):
            best = replace(tried, land=best.land, assurance=best.assurance)
        else:
            low = middle
        assert best.replay is not None
    return best


def soonest_end(problem: CapacityProblem) -> float:
    """Seconds before which no plan within the budget ends: overhead and the fluid minimum of Σ L_s."""
    land = survey(problem)
    fluid = least(land, "time", time=None, budget=problem.budget_usd) if land.classes else None
    return problem.overhead_seconds + (sum(fluid.lengths.values()) if fluid is not None else 0.0)


def _sure(problem: CapacityProblem, tried: Outcome, number: int) -> bool:
    """Whether a plan made for an earlier end is in time often enough for the deadline there is."""
    if problem.on_time is None:
        return True
    assert tried.replay is not None
    return on_time(survey(problem), tried.replay, TIGHTENED_ON[len(TIGHTENED_ON) - 1 - number]) >= problem.on_time
