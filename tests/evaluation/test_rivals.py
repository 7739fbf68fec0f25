"""Contests against arch, scipy and sums by hand; the naive forecast against plain loops; and that they can tell."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetspec.evaluation.cases import cases
from fleetspec.evaluation.contests import (
    benjamini_hochberg,
    block_length,
    compared,
    diebold_mariano,
    model_confidence_set,
)
from fleetspec.evaluation.judging import Judging
from fleetspec.evaluation.naive import naive_case
from fleetspec.evaluation.pairing import Realised
from fleetspec.evaluation.rivals import contest, losses
from fleetspec.family import Forecasts

N = 600
DATES = np.arange(np.datetime64("2020-01-01"), np.datetime64("2020-01-01") + N).astype("datetime64[s]")


@pytest.fixture
def returns() -> np.ndarray:
    return np.random.default_rng(5).normal(0.0005, 0.01, N)


def made(quantity: str, horizon: int, values: np.ndarray, first: int = 300, level: float = math.nan, series="A"):
    return Forecasts.block(series, DATES[first : first + len(values)], horizon, quantity, values, level)


def named(scores) -> dict:
    return {(s.metric, s.horizon) if math.isnan(s.level) else (s.metric, s.horizon, s.level): s for s in scores}


def test_one_sided_is_half_of_two_sided(returns):
    stats = pytest.importorskip("scipy.stats")
    one, other = returns[:200] ** 2, returns[200:400] ** 2 + 1e-5
    test = compared(one, other, 1)
    assert test.better == pytest.approx(stats.t.cdf(diebold_mariano(one, other).statistic, 199))
    assert compared(other, one, 1).better == pytest.approx(1 - test.better)


def test_confidence_set_of_two_is_a_bootstrap_test():
    """With two models the set is one test: the share of draws of the studentised mean difference beyond the one seen,
    here in plain loops over a stationary bootstrap of another generator."""
    pytest.importorskip("arch.bootstrap")
    rng = np.random.default_rng(1)
    n, block = 200, 10
    one = rng.gamma(2.0, size=n)
    other = one + rng.normal(0.04, 0.4, n)
    difference = one - other
    draws = []
    for _ in range(2000):
        index = np.empty(n, dtype=int)
        for t in range(n):
            fresh = t == 0 or rng.random() < 1 / block
            index[t] = rng.integers(n) if fresh else (index[t - 1] + 1) % n
        draws.append(difference[index].mean() - difference.mean())
    spread = np.std(draws)
    expected = np.mean(np.abs(draws) / spread > abs(difference.mean()) / spread)
    found = model_confidence_set(np.column_stack([one, other]), block, seed=3, replications=2000)
    assert found.max() == 1
    assert found.min() == pytest.approx(expected, abs=0.04)


def test_confidence_set_keeps_the_best_and_drops_the_worst():
    pytest.importorskip("arch.bootstrap")
    rng = np.random.default_rng(2)
    base = rng.gamma(2.0, size=400)
    field = np.column_stack([base + rng.normal(shift, 0.3, 400) for shift in (0.0, 0.0, 0.3, 0.8)])
    found = model_confidence_set(field, 8, seed=1)
    assert found[:2].max() == 1
    assert found[:2].min() > 0.1
    assert (found[2:] < 0.05).all()
    np.testing.assert_array_equal(found, model_confidence_set(field, 8, seed=1))
    # In another order each has its own.
    np.testing.assert_allclose(model_confidence_set(field[:, ::-1], 8, seed=1)[::-1] > 0.1, found > 0.1)


def test_confidence_set_of_equals_and_of_few():
    losses_ = np.random.default_rng(3).random(100)
    np.testing.assert_array_equal(model_confidence_set(np.column_stack([losses_, losses_]), 5, 1), [1.0, 1.0])
    assert np.isnan(model_confidence_set(np.random.default_rng(3).random((20, 2)), 5, 1)).all()
    twice = model_confidence_set(np.column_stack([losses_, losses_ + 1, losses_]), 5, 1)
    assert (twice[0], twice[2]) == (1, 1)
    assert twice[1] < 0.05


def test_size_of_the_confidence_set():
    """Of equally good models, all are left in the set at 90 % in about nine of ten cases or more."""
    pytest.importorskip("arch.bootstrap")
    rng, whole = np.random.default_rng(4), 0
    for sample in range(60):
        field = rng.gamma(2.0, size=(200, 1)) + rng.normal(0, 0.5, (200, 3))
        whole += (model_confidence_set(field, 6, seed=sample, replications=200) > 0.1).all()
    # Fewer than 44 of 60 would come in 1 of 10,000 cases at 90 %.
    assert whole >= 44


def test_block_length():
    assert [block_length(n, 1) for n in (1, 27, 1000, 4030)] == [1, 3, 10, 16]
    assert block_length(1000, 20) == 20


def test_benjamini_hochberg_marks_those_that_are_rejected():
    p = np.array([0.9, 0.001, 0.02, 0.04, 0.3])
    # 0.001 <= 0.01, 0.02 <= 0.02, 0.04 > 0.03.
    np.testing.assert_array_equal(benjamini_hochberg(p, 0.05), [False, True, True, False, False])
    # The third of 0.01, 0.02, 0.03 saves the second of the step-up: all three at once.
    assert benjamini_hochberg(np.array([0.03, 0.029, 0.028]), 0.03).all()
    assert not benjamini_hochberg(np.array([]), 0.05).any()


@pytest.mark.parametrize("horizon", [1, 5])
def test_the_naive_forecast_in_plain_loops(returns, horizon):
    series = {"A": Realised(DATES, returns)}
    origins = range(300, N - horizon)
    for target in ("return", "variance", "value_at_risk"):
        level = 0.95 if target == "value_at_risk" else math.nan
        judging = Judging(target)
        parts = [made(target, horizon, np.full(len(origins), 0.01), level=level)]
        (case,) = cases(judging, parts, series)
        naive = naive_case(judging, case, series)
        for number in (0, 7, len(case) - 1):
            t = origins[number]
            if target == "return":
                expected = horizon * sum(returns[: t + 1]) / (t + 1)
            elif target == "variance":
                expected = horizon * sum(r**2 for r in returns[t - 249 : t + 1]) / 250
            else:
                lost = [-sum(returns[e - horizon + 1 : e + 1]) for e in range(t - 249, t + 1)]
                expected = np.quantile(lost, 0.95)
                beyond = [one for one in lost if one >= expected]
                assert naive.beside["expected_shortfall"][number] == pytest.approx(sum(beyond) / len(beyond))
            assert naive.pairs.predicted[number] == pytest.approx(expected)
        np.testing.assert_array_equal(naive.observed, case.observed)


def test_the_naive_forecast_sees_no_later_bar(returns):
    later = returns.copy()
    later[400:] = 0.5
    for target in ("return", "variance", "value_at_risk"):
        level = 0.95 if target == "value_at_risk" else math.nan
        parts, judging = [made(target, 1, np.full(200, 0.01), level=level)], Judging(target)
        before, after = (
            naive_case(judging, next(iter(cases(judging, parts, series))), series).pairs.predicted
            for series in ({"A": Realised(DATES, returns)}, {"A": Realised(DATES, later)})
        )
        np.testing.assert_array_equal(before[:100], after[:100])
        assert (before[100:] != after[100:]).any()


def test_a_past_that_is_too_short_has_no_naive_forecast(returns):
    parts, judging = [made("variance", 1, np.full(100, 1e-4), first=200)], Judging("variance")
    series = {"A": Realised(DATES, returns)}
    (case,) = cases(judging, parts, series)
    predicted = naive_case(judging, case, series).pairs.predicted
    assert np.isnan(predicted[:49]).all()
    assert np.isfinite(predicted[49:]).all()


def test_losses_by_hand(returns):
    series = {"A": Realised(DATES, returns)}
    (case,) = cases(Judging("variance"), [made("variance", 1, np.array([1e-4, 2e-4]))], series)
    expected = [math.log(v) + returns[t] ** 2 / v for v, t in ((1e-4, 301), (2e-4, 302))]
    np.testing.assert_allclose(losses(Judging("variance"), case), expected)
    (case,) = cases(Judging("return"), [made("return", 2, np.array([0.01]))], series)
    np.testing.assert_allclose(losses(Judging("return"), case), [(0.01 - returns[301] - returns[302]) ** 2])


def test_a_contest_is_held_at_the_origins_that_all_have(returns):
    """Forecasts that know half of what comes against two that know nothing, one of which lacks a hundred days."""
    rng = np.random.default_rng(6)
    skilled = 0.5 * returns[301:501] + rng.normal(0, 0.002, 200)
    forecasts = {
        "a/skilled": [made("return", 1, skilled)],
        "b/noise": [made("return", 1, rng.normal(0, 0.005, 300))],
        "c/short": [made("return", 1, rng.normal(0, 0.005, 100), first=350)],
    }
    series = {"A": Realised(DATES, returns)}
    judging = Judging("return", ("diebold_mariano", "model_confidence_set"))
    found = {one: named(contest(judging, one, "b/noise", forecasts, series)) for one in forecasts}
    for scores in found.values():
        assert {score.n for score in scores.values()} == {100}
    assert ("dm_statistic", 1) not in found["b/noise"], "a baseline is not compared with itself"
    best = found["a/skilled"]
    assert best["mcs_p_value", 1].value == 1
    assert best["dm_better_p_value", 1].value < 0.001
    assert best["loss_difference", 1].value < 0
    assert best["mcs_models", 1].value == 3
    assert found["b/noise"]["mcs_p_value", 1].value < 0.05
    # The figures of the paper's formula on the losses of those hundred days.
    days = slice(50, 150)
    own = (skilled[days] - returns[301:][days]) ** 2
    other = (forecasts["b/noise"][0].value[days] - returns[301:][days]) ** 2
    assert best["dm_statistic", 1].value == pytest.approx(diebold_mariano(own, other).statistic)
    # Against the naive forecast, which then takes part.
    naive = named(contest(judging, "a/skilled", None, forecasts, series))
    assert naive["mcs_models", 1].value == 4


def test_levels_and_horizons_are_contests_of_their_own(returns):
    series = {"A": Realised(DATES, returns)}
    fine = [made("value_at_risk", h, np.full(250, 0.02), level=v) for h in (1, 5) for v in (0.95, 0.99)]
    wide = [made("value_at_risk", 1, np.full(250, 0.05), level=0.99)]
    judging = Judging("value_at_risk", ("diebold_mariano",))
    scores = named(contest(judging, "a/fine", "b/wide", {"a/fine": fine, "b/wide": wide}, series))
    assert {key[1:] for key in scores} == {(1, 0.99)}
    # Without a shortfall the pinball loss is compared.
    loss = -returns[301:551]
    one, other = (np.mean([max(0.99 * (x - at), 0.01 * (at - x)) for x in loss]) for at in (0.02, 0.05))
    assert scores["loss_difference", 1, 0.99].value == pytest.approx(one - other)


def test_members_of_a_universe_count_by_date(returns):
    series = {name: Realised(DATES, returns * sign) for name, sign in (("A", 1.0), ("B", -2.0))}
    both = [made("return", 1, np.full(200, 0.001), series=name) for name in series]
    zero = [made("return", 1, np.zeros(200), series=name) for name in series]
    judging = Judging("return", ("diebold_mariano",), ranked=True)
    scores = named(contest(judging, "a/one", "b/zero", {"a/one": both, "b/zero": zero}, series))
    assert scores["loss_difference", 1].n == 200
    after = returns[301:501]
    expected = np.mean([((0.001 - r) ** 2 - r**2 + (0.001 + 2 * r) ** 2 - 4 * r**2) / 2 for r in after])
    assert scores["loss_difference", 1].value == pytest.approx(expected)
