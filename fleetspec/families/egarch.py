"""EGARCH(p, o, q): log variance from signed and absolute innovations (Nelson 1991), by arch."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import Field

from fleetspec import volatility
from fleetspec.family import Family, Fit, FitRequest, ForecastRequest, Forecasts
from fleetspec.kernels.arch_fit import Process
from fleetspec.scalars import Integer


class EgarchParams(volatility.VolatilityParams):
    """``p`` lags of absolute innovations, ``o`` of signed ones, ``q`` of log variance."""

    p: Annotated[Integer, Field(ge=1, le=4)] = 1
    o: Annotated[Integer, Field(ge=0, le=4)] = 1
    q: Annotated[Integer, Field(ge=0, le=4)] = 1

    @property
    def process(self) -> Process:
        return Process("egarch", self.p, self.o, self.q, self.distribution, self.mean)


def fit(request: FitRequest) -> Fit:
    return volatility.fit(request, cast(EgarchParams, request.params).process)


def forecast(request: ForecastRequest) -> Forecasts:
    return volatility.forecast(request, cast(EgarchParams, request.params).process)


FAMILY = Family(
    name="egarch",
    version="1",
    summary="EGARCH(p, o, q): log variance reacts to sign and size; variance, mean and tail for any horizon",
    params=EgarchParams,
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
