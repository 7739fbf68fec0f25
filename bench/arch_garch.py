"""The family ``garch`` with arch's optimiser inside, one fit a call: what a fleet's own models are like before anybody
has written a batched engine for them. A module of its own, so that workers can import it."""

from __future__ import annotations

from msgspec import structs

from fleetspec.families.garch import FAMILY as GARCH
from fleetspec.family import Fit, FitRequest, ForecastRequest
from fleetspec.kernels import arch_fit
from fleetspec.panel.series import Series

TRAIN = 750


def fit(request: FitRequest) -> Fit:
    found = arch_fit.estimate(100 * request.windows[0].returns, request.params.specification)  # type: ignore[attr-defined]
    return Fit(found.parameters, len(request.windows[0]), found.log_likelihood, found.converged)


FAMILY = structs.replace(GARCH, version="arch", fit=fit, fit_many=None, forecast_many=None, warm=None)


def fit_one(series: Series) -> float:
    """Fit on the last bars and forecast, as the runtime does for one model."""
    from fleetspec.family import SeriesWindow

    start = len(series) - TRAIN
    window = SeriesWindow(series.name, series.dates[start:], series.returns[start:], None)
    params = FAMILY.params()
    made = fit(FitRequest((window,), params, (), None, 0))
    FAMILY.forecast(ForecastRequest(made, (window,), len(window) - 1, (1, 5), params, ()))
    return made.log_likelihood
