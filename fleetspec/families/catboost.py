"""Gradient-boosted symmetric trees (Prokhorenkova and others 2018), of the next h-bar log return on features."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field

from fleetspec import trees
from fleetspec.family import Family, Fit, Params, Profile
from fleetspec.scalars import Integer, Number

if TYPE_CHECKING:
    from fleetspec.family import FitRequest, ForecastRequest, Forecasts


class CatboostParams(Params):
    """CatBoost's own names. ``n_estimators`` is the number of boosting rounds; a tree of ``depth`` asks one question
    of all nodes of a level."""

    n_estimators: Annotated[Integer, Field(ge=1, le=5000)] = 100
    depth: Annotated[Integer, Field(ge=1, le=12)] = 3
    learning_rate: Annotated[Number, Field(gt=0, le=1)] = 0.05
    subsample: Annotated[Number, Field(gt=0, le=1)] = 0.8
    l2_leaf_reg: Annotated[Number, Field(ge=0)] = 3.0
    random_strength: Annotated[Number, Field(ge=0)] = 1.0


def fit(request: FitRequest) -> Fit:
    """The artifact is CatBoost's binary of the trees. Rows of all windows are pooled in window order, oldest first.

    The target is divided by its pooled standard deviation (estimate ``scale``), so the penalties do not depend on
    the size of returns. A missing volume feature is less than any other value. One thread per model. Boosting is plain:
    what CatBoost adds for categories has nothing to work on here.
    """
    import catboost

    params = cast(CatboostParams, request.params)
    pooled = trees.rows(request)
    settings: dict[str, Any] = {
        "loss_function": "RMSE",
        "boosting_type": "Plain",
        "bootstrap_type": "Bernoulli",
        "border_count": 63,
        "thread_count": 1,
        "random_seed": request.seed % 2**31,
        "allow_writing_files": False,
        "logging_level": "Silent",
        **params.model_dump(),
    }
    model = catboost.CatBoostRegressor(**settings)
    model.fit(catboost.Pool(pooled.features, pooled.target, thread_count=1))
    return Fit({"scale": pooled.scale}, observations=len(pooled.target), artifact=_written(model))


def _written(model: Any) -> bytes:
    """The trees without the time and the random name that CatBoost writes beside them: equal fits have equal bytes."""
    metadata = model.get_metadata()
    for name in list(metadata.keys()):
        del metadata[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.cbm"
        model.save_model(str(path), format="cbm")
        return path.read_bytes()


def forecast(request: ForecastRequest) -> Forecasts:
    """``return``: the expected h-bar log return as a fraction, for every window and origin."""
    return trees.forecast(request, _loaded)


def _loaded(artifact: bytes, device: str) -> trees.Predict:
    import catboost

    model = catboost.CatBoost()
    model.load_model(blob=artifact)
    return partial(model.predict, thread_count=1)


FAMILY = Family(
    name="catboost",
    version="1",
    summary="gradient-boosted symmetric trees of the h-bar return on features, per series or pooled",
    params=CatboostParams,
    targets=frozenset({"return"}),
    per=frozenset({"series", "universe"}),
    horizon_free=False,
    uses_features=True,
    min_bars=trees.MIN_BARS,
    profile=Profile(
        memory_mib=260,
        basis="measured: 209 MiB in a worker of Ray after fits of 2,000 bars; the rest is headroom",
    ),
    fit=fit,
    forecast=forecast,
    needs=("catboost",),
    extra="boosting",
)
