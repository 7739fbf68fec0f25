"""Tests of value at risk by other routes than their formula: published tables, contingency tables, regressions; and
with days left out."""

from __future__ import annotations

import numpy as np
import pytest

from fleetspec.evaluation.judging import Judging
from fleetspec.evaluation.metrics import evaluate
from fleetspec.evaluation.pairing import Realised
from fleetspec.evaluation.var_tests import christoffersen, dynamic_quantile, kupiec
from fleetspec.family import Forecasts

# Kupiec (1995), as reprinted by Jorion (2007), Value at Risk, table 6-2: numbers of failures N for which a model is not
# rejected at 95 % confidence, by chance of a failure and by days: low < N < high. The first has an upper end only: of
# no failure in 255 days the statistic is -2 255 ln(0.99) = 5.13, and the table does not say so.
PUBLISHED = {
    (0.01, 255): (0, 7),
    (0.01, 510): (1, 11),
    (0.01, 1000): (4, 17),
    (0.025, 255): (2, 12),
    (0.025, 510): (6, 21),
    (0.025, 1000): (15, 36),
    (0.05, 255): (6, 21),
    (0.05, 510): (16, 36),
    (0.05, 1000): (37, 65),
    (0.075, 255): (11, 28),
    (0.075, 510): (27, 51),
    (0.075, 1000): (59, 92),
    (0.10, 255): (16, 36),
    (0.10, 510): (38, 65),
    (0.10, 1000): (81, 120),
}


@pytest.mark.parametrize(("p", "days"), PUBLISHED)
def test_kupiec_rejects_outside_of_the_published_regions(p: float, days: int) -> None:
    low, high = PUBLISHED[p, days]
    # The table's critical value is 3.84, to which a p-value of 5 % is rounded.
    kept = [n for n in range(days // 3) if kupiec(n, days, 1 - p).statistic < 3.841]
    assert (kept[0] - 1, kept[-1] + 1) == (low, high)


def markov(n: int, after_calm: float, after_hit: float, seed: int) -> np.ndarray:
    rng, hits = np.random.default_rng(seed), np.zeros(n, dtype=bool)
    for day in range(1, n):
        hits[day] = rng.random() < (after_hit if hits[day - 1] else after_calm)
    return hits


@pytest.mark.parametrize(("n", "after_calm", "after_hit"), [(300, 0.05, 0.30), (1000, 0.05, 0.05), (4000, 0.01, 0.10)])
def test_independence_is_the_g_test_of_its_contingency_table(n: int, after_calm: float, after_hit: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    hits = markov(n, after_calm, after_hit, n)
    counts = np.array([[np.sum((hits[:-1] == a) & (hits[1:] == b)) for b in (False, True)] for a in (False, True)])
    theirs = stats.chi2_contingency(counts, correction=False, lambda_="log-likelihood")
    mine = christoffersen(hits, 0.95).independence
    assert mine.statistic == pytest.approx(theirs.statistic, rel=1e-9)
    assert mine.p_value == pytest.approx(theirs.pvalue, rel=1e-9)


def test_independence_and_coverage_are_likelihood_ratios_of_logistic_regressions() -> None:
    api = pytest.importorskip("statsmodels.api")
    hits = markov(2000, 0.04, 0.20, 9)
    y, x = hits[1:].astype(float), hits[:-1].astype(float)
    binomial = api.families.Binomial()
    chain = api.GLM(y, api.add_constant(x), family=binomial).fit(tol=1e-13)
    common = api.GLM(y, np.ones((len(y), 1)), family=binomial).fit(tol=1e-13)
    odds = np.full(len(y), np.log(0.05 / 0.95))
    expected = binomial.loglike(y, binomial.link.inverse(odds))
    mine = christoffersen(hits, 0.95)
    assert mine.independence.statistic == pytest.approx(2 * (chain.llf - common.llf), rel=1e-7)
    assert mine.coverage.statistic == pytest.approx(2 * (chain.llf - expected), rel=1e-7)


def test_dynamic_quantile_is_the_explained_square_of_statsmodels_regression() -> None:
    api = pytest.importorskip("statsmodels.api")
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(2)
    at_risk, hits = 0.02 + 0.01 * rng.random(600), markov(600, 0.03, 0.20, 5)
    surprise = hits - 0.05
    lagged = [surprise[4 - k : 600 - k] for k in (1, 2, 3, 4)]
    fitted = api.OLS(surprise[4:], np.column_stack([np.ones(596), *lagged, at_risk[4:]])).fit().fittedvalues
    expected = float((fitted**2).sum()) / (0.05 * 0.95)
    mine = dynamic_quantile(hits, at_risk, 0.95)
    assert mine.statistic == pytest.approx(expected, rel=1e-9)
    assert mine.p_value == pytest.approx(stats.chi2.sf(expected, 6), rel=1e-9)


def test_nothing_is_said_across_days_that_are_left_out() -> None:
    """Two stretches of days: their pairs and lags are those of each by itself."""
    hits = markov(700, 0.05, 0.40, 3)
    kept = np.r_[0:300, 340:700]
    follows = np.diff(kept) == 1
    at_risk = 0.02 + 0.01 * np.random.default_rng(1).random(700)
    counts = np.zeros((2, 2))
    for part in (hits[:300], hits[340:]):
        for a, b in zip(part[:-1].astype(int), part[1:].astype(int), strict=True):
            counts[a, b] += 1
    stats = pytest.importorskip("scipy.stats")
    theirs = stats.chi2_contingency(counts, correction=False, lambda_="log-likelihood")
    mine = christoffersen(hits[kept], 0.95, follows)
    assert mine.independence.statistic == pytest.approx(theirs.statistic, rel=1e-9)
    assert mine.independence.statistic != pytest.approx(
        christoffersen(hits[kept], 0.95).independence.statistic, rel=1e-6
    )

    rows = [day for day in range(4, 700) if {*range(day - 4, day + 1)} <= {*kept.tolist()}]
    surprise = hits - 0.05
    x = np.array([[1.0, *surprise[day - 4 : day][::-1], at_risk[day]] for day in rows])
    fitted = x @ np.linalg.lstsq(x, surprise[rows], rcond=None)[0]
    found = dynamic_quantile(hits[kept], at_risk[kept], 0.95, follows=follows)
    assert found.statistic == pytest.approx(float((fitted**2).sum()) / (0.05 * 0.95), rel=1e-9)


def test_an_evaluation_knows_which_days_are_neighbours() -> None:
    rng = np.random.default_rng(6)
    dates = np.datetime64("2020-01-01", "s") + np.arange(900) * np.timedelta64(1, "D")
    returns = rng.standard_t(4, 900) / 100
    whole = {"A": Realised(dates, returns)}
    judging = Judging("value_at_risk", ("kupiec", "christoffersen", "dynamic_quantile"))

    def scores(origins: np.ndarray) -> dict[str, float]:
        values = 0.015 + 0.005 * np.sin(origins / 50)
        made = Forecasts.block("A", dates[origins], 1, "value_at_risk", values, 0.95)
        return {score.metric: score.value for score in evaluate(judging, [made], whole)}

    kept = np.r_[100:400, 420:880]
    hits = -returns[kept + 1] > 0.015 + 0.005 * np.sin(kept / 50)
    found = scores(kept)
    follows = np.diff(kept) == 1
    assert found["independence_statistic"] == christoffersen(hits, 0.95, follows).independence.statistic
    assert found["kupiec_statistic"] == kupiec(int(hits.sum()), len(kept), 0.95).statistic
    assert found["dynamic_quantile_statistic"] != pytest.approx(
        dynamic_quantile(hits, 0.015 + 0.005 * np.sin(kept / 50), 0.95).statistic, rel=1e-9
    )
