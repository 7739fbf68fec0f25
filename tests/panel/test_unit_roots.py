"""Tests of unit roots: statsmodels' numbers, and what they say of series whose truth is known."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fleetspec.panel.unit_roots import FEWEST, KPSS_RANGE, adf, kpss

stattools = pytest.importorskip("statsmodels.tsa.stattools")


def paths(n: int, seed: int) -> dict[str, np.ndarray]:
    noise = np.random.default_rng(seed).standard_t(4, n) / 100
    return {
        "noise": noise,
        "walk": np.cumsum(noise),
        "walk far from 0": 4.6 + np.cumsum(noise),
        "moving average": np.convolve(noise, [1.0, 0.5, 0.3])[:n],
        "walk with drift": np.cumsum(noise) + 0.01 * np.arange(n),
        "trend": noise + 0.001 * np.arange(n),
    }


@pytest.mark.parametrize("around", ["constant", "trend"])
@pytest.mark.parametrize("n", [FEWEST, 25, 61, 250, 1000])
def test_statsmodels_gives_the_same(n: int, around: str) -> None:
    regression = {"constant": "c", "trend": "ct"}[around]
    for name, values in paths(n, n).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = stattools.adfuller(values, regression=regression, autolag="AIC")
            others = stattools.kpss(values, regression=regression, nlags="auto")
        for mine, (statistic, p_value, lags) in ((adf(values, around), theirs[:3]), (kpss(values, around), others[:3])):
            assert mine is not None
            assert mine.lags == lags, name
            assert mine.statistic == pytest.approx(statistic, rel=1e-7, abs=1e-9), name
            assert mine.p_value == pytest.approx(p_value, rel=1e-7, abs=1e-9), name


def test_size_and_power() -> None:
    """At 5 %: right series are rejected about one time in twenty, wrong ones nearly always (500 of 300 values each)."""
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((500, 300))
    walks = np.cumsum(noise, axis=1)
    root_of_walks, root_of_noise = ([adf(v).p_value <= 0.05 for v in many] for many in (walks, noise))
    still_of_walks, still_of_noise = ([kpss(v).p_value <= 0.05 for v in many] for many in (walks, noise))
    assert 0.02 < np.mean(root_of_walks) < 0.09
    assert np.mean(root_of_noise) > 0.99
    assert 0.02 < np.mean(still_of_noise) < 0.09
    assert np.mean(still_of_walks) > 0.9


def test_what_cannot_be_tested() -> None:
    assert adf(np.ones(100)) is kpss(np.ones(100)) is None
    assert adf(np.arange(FEWEST - 1.0)) is kpss(np.arange(FEWEST - 1.0)) is None
    assert kpss(np.random.default_rng(0).standard_normal(500)).p_value <= KPSS_RANGE[1]
    assert kpss(np.arange(500.0)).p_value == KPSS_RANGE[0]
