"""The specification of the engines: every likelihood of the package as a plain loop over one series.

Slow and readable, and equal to the ``arch`` package to rounding. Sources: Bollerslev (1986), Glosten, Jagannathan and
Runkle (1993), Zakoian (1994), Nelson (1991) for the recursions; Hansen (1994) for the skewed t; Nelson (1991) for the
GED. Presample values and variance bounds are arch's (Sheppard). Parameters are in the order of
:attr:`Specification.names`, returns in any units, (T,).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fleetspec.kernels.garch.types import Floats, Specification

MEAN_ABS_NORMAL = math.sqrt(2.0 / math.pi)
"""E|z| of a normal z. arch subtracts it in EGARCH whatever the distribution is."""
BACKCAST_BARS, BACKCAST_DECAY = 75, 0.94
_LARGEST_LOG = math.log(np.finfo(np.float64).max) - 0.1


@dataclass(frozen=True, slots=True)
class Parameters:
    """One row of parameters by what they are for."""

    mean: Floats
    omega: float
    alpha: Floats
    gamma: Floats
    beta: Floats
    shape: Floats


@dataclass(frozen=True, slots=True)
class Presample:
    """What the variance recursion of one series begins with, fixed while its parameters move.

    ``backcast`` is a mean squared residual, ``tgarch``: a mean absolute one, ``egarch``: the logarithm of the first.
    ``lower`` and ``upper`` (T,) bound the variances.
    """

    backcast: float
    lower: Floats
    upper: Floats


def split(specification: Specification, parameters: Floats) -> Parameters:
    """A parameter vector (k,) taken apart."""
    s = specification
    orders = (len(s.mean_names), 1, s.p, s.o, s.q, len(s.shape_names))
    mean, omega, alpha, gamma, beta, shape = np.split(np.asarray(parameters, dtype=np.float64), np.cumsum(orders)[:-1])
    return Parameters(mean, float(omega[0]), alpha, gamma, beta, shape)


def residuals(returns: Floats, specification: Specification, mean: Floats) -> Floats:
    """Returns minus their conditional mean, (T - lags,)."""
    if specification.mean == "zero":
        return np.array(returns)
    if specification.mean == "constant":
        return np.asarray(returns - mean[0])
    return np.asarray(returns[specification.lags :] - lagged(returns, specification.lags) @ mean)


def lagged(returns: Floats, lags: int) -> Floats:
    """Regressors of an AR mean, (T - lags, 1 + lags): a one, then the returns 1, 2, … ``lags`` bars before."""
    columns = [np.ones(len(returns) - lags)] + [returns[lags - lag : len(returns) - lag] for lag in range(1, lags + 1)]
    return np.column_stack(columns)


def least_squares(returns: Floats, specification: Specification) -> Floats:
    """The mean equation without a variance equation: where arch takes its presample values from."""
    if specification.mean == "zero":
        return np.zeros(0)
    if specification.mean == "constant":
        return np.array([returns.mean()])
    lags = specification.lags
    return np.asarray(np.linalg.lstsq(lagged(returns, lags), returns[lags:], rcond=None)[0])


def presample(returns: Floats, specification: Specification) -> Presample:
    """Arch's backcast and variance bounds, from the residuals of the least-squares mean."""
    first = residuals(returns, specification, least_squares(returns, specification))
    weights = BACKCAST_DECAY ** np.arange(min(BACKCAST_BARS, len(first)))
    weights /= weights.sum()
    early = np.abs(first[: len(weights)])
    square = float(weights @ early**2)
    backcast = {"tgarch": float(weights @ early), "egarch": math.log(square)}.get(specification.process, square)

    average = np.empty(len(first))
    average[0] = square
    for t in range(1, len(first)):
        average[t] = 0.06 * first[t - 1] ** 2 + 0.94 * average[t - 1]
    largest = 1.0 + float(np.max(first**2))
    lower = np.maximum(average / 1e6, first.var() / 1e8)
    upper = np.clip(average * 1e6, largest, 1e7 * largest)
    return Presample(backcast, lower, upper)


def variances(
    resids: Floats, specification: Specification, parameters: Parameters, before: Presample | float
) -> Floats:
    """Conditional variances (T,) of residuals (T,).

    ``before`` is a presample; a bare number is a presample variance that nothing bounds.
    """
    if not isinstance(before, Presample):
        before = _unbounded(before, len(resids), specification)
    if specification.process == "egarch":
        return _log_recursion(resids, parameters, before)
    power = 1.0 if specification.process == "tgarch" else 2.0
    return _recursion(resids, power, parameters, before)


def _unbounded(variance: float, length: int, specification: Specification) -> Presample:
    backcast = {"tgarch": math.sqrt(variance), "egarch": math.log(variance)}.get(specification.process, variance)
    return Presample(backcast, np.zeros(length), np.full(length, np.inf))


def _recursion(resids: Floats, power: float, parameters: Parameters, before: Presample) -> Floats:
    """``s[t] = omega + sum alpha |e|^power + sum gamma |e|^power [e < 0] + sum beta s``, a variance to power / 2."""
    sizes = np.abs(resids) ** power
    falls = np.where(resids < 0, sizes, 0.0)
    lower, upper = before.lower ** (power / 2), before.upper ** (power / 2)
    state = np.empty(len(resids))
    for t in range(len(resids)):
        value = parameters.omega
        for coefficients, history, outside in (
            (parameters.alpha, sizes, before.backcast),
            (parameters.gamma, falls, 0.5 * before.backcast),
            (parameters.beta, state, before.backcast),
        ):
            for lag, coefficient in enumerate(coefficients, start=1):
                value += coefficient * (history[t - lag] if t >= lag else outside)
        if value < lower[t]:
            value = lower[t]
        elif value > upper[t]:
            value = upper[t] + (1000.0 if math.isinf(value) else math.log(value / upper[t]))
        state[t] = value
    return np.asarray(state ** (2.0 / power))


def _log_recursion(resids: Floats, parameters: Parameters, before: Presample) -> Floats:
    """``log v[t] = omega + sum alpha (|z| - E|z|) + sum gamma z + sum beta log v``, with ``z = e / sqrt(v)``."""
    logs, variance, z = (np.empty(len(resids)) for _ in range(3))
    for t in range(len(resids)):
        value = parameters.omega
        for lag, coefficient in enumerate(parameters.alpha, start=1):
            value += coefficient * (abs(z[t - lag]) - MEAN_ABS_NORMAL) if t >= lag else 0.0
        for lag, coefficient in enumerate(parameters.gamma, start=1):
            value += coefficient * z[t - lag] if t >= lag else 0.0
        for lag, coefficient in enumerate(parameters.beta, start=1):
            value += coefficient * (logs[t - lag] if t >= lag else before.backcast)
        logs[t] = min(value, _LARGEST_LOG)
        variance[t] = math.exp(logs[t])
        if variance[t] < before.lower[t]:
            variance[t] = before.lower[t]
            logs[t] = math.log(variance[t])
        elif variance[t] > before.upper[t]:
            variance[t] = before.upper[t] + logs[t] - math.log(before.upper[t])
            logs[t] = math.log(variance[t])
        z[t] = resids[t] / math.sqrt(variance[t])
    return variance


def log_densities(resids: Floats, variance: Floats, distribution: str, shape: Floats) -> Floats:
    """Log density of every residual given its variance, (T,): innovations have mean 0 and variance 1."""
    z = resids / np.sqrt(variance)
    return np.asarray(_LOG_DENSITY[distribution](z, *map(float, shape)) - 0.5 * np.log(variance))


def _normal(z: Floats) -> Floats:
    return np.asarray(-0.5 * (math.log(2 * math.pi) + z**2))


def _t(z: Floats, nu: float) -> Floats:
    constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(math.pi * (nu - 2))
    return np.asarray(constant - (nu + 1) / 2 * np.log1p(z**2 / (nu - 2)))


def _skewt(z: Floats, eta: float, lam: float) -> Floats:
    log_c = math.lgamma((eta + 1) / 2) - math.lgamma(eta / 2) - 0.5 * math.log(math.pi * (eta - 2))
    a = 4 * lam * math.exp(log_c) * (eta - 2) / (eta - 1)
    b = math.sqrt(1 + 3 * lam**2 - a**2)
    scaled = (b * z + a) / (1 + np.sign(z + a / b) * lam)
    return np.asarray(math.log(b) + log_c - (eta + 1) / 2 * np.log1p(scaled**2 / (eta - 2)))


def _ged(z: Floats, nu: float) -> Floats:
    log_c = 0.5 * (-2 / nu * math.log(2) + math.lgamma(1 / nu) - math.lgamma(3 / nu))
    constant = math.log(nu) - log_c - math.lgamma(1 / nu) - (1 + 1 / nu) * math.log(2)
    return np.asarray(constant - 0.5 * np.abs(z / math.exp(log_c)) ** nu)


_LOG_DENSITY: dict[str, Callable[..., Floats]] = {"normal": _normal, "t": _t, "skewt": _skewt, "ged": _ged}


def log_likelihoods(
    returns: Floats, specification: Specification, parameters: Floats, before: Presample | None = None
) -> Floats:
    """Log-likelihood of every bar, (T - lags,). ``before`` is :func:`presample`'s where it was worked out already."""
    one = split(specification, parameters)
    resids = residuals(returns, specification, one.mean)
    if specification.presample == "sample":
        start: Presample | float = float(np.mean(resids**2))
    else:
        start = presample(returns, specification) if before is None else before
    return log_densities(resids, variances(resids, specification, one, start), specification.distribution, one.shape)


def log_likelihood(
    returns: Floats, specification: Specification, parameters: Floats, before: Presample | None = None
) -> float:
    """Their sum: arch's log-likelihood of the returns as they are given."""
    return float(log_likelihoods(returns, specification, parameters, before).sum())
