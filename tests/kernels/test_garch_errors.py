"""Standard errors against arch's, a published benchmark, and the units they are in."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from garch_cases import DISTRIBUTION, SPECIFICATIONS, arch_model, series

from fleetspec.kernels.garch.errors import covariances, standard_errors
from fleetspec.kernels.garch.types import Specification

BENCHMARK = Path(__file__).resolve().parents[3] / "shared" / "data" / "dem2gbp.csv"


@pytest.mark.parametrize(
    ("orders", "distribution"),
    [(o, d) for o, d in product(SPECIFICATIONS, DISTRIBUTION) if o.get("p", 1) == 1 and o.get("o", 0) < 2],
)
def test_errors_are_those_of_arch(orders, distribution):
    spec = Specification(**orders, distribution=distribution)
    returns = series(1500, seed=5)
    model = arch_model(returns, spec)
    fit = model.fit(disp="off", show_warning=False)
    given = fit.params.to_numpy()
    for kind, robust in (("robust", True), ("classic", False)):
        oracle = np.sqrt(np.diag(model.compute_param_cov(given, robust=robust)))
        found = standard_errors(returns[None], spec, given[None], kind)[0]
        # arch's own differences are good to about a thousandth where a parameter is small; the mean's depend on
        # their step where the likelihood has an edge at zero.
        edged = spec.process in ("tgarch", "egarch") or spec.distribution == "ged"
        np.testing.assert_allclose(found[edged:], oracle[edged:], rtol=5e-3)


def test_errors_under_an_ar_mean():
    spec = Specification(mean="ar", lags=2, distribution="t")
    returns = series(1500, seed=6)
    model = arch_model(returns, spec)
    given = model.fit(disp="off", show_warning=False).params.to_numpy()
    oracle = np.sqrt(np.diag(model.compute_param_cov(given)))
    np.testing.assert_allclose(standard_errors(returns[None], spec, given[None], "robust")[0], oracle, rtol=5e-3)


def test_hessian_errors_of_the_benchmark():
    """Fiorentini, Calzolari and Panattoni (1996), table 1."""
    if not BENCHMARK.exists():
        pytest.skip(f"no benchmark data at {BENCHMARK}")
    returns = np.loadtxt(BENCHMARK, skiprows=1)
    optimum = np.array([-0.006190408364, 0.01076139795, 0.1531340628, 0.805973669])
    found = standard_errors(returns[None], Specification(presample="sample"), optimum[None], "classic")[0]
    np.testing.assert_allclose(found, [0.00846212, 0.00285271, 0.0265228, 0.0335527], rtol=1e-5)


@pytest.mark.parametrize(
    "orders", [{"process": "gjr", "o": 1}, {"process": "tgarch", "o": 1}, {"process": "egarch", "o": 1}]
)
def test_units_of_the_returns_carry_over(orders):
    spec = Specification(**orders, distribution="t")
    returns = series(800, seed=7)
    given = arch_model(returns, spec).fit(disp="off", show_warning=False).params.to_numpy()
    unit = 1e-4
    small = given.copy()
    small[0] *= unit
    beta = given[4]
    if spec.process == "egarch":
        small[1] += (1 - beta) * 2 * np.log(unit)
    else:
        small[1] *= unit if spec.process == "tgarch" else unit**2
    rows = np.array([returns, returns * unit])
    one = covariances(rows[:1], spec, given[None], "robust")[0]
    other = covariances(rows[1:], spec, small[None], "robust")[0]
    ratio = np.sqrt(np.diag(other) / np.diag(one))
    expected = {"gjr": [unit, unit**2, 1, 1, 1, 1], "tgarch": [unit, unit, 1, 1, 1, 1]}.get(spec.process)
    if expected is None:
        expected = [unit, ratio[1], 1, 1, 1, 1]
        # omega' = omega + (1 - beta) c: a variance of a sum.
        c = 2 * np.log(unit)
        variance = one[1, 1] + c**2 * one[4, 4] - 2 * c * one[1, 4]
        assert other[1, 1] == pytest.approx(variance, rel=1e-4)
    np.testing.assert_allclose(ratio, expected, rtol=1e-4)


def test_no_curvature_no_error():
    spec = Specification("garch")
    returns = series(400, seed=8)
    nowhere = np.array([0.0, 5.0, 0.9, 0.05])
    assert np.isnan(standard_errors(returns[None], spec, nowhere[None], "classic")).any()
