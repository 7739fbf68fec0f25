"""How good forecasts were: scores of one model over all its windows, from plain arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fleetspec.evaluation.pairing import pair
from fleetspec.evaluation.portfolios import rank_ic, renewed, traded
from fleetspec.evaluation.var_tests import BASEL_LEVEL, basel, christoffersen, kupiec

if TYPE_CHECKING:
    from fleetspec.evaluation.pairing import Floats, Pairs, Predictions, Realised


class Score(NamedTuple):
    """One figure of a model. ``level`` is NaN but for value at risk; ``n`` is the number of forecasts behind it."""

    metric: str
    horizon: int
    level: float
    value: float
    n: int


class Judging(NamedTuple):
    """How a model's forecasts are judged. ``tests`` are those of the backtest; ``side`` is the position that a value
    at risk is for; ``every`` is the bars between renewals of a position, 0 where all forecasts count; ``ranked`` says
    that positions are ranks among the members of a universe."""

    target: str
    tests: tuple[str, ...] = ()
    side: str = "long"
    every: int = 0
    ranked: bool = False


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


def evaluate(judging: Judging, forecasts: Iterable[Predictions], series: Mapping[str, Realised]) -> list[Score]:
    """Scores of one model's forecasts against what followed.

    ``series`` holds every series the forecasts may be of, whole; several are pooled. The realised value at an origin is
    the log return of the h bars after it, and a forecast whose h bars are not over is left out.

    - ``variance``: ``qlike`` and ``mse`` against the squared h-bar return;
    - ``return``: ``rmse``, ``mae``, ``rmse_ratio_to_zero``, and over several series ``rank_ic``;
    - ``value_at_risk`` (every level): ``violations``, ``expected_violations`` and, at 1 bar on one series, those of
      ``tests``: ``kupiec``, ``christoffersen`` and, at 99 % with 250 forecasts or more, ``basel``. Longer horizons
      overlap, so their violations are not independent: their expectation stands, the tests would not.

    With ``every`` set only forecasts at renewals count, every name ends in ``@`` and that number, and returns have
    ``turnover`` and ``mean_return`` as well (see :mod:`portfolios`).
    """
    parts = list(forecasts)
    scores: list[Score] = []
    for horizon in sorted({int(h) for part in parts for h in np.unique(part.horizon)}):
        levels = [float("nan")]
        if judging.target == "value_at_risk":
            levels = sorted({float(v) for part in parts for v in part.level[part.quantity == judging.target]})
        for level in levels:
            pairs = pair(parts, judging.target, horizon, level, series)
            if judging.every:
                pairs = renewed(pairs, judging.every)
            if len(pairs):
                mark = f"@{judging.every}" if judging.every else ""
                scores += [
                    Score(metric + mark, horizon, level, value, n)
                    for metric, (value, n) in _scores(judging, horizon, level, pairs, series).items()
                ]
    return scores


def _scores(
    judging: Judging, horizon: int, level: float, pairs: Pairs, series: Mapping[str, Realised]
) -> dict[str, tuple[float, int]]:
    """Value and number of forecasts by metric."""
    n, predicted, realised = len(pairs), pairs.predicted, pairs.realised
    if judging.target == "variance":
        return {
            "qlike": (qlike(predicted, realised**2), n),
            "mse": (float(np.mean((predicted - realised**2) ** 2)), n),
        }
    if judging.target == "return":
        found = {
            "rmse": (rmse(predicted, realised), n),
            "mae": (mae(predicted, realised), n),
            "rmse_ratio_to_zero": (rmse_ratio_to_zero(predicted, realised), n),
        }
        value, dates = rank_ic(pairs) if judging.ranked else (float("nan"), 0)
        if dates:
            found["rank_ic"] = (value, dates)
        return found | (traded(pairs, judging.every, series, judging.ranked) if judging.every else {})
    if judging.target == "value_at_risk":
        return {name: (value, n) for name, value in _violations(judging, horizon, level, pairs, len(series)).items()}
    raise ValueError(f"there are no metrics for the target '{judging.target}'")


def _violations(judging: Judging, horizon: int, level: float, pairs: Pairs, series: int) -> dict[str, float]:
    loss = -pairs.realised if judging.side == "long" else pairs.realised
    hits = loss > pairs.predicted
    n, count = len(hits), int(hits.sum())
    named = {"violations": float(count), "expected_violations": n * (1 - level)}
    if horizon != 1 or series != 1:
        return named
    if "kupiec" in judging.tests:
        test = kupiec(count, n, level)
        named |= {"kupiec_statistic": test.statistic, "kupiec_p_value": test.p_value}
    if "christoffersen" in judging.tests and n > 1:
        independence, coverage = christoffersen(hits, level)
        named |= {"independence_statistic": independence.statistic, "independence_p_value": independence.p_value}
        named |= {"christoffersen_statistic": coverage.statistic, "christoffersen_p_value": coverage.p_value}
    if "basel" in judging.tests and round(level, 9) == BASEL_LEVEL:
        light = basel(hits)
        if light is not None:
            named |= {"basel_exceptions": float(light.exceptions), "basel_zone": float(light.zone)}
            named["basel_plus"] = light.plus
    return named
