"""HAR against arch's own regression of the same kind, and sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from family_cases import fit_request, forecast_request, installed, rows

from fleetspec.family import Fit, Rejection, SeriesWindow

TRAIN = 350


def with_measure(window: SeriesWindow, values: np.ndarray) -> SeriesWindow:
    return SeriesWindow(window.series, window.dates, window.returns, window.volume, {"realised": values})


@pytest.fixture(scope="module")
def window(windows) -> SeriesWindow:
    return windows[0]


def fitted(window: SeriesWindow, **more) -> Fit:
    return installed("har").fit(fit_request(installed("har"), (window,), measure="realised", **more))


def test_weights_are_those_of_archs_regression(window):
    univariate = pytest.importorskip("arch.univariate")
    fit = fitted(window.head(TRAIN))
    scaled = window.measures["realised"][:TRAIN] * fit.estimates["scale"] * 1e4
    found = univariate.HARX(scaled, lags=[1, 5, 22]).fit(disp="off").params
    names = ("intercept", "day", "week", "month")
    expected = [found["Const"] / 1e4, found.iloc[1], found.iloc[2], found.iloc[3]]
    assert [fit.estimates[name] for name in names] == pytest.approx(expected, rel=1e-6)
    # The first month has no means and the last bar no next one.
    assert fit.observations == TRAIN - 22


def test_forecasts_are_archs_summed_over_the_horizon(window):
    univariate = pytest.importorskip("arch.univariate")
    family, fit = installed("har"), fitted(window.head(TRAIN))
    made = family.forecast(forecast_request(family, fit, (window,), TRAIN - 1, measure="realised"))
    scaled = window.measures["realised"] * fit.estimates["scale"]
    found = univariate.HARX(scaled * 1e4, lags=[1, 5, 22], rescale=False).fit(last_obs=TRAIN, disp="off")
    steps = found.forecast(horizon=2, start=TRAIN - 1).mean.to_numpy() / 1e4
    # None of these falls below the floor, which arch does not know.
    assert steps.min() > fit.estimates["floor"]
    np.testing.assert_allclose(rows(made, "variance", 1), steps[:, 0], rtol=1e-6)
    np.testing.assert_allclose(rows(made, "variance", 2), steps.sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(rows(made, "mean", 2), 2 * window.returns[:TRAIN].mean())
    assert np.isinf(rows(made, "nu", 1)).all()


def test_the_measure_is_brought_to_the_level_of_the_returns(window):
    """Half of the variance falls outside of the measure; the forecasts do not notice."""
    whole, half = (fitted(with_measure(window, window.measures["realised"] * share)) for share in (1.0, 0.5))
    assert half.estimates["scale"] == pytest.approx(2 * whole.estimates["scale"])
    assert half.estimates["day"] == pytest.approx(whole.estimates["day"])
    returns = window.returns - window.returns.mean()
    expected = np.mean(returns**2) / np.mean(window.measures["realised"])
    assert whole.estimates["scale"] == pytest.approx(expected)


def test_no_variance_below_the_smallest_seen(window):
    family = installed("har")
    estimates = {"intercept": -1.0, "day": 0.0, "week": 0.0, "month": 0.0, "scale": 1.0, "floor": 2e-5, "mean": 0.0}
    fit = Fit(estimates, observations=100)
    made = family.forecast(forecast_request(family, fit, (window,), 398, measure="realised"))
    assert rows(made, "variance", 2) == pytest.approx([4e-5, 4e-5])


def test_a_bar_without_variance_is_no_floor(window):
    """A day on which nothing was traded: its 0 would be a forecast that no loss is defined for."""
    values = window.measures["realised"].copy()
    values[100] = 0.0
    calm = with_measure(window, values)
    fit = fitted(calm.head(TRAIN))
    others = np.delete(values[:TRAIN], 100)
    assert fit.estimates["floor"] == pytest.approx(fit.estimates["scale"] * others.min())


def test_bars_without_a_measure_are_left_out(window):
    values = window.measures["realised"].copy()
    values[380] = np.nan
    holed, family = with_measure(window, values), installed("har")
    made = family.forecast(forecast_request(family, fitted(holed.head(TRAIN)), (holed,), 375, measure="realised"))
    origins = made.origin[(made.quantity == "variance") & (made.horizon == 1)]
    # The bar itself and the 21 after it, whose month it is in: up to the end.
    assert list(origins) == list(window.dates[375:380])


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros(400), "no realised variance above 0"),
        (np.full(400, 1e-4), "does not move enough"),
        (np.where(np.arange(400) % 2, 1e-4, np.nan), "0 usable rows, at least 50 are needed"),
        (np.where(np.arange(400) == 7, -1e-4, 1e-4), "the realised variance of bar 8 is below 0"),
    ],
)
def test_measures_that_cannot_be_used(window, values, reason):
    with pytest.raises(Rejection, match=reason):
        fitted(with_measure(window, values))


def test_returns_are_no_measure(window):
    family = installed("har")
    with pytest.raises(Rejection, match="write measure: realised"):
        family.fit(fit_request(family, (window,), measure="returns"))
    with pytest.raises(Rejection, match="no implied variance"):
        family.fit(fit_request(family, (with_measure(window, np.ones(400)),), measure="implied"))
