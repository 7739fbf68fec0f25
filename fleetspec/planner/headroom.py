"""Time set aside for what may take longer: a problem whose jobs are sized longer than they are in the mean.

    rho_j = scale * ( systematic + z cv_j / sqrt(n_j) + z cv_j t_j / T )

of class j: ``systematic`` = exp(z e_j) - 1 for what all its jobs share, with e_j from the error of its figure and a
slow night; n_j jobs average out with their coefficient of variation cv_j; and of one job, the last, its own chance
stays, as a share of the time T there is. z is the normal quantile of the share of nights asked for. The judge's figures
(:mod:`noise`) have no part in it; ``scale`` is what they decide (:mod:`assurance`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

from fleetspec.planner.problem import CapacityProblem, DemandClass, Placement

SLOW_NIGHT = 0.06
"""ASSUMED when sizing: standard deviation of log seconds of a night as a whole."""


def quantile(share: float) -> float:
    """z: the normal quantile of a share of nights, 0 for a half and less."""
    return max(NormalDist().inv_cdf(min(max(share, 0.5), 0.9999)), 0.0)


def headroom(one: DemandClass, place: Placement, z: float, time: float) -> float:
    """rho_j at scale 1: the share by which a class's jobs count longer. ``time`` is the seconds there are."""
    systematic = math.expm1(z * math.hypot(place.error, SLOW_NIGHT))
    cv = math.sqrt(math.expm1(place.spread**2))
    return systematic + z * cv / math.sqrt(max(one.jobs, 1)) + z * cv * place.seconds / max(time, 1.0)


def padded(problem: CapacityProblem, share: float, scale: float) -> CapacityProblem:
    """The problem with headroom for ``share`` of the nights, and no budget: money is counted without headroom."""
    z, time = quantile(share), float(problem.deadline_seconds - problem.overhead_seconds)
    classes = tuple(
        replace(
            one,
            placements=tuple(
                replace(place, seconds=place.seconds * (1 + scale * headroom(one, place, z, time)))
                for place in one.placements
            ),
        )
        for one in problem.classes
    )
    return replace(problem, classes=classes, budget_usd=None, on_time=None)


def mean_headroom(problem: CapacityProblem, share: float, scale: float) -> float:
    """The headroom of all classes, weighted by the work of their quickest places; as a share of their time."""
    plain = sum(_work(one) for one in problem.classes)
    return sum(_work(one) for one in padded(problem, share, scale).classes) / plain - 1 if plain > 0 else 0.0


def _work(one: DemandClass) -> float:
    return one.jobs * min((place.seconds for place in one.placements), default=0.0)
