"""The reference against arch at given parameters, and against a published benchmark at its own optimum."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from garch_cases import DISTRIBUTION, SPECIFICATIONS, arch_model, parameters_of, series

from fleetspec.kernels.garch import reference
from fleetspec.kernels.garch.types import Specification

BENCHMARK = Path(__file__).resolve().parents[3] / "shared" / "data" / "dem2gbp.csv"


@pytest.mark.parametrize("mean", ["zero", "constant", "ar"])
@pytest.mark.parametrize(("orders", "distribution"), list(product(SPECIFICATIONS, DISTRIBUTION)))
def test_likelihood_is_that_of_arch(orders, distribution, mean):
    spec = Specification(**orders, distribution=distribution, mean=mean, lags=2 if mean == "ar" else 0)
    returns = series(600, seed=11)
    model = arch_model(returns, spec)
    model.fit(disp="off", options={"maxiter": 1}, show_warning=False)  # arch works out its presample values here
    before = reference.presample(returns, spec)
    assert model._backcast == pytest.approx(before.backcast, rel=1e-12)
    np.testing.assert_allclose(np.column_stack([before.lower, before.upper]) ** _power(spec), model._var_bounds)
    for seed in range(3):
        parameters = parameters_of(spec, returns, seed)
        oracle = -model._loglikelihood(parameters, np.empty(600 - spec.lags), model._backcast, model._var_bounds)
        assert reference.log_likelihood(returns, spec, parameters, before) == pytest.approx(oracle, rel=1e-9)


def _power(spec):
    return 0.5 if spec.process == "tgarch" else 1.0


@pytest.mark.parametrize(
    ("process", "extremes"),
    [
        ("garch", ((1e-12, 1e-9, 0.5), (50.0, 0.99, 1.3))),
        ("tgarch", ((1e-12, 1e-9, 0.5), (50.0, 0.99, 1.3))),
        ("egarch", ((-20.0, 0.1, 0.9), (3.0, 0.1, 1.05), (300.0, 0.1, 1.5))),
    ],
)
def test_variance_bounds_bind_as_in_arch(process, extremes):
    """A crash of 200 deviations in a quiet series, and parameters that explode on it."""
    spec = Specification(process, p=1, o=0, q=1)
    returns = series(400, seed=3)
    returns[200] = -300.0
    model = arch_model(returns, spec)
    model.fit(disp="off", options={"maxiter": 1}, show_warning=False)
    before = reference.presample(returns, spec)
    for extreme in extremes:
        parameters = np.array([0.0, *extreme])
        resids, one = returns, reference.split(spec, parameters)
        unbounded = reference.Presample(before.backcast, np.zeros(400), np.full(400, np.inf))
        bounded = reference.variances(resids, spec, one, before)
        with np.errstate(over="ignore"):
            assert (bounded != reference.variances(resids, spec, one, unbounded)).any()
        oracle = -model._loglikelihood(parameters, np.empty(400), model._backcast, model._var_bounds)
        assert reference.log_likelihood(returns, spec, parameters) == pytest.approx(oracle, rel=1e-9)


def test_parameter_names_are_those_of_arch():
    for orders, distribution, mean in product(SPECIFICATIONS, DISTRIBUTION, ("zero", "constant", "ar")):
        spec = Specification(**orders, distribution=distribution, mean=mean, lags=2 if mean == "ar" else 0)
        assert list(spec.names) == arch_model(series(100, seed=1), spec)._all_parameter_names()


def test_the_benchmark_of_fiorentini_calzolari_and_panattoni():
    """Journal of Applied Econometrics 11 (1996): daily DM/BP, a variance before the sample at the current mean."""
    if not BENCHMARK.exists():
        pytest.skip(f"no benchmark data at {BENCHMARK}")
    optimize = pytest.importorskip("scipy.optimize")
    returns = np.loadtxt(BENCHMARK, skiprows=1)
    assert len(returns) == 1974
    spec = Specification(presample="sample")
    published = np.array([-0.00619041, 0.0107613, 0.153134, 0.805974])
    # A ten-thousandth of the published standard errors: far above rounding, far below the curvature's own scale.
    step = 1e-4 * np.array([0.00846212, 0.00285271, 0.0265228, 0.0335527])

    def gradient(x):
        shifted = [[reference.log_likelihood(returns, spec, x + sign * e) for sign in (1, -1)] for e in np.diag(step)]
        return np.array([(up - down) / 2 for up, down in shifted])

    # The likelihood itself tells four digits of omega only; a root of its gradient tells all of them.
    found = optimize.root(lambda u: gradient(u * step), np.array([0.0, 0.01, 0.15, 0.8]) / step, tol=1e-10)
    np.testing.assert_allclose(found.x * step, published, rtol=1e-5)
    assert np.abs(gradient(found.x * step)).max() < 1e-6
