"""TGARCH(p, o, q): a deviation from past sizes of returns, negative ones weighing more (Zakoian 1994)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fleetspec import volatility
from fleetspec.family import Family
from fleetspec.kernels.garch.types import Specification
from fleetspec.scalars import Integer


class TgarchParams(volatility.VolatilityParams):
    """``p`` lags of absolute returns, ``o`` of absolute negative returns, ``q`` of deviation."""

    p: Annotated[Integer, Field(ge=1, le=4)] = 1
    o: Annotated[Integer, Field(ge=0, le=4)] = 1
    q: Annotated[Integer, Field(ge=0, le=4)] = 1

    @property
    def specification(self) -> Specification:
        return Specification("tgarch", self.p, self.o, self.q, self.distribution, self.mean)


FAMILY = Family(
    name="tgarch",
    version="2",
    summary="TGARCH(p, o, q): deviations in place of variances; variance, mean and tail for any horizon",
    params=TgarchParams,
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
