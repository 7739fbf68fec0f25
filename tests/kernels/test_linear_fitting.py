"""Elastic net, lasso and ridge against scikit-learn, the reference, and the conditions of a minimum."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_cases import SHAPES, made, scaled

from fleetspec.kernels.linear import Status, fit_many, reference, ridge_many
from fleetspec.kernels.linear.types import Options

pytest.importorskip("numba", reason="the run extra is not installed")
linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the oracle of these tests")

TIGHT = 1e-12


def by_sklearn(x, y, alpha, l1_ratio, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return linear_model.ElasticNet(alpha=alpha, l1_ratio=l1_ratio, max_iter=10_000, **options).fit(x, y)


@pytest.mark.parametrize("tol", [1e-4, TIGHT])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("alpha", "l1_ratio"), [(0.05, 0.5), (0.2, 0.1), (0.02, 1.0)])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_scikit_learn_model_by_model(shape, alpha, l1_ratio, intercept, tol):
    x, y = made(*SHAPES[shape], targets=5)
    x, y = scaled(x) + 0.3, y / y.std()
    fits = fit_many(x, y, alpha, l1_ratio, fit_intercept=intercept, tol=tol)
    assert fits.ok.all()
    for k in range(y.shape[1]):
        oracle = by_sklearn(x, y[:, k], alpha, l1_ratio, fit_intercept=intercept, tol=tol)
        np.testing.assert_allclose(fits.coef[k], oracle.coef_, rtol=0, atol=1e-9)
        assert fits.intercept[k] == pytest.approx(oracle.intercept_, abs=1e-9)
        assert ((fits.coef[k] == 0) == (oracle.coef_ == 0)).all()
    assert 0 < np.count_nonzero(fits.coef) < fits.coef.size


def test_equals_scikit_learns_path_on_a_gram_matrix():
    x, y = made(500, 20, targets=4)
    x = np.asfortranarray(scaled(x))
    y = y - y.mean(axis=0)
    alphas = np.array([0.003, 0.001, 0.0002])
    fits = fit_many(x, y, alphas, 0.7, tol=TIGHT)
    for k in range(4):
        _, path, _ = linear_model.enet_path(
            x, y[:, k], l1_ratio=0.7, alphas=alphas, precompute=x.T @ x, tol=TIGHT, max_iter=10_000
        )
        np.testing.assert_allclose(fits.coef[k], path.T, rtol=0, atol=1e-9)


@pytest.mark.parametrize("alpha", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_ridge_equals_scikit_learn(shape, intercept, alpha):
    x, y = made(*SHAPES[shape], targets=3)
    x = scaled(x) - 0.2
    fits = ridge_many(x, y, alpha, fit_intercept=intercept)
    oracle = linear_model.Ridge(alpha=len(x) * alpha, fit_intercept=intercept).fit(x, y)
    np.testing.assert_allclose(fits.coef, oracle.coef_, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(fits.intercept, oracle.intercept_, rtol=1e-7, atol=1e-12)


def test_ridge_is_the_elastic_net_without_absolute_values():
    x, y = made(200, 8, targets=3)
    descended = fit_many(x, y, 0.05, 0.0, standardise=True, tol=1e-14)
    np.testing.assert_allclose(ridge_many(x, y, 0.05, standardise=True).weights, descended.weights, atol=1e-6)


def test_no_penalty_is_least_squares():
    x, y = made(200, 8)
    fits = ridge_many(x, y[:, 0], 0.0)
    oracle = np.linalg.lstsq(np.column_stack([np.ones(200), x]), y[:, 0], rcond=None)[0]
    np.testing.assert_allclose([fits.intercept, *fits.coef], oracle, rtol=1e-8)


@pytest.mark.parametrize("solver", ["elastic net", "ridge"])
def test_standardising_equals_a_pipeline(solver):
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = made(300, 10, targets=2)
    if solver == "ridge":
        fits, inner = ridge_many(x, y, 0.3, standardise=True), linear_model.Ridge(alpha=300 * 0.3)
    else:
        fits, inner = fit_many(x, y, 0.03, 0.4, standardise=True), linear_model.ElasticNet(alpha=0.03, l1_ratio=0.4)
    for k in range(2):
        oracle = TransformedTargetRegressor(make_pipeline(StandardScaler(), inner), transformer=StandardScaler())
        expected = oracle.fit(x, y[:, k]).predict(x)
        np.testing.assert_allclose(fits.intercept[k] + x @ fits.coef[k], expected, rtol=0, atol=1e-10)
        np.testing.assert_allclose(fits.mean[k], x.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(fits.scale[k], x.std(axis=0), rtol=1e-12)
        assert (fits.centre[k], fits.spread[k]) == pytest.approx((y[:, k].mean(), y[:, k].std()), rel=1e-12)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_takes_the_steps_of_the_reference(shape, standardise, l1_ratio):
    x, y = made(*SHAPES[shape], targets=2, seed=4)
    x, y = (x, y) if standardise else (scaled(x), y / y.std())
    options = Options(standardise=standardise)
    fits = fit_many(x, y, 0.06, l1_ratio, standardise=standardise)
    squares = ridge_many(x, y, 0.06, standardise=standardise)
    for k in range(2):
        slow = reference.elastic_net(x, y[:, k], 0.06, l1_ratio, options)
        np.testing.assert_allclose(fits.weights[k], slow.weights, rtol=0, atol=1e-9)
        np.testing.assert_allclose(fits.coef[k], slow.coef, rtol=1e-6, atol=1e-12)
        assert fits.intercept[k] == pytest.approx(slow.intercept, rel=1e-6, abs=1e-9)
        assert fits.passes[k] == slow.passes
        assert fits.gap[k] == pytest.approx(slow.gap, rel=1e-3, abs=1e-9)
        np.testing.assert_allclose(
            squares.weights[k], reference.ridge(x, y[:, k], 0.06, options).weights, rtol=0, atol=1e-9
        )


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(5, 60),
    features=st.integers(1, 12),
    seed=st.integers(0, 10_000),
    alpha=st.floats(1e-3, 2.0),
    l1_ratio=st.floats(0.05, 1.0),
)
def test_conditions_of_a_minimum(rows, features, seed, alpha, l1_ratio):
    """The slope of the smooth part balances the penalty, whatever solver found the point."""
    x, y = made(rows, features, seed=seed)
    fits = fit_many(x, y[:, 0], alpha, l1_ratio, standardise=True, tol=TIGHT)
    p = reference.prepared(x, y[:, 0], Options(standardise=True))
    slope = p.x.T @ (p.y - p.x @ fits.weights) / rows - alpha * (1 - l1_ratio) * fits.weights
    chosen = fits.weights != 0
    assert np.abs(slope).max() <= alpha * l1_ratio + 1e-5
    np.testing.assert_allclose(slope[chosen], alpha * l1_ratio * np.sign(fits.weights[chosen]), rtol=0, atol=1e-5)
    lowest = reference.objective(p, fits.weights, alpha, l1_ratio)
    nudges = np.random.default_rng(seed).normal(0, 1e-2, (20, features))
    assert all(reference.objective(p, fits.weights + nudge, alpha, l1_ratio) >= lowest - 1e-10 for nudge in nudges)
    assert fits.gap <= TIGHT


@pytest.mark.parametrize("l1_ratio", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_short_way_ends_at_the_same_minimum(shape, l1_ratio):
    """Features that are nearly one another: coordinate descent alone needs hundreds of passes or thousands."""
    x, y = made(*SHAPES[shape], targets=6)
    x = scaled(np.cumsum(x, axis=1))
    y = (y - y.mean(axis=0)) / y.std(axis=0)
    fits = fit_many(x, y, 0.01, l1_ratio, tol=TIGHT)
    assert fits.ok.all()
    assert fits.gap.max() <= TIGHT
    by_passes = [reference.elastic_net(x, y[:, k], 0.01, l1_ratio, Options(tol=1e-10, max_iter=200)) for k in range(6)]
    assert fits.passes.max() <= 200
    assert fits.passes.sum() < sum(slow.passes for slow in by_passes) / 2
    for k, slow in enumerate(by_passes):
        lowest = reference.objective(slow.prepared, fits.weights[k], 0.01, l1_ratio)
        assert lowest <= reference.objective(slow.prepared, slow.weights, 0.01, l1_ratio) + 1e-13
        oracle = by_sklearn(x, y[:, k], 0.01, l1_ratio, tol=TIGHT)
        assert lowest <= reference.objective(slow.prepared, oracle.coef_, 0.01, l1_ratio) + 1e-13


def test_axes_are_those_that_were_asked_for():
    x, y = made(60, 4, targets=3)
    assert fit_many(x, y[:, 0], 0.1).coef.shape == (4,)
    assert fit_many(x, y[:, 0], 0.1).status == Status.OK
    assert fit_many(x, y, [0.1, 0.2], [0.5, 1.0]).coef.shape == (3, 2, 4)
    assert ridge_many(x, y, 0.1, windows=[(0, 30), (10, 60)]).coef.shape == (2, 3, 4)
    assert fit_many(x, y, 0.1, windows=np.empty((0, 2), int)).coef.shape == (0, 3, 4)
    np.testing.assert_array_equal(fit_many(x, y, 0.1, windows=[(0, 30), (10, 60)]).rows, [[30] * 3, [50] * 3])


def test_features_that_do_not_vary_weigh_nothing():
    x, y = made(100, 5)
    x[:, 1], x[:, 3] = 7.3, 0.0
    x[:, 4] = 1e9 / 3
    for fits in (
        fit_many(x, y[:, 0], 1e-4, standardise=True),
        ridge_many(x, y[:, 0], 1e-4, standardise=True),
        ridge_many(x, y[:, 0], 0.0),
    ):
        assert fits.ok
        np.testing.assert_array_equal(fits.weights[[1, 3, 4]], 0.0)
        assert (fits.weights[[0, 2]] != 0).all()
        np.testing.assert_array_equal(fits.scale[[1, 3, 4]], 1.0)
    alone = fit_many(x[:, [0, 2]], y[:, 0], 1e-4, standardise=True)
    np.testing.assert_allclose(fit_many(x, y[:, 0], 1e-4, standardise=True).weights[[0, 2]], alone.weights)


def test_features_that_are_each_other():
    x, y = made(100, 4)
    x[:, 2], x[:, 3] = x[:, 0], -2 * x[:, 1] + 5
    fits = fit_many(x, y[:, 0], 0.01, 0.5, standardise=True, tol=TIGHT)
    assert fits.weights[0] == pytest.approx(fits.weights[2], abs=1e-5)
    assert fits.weights[1] == pytest.approx(-fits.weights[3], abs=1e-5)
    ridge = ridge_many(x, y[:, 0], 0.01, standardise=True)
    assert ridge.weights[0] == pytest.approx(ridge.weights[2], rel=1e-9)
    none = ridge_many(x, y[:, 0], 0.0)
    assert none.status == Status.SINGULAR
    assert "depend on each other" in none.reason()
    assert np.isnan(none.coef).all()


def test_a_reason_for_each_that_cannot_be_fitted():
    x, y = made(50, 3, targets=4)
    y[:, 1], y[7, 2] = 0.1, np.nan
    fits = fit_many(x, y, 1e-4)
    assert list(fits.status) == [Status.OK, Status.CONSTANT_TARGET, Status.NOT_FINITE, Status.OK]
    assert [fits.reason(k) for k in range(3)] == [
        "",
        "the target is constant: it has no variance",
        "a feature or the target is not a finite number",
    ]
    assert np.isnan(fits.coef[1:3]).all()
    np.testing.assert_array_equal(fits.coef[3], fit_many(x, y[:, 3], 1e-4).coef)
    x[30, 1] = np.inf
    assert (ridge_many(x, y, 1.0).status == Status.NOT_FINITE).all()
    # A number that is none hurts only windows that hold it.
    parts = fit_many(x, y[:, 0], 1e-4, windows=[(0, 30), (0, 31), (31, 50), (4, 5), (9, 9)])
    few = Status.TOO_FEW_ROWS
    assert list(parts.status) == [Status.OK, Status.NOT_FINITE, Status.OK, few, few]
    assert fit_many(1e200 * x[:20], y[:20, 0], 1.0).status == Status.NOT_FINITE


def test_an_end_before_the_tolerance_is_no_result():
    x, y = made(100, 20)
    fits = fit_many(scaled(x), y[:, 0], 1e-6, tol=TIGHT, max_iter=2)
    assert fits.status == Status.NOT_CONVERGED
    assert fits.passes == 2
    assert fits.gap > TIGHT
    assert np.isnan(fits.coef).all()


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"alpha": -1.0}, "alpha must be a finite number"),
        ({"alpha": np.nan}, "alpha must be a finite number"),
        ({"alpha": 0.0}, "use ridge_many"),
        ({"alpha": [[0.1]]}, "one-dimensional"),
        ({"l1_ratio": 1.1}, "between 0 and 1"),
        ({"l1_ratio": np.nan}, "l1_ratio is not a number"),
        ({"windows": [(0, 51)]}, "within the 50 rows"),
        ({"windows": [(9, 4)]}, "within the 50 rows"),
        ({"windows": [(50, 50)]}, "begins after the last row"),
        ({"positions": np.zeros(50, int)}, "increase"),
        ({"positions": np.arange(49)}, "rows must agree"),
        ({"targets": np.zeros(49)}, "rows must agree"),
        ({"features": np.zeros((50, 0))}, "nothing to learn from"),
        ({"standardise": True, "fit_intercept": False}, "there must be an intercept"),
    ],
)
def test_arguments_that_mean_nothing(change, wrong):
    x, y = made(50, 3)
    with pytest.raises(ValueError, match=wrong):
        fit_many(**({"features": x, "targets": y[:, 0], "alpha": 0.1} | change))
