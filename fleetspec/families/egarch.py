"""EGARCH(p, o, q): log variance from signed and absolute innovations (Nelson 1991)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fleetspec import volatility
from fleetspec.family import Family
from fleetspec.kernels.garch.types import Specification
from fleetspec.scalars import Integer


class EgarchParams(volatility.VolatilityParams):
    """``p`` lags of absolute innovations, ``o`` of signed ones, ``q`` of log variance."""

    p: Annotated[Integer, Field(ge=1, le=4)] = 1
    o: Annotated[Integer, Field(ge=0, le=4)] = 1
    q: Annotated[Integer, Field(ge=0, le=4)] = 1

    @property
    def specification(self) -> Specification:
        return Specification("egarch", self.p, self.o, self.q, self.distribution, self.mean)


FAMILY = Family(
    name="egarch",
    version="3",
    summary="EGARCH(p, o, q): log variance reacts to sign and size; variance, mean and tail for any horizon",
    params=EgarchParams,
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
