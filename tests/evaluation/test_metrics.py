"""Scores against small sums done by hand, and the pairing of forecasts with what followed."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from fleetspec.evaluation.errors import mae, qlike, rmse, rmse_ratio_to_zero
from fleetspec.evaluation.judging import Judging, Period
from fleetspec.evaluation.metrics import evaluate
from fleetspec.evaluation.pairing import Realised
from fleetspec.family import Forecasts

DATES = np.arange("2025-01-01", "2025-01-11", dtype="datetime64[D]")
RETURNS = np.array([0.01, -0.02, 0.03, -0.04, 0.05, -0.06, 0.07, -0.08, 0.09, -0.10])


def block(quantity, horizon, first, values, level=float("nan")) -> Forecasts:
    origins = DATES[first : first + len(values)]
    return Forecasts.block("A", origins, horizon, quantity, np.array(values), level)


def judged(target, parts, tests=("kupiec",), **more):
    return evaluate(Judging(target, tests, **more), parts, {"A": Realised(DATES, RETURNS)})


def by_name(scores):
    return {(s.metric, s.horizon) if math.isnan(s.level) else (s.metric, s.horizon, s.level): s for s in scores}


def test_plain_errors():
    forecast, realised = np.array([1.0, 2.0]), np.array([4.0, -2.0])
    assert rmse(forecast, realised) == pytest.approx(math.sqrt((9 + 16) / 2))
    assert mae(forecast, realised) == 3.5
    # sqrt(12.5) over sqrt((16 + 4) / 2)
    assert rmse_ratio_to_zero(forecast, realised) == pytest.approx(math.sqrt(1.25))
    assert math.isnan(rmse_ratio_to_zero(forecast, np.zeros(2)))


def test_qlike_is_least_at_the_truth():
    assert qlike(np.array([4.0, 1.0]), np.array([8.0, 1.0])) == pytest.approx((math.log(4) + 2 + 0 + 1) / 2)
    at = [qlike(np.array([v]), np.array([2.0])) for v in (1.9, 2.0, 2.1)]
    assert at[1] == min(at)


def test_return_at_every_horizon():
    parts = [block("return", 1, 2, [0.0, 0.0]), block("return", 2, 7, [0.01, 0.01])]
    scores = by_name(judged("return", parts))
    # Origins at bars 2 and 3 are followed by -0.04 and 0.05.
    assert scores["mae", 1].value == pytest.approx(0.045)
    assert scores["rmse_ratio_to_zero", 1].value == 1.0
    # Bar 7 is followed by 0.09 - 0.10; the two bars after bar 8 are not over.
    assert scores["rmse", 2].value == pytest.approx(0.02)
    assert scores["rmse", 2].n == 1


def test_variance_against_the_squared_return_of_its_horizon():
    parts = [block("variance", 1, 0, [0.0004, 0.0010]), block("variance", 5, 0, [0.0020]), block("nu", 1, 0, [5.0])]
    scores = judged("variance", parts)
    # No bar before the first origin, so no naive error to scale by.
    told = ("qlike", "mse", "crps", "smape")
    assert [(s.metric, s.horizon, s.n) for s in scores] == [(m, h, n) for h, n in ((1, 2), (5, 1)) for m in told]
    found = by_name(scores)
    # Proxies 0.02^2 and 0.03^2.
    assert found["qlike", 1].value == pytest.approx((math.log(0.0004) + 1 + math.log(0.001) + 0.9) / 2)
    assert found["mse", 1].value == pytest.approx((0.0**2 + 0.0001**2) / 2)
    assert found["smape", 1].value == pytest.approx((0 + 2 * 0.0001 / 0.0019) / 2)
    # The five bars after bar 0 sum to -0.02 + 0.03 - 0.04 + 0.05 - 0.06 = -0.04.
    assert found["mse", 5].value == pytest.approx((0.0020 - 0.0016) ** 2)


def test_errors_in_units_of_the_naive_one():
    # Up to the first origin, bar 3, returns moved by 3, 5 and 7 %; the forecasts miss by 5 and 6 %.
    scores = by_name(judged("return", [block("return", 1, 3, [0.0, 0.0])]))
    assert scores["mase", 1].value == pytest.approx(0.055 / 0.05)
    assert scores["smape", 1].value == 2.0
    squares = RETURNS[:4] ** 2
    variance = by_name(judged("variance", [block("variance", 1, 3, [0.0020])]))
    naive = np.abs(np.diff(squares)).mean()
    assert variance["mase", 1].value == pytest.approx(abs(0.0020 - 0.0025) / naive)


def test_shapes_beside_a_variance_reach_its_crps():
    """Rows in another order than the variances, and one origin without a mean."""
    from fleetspec.evaluation.crps import crps

    parts = [
        block("nu", 1, 3, [5.0]),
        block("variance", 1, 2, [0.0010, 0.0020]),
        block("nu", 1, 2, [6.0]),
        block("mean", 1, 3, [0.01]),
    ]
    none = np.full(2, np.nan)
    deviation, variance = np.array([-0.04, 0.05 - 0.01]), np.array([0.0010, 0.0020])
    expected = crps(deviation, variance, np.array([6.0, 5.0]), none, none).mean()
    assert by_name(judged("variance", parts))["crps", 1].value == pytest.approx(expected)


def test_periods_are_judged_by_themselves():
    """A forecast belongs to a period if all of its horizon does."""
    day = DATES.astype("datetime64[D]")
    crash = Period("crash", day[4].item(), day[6].item())
    parts = [block("return", h, 0, [0.0] * 7) for h in (1, 2)]
    scores = judged("return", parts, periods=(crash, Period("later", date(2026, 1, 1), date(2026, 2, 1))))
    found = {(s.metric, s.horizon): s for s in scores if s.period == "crash"}
    assert {s.period for s in scores} == {"", "crash"}
    # One bar: those of bars 4, 5 and 6; two bars: 4 with 5, and 5 with 6.
    assert (found["mae", 1].n, found["mae", 2].n) == (3, 2)
    assert found["mae", 1].value == pytest.approx(0.06)
    assert found["mae", 2].value == pytest.approx(0.01)
    # Scaled by what was known before the first forecast of all, not of the period.
    whole = {(s.metric, s.horizon): s.value for s in scores if not s.period}
    assert found.keys() <= whole.keys()


def test_tests_are_not_made_of_a_period():
    day = DATES.astype("datetime64[D]")
    part = [block("value_at_risk", 1, 0, [0.02] * 9, 0.99)]
    scores = judged("value_at_risk", part, periods=(Period("crash", day[2].item(), day[5].item()),))
    assert {s.metric for s in scores if s.period} == {"violations", "expected_violations", "pinball"}
    assert "kupiec_p_value" in {s.metric for s in scores if not s.period}


def test_value_at_risk_by_level():
    values = [0.025] * 9
    parts = [block("value_at_risk", 1, 0, values, 0.99), block("value_at_risk", 1, 0, [1.0] * 9, 0.999)]
    scores = by_name(judged("value_at_risk", parts))
    # Of the 9 returns that follow, -0.04, -0.06, -0.08 and -0.10 lie below -0.025.
    assert scores["violations", 1, 0.99].value == 4
    assert scores["violations", 1, 0.999].value == 0
    assert scores["expected_violations", 1, 0.99].value == pytest.approx(0.09)
    # LR = 2 (4 ln(4/9) + 5 ln(5/9) - 4 ln 0.01 - 5 ln 0.99), by the formula.
    expected = 2 * (4 * math.log(4 / 9) + 5 * math.log(5 / 9) - 4 * math.log(0.01) - 5 * math.log(0.99))
    assert scores["kupiec_statistic", 1, 0.99].value == pytest.approx(expected)
    assert scores["kupiec_p_value", 1, 0.99].value < 1e-5


def test_a_loss_of_exactly_the_value_at_risk_is_no_violation():
    scores = by_name(judged("value_at_risk", [block("value_at_risk", 1, 0, [0.02], 0.99)]))
    assert scores["violations", 1, 0.99].value == 0


def test_overlapping_violations_are_counted_and_not_tested():
    parts = [block("value_at_risk", 1, 0, [0.02], 0.99), block("value_at_risk", 5, 0, [0.02], 0.99)]
    counted = {(metric, h) for metric in ("violations", "expected_violations", "pinball") for h in (1, 5)}
    tested = {("kupiec_statistic", 1), ("kupiec_p_value", 1)}
    assert {(s.metric, s.horizon) for s in judged("value_at_risk", parts)} == counted | tested
    assert {(s.metric, s.horizon) for s in judged("value_at_risk", parts, tests=())} == counted


def test_order_and_cut_of_parts_do_not_matter():
    values = list(np.linspace(-0.02, 0.02, 8))
    whole = judged("return", [block("return", 1, 0, values)])
    cut = judged("return", [block("return", 1, 5, values[5:]), block("return", 1, 0, values[:5])])
    assert repr(whole) == repr(cut)


def test_nothing_realised_gives_nothing():
    assert judged("return", [block("return", 1, 9, [0.1])]) == []
    assert judged("return", []) == []
    assert judged("return", [block("return", 30, 0, [0.1])]) == []


def test_an_unknown_target_is_an_error():
    with pytest.raises(ValueError, match="no metrics for the target 'skew'"):
        judged("skew", [block("skew", 1, 0, [0.1])])


def test_an_origin_without_a_bar_is_an_error():
    stray = Forecasts.block("A", np.array(["2024-12-24"], dtype="datetime64[D]"), 1, "return", 0.1)
    with pytest.raises(ValueError, match="no bar"):
        judged("return", [stray])


def test_a_short_position_loses_when_the_price_rises():
    parts = [block("value_at_risk", 1, 0, [0.025] * 9, 0.99)]
    short = by_name(judged("value_at_risk", parts, side="short"))
    # Of the 9 returns that follow, 0.03, 0.05, 0.07 and 0.09 lie above 0.025.
    assert short["violations", 1, 0.99].value == 4
    assert by_name(judged("value_at_risk", [block("value_at_risk", 1, 0, [0.09] * 9, 0.99)], side="short"))[
        "violations", 1, 0.99
    ].value == 0  # fmt: skip


def test_each_test_of_the_backtest_has_its_scores():
    dates = np.arange("2020-01-01", "2021-01-01", dtype="datetime64[D]")
    returns = np.where(np.arange(len(dates)) % 50 == 3, -0.05, 0.001)
    parts = [Forecasts.block("A", dates[:-1], 1, "value_at_risk", 0.02, level) for level in (0.95, 0.99)]
    judging = Judging("value_at_risk", ("christoffersen", "basel"))
    scores = by_name(evaluate(judging, parts, {"A": Realised(dates, returns)}))
    # Every 50th of the last 250 days is a violation: 5 of them, yellow.
    assert scores["basel_exceptions", 1, 0.99].value == 5
    assert (scores["basel_zone", 1, 0.99].value, scores["basel_plus", 1, 0.99].value) == (1, 0.40)
    assert ("basel_zone", 1, 0.95) not in scores
    assert {metric for metric, *_ in scores} >= {"independence_p_value", "christoffersen_p_value"}
    assert "kupiec_p_value" not in {metric for metric, *_ in scores}
