"""Standard errors of many fits: from the Hessian, or Bollerslev and Wooldridge's (1992) robust ones.

With H the Hessian of the negative log-likelihood and S the covariance of the scores, classic errors are the roots of
the diagonal of H^-1, robust ones of T H^-1 S H^-1: arch's ``cov_type``. Derivatives are central differences, as
arch's, with one difference: a step is three thousandths of the parameter's own standard error rather than a fixed
share of the parameter, so that a small omega is not stepped over.

The mean's error is to be read with care where the likelihood bends sharply at a residual of zero: ``tgarch``,
``egarch``, and ``ged`` below 2. There its curvature depends on the step, here and in arch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.kernels.garch.recursions import LOGS, SIZES, codes, compiled, filtered, log_densities, residuals

if TYPE_CHECKING:
    from fleetspec.kernels.garch.types import ErrorKind, Floats, Specification

_FIRST_STEP, _STEP = 1e-4, 3e-3
"""Of the parameter, where its curvature is not known yet; of its standard error, where it is."""


def standard_errors(returns: Floats, specification: Specification, parameters: Floats, kind: ErrorKind) -> Floats:
    """Of every row's parameters (n, k), in their units, (n, k).

    ``returns`` (n, T) are the rows the parameters were estimated on. NaN where the likelihood has no curvature of a
    maximum, as at a bound.
    """
    return np.array([_root_of_diagonal(c) for c in covariances(returns, specification, parameters, kind)]).reshape(
        np.shape(parameters)
    )


def covariances(returns: Floats, specification: Specification, parameters: Floats, kind: ErrorKind) -> Floats:
    """Covariance matrices of every row's parameters, (n, k, k)."""
    found = np.empty((*np.shape(parameters), np.shape(parameters)[1]))
    for i, (row, given) in enumerate(zip(returns, parameters, strict=True)):
        with np.errstate(all="ignore"):
            found[i] = _covariance(row, specification, given, kind)
    return found


def _root_of_diagonal(covariance: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(np.diag(covariance)))


def _covariance(row: Floats, specification: Specification, given: Floats, kind: ErrorKind) -> Floats:
    scale = float(np.sqrt(np.mean(np.square(row))))
    inner, back = _scaled(specification, given, scale)
    one = _Likelihood(row / scale, specification)
    k = len(given)
    nothing = np.full((k, k), np.nan)
    # Twice: the first curvature, from rough steps, tells how large a step should be.
    steps = _FIRST_STEP * np.maximum(np.abs(inner), 0.1)
    curvature = -one.curvatures(inner, steps)
    sound = np.isfinite(curvature) & (curvature > 0)
    steps[sound] = _STEP / np.sqrt(curvature[sound])
    steps = np.minimum(steps, one.room(inner))
    hessian = -one.hessian(inner, steps)
    if not np.isfinite(hessian).all():
        return nothing
    try:
        inverse = np.linalg.inv(hessian)
    except np.linalg.LinAlgError:
        return nothing
    if kind == "robust":
        scores = one.scores(inner, steps)
        inverse = scores.shape[1] * inverse @ np.atleast_2d(np.cov(scores)) @ inverse
    return np.asarray(back @ inverse @ back.T)


def _scaled(specification: Specification, given: Floats, scale: float) -> tuple[Floats, Floats]:
    """Parameters of the row divided by ``scale``, and the derivative of the given ones by those."""
    inner, back = given.copy(), np.eye(len(given))
    means, omega = len(specification.mean_names), len(specification.mean_names)
    if means:
        # The lags of an AR mean have no unit.
        inner[0] /= scale
        back[0, 0] = scale
    if specification.process == "egarch":
        first = omega + 1 + specification.p + specification.o
        betas = slice(first, first + specification.q)
        inner[omega] -= (1 - given[betas].sum()) * 2 * math.log(scale)
        back[omega, betas] = -2 * math.log(scale)
    else:
        unit = scale if specification.process == "tgarch" else scale * scale
        inner[omega] /= unit
        back[omega, omega] = unit
    return inner, back


class _Likelihood:
    """The log-likelihood of one row with its derivatives by central differences."""

    def __init__(self, row: Floats, specification: Specification) -> None:
        from fleetspec.kernels.garch.reference import least_squares

        self._row, self._spec = row, specification
        count = len(row) - specification.lags
        self._work = np.empty((4, count))
        resids = np.empty(count)
        start = least_squares(row, specification)
        residuals(start, len(start), specification.lags, row, resids)
        self._backcast, self._lower, self._upper = _presample(resids, codes(specification)[0])

    def room(self, at: Floats) -> Floats:
        """How far each parameter may be moved before the density ends: half the way."""
        room = np.full(len(at), np.inf)
        shapes = len(self._spec.shape_names)
        if self._spec.distribution in ("t", "skewt"):
            room[-shapes] = (at[-shapes] - 2.0) / 2
        if self._spec.distribution == "skewt":
            room[-1] = (1.0 - abs(at[-1])) / 2
        return room

    def __call__(self, at: Floats) -> float:
        return float(self.each(at).sum())

    def each(self, at: Floats) -> Floats:
        """Per bar; the array is overwritten by the next call."""
        resids, state, shocks, variance = self._work
        process, distribution, means, p, o, q = codes(self._spec)
        residuals(at, means, self._spec.lags, self._row, resids)
        backcast, lower, upper = self._backcast, self._lower, self._upper
        if self._spec.presample == "sample":
            backcast, lower, upper = float(np.mean(resids**2)), np.zeros(1), np.full(1, np.inf)
        filtered(at, process, means, p, o, q, resids, backcast, lower, upper, state, shocks, variance)
        log_densities(at, distribution, len(at) - len(self._spec.shape_names), resids, variance, shocks)
        return shocks

    def curvatures(self, at: Floats, steps: Floats) -> Floats:
        middle = self(at)
        return np.array(
            [(self(at + e) - 2 * middle + self(at - e)) / s**2 for e, s in zip(np.diag(steps), steps, strict=True)]
        )

    def hessian(self, at: Floats, steps: Floats) -> Floats:
        k, moves = len(at), np.diag(steps)
        found = np.diag(self.curvatures(at, steps))
        for i in range(k):
            for j in range(i):
                a, b = moves[i], moves[j]
                mixed = self(at + a + b) - self(at + a - b) - self(at - a + b) + self(at - a - b)
                found[i, j] = found[j, i] = mixed / (4 * steps[i] * steps[j])
        return found

    def scores(self, at: Floats, steps: Floats) -> Floats:
        """Per parameter and bar, (k, T)."""
        ups = [self.each(at + e).copy() for e in np.diag(steps)]
        return np.array([(u - self.each(at - e)) / (2 * s) for u, e, s in zip(ups, np.diag(steps), steps, strict=True)])


@compiled
def _presample(resids: Floats, process: int) -> tuple[float, Floats, Floats]:
    """Arch's backcast and variance bounds, as :func:`reference.presample`'s."""
    moved, squares, weights, weight = 0.0, 0.0, 0.0, 1.0
    for t in range(min(75, len(resids))):
        squares += weight * resids[t] * resids[t]
        moved += weight * abs(resids[t])
        weights += weight
        weight *= 0.94
    average = squares / weights
    largest, floor = 1.0 + float(np.max(resids * resids)), float(np.var(resids)) / 1e8
    lower, upper = np.empty(len(resids)), np.empty(len(resids))
    backcast = moved / weights if process == SIZES else (math.log(average) if process == LOGS else average)
    for t in range(len(resids)):
        lower[t] = max(average / 1e6, floor)
        upper[t] = min(max(average * 1e6, largest), 1e7 * largest)
        average = 0.06 * resids[t] * resids[t] + 0.94 * average
    return backcast, lower, upper
