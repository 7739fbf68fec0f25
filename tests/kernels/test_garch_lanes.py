"""Vectors with one series a lane: their functions in every lane, and lanes that do not know of each other."""

from __future__ import annotations

import numpy as np
import pytest
from garch_cases import DISTRIBUTION, SPECIFICATIONS, parameters_of, series
from scipy import special

from fleetspec.kernels.garch import Specification, fit_many, reference, starts
from fleetspec.kernels.garch.fitting import engine_for
from fleetspec.kernels.garch.preparation import inside, log_likelihood, prepared

numba = pytest.importorskip("numba", reason="the run extra is not installed")
lanes = pytest.importorskip("fleetspec.kernels.garch.lanes")
driving = pytest.importorskip("fleetspec.kernels.garch.driving")
on_numba = pytest.importorskip("fleetspec.kernels.garch.on_numba")

WIDTH = lanes.WIDTH
row_of, FUNCTIONS = lanes.row_of, (lanes.exp, lanes.small_exp, lanes.log, lanes.quick_log, lanes.log_gamma)
exp, small_exp, log, quick_log, log_gamma = FUNCTIONS
digamma, trigamma, square_root, absolute = lanes.digamma, lanes.trigamma, lanes.square_root, lanes.absolute
maximum, minimum, select = lanes.maximum, lanes.minimum, lanes.select


@numba.njit(error_model="numpy")
def every_function(x, y, out):
    x, y, out = row_of(x)[0], row_of(y)[0], row_of(out)
    out[0], out[1], out[2], out[3] = exp(x), small_exp(x), log(x), quick_log(x)
    out[4], out[5], out[6] = log_gamma(x), digamma(x), trigamma(x)
    out[7], out[8] = square_root(x), absolute(x)
    out[9], out[10], out[11] = maximum(x, y), minimum(x, y), select(x < y, 2.0 * x, 1)


def of(x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
    """All functions (12, n) of many numbers."""
    y = np.ones_like(x) if y is None else y
    found = np.empty((12, len(x)))
    for begin in range(0, len(x), WIDTH):
        at, room = slice(begin, begin + WIDTH), np.empty((12, WIDTH))
        every_function(np.resize(x[at], WIDTH), np.resize(y[at], WIDTH), room)
        found[:, at] = room[:, : len(x[at])]
    return found


def test_functions_of_numbers_of_either_sign():
    x = np.concatenate([np.linspace(-0.8, 0.8, 1601), np.linspace(-700.0, 700.0, 1401)])
    found = of(x, -x)
    np.testing.assert_allclose(found[0], np.exp(x), rtol=5e-16)
    np.testing.assert_allclose(found[1], np.exp(x), rtol=1e-13)
    np.testing.assert_array_equal(found[8:], [np.abs(x), np.abs(x), -np.abs(x), np.where(x < -x, 2.0 * x, 1.0)])


def test_functions_of_positive_numbers():
    x = np.logspace(-3, 3, 3001)
    found = of(x)
    for got, expected in (
        (found[2], np.log(x)), (found[3], np.log(x)), (found[4], special.gammaln(x)), (found[5], special.digamma(x)),
        (found[6], special.polygamma(1, x)), (found[7], np.sqrt(x)),
    ):  # fmt: skip
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-13)


def test_what_is_not_finite_stays_so_or_saturates():
    x = np.array([np.nan, np.inf, -np.inf, 1e300, -1.0])
    found = of(x)
    assert np.isnan(found[:2, 0]).all()
    assert (found[:2, (1, 3)] > 1e300).all()
    assert (found[:2, 2] < 1e-300).all()
    np.testing.assert_array_equal(np.isnan(found[2]), [True, False, True, False, True])
    assert found[2, 1] == np.inf
    assert np.isnan(found[9:11, 0]).all()


@pytest.mark.parametrize("lane", range(WIDTH))
def test_a_large_argument_does_not_change_other_lanes(lane):
    x = np.linspace(-0.5, 0.5, WIDTH)
    wild = x.copy()
    wild[lane] = 30.0
    found, expected = of(wild), of(x)
    rest = np.arange(WIDTH) != lane
    np.testing.assert_array_equal(found[:, rest], expected[:, rest])
    assert found[1, lane] == pytest.approx(np.exp(30.0), rel=1e-13)


@pytest.mark.parametrize(("features", "width"), [("+sse2,+avx,+avx512f", 8), ("+avx,+avx2", 4), ("", 2)])
def test_lanes_fill_the_registers_that_are_compiled_for(features, width, monkeypatch):
    monkeypatch.setattr(numba.config, "CPU_FEATURES", features)
    assert lanes._width() == width


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(SPECIFICATIONS)))
def test_likelihoods_are_those_of_the_reference(number):
    spec = Specification(**SPECIFICATIONS[number], distribution=DISTRIBUTION[number % 4], mean="ar", lags=1)
    rows = np.array([series(120, seed) for seed in range(WIDTH + 1)])
    batch, at = prepared(rows, spec), np.arange(len(rows))
    given = np.array([parameters_of(spec, row, i) for i, row in enumerate(rows)])
    values = engine_for(spec, "numba").values(batch, at, inside(given, batch, at)[:, None, :])[:, 0]
    oracle = [reference.log_likelihood(row, spec, one) for row, one in zip(rows, given, strict=True)]
    np.testing.assert_allclose(log_likelihood(values, batch, at), oracle, rtol=1e-9)


@pytest.mark.parametrize("spec", [Specification("egarch", o=1), Specification("gjr", o=1, distribution="ged")], ids=str)
def test_neither_rows_nor_candidates_know_of_others(spec):
    """More rows than lanes, and fewer, which then are in several lanes at once."""
    rows = np.array([series(150, 40 + seed) for seed in range(2 * WIDTH + 1)])
    batch, engine, everyone = prepared(rows, spec), engine_for(spec, "numba"), np.arange(len(rows))
    grid = starts.grid(spec)[:, 0]
    many = np.vstack([grid, 1.01 * grid])
    shared = engine.values(batch, everyone, many)
    own = engine.values(batch, everyone, np.repeat(many[None], len(rows), axis=0))
    np.testing.assert_array_equal(shared, own)
    _, growths = engine.checks(batch, everyone, np.repeat(grid[:1], len(rows), axis=0))
    for live in range(1, WIDTH + 2):
        for candidates in (1, live, WIDTH - 1, len(many)):
            some = engine.values(batch, everyone[-live:], many[:candidates])
            np.testing.assert_array_equal(some, shared[-live:, :candidates])
        few = engine.checks(batch, everyone[-live:], np.repeat(grid[:1], live, axis=0))
        np.testing.assert_array_equal(few[1], growths[-live:])


@pytest.mark.parametrize("spec", [Specification("egarch", o=1), Specification("garch", distribution="t")], ids=str)
def test_a_fit_is_the_same_in_any_lane(spec):
    rows = np.array([series(250, 90 + seed) for seed in range(2 * WIDTH + 3)])
    together = fit_many(rows, spec, engine="numba")
    for order in (slice(None, None, -1), slice(5, 6), slice(1, WIDTH)):
        again = fit_many(rows[order], spec, engine="numba")
        np.testing.assert_array_equal(again.parameters, together.parameters[order])
        np.testing.assert_array_equal(again.evaluations, together.evaluations[order])


def test_each_function_is_compiled_once():
    """numba would compile another for arrays that are write-protected, as grids are, or out of order."""
    spec = Specification("garch", distribution="t")
    rows = np.array([series(100, seed) for seed in range(3)])
    batch, engine, at = prepared(rows, spec), engine_for(spec, "numba"), np.arange(3)
    points = np.repeat(starts.grid(spec)[:1, 0], 3, axis=0)
    for given in (starts.grid(spec)[:, 0], starts.grid(spec)[:, 0].copy(), starts.grid(spec)[::2, 0]):
        engine.values(batch, at, given)
    fit_many(rows, spec, engine="numba")
    for given in (points, np.asfortranarray(points)):
        engine.checks(batch, at, given)
    made = on_numba._compiled(spec)
    assert [len(f.signatures) for f in (made.values, made.minimise, made.checks)] == [1, 1, 1]


def test_a_stage_begins_where_a_register_does():
    for length in (1, 7, 100):
        columns, before, points = driving.stage_of(length, 5, WIDTH)
        assert columns.ctypes.data % (8 * WIDTH) == 0
        assert columns.flags.c_contiguous
        assert (columns.shape, before.shape, points.shape) == ((length, WIDTH), (WIDTH,), (5, WIDTH))
        assert not columns.any()
