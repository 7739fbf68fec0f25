"""Forecasts of each bar, with AR means above all, against arch's on a thousand days of the S&P 500 and the NASDAQ."""

from __future__ import annotations

import math
from functools import cache
from itertools import product

import numpy as np
import pytest
from garch_cases import DISTRIBUTION, arch_model, parameters_of, simulations

from fleetspec.kernels.garch import fit_many
from fleetspec.kernels.garch.forecasting import conditional_variances, cumulative_variances, forecast_many
from fleetspec.kernels.garch.types import Specification

pytest.importorskip("scipy")
HORIZON, HORIZONS = 20, (1, 5, 20)
LAGS = (1, 2)
# Far stronger than in daily returns, so that a response left out or misplaced shows.
CONSTANT, COEFFICIENTS = 0.03, (0.45, -0.3)
ANALYTIC = (
    {"process": "garch"},
    {"process": "garch", "p": 2, "q": 2},
    {"process": "garch", "p": 1, "q": 0},
    {"process": "gjr", "o": 1},
    {"process": "gjr", "p": 1, "o": 2, "q": 2},
)
SIMULATED = ({"process": "tgarch", "o": 1}, {"process": "egarch", "o": 1}, {"process": "egarch", "p": 2, "q": 2})


@cache
def real() -> np.ndarray:
    """Daily returns of two indices in percent, (2, 1000)."""
    data = pytest.importorskip("arch.data", reason="the real series come with arch")
    from arch.data import nasdaq, sp500

    assert data
    rows = [100 * np.diff(np.log(one.load()["Adj Close"].to_numpy()))[1500:2500] for one in (sp500, nasdaq)]
    return np.array(rows)


def strong(spec: Specification, row: np.ndarray, seed: int) -> np.ndarray:
    given = parameters_of(spec, row, seed)
    given[: spec.lags + 1] = (CONSTANT, *COEFFICIENTS[: spec.lags])
    return given


def assert_mean(made, oracle) -> None:
    np.testing.assert_allclose(made.mean, oracle.mean.to_numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("lags", LAGS)
@pytest.mark.parametrize("distribution", DISTRIBUTION)
@pytest.mark.parametrize("orders", ANALYTIC)
def test_bars_are_the_analytic_forecasts_of_arch(orders, distribution, lags):
    spec = Specification(**orders, distribution=distribution, mean="ar", lags=lags)
    rows = real()
    parameters = np.array([strong(spec, row, i) for i, row in enumerate(rows)])
    found = forecast_many(rows, spec, parameters, HORIZON, [999, 900])
    for row, given, start, made in zip(rows, parameters, (999, 900), found, strict=True):
        oracle = arch_model(row, spec).fix(list(given)).forecast(horizon=HORIZON, start=start, reindex=False)
        assert made.mean.shape == (1000 - start, HORIZON)
        assert_mean(made, oracle)
        np.testing.assert_allclose(made.residual_variance, oracle.residual_variance.to_numpy(), rtol=1e-9)
        np.testing.assert_allclose(made.variance, oracle.variance.to_numpy(), rtol=1e-9)
        assert (made.variance[:, 1] > 1.05 * made.residual_variance[:, 1]).all()


@pytest.mark.parametrize("lags", LAGS)
@pytest.mark.parametrize("distribution", DISTRIBUTION)
@pytest.mark.parametrize("orders", SIMULATED)
def test_where_arch_simulates_bars_agree(orders, distribution, lags):
    """One bar ahead arch is analytic; beyond, its paths scatter around these forecasts."""
    spec = Specification(**orders, distribution=distribution, mean="ar", lags=lags)
    row = real()[0]
    given = strong(spec, row, 1)
    model = arch_model(row, spec).fix(list(given))
    (made,) = forecast_many(row[None], spec, given[None], HORIZON, [997])
    one = model.forecast(horizon=1, start=997, reindex=False)
    np.testing.assert_allclose(made.residual_variance[:, :1], one.residual_variance.to_numpy(), rtol=1e-9)
    np.testing.assert_allclose(made.variance[:, :1], one.variance.to_numpy(), rtol=1e-9)
    oracle = simulations(row, spec, given, 997, 20_000, seed=2)
    assert_mean(made, oracle)
    paths = oracle.simulations
    assert_middle(made.residual_variance, paths.residual_variances)
    assert_middle(made.variance, paths.variances)
    assert_middle(made.mean, paths.values)


def assert_middle(found: np.ndarray, paths: np.ndarray) -> None:
    """``found`` (origins, h) lies within four standard errors of the mean of ``paths`` (origins, paths, h)."""
    error = paths.std(axis=1) / math.sqrt(paths.shape[1])
    assert (np.abs(found - paths.mean(axis=1)) < 4 * error + 1e-9 * np.abs(found)).all()


@pytest.mark.parametrize("lags", LAGS)
@pytest.mark.parametrize("orders", [{"process": "gjr", "o": 1}, {"process": "tgarch", "o": 1}])
def test_h_bar_returns_vary_as_sums_of_simulated_paths_do(orders, lags):
    spec = Specification(**orders, distribution="t", mean="ar", lags=lags)
    row = real()[1]
    given = strong(spec, row, 3)
    (found,) = cumulative_variances([row], spec, given[None], [998], HORIZONS)
    (bars,) = forecast_many([row], spec, given[None], HORIZON, [998])
    paths = simulations(row, spec, given, 998, 40_000, seed=5).simulations.values
    for column, horizon in enumerate(HORIZONS):
        middle = bars.mean[:, :horizon].sum(axis=1)
        squares = (paths[:, :, :horizon].sum(axis=2) - middle[:, None]) ** 2
        assert_middle(found[:, column], squares)
    # The sum of the bars' own variances is something else.
    independent = bars.variance.sum(axis=1)
    assert (np.abs(found[:, 2] / independent - 1) > 0.05).all()


def test_fits_with_ar_means_forecast_what_fits_of_arch_forecast():
    spec = Specification(distribution="t", mean="ar", lags=1)
    rows = real()
    fits = fit_many(rows, spec)
    assert fits.ok.all()
    for row, made in zip(rows, forecast_many(rows, spec, fits.parameters, HORIZON), strict=True):
        oracle = arch_model(row, spec).fit(disp="off").forecast(horizon=HORIZON, reindex=False)
        assert made.mean.shape == (1, HORIZON)
        np.testing.assert_allclose(made.mean, oracle.mean.to_numpy(), atol=2e-4)
        np.testing.assert_allclose(made.variance, oracle.variance.to_numpy(), rtol=1e-3)


@pytest.mark.parametrize("mean", ["zero", "constant"])
def test_without_lags_both_variances_are_one(mean):
    spec = Specification("gjr", o=1, mean=mean)
    row = real()[0]
    given = parameters_of(spec, row, 2)
    (made,) = forecast_many([row], spec, given[None], HORIZON, [995])
    oracle = arch_model(row, spec).fix(list(given)).forecast(horizon=HORIZON, start=995, reindex=False)
    assert_mean(made, oracle)
    np.testing.assert_allclose(made.variance, oracle.variance.to_numpy(), rtol=1e-9)
    np.testing.assert_array_equal(made.variance, made.residual_variance)
    (sums,) = cumulative_variances([row], spec, given[None], [995], HORIZONS)
    np.testing.assert_allclose(sums, np.cumsum(made.variance, axis=1)[:, [0, 4, 19]], rtol=1e-12)


def test_filtered_variances_under_an_ar_mean_are_those_of_arch():
    for lags, orders in product(LAGS, (*ANALYTIC, *SIMULATED)):
        spec = Specification(**orders, mean="ar", lags=lags)
        row = real()[1]
        given = strong(spec, row, 4)
        resids, variances = conditional_variances(row, spec, given, 999)
        oracle = arch_model(row, spec).fix(list(given))
        assert resids.shape == variances.shape == (1000 - lags,)
        np.testing.assert_allclose(resids, np.asarray(oracle.resid)[-len(resids) :], atol=1e-12)
        tail = slice(-500, None)
        np.testing.assert_allclose(variances[tail], np.asarray(oracle.conditional_volatility)[tail] ** 2, rtol=1e-9)


def test_a_filter_begins_with_nothing_after_its_first_origin():
    spec = Specification("gjr", o=1, mean="ar", lags=2)
    row = real()[0].copy()
    given = strong(spec, row, 4)
    resids, variances = conditional_variances(row, spec, given, 20)
    row[21:] *= 40
    others, changed = conditional_variances(row, spec, given, 20)
    known = slice(0, 21 - spec.lags)
    np.testing.assert_array_equal(resids[known], others[known])
    np.testing.assert_array_equal(variances[known], changed[known])
    assert (resids[known.stop :] != others[known.stop :]).all()


def test_company_and_the_future_do_not_matter():
    for process, o in (("garch", 0), ("tgarch", 1), ("egarch", 1)):
        spec = Specification(process, o=o, distribution="t", mean="ar", lags=2)
        rows = [real()[0][:300].copy(), real()[1][:200]]
        parameters = np.array([strong(spec, row, i) for i, row in enumerate(rows)])
        whole = forecast_many(rows, spec, parameters, 7, [2, 150])
        for i, first in enumerate((2, 150)):
            (alone,) = forecast_many(rows[i : i + 1], spec, parameters[i : i + 1], 7, [first])
            for name in ("mean", "variance", "residual_variance"):
                assert getattr(alone, name).tobytes() == getattr(whole[i], name).tobytes()
        rows[0][250:] *= 40
        (after,) = forecast_many(rows[:1], spec, parameters[:1], 7, [2])
        for name in ("mean", "variance", "residual_variance"):
            before, now = getattr(whole[0], name), getattr(after, name)
            np.testing.assert_array_equal(before[: 250 - 2], now[: 250 - 2])
            assert (before[250 - 2 :] != now[250 - 2 :]).any()


def test_a_row_without_a_fit_forecasts_nothing():
    spec = Specification("gjr", o=1, mean="ar", lags=1)
    rows = real()
    parameters = np.array([strong(spec, row, i) for i, row in enumerate(rows)])
    parameters[0] = np.nan
    nothing, made = forecast_many(rows, spec, parameters, 3)
    for name in ("mean", "variance", "residual_variance"):
        assert np.isnan(getattr(nothing, name)).all()
        assert np.isfinite(getattr(made, name)).all()


def test_what_is_refused():
    spec = Specification(mean="ar", lags=2)
    rows = real()
    parameters = np.array([strong(spec, row, i) for i, row in enumerate(rows)])
    with pytest.raises(ValueError, match="series 1: the first origin is 1; bars 2 to 999"):
        forecast_many(rows, spec, parameters, 5, [2, 1])
    with pytest.raises(ValueError, match="the first origin is 1000"):
        forecast_many(rows, spec, parameters, 5, [1000, 999])
    with pytest.raises(ValueError, match="horizon is 0"):
        forecast_many(rows, spec, parameters, 0)
    with pytest.raises(ValueError, match=r"these series need \(2, 6\)"):
        forecast_many(rows, spec, parameters[:, :5], 5)
    with pytest.raises(ValueError, match="no residual before bar 2"):
        cumulative_variances(list(rows), spec, parameters, [1, 999], (1,))
