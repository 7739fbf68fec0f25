"""A market of any size, seed and bar: no data needed, and the truth behind every series is known.

Each series is ``beta x market + own``, both GARCH(1,1) paths with omega 1e-5, alpha 0.05, beta 0.90 (daily
volatility 1.4 % in the long run). On 5 % of bars the series' own move is three times its volatility. Volume
rises with the size of the move. Mondays and month ends carry a small drift where bars are sessions. Sessions are
weekdays up to 2025-12-31, 09:30 to 16:00, without holidays; bars of another size have the same paths, scaled by the
square root of their share of a session.

Measures are what a market would show of the true variance: ``realised`` is the bar's variance with the noise of 78
squared returns (chi-square), ``range`` the same with Parkinson's (1980) precision, ``implied`` the next bar's
conditional volatility times 1 + 10 % of a standard normal draw. All are variances of one bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.panel.series import Series
from fleetspec.units import BarSize

if TYPE_CHECKING:
    from fleetspec.panel.series import Dates, Floats

OMEGA, ALPHA, BETA = 1e-5, 0.05, 0.90
SHOCK_SHARE, SHOCK_SIZE = 0.05, 3.0
MARKET_BETA = (0.5, 1.5)
MONDAY_DRIFT, MONTH_END_DRIFT = -2e-4, 5e-4
LAST_DAY = np.datetime64("2025-12-31", "D")
CLOSE_MINUTES, SESSION_MINUTES = 16 * 60, 390
REALISED_DEGREES = 78
"""Five-minute returns of a session."""
RANGE_DEGREES = 4.9
"""A squared range is as precise as the mean of about five squared returns (Parkinson 1980)."""
IMPLIED_NOISE = 0.10

_MARKET_STREAM, _SERIES_STREAM, _MEASURE_STREAM = 0, 1, 2
_SESSION = BarSize(0, "session")


def names(count: int) -> tuple[str, ...]:
    """``SYN0001`` and so on."""
    return tuple(f"SYN{number:04d}" for number in range(1, count + 1))


def market(
    count: int, length: int, seed: int, only: Sequence[int] | None = None, bar: BarSize = _SESSION
) -> dict[str, Series]:
    """``count`` series of ``length`` bars; ``only`` picks some by index, to the same bytes.

    Series ``i`` of a seed is the same whatever ``count`` and ``only`` are: every series has its own stream.
    """
    chosen = list(range(count)) if only is None else sorted(set(only))
    dates = bar_ends(length, bar)
    scale = np.sqrt(bar.sessions)
    common, common_variance = _garch_paths(_generator(seed, _MARKET_STREAM, 0).standard_normal((length, 1)))
    moves = common[:, 0] * scale
    if bar == _SESSION:
        moves = moves + _drift(dates)

    innovations = np.empty((length, len(chosen)))
    shocks = np.empty((length, len(chosen)))
    noise = np.empty((length, len(chosen)))
    loading, base_volume = np.empty(len(chosen)), np.empty(len(chosen))
    for column, index in enumerate(chosen):
        stream = _generator(seed, _SERIES_STREAM, index)
        loading[column] = stream.uniform(*MARKET_BETA)
        base_volume[column] = np.exp(stream.normal(13.0, 1.0))
        innovations[:, column] = stream.standard_normal(length)
        shocks[:, column] = np.where(stream.random(length) < SHOCK_SHARE, SHOCK_SIZE, 1.0)
        noise[:, column] = stream.normal(0.0, 0.25, length)

    own, own_variance = _garch_paths(innovations)
    # The shock multiplies what is seen, not what feeds the variance: omega, alpha and beta stay the true ones.
    returns = loading * moves[:, None] + shocks * (own * scale)
    volume = np.floor(base_volume * np.exp(noise) * (1.0 + 20.0 * np.abs(returns)))
    labels = names(count)
    made = {}
    for column, index in enumerate(chosen):
        of_market = loading[column] ** 2 * common_variance[:, 0] * bar.sessions
        of_series = own_variance[:, column] * bar.sessions
        made[labels[index]] = Series(
            labels[index],
            dates,
            np.ascontiguousarray(returns[:, column]),
            np.ascontiguousarray(volume[:, column]),
            missing=0,
            measures=_measures(_generator(seed, _MEASURE_STREAM, index), of_market, of_series, shocks[:, column]),
        )
    return made


def bar_ends(length: int, bar: BarSize) -> Dates:
    """The ends of the last ``length`` bars up to the close of 2025-12-31, datetime64[s].

    Bars of a session or longer are stamped with the midnight of their last weekday, and the last one is whole.
    """
    if not bar.intraday:
        return _last_weekdays(length, bar.period).astype("datetime64[s]")
    # Counted back from the close: a rest of the session shorter than a bar is the time after the open.
    a_day = SESSION_MINUTES // bar.minutes
    days = _last_weekdays(-(-length // a_day), "session").astype("datetime64[s]")
    clock = CLOSE_MINUTES - bar.minutes * np.arange(a_day - 1, -1, -1)
    ends: Dates = (days[:, None] + (60 * clock).astype("timedelta64[s]")).ravel()[-length:]
    return ends


def _last_weekdays(length: int, period: str) -> Dates:
    """The last weekday of each of the last ``length`` whole periods."""
    back = np.arange(1 - length, 1)
    if period == "session":
        return np.busday_offset(LAST_DAY, back)
    if period == "week":
        friday = np.busday_offset(LAST_DAY, 0, roll="backward", weekmask="0000100")
        fridays: Dates = friday + 7 * back
        return fridays
    months = 1 if period == "month" else 3
    following = LAST_DAY.astype("datetime64[M]") + 1 + months * back
    ends: Dates = np.busday_offset(following.astype("datetime64[D]"), -1, roll="forward")
    return ends


def _measures(stream: np.random.Generator, market: Floats, own: Floats, shocks: Floats) -> dict[str, Floats]:
    """``market`` and ``own`` (T + 1,) are conditional variances of a bar, the last one that of the bar to come."""
    length = len(shocks)
    happened = market[:-1] + shocks**2 * own[:-1]
    expected = market[1:] + (1.0 + SHOCK_SHARE * (SHOCK_SIZE**2 - 1.0)) * own[1:]
    return {
        "realised": happened * stream.chisquare(REALISED_DEGREES, length) / REALISED_DEGREES,
        "range": happened * stream.chisquare(RANGE_DEGREES, length) / RANGE_DEGREES,
        "implied": expected * (1.0 + IMPLIED_NOISE * stream.standard_normal(length)) ** 2,
    }


def _generator(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def _garch_paths(innovations: Floats) -> tuple[Floats, Floats]:
    """GARCH(1,1) returns from standard normal innovations (T, n), each column from its long-run variance, and the
    conditional variances (T + 1, n) behind them."""
    length = len(innovations)
    paths = np.empty_like(innovations)
    variances = np.empty((length + 1, innovations.shape[1]))
    variance = np.full(innovations.shape[1], OMEGA / (1.0 - ALPHA - BETA))
    for day, z in enumerate(innovations):
        variances[day] = variance
        paths[day] = np.sqrt(variance) * z
        variance = OMEGA + ALPHA * paths[day] ** 2 + BETA * variance
    variances[length] = variance
    return paths, variances


def _drift(dates: Dates) -> Floats:
    days = dates.astype("datetime64[D]")
    monday = np.is_busday(days, weekmask="1000000")
    following = np.busday_offset(days, 1)
    month_end = days.astype("datetime64[M]") != following.astype("datetime64[M]")
    drift: Floats = MONDAY_DRIFT * monday + MONTH_END_DRIFT * month_end
    return drift
