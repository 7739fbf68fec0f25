"""Expected shortfall: losses and tests against sums by hand, scipy, and simulated truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetspec.evaluation.judging import Judging
from fleetspec.evaluation.metrics import evaluate
from fleetspec.evaluation.pairing import Realised
from fleetspec.evaluation.shortfall import acerbi_szekely, exceedances, joint_loss, pinball
from fleetspec.family import Forecasts

LEVEL = 0.975
LOSS = np.array([0.01, 0.03, -0.02, 0.05, 0.00])
AT_RISK = np.full(5, 0.02)
SHORTFALL = np.full(5, 0.04)


def test_pinball_by_hand():
    # Beyond by 0.01 and 0.03 with weight 0.975; short of it by 0.01, 0.04, 0.02 with weight 0.025.
    expected = (0.975 * (0.01 + 0.03) + 0.025 * (0.01 + 0.04 + 0.02)) / 5
    assert pinball(LOSS, AT_RISK, LEVEL).mean() == pytest.approx(expected)


def test_joint_loss_by_hand():
    # 0.02 / 0.04 + ln 0.04 - 1 on every day, and 0.01 and 0.03 over (0.025 * 0.04) on two of them.
    expected = 0.5 + math.log(0.04) - 1 + (0.01 + 0.03) / (0.025 * 0.04) / 5
    assert joint_loss(LOSS, AT_RISK, SHORTFALL, LEVEL).mean() == pytest.approx(expected)
    assert math.isnan(joint_loss(LOSS, AT_RISK, np.zeros(5), LEVEL)[0])


def test_the_truth_minimises_the_joint_loss():
    """A large normal sample: neither forecast can be moved without loss."""
    stats = pytest.importorskip("scipy.stats")
    loss = stats.norm.ppf((np.arange(400_000) + 0.5) / 400_000)
    v = stats.norm.ppf(LEVEL)
    e = stats.norm.pdf(v) / (1 - LEVEL)
    least = joint_loss(loss, np.full(len(loss), v), np.full(len(loss), e), LEVEL).mean()
    for a, b in ((1.05, 1), (0.95, 1), (1, 1.05), (1, 0.95)):
        assert joint_loss(loss, np.full(len(loss), a * v), np.full(len(loss), b * e), LEVEL).mean() > least


def test_exceedances_against_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(5)
    loss, at_risk, shortfall = rng.standard_t(5, 2000), np.full(2000, 1.7), np.full(2000, 2.2)
    excess = loss[loss > 1.7] / 2.2 - 1
    oracle = stats.ttest_1samp(excess, 0.0, alternative="greater")
    found = exceedances(loss, at_risk, shortfall)
    assert found.statistic == pytest.approx(oracle.statistic)
    assert found.p_value == pytest.approx(oracle.pvalue)


def test_few_exceedances_have_no_answer():
    assert all(map(math.isnan, exceedances(LOSS, np.full(5, 0.04), SHORTFALL)))
    assert all(map(math.isnan, exceedances(np.full(5, 0.03), AT_RISK, SHORTFALL)))


def test_acerbi_szekely_by_hand():
    # Two exceedances of five days: 1 - (0.03 + 0.05) / 0.04 / (5 * 0.025).
    assert acerbi_szekely(LOSS, AT_RISK, SHORTFALL, LEVEL) == pytest.approx(1 - 2.0 / 0.125)


def test_acerbi_szekely_is_zero_on_average_at_the_truth():
    stats = pytest.importorskip("scipy.stats")
    loss = stats.t.ppf((np.arange(200_000) + 0.5) / 200_000, 5)
    v = stats.t.ppf(LEVEL, 5)
    e = stats.t.pdf(v, 5) * (5 + v**2) / 4 / (1 - LEVEL)
    ones = np.ones(len(loss))
    assert acerbi_szekely(loss, v * ones, e * ones, LEVEL) == pytest.approx(0.0, abs=2e-3)
    assert acerbi_szekely(loss, 0.8 * v * ones, 0.8 * e * ones, LEVEL) < -0.5


def test_size_and_power_on_simulated_truth():
    """Right forecasts are rejected in at most a tenth of 300 samples at 5 %, a shortfall 25 % too low in most."""
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(8)
    v = float(stats.t.ppf(LEVEL, 8))
    e = float(stats.t.pdf(v, 8) * (8 + v**2) / 7 / (1 - LEVEL))
    rejected = {1.0: 0, 0.75: 0}
    for _ in range(300):
        loss = rng.standard_t(8, 1500)
        for factor in rejected:
            test = exceedances(loss, np.full(1500, v), np.full(1500, factor * e))
            rejected[factor] += test.p_value < 0.05
    assert rejected[1.0] <= 30
    assert rejected[0.75] >= 240


def test_evaluation_holds_shortfall_beside_value_at_risk():
    dates = np.arange("2020-01-01", "2020-01-07", dtype="datetime64[D]")
    returns = np.array([0.0, *-LOSS])
    parts = [
        Forecasts.block("A", dates[:5], 1, "value_at_risk", 0.02, LEVEL),
        Forecasts.block("A", dates[:5], 1, "expected_shortfall", 0.04, LEVEL),
    ]
    scores = evaluate(Judging("value_at_risk", ("shortfall",)), parts, {"A": Realised(dates, returns)})
    found = {score.metric: score.value for score in scores}
    assert found["joint_loss"] == pytest.approx(joint_loss(LOSS, AT_RISK, SHORTFALL, LEVEL).mean())
    assert found["pinball"] == pytest.approx(pinball(LOSS, AT_RISK, LEVEL).mean())
    assert found["shortfall_z2"] == pytest.approx(-15.0)
    assert found["shortfall_p_value"] == pytest.approx(exceedances(LOSS, AT_RISK, SHORTFALL).p_value)
    without = evaluate(Judging("value_at_risk", ("shortfall",)), parts[:1], {"A": Realised(dates, returns)})
    assert {score.metric for score in without} == {"violations", "expected_violations", "pinball"}
