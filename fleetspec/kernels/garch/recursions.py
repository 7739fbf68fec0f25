"""The recursions of :mod:`reference`, compiled: any specification and order, at given parameters, one row at a time.

For what follows a fit: forecasts and standard errors. Where numba is not installed the same text runs as it stands,
a thousand times slower.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from fleetspec.kernels.garch.types import Floats, Specification

Function = TypeVar("Function", bound=Callable[..., Any])

try:
    from numba import njit
except ImportError:  # pragma: no cover

    def compiled(function: Function) -> Function:
        return function
else:

    def compiled(function: Function) -> Function:
        """Compiled when first called, and kept beside this file."""
        return cast(Function, njit(cache=True, nogil=True, error_model="numpy")(function))


LEVELS, SIZES, LOGS = 0, 1, 2
"""What a recursion moves: variances (garch, gjr), deviations (tgarch) or log variances (egarch)."""
NORMAL, T, SKEWT, GED = 0, 1, 2, 3
MEAN_ABS_NORMAL = math.sqrt(2.0 / math.pi)
_LARGEST_LOG = math.log(np.finfo(np.float64).max) - 0.1
_LOG_TWO_PI = math.log(2.0 * math.pi)


def codes(specification: Specification) -> tuple[int, int, int, int, int, int]:
    """Process, distribution, number of mean parameters, p, o and q, as the compiled functions take them."""
    process = {"tgarch": SIZES, "egarch": LOGS}.get(specification.process, LEVELS)
    distribution = {"normal": NORMAL, "t": T, "skewt": SKEWT, "ged": GED}[specification.distribution]
    return process, distribution, len(specification.mean_names), specification.p, specification.o, specification.q


@compiled
def filtered(
    parameters: Floats,
    process: int,
    means: int,
    p: int,
    o: int,
    q: int,
    resids: Floats,
    backcast: float,
    lower: Floats,
    upper: Floats,
    state: Floats,
    shocks: Floats,
    variance: Floats,
) -> None:
    """Fills ``variance`` (T,), ``state`` (what the recursion moves) and ``shocks`` (what drives it: squares, sizes or
    innovations). ``lower`` and ``upper`` bound variances: (T,), or (1,) for all bars."""
    omega, first_alpha = parameters[means], means + 1
    first_gamma, first_beta = first_alpha + p, first_alpha + p + o
    moving = len(lower) > 1
    for t in range(len(resids)):
        value = omega
        low, high = lower[t if moving else 0], upper[t if moving else 0]
        if process == LOGS:
            for j in range(min(p, t)):
                value += parameters[first_alpha + j] * (abs(shocks[t - 1 - j]) - MEAN_ABS_NORMAL)
            for j in range(min(o, t)):
                value += parameters[first_gamma + j] * shocks[t - 1 - j]
        else:
            for j in range(p):
                value += parameters[first_alpha + j] * (shocks[t - 1 - j] if t > j else backcast)
            for j in range(o):
                if t <= j:
                    value += parameters[first_gamma + j] * 0.5 * backcast
                elif resids[t - 1 - j] < 0.0:
                    value += parameters[first_gamma + j] * shocks[t - 1 - j]
        for j in range(q):
            value += parameters[first_beta + j] * (state[t - 1 - j] if t > j else backcast)
        if process == LOGS:
            value = min(value, _LARGEST_LOG)
            v = math.exp(value)
            if v < low:
                v = low
                value = math.log(v)
            elif v > high:
                v = high + value - math.log(high)
                value = math.log(v)
            shocks[t] = resids[t] / math.sqrt(v)
            variance[t] = v
        elif process == SIZES:
            low, high = math.sqrt(low), math.sqrt(high)
            value = low if value < low else _compressed(value, high)
            shocks[t] = abs(resids[t])
            variance[t] = value * value
        else:
            value = low if value < low else _compressed(value, high)
            shocks[t] = resids[t] * resids[t]
            variance[t] = value
        state[t] = value


@compiled
def _compressed(value: float, high: float) -> float:
    if value <= high:
        return value
    return high + (1000.0 if math.isinf(value) else math.log(value / high))


@compiled
def residuals(parameters: Floats, means: int, lags: int, returns: Floats, resids: Floats) -> None:
    """Fills ``resids`` (T - lags,)."""
    for t in range(len(resids)):
        value = returns[t + lags]
        if means:
            value -= parameters[0]
        for j in range(lags):
            value -= parameters[1 + j] * returns[t + lags - 1 - j]
        resids[t] = value


@compiled
def log_densities(
    parameters: Floats, distribution: int, first: int, resids: Floats, variance: Floats, out: Floats
) -> None:
    """Fills ``out`` (T,); the shape begins at ``parameters[first]``."""
    if distribution == NORMAL:
        for t in range(len(resids)):
            out[t] = -0.5 * (_LOG_TWO_PI + math.log(variance[t]) + resids[t] * resids[t] / variance[t])
    elif distribution == T:
        nu = parameters[first]
        constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(math.pi * (nu - 2))
        for t in range(len(resids)):
            square = resids[t] * resids[t] / variance[t]
            out[t] = constant - 0.5 * math.log(variance[t]) - (nu + 1) / 2 * math.log1p(square / (nu - 2))
    elif distribution == SKEWT:
        eta, lam = parameters[first], parameters[first + 1]
        log_c = math.lgamma((eta + 1) / 2) - math.lgamma(eta / 2) - 0.5 * math.log(math.pi * (eta - 2))
        a = 4 * lam * math.exp(log_c) * (eta - 2) / (eta - 1)
        b = math.sqrt(1 + 3 * lam * lam - a * a)
        constant = math.log(b) + log_c
        for t in range(len(resids)):
            y = b * resids[t] / math.sqrt(variance[t]) + a
            y /= 1 + lam if y > 0 else 1 - lam
            out[t] = constant - 0.5 * math.log(variance[t]) - (eta + 1) / 2 * math.log1p(y * y / (eta - 2))
    else:
        nu = parameters[first]
        log_c = 0.5 * (-2 / nu * math.log(2.0) + math.lgamma(1 / nu) - math.lgamma(3 / nu))
        constant = math.log(nu) - log_c - math.lgamma(1 / nu) - (1 + 1 / nu) * math.log(2.0)
        c = math.exp(log_c)
        for t in range(len(resids)):
            size = abs(resids[t]) / (math.sqrt(variance[t]) * c)
            out[t] = constant - 0.5 * math.log(variance[t]) - 0.5 * size**nu
