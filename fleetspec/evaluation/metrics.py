"""How good forecasts were: scores of one model over all its windows, from plain arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fleetspec.evaluation.covariances import covariance_scores
from fleetspec.evaluation.judging import Judging
from fleetspec.evaluation.pairing import pair
from fleetspec.evaluation.portfolios import rank_ic, renewed, traded
from fleetspec.evaluation.value_at_risk import value_at_risk_scores

if TYPE_CHECKING:
    from fleetspec.evaluation.pairing import Floats, Pairs, Predictions, Realised


class Score(NamedTuple):
    """One figure of a model. ``level`` is NaN but for value at risk; ``n`` is the number of forecasts behind it."""

    metric: str
    horizon: int
    level: float
    value: float
    n: int


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
    - ``value_at_risk`` (every level): see :func:`~fleetspec.evaluation.value_at_risk.value_at_risk_scores`;
    - ``covariance``: see :func:`~fleetspec.evaluation.covariances.covariance_scores`.

    With ``every`` set only forecasts at renewals count, every name ends in ``@`` and that number, and returns have
    ``turnover`` and ``mean_return`` as well (see :mod:`portfolios`).
    """
    parts = list(forecasts)
    scores: list[Score] = []
    for horizon in sorted({int(h) for part in parts for h in np.unique(part.horizon)}):
        if judging.target == "covariance":
            told = covariance_scores(parts, horizon, series)
            scores += [Score(metric, horizon, float("nan"), value, n) for metric, (value, n) in told.items()]
            continue
        levels = [float("nan")]
        if judging.target == "value_at_risk":
            levels = sorted({float(v) for part in parts for v in part.level[part.quantity == judging.target]})
        for level in levels:
            pairs = _paired(judging, judging.target, parts, horizon, level, series)
            shortfalls = None
            if judging.target == "value_at_risk":
                shortfalls = _paired(judging, "expected_shortfall", parts, horizon, level, series)
            if len(pairs):
                mark = f"@{judging.every}" if judging.every else ""
                scores += [
                    Score(metric + mark, horizon, level, value, n)
                    for metric, (value, n) in _scores(judging, horizon, level, pairs, shortfalls, series).items()
                ]
    return scores


def _paired(
    judging: Judging,
    quantity: str,
    parts: list[Predictions],
    horizon: int,
    level: float,
    series: Mapping[str, Realised],
) -> Pairs:
    pairs = pair(parts, quantity, horizon, level, series)
    return renewed(pairs, judging.every) if judging.every else pairs


def _scores(
    judging: Judging,
    horizon: int,
    level: float,
    pairs: Pairs,
    shortfalls: Pairs | None,
    series: Mapping[str, Realised],
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
        named = value_at_risk_scores(judging, horizon, level, pairs, shortfalls, len(series))
        return {name: (value, n) for name, value in named.items()}
    raise ValueError(f"there are no metrics for the target '{judging.target}'")
