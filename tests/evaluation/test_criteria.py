"""What a search chooses by, against sums done by hand and scipy's densities."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetspec.evaluation.criteria import Judged, criterion, log_density
from fleetspec.evaluation.errors import naive_error


def judged(predicted, realised, naive=1.0, mean=0.0, nu=math.inf) -> Judged:
    none = np.full(len(predicted), math.nan)
    means, tails = np.full_like(none, mean), np.full_like(none, nu)
    return Judged(np.array(predicted), np.array(realised), means, tails, none, none, naive)


def test_errors_of_returns_are_pooled_over_series() -> None:
    both = [judged([0.01, 0.02], [0.02, -0.01]), judged([0.0], [0.04])]
    assert criterion("rmse", "return", both) == pytest.approx(math.sqrt((0.01**2 + 0.03**2 + 0.04**2) / 3))
    assert criterion("mae", "return", both) == pytest.approx(0.08 / 3)


def test_a_variance_is_held_against_the_squared_return() -> None:
    one = [judged([0.0004, 0.0001], [0.02, -0.03])]
    assert criterion("rmse", "variance", one) == pytest.approx(math.sqrt((0.0**2 + 0.0008**2) / 2))
    assert criterion("qlike", "variance", one) == pytest.approx((math.log(0.0004) + 1 + math.log(0.0001) + 9) / 2)


def test_mase_is_in_units_of_each_series_naive_error() -> None:
    both = [judged([0.0], [0.02], naive=0.01), judged([0.0], [0.09], naive=0.03)]
    assert criterion("mase", "return", both) == pytest.approx((2 + 3) / 2)
    assert math.isnan(criterion("mase", "return", [judged([0.0], [0.02], naive=0.0)]))


def test_the_naive_error_of_overlapping_returns() -> None:
    returns = np.array([0.01, 0.02, 0.03, 0.05, 0.01])
    assert naive_error(returns, 1, "return") == pytest.approx((0.01 + 0.01 + 0.02 + 0.04) / 4)
    # Two-bar returns 3, 5, 8, 6 %, each against the one two bars before.
    assert naive_error(returns, 2, "return") == pytest.approx((0.05 + 0.01) / 2)
    assert naive_error(returns[:2], 1, "variance") == pytest.approx(0.0003)
    assert math.isnan(naive_error(returns[:2], 2, "return"))


def test_log_densities_are_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    x, v = np.array([-0.03, 0.0, 0.05]), np.array([0.0004, 0.0001, 0.0009])
    none = np.full(3, np.nan)
    normal = log_density(x, v, np.full(3, np.inf), none, none)
    np.testing.assert_allclose(normal, stats.norm.logpdf(x, scale=np.sqrt(v)))
    scale = np.sqrt(v * (5.5 - 2) / 5.5)
    np.testing.assert_allclose(log_density(x, v, np.full(3, 5.5), none, none), stats.t.logpdf(x, 5.5, scale=scale))


def test_log_densities_of_other_shapes_are_archs() -> None:
    univariate = pytest.importorskip("arch.univariate")
    x, v = np.array([-0.03, 0.0, 0.05, -0.001]), np.array([0.0004, 0.0001, 0.0009, 0.0004])
    none = np.full(4, np.nan)
    skewed = univariate.SkewStudent().loglikelihood([6.5, -0.3], x, v, individual=True)
    np.testing.assert_allclose(log_density(x, v, np.full(4, 6.5), np.full(4, -0.3), none), skewed)
    ged = univariate.GeneralizedError().loglikelihood([1.4], x, v, individual=True)
    np.testing.assert_allclose(log_density(x, v, np.full(4, np.inf), none, np.full(4, 1.4)), ged)


def test_a_likelihood_is_turned_round_so_that_lower_is_better() -> None:
    right, wrong = judged([0.0004], [0.02]), judged([0.04], [0.02])
    assert criterion("log_likelihood", "variance", [right]) < criterion("log_likelihood", "variance", [wrong])
    shifted = judged([0.0004], [0.02], mean=0.02)
    assert criterion("log_likelihood", "variance", [shifted]) == pytest.approx(math.log(2 * math.pi * 0.0004) / 2)


@pytest.mark.parametrize(
    ("metric", "target"), [("qlike", "return"), ("log_likelihood", "return"), ("rmse", "value_at_risk")]
)
def test_a_metric_that_a_target_does_not_have(metric: str, target: str) -> None:
    with pytest.raises(ValueError, match=f"{metric} does not score forecasts of {target}"):
        criterion(metric, target, [judged([0.1], [0.1])])
