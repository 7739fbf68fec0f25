"""A market of any size and seed: no data needed, and the truth behind every series is known.

Each series is ``beta x market + own``, both GARCH(1,1) paths with omega 1e-5, alpha 0.05, beta 0.90 (daily
volatility 1.4 % in the long run). On 5 % of days the series' own move is three times its volatility. Volume
rises with the size of the move. Mondays and month ends carry a small drift. Dates are weekdays up to
2025-12-31, without holidays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fleetspec.panel.series import Dates, Floats, Series

OMEGA, ALPHA, BETA = 1e-5, 0.05, 0.90
SHOCK_SHARE, SHOCK_SIZE = 0.05, 3.0
MARKET_BETA = (0.5, 1.5)
MONDAY_DRIFT, MONTH_END_DRIFT = -2e-4, 5e-4
LAST_DAY = np.datetime64("2025-12-31", "D")

_MARKET_STREAM, _SERIES_STREAM = 0, 1


def names(count: int) -> tuple[str, ...]:
    """``SYN0001`` and so on."""
    return tuple(f"SYN{number:04d}" for number in range(1, count + 1))


def market(count: int, length: int, seed: int, only: Sequence[int] | None = None) -> dict[str, Series]:
    """``count`` series of ``length`` returns; ``only`` picks some by index, to the same bytes.

    Series ``i`` of a seed is the same whatever ``count`` and ``only`` are: every series has its own stream.
    """
    chosen = list(range(count)) if only is None else sorted(set(only))
    dates = business_days(length)
    common = _garch_paths(_generator(seed, _MARKET_STREAM, 0).standard_normal((length, 1)))[:, 0] + _drift(dates)

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

    # The shock multiplies what is seen, not what feeds the variance: omega, alpha and beta stay the true ones.
    returns = loading * common[:, None] + shocks * _garch_paths(innovations)
    volume = np.floor(base_volume * np.exp(noise) * (1.0 + 20.0 * np.abs(returns)))
    labels = names(count)
    return {
        labels[index]: Series(
            labels[index],
            dates,
            np.ascontiguousarray(returns[:, column]),
            np.ascontiguousarray(volume[:, column]),
            missing=0,
        )
        for column, index in enumerate(chosen)
    }


def business_days(length: int) -> Dates:
    """The last ``length`` weekdays up to and with 2025-12-31."""
    return np.busday_offset(LAST_DAY, np.arange(1 - length, 1))


def _generator(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def _garch_paths(innovations: Floats) -> Floats:
    """GARCH(1,1) returns from standard normal innovations (T, n), each column from its long-run variance."""
    paths = np.empty_like(innovations)
    variance = np.full(innovations.shape[1], OMEGA / (1.0 - ALPHA - BETA))
    for day, z in enumerate(innovations):
        paths[day] = np.sqrt(variance) * z
        variance = OMEGA + ALPHA * paths[day] ** 2 + BETA * variance
    return paths


def _drift(dates: Dates) -> Floats:
    monday = np.is_busday(dates, weekmask="1000000")
    following = np.busday_offset(dates, 1)
    month_end = dates.astype("datetime64[M]") != following.astype("datetime64[M]")
    drift: Floats = MONDAY_DRIFT * monday + MONTH_END_DRIFT * month_end
    return drift
