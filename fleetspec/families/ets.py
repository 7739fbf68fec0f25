"""Exponential smoothing in state-space form (Hyndman, Koehler, Ord and Snyder 2008), estimated by statsmodels.

Additive errors, with a trend and a season where asked for, of returns or of the logarithm of a measure of volatility.
On returns it forecasts the h-bar return. On a measure it forecasts the variance of the h-bar return: the log measure is
close to normal, so the expected variance of a bar is exp(m + s / 2) for a forecast with mean m and variance s.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, cast

import numpy as np
from msgspec import Struct
from pydantic import Field

from fleetspec.family import Family, Fit, Forecasts, Params, Profile, Rejection
from fleetspec.gauges import gauge, readings
from fleetspec.scalars import Integer

if TYPE_CHECKING:
    from fleetspec.family import FitRequest, Floats, ForecastRequest

MIN_BARS = 100
MAX_ITERATIONS = 1000


class EtsParams(Params):
    """``trend`` of the level, ``damped`` fades with the horizon; ``season`` bars after which a pattern repeats, 0 for
    none."""

    trend: Literal["none", "additive", "damped"] = "none"
    season: Annotated[Integer, Field(ge=0, le=52)] = 0


def fit(request: FitRequest) -> Fit:
    """``alpha``, ``beta``, ``gamma`` and ``phi``: what an error moves of level, trend and season, and the damping (0,
    0, 0 and 1 where there is none); ``level``, ``slope`` and ``season[i]`` before the first bar; ``sigma2`` of the
    errors. Of returns in percent or of the log measure less ``centre``; on a measure ``scale`` takes it to the variance
    of returns and ``mean`` is the mean log return of a bar. Maximum likelihood, the first states estimated.
    """
    (window,) = request.windows
    request.require(MIN_BARS)
    params, beside = cast(EtsParams, request.params), dict[str, float]()
    if params.season == 1:
        raise Rejection("a season of one bar is no pattern: write season: 0, or 2 and more")
    if request.measure != "returns":
        known = gauge(window, request.measure)
        logs = np.log(known.values[known.values > 0])
        beside = {"scale": known.scale, "centre": float(logs.mean()), "mean": known.mean}
    observed = readings(window, request.measure, beside)
    observed = observed[np.isfinite(observed)]
    if len(observed) < MIN_BARS:
        known_bars = f"{len(observed)} bars with a {request.measure} variance above 0"
        raise Rejection(f"{known_bars}, at least {MIN_BARS} are needed")
    if np.ptp(observed) == 0:
        raise Rejection("the series is constant: there is nothing to smooth")
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    model = ETSModel(
        observed,
        error="add",
        trend=None if params.trend == "none" else "add",
        damped_trend=params.trend == "damped",
        seasonal="add" if params.season else None,
        seasonal_periods=params.season or None,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = model.fit(disp=False, maxiter=MAX_ITERATIONS)
    if not found.mle_retvals["converged"]:
        raise Rejection(f"the optimiser did not converge: {found.mle_retvals['iterations']} iterations")
    named = dict(zip(model.param_names, (float(value) for value in found.params), strict=True))
    estimates = {
        "alpha": named["smoothing_level"],
        "beta": named.get("smoothing_trend", 0.0),
        "gamma": named.get("smoothing_seasonal", 0.0),
        "phi": named.get("damping_trend", 1.0),
        "level": named["initial_level"],
        "slope": named.get("initial_trend", 0.0),
        "sigma2": float(np.mean(np.asarray(found.resid) ** 2)),
    }
    # statsmodels counts the first seasons back from the first bar: 0 is the season before it.
    season = {f"season[{i}]": named[f"initial_seasonal.{params.season - 1 - i}"] for i in range(params.season)}
    return Fit(estimates | season | beside, observations=len(observed), log_likelihood=float(found.llf))


def forecast(request: ForecastRequest) -> Forecasts:
    """``return`` of h bars (log, fraction); on a measure ``variance`` of the h-bar log return (fraction squared), its
    ``mean`` (fraction) and ``nu`` infinite."""
    (window,) = request.windows
    if request.fit is None:
        raise Rejection("there is no fit to forecast from")
    estimates, season = request.fit.estimates, cast(EtsParams, request.params).season
    states = _smoothed(readings(window, request.measure, estimates), estimates, season)
    first, origins = request.first_origin, window.dates[request.first_origin :]
    steps = range(1, max(request.horizons) + 1)
    ahead = [states.ahead(first, step, estimates["phi"]) for step in steps]
    blocks = []
    if request.measure != "returns":
        spread = _spreads(estimates, season, len(steps))
        ahead = [np.exp(estimates["centre"] + mean + s / 2) for mean, s in zip(ahead, spread, strict=True)]
    total, sums = np.zeros(len(origins)), {}
    for step, value in zip(steps, ahead, strict=True):
        total = total + value
        sums[step] = total
    for horizon in request.horizons:
        if request.measure == "returns":
            blocks.append(Forecasts.block(window.series, origins, horizon, "return", sums[horizon] / 100))
            continue
        blocks.append(Forecasts.block(window.series, origins, horizon, "variance", sums[horizon]))
        blocks.append(Forecasts.block(window.series, origins, horizon, "mean", horizon * estimates["mean"]))
        blocks.append(Forecasts.block(window.series, origins, horizon, "nu", float("inf")))
    return Forecasts.joined(blocks)


class _States(Struct, frozen=True, eq=False):
    """``level`` and ``slope`` (T,) after each bar; ``seasons`` (T, m) those of the next m bars."""

    level: Floats
    slope: Floats
    seasons: Floats

    def ahead(self, first: int, step: int, phi: float) -> Floats:
        """What is expected ``step`` bars after each origin from ``first`` on."""
        faded = sum(phi**k for k in range(1, step + 1))
        expected = self.level[first:] + faded * self.slope[first:]
        period = self.seasons.shape[1]
        return expected + self.seasons[first:, (step - 1) % period] if period else expected


def _smoothed(observed: Floats, estimates: Mapping[str, float], period: int) -> _States:
    """States after every bar; a bar that is not known moves nothing but time."""
    alpha, beta, gamma, phi = (estimates[name] for name in ("alpha", "beta", "gamma", "phi"))
    level, slope = estimates["level"], estimates["slope"]
    season = [estimates[f"season[{i}]"] for i in range(period)]
    levels, slopes = np.empty(len(observed)), np.empty(len(observed))
    seasons = np.empty((len(observed), period))
    for bar, value in enumerate(observed.tolist()):
        now = season[0] if period else 0.0
        error = value - (level + phi * slope + now)
        if error != error:
            error = 0.0
        level, slope = level + phi * slope + alpha * error, phi * slope + beta * error
        if period:
            season = [*season[1:], now + gamma * error]
            seasons[bar] = season
        levels[bar], slopes[bar] = level, slope
    return _States(levels, slopes, seasons)


def _spreads(estimates: Mapping[str, float], period: int, steps: int) -> list[float]:
    """Variance of the forecast errors 1 .. ``steps`` bars ahead (Hyndman and others 2008, table 6.1)."""
    spreads, total, faded = [], 1.0, 0.0
    for step in range(1, steps + 1):
        spreads.append(estimates["sigma2"] * total)
        faded += estimates["phi"] ** step
        moved = estimates["alpha"] + estimates["beta"] * faded
        total += (moved + (estimates["gamma"] if period and step % period == 0 else 0.0)) ** 2
    return spreads


FAMILY = Family(
    name="ets",
    version="1",
    summary="exponential smoothing of returns, or of a log measure of volatility, with trend and season; any horizon",
    params=EtsParams,
    targets=frozenset({"return", "variance"}),
    per=frozenset({"series"}),
    horizon_free=True,
    uses_features=False,
    min_bars=MIN_BARS,
    profile=Profile(
        memory_mib=280, basis="measured: 248 MiB in a worker of Ray after fits of 2,000 bars; the rest is headroom"
    ),
    fit=fit,
    forecast=forecast,
    measures=frozenset({"returns", "realised", "range", "implied"}),
    needs=("statsmodels",),
)
