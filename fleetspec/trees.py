"""What the families of boosted trees share: rows pooled over the windows of a request, and forecasts from a booster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fleetspec.family import Forecasts, Rejection
from fleetspec.panel.features import compute, examples

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fleetspec.family import FitRequest, Floats, ForecastRequest

    Predict = Callable[[Floats], ArrayLike]
    """From features (n, k) to values (n,)."""

MIN_BARS = 100
MIN_ROWS = 50


class Rows(NamedTuple):
    """``features`` (n, k), NaN where a volume is missing, and ``target`` (n,), the return over the horizon in units of
    its pooled standard deviation ``scale``, so that penalties do not depend on the size of returns."""

    features: Floats
    target: Floats
    scale: float


def rows(request: FitRequest) -> Rows:
    """Of all windows in their order, oldest first. Raises Rejection where there are too few."""
    request.require(MIN_BARS)
    pooled = [examples(request.features, w.returns, w.volume, request.horizon or 1) for w in request.windows]
    features = np.concatenate([found for found, _ in pooled])
    target = np.concatenate([labels for _, labels in pooled])
    if len(target) < MIN_ROWS:
        raise Rejection(f"{len(target)} usable rows, at least {MIN_ROWS} are needed")
    scale = float(target.std())
    return Rows(features, target / scale, scale)


def forecast(request: ForecastRequest, load: Callable[[bytes, str], Predict]) -> Forecasts:
    """``return``: the expected h-bar log return as a fraction, for every window and origin. ``load`` takes the artifact
    of a fit and a device to what predicts the target in units of the fit's ``scale``."""
    if request.fit is None or request.fit.artifact is None:
        raise Rejection("there is no fit to forecast from")
    predict, scale = load(request.fit.artifact, request.device), request.fit.estimates["scale"]
    blocks = []
    for window in request.windows:
        features = compute(request.features, window.returns, window.volume)[request.first_origin :]
        value = np.asarray(predict(features)).astype(np.float64) * scale
        origins = window.dates[request.first_origin :]
        blocks += [Forecasts.block(window.series, origins, horizon, "return", value) for horizon in request.horizons]
    return Forecasts.joined(blocks)
