"""ARIMA against recursions done by hand, and statsmodels' own forecasts from one origin."""

from __future__ import annotations

import numpy as np
import pytest
from family_cases import fit_request, forecast_request, installed, rows

from fleetspec.family import Fit, Rejection, SeriesWindow

TRAIN = 300


def ask(fit: Fit, window: SeriesWindow, first: int, measure: str, **params: str):
    family = installed("arima")
    return family.forecast(forecast_request(family, fit, (window,), first, measure=measure, **params))


def fitted(window: SeriesWindow, measure: str, **params: str) -> Fit:
    family = installed("arima")
    return family.fit(fit_request(family, (window,), measure=measure, **params))


def test_an_ar_of_returns_by_hand(windows):
    window = windows[0]
    fit = Fit({"intercept": 0.02, "ar.L1": 0.4, "sigma2": 1.5}, observations=TRAIN)
    made = ask(fit, window, 398, "returns")
    now = window.returns[398:] * 100
    one = 0.02 + 0.4 * now
    two = 0.02 + 0.4 * one
    np.testing.assert_allclose(rows(made, "return", 1), one / 100, rtol=1e-12)
    np.testing.assert_allclose(rows(made, "return", 2), (one + two) / 100, rtol=1e-12)


def test_estimates_are_least_squares_nearly(windows):
    returns = windows[0].returns[:TRAIN] * 100
    slope, intercept = np.polyfit(returns[:-1], returns[1:], 1)
    fit = fitted(windows[0].head(TRAIN), "returns")
    # Maximum likelihood counts the first observation too.
    assert fit.estimates["ar.L1"] == pytest.approx(slope, abs=0.02)
    assert fit.estimates["intercept"] == pytest.approx(intercept, abs=0.05)
    assert np.isfinite(fit.log_likelihood)


def test_a_log_measure_by_hand(windows):
    window = windows[0]
    fit = Fit(
        {"intercept": -0.5, "ar.L1": 0.95, "sigma2": 0.09, "scale": 1.3, "centre": -9.0, "mean": 2e-4},
        observations=TRAIN,
    )
    made = ask(fit, window, 397, "implied")
    now = np.log(window.measures["implied"][397:] * 1.3) + 9
    one = -0.5 + 0.95 * now
    two = -0.5 + 0.95 * one
    first, second = np.exp(one - 9 + 0.09 / 2), np.exp(two - 9 + 0.09 * (1 + 0.95**2) / 2)
    np.testing.assert_allclose(rows(made, "variance", 1), first, rtol=1e-10)
    np.testing.assert_allclose(rows(made, "variance", 2), first + second, rtol=1e-10)
    np.testing.assert_allclose(rows(made, "mean", 2), 4e-4)
    assert np.isinf(rows(made, "nu", 1)).all()


@pytest.mark.parametrize("order", [("2", "0", "1"), ("1", "1", "1"), ("0", "1", "2")])
def test_forecasts_of_any_order_are_those_of_statsmodels(windows, order):
    statespace = pytest.importorskip("statsmodels.tsa.statespace.sarimax")
    params = dict(zip("pdq", order, strict=True))
    window = windows[1]
    fit = fitted(window.head(TRAIN), "implied", **params)
    made = ask(fit, window, 397, "implied", **params)
    logs = np.log(window.measures["implied"] * fit.estimates["scale"]) - fit.estimates["centre"]
    for place, origin in enumerate((397, 398, 399)):
        trend = "n" if order[1] == "1" else "c"
        model = statespace.SARIMAX(logs[: origin + 1], order=tuple(map(int, order)), trend=trend)
        ahead = model.filter([fit.estimates[name] for name in model.param_names]).get_forecast(2)
        expected = np.exp(fit.estimates["centre"] + ahead.predicted_mean + ahead.var_pred_mean / 2)
        assert rows(made, "variance", 1)[place] == pytest.approx(expected[0], rel=1e-9)
        assert rows(made, "variance", 2)[place] == pytest.approx(expected.sum(), rel=1e-9)


def test_a_true_process_is_found(windows):
    rng = np.random.default_rng(3)
    logs = np.empty(400)
    logs[0] = -9.0
    for t in range(1, 400):
        logs[t] = -0.9 + 0.9 * logs[t - 1] + rng.normal(0, 0.2)
    window = windows[0]
    measured = SeriesWindow("A", window.dates, window.returns, None, {"implied": np.exp(logs)})
    fit = fitted(measured, "implied")
    assert fit.estimates["ar.L1"] == pytest.approx(0.9, abs=0.07)
    assert fit.estimates["sigma2"] == pytest.approx(0.04, rel=0.25)


def test_bars_without_a_measure_are_skipped(windows):
    window = windows[0]
    values = window.measures["implied"].copy()
    values[100:120] = np.nan
    values[120] = 0.0
    holed = SeriesWindow("A", window.dates, window.returns, None, {"implied": values})
    fit = fitted(holed, "implied")
    assert fit.observations == 400 - 21
    assert len(rows(ask(fit, holed, 110, "implied"), "variance", 1)) == 290
    few = np.where(np.arange(400) < 79, 1e-4, 0.0)
    with pytest.raises(Rejection, match="79 bars with an implied variance above 0, at least 100 are needed"):
        fitted(SeriesWindow("A", window.dates, window.returns, None, {"implied": few}), "implied")
