"""GARCH(p, q): variance from past squared returns and past variances (Bollerslev 1986)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fleetspec import volatility
from fleetspec.family import Family
from fleetspec.kernels.garch.types import Specification
from fleetspec.scalars import Integer


class GarchParams(volatility.VolatilityParams):
    """``p`` lags of squared returns, ``q`` lags of variance."""

    p: Annotated[Integer, Field(ge=1, le=4)] = 1
    q: Annotated[Integer, Field(ge=0, le=4)] = 1

    @property
    def specification(self) -> Specification:
        return Specification("garch", self.p, 0, self.q, self.distribution, self.mean)


FAMILY = Family(
    name="garch",
    version="3",
    summary="GARCH(p, q): variance, mean and tail of returns for any horizon",
    params=GarchParams,
    targets=frozenset({"variance"}),
    per=frozenset({"series"}),
    horizon_free=True,
    uses_features=False,
    min_bars=volatility.MIN_BARS,
    profile=volatility.PROFILE,
    fit=volatility.fit,
    fit_many=volatility.fit_many,
    forecast=volatility.forecast,
    forecast_many=volatility.forecast_many,
    needs=volatility.NEEDS,
    warm=volatility.warm,
    likelihood=volatility.LIKELIHOOD,
)
