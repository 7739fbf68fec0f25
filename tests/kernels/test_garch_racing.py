"""What a race and its curvature are made of: known minima, information from a sample, exponentials in two factors."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from garch_cases import arch_model, parameters_of, series

from fleetspec.kernels.garch import Specification, fit_many, starts
from fleetspec.kernels.garch.fitting import engine_for
from fleetspec.kernels.garch.on_native import native_engine
from fleetspec.kernels.garch.preparation import Known, inside, prepared
from fleetspec.kernels.garch.searching import FULL, LAST, Search

optimiser = pytest.importorskip("fleetspec.kernels.garch.optimiser", reason="the run extra is not installed")

SMOOTH = Specification("garch", distribution="t")
BENCH = Path(__file__).resolve().parents[2] / "bench" / "garch.py"
MEMORY = slice(2, 4)
"""Places of alpha and beta."""


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return np.array([series(400, 130 + seed, alpha=0.1, beta=0.85) for seed in range(6)])


def engines() -> list[str]:
    return ["numba", *(["native"] if native_engine() is not None else [])]


@pytest.mark.parametrize("name", engines())
def test_a_minimisation_that_leads_to_a_known_minimum_ends_near_it(rows, name):
    batch, at, engine = prepared(rows, SMOOTH), np.arange(len(rows)), engine_for(SMOOTH, name)
    begin = np.repeat(starts.others(SMOOTH)[1][None], len(rows), axis=0)
    ends, values, outcomes, whole = engine.minimise(batch, at, begin, 0, FULL)
    assert (outcomes == optimiser.CONVERGED).all()
    known = Known(ends, values, MEMORY.start, MEMORY.stop, 0.02)
    near, _, stopped, fewer = engine.minimise(batch, at, begin, 0, FULL, known)
    assert (fewer <= whole).all()
    assert fewer.sum() < whole.sum()
    early = stopped == optimiser.OUT_OF_ITERATIONS
    assert early.any()
    assert (np.abs(near - ends)[early, MEMORY] <= 0.02).all()


@pytest.mark.parametrize("name", engines())
def test_what_is_lower_than_a_known_minimum_or_has_none_goes_on(rows, name):
    batch, at, engine = prepared(rows, SMOOTH), np.arange(len(rows)), engine_for(SMOOTH, name)
    begin = np.repeat(starts.others(SMOOTH)[1][None], len(rows), axis=0)
    ends, values, _, whole = engine.minimise(batch, at, begin, 0, FULL)
    for known in (
        Known(ends, values + 1e6, MEMORY.start, MEMORY.stop, 1.0),
        Known(np.full_like(ends, np.nan), np.full(len(rows), np.inf), MEMORY.start, MEMORY.stop, 1.0),
    ):
        again, _, _, spent = engine.minimise(batch, at, begin, 0, FULL, known)
        np.testing.assert_array_equal(again, ends)
        np.testing.assert_array_equal(spent, whole)


def test_rows_that_are_offered_twice_keep_the_better_end(rows):
    one = Search(prepared(rows, SMOOTH), engine_for(SMOOTH, "numba"), np.arange(len(rows)))
    good = np.repeat(starts.grid(SMOOTH)[0, :1], len(rows), axis=0)
    single = Search(one.batch, one.engine, one.rows)
    single.offer(np.arange(len(rows)), good)
    hopeless = good.copy()
    hopeless[:, 1] = np.nan
    for begins in (np.vstack([good, hopeless]), np.vstack([hopeless, good])):
        both = Search(one.batch, one.engine, one.rows)
        both.offer(np.tile(np.arange(len(rows)), 2), begins)
        assert (both.fault == 0).all()
        np.testing.assert_array_equal(both.x, single.x)
        assert (both.evaluations > single.evaluations).all()


def test_the_last_effort_is_less_than_the_full_one():
    assert LAST.iterations < FULL.iterations
    assert LAST.tolerance == FULL.tolerance


def test_information_of_a_sample_is_near_the_covariance_of_scores():
    """Outer products of scores are an independent estimate of it: the likelihood's own differences, bar by bar."""
    from types import SimpleNamespace

    from fleetspec.kernels.garch.dialects import Python
    from fleetspec.kernels.garch.writing import written

    spec = Specification("gjr", o=1)
    row = series(20_000, 9)[None]
    batch = prepared(row, spec)
    point = inside(parameters_of(spec, row[0], 3)[None], batch, np.array([0]))[0]
    space = vars(SimpleNamespace(np=np, math=__import__("math")))
    exec(written(spec, Python(), "score", "score"), space)
    k = len(spec.names)

    def gradient(at: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        g, packed = np.empty(k), np.empty(k * (k + 1) // 2)
        space["score"](at, batch.y[0], count, batch.presample[0], g, packed)
        return g, packed

    _, packed = gradient(point, 20_000)
    told = np.zeros((k, k))
    told[np.tril_indices(k)] = packed
    told += np.tril(told, -1).T
    step = 1e-5
    hessian = np.array(
        [(gradient(point + e, 20_000)[0] - gradient(point - e, 20_000)[0]) / (2 * step) for e in step * np.eye(k)]
    )
    scale = np.sqrt(np.outer(np.diag(hessian), np.diag(hessian)))
    assert np.linalg.eigvalsh(told).min() > 0
    # Series are of other parameters than the point, so expected and observed curvature differ by more than sampling.
    assert np.abs((told - hessian)[1:, 1:] / scale[1:, 1:]).max() < 0.5


@pytest.mark.slow
def test_a_wild_egarch_takes_the_other_exponential(rows):
    """Innovations of thirty deviations are beyond the polynomial; the likelihood stays the reference's."""
    from fleetspec.kernels.garch import reference
    from fleetspec.kernels.garch.preparation import outside

    spec = Specification("egarch", o=1)
    wild = rows.copy()
    wild[:, 200] = 30.0
    batch, at = prepared(wild, spec), np.arange(len(wild))
    point = np.array([0.0, 0.0, 0.3, -0.1, 0.9])
    for name in engines():
        values = engine_for(spec, name).values(batch, at, point[None])[:, 0]
        for row in at:
            given = outside(point[None], batch, np.array([row]))[0]
            expected = reference.log_likelihood(wild[row], spec, given)
            assert -values[row] - batch.count * np.log(batch.scale[row]) == pytest.approx(expected, rel=1e-11)


def test_high_orders_begin_at_the_likeliest_point_of_their_level(rows):
    spec = Specification("garch", 2, 0, 2)
    one = Search(prepared(rows, spec), engine_for(spec, "numba"), np.arange(len(rows)))
    grid = starts.grid(spec)
    every = one.engine.values(one.batch, one.rows, grid.reshape(-1, grid.shape[2])).reshape(len(rows), *grid.shape[:2])
    level = every[:, :, 0].argmin(axis=1)
    way = every[np.arange(len(rows)), level].argmin(axis=1)
    np.testing.assert_array_equal(one.first_starts(None), grid[level, way])
    assert fit_many(rows, spec, engine="numba").ok.all()


def simulated_holdout() -> np.ndarray:
    """The simulated half of the 800 rows of ``bench/garch.py``, (400, 1000). The 634 real windows are drawn first."""
    found = importlib.util.spec_from_file_location("bench_garch", BENCH)
    if found is None or found.loader is None:
        raise RuntimeError(f"{BENCH} cannot be loaded")
    bench: Any = importlib.util.module_from_spec(found)
    sys.modules[found.name] = bench
    found.loader.exec_module(bench)
    rng = np.random.default_rng((bench.SEED, 1000))
    rng.permutation(634)
    return bench.simulated(400, 1000, rng)


def test_a_row_of_the_holdout_that_needs_another_sharing_of_lags():
    """Its lowest minimum is as slow as others and shares betas in another way: ``starts.twins``."""
    if not BENCH.is_file():
        pytest.skip(f"{BENCH} is not there: the row cannot be made")
    spec = Specification("garch", 2, 0, 2, "ged")
    row = simulated_holdout()[164]
    with np.errstate(all="ignore"):
        oracle = arch_model(row, spec).fit(disp="off", show_warning=False)
    assert not oracle.convergence_flag
    for name in engines():
        fits = fit_many(row[None], spec, engine=name)
        assert fits.ok.all()
        assert fits.log_likelihood[0] > oracle.loglikelihood - 1e-4
