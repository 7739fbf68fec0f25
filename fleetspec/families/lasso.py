"""Lasso of the next h-bar log return on point-in-time features (Tibshirani 1996)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fleetspec.factors import MIN_BARS, NEEDS, PROFILE, LinearParams, fit, fit_many, forecast, forecast_many, warm
from fleetspec.family import Family
from fleetspec.scalars import Number


class LassoParams(LinearParams):
    """``alpha`` weighs absolute coefficients, with features and target scaled to variance 1."""

    alpha: Annotated[Number, Field(gt=0)] = 0.01

    @property
    def penalty(self) -> tuple[float, float]:
        return self.alpha, 1.0


FAMILY = Family(
    name="lasso",
    version="2",
    summary="linear forecast of the h-bar return from the few features that a penalty leaves; per series or pooled",
    params=LassoParams,
    targets=frozenset({"return"}),
    per=frozenset({"series", "universe"}),
    horizon_free=False,
    uses_features=True,
    min_bars=MIN_BARS,
    profile=PROFILE,
    fit=fit,
    fit_many=fit_many,
    forecast=forecast,
    forecast_many=forecast_many,
    warm=warm,
    needs=NEEDS,
)
