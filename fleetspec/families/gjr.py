"""GJR-GARCH(p, o, q): GARCH in which negative returns weigh more (Glosten, Jagannathan, Runkle 1993)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fleetspec import volatility
from fleetspec.family import Family
from fleetspec.kernels.garch.types import Specification
from fleetspec.scalars import Integer


class GjrParams(volatility.VolatilityParams):
    """``p`` lags of squared returns, ``o`` of squared negative returns, ``q`` of variance."""

    p: Annotated[Integer, Field(ge=1, le=4)] = 1
    o: Annotated[Integer, Field(ge=1, le=4)] = 1
    q: Annotated[Integer, Field(ge=0, le=4)] = 1

    @property
    def specification(self) -> Specification:
        return Specification("gjr", self.p, self.o, self.q, self.distribution, self.mean)


FAMILY = Family(
    name="gjr",
    version="3",
    summary="GJR-GARCH(p, o, q): negative returns weigh more; variance, mean and tail for any horizon",
    params=GjrParams,
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
