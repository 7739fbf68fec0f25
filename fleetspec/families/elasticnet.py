"""Elastic net of the next h-bar log return on point-in-time features (Zou and Hastie 2005)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fleetspec.factors import MIN_BARS, NEEDS, PROFILE, LinearParams, fit, fit_many, forecast, forecast_many, warm
from fleetspec.family import Family
from fleetspec.scalars import Number


class ElasticNetParams(LinearParams):
    """``alpha`` weighs the penalty on features and target scaled to variance 1, so it does not depend on the size of
    returns; ``l1_ratio`` is the share of it on absolute coefficients."""

    alpha: Annotated[Number, Field(gt=0)] = 0.01
    l1_ratio: Annotated[Number, Field(ge=0, le=1)] = 0.5

    @property
    def penalty(self) -> tuple[float, float]:
        return self.alpha, self.l1_ratio


FAMILY = Family(
    name="elasticnet",
    version="3",
    summary="linear forecast of the h-bar return from features, with a mixed penalty; per series or pooled",
    params=ElasticNetParams,
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
