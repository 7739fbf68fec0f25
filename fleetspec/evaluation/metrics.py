"""How good forecasts were: scores of one model over all its windows, from plain arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fleetspec.evaluation.cases import cases, within
from fleetspec.evaluation.covariances import covariance_scores
from fleetspec.evaluation.crps import crps
from fleetspec.evaluation.errors import mae, mase, qlike, rmse, rmse_ratio_to_zero, smape
from fleetspec.evaluation.plugins import METRICS, TARGETS
from fleetspec.evaluation.portfolios import rank_ic, traded
from fleetspec.evaluation.value_at_risk import value_at_risk_scores

if TYPE_CHECKING:
    from fleetspec.evaluation.cases import Case
    from fleetspec.evaluation.judging import Judging
    from fleetspec.evaluation.pairing import Predictions, Realised


class Score(NamedTuple):
    """One figure of a model. ``level`` is NaN but for value at risk; ``n`` is the number of forecasts behind it;
    ``period`` is empty where all forecasts are judged."""

    metric: str
    horizon: int
    level: float
    value: float
    n: int
    period: str = ""


def evaluate(judging: Judging, forecasts: Iterable[Predictions], series: Mapping[str, Realised]) -> list[Score]:
    """Scores of one model's forecasts against what followed.

    ``series`` holds every series the forecasts may be of, whole; several are pooled. The realised value at an origin is
    the log return of the h bars after it, and a forecast whose h bars are not over is left out.

    - ``variance``: against the squared h-bar return ``qlike``, ``mse``, ``mase``, ``smape``; against the return, with
      the mean and tail that stand beside it, ``crps``;
    - ``return``: ``rmse``, ``mae``, ``rmse_ratio_to_zero``, ``mase``, ``smape``, and over several series ``rank_ic``;
    - ``value_at_risk`` (every level): see :func:`~fleetspec.evaluation.value_at_risk.value_at_risk_scores`;
    - ``covariance``: see :func:`~fleetspec.evaluation.covariances.covariance_scores`;
    - a plugged-in target: ``loss``, ``rmse`` and ``mae``.

    With ``every`` set only forecasts at renewals count, every name ends in ``@`` and that number, and returns have
    ``turnover`` and ``mean_return`` as well (see :mod:`portfolios`). Otherwise each period has the same scores again,
    but for tests, which need more forecasts than a crash has days.
    """
    if judging.target == "covariance":
        return _of_matrices(judging, list(forecasts), series)
    scores: list[Score] = []
    for case in cases(judging, forecasts, series):
        mark = f"@{judging.every}" if judging.every else ""
        scores += _named(judging, case, series, "", mark)
        for period in () if judging.every else judging.periods:
            part = within(case, period, series)
            if len(part):
                scores += _named(judging._replace(tests=()), part, series, period.name, "")
    return scores


def _of_matrices(judging: Judging, parts: list[Predictions], series: Mapping[str, Realised]) -> list[Score]:
    scores: list[Score] = []
    for horizon in sorted({int(h) for part in parts for h in np.unique(part.horizon)}):
        for period in (None, *judging.periods):
            found = covariance_scores(parts, horizon, series, period)
            name = "" if period is None else period.name
            scores += [Score(metric, horizon, float("nan"), value, n, name) for metric, (value, n) in found.items()]
    return scores


def _named(judging: Judging, case: Case, series: Mapping[str, Realised], period: str, mark: str) -> list[Score]:
    found = _scores(judging, case, series) | _plugged(judging, case)
    return [Score(name + mark, case.horizon, case.level, value, n, period) for name, (value, n) in found.items()]


def _scores(judging: Judging, case: Case, series: Mapping[str, Realised]) -> dict[str, tuple[float, int]]:
    """Value and number of forecasts by metric."""
    n, predicted, observed = len(case), case.pairs.predicted, case.observed
    if judging.target == "value_at_risk":
        named = value_at_risk_scores(judging, case, len(series))
        return {name: (value, n) for name, value in named.items()}
    if judging.target in ("variance", "return"):
        scaled = {
            name: (value, n)
            for name, value in (
                ("mase", mase(predicted, observed, case.beside["unit"])),
                ("smape", smape(predicted, observed)),
            )
            if not np.isnan(value)
        }
    if judging.target == "variance":
        shape = [case.beside[name] for name in ("mean", "nu", "skew", "power")]
        score = float(crps(case.pairs.realised - shape[0], predicted, *shape[1:]).mean())
        return {
            "qlike": (qlike(predicted, observed), n),
            "mse": (float(np.mean((predicted - observed) ** 2)), n),
            "crps": (score, n),
        } | scaled
    if judging.target == "return":
        found = {
            "rmse": (rmse(predicted, observed), n),
            "mae": (mae(predicted, observed), n),
            "rmse_ratio_to_zero": (rmse_ratio_to_zero(predicted, observed), n),
        } | scaled
        value, dates = rank_ic(case.pairs) if judging.ranked else (float("nan"), 0)
        if dates:
            found["rank_ic"] = (value, dates)
        return found | (traded(case.pairs, judging.every, series, judging.ranked) if judging.every else {})
    loss = float(TARGETS[judging.target].loss(predicted, observed).mean())
    return {"loss": (loss, n), "rmse": (rmse(predicted, observed), n), "mae": (mae(predicted, observed), n)}


def _plugged(judging: Judging, case: Case) -> dict[str, tuple[float, int]]:
    """Metrics that packages bring, where they are for the target and have a score."""
    found = {}
    for name in judging.metrics:
        metric = METRICS[name]
        if judging.target in metric.targets:
            value = float(metric.compute(case.pairs.predicted, case.observed))
            if not np.isnan(value):
                found[name] = (value, len(case))
    return found
