"""GJR-GARCH(p, o, q): GARCH in which negative returns weigh more (Glosten, Jagannathan, Runkle 1993), by arch."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import Field

from fleetspec import volatility
from fleetspec.family import Family, Fit, FitRequest, ForecastRequest, Forecasts
from fleetspec.kernels.arch_fit import Process
from fleetspec.scalars import Integer


class GjrParams(volatility.VolatilityParams):
    """``p`` lags of squared returns, ``o`` of squared negative returns, ``q`` of variance."""

    p: Annotated[Integer, Field(ge=1, le=4)] = 1
    o: Annotated[Integer, Field(ge=1, le=4)] = 1
    q: Annotated[Integer, Field(ge=0, le=4)] = 1

    @property
    def process(self) -> Process:
        return Process("garch", self.p, self.o, self.q, self.distribution, self.mean)


def fit(request: FitRequest) -> Fit:
    return volatility.fit(request, cast(GjrParams, request.params).process)


def forecast(request: ForecastRequest) -> Forecasts:
    return volatility.forecast(request, cast(GjrParams, request.params).process)


FAMILY = Family(
    name="gjr",
    version="1",
    summary="GJR-GARCH(p, o, q): negative returns weigh more; variance, mean and tail for any horizon",
    params=GjrParams,
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
