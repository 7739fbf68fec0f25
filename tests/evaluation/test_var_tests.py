"""Tests of value at risk against figures worked out by hand, scipy, and the tables of their papers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetspec.evaluation.var_tests import _chi_squared_tail, basel, christoffersen, dynamic_quantile, kupiec


def test_by_hand():
    # n = 250, x = 5, p = 1 %. Observed rate 5/250 = 0.02.
    # Under p:       245 ln 0.99 + 5 ln 0.01 = 245 (-0.01005033585) + 5 (-4.605170186)
    #                = -2.462332284 - 23.02585093  = -25.48818321
    # Under 0.02:    245 ln 0.98 + 5 ln 0.02 = 245 (-0.02020270732) + 5 (-3.912023005)
    #                = -4.949663293 - 19.56011503  = -24.50977832
    # LR = 2 (-24.50977832 + 25.48818321) = 1.95680979; chi-squared(1) tail = erfc(sqrt(0.978405)) = 0.16185.
    found = kupiec(5, 250, 0.99)
    assert found.statistic == pytest.approx(1.95680979, abs=1e-7)
    assert found.p_value == pytest.approx(0.16185, abs=1e-5)


def test_no_violation_by_hand():
    # x = 0: the likelihood under the observed rate is 1, so LR = -2 * 250 ln 0.99 = 500 * 0.01005033585 = 5.025167927.
    assert kupiec(0, 250, 0.99).statistic == pytest.approx(5.025167927, abs=1e-8)


def test_all_violations_by_hand():
    # x = n = 10 at 5 %: LR = -2 * 10 ln 0.05 = 20 * 2.995732274 = 59.91464547.
    assert kupiec(10, 10, 0.95).statistic == pytest.approx(59.91464547, abs=1e-7)


def test_expected_number_is_no_evidence():
    found = kupiec(10, 1000, 0.99)
    assert found.statistic == pytest.approx(0.0, abs=1e-9)
    assert found.p_value == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.975, 0.99, 0.999])
@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 250), (3, 250), (40, 250), (250, 250), (17, 5030)])
def test_against_scipy(hits, n, level):
    stats = pytest.importorskip("scipy.stats")
    rate = 1 - level
    ratio = stats.binom.logpmf(hits, n, hits / n) - stats.binom.logpmf(hits, n, rate)
    found = kupiec(hits, n, level)
    assert found.statistic == pytest.approx(2 * ratio, rel=1e-6, abs=1e-8)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 1), rel=1e-9)


def test_no_forecasts_have_no_answer():
    assert all(map(math.isnan, kupiec(0, 0, 0.99)))


@pytest.mark.parametrize(("hits", "n", "level"), [(-1, 5, 0.99), (6, 5, 0.99), (1, 5, 1.0), (1, 5, 0.0)])
def test_nonsense_is_refused(hits, n, level):
    with pytest.raises(ValueError, match=r"hits among|between 0 and 1"):
        kupiec(hits, n, level)


def chain(n00: int, n01: int, n10: int, n11: int) -> np.ndarray:
    """Violations whose neighbours make these counts; ``n01`` is ``n10`` or one more, since it begins without one."""
    hits = [False] * (1 + n00)
    for number in range(n01):
        hits += [True] * (1 + (n11 if number == 0 else 0))
        hits += [False] if number < n10 else []
    return np.array(hits)


def test_christoffersen_by_the_formula():
    # 100 calm days after calm ones, 5 violations after calm days, 5 days after which it calms down, 3 in a row.
    n00, n01, n10, n11 = 100, 5, 5, 3
    hits = chain(n00, n01, n10, n11)
    assert len(hits) == 114
    # By Christoffersen (1998): L(Π1) against L(Π2) with one rate, and against L(p).
    p01, p11, p2, p = n01 / (n00 + n01), n11 / (n10 + n11), 8 / 113, 0.05
    chained = n00 * math.log(1 - p01) + n01 * math.log(p01) + n10 * math.log(1 - p11) + n11 * math.log(p11)
    common = 105 * math.log(1 - p2) + 8 * math.log(p2)
    expected = 105 * math.log(1 - p) + 8 * math.log(p)
    found = christoffersen(hits, 0.95)
    assert found.independence.statistic == pytest.approx(2 * (chained - common))
    assert found.coverage.statistic == pytest.approx(2 * (chained - expected))


def test_christoffersen_p_values_are_those_of_chi_squared():
    stats = pytest.importorskip("scipy.stats")
    found = christoffersen(chain(200, 9, 8, 2), 0.99)
    assert found.independence.p_value == pytest.approx(stats.chi2.sf(found.independence.statistic, 1))
    assert found.coverage.p_value == pytest.approx(stats.chi2.sf(found.coverage.statistic, 2))


def test_christoffersen_is_kupiec_of_the_later_days_and_independence():
    hits = chain(300, 7, 6, 1)
    found = christoffersen(hits, 0.97)
    later = kupiec(int(hits[1:].sum()), len(hits) - 1, 0.97)
    assert found.coverage.statistic == pytest.approx(later.statistic + found.independence.statistic)


def test_a_right_model_is_rejected_about_as_often_as_said():
    rng = np.random.default_rng(5)
    p = [christoffersen(rng.random(2000) < 0.05, 0.95).coverage.p_value for _ in range(800)]
    # 5 % of 800 is 40; four standard deviations are 25.
    assert 15 <= sum(value < 0.05 for value in p) <= 65


def test_clusters_are_rejected_for_their_dependence_alone():
    hits = np.zeros(1000, dtype=bool)
    hits[100:110] = True
    found = christoffersen(hits, 0.99)
    assert kupiec(10, 1000, 0.99).p_value == pytest.approx(1.0)
    assert found.independence.p_value < 1e-6
    assert found.coverage.p_value < 1e-6


def test_no_violation_says_nothing_of_dependence():
    found = christoffersen(np.zeros(250, dtype=bool), 0.99)
    assert found.independence == (0.0, 1.0)
    # 249 ln(1 / 0.99), twice.
    assert found.coverage.statistic == pytest.approx(-2 * 249 * math.log(0.99))
    assert math.isnan(christoffersen(np.array([True]), 0.99).coverage.p_value)


def test_zones_of_the_traffic_light_are_those_of_the_binomial():
    stats = pytest.importorskip("scipy.stats")
    for exceptions in range(16):
        hits = np.zeros(250, dtype=bool)
        hits[:exceptions] = True
        light = basel(hits)
        assert light is not None
        # Basel Committee (1996): yellow begins where at most so many have a chance of 95 %, red where 99.99 %.
        chance = round(float(stats.binom.cdf(exceptions, 250, 0.01)), 4)
        assert light.zone == (chance >= 0.95) + (chance >= 0.9999)
        assert light.exceptions == exceptions


def test_plus_factors_are_those_of_the_published_table():
    published = {4: 0.0, 5: 0.40, 6: 0.50, 7: 0.65, 8: 0.75, 9: 0.85, 10: 1.0, 14: 1.0}
    for exceptions, plus in published.items():
        assert basel(np.arange(250) < exceptions).plus == plus


def test_the_traffic_light_looks_at_the_last_250_days():
    hits = np.arange(400) < 150
    assert basel(hits) == (0, 0, 0.0)
    assert basel(hits[:249]) is None


def test_dynamic_quantile_by_regression():
    """The paper's statistic from the normal equations, with scipy's tail."""
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(4)
    at_risk = 0.02 + 0.005 * rng.random(400)
    hits = rng.random(400) < 0.08
    found = dynamic_quantile(hits, at_risk, 0.95)
    surprise = hits - 0.05
    x = np.column_stack([np.ones(396), *(surprise[4 - k : 400 - k] for k in (1, 2, 3, 4)), at_risk[4:]])
    y = surprise[4:]
    expected = y @ x @ np.linalg.inv(x.T @ x) @ x.T @ y / (0.05 * 0.95)
    assert found.statistic == pytest.approx(expected, rel=1e-9)
    assert found.p_value == pytest.approx(stats.chi2.sf(expected, 6), rel=1e-9)


def test_dynamic_quantile_counts_each_regressor_once():
    # A value at risk that never moves, no violation: all regressors are multiples of the constant. One degree of
    # freedom, n p / (1 - p) = 96 * 0.05 / 0.95.
    found = dynamic_quantile(np.zeros(100, dtype=bool), np.full(100, 0.02), 0.95)
    assert found.statistic == pytest.approx(96 * 0.05 / 0.95)
    assert found.p_value == pytest.approx(math.erfc(math.sqrt(96 * 0.05 / 0.95 / 2)))


def test_dynamic_quantile_sees_clusters_that_kupiec_does_not():
    hits = np.zeros(1000, dtype=bool)
    hits[500:550] = True
    assert kupiec(50, 1000, 0.95).p_value > 0.9
    assert dynamic_quantile(hits, 0.02 + 1e-4 * np.arange(1000) % 7, 0.95).p_value < 1e-6


def test_dynamic_quantile_of_few_forecasts_has_no_answer():
    assert all(map(math.isnan, dynamic_quantile(np.zeros(13, dtype=bool), np.ones(13), 0.95)))


def test_dynamic_quantile_keeps_its_size():
    rng = np.random.default_rng(11)
    at_risk = 0.02 + 0.005 * rng.random(1000)
    rejected = sum(dynamic_quantile(rng.random(1000) < 0.05, at_risk, 0.95).p_value < 0.05 for _ in range(300))
    assert 3 <= rejected <= 30


@pytest.mark.parametrize("degrees", range(1, 8))
def test_chi_squared_tail_is_that_of_scipy(degrees):
    stats = pytest.importorskip("scipy.stats")
    for value in (0.0, 0.1, 1.0, 5.0, 20.0, 200.0):
        assert _chi_squared_tail(value, degrees) == pytest.approx(stats.chi2.sf(value, degrees), rel=1e-9)
