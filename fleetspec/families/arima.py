"""ARIMA(p, d, q) of returns, or of the logarithm of a measure of volatility (Box and Jenkins 1970), by statsmodels.

On returns it forecasts the h-bar return. On a measure it forecasts the variance of the h-bar return: the log measure is
close to normal, so the expected variance of a bar is exp(m + s / 2) for a forecast with mean m and variance s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
from pydantic import Field

from fleetspec.family import (
    Family,
    Fit,
    Forecasts,
    Params,
    Profile,
    Rejection,
)
from fleetspec.gauges import gauge, readings
from fleetspec.scalars import Integer

if TYPE_CHECKING:
    from fleetspec.family import (
        FitRequest,
        Floats,
        ForecastRequest,
    )

MIN_BARS = 100
MAX_ITERATIONS = 200
GRADIENT, PRECISION = 1e-5, 1e9
"""Where L-BFGS stops: the largest slope of the mean log likelihood, and its last gain in units of 2e-16."""


class ArimaParams(Params):
    """``p`` lags of the series, ``d`` differences, ``q`` lags of the innovations; a constant where ``d`` is 0."""

    p: Annotated[Integer, Field(ge=0, le=5)] = 1
    d: Annotated[Integer, Field(ge=0, le=1)] = 0
    q: Annotated[Integer, Field(ge=0, le=5)] = 0


def fit(request: FitRequest) -> Fit:
    """statsmodels' names: ``intercept``, ``ar.L1`` …, ``ma.L1`` …, ``sigma2``, of returns in percent or of the log
    measure less ``centre``. On a measure ``scale`` takes it to the variance of returns and ``mean`` is the mean log
    return of a bar."""
    (window,) = request.windows
    request.require(MIN_BARS)
    beside: dict[str, float] = {}
    if request.measure != "returns":
        known = gauge(window, request.measure)
        # Log variances lie around -9: a constant there and a root near 1 are hard to tell apart.
        logs = np.log(known.values[known.values > 0])
        beside = {"scale": known.scale, "centre": float(logs.mean()), "mean": known.mean}
    observed = readings(window, request.measure, beside)
    known_bars = int(np.isfinite(observed).sum())
    if known_bars < MIN_BARS:
        raise Rejection(f"{known_bars} bars with {_named(request.measure)} above 0, at least {MIN_BARS} are needed")
    if np.ptp(observed[np.isfinite(observed)]) == 0:
        raise Rejection("the series is constant: there is nothing to explain")
    model = _model(observed, cast(ArimaParams, request.params))
    found = model.fit(disp=0, maxiter=MAX_ITERATIONS, pgtol=GRADIENT, factr=PRECISION)
    if not found.mle_retvals["converged"]:
        raise Rejection(f"the optimiser did not converge: {found.mle_retvals['iterations']} iterations")
    estimates = {name: float(value) for name, value in zip(model.param_names, found.params, strict=True)}
    return Fit(estimates | beside, observations=known_bars, log_likelihood=float(found.llf))


def forecast(request: ForecastRequest) -> Forecasts:
    """``return`` of h bars (log, fraction); on a measure ``variance`` of the h-bar log return (fraction squared), its
    ``mean`` (fraction) and ``nu`` infinite."""
    (window,) = request.windows
    if request.fit is None:
        raise Rejection("there is no fit to forecast from")
    estimates = request.fit.estimates
    observed = readings(window, request.measure, estimates)
    means, spreads = _ahead(observed, request, max(request.horizons))
    dates, blocks = window.dates[request.first_origin :], []
    for horizon in request.horizons:
        if request.measure == "returns":
            blocks.append(Forecasts.block(window.series, dates, horizon, "return", _sum(means, horizon) / 100))
            continue
        expected = [
            np.exp(estimates["centre"] + mean + spread / 2) for mean, spread in zip(means, spreads, strict=True)
        ]
        blocks.append(Forecasts.block(window.series, dates, horizon, "variance", _sum(expected, horizon)))
        blocks.append(Forecasts.block(window.series, dates, horizon, "mean", horizon * estimates["mean"]))
        blocks.append(Forecasts.block(window.series, dates, horizon, "nu", float("inf")))
    return Forecasts.joined(blocks)


def _named(measure: str) -> str:
    return {"implied": "an implied variance"}.get(measure, f"a {measure} variance")


def _model(observed: Floats, params: ArimaParams) -> Any:
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    return SARIMAX(observed, order=(params.p, params.d, params.q), trend="n" if params.d else "c")


def _ahead(observed: Floats, request: ForecastRequest, steps: int) -> tuple[list[Floats], list[Floats]]:
    """Mean and variance of what is observed 1 .. ``steps`` bars after each origin (origins,).

    One pass of the filter gives the state after every origin; the steps from there are those of the state equation.
    """
    assert request.fit is not None
    model = _model(observed, cast(ArimaParams, request.params))
    found = model.filter([request.fit.estimates[name] for name in model.param_names])
    first, ssm = request.first_origin, found.filter_results
    move, look, jump = ssm.transition[:, :, 0], ssm.design[0, :, 0], ssm.selection[:, :, 0]
    shock = jump @ ssm.state_cov[:, :, 0] @ jump.T
    state, spread = found.predicted_state[:, first + 1 :], found.predicted_state_cov[:, :, first + 1 :]
    means, spreads = [], []
    for _ in range(steps):
        means.append(_weighted(look, state) + ssm.obs_intercept[0, 0])
        spreads.append(_weighted(look, np.stack([_weighted(look, row) for row in spread])) + ssm.obs_cov[0, 0, 0])
        state = np.stack([_weighted(row, state) for row in move]) + ssm.state_intercept[:, :1]
        half = [[_weighted(row, spread[:, column]) for column in range(len(look))] for row in move]
        spread = np.stack([np.stack([_weighted(row, np.stack(line)) for row in move]) for line in half])
        spread = spread + shock[:, :, None]
    return means, spreads


def _weighted(weights: Floats, rows: Floats) -> Floats:
    """Rows (k, n) summed with weights (k,), one after the other: a matrix product may round differently in a batch."""
    total = np.zeros(rows.shape[1])
    for weight, row in zip(weights, rows, strict=True):
        total = total + weight * row
    return total


def _sum(steps: list[Floats], horizon: int) -> Floats:
    total = np.zeros(len(steps[0]))
    for step in steps[:horizon]:
        total = total + step
    return total


FAMILY = Family(
    name="arima",
    version="1",
    summary="ARIMA(p, d, q) of returns, or of a log measure of volatility; any horizon",
    params=ArimaParams,
    targets=frozenset({"return", "variance"}),
    per=frozenset({"series"}),
    horizon_free=True,
    uses_features=False,
    min_bars=MIN_BARS,
    profile=Profile(
        memory_mib=280, basis="measured: 253 MiB in a worker of Ray after fits of 2,000 bars; the rest is headroom"
    ),
    fit=fit,
    forecast=forecast,
    measures=frozenset({"returns", "realised", "range", "implied"}),
    needs=("statsmodels",),
)
