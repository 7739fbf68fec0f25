"""Prophet (Taylor and Letham 2018): the log price as a trend that bends at some dates, and seasons of the calendar.

What it forecasts is the price: the return over the next h bars is the log price it expects there, less the log price
at the origin. Estimation is Prophet's own, in a process of its own; the curve is drawn here, from its estimates, so
that a forecast needs no Stan and starts from each origin alike.
"""

from __future__ import annotations

import json
import logging
import warnings
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import numpy as np
from msgspec import Struct
from pydantic import Field

from fleetspec.family import Family, Fit, Forecasts, Params, Profile, Rejection
from fleetspec.scalars import Integer, Number

if TYPE_CHECKING:
    from fleetspec.family import Dates, FitRequest, Floats, ForecastRequest

MIN_BARS = 100
DAY = 86_400

Season = Literal["auto", "on", "off"]


class ProphetParams(Params):
    """Prophet's own names. ``auto`` has a season where the window is long enough for it: two years, two weeks, and two
    days of bars shorter than a day."""

    n_changepoints: Annotated[Integer, Field(ge=0, le=200)] = 25
    changepoint_range: Annotated[Number, Field(gt=0, le=1)] = 0.8
    changepoint_prior_scale: Annotated[Number, Field(gt=0)] = 0.05
    seasonality_prior_scale: Annotated[Number, Field(gt=0)] = 10.0
    yearly: Season = "auto"
    weekly: Season = "auto"
    daily: Season = "auto"


class Curve(Struct, frozen=True):
    """A fitted curve: times are seconds since 1970, ``t`` runs from 0 at ``start`` to 1 ``span`` seconds later.

    ``rate`` and ``offset`` are the trend's before the first of ``bends`` (in ``t``), ``turns`` what each adds to the
    rate; ``seasons`` are (days, weights of sine and cosine of each harmonic). Values are in units of ``scale``.
    """

    start: float
    span: float
    scale: float
    rate: float
    offset: float
    bends: tuple[float, ...]
    turns: tuple[float, ...]
    seasons: tuple[tuple[float, tuple[float, ...]], ...]

    def at(self, seconds: Floats) -> Floats:
        """The curve (n,) at times (n,), each computed alike whatever stands beside it."""
        t = (seconds - self.start) / self.span
        value = self.rate * t + self.offset
        for bend, turn in zip(self.bends, self.turns, strict=True):
            value = value + np.where(t >= bend, turn * (t - bend), 0.0)
        days = seconds / DAY
        for period, weights in self.seasons:
            for harmonic in range(len(weights) // 2):
                angle = 2 * np.pi * (harmonic + 1) / period * days
                value = value + weights[2 * harmonic] * np.sin(angle) + weights[2 * harmonic + 1] * np.cos(angle)
        return value * self.scale


def fit(request: FitRequest) -> Fit:
    """The artifact is the :class:`Curve` in JSON, of log prices that begin at 0 before the window.

    Estimates: ``rate`` (log price per day at the window's end), ``sigma`` (of the log price around the curve),
    ``bends`` (changes of the rate above 1 % of it) and ``step``, seconds from bar to bar; 0 for bars of weekdays.
    """
    (window,) = request.windows
    request.require(MIN_BARS)
    import pandas as pd
    from prophet import Prophet

    # Each says on standard error when a fit begins and ends, and cmdstanpy sets its level back on first use.
    for name in ("prophet", "cmdstanpy"):
        logging.getLogger(name).disabled = True
    params = cast(ProphetParams, request.params)
    season: dict[str, bool | str] = {"auto": "auto", "on": True, "off": False}
    model = Prophet(
        n_changepoints=params.n_changepoints,
        changepoint_range=params.changepoint_range,
        changepoint_prior_scale=params.changepoint_prior_scale,
        seasonality_prior_scale=params.seasonality_prior_scale,
        yearly_seasonality=season[params.yearly],
        weekly_seasonality=season[params.weekly],
        daily_seasonality=season[params.daily],
        uncertainty_samples=0,
    )
    frame = pd.DataFrame({"ds": pd.to_datetime(window.dates), "y": np.cumsum(window.returns)})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(frame, seed=request.seed % 2**31 or 1)
    except RuntimeError as error:
        raise Rejection(f"Stan's optimiser ended without an estimate: {str(error).splitlines()[0]}") from None
    curve = _drawn(model)
    rate = (curve.rate + sum(curve.turns)) * curve.scale / curve.span * DAY
    estimates = {
        "rate": rate,
        "sigma": float(model.params["sigma_obs"].ravel()[0]) * curve.scale,
        "bends": float(sum(abs(turn) > 0.01 * abs(curve.rate) for turn in curve.turns)),
        "step": _step(window.dates),
    }
    artifact = json.dumps({name: getattr(curve, name) for name in Curve.__struct_fields__}).encode()
    return Fit(estimates, observations=len(window), artifact=artifact)


def _drawn(model: Any) -> Curve:
    """The curve of a fitted Prophet. Without bends Prophet has one at the start that turns nothing."""
    params = {name: np.asarray(values, dtype=float).ravel() for name, values in model.params.items()}
    seasons, at = [], 0
    for season in model.seasonalities.values():
        width = 2 * int(season["fourier_order"])
        seasons.append((float(season["period"]), tuple(params["beta"][at : at + width].tolist())))
        at += width
    return Curve(
        start=float(model.start.timestamp()),
        span=float(model.t_scale.total_seconds()),
        scale=float(model.y_scale),
        rate=float(params["k"][0]),
        offset=float(params["m"][0]),
        bends=tuple(np.asarray(model.changepoints_t, dtype=float).tolist()),
        turns=tuple(params["delta"].tolist()),
        seasons=tuple(seasons),
    )


def _step(dates: Dates) -> float:
    """Seconds from a bar to the next: the median; 0 where bars are of days and none of a weekend."""
    seconds = dates.astype("datetime64[s]").astype(np.int64)
    step = float(np.median(np.diff(seconds)))
    weekdays = bool(np.is_busday(dates.astype("datetime64[D]")).all())
    return 0.0 if step == DAY and weekdays and not (seconds % DAY).any() else step


def _later(dates: Dates, bars: int, step: float) -> Floats:
    """When the bar ``bars`` after each of ``dates`` should end, in seconds since 1970; holidays are not known."""
    if step == 0:
        days = dates.astype("datetime64[D]")
        return np.busday_offset(days, bars, roll="forward").astype("datetime64[s]").astype(np.float64)
    return dates.astype("datetime64[s]").astype(np.float64) + bars * step


def forecast(request: ForecastRequest) -> Forecasts:
    """``return``: the expected h-bar log return as a fraction. The window must begin with the fit's: log prices count
    from there."""
    (window,) = request.windows
    if request.fit is None or request.fit.artifact is None:
        raise Rejection("there is no fit to forecast from")
    read = json.loads(request.fit.artifact)
    seasons = tuple((period, tuple(weights)) for period, weights in read.pop("seasons"))
    curve = Curve(**{**read, "bends": tuple(read["bends"]), "turns": tuple(read["turns"])}, seasons=seasons)
    if window.dates[0].astype("datetime64[s]").astype(np.int64) != curve.start:
        raise Rejection("the window begins with another bar than that of the fit")
    level = np.cumsum(window.returns)[request.first_origin :]
    origins, step = window.dates[request.first_origin :], request.fit.estimates["step"]
    return Forecasts.joined(
        Forecasts.block(window.series, origins, h, "return", curve.at(_later(origins, h, step)) - level)
        for h in request.horizons
    )


FAMILY = Family(
    name="prophet",
    version="1",
    summary="Prophet: the log price as a bending trend and seasons of the calendar; any horizon",
    params=ProphetParams,
    targets=frozenset({"return"}),
    per=frozenset({"series"}),
    horizon_free=True,
    uses_features=False,
    min_bars=MIN_BARS,
    profile=Profile(
        memory_mib=300,
        basis="measured: 227 MiB in a worker of Ray after fits of 2,000 bars, 10 MiB in Stan's process beside it; the "
        "rest is headroom",
    ),
    fit=fit,
    forecast=forecast,
    needs=("prophet",),
    extra="prophet",
)
