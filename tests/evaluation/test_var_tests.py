"""Kupiec's test against figures worked out by hand and against scipy."""

from __future__ import annotations

import math

import pytest

from fleetspec.evaluation.var_tests import kupiec


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
