"""Forecasts against arch's analytic ones and its simulations, and what no forecast may depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from garch_cases import DISTRIBUTION, SPECIFICATIONS, arch_model, parameters_of, series, simulations

from fleetspec.kernels.garch import reference
from fleetspec.kernels.garch.forecasting import cumulative_variances
from fleetspec.kernels.garch.recursions import codes, filtered, log_densities, residuals
from fleetspec.kernels.garch.types import Specification

pytest.importorskip("scipy")
HORIZONS = (1, 5, 20)


@pytest.mark.parametrize("distribution", DISTRIBUTION)
@pytest.mark.parametrize("orders", [o for o in SPECIFICATIONS if o["process"] in ("garch", "gjr")])
def test_levels_are_the_analytic_forecasts_of_arch(orders, distribution):
    spec = Specification(**orders, distribution=distribution)
    rows = [series(400, 1), series(500, 2)]
    parameters = np.array([parameters_of(spec, row, i) for i, row in enumerate(rows)])
    found = cumulative_variances(rows, spec, parameters, [399, 450], HORIZONS)
    for row, given, start, made in zip(rows, parameters, (399, 450), found, strict=True):
        model = arch_model(row, spec).fix(list(given))
        # arch's fixed parameters come with a backcast of the demeaned series; 400 bars later it is forgotten.
        oracle = model.forecast(horizon=20, start=start, reindex=False).variance.to_numpy()
        np.testing.assert_allclose(made, np.column_stack([oracle[:, :h].sum(axis=1) for h in HORIZONS]), rtol=1e-9)


@pytest.mark.parametrize(
    ("orders", "distribution"),
    [
        ({"process": "tgarch", "o": 1}, "normal"),
        ({"process": "tgarch", "o": 1}, "t"),
        ({"process": "tgarch", "p": 2, "o": 1, "q": 2}, "skewt"),
        ({"process": "tgarch", "p": 1, "o": 2, "q": 1}, "ged"),
        ({"process": "tgarch", "p": 2, "o": 0, "q": 0}, "normal"),
        ({"process": "egarch", "o": 1}, "normal"),
        ({"process": "egarch", "o": 1}, "t"),
        ({"process": "egarch", "o": 1}, "skewt"),
        ({"process": "egarch", "p": 2, "o": 2, "q": 2}, "ged"),
    ],
)
def test_the_others_agree_with_simulation_by_arch(orders, distribution):
    spec = Specification(**orders, distribution=distribution)
    row = series(502, 3)
    given = parameters_of(spec, row, 1)
    (found,) = cumulative_variances([row], spec, given[None], [499], HORIZONS)
    variances = simulations(row, spec, given, 499, 20_000, seed=1).simulations.residual_variances
    for column, horizon in enumerate(HORIZONS):
        paths = variances[:, :, :horizon].sum(axis=2)
        error = paths.std(axis=1) / math.sqrt(paths.shape[1])
        assert (np.abs(found[:, column] - paths.mean(axis=1)) < 4 * error + 1e-9 * found[:, column]).all()


def test_a_crowd_gives_what_each_gives_alone():
    for orders in SPECIFICATIONS:
        spec = Specification(**orders, distribution="t")
        rows = [series(120 + 10 * i, i) for i in range(5)]
        parameters = np.array([parameters_of(spec, row, i) for i, row in enumerate(rows)])
        origins = [3, 60, 139, 100, 40]
        whole = cumulative_variances(rows, spec, parameters, origins, HORIZONS)
        for i in range(5):
            (alone,) = cumulative_variances(rows[i : i + 1], spec, parameters[i : i + 1], origins[i : i + 1], HORIZONS)
            assert alone.tobytes() == whole[i].tobytes()
            assert alone.shape == (len(rows[i]) - origins[i], 3)


def test_nothing_after_an_origin_matters():
    for orders in SPECIFICATIONS:
        spec = Specification(**orders)
        row = series(200, 5)
        given = parameters_of(spec, row, 2)[None]
        (before,) = cumulative_variances([row], spec, given, [9], (1, 7))
        row[150:] *= 40
        (after,) = cumulative_variances([row], spec, given, [9], (1, 7))
        np.testing.assert_array_equal(before[: 150 - 9], after[: 150 - 9])
        assert (before[150 - 9 :] != after[150 - 9 :]).any()


def test_horizons_in_any_order_and_units():
    spec = Specification("gjr", o=1)
    row = series(200, 6)
    given = parameters_of(spec, row, 2)
    (up,) = cumulative_variances([row], spec, given[None], [150], (1, 5, 20))
    (down,) = cumulative_variances([row], spec, given[None], [150], (20, 1, 5))
    np.testing.assert_array_equal(up, down[:, [1, 2, 0]])
    (small,) = cumulative_variances([row / 1e7], spec, (given * [1e-7, 1e-14, 1, 1, 1])[None], [150], (1, 5, 20))
    np.testing.assert_allclose(small, up * 1e-14, rtol=1e-9)


@pytest.mark.parametrize("distribution", DISTRIBUTION)
@pytest.mark.parametrize("orders", SPECIFICATIONS)
def test_compiled_recursions_are_those_of_the_reference(orders, distribution):
    """A jump of 80 deviations makes the bounds bind on the way."""
    spec = Specification(**orders, distribution=distribution, mean="ar", lags=2)
    row = series(300, 8)
    row[100] = -80.0
    given = parameters_of(spec, row, 4)
    process, shape, means, p, o, q = codes(spec)
    one, before = reference.split(spec, given), reference.presample(row, spec)
    resids, state, shocks, variance, density = (np.empty(298) for _ in range(5))
    residuals(given, means, spec.lags, row, resids)
    np.testing.assert_allclose(resids, reference.residuals(row, spec, one.mean), rtol=1e-12)
    filtered(
        given, process, means, p, o, q, resids, before.backcast, before.lower, before.upper, state, shocks, variance
    )
    np.testing.assert_allclose(variance, reference.variances(resids, spec, one, before), rtol=1e-12)
    log_densities(given, shape, len(given) - len(spec.shape_names), resids, variance, density)
    np.testing.assert_allclose(density, reference.log_likelihoods(row, spec, given), rtol=1e-11, atol=1e-13)
