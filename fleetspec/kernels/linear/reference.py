"""The specification of the solver: one fit at a time, on rows instead of moments, in plain loops.

Slow and readable, and equal to scikit-learn to rounding at every tolerance, because it takes the same steps: cyclic
coordinate descent (Friedman, Hastie and Tibshirani 2010), ended by the duality gap, leaving out features that the gap
proves to be 0 (Ndiaye, Fercoq, Gramfort and Salmon 2017). The objective is in ``types``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fleetspec.kernels.linear.types import Floats, Options


@dataclass(frozen=True, slots=True)
class Prepared:
    """Features (n, p) and target (n,) as they are solved for, and what was taken off and divided by."""

    x: Floats
    y: Floats
    mean: Floats
    scale: Floats
    centre: float
    spread: float


@dataclass(frozen=True, slots=True)
class Solution:
    """``gap`` is over the mean square of the target."""

    prepared: Prepared
    weights: Floats
    passes: int
    gap: float

    @property
    def coef(self) -> Floats:
        made: Floats = self.weights * self.prepared.spread / self.prepared.scale
        return made

    @property
    def intercept(self) -> float:
        return float(self.prepared.centre - self.coef @ self.prepared.mean)


def prepared(features: Floats, target: Floats, options: Options) -> Prepared:
    """Means off where there is an intercept; divided by standard deviations (divisor n) where asked for. A feature that
    does not vary is 0 with scale 1."""
    p = features.shape[1]
    if not options.fit_intercept:
        return Prepared(features, target, np.zeros(p), np.ones(p), 0.0, 1.0)
    mean, centre = features.mean(axis=0), float(target.mean())
    x, y = features - mean, target - centre
    x[:, np.ptp(features, axis=0) == 0] = 0.0
    if not options.standardise:
        return Prepared(x, y, mean, np.ones(p), centre, 1.0)
    deviation = np.sqrt((x**2).mean(axis=0))
    scale, spread = np.where(deviation > 0, deviation, 1.0), float(np.sqrt((y**2).mean()))
    return Prepared(x / scale, y / spread, mean, scale, centre, spread)


def objective(p: Prepared, weights: Floats, alpha: float, l1_ratio: float) -> float:
    """What is minimised."""
    residual = p.y - p.x @ weights
    penalty = l1_ratio * np.abs(weights).sum() + (1 - l1_ratio) / 2 * (weights @ weights)
    return float(residual @ residual / (2 * len(p.y)) + alpha * penalty)


def duality_gap(p: Prepared, weights: Floats, l1: float, l2: float) -> tuple[float, Floats]:
    """How far :func:`objective` is above its minimum at most, and the correlations of features with a feasible point
    of the dual problem, which decide what may be left out."""
    n = len(p.y)
    residual = p.y - p.x @ weights
    if l1 == 0:
        slope = p.x.T @ residual / n
        inner = (residual @ residual - residual @ p.y) / n
        return float(inner + l2 / 2 * weights @ weights + slope @ slope / (2 * l2)), slope
    slope = p.x.T @ residual / n - l2 * weights
    norm = float(np.abs(slope).max())
    primal = residual @ residual / n + l2 * weights @ weights
    shrunk = min(1.0, l1 / norm) if norm else 1.0
    dual = shrunk * (residual @ p.y) / n - shrunk**2 * primal / 2
    return float(primal / 2 + l1 * np.abs(weights).sum() - dual), slope / max(l1, norm)


def elastic_net(features: Floats, target: Floats, alpha: float, l1_ratio: float, options: Options) -> Solution:
    """Coordinate descent from 0. Never fails: a ``gap`` above the tolerance says that it did not converge."""
    p = prepared(features, target, options)
    n, count = p.x.shape
    l1, l2 = alpha * l1_ratio, alpha * (1 - l1_ratio)
    power, squares = float(p.y @ p.y) / n, (p.x**2).mean(axis=0)
    weights = np.zeros(count)
    kept = [j for j in range(count) if squares[j] > 0]

    def possible(gap: float, correlation: Floats) -> list[int]:
        """Features that the gap does not prove to be 0."""
        if l1 == 0:
            return kept
        radius = math.sqrt(2 * abs(gap)) / l1
        return [j for j in kept if (1 - abs(correlation[j])) / math.sqrt(squares[j] + l2) <= radius]

    gap, correlation = duality_gap(p, weights, l1, l2)
    if gap <= options.tol * power:
        return Solution(p, weights, 0, gap / power if power else 0.0)
    kept = possible(gap, correlation)
    for sweep in range(1, options.max_iter + 1):
        moved = 0.0
        for j in kept:
            before = weights[j]
            pull = p.x[:, j] @ (p.y - p.x @ weights) / n + before * squares[j]
            weights[j] = math.copysign(max(abs(pull) - l1, 0.0), pull) / (squares[j] + l2)
            moved = max(moved, abs(weights[j] - before))
        largest = max((abs(weights[j]) for j in kept), default=0.0)
        if largest == 0 or moved <= options.tol * largest or sweep == options.max_iter:
            gap, correlation = duality_gap(p, weights, l1, l2)
            if gap <= options.tol * power:
                break
            kept = possible(gap, correlation)
            weights[[j for j in range(count) if j not in kept]] = 0.0
    return Solution(p, weights, sweep, gap / power)


def ridge(features: Floats, target: Floats, alpha: float, options: Options) -> Solution:
    """The case without absolute values, from its normal equations. Raises LinAlgError where they are singular."""
    p = prepared(features, target, options)
    n, count = p.x.shape
    weights = np.linalg.solve(p.x.T @ p.x / n + alpha * np.eye(count), p.x.T @ p.y / n)
    return Solution(p, weights, 0, 0.0)
