"""GARCH(p, q): variance from past squared returns and past variances (Bollerslev 1986), by arch."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import Field

from fleetspec import volatility
from fleetspec.family import Family, Fit, FitRequest, ForecastRequest, Forecasts
from fleetspec.kernels.arch_fit import Process
from fleetspec.scalars import Integer


class GarchParams(volatility.VolatilityParams):
    """``p`` lags of squared returns, ``q`` lags of variance."""

    p: Annotated[Integer, Field(ge=1, le=4)] = 1
    q: Annotated[Integer, Field(ge=0, le=4)] = 1

    @property
    def process(self) -> Process:
        return Process("garch", self.p, 0, self.q, self.distribution, self.mean)


def fit(request: FitRequest) -> Fit:
    return volatility.fit(request, cast(GarchParams, request.params).process)


def forecast(request: ForecastRequest) -> Forecasts:
    return volatility.forecast(request, cast(GarchParams, request.params).process)


FAMILY = Family(
    name="garch",
    version="1",
    summary="GARCH(p, q) with normal or Student-t innovations; variance, mean and tail for any horizon",
    params=GarchParams,
    targets=frozenset({"variance"}),
    per=frozenset({"series"}),
    horizon_free=True,
    uses_features=False,
    min_bars=volatility.MIN_BARS,
    profile=volatility.profile(memory_mib=240),
    fit=fit,
    forecast=forecast,
    needs=("arch", "scipy"),
)
