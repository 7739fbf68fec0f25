"""Losses of covariance matrices by hand, and which forecasts count."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from fleetspec.evaluation.covariances import covariance_scores
from fleetspec.evaluation.judging import Judging, Period
from fleetspec.evaluation.metrics import evaluate
from fleetspec.evaluation.pairing import Realised
from fleetspec.family import Forecasts

DATES = np.arange("2025-01-01", "2025-01-07", dtype="datetime64[D]").astype("datetime64[s]")
SERIES = {
    "A": Realised(DATES, np.array([0.0, 0.02, -0.01, 0.03, 0.0, 0.01])),
    "B": Realised(DATES, np.array([0.0, 0.01, 0.02, -0.01, 0.02, 0.0])),
}


def block(matrix, first: int = 0, count: int = 1, horizon: int = 1, names=("A", "B")) -> Forecasts:
    dates = DATES[first : first + count]
    return Forecasts.joined(
        Forecasts.block(names[i], dates, horizon, "covariance", matrix[i][j], other=names[j])
        for i in range(len(names))
        for j in range(i, len(names))
    )


def test_one_matrix_by_hand():
    # H = 1e-4 [[4, 1], [1, 2]], det 7e-8, inverse 1e4 / 7 [[2, -1], [-1, 4]]; r = (0.02, 0.01).
    found = covariance_scores([block([[4e-4, 1e-4], [1e-4, 2e-4]])], 1, SERIES)
    distance = 1e4 / 7 * (2 * 0.02**2 - 2 * 0.02 * 0.01 + 4 * 0.01**2)
    assert found["matrix_qlike"] == (pytest.approx((math.log(7e-8) + distance) / 2), 1)
    errors = [(4e-4 - 4e-4) ** 2, (1e-4 - 2e-4) ** 2, (1e-4 - 2e-4) ** 2, (2e-4 - 1e-4) ** 2]
    assert found["matrix_mse"][0] == pytest.approx(sum(errors) / 4)
    # Equal weights: variance (4 + 2 + 2) / 4 e-4 = 2e-4, return 0.015.
    assert found["portfolio_qlike"][0] == pytest.approx(math.log(2e-4) + 0.015**2 / 2e-4)
    # Least variance: weights in proportion to (2 - 1, -1 + 4), so 1/4 and 3/4: 0.0125.
    assert found["least_variance"][0] == pytest.approx(0.0125**2)


def test_returns_over_the_horizon_and_matrices_that_are_over():
    matrix = [[4e-4, 1e-4], [1e-4, 2e-4]]
    found = covariance_scores([block(matrix, 0, 6, horizon=2)], 2, SERIES)
    # Of six origins the last two have less than two bars after them.
    assert found["portfolio_qlike"][1] == 4
    equal = (SERIES["A"].returns + SERIES["B"].returns) / 2
    squares = [(equal[t + 1] + equal[t + 2]) ** 2 for t in range(4)]
    assert found["portfolio_qlike"][0] == pytest.approx(math.log(2e-4) + np.mean(squares) / 2e-4)


def test_the_order_of_parts_and_of_a_pair_does_not_matter():
    one, other = block([[4e-4, 1e-4], [1e-4, 2e-4]], 0, 2), block([[5e-4, 1e-4], [1e-4, 3e-4]], 2, 2)
    turned = block([[2e-4, 1e-4], [1e-4, 4e-4]], 0, 2, names=("B", "A"))
    assert covariance_scores([one, other], 1, SERIES) == covariance_scores([other, one], 1, SERIES)
    found, expected = (covariance_scores([part], 1, SERIES) for part in (turned, one))
    assert {k: v[0] for k, v in found.items()} == pytest.approx({k: v[0] for k, v in expected.items()})


def test_better_matrices_have_less_loss():
    """Of normal returns with a correlation of 0.7, the true matrix against others."""
    rng = np.random.default_rng(1)
    truth = np.array([[1.0, 0.7], [0.7, 1.5]]) * 1e-4
    returns = rng.multivariate_normal([0, 0], truth, size=3001)
    dates = np.arange(3001).astype("datetime64[D]").astype("datetime64[s]")
    series = {"A": Realised(dates, returns[:, 0]), "B": Realised(dates, returns[:, 1])}

    def scores(matrix):
        parts = [
            Forecasts.block(a, dates, 1, "covariance", matrix[i][j], other=b)
            for i, a in enumerate("AB")
            for j, b in enumerate("AB")
            if i <= j
        ]
        return {k: v[0] for k, v in covariance_scores([Forecasts.joined(parts)], 1, series).items()}

    right = scores(truth)
    for wrong in (truth * 2, truth / 2, np.diag(np.diag(truth)), truth * [[1, -1], [-1, 1]]):
        made = scores(wrong)
        assert made["matrix_qlike"] > right["matrix_qlike"]
        assert made["matrix_mse"] > right["matrix_mse"]
        assert made["portfolio_qlike"] > right["portfolio_qlike"]
    assert scores(np.diag(np.diag(truth)))["least_variance"] > right["least_variance"]


def test_a_model_is_scored_by_evaluate():
    found = evaluate(Judging("covariance"), [block([[4e-4, 1e-4], [1e-4, 2e-4]], 0, 3)], SERIES)
    assert {score.metric for score in found} == {"matrix_qlike", "matrix_mse", "portfolio_qlike", "least_variance"}
    assert {(score.n, score.horizon) for score in found} == {(3, 1)}


def test_a_matrix_with_a_hole_is_an_error():
    whole = block([[4e-4, 1e-4], [1e-4, 2e-4]])
    with pytest.raises(ValueError, match="no covariance"):
        covariance_scores([whole.at(whole.series != "B")], 1, SERIES)


def test_a_stretch_of_days_is_judged_by_itself():
    parts = [block([[4e-4, 1e-4], [1e-4, 2e-4]], 0, 5)]
    crash = Period("crash", date(2025, 1, 3), date(2025, 1, 4))
    found = evaluate(Judging("covariance", periods=(crash,)), parts, SERIES)
    # Days after the origins of 2 and 3 January.
    alone = covariance_scores([block([[4e-4, 1e-4], [1e-4, 2e-4]], 1, 2)], 1, SERIES)
    assert {s.metric: (s.value, s.n) for s in found if s.period == "crash"} == alone
    assert {s.n for s in found if not s.period} == {5}
    two = [block([[4e-4, 1e-4], [1e-4, 2e-4]], 0, 4, horizon=2)]
    # Both days of the horizon lie in it from 2 January only.
    assert covariance_scores(two, 2, SERIES, crash)["matrix_qlike"][1] == 1
