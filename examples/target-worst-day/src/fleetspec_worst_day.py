"""The worst day to come: the lowest log return among the next h bars; and a family that forecasts its mean."""

from __future__ import annotations

import numpy as np

from fleetspec.evaluation.plugins import Target
from fleetspec.family import Family, Fit, FitRequest, ForecastRequest, Forecasts, Params, Profile, Rejection

MIN_BARS = 60


def observe(following: np.ndarray) -> np.ndarray:
    """``following`` (n, h), log returns of the bars after each origin, to (n,)."""
    return following.min(axis=1)


def loss(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """(n,) squared errors, whose mean the expected worst day minimises."""
    return (predicted - observed) ** 2


TARGET = Target("worst_day", "1", "lowest log return of the next h bars", observe, loss)


def fit(request: FitRequest) -> Fit:
    """The mean worst day of h bars in the training window."""
    request.require(MIN_BARS)
    (window,) = request.windows
    horizon = request.horizon or 1
    mean = float(observe(np.lib.stride_tricks.sliding_window_view(window.returns, horizon)).mean())
    return Fit({"mean": mean, "spread": float(window.returns.std())}, observations=len(window) - horizon + 1)


def forecast(request: ForecastRequest) -> Forecasts:
    """That mean, times how much the last 20 bars moved against the training window."""
    if request.fit is None:
        raise Rejection("there is no fit to forecast from")
    (window,) = request.windows
    origins = range(request.first_origin, len(window))
    recent = np.array([window.returns[max(t - 19, 0) : t + 1].std() for t in origins])
    value = request.fit.estimates["mean"] * recent / request.fit.estimates["spread"]
    dates = window.dates[request.first_origin :]
    return Forecasts.joined(Forecasts.block(window.series, dates, h, TARGET.name, value) for h in request.horizons)


FAMILY = Family(
    name="worst-day-mean",
    version="1",
    summary="mean worst day of the training window, scaled by how much the last 20 bars moved",
    params=Params,
    targets=frozenset({TARGET.name}),
    per=frozenset({"series"}),
    horizon_free=False,
    uses_features=False,
    min_bars=MIN_BARS,
    profile=Profile(memory_mib=200, basis="assumed: a worker with Ray and numpy"),
    fit=fit,
    forecast=forecast,
)
