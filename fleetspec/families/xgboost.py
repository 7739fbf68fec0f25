"""Gradient-boosted trees of the next h-bar log return on point-in-time features (Chen and Guestrin 2016)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field

from fleetspec import trees
from fleetspec.family import Family, Fit, Params, Profile
from fleetspec.scalars import Integer, Number

if TYPE_CHECKING:
    from fleetspec.family import FitRequest, ForecastRequest, Forecasts


class XgboostParams(Params):
    """XGBoost's own names. ``n_estimators`` is the number of boosting rounds."""

    n_estimators: Annotated[Integer, Field(ge=1, le=5000)] = 100
    max_depth: Annotated[Integer, Field(ge=1, le=12)] = 3
    learning_rate: Annotated[Number, Field(gt=0, le=1)] = 0.05
    subsample: Annotated[Number, Field(gt=0, le=1)] = 0.8
    min_child_weight: Annotated[Number, Field(ge=0)] = 5.0
    reg_lambda: Annotated[Number, Field(ge=0)] = 1.0


def fit(request: FitRequest) -> Fit:
    """The artifact is the booster in UBJSON. Rows of all windows are pooled in window order, oldest first.

    The target is divided by its pooled standard deviation (estimate ``scale``), so the penalties do not depend on
    the size of returns. Missing volume features stay NaN: trees send them their own way. One thread per model.
    """
    import xgboost

    params = cast(XgboostParams, request.params)
    pooled = trees.rows(request)
    settings: dict[str, Any] = {
        "objective": "reg:squarederror",
        "tree_method": "hist",
        "max_bin": 64,
        "nthread": 1,
        "device": request.device,
        "seed": request.seed % 2**31,
        "verbosity": 0,
        **params.model_dump(exclude={"n_estimators"}),
    }
    data = xgboost.QuantileDMatrix(pooled.features, pooled.target, max_bin=64, nthread=1)
    booster = xgboost.train(settings, data, num_boost_round=params.n_estimators)
    device = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
    return Fit(
        {"scale": pooled.scale},
        observations=len(pooled.target),
        artifact=bytes(booster.save_raw("ubj")),
        device="cuda" if device.startswith("cuda") else "cpu",
    )


def forecast(request: ForecastRequest) -> Forecasts:
    """``return``: the expected h-bar log return as a fraction, for every window and origin."""
    return trees.forecast(request, _loaded)


def _loaded(artifact: bytes, device: str) -> trees.Predict:
    import xgboost

    booster = xgboost.Booster({"nthread": 1, "device": device}, model_file=bytearray(artifact))
    return lambda features: booster.predict(xgboost.DMatrix(features, nthread=1))


FAMILY = Family(
    name="xgboost",
    version="1",
    summary="gradient-boosted trees of the h-bar return on features, per series or pooled over a universe",
    params=XgboostParams,
    targets=frozenset({"return"}),
    per=frozenset({"series", "universe"}),
    horizon_free=False,
    uses_features=True,
    min_bars=trees.MIN_BARS,
    profile=Profile(
        memory_mib=250,
        basis="measured: a worker with Ray, Arrow and the family's libraries after fits of 2,000 bars; "
        "GPU memory assumed: little more than a CUDA context; its tolerance ASSUMED: histograms in float32",
        gpu="optional",
        gpu_memory_mib=1024,
        gpu_tolerance=1e-3,
    ),
    fit=fit,
    forecast=forecast,
    needs=("xgboost",),
)
