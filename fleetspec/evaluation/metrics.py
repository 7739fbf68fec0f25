"""How good forecasts were: scores of one model over all its windows, from plain arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fleetspec.evaluation.var_tests import kupiec

Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]


class Score(NamedTuple):
    """One figure of a model. ``level`` is NaN but for value at risk; ``n`` is the number of forecasts behind it."""

    metric: str
    horizon: int
    level: float
    value: float
    n: int


class Predictions(Protocol):
    """Forecasts of one series in long form: arrays of one length, as ``fleetspec.family.Forecasts`` has them."""

    @property
    def origin(self) -> Dates: ...
    @property
    def horizon(self) -> NDArray[np.int32]: ...
    @property
    def quantity(self) -> NDArray[np.str_]: ...
    @property
    def level(self) -> Floats: ...
    @property
    def value(self) -> Floats: ...


def rmse(forecast: Floats, realised: Floats) -> float:
    """Root mean squared error, in the unit of the forecast."""
    return float(np.sqrt(np.mean((forecast - realised) ** 2)))


def mae(forecast: Floats, realised: Floats) -> float:
    """Mean absolute error, in the unit of the forecast."""
    return float(np.mean(np.abs(forecast - realised)))


def rmse_ratio_to_zero(forecast: Floats, realised: Floats) -> float:
    """RMSE over that of always forecasting 0: below 1 is skill, above 1 is worse than nothing. NaN if all realised
    values are 0."""
    naive = rmse(np.zeros_like(realised), realised)
    return rmse(forecast, realised) / naive if naive > 0 else float("nan")


def qlike(variance: Floats, proxy: Floats) -> float:
    """Mean of log v + proxy / v (Patton 2011): the ranking of variance forecasts survives a noisy proxy such as the
    squared return. Lower is better; the level depends on the scale of returns."""
    return float(np.mean(np.log(variance) + proxy / variance))


def evaluate(
    target: str, forecasts: Iterable[Predictions], dates: Dates, returns: Floats, tests: tuple[str, ...] = ("kupiec",)
) -> list[Score]:
    """Scores of one model's forecasts of one series against what followed.

    ``dates`` and ``returns`` (T,) are the whole series; the realised value at an origin is the log return of the h
    bars after it, and a forecast whose h bars are not over is left out.

    - ``variance``: ``qlike`` and ``mse`` against the squared h-bar return;
    - ``return``: ``rmse``, ``mae``, ``rmse_ratio_to_zero``;
    - ``value_at_risk`` (every level): ``violations``, ``expected_violations`` and, at 1 bar and if ``kupiec`` is among
      ``tests``, ``kupiec_statistic`` and ``kupiec_p_value``. Longer horizons overlap, so the number of their
      violations is not binomial: its expectation stands, the test would not.
    """
    parts = list(forecasts)
    scores: list[Score] = []
    horizons = sorted({int(h) for part in parts for h in part.horizon})
    for horizon in horizons:
        levels = sorted({float(v) for part in parts for v in part.level[part.quantity == target]})
        for level in levels if target == "value_at_risk" else [float("nan")]:
            predicted, realised = _pairs(parts, target, horizon, level, dates, returns)
            if len(predicted):
                scores += _scores(target, horizon, level, predicted, realised, tests)
    return scores


def _scores(
    target: str, horizon: int, level: float, predicted: Floats, realised: Floats, tests: tuple[str, ...]
) -> list[Score]:
    n = len(predicted)
    if target == "variance":
        named = {"qlike": qlike(predicted, realised**2), "mse": float(np.mean((predicted - realised**2) ** 2))}
    elif target == "return":
        named = {
            "rmse": rmse(predicted, realised),
            "mae": mae(predicted, realised),
            "rmse_ratio_to_zero": rmse_ratio_to_zero(predicted, realised),
        }
    elif target == "value_at_risk":
        violations = int(np.sum(realised < -predicted))
        named = {"violations": float(violations), "expected_violations": n * (1 - level)}
        if "kupiec" in tests and horizon == 1:
            test = kupiec(violations, n, level)
            named |= {"kupiec_statistic": test.statistic, "kupiec_p_value": test.p_value}
    else:
        raise ValueError(f"there are no metrics for the target '{target}'")
    return [Score(metric, horizon, level, value, n) for metric, value in named.items()]


def _pairs(
    parts: list[Predictions], quantity: str, horizon: int, level: float, dates: Dates, returns: Floats
) -> tuple[Floats, Floats]:
    """Forecast and realised value, in order of origin, where both exist."""
    origins, values = [], []
    for part in parts:
        rows = (part.quantity == quantity) & (part.horizon == horizon)
        if not np.isnan(level):
            rows &= part.level == level
        origins.append(part.origin[rows])
        values.append(part.value[rows])
    origin, value = np.concatenate(origins), np.concatenate(values)
    order = np.argsort(origin, kind="stable")
    origin, value = origin[order], value[order]
    bar = np.searchsorted(dates, origin)
    over = bar + horizon < len(returns)
    if not over.any():
        return value[over], value[over]
    if (dates[bar[over]] != origin[over]).any():
        raise ValueError("a forecast starts on a date on which the series has no bar")
    following = np.lib.stride_tricks.sliding_window_view(returns, horizon).sum(axis=1)
    return value[over], following[bar[over] + 1]
