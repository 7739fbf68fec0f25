"""The Diebold-Mariano test against statsmodels' regression on a constant, and against its own size."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetspec.evaluation.contests import diebold_mariano


@pytest.mark.parametrize(("n", "lags"), [(50, 0), (200, 4), (1000, 12)])
def test_against_statsmodels(n, lags):
    api = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(n)
    one, other = rng.gamma(2, size=n), rng.gamma(2.1, size=n)
    fit = api.OLS(one - other, np.ones(n)).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    # The correction for one step ahead is (n - 1) / n.
    expected = float(fit.tvalues[0]) * math.sqrt((n - 1) / n)
    assert diebold_mariano(one, other, lags=lags).statistic == pytest.approx(expected)


def test_signs_and_mirror():
    rng = np.random.default_rng(1)
    one = rng.random(300)
    better, worse = (
        diebold_mariano(one, one + 0.1 + 0.01 * rng.random(300)),
        diebold_mariano(one + 0.2 * rng.random(300), one),
    )
    assert better.statistic < 0
    assert better.p_value < 1e-6
    assert worse.statistic > 0


def test_equal_losses_have_no_answer():
    assert all(map(math.isnan, diebold_mariano(np.ones(50), np.ones(50))))
    assert all(map(math.isnan, diebold_mariano(np.arange(5.0), np.zeros(5))))


def test_losses_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="5 losses against 4"):
        diebold_mariano(np.ones(5), np.ones(4))


def test_size_under_overlap():
    """Differences that overlap over five bars have memory; the long-run variance takes it in."""
    rng = np.random.default_rng(3)
    rejected = 0
    for _ in range(300):
        noise = np.convolve(rng.standard_normal(604), np.ones(5), "valid")
        rejected += diebold_mariano(noise, np.zeros(600), horizon=5).p_value < 0.05
    assert rejected <= 36
