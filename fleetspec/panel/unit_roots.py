"""Does a series wander? The tests of Dickey and Fuller and of Kwiatkowski, Phillips, Schmidt and Shin.

Both give statistics, lags and p-values of statsmodels (``adfuller(autolag="AIC")``, ``kpss(nlags="auto")``), a test
holds them against each other. They are made here since statsmodels fits each of twenty candidate lags of the first by
itself: as they are nested, one triangular factor has the squares of them all, some forty times as fast. Its p-values
are statsmodels' own (MacKinnon 1994, 2010).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from fleetspec.panel.series import Floats

Around = Literal["constant", "trend"]

FEWEST = 20
"""Values below which a series is not tested: the tables are of long series."""
KPSS_RANGE = (0.01, 0.10)
"""Between these p-values the table of Kwiatkowski et al. reaches; beyond them the nearer end is given."""
_SHARES = (0.10, 0.05, 0.025, 0.01)
_CRITICAL: dict[Around, tuple[float, ...]] = {
    "constant": (0.347, 0.463, 0.574, 0.739),
    "trend": (0.119, 0.146, 0.176, 0.216),
}
"""Kwiatkowski, Phillips, Schmidt and Shin (1992), table 1."""


class Root(NamedTuple):
    """``lags`` are those of differences (Dickey and Fuller) or of the long-run variance (Kwiatkowski et al.)."""

    statistic: float
    p_value: float
    lags: int


def adf(values: Floats, around: Around = "constant") -> Root | None:
    """The augmented Dickey-Fuller test (1979) of ``values`` (n,): a small p-value says that there is *no* unit root.

    The number of lagged differences, up to 12 (n/100)^(1/4) (Schwert 1989), is the one with the least AIC. None for
    values that hardly vary or are fewer than :data:`FEWEST`. Raises ModuleNotFoundError without statsmodels.
    """
    from statsmodels.tsa.adfvalues import mackinnonp

    n, fixed = len(values), 1 if around == "constant" else 2
    if n < FEWEST or _still(values):
        return None
    longest = min(math.ceil(12 * (n / 100) ** 0.25), n // 2 - fixed - 1)
    squares, _ = _nested(values, longest, around)
    rows = n - 1 - longest
    scores = rows * np.log(np.maximum(squares, np.finfo(np.float64).tiny)) + 2 * np.arange(len(squares))
    lags = int(np.argmin(scores))
    _, statistic = _nested(values, lags, around)
    if not math.isfinite(statistic):
        return None
    return Root(statistic, float(mackinnonp(statistic, regression="c" if around == "constant" else "ct", N=1)), lags)


def _nested(values: Floats, lags: int, around: Around) -> tuple[Floats, float]:
    """Residual sums of squares (lags + 1,) of the regressions with 0 to ``lags`` lagged differences, on the rows that
    have all of them, and the t-value of the level in the last."""
    steps = np.diff(values)
    rows = len(steps) - lags
    past = np.lib.stride_tricks.sliding_window_view(steps, lags + 1)[:, ::-1]
    columns = [np.ones(rows)] + ([np.arange(1.0, rows + 1)] if around == "trend" else [])
    level = len(columns)
    design = np.column_stack([*columns, values[lags:-1], past[:, 1:], past[:, 0]])
    # Column by column orthogonal: the squares of the last column below row k are those that k regressors leave.
    upper: Floats = np.linalg.qr(design, mode="r")  # type: ignore[assignment]
    left = np.cumsum(upper[::-1, -1] ** 2)[::-1][level + 1 :]
    square, aim = upper[:-1, :-1], upper[:-1, -1]
    count = len(square)
    try:
        inverse = np.linalg.solve(square, np.column_stack([aim, np.eye(count)]))
    except np.linalg.LinAlgError:
        return left, math.nan
    freedom = rows - count
    if freedom <= 0 or left[-1] <= 0:
        return left, math.nan
    error = math.sqrt(float(left[-1]) / freedom * float((inverse[level, 1:] ** 2).sum()))
    return left, float(inverse[level, 0]) / error


def kpss(values: Floats, around: Around = "constant") -> Root | None:
    """The test of Kwiatkowski, Phillips, Schmidt and Shin (1992) of ``values`` (n,): a small p-value says that they are
    *not* stationary around a constant or trend.

    Lags of the long-run variance by Hobijn, Franses and Ooms (2004). The p-value lies in :data:`KPSS_RANGE`. None for
    values that hardly vary or are fewer than :data:`FEWEST`.
    """
    n = len(values)
    if n < FEWEST or _still(values):
        return None
    if around == "constant":
        rest = values - values.mean()
    else:
        time = np.column_stack([np.ones(n), np.arange(1.0, n + 1)])
        rest = values - time @ np.linalg.lstsq(time, values, rcond=None)[0]
    lags = _bandwidth(rest)
    spread = float(rest @ rest)
    for lag in range(1, lags + 1):
        spread += 2 * float(rest[lag:] @ rest[:-lag]) * (1 - lag / (lags + 1))
    if not spread > 0:
        return None
    statistic = float((np.cumsum(rest) ** 2).sum()) / n**2 / (spread / n)
    return Root(statistic, float(np.interp(statistic, _CRITICAL[around], _SHARES)), lags)


def _bandwidth(rest: Floats) -> int:
    n = len(rest)
    total, slope = float(rest @ rest) / n, 0.0
    for lag in range(1, int(n ** (2 / 9)) + 1):
        product = float(rest[lag:] @ rest[:-lag]) / (n / 2)
        total += product
        slope += lag * product
    if total == 0:
        return 0
    return min(int(1.1447 * ((slope / total) ** 2) ** (1 / 3) * n ** (1 / 3)), n - 1)


def _still(values: Floats) -> bool:
    return bool(np.ptp(values) <= 1e-14 * np.abs(values).max())
