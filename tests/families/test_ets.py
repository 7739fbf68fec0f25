"""Exponential smoothing against recursions done by hand, and statsmodels' own forecasts and their variances."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from family_cases import fit_request, forecast_request, installed, rows

from fleetspec.family import Fit, Rejection, SeriesWindow

SHAPES = [{}, {"trend": "additive"}, {"trend": "damped"}, {"season": "5"}, {"trend": "damped", "season": "4"}]


def oracle(observed: np.ndarray, trend: str = "none", season: str = "0"):
    pd = pytest.importorskip("pandas")
    smoothing = pytest.importorskip("statsmodels.tsa.exponential_smoothing.ets")
    model = smoothing.ETSModel(
        pd.Series(observed),
        error="add",
        trend=None if trend == "none" else "add",
        damped_trend=trend == "damped",
        seasonal="add" if int(season) else None,
        seasonal_periods=int(season) or None,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = model.fit(disp=False, maxiter=1000)
    return found.get_prediction(start=len(observed), end=len(observed) + 1)


@pytest.mark.parametrize("shape", SHAPES)
def test_returns_as_statsmodels(windows, shape):
    family, window = installed("ets"), windows[0]
    fit = family.fit(fit_request(family, (window,), measure="returns", **shape))
    made = family.forecast(forecast_request(family, fit, (window,), len(window) - 1, measure="returns", **shape))
    mean = np.asarray(oracle(window.returns * 100, **shape).predicted_mean)
    np.testing.assert_allclose(rows(made, "return", 1), mean[0] / 100, rtol=1e-8)
    np.testing.assert_allclose(rows(made, "return", 2), mean.sum() / 100, rtol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_measure_as_statsmodels(windows, shape):
    """The expected variance takes in that of the forecast of its logarithm."""
    family, window = installed("ets"), windows[1]
    fit = family.fit(fit_request(family, (window,), measure="realised", **shape))
    made = family.forecast(forecast_request(family, fit, (window,), len(window) - 1, measure="realised", **shape))
    logs = np.log(window.measures["realised"] * fit.estimates["scale"]) - fit.estimates["centre"]
    found = oracle(logs, **shape)
    each = np.exp(fit.estimates["centre"] + np.asarray(found.predicted_mean) + np.asarray(found.forecast_variance) / 2)
    np.testing.assert_allclose(rows(made, "variance", 1), each[0], rtol=1e-6)
    np.testing.assert_allclose(rows(made, "variance", 2), each.sum(), rtol=1e-6)


def test_simple_smoothing_by_hand(windows):
    family, window = installed("ets"), windows[0].head(3)
    plain = {"alpha": 0.3, "beta": 0.0, "gamma": 0.0, "phi": 1.0, "level": 0.1, "slope": 0.0, "sigma2": 1.0}
    made = family.forecast(forecast_request(family, Fit(plain, 3), (window,), 0, measure="returns"))
    level, expected = 0.1, []
    for value in window.returns * 100:
        level += 0.3 * (value - level)
        expected.append(level)
    np.testing.assert_allclose(rows(made, "return", 2), 2 * np.array(expected) / 100, rtol=1e-12)


def test_a_bar_that_is_not_known_moves_nothing(windows):
    family, window = installed("ets"), windows[0]
    values = window.measures["realised"].copy()
    values[390] = np.nan
    holed = SeriesWindow(window.series, window.dates, window.returns, window.volume, {"realised": values})
    fit = family.fit(fit_request(family, (window.head(380),), measure="realised"))
    made = family.forecast(forecast_request(family, fit, (holed,), 389, measure="realised"))
    one = rows(made, "variance", 1)
    assert one[1] == one[0]
    assert one[2] != one[1]


def test_a_season_of_one_bar_is_refused(windows):
    family = installed("ets")
    with pytest.raises(Rejection, match="a season of one bar"):
        family.fit(fit_request(family, windows[:1], measure="returns", season="1"))
