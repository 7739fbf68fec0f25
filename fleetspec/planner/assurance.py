"""Plans that end in time in the share of nights asked for: the least headroom with which one does.

The plan without headroom comes first; where it is on time often enough, it stands. Else jobs are sized longer
(:mod:`headroom`), what that buys is replayed with the time jobs really take, and the judge counts the nights on seeds
that no stated chance rests on. The scale of the headroom is halved in on, a bounded number of rounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.planner.assembly import Findings, assemble
from fleetspec.planner.headroom import mean_headroom, padded
from fleetspec.planner.judge import nights
from fleetspec.planner.noise import TIGHTENED_ON, TRIALS_TIGHTENING, USUAL
from fleetspec.planner.plans import Assurance, Inputs, PlanHeader
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.simulate import Replay, replay

if TYPE_CHECKING:
    from fleetspec.planner.planning import Outcome
    from fleetspec.planner.terrain import Terrain

ROUNDS = 6
WIDEST = 8.0
"""Headroom is not scaled beyond this."""
NEAR = 0.05
"""Scales closer than this share are one."""
_NOBODY = PlanHeader("", "nightly", "", "", Inputs("", "", "", "", "", ""), 0)


@dataclass(frozen=True, slots=True)
class _Tried:
    scale: float
    share: float
    replay: Replay
    barriers: Replay | None = None
    """The same headroom where stages follow each other, if that was looked at."""


def assured(problem: CapacityProblem, size: Callable[[CapacityProblem], Outcome], plain: Outcome) -> Outcome:
    """The cheapest plan found that is on time in ``problem.on_time`` of the nights; verdict ``unsure`` where none is.

    ``plain`` is what ``size`` makes of the problem as it is, and feasible.
    """
    asked = problem.on_time
    assert asked is not None
    assert plain.replay is not None
    wanted = min(asked + math.sqrt(asked * (1 - asked) / TRIALS_TIGHTENING), 1.0)
    first = _Tried(0.0, on_time(plain.land, plain.replay, TIGHTENED_ON[0]), plain.replay, plain.barriers)
    if first.share >= wanted:
        return replace(plain, assurance=_said(problem, asked, first, first))
    held, closest, rounds = _search(problem, asked, wanted, size, plain, first)
    rounds += plain.rounds
    best = held or closest
    said = _said(problem, asked, first, best)
    made = replace(plain, replay=best.replay, barriers=best.barriers, rounds=rounds, assurance=said)
    if held is None:
        return replace(made, verdict="unsure", reason="on_time")
    if problem.budget_usd is not None and held.replay.cost_usd > problem.budget_usd + 1e-9:
        return replace(made, verdict="infeasible", reason="budget")
    return made


def _search(
    problem: CapacityProblem,
    asked: float,
    wanted: float,
    size: Callable[[CapacityProblem], Outcome],
    plain: Outcome,
    first: _Tried,
) -> tuple[_Tried | None, _Tried, int]:
    """The cheapest that is on time often enough, if any; the surest of all; and the rounds it took."""
    held: _Tried | None = None
    surest, low, high, scale = first, 0.0, math.inf, 1.0
    for number in range(1, ROUNDS + 1):
        found = _tried(problem, asked, scale, size, plain.land, TIGHTENED_ON[number])
        if found is not None and found.share > surest.share:
            surest = found
        if found is not None and found.share >= wanted:
            held = found if held is None or found.replay.cost_usd <= held.replay.cost_usd else held
        # Too much headroom fits no longer: less of it may both fit and be enough.
        low, high = (low, scale) if found is None or found.share >= wanted else (scale, high)
        scale = (low + high) / 2 if high < math.inf else 2 * scale
        if scale > WIDEST or high - low < NEAR * high:
            break
    return held, surest, number


def _tried(
    problem: CapacityProblem,
    asked: float,
    scale: float,
    size: Callable[[CapacityProblem], Outcome],
    land: Terrain,
    seed: int,
) -> _Tried | None:
    """What a headroom buys, replayed without it; None where nothing with so much headroom fits."""
    sized = size(padded(problem, asked, scale))
    if sized.verdict != "feasible" or sized.replay is None:
        return None
    made = sized.replay
    real = replay(land, made.allocation, barriers=made.barriers, urgent=made.urgent)
    other = sized.barriers and replay(land, sized.barriers.allocation)
    return _Tried(scale, on_time(land, real, seed), real, other)


def on_time(land: Terrain, made: Replay, seed: int) -> float:
    """The share of nights that end by the deadline, on a seed for planning."""
    plan = assemble(land, _NOBODY, Findings("feasible", None, made, 0, ()))
    found = nights(land.problem, plan, seed, TRIALS_TIGHTENING, USUAL)
    return float(np.mean(found.ends <= land.problem.deadline_seconds))


def _said(problem: CapacityProblem, asked: float, first: _Tried, best: _Tried) -> Assurance:
    return Assurance(asked, mean_headroom(problem, asked, best.scale), round(first.share, 4), first.replay.cost_usd)
