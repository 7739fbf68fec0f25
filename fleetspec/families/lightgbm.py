"""Gradient-boosted trees grown leaf by leaf (Ke and others 2017), of the next h-bar log return on features."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field

from fleetspec import trees
from fleetspec.family import Family, Fit, Params, Profile
from fleetspec.scalars import Integer, Number

if TYPE_CHECKING:
    from fleetspec.family import FitRequest, ForecastRequest, Forecasts


class LightgbmParams(Params):
    """LightGBM's own names. ``n_estimators`` is the number of boosting rounds."""

    n_estimators: Annotated[Integer, Field(ge=1, le=5000)] = 100
    num_leaves: Annotated[Integer, Field(ge=2, le=1024)] = 8
    learning_rate: Annotated[Number, Field(gt=0, le=1)] = 0.05
    bagging_fraction: Annotated[Number, Field(gt=0, le=1)] = 0.8
    min_data_in_leaf: Annotated[Integer, Field(ge=1)] = 20
    lambda_l2: Annotated[Number, Field(ge=0)] = 1.0


def fit(request: FitRequest) -> Fit:
    """The artifact is LightGBM's text of the trees. Rows of all windows are pooled in window order, oldest first.

    The target is divided by its pooled standard deviation (estimate ``scale``), so the penalties do not depend on
    the size of returns. Missing volume features stay NaN: trees send them their own way. One thread per model.
    """
    import lightgbm

    params = cast(LightgbmParams, request.params)
    pooled = trees.rows(request)
    settings: dict[str, Any] = {
        "objective": "regression",
        "bagging_freq": 1,
        "max_bin": 63,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": request.seed % 2**31,
        "verbosity": -1,
        **params.model_dump(exclude={"n_estimators"}),
    }
    data = lightgbm.Dataset(pooled.features, pooled.target, params={"max_bin": 63, "num_threads": 1, "verbosity": -1})
    booster = lightgbm.train(settings, data, num_boost_round=params.n_estimators)
    return Fit({"scale": pooled.scale}, observations=len(pooled.target), artifact=booster.model_to_string().encode())


def forecast(request: ForecastRequest) -> Forecasts:
    """``return``: the expected h-bar log return as a fraction, for every window and origin."""
    return trees.forecast(request, _loaded)


def _loaded(artifact: bytes, device: str) -> trees.Predict:
    import lightgbm

    return partial(lightgbm.Booster(model_str=artifact.decode()).predict, num_threads=1)


FAMILY = Family(
    name="lightgbm",
    version="1",
    summary="gradient-boosted trees grown leaf by leaf, of the h-bar return on features, per series or pooled",
    params=LightgbmParams,
    targets=frozenset({"return"}),
    per=frozenset({"series", "universe"}),
    horizon_free=False,
    uses_features=True,
    min_bars=trees.MIN_BARS,
    profile=Profile(
        memory_mib=280, basis="measured: 252 MiB in a worker of Ray after fits of 2,000 bars; the rest is headroom"
    ),
    fit=fit,
    forecast=forecast,
    needs=("lightgbm",),
)
