"""Portfolios of small universes, worked out by hand, and rank correlations against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetspec.evaluation.judging import Judging
from fleetspec.evaluation.metrics import evaluate
from fleetspec.evaluation.pairing import Realised
from fleetspec.family import Forecasts

DATES = np.arange("2025-01-01", "2025-01-13", dtype="datetime64[D]").astype("datetime64[s]")


def forecasts(series: str, values: list[float], first: int = 0, horizon: int = 1) -> Forecasts:
    return Forecasts.block(series, DATES[first : first + len(values)], horizon, "return", np.array(values))


def market(**returns: list[float]) -> dict[str, Realised]:
    return {name: Realised(DATES[: len(values)], np.array(values)) for name, values in returns.items()}


def scores(parts: list[Forecasts], series: dict[str, Realised], every: int, ranked: bool) -> dict[str, tuple]:
    found = evaluate(Judging("return", every=every, ranked=ranked), parts, series)
    return {score.metric: (score.value, score.n) for score in found}


def test_one_series_follows_the_sign() -> None:
    # Renewed at bars 0, 2 and 4: long, short, long. The forecasts in between are not acted upon.
    parts = [forecasts("A", [0.1, -9.0, -0.1, 9.0, 0.2, -9.0])]
    returns = [0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.0]
    found = scores(parts, market(A=returns), 2, ranked=False)
    earned = [math.expm1(0.03), -math.expm1(0.07), math.expm1(0.11)]
    assert found["mean_return@2"] == (pytest.approx(sum(earned) / 3 / 2), 3)
    # Two full reversals.
    assert found["turnover@2"] == (1.0, 2)
    # Errors are those of the three forecasts that are acted upon.
    assert found["rmse@2"] == (pytest.approx(math.sqrt((0.09**2 + 0.13**2 + 0.15**2) / 3)), 3)
    assert "rank_ic@2" not in found


def test_a_renewal_whose_bars_are_not_over_earns_nothing() -> None:
    parts = [forecasts("A", [0.1, 0.1, 0.1, 0.1])]
    found = scores(parts, market(A=[0.0, 0.01, 0.01, 0.01, 0.01]), 3, ranked=False)
    # Renewed at bars 0 and 3; only one bar follows the second.
    assert found["mean_return@3"] == (pytest.approx(math.expm1(0.03) / 3), 1)
    assert found["turnover@3"] == (0.0, 1)


def test_a_universe_is_long_the_best_and_short_the_worst() -> None:
    parts = [forecasts("A", [0.3, 0.1]), forecasts("B", [0.2, 0.2]), forecasts("C", [0.1, 0.3])]
    series = market(A=[0.0, 0.02, 0.01], B=[0.0, 0.05, 0.05], C=[0.0, -0.01, 0.04])
    found = scores(parts, series, 1, ranked=True)
    # Ranks 3, 2, 1 less 2, scaled to 1 long and 1 short: +1, 0, -1; then the other way round.
    first, second = math.expm1(0.02) - math.expm1(-0.01), math.expm1(0.04) - math.expm1(0.01)
    assert found["mean_return@1"] == (pytest.approx((first + second) / 2), 2)
    assert found["turnover@1"] == (2.0, 1)
    # Realised ranks are 2, 3, 1 and then 1, 3, 2: rank correlations are 0.5 and 0.5.
    assert found["rank_ic@1"] == (pytest.approx(0.5), 2)


def test_rank_correlations_are_scipys_on_days_with_ties_and_gaps() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(8)
    names = [f"S{i}" for i in range(7)]
    returns = {name: rng.normal(0, 0.01, 12).tolist() for name in names}
    predicted = {name: np.round(rng.normal(0, 1, 10), 0) for name in names}
    parts = [forecasts(name, list(predicted[name][: 10 - i])) for i, name in enumerate(names)]
    found = evaluate(Judging("return", ranked=True), parts, market(**returns))
    value = next(score for score in found if score.metric == "rank_ic")
    expected = []
    for day in range(10):
        there = [name for i, name in enumerate(names) if day < 10 - i]
        forecast, realised = [predicted[n][day] for n in there], [returns[n][day + 1] for n in there]
        if len(there) >= 3 and len(set(forecast)) > 1:
            expected.append(stats.spearmanr(forecast, realised).statistic)
    assert value.value == pytest.approx(np.mean(expected))
    assert value.n == len(expected) >= 8


def test_without_a_cadence_there_is_no_portfolio() -> None:
    found = scores([forecasts("A", [0.1, 0.2])], market(A=[0.0, 0.1, 0.1]), 0, ranked=False)
    assert set(found) == {"rmse", "mae", "rmse_ratio_to_zero", "smape"}


def test_series_are_pooled_each_with_its_own_bars() -> None:
    parts = [forecasts("A", [0.0]), forecasts("B", [0.0], first=2)]
    series = market(A=[0.0, 0.03], B=[0.0, 0.0, 0.0, 0.04])
    assert scores(parts, series, 0, ranked=True)["rmse"] == (pytest.approx(math.sqrt((0.03**2 + 0.04**2) / 2)), 2)
