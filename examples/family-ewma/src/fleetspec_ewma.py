"""Exponentially weighted variance (RiskMetrics 1996), its decay chosen on the training window."""

from __future__ import annotations

from typing import Annotated, cast

import numpy as np
from pydantic import Field

from fleetspec.family import Family, Fit, FitRequest, ForecastRequest, Forecasts, Params, Profile, Rejection
from fleetspec.scalars import Integer, Number

MIN_BARS = 60


class EwmaParams(Params):
    """Decays between ``lowest`` and ``highest`` are tried, ``steps`` of them."""

    lowest: Annotated[Number, Field(gt=0, lt=1)] = 0.90
    highest: Annotated[Number, Field(gt=0, lt=1)] = 0.99
    steps: Annotated[Integer, Field(ge=1, le=100)] = 10


def variances(returns: np.ndarray, decay: float, first: float) -> np.ndarray:
    """(T,) variance of the bar after each bar, which no later bar changes."""
    path, variance = np.empty(len(returns)), first
    for bar, value in enumerate(returns):
        variance = decay * variance + (1 - decay) * value**2
        path[bar] = variance
    return path


def fit(request: FitRequest) -> Fit:
    """The decay whose variances have the least QLIKE (Patton 2011) one bar ahead, and the first variance."""
    request.require(MIN_BARS)
    (window,) = request.windows
    params = cast(EwmaParams, request.params)
    squares, first = window.returns[1:] ** 2, float(np.var(window.returns[:20]) + 1e-12)
    scores = {}
    for decay in np.linspace(params.lowest, params.highest, params.steps):
        before = variances(window.returns, float(decay), first)[:-1]
        scores[float(decay)] = float(np.mean(np.log(before) + squares / before))
    best = min(scores, key=lambda decay: scores[decay])
    return Fit({"decay": best, "first": first, "qlike": scores[best]}, observations=len(squares))


def forecast(request: ForecastRequest) -> Forecasts:
    """``variance`` of the h-bar log return, h times that of a bar; ``mean`` 0 and a normal tail."""
    if request.fit is None:
        raise Rejection("there is no fit to forecast from")
    (window,) = request.windows
    path = variances(window.returns, request.fit.estimates["decay"], request.fit.estimates["first"])
    origins = window.dates[request.first_origin :]
    blocks = []
    for horizon in request.horizons:
        blocks.append(
            Forecasts.block(window.series, origins, horizon, "variance", horizon * path[request.first_origin :])
        )
        blocks.append(Forecasts.block(window.series, origins, horizon, "mean", 0.0))
        blocks.append(Forecasts.block(window.series, origins, horizon, "nu", float("inf")))
    return Forecasts.joined(blocks)


FAMILY = Family(
    name="ewma",
    version="1",
    summary="exponentially weighted variance with a decay chosen on the training window; any horizon",
    params=EwmaParams,
    targets=frozenset({"variance"}),
    per=frozenset({"series"}),
    horizon_free=True,
    uses_features=False,
    min_bars=MIN_BARS,
    profile=Profile(memory_mib=200, basis="assumed: a worker with Ray and numpy"),
    fit=fit,
    forecast=forecast,
)
