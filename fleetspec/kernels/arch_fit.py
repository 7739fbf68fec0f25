"""The reference estimator, one series at a time: the ``arch`` package (Sheppard), with more starts where its own fails.

What the batched engine flags comes here. Log-likelihoods and estimates are arch's of the returns as they are given.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fleetspec.kernels.garch.types import Floats, Specification

_BACKCAST_BARS, _BACKCAST_DECAY = 75, 0.94
_SMALLEST, _LARGEST = 1e-12, 1e12
# alpha, gamma and beta; in levels alpha + gamma / 2 + beta stays below 1.
_LOG_STARTS = ((0.1, -0.05, 0.8), (0.3, 0.0, 0.6), (0.01, 0.0, 0.1), (0.05, 0.0, 0.0))
_LEVEL_STARTS = ((0.05, 0.05, 0.90), (0.10, 0.05, 0.80), (0.02, 0.01, 0.97), (0.20, 0.10, 0.50))
_SHAPE_STARTS = {"normal": [], "t": [8.0], "skewt": [8.0, 0.0], "ged": [1.5]}
_MEANS = {"zero": "Zero", "constant": "Constant", "ar": "AR"}


@dataclass(frozen=True, slots=True)
class Estimate:
    """Arch's parameters by arch's names. ``message`` is the optimiser's when not converged."""

    parameters: Mapping[str, float]
    log_likelihood: float
    converged: bool
    message: str


def estimate(returns: Floats, specification: Specification) -> Estimate:
    """Maximum likelihood on returns (T,), best in percent. Never raises for numerical trouble: ``converged`` tells.

    Arch's own start comes first and its result stands if it is sound: the optimiser finished, the likelihood is not
    below that of a constant variance, and an EGARCH filter forgets where it began. Otherwise fixed other starts are
    tried and the likeliest sound result is taken. Likelihood alone would not do: EGARCH has false optima in filters
    that never forget.
    """
    model = _model(returns, specification)
    first = _attempt(model, returns, specification, None)
    if first.converged:
        return first
    again = [_attempt(model, returns, specification, start) for start in _other_starts(returns, specification)]
    sound = [found for found in again if found.converged]
    return max(sound, key=lambda found: found.log_likelihood) if sound else first


def _attempt(model: Any, returns: Floats, specification: Specification, start: Floats | None) -> Estimate:
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
    elif likelihood < _constant_variance_likelihood(returns, specification) - 1.0:
        message = "a constant variance is more likely"
    elif specification.process == "egarch" and not _forgets(returns, specification, parameters):
        message = "the variance filter does not forget its first value"
    else:
        return Estimate(parameters, likelihood, True, "")
    return Estimate(parameters, likelihood, False, message)


def _other_starts(returns: Floats, specification: Specification) -> list[Floats]:
    """Parameter vectors in arch's order, all inside its constraints."""
    spec, log_scale = specification, specification.process == "egarch"
    power = 1.0 if spec.process == "tgarch" else 2.0
    starts = []
    for alpha, gamma, beta in _LOG_STARTS if log_scale else _LEVEL_STARTS:
        # An omega that keeps the variance where the sample has it.
        persistence = (beta if spec.q else 0.0) + (0.0 if log_scale else alpha + gamma / 2)
        level = math.log(returns.var()) if log_scale else float(returns.std()) ** power
        vector = [float(returns.mean())] if spec.mean != "zero" else []
        vector += [0.0] * spec.lags
        vector.append((1 - persistence) * level)
        for value, count in ((alpha, spec.p), (gamma, spec.o), (beta, spec.q)):
            vector += [value / max(count, 1)] * count
        starts.append(np.array(vector + _SHAPE_STARTS[spec.distribution], dtype=np.float64))
    return starts


def _constant_variance_likelihood(returns: Floats, specification: Specification) -> float:
    """Gaussian log-likelihood of the simplest case that every process contains."""
    variance = float(np.mean(returns**2)) if specification.mean == "zero" else float(returns.var())
    return -0.5 * (len(returns) - specification.lags) * (math.log(2 * math.pi * variance) + 1)


def _forgets(returns: Floats, specification: Specification, parameters: Mapping[str, float]) -> bool:
    """Invertible on this sample: a tiny change of the first log variance dies out instead of growing."""
    residuals = returns - parameters.get("mu", 0.0)
    nudge = 1e-6
    early = residuals[:_BACKCAST_BARS] ** 2
    weights = _BACKCAST_DECAY ** np.arange(len(early))
    start = math.log(max(float(early @ weights / weights.sum()), _SMALLEST))
    one = _filtered(residuals, specification, parameters, start)
    other = _filtered(residuals, specification, parameters, start + nudge)
    if one.min() <= _SMALLEST or one.max() >= _LARGEST:
        return False
    return bool(abs(math.log(one[-1]) - math.log(other[-1])) < nudge)


def _filtered(residuals: Floats, specification: Specification, parameters: Mapping[str, float], start: float) -> Floats:
    """Conditional variances (T,); ``start`` is the logarithm of the one before the sample."""
    order = np.array([parameters[name] for name in specification.variance_names])
    # arch bounds the variance by figures of the whole sample; these bounds only keep it a finite positive number.
    bounds = np.tile([_SMALLEST, _LARGEST], (len(residuals), 1))
    variance: Floats = np.empty(len(residuals))
    _model(residuals, specification).volatility.compute_variance(order, residuals, variance, start, bounds)
    return variance


def _model(returns: Floats, specification: Specification) -> Any:
    from arch import arch_model

    return arch_model(
        returns,
        mean=_MEANS[specification.mean],
        lags=specification.lags,
        vol="EGARCH" if specification.process == "egarch" else "GARCH",
        p=specification.p,
        o=specification.o,
        q=specification.q,
        power=1.0 if specification.process == "tgarch" else 2.0,
        dist=specification.distribution,
        rescale=False,
    )
