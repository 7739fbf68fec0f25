"""By what a search chooses among candidates: one number for the forecasts of a validation part, lower is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fleetspec.evaluation.metrics import mae, qlike, rmse
from fleetspec.evaluation.pairing import Floats, sums

VARIANCE_ONLY = ("qlike", "log_likelihood")
"""Metrics that need a variance."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Forecasts of one series over its validation part, arrays (n,): ``predicted`` returns or variances, and the log
    returns ``realised`` over their horizon. ``mean`` and ``nu`` are those of variance forecasts, 0 and infinite where a
    family gives none. ``naive`` is :func:`naive_error` of what was learned from."""

    predicted: Floats
    realised: Floats
    mean: Floats
    nu: Floats
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
        return float(np.mean(np.abs(predicted - observed) / unit)) if (unit > 0).all() else math.nan
    if metric == "qlike":
        return qlike(predicted, observed)
    if metric == "log_likelihood":
        mean = np.concatenate([one.mean for one in judged])
        nu = np.concatenate([one.nu for one in judged])
        return -float(np.mean(log_density(realised - mean, predicted, nu)))
    raise ValueError(f"there is no metric '{metric}'")


def naive_error(returns: Floats, horizon: int, target: str) -> float:
    """Mean absolute error, within ``returns`` (T,), of taking the last value for the next: the h-bar return before, or
    the squared return before. NaN where there are too few bars."""
    values = returns**2 if target == "variance" else sums(returns, horizon) if len(returns) >= horizon else returns[:0]
    return float(np.mean(np.abs(values[horizon:] - values[:-horizon]))) if len(values) > horizon else math.nan


def log_density(deviation: Floats, variance: Floats, nu: Floats) -> Floats:
    """(n,) log density of a deviation from the mean: Student-t with ``nu`` degrees of freedom scaled to ``variance``,
    normal where ``nu`` is infinite."""
    density = -0.5 * (np.log(2 * np.pi * variance) + deviation**2 / variance)
    tailed = np.flatnonzero(np.isfinite(nu))
    if len(tailed):
        degrees, x, v = nu[tailed], deviation[tailed], variance[tailed]
        known, at = np.unique(degrees, return_inverse=True)
        constant = np.array([math.lgamma((d + 1) / 2) - math.lgamma(d / 2) for d in known])[at]
        scale = (degrees - 2) * v
        density[tailed] = constant - 0.5 * np.log(np.pi * scale) - (degrees + 1) / 2 * np.log1p(x**2 / scale)
    return density
