"""Prophet's curve against Prophet's own predictions, and the dates that forecasts are for."""

from __future__ import annotations

import numpy as np
import pytest
from family_cases import fit_request, forecast_request, installed, rows

from fleetspec.family import Rejection, SeriesWindow

TRAIN = 800


def predicted(window: SeriesWindow, ahead: int, **settings) -> np.ndarray:
    """Prophet's own log prices ``ahead`` weekdays after every bar from the last one of training on."""
    import pandas as pd
    from prophet import Prophet

    frame = pd.DataFrame({"ds": pd.to_datetime(window.dates[:TRAIN]), "y": np.cumsum(window.returns[:TRAIN])})
    model = Prophet(uncertainty_samples=0, **settings)
    model.fit(frame, seed=3)
    later = pd.DataFrame({"ds": pd.to_datetime(window.dates[TRAIN - 1 :]) + pd.offsets.BDay(ahead)})
    return model.predict(later)["yhat"].to_numpy()


@pytest.mark.parametrize(
    ("params", "settings"),
    [
        ({"yearly": "auto"}, {}),
        (
            {"yearly": "off", "weekly": "off", "n_changepoints": "0"},
            {"yearly_seasonality": False, "weekly_seasonality": False, "n_changepoints": 0},
        ),
        (
            {"yearly": "off", "changepoint_prior_scale": "0.5", "changepoint_range": "0.95"},
            {"yearly_seasonality": False, "changepoint_prior_scale": 0.5, "changepoint_range": 0.95},
        ),
    ],
)
def test_equals_prophet(sp500, params, settings):
    family, window = installed("prophet"), sp500.head(TRAIN + 60)
    fit = family.fit(fit_request(family, (window.head(TRAIN),), **params))
    made = family.forecast(forecast_request(family, fit, (window,), TRAIN - 1, **params))
    level = np.cumsum(window.returns)[TRAIN - 1 :]
    assert fit.estimates["step"] == 0
    for horizon in (1, 2):
        expected = predicted(window, horizon, **settings) - level
        np.testing.assert_allclose(rows(made, "return", horizon), expected, rtol=0, atol=1e-12)
    assert np.ptp(made.value) > 0.01


def test_a_trend_and_a_week_are_found():
    """A price that grows by a thousandth a day and a hundredth more on Mondays, less on Tuesdays."""
    family = installed("prophet")
    days = np.arange("2020-01-01", "2023-01-01", dtype="datetime64[D]")
    days = days[np.is_busday(days)]
    weekday = (days.astype(int) + 3) % 7
    returns = 0.001 + np.where(weekday == 0, 0.01, 0.0) - np.where(weekday == 1, 0.01, 0.0)
    returns = returns + np.random.default_rng(1).normal(0, 1e-5, len(days))
    window = SeriesWindow("W", days.astype("datetime64[s]"), returns, None)
    fit = family.fit(fit_request(family, (window.head(TRAIN - 100),), yearly="off"))
    made = family.forecast(forecast_request(family, fit, (window,), 690, yearly="off"))
    one = rows(made, "return", 1)
    np.testing.assert_allclose(one[:60], returns[691:751], atol=2e-4)


def test_bars_that_are_not_of_weekdays_have_their_own_step():
    family = installed("prophet")
    rng = np.random.default_rng(2)
    hours = np.datetime64("2024-01-01", "s") + np.arange(400) * np.timedelta64(3600, "s")
    window = SeriesWindow("H", hours, rng.normal(0, 0.01, 400), None)
    assert family.fit(fit_request(family, (window,))).estimates["step"] == 3600
    daily = np.arange("2024-01-01", "2025-02-04", dtype="datetime64[D]").astype("datetime64[s]")[:400]
    coin = SeriesWindow("C", daily, window.returns, None)
    assert family.fit(fit_request(family, (coin,))).estimates["step"] == 86_400


def test_a_window_that_begins_elsewhere_is_refused(sp500):
    family, window = installed("prophet"), sp500.head(TRAIN)
    fit = family.fit(fit_request(family, (window,), yearly="off"))
    later = SeriesWindow("sp500", window.dates[1:], window.returns[1:], None)
    with pytest.raises(Rejection, match="begins with another bar"):
        family.forecast(forecast_request(family, fit, (later,), 700, yearly="off"))
