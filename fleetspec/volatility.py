"""What the volatility families on ``arch`` share: their common parameters, and how a request becomes numbers.

Each family is still its own file in ``families/``; this module is above the contract and below them, so that a
listing of the folder finds families only.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from fleetspec.family import Fit, FitRequest, ForecastRequest, Forecasts, Params, Profile, Rejection
from fleetspec.kernels.arch_fit import Process, cumulative_variance, estimate, mean_per_bar

MIN_BARS = 100


class VolatilityParams(Params):
    """``distribution`` of the innovations and the ``mean`` equation; the orders are each family's own."""

    distribution: Literal["normal", "t"] = "t"
    mean: Literal["constant", "zero"] = "constant"


def fit(request: FitRequest, process: Process) -> Fit:
    """Estimates by arch's names for returns in percent, and arch's log-likelihood of the percent series."""
    (window,) = request.windows
    request.require(MIN_BARS)
    found = estimate(window.returns, process)
    if not found.converged:
        raise Rejection(f"the optimiser did not converge: {found.message}")
    return Fit(found.parameters, observations=len(window), log_likelihood=found.log_likelihood)


def forecast(request: ForecastRequest, process: Process) -> Forecasts:
    """``variance`` of the h-bar log return (fraction squared), its ``mean`` (fraction) and ``nu`` (inf: normal)."""
    (window,) = request.windows
    if request.fit is None:
        raise Rejection("there is no fit to forecast from")
    parameters = request.fit.estimates
    variances = cumulative_variance(window.returns, process, parameters, request.first_origin, request.horizons)
    if not np.isfinite(variances).all():
        raise Rejection("the forecast variance is not finite: the estimates do not suit these returns")
    origins = window.dates[request.first_origin :]
    mean, nu = mean_per_bar(parameters), parameters.get("nu", float("inf"))
    blocks = []
    for column, horizon in enumerate(request.horizons):
        blocks.append(Forecasts.block(window.series, origins, horizon, "variance", variances[:, column]))
        blocks.append(Forecasts.block(window.series, origins, horizon, "mean", horizon * mean))
        blocks.append(Forecasts.block(window.series, origins, horizon, "nu", nu))
    return Forecasts.joined(blocks)


def profile(memory_mib: int) -> Profile:
    """One core; ``memory_mib`` as measured."""
    return Profile(
        memory_mib=memory_mib,
        basis="measured: a worker with Ray, Arrow and the family's libraries after fits of 2,000 bars",
    )
