"""Elastic net of the next h-bar log return on point-in-time features (Zou and Hastie 2005), by scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import numpy as np
from pydantic import Field

from fleetspec.family import (
    Family,
    Fit,
    Forecasts,
    Params,
    Profile,
    Rejection,
)
from fleetspec.panel.features import compute, examples, needs_volume
from fleetspec.scalars import Number

if TYPE_CHECKING:
    from fleetspec.family import (
        FitRequest,
        ForecastRequest,
        SeriesWindow,
    )

MIN_BARS = 60
MIN_ROWS = 30


class ElasticNetParams(Params):
    """``alpha`` weighs the penalty on features and target scaled to variance 1, so it does not depend on the size of
    returns; ``l1_ratio`` is the share of it on absolute coefficients."""

    alpha: Annotated[Number, Field(gt=0)] = 0.01
    l1_ratio: Annotated[Number, Field(ge=0, le=1)] = 0.5


def fit(request: FitRequest) -> Fit:
    """``coef[f]`` is the change of the h-bar log return (fraction) per training standard deviation of feature f;
    ``mean[f]`` and ``scale[f]`` standardise it; ``intercept`` is the mean training return.

    Rows are bars whose features are all known and whose h-bar return ends inside the window; those of all windows are
    pooled in window order, oldest first. Features of volume are left out where a series has no volume.
    """
    from sklearn.linear_model import ElasticNet

    request.require(MIN_BARS)
    params = cast(ElasticNetParams, request.params)
    names = _usable(request.features, request.windows)
    pooled = [examples(names, w.returns, w.volume, request.horizon or 1) for w in request.windows]
    features = np.concatenate([rows for rows, _ in pooled])
    target = np.concatenate([labels for _, labels in pooled])
    known = np.isfinite(features).all(axis=1)
    features, target = features[known], target[known]
    if len(target) < MIN_ROWS:
        raise Rejection(f"{len(target)} usable rows, at least {MIN_ROWS} are needed")
    mean, scale = features.mean(axis=0), features.std(axis=0)
    centre, spread = target.mean(), target.std()
    if spread == 0:
        raise Rejection("the returns to be learned are constant: they have no variance")
    # A feature that does not move explains nothing; scale 1 leaves it at 0 instead of 0/0.
    scale = np.where(scale > 0, scale, 1.0)
    model = ElasticNet(alpha=params.alpha, l1_ratio=params.l1_ratio, fit_intercept=False, max_iter=10_000)
    model.fit((features - mean) / scale, (target - centre) / spread)
    if model.n_iter_ >= model.max_iter:
        raise Rejection(f"the optimiser did not converge: {model.n_iter_} iterations")
    estimates = {"intercept": float(centre)}
    for column, name in enumerate(names):
        estimates[f"coef[{name}]"] = float(model.coef_[column] * spread)
        estimates[f"mean[{name}]"] = float(mean[column])
        estimates[f"scale[{name}]"] = float(scale[column])
    return Fit(estimates, observations=len(target))


def forecast(request: ForecastRequest) -> Forecasts:
    """``return``: the expected h-bar log return as a fraction. Origins at which a feature has no value are left out."""
    if request.fit is None:
        raise Rejection("there is no fit to forecast from")
    estimates = request.fit.estimates
    names = tuple(name for name in request.features if f"coef[{name}]" in estimates)
    coef, mean, scale = (np.array([estimates[f"{part}[{n}]"] for n in names]) for part in ("coef", "mean", "scale"))
    blocks = []
    for window in request.windows:
        features = compute(names, window.returns, window.volume)[request.first_origin :]
        known = np.isfinite(features).all(axis=1)
        if not known.any():
            continue
        # Summed feature by feature: a matrix product may round a row differently in another batch.
        value = estimates["intercept"] + (((features[known] - mean) / scale) * coef).sum(axis=1)
        origins = window.dates[request.first_origin :][known]
        blocks += [Forecasts.block(window.series, origins, horizon, "return", value) for horizon in request.horizons]
    if not blocks:
        raise Rejection("no origin has a value for every feature")
    return Forecasts.joined(blocks)


def _usable(features: tuple[str, ...], windows: tuple[SeriesWindow, ...]) -> tuple[str, ...]:
    without = any(window.volume is None for window in windows)
    names = tuple(name for name in features if not (without and needs_volume(name)))
    if not names:
        raise Rejection("every feature needs volume, and the series has none")
    return names


FAMILY = Family(
    name="elasticnet",
    version="1",
    summary="linear forecast of the h-bar return from features, with a mixed penalty; per series or pooled",
    params=ElasticNetParams,
    targets=frozenset({"return"}),
    per=frozenset({"series", "universe"}),
    horizon_free=False,
    uses_features=True,
    min_bars=MIN_BARS,
    profile=Profile(
        memory_mib=240, basis="measured: a worker with Ray, Arrow and the family's libraries after fits of 2,000 bars"
    ),
    fit=fit,
    forecast=forecast,
    needs=("sklearn",),
)
