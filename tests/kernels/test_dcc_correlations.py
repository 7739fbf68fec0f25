"""The compiled passes against plain matrices, estimates against another optimiser and the truth, and matrices that stay
positive definite."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba", reason="the engine needs numba: pip install 'fleetspec[run]'")
pytest.importorskip("scipy", reason="the engine needs scipy: pip install 'fleetspec[run]'")

from fleetspec.kernels.dcc import fitting, reference
from fleetspec.kernels.dcc.fitting import MOST_PERSISTENT, SMALLEST, fit, log_likelihood, targeted
from fleetspec.kernels.dcc.likelihoods import states


def simulated(bars: int, series: int, a: float, b: float, seed: int = 0) -> np.ndarray:
    """Normal innovations under DCC(1, 1) with correlations of 0.4 in the target."""
    rng = np.random.default_rng(seed)
    target = np.full((series, series), 0.4) + 0.6 * np.eye(series)
    q, z = target.copy(), np.empty((bars, series))
    for t in range(bars):
        scale = 1 / np.sqrt(np.diag(q))
        z[t] = np.linalg.cholesky(q * np.outer(scale, scale)) @ rng.normal(size=series)
        q = (1 - a - b) * target + a * np.outer(z[t], z[t]) + b * q
    return z


@pytest.mark.parametrize("correction", ["none", "aielli"])
@pytest.mark.parametrize(("a", "b"), [(0.04, 0.93), (0.2, 0.5), (0.0, 0.9), (0.3, 0.0)])
def test_likelihoods_equal_the_reference(correction, a, b):
    z = simulated(150, 4, 0.05, 0.9)
    _, target, shrinkage = targeted(z, a, b, correction)
    assert shrinkage == 0
    whole = reference.log_likelihood(z, a, b, target, correction)
    assert log_likelihood(z, a, b, "full", correction) == pytest.approx(whole, rel=1e-10, abs=1e-9)
    pairs = [(i, j) for j in range(4) for i in range(j)]
    of = {p: reference.log_likelihood(z[:, list(p)], a, b, target[np.ix_(p, p)], correction) for p in pairs}
    assert log_likelihood(z, a, b, "pairs", correction) == pytest.approx(np.mean([*of.values()]), rel=1e-10, abs=1e-9)
    near = np.mean([of[i, i + 1] for i in range(3)])
    assert log_likelihood(z, a, b, "neighbours", correction) == pytest.approx(near, rel=1e-10, abs=1e-9)


def test_targets_are_correlations_of_the_sample():
    z = simulated(300, 3, 0.05, 0.9)
    x, target, _ = targeted(z, 0.05, 0.9, "none")
    assert x is z
    expected = np.mean([np.outer(v, v) for v in z], axis=0)
    expected /= np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(target, expected, atol=1e-14)
    # Aielli's shocks: z times the root of the diagonal of a Q that they move themselves.
    x, _, _ = targeted(z, 0.05, 0.9, "aielli")
    diagonal, rows = np.ones(3), []
    for v in z:
        rows.append(np.sqrt(diagonal) * v)
        diagonal = 0.05 + 0.05 * rows[-1] ** 2 + 0.9 * diagonal
    np.testing.assert_allclose(x, rows, rtol=1e-12)


@pytest.mark.parametrize("correction", ["none", "aielli"])
def test_correlations_equal_the_reference_at_every_bar(correction):
    z = simulated(120, 3, 0.08, 0.85)
    x, target, _ = targeted(z, 0.08, 0.85, correction)
    found = np.empty((120, 3, 3))
    states(x, target, 0.08, 0.85, 0, found)
    np.testing.assert_allclose(found, reference.correlations(z, 0.08, 0.85, target, correction)[1:], atol=1e-13)
    part = np.empty((20, 3, 3))
    states(x, target, 0.08, 0.85, 100, part)
    assert (part == found[100:]).all()


@pytest.mark.parametrize("likelihood", ["pairs", "neighbours", "full"])
def test_estimates_equal_those_of_another_optimiser(likelihood):
    from scipy.optimize import differential_evolution

    z = simulated(400, 3, 0.06, 0.88, seed=4)
    found = fit(z, likelihood)

    def loss(at: np.ndarray) -> float:
        return 1e6 if at.sum() > MOST_PERSISTENT else -log_likelihood(z, *map(float, at), likelihood, "none")

    best = differential_evolution(loss, [(0, 0.5), (0, 0.9995)], rng=1, tol=1e-10, popsize=8, maxiter=60)
    assert (found.a, found.b) == pytest.approx(tuple(best.x), abs=2e-4)
    assert found.log_likelihood >= -best.fun - 1e-7


def test_two_series_have_one_likelihood():
    z = simulated(300, 2, 0.06, 0.88)
    fits = [fit(z, likelihood) for likelihood in ("pairs", "neighbours", "full")]
    assert [f.a for f in fits] == pytest.approx([fits[0].a] * 3, abs=1e-5)
    assert [f.log_likelihood for f in fits] == pytest.approx([fits[0].log_likelihood] * 3, rel=1e-8)


@pytest.mark.parametrize("correction", ["none", "aielli"])
def test_the_truth_is_found(correction):
    z = simulated(6000, 8, 0.03, 0.95, seed=2)
    for likelihood in ("pairs", "full"):
        found = fit(z, likelihood, correction)
        assert (found.a, found.b) == pytest.approx((0.03, 0.95), abs=0.012)


def test_without_movement_the_target_is_all():
    z = np.random.default_rng(5).normal(size=(2000, 3))
    found = fit(z)
    assert found.a < 0.05
    np.testing.assert_allclose(found.last, found.target, atol=0.1)


def test_a_fit_is_the_same_twice_and_leaves_its_input_alone():
    z = simulated(300, 3, 0.05, 0.9)
    before = z.copy()
    one, other = fit(z), fit(z)
    assert (one.a, one.b, one.last.tobytes()) == (other.a, other.b, other.last.tobytes())
    assert (z == before).all()


@pytest.mark.parametrize("likelihood", ["pairs", "neighbours", "full"])
@pytest.mark.parametrize("correction", ["none", "aielli"])
@pytest.mark.parametrize("kind", ["the same twice", "a sum of others", "more series than bars"])
def test_every_matrix_is_positive_definite(kind, likelihood, correction):
    rng = np.random.default_rng(3)
    z = rng.normal(size=(20, 30)) if kind == "more series than bars" else simulated(400, 4, 0.05, 0.9)
    if kind == "the same twice":
        z = np.column_stack([z, z[:, 0], z[:, 1]])
    if kind == "a sum of others":
        z = np.column_stack([z, z[:, 0] + z[:, 1]])
    found = fit(z, likelihood, correction)
    # Aielli's shocks have scales that move apart, so a sum of others is one no longer.
    assert (found.shrinkage > 0) == ((kind, correction) != ("a sum of others", "aielli"))
    assert np.linalg.eigvalsh(found.target)[0] >= SMALLEST * 0.999
    x, target, _ = targeted(z, found.a, found.b, correction)
    path = np.empty((len(z), z.shape[1], z.shape[1]))
    states(x, target, found.a, found.b, 0, path)
    assert np.linalg.eigvalsh(path).min() > 0
    np.testing.assert_allclose(np.diagonal(path, axis1=1, axis2=2), 1.0)


def test_covariances_ahead_by_hand():
    last, target = np.array([[1, 0.8], [0.8, 1]]), np.array([[1, 0.2], [0.2, 1]])
    made = reference.covariance_ahead(last, target, 0.5, np.array([[4.0, 9.0], [1.0, 16.0]]))
    # 0.8 * 2 * 3, then (0.5 * 0.2 + 0.5 * 0.8) * 1 * 4; variances add.
    np.testing.assert_allclose(made, [[5.0, 6.8], [6.8, 25.0]])


def test_what_has_no_correlations():
    z = simulated(100, 2, 0.05, 0.9)
    for bad in (z[:, :1], np.where(z > 2, np.nan, z), np.column_stack([z[:, 0], np.ones(100)])):
        with pytest.raises(ValueError, match=r"two series|not finite"):
            fitting.fit(bad)
