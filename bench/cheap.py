"""A family that costs next to nothing, so that a run of it shows what the runtime costs. A module of its own, so that
workers can import it. ``SPENT`` sums up seconds of the processor inside the family's own code in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence

from fleetspec.family import Family, Fit, FitRequest, ForecastRequest, Forecasts, Params, Profile, Rejection
from fleetspec.scalars import Number

SPENT = [0.0]


class CheapParams(Params):
    scale: Number = 1.0


def fit(request: FitRequest) -> Fit:
    scale: float = request.params.scale  # type: ignore[attr-defined]
    window = request.windows[0]
    return Fit({"mean": scale * float(window.returns[-1])}, observations=len(window))


def forecast(request: ForecastRequest) -> Forecasts:
    assert request.fit is not None
    window = request.windows[0]
    origins = window.dates[request.first_origin :]
    return Forecasts.block(window.series, origins, request.horizons[0], "return", request.fit.estimates["mean"])


def fit_many(requests: Sequence[FitRequest]) -> list[Fit | Rejection]:
    begun = time.process_time()
    found: list[Fit | Rejection] = [fit(request) for request in requests]
    SPENT[0] += time.process_time() - begun
    return found


def forecast_many(requests: Sequence[ForecastRequest]) -> list[Forecasts | Rejection]:
    begun = time.process_time()
    found: list[Forecasts | Rejection] = [forecast(request) for request in requests]
    SPENT[0] += time.process_time() - begun
    return found


FAMILY = Family(
    name="cheap",
    version="1",
    summary="the last return, scaled",
    params=CheapParams,
    targets=frozenset({"return"}),
    per=frozenset({"series"}),
    horizon_free=True,
    uses_features=False,
    min_bars=2,
    profile=Profile(100, "bench"),
    forecast=forecast,
    fit=fit,
    fit_many=fit_many,
    forecast_many=forecast_many,
)
