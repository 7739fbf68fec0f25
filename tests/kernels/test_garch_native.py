"""What only the native engine does, for every instruction set that this processor runs: powers by tables, products that
give up exponents, residuals of a mean that is held."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from garch_cases import series

from fleetspec.kernels.garch import Specification
from fleetspec.kernels.garch.building import TARGETS, build, compiler, runnable
from fleetspec.kernels.garch.on_native import NativeEngine, loaded
from fleetspec.kernels.garch.preparation import Batch, Effort, prepared
from fleetspec.kernels.garch.searching import FULL

stats = pytest.importorskip("scipy.stats", reason="the run extra is not installed")

pytestmark = pytest.mark.slow

POWERS = Specification("garch", 1, 0, 0, "ged", "zero")
TAILS = Specification("garch", 1, 0, 0, "t", "zero")
CONSTANT = Specification("garch", 1, 0, 1, "ged")
LAGGED = Specification("garch", 1, 0, 1, "ged", "ar", lags=1)
WITHOUT = Specification("garch", 1, 0, 1, "ged", "zero")
SIZED = Specification("tgarch", 1, 1, 1)
SIZED_WITHOUT = Specification("tgarch", 1, 1, 1, mean="zero")
BUILT = (POWERS, TAILS, CONSTANT, LAGGED, WITHOUT, SIZED, SIZED_WITHOUT)
STARTS = {
    CONSTANT: [0.0, 0.05, 0.08, 0.85, 1.5],
    LAGGED: [0.0, 0.0, 0.05, 0.08, 0.85, 1.5],
    SIZED: [0.0, 0.05, 0.06, 0.05, 0.85],
}


@pytest.fixture(scope="module", params=list(TARGETS))
def engine(request, tmp_path_factory) -> NativeEngine:
    if compiler() is None:
        pytest.skip("no C++ compiler: the native engine is not tested")
    folder = tmp_path_factory.mktemp(request.param)
    (cpu,) = build(folder, (), ())
    if request.param not in runnable(cpu):
        pytest.skip(f"this processor does not run {request.param}")
    build(folder, (request.param,), BUILT)
    found = loaded(folder)
    assert found is not None
    return found


def batch_of(y: np.ndarray, spec: Specification) -> Batch:
    """``y`` (n, T) as it is inside: not scaled again."""
    made = prepared(np.random.default_rng(1).standard_normal(y.shape), spec)
    return replace(made, y=np.ascontiguousarray(y), presample=np.ones(len(y)))


def both(engine: NativeEngine, batch: Batch, point: list[float]) -> np.ndarray:
    """(2, n) values at ``point``, by the likelihood alone and by the one with derivatives."""
    at = np.arange(len(batch.y))
    points = np.repeat(np.array([point]), len(at), axis=0)
    _, scored, _, _ = engine.minimise(batch, at, points, 0, Effort(1e-9, 0))
    return np.array([engine.values(batch, at, points[0][None])[:, 0], scored])


@pytest.mark.parametrize("nu", [1.01, 1.5, 2.0, 9.0])
def test_powers_of_tiny_and_of_huge_innovations(engine, nu):
    scale = 1.0 / stats.gennorm.std(nu)
    z = np.logspace(-11, 2.5, 3001)
    batch = batch_of(np.repeat(z[:, None], 30, axis=1), POWERS)
    oracle = -30 * stats.gennorm.logpdf(z, nu, scale=scale)
    for values in both(engine, batch, [1.0, 0.0, nu]):
        np.testing.assert_allclose(values, oracle, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("variance", [1e-30, 1e-7, 0.3, 1.0, 1e30])
def test_products_of_many_variances_stay_inside_the_range_of_doubles(engine, variance):
    """A thousand of them are below 1e-7000, or above 1e30000."""
    y = np.random.default_rng(2).standard_t(8, (9, 1000)) * np.sqrt(0.75 * variance)
    oracle = -stats.t.logpdf(y, 8, scale=np.sqrt(0.75 * variance)).sum(axis=1)
    for values in both(engine, batch_of(y, TAILS), [variance, 0.0, 1.0 / 8.0]):
        np.testing.assert_allclose(values, oracle, rtol=1e-12)


@pytest.mark.parametrize("variance", [0.0, -1.0])
def test_a_variance_that_is_not_positive_has_no_likelihood(engine, variance):
    y = np.random.default_rng(3).standard_t(8, (3, 35))
    for spec, shape in ((POWERS, 1.5), (TAILS, 0.125)):
        assert not (both(engine, batch_of(y, spec), [variance, 0.0, shape])[0] < np.inf).any()


@pytest.mark.parametrize("spec", STARTS, ids=str)
def test_a_held_mean_stays_and_the_rest_ends_where_it_does_with_all_derivatives(engine, spec, monkeypatch):
    rows = np.array([series(500, 200 + seed, alpha=0.1, beta=0.85) for seed in range(6)])
    batch, means = prepared(rows, spec), len(spec.mean_names)
    # Rows take turns, each with three means, so that a lane gets rows it has had, with its mean and with another.
    at = np.array([0, 1, 0, 2, 2, 0, 3, 1, 4, 5, 3, 4, 5, 1, 2, 3, 4, 5])
    begin = np.repeat(np.array([STARTS[spec]]), len(at), axis=0)
    begin[:, :means] = np.random.default_rng(4).choice([-0.03, 0.0, 0.05], (len(at), means))
    found, reached, outcomes, _ = engine.minimise(batch, at, begin, means, FULL)
    np.testing.assert_array_equal(found[:, :means], begin[:, :means])
    for job in range(len(at)):
        alone, value, _, _ = engine.minimise(batch, at[job : job + 1], begin[job : job + 1], means, FULL)
        np.testing.assert_array_equal(alone[0], found[job])
        assert value[0] == reached[job]
    monkeypatch.setattr(NativeEngine, "_held", lambda *_: 0)
    whole, theirs, same, _ = engine.minimise(batch, at, begin, means, FULL)
    np.testing.assert_array_equal(outcomes, same)
    np.testing.assert_allclose(reached, theirs, atol=1e-7)
    np.testing.assert_allclose(found, whole, atol=1e-3)


def test_a_lane_that_keeps_its_row_gives_what_others_give(engine):
    rows = np.array([series(500, 220 + seed) for seed in range(3)])
    batch, at = prepared(rows, CONSTANT), np.repeat([0, 1, 2, 0], 9)
    begin = np.repeat(np.array([STARTS[CONSTANT]]), len(at), axis=0)
    begin[:, 2] = np.linspace(0.01, 0.12, len(at))
    found, reached, _, _ = engine.minimise(batch, at, begin, 0, FULL)
    for job in range(len(at)):
        alone, value, _, _ = engine.minimise(batch, at[job : job + 1], begin[job : job + 1], 0, FULL)
        np.testing.assert_array_equal(alone[0], found[job])
        assert value[0] == reached[job]
