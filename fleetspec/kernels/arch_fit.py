"""Conditional variance models on the ``arch`` package: estimation, and forecasts with fixed parameters.

Works on log returns as fractions; inside, and in every estimate, returns are in percent, which is the scale arch's
optimiser is made for. So ``mu`` is in percent, ``omega`` in percent squared, and log-likelihoods are arch's for the
percent series. Forecasts come back in fractions squared.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PERCENT = 100.0
_NORMAL_MEAN_ABS = math.sqrt(2.0 / math.pi)
_BACKCAST_BARS, _BACKCAST_DECAY = 75, 0.94
_QUANTILES = 5_000
_SMALLEST, _LARGEST = 1e-12, 1e12
# alpha, gamma and beta; in levels alpha + gamma / 2 + beta stays below 1.
_LOG_STARTS = ((0.1, -0.05, 0.8), (0.3, 0.0, 0.6), (0.01, 0.0, 0.1), (0.05, 0.0, 0.0))
_LEVEL_STARTS = ((0.05, 0.05, 0.90), (0.10, 0.05, 0.80), (0.02, 0.01, 0.97), (0.20, 0.10, 0.50))


@dataclass(frozen=True, slots=True)
class Process:
    """A constant-mean variance process. ``garch`` with ``o`` > 0 is GJR-GARCH; orders are arch's p, o and q."""

    kind: Literal["garch", "egarch"]
    p: int
    o: int
    q: int
    distribution: Literal["normal", "t"]
    mean: Literal["constant", "zero"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Arch's parameters by arch's names, in percent units. ``message`` is the optimiser's when not converged."""

    parameters: Mapping[str, float]
    log_likelihood: float
    converged: bool
    message: str


def estimate(returns: Floats, process: Process) -> Estimate:
    """Maximum likelihood on log returns (T,) as fractions. Never raises for numerical trouble: ``converged`` tells.

    Arch's own start comes first and its result stands if it is sound: the optimiser finished, the likelihood is not
    below that of a constant variance, and an EGARCH filter forgets where it began. Otherwise fixed other starts are
    tried and the likeliest sound result is taken. Likelihood alone would not do: EGARCH has false optima in filters
    that never forget.
    """
    percent = PERCENT * returns
    model = _model(percent, process)
    first = _attempt(model, percent, process, None)
    if first.converged:
        return first
    again = [_attempt(model, percent, process, start) for start in _other_starts(percent, process)]
    sound = [found for found in again if found.converged]
    return max(sound, key=lambda found: found.log_likelihood) if sound else first


def _attempt(model: Any, percent: Floats, process: Process, start: Floats | None) -> Estimate:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = model.fit(disp="off", show_warning=False, starting_values=start)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            return Estimate({}, math.nan, False, str(error))
    parameters = {str(name): float(value) for name, value in result.params.items()}
    likelihood = float(result.loglikelihood)
    if not (math.isfinite(likelihood) and all(map(math.isfinite, parameters.values()))):
        message = "the likelihood is not finite"
    elif result.convergence_flag != 0:
        message = str(result.optimization_result.message)
    elif likelihood < _constant_variance_likelihood(percent, process) - 1.0:
        message = "a constant variance is more likely"
    elif process.kind == "egarch" and not _forgets(percent, process, parameters):
        message = "the variance filter does not forget its first value"
    else:
        return Estimate(parameters, likelihood, True, "")
    return Estimate(parameters, likelihood, False, message)


def _other_starts(percent: Floats, process: Process) -> list[Floats]:
    """Parameter vectors in arch's order, all inside its constraints."""
    log_scale = process.kind == "egarch"
    starts = []
    for alpha, gamma, beta in _LOG_STARTS if log_scale else _LEVEL_STARTS:
        # An omega that keeps the variance where the sample has it.
        persistence = (beta if process.q else 0.0) + (0.0 if log_scale else alpha + gamma / 2)
        level = math.log(percent.var()) if log_scale else percent.var()
        vector = [percent.mean()] if process.mean == "constant" else []
        vector.append((1 - persistence) * level)
        for value, count in ((alpha, process.p), (gamma, process.o), (beta, process.q)):
            vector += [value / max(count, 1)] * count
        if process.distribution == "t":
            vector.append(8.0)
        starts.append(np.array(vector, dtype=np.float64))
    return starts


def _constant_variance_likelihood(percent: Floats, process: Process) -> float:
    """Gaussian log-likelihood of the simplest case that every process contains."""
    variance = percent.var() if process.mean == "constant" else float(np.mean(percent**2))
    return -0.5 * len(percent) * (math.log(2 * math.pi * variance) + 1)


def _forgets(percent: Floats, process: Process, parameters: Mapping[str, float]) -> bool:
    """Invertible on this sample: a tiny change of the first log variance dies out instead of growing."""
    residuals = percent - parameters.get("mu", 0.0)
    nudge = 1e-6
    start = math.log(_backcast(residuals))
    one = _filtered(residuals, process, parameters, start)
    other = _filtered(residuals, process, parameters, start + nudge)
    if one.min() <= _SMALLEST or one.max() >= _LARGEST:
        return False
    return bool(abs(math.log(one[-1]) - math.log(other[-1])) < nudge)


def cumulative_variance(
    returns: Floats, process: Process, parameters: Mapping[str, float], first_origin: int, horizons: tuple[int, ...]
) -> Floats:
    """Variance of the h-bar log return, in fractions squared, (origins, horizons).

    Row ``i`` is the forecast after bar ``first_origin + i`` with fixed parameters: the sum of the expected
    variances of the next 1 to h bars. The filter starts at bar 0 and knows nothing after the origin.

    GARCH and GJR: the exact recursion (as arch's ``analytic`` method). EGARCH: log variance is linear in the
    innovations z, so beyond one bar the expectation is the deterministic path times a product of
    E[exp(a(|z| - c) + gz)], one factor per bar ahead, averaged over 5,000 equally likely quantiles of z. Under
    Student-t this expectation does not exist; leaving out the outermost 1 in 10,000 on each side makes it finite,
    and stands in for the simulation that arch uses, without its noise.
    """
    steps = _step_variances(PERCENT * returns, process, parameters, first_origin, max(horizons))
    total: Floats = np.cumsum(steps, axis=1)[:, [h - 1 for h in horizons]] / PERCENT**2
    return total


def mean_per_bar(parameters: Mapping[str, float]) -> float:
    """The expected log return of a bar, as a fraction."""
    return parameters.get("mu", 0.0) / PERCENT


def _model(percent: Floats, process: Process) -> Any:
    from arch import arch_model

    return arch_model(
        percent,
        mean="Constant" if process.mean == "constant" else "Zero",
        vol="EGARCH" if process.kind == "egarch" else "GARCH",
        p=process.p,
        o=process.o,
        q=process.q,
        dist=process.distribution,
        rescale=False,
    )


def _step_variances(
    percent: Floats, process: Process, parameters: Mapping[str, float], first_origin: int, steps: int
) -> Floats:
    """Expected variance of each of the next ``steps`` bars, in percent squared, (origins, steps)."""
    residuals = percent - parameters.get("mu", 0.0)
    # arch starts from the first 75 residuals of its sample; bars after the first origin must not enter.
    backcast = _backcast(residuals[: first_origin + 1])
    start = math.log(backcast) if process.kind == "egarch" else backcast
    variance = _filtered(residuals, process, parameters, start)
    lags = _Lags(max(process.p, process.o, process.q, 1), first_origin)
    forward = _egarch_forward if process.kind == "egarch" else _garch_forward
    return forward(residuals, variance, backcast, process, parameters, lags, steps)


def _backcast(residuals: Floats) -> float:
    """The variance before the sample, as arch has it: of the first 75 residuals, the earliest weighing most."""
    early = residuals[:_BACKCAST_BARS] ** 2
    weights = _BACKCAST_DECAY ** np.arange(len(early))
    return max(float(early @ weights / weights.sum()), _SMALLEST)


def _filtered(residuals: Floats, process: Process, parameters: Mapping[str, float], start: float) -> Floats:
    """Conditional variances (T,) in percent squared; ``start`` is a variance, or its logarithm for EGARCH."""
    volatility = _model(residuals, process).volatility
    order = [parameters["omega"]] + [
        value
        for name, count in (("alpha", process.p), ("gamma", process.o), ("beta", process.q))
        for value in _coefficients(parameters, name, count)
    ]
    # arch bounds the variance by figures of the whole sample; these bounds only keep it a finite positive number.
    bounds = np.tile([_SMALLEST, _LARGEST], (len(residuals), 1))
    variance: Floats = np.empty(len(residuals))
    volatility.compute_variance(np.array(order), residuals, variance, start, bounds)
    return variance


@dataclass(frozen=True, slots=True)
class _Lags:
    """How far back a recursion reads, and where the first forecast is made."""

    depth: int
    first_origin: int

    def of(self, values: Floats, before: float) -> Floats:
        """(origins, depth): column ``j`` holds the value ``j`` bars before the origin, ``before`` ahead of bar 0."""
        padded = np.concatenate([np.full(self.depth - 1, before), values])
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.depth)[self.first_origin :, ::-1]
        return np.ascontiguousarray(windows)


def _coefficients(parameters: Mapping[str, float], name: str, count: int) -> list[float]:
    return [parameters[f"{name}[{lag}]"] for lag in range(1, count + 1)]


def _garch_forward(
    residuals: Floats,
    variance: Floats,
    backcast: float,
    process: Process,
    parameters: Mapping[str, float],
    lags: _Lags,
    steps: int,
) -> Floats:
    squares = lags.of(residuals**2, backcast)
    negative_squares = lags.of(np.where(residuals < 0, residuals**2, 0.0), backcast / 2)
    variances = lags.of(variance, backcast)
    ahead = np.empty((len(squares), steps))
    for h in range(steps):
        value = np.full(len(squares), parameters["omega"])
        # Past the origin a squared return is worth its variance, and half of it falls on negative returns.
        for name, count, history, share in (
            ("alpha", process.p, squares, 1.0),
            ("gamma", process.o, negative_squares, 0.5),
            ("beta", process.q, variances, 1.0),
        ):
            for j, coefficient in enumerate(_coefficients(parameters, name, count)):
                value += coefficient * (share * ahead[:, h - 1 - j] if j < h else history[:, j - h])
        ahead[:, h] = value
    return ahead


def _egarch_forward(
    residuals: Floats,
    variance: Floats,
    backcast: float,
    process: Process,
    parameters: Mapping[str, float],
    lags: _Lags,
    steps: int,
) -> Floats:
    standardized = residuals / np.sqrt(variance)
    innovations = lags.of(standardized, 0.0)
    sizes = lags.of(np.abs(standardized) - _NORMAL_MEAN_ABS, 0.0)
    logs = lags.of(np.log(variance), math.log(backcast))
    alpha = _coefficients(parameters, "alpha", process.p)
    gamma = _coefficients(parameters, "gamma", process.o)
    beta = _coefficients(parameters, "beta", process.q)

    # ``path`` leaves out the innovations after the origin; ``growth`` multiplies in what they are worth on average.
    path = np.empty((len(residuals) - lags.first_origin, steps))
    for h in range(steps):
        value = np.full(len(path), parameters["omega"])
        for coefficients, history in ((alpha, sizes), (gamma, innovations)):
            for j, coefficient in enumerate(coefficients):
                if j >= h:
                    value += coefficient * history[:, j - h]
        for j, coefficient in enumerate(beta):
            value += coefficient * (path[:, h - 1 - j] if j < h else logs[:, j - h])
        path[:, h] = value
    growth = np.ones(steps)
    with np.errstate(over="ignore"):
        if steps > 1:
            draws = _standard_quantiles(process, parameters)
            sized = np.abs(draws) - _NORMAL_MEAN_ABS
            responses = zip(_responses(alpha, beta, steps - 1), _responses(gamma, beta, steps - 1), strict=True)
            growth[1:] = np.cumprod([np.exp(a * sized + g * draws).mean() for a, g in responses])
        return np.exp(path) * growth


def _responses(direct: list[float], beta: list[float], count: int) -> list[float]:
    """What one innovation adds to log variance 1, 2, … ``count`` bars later."""
    response: list[float] = []
    for lag in range(count):
        carried = sum(b * response[lag - 1 - j] for j, b in enumerate(beta) if j < lag)
        response.append(carried + (direct[lag] if lag < len(direct) else 0.0))
    return response


def _standard_quantiles(process: Process, parameters: Mapping[str, float]) -> Floats:
    """Equally likely values of an innovation with mean 0 and variance 1."""
    from scipy import stats

    at = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    if process.distribution == "normal":
        return np.asarray(stats.norm.ppf(at), dtype=np.float64)
    nu = parameters["nu"]
    return np.asarray(stats.t.ppf(at, nu) * math.sqrt((nu - 2) / nu), dtype=np.float64)
