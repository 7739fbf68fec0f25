"""HAR-RV: the next bar's variance from its means over a day, a week and a month (Corsi 2009), by least squares.

The regression is on variances as they are, not on their logarithms, so what is forecast further ahead is the same
regression applied to its own forecasts. The variance of an h-bar return is the sum of those of its bars.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

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
from fleetspec.gauges import gauge
from fleetspec.scalars import Integer

if TYPE_CHECKING:
    from fleetspec.family import (
        FitRequest,
        Floats,
        ForecastRequest,
    )

MIN_BARS = 100
MIN_ROWS = 50


class HarParams(Params):
    """Bars of the two longer means; 5 and 22 are Corsi's week and month of daily bars."""

    week: Annotated[Integer, Field(ge=2, le=10)] = 5
    month: Annotated[Integer, Field(ge=11, le=44)] = 22


def fit(request: FitRequest) -> Fit:
    """``intercept`` (variance of a bar, fraction squared) and the weights ``day``, ``week`` and ``month``; ``scale``
    takes the measure to the variance of returns, ``floor`` is the smallest variance above 0 of the window
    and ``mean`` the mean log return of a bar.

    Rows are bars whose month is known and that have a next one in the window.
    """
    (window,) = request.windows
    request.require(MIN_BARS)
    params = cast(HarParams, request.params)
    known = gauge(window, request.measure)
    rows, target = _means(known.values, params)[:-1], known.values[1:]
    whole = np.isfinite(rows).all(axis=1) & np.isfinite(target)
    if whole.sum() < MIN_ROWS:
        raise Rejection(f"{int(whole.sum())} usable rows, at least {MIN_ROWS} are needed")
    design = np.column_stack([np.ones(int(whole.sum())), rows[whole]])
    # In units of the mean variance, so that the intercept's column is of the size of the others.
    unit = target[whole].mean()
    design[:, 1:] /= unit
    weights, _, rank, _ = np.linalg.lstsq(design, target[whole] / unit, rcond=None)
    if rank < design.shape[1]:
        raise Rejection(f"the {request.measure} variance does not move enough to be regressed on its means")
    estimates = {
        "intercept": float(weights[0] * unit),
        "day": float(weights[1]),
        "week": float(weights[2]),
        "month": float(weights[3]),
        "scale": known.scale,
        # A bar in which nothing was traded has none, and is no variance to forecast.
        "floor": float(known.values[known.values > 0].min()),
        "mean": known.mean,
    }
    return Fit(estimates, observations=int(whole.sum()))


def forecast(request: ForecastRequest) -> Forecasts:
    """``variance`` of the h-bar log return (fraction squared), its ``mean`` (fraction), and ``nu`` infinite: returns
    over the square root of their realised variance are close to normal (Andersen, Bollerslev, Diebold and Labys 2000).

    A variance below the window's smallest is raised to it: a negative one would mean nothing. Origins whose month is
    not known are left out.
    """
    (window,) = request.windows
    if request.fit is None:
        raise Rejection("there is no fit to forecast from")
    params, estimates = cast(HarParams, request.params), request.fit.estimates
    values = window.observed(request.measure) * estimates["scale"]
    origins = np.arange(request.first_origin, len(window))
    origins = origins[np.isfinite(_means(values, params)[origins]).all(axis=1)]
    if not len(origins):
        raise Rejection(f"no origin has {params.month} bars of {request.measure} variance before it")
    past = [values[origins - lag] for lag in range(params.month)]
    total, ahead = np.zeros(len(origins)), {}
    for step in range(1, max(request.horizons) + 1):
        following = (
            estimates["intercept"]
            + estimates["day"] * past[0]
            + estimates["week"] * _mean(past[: params.week])
            + estimates["month"] * _mean(past)
        )
        past = [np.maximum(following, estimates["floor"]), *past[:-1]]
        total = total + past[0]
        ahead[step] = total
    dates, blocks = window.dates[origins], []
    for horizon in request.horizons:
        blocks.append(Forecasts.block(window.series, dates, horizon, "variance", ahead[horizon]))
        blocks.append(Forecasts.block(window.series, dates, horizon, "mean", horizon * estimates["mean"]))
        blocks.append(Forecasts.block(window.series, dates, horizon, "nu", float("inf")))
    return Forecasts.joined(blocks)


def _means(values: Floats, params: HarParams) -> Floats:
    """(T, 3) day, week and month of every bar; NaN where one of their bars is not known."""
    means = np.full((len(values), 3), np.nan)
    means[:, 0] = values
    for column, length in ((1, params.week), (2, params.month)):
        if len(values) >= length:
            windows = np.lib.stride_tricks.sliding_window_view(values, length)
            means[length - 1 :, column] = windows.mean(axis=1)
    return means


def _mean(past: list[Floats]) -> Floats:
    """Mean over bars. Summed one by one: numpy may round a row differently in another batch."""
    total = np.zeros(len(past[0]))
    for values in past:
        total = total + values
    return total / len(past)


FAMILY = Family(
    name="har",
    version="2",
    summary="regression of realised variance on its means over a day, a week and a month; any horizon",
    params=HarParams,
    targets=frozenset({"variance"}),
    per=frozenset({"series"}),
    horizon_free=True,
    uses_features=False,
    min_bars=MIN_BARS,
    profile=Profile(
        memory_mib=220, basis="measured: 145 MiB in a worker of Ray after fits of 2,000 bars; the rest is headroom"
    ),
    fit=fit,
    forecast=forecast,
    measures=frozenset({"realised", "range"}),
)
