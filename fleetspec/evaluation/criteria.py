"""By what a search chooses among candidates: one number for the forecasts of a validation part, lower is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.evaluation.errors import mae, mase, qlike, rmse

if TYPE_CHECKING:
    from fleetspec.evaluation.pairing import Floats

VARIANCE_ONLY = ("qlike", "log_likelihood")
"""Metrics that need a variance."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Forecasts of one series over its validation part, arrays (n,).

    ``predicted`` are returns or variances, ``realised`` the log returns over their horizon. ``mean``, ``nu``, ``skew``
    and ``power`` are those of variance forecasts: 0, infinite and NaN where a family gives none. ``naive`` is
    :func:`~fleetspec.evaluation.errors.naive_error` of what was learned from.
    """

    predicted: Floats
    realised: Floats
    mean: Floats
    nu: Floats
    skew: Floats
    power: Floats
    naive: float


def criterion(metric: str, target: str, judged: Sequence[Judged]) -> float:
    """The score of a candidate, lower is better, all series pooled.

    ``rmse`` and ``mae`` are of the return, or of the variance against the squared return; ``mase`` is the mean absolute
    error in units of each series' naive one (Hyndman and Koehler 2006); ``qlike`` is Patton's; ``log_likelihood`` is
    minus the mean log density of the return under the forecast's variance, mean and tail. Raises ValueError where the
    target has no such metric.
    """
    if target not in ("return", "variance") or (target == "return" and metric in VARIANCE_ONLY):
        raise ValueError(f"{metric} does not score forecasts of {target}")
    predicted = np.concatenate([one.predicted for one in judged])
    realised = np.concatenate([one.realised for one in judged])
    observed = realised**2 if target == "variance" else realised
    if metric == "rmse":
        return rmse(predicted, observed)
    if metric == "mae":
        return mae(predicted, observed)
    if metric == "mase":
        unit = np.repeat([one.naive for one in judged], [len(one.predicted) for one in judged])
        return mase(predicted, observed, unit)
    if metric == "qlike":
        return qlike(predicted, observed)
    if metric == "log_likelihood":
        mean, nu, skew, power = (
            np.concatenate([getattr(one, name) for one in judged]) for name in ("mean", "nu", "skew", "power")
        )
        return -float(np.mean(log_density(realised - mean, predicted, nu, skew, power)))
    raise ValueError(f"there is no metric '{metric}'")


def log_density(deviation: Floats, variance: Floats, nu: Floats, skew: Floats, power: Floats) -> Floats:
    """(n,) log density of a deviation from the mean, of an innovation scaled to ``variance``.

    A GED where ``power`` is known, else Hansen's (1994) skewed t where ``skew`` is, else a Student-t of ``nu`` degrees
    of freedom, normal where they are infinite.
    """
    z = deviation / np.sqrt(variance)
    density = -0.5 * (math.log(2 * math.pi) + z**2)
    ged = ~np.isnan(power)
    t = np.isfinite(nu) & ~ged
    if t.any():
        density[t] = _student(z[t], nu[t], np.nan_to_num(skew[t]))
    if ged.any():
        density[ged] = _generalised(z[ged], power[ged])
    return density - 0.5 * np.log(variance)


def _student(z: Floats, nu: Floats, skew: Floats) -> Floats:
    """Hansen's (1994) density of variance 1; a Student-t where ``skew`` is 0."""
    c = np.exp(_log_gamma((nu + 1) / 2) - _log_gamma(nu / 2)) / np.sqrt(np.pi * (nu - 2))
    a = 4 * skew * c * (nu - 2) / (nu - 1)
    b = np.sqrt(1 + 3 * skew**2 - a**2)
    side = 1 + skew * np.sign(z + a / b)
    density: Floats = np.log(b * c) - (nu + 1) / 2 * np.log1p(((b * z + a) / side) ** 2 / (nu - 2))
    return density


def _generalised(z: Floats, power: Floats) -> Floats:
    """Generalised error distribution of variance 1 (Nelson 1991)."""
    log_scale = 0.5 * (-2 / power * math.log(2) + _log_gamma(1 / power) - _log_gamma(3 / power))
    constant = np.log(power) - log_scale - _log_gamma(1 / power) - (1 + 1 / power) * math.log(2)
    density: Floats = constant - 0.5 * np.abs(z / np.exp(log_scale)) ** power
    return density


def _log_gamma(values: Floats) -> Floats:
    known, at = np.unique(values, return_inverse=True)
    return np.array([math.lgamma(value) for value in known])[at]
