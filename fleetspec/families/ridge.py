"""Ridge regression of the next h-bar log return on point-in-time features (Hoerl and Kennard 1970)."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from fleetspec.factors import MIN_BARS, NEEDS, PROFILE, LinearParams, fit, fit_many, forecast, forecast_many, warm
from fleetspec.family import Family
from fleetspec.scalars import Number


class RidgeParams(LinearParams):
    """``alpha`` weighs squared coefficients, with features and target scaled to variance 1: at 1 an effect that no
    other feature shares is halved, whatever the number of rows."""

    alpha: Annotated[Number, Field(gt=0)] = 0.1

    @property
    def penalty(self) -> tuple[float, float]:
        return self.alpha, math.nan


FAMILY = Family(
    name="ridge",
    version="1",
    summary="linear forecast of the h-bar return from all features, shrunk towards 0; per series or pooled",
    params=RidgeParams,
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
