"""Fits of many series against arch, a published benchmark, the reference, and themselves at other scales and in other
company."""

from __future__ import annotations

import csv
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from garch_cases import DISTRIBUTION, arch_model, series
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetspec.kernels.garch import Specification, Status, fit_many, reference
from fleetspec.kernels.garch.building import build, compiler, runnable, specifications
from fleetspec.kernels.garch.fitting import engine_for
from fleetspec.kernels.garch.on_native import loaded, native_engine
from fleetspec.kernels.garch.preparation import feasible_region, inside, outside, prepared
from fleetspec.kernels.garch.types import EngineName

pytest.importorskip("numba", reason="the run extra is not installed")

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
PROCESSES = (
    {"process": "garch"},
    {"process": "gjr", "o": 1},
    {"process": "tgarch", "o": 1},
    {"process": "egarch", "o": 1},
)
MEANS = ({"mean": "zero"}, {"mean": "constant"}, {"mean": "ar", "lags": 1})
EVERY = [Specification(**p, distribution=d, **m) for p, d, m in product(PROCESSES, DISTRIBUTION, MEANS)]
FEW = [
    Specification("garch", distribution="t"),
    Specification("gjr", o=1, distribution="skewt", mean="zero"),
    Specification("tgarch", o=1, distribution="ged"),
    Specification("egarch", o=1, mean="ar", lags=1),
]
"""Each process, distribution and mean once: numba compiles for seconds on a specification's first use."""


@pytest.fixture(scope="session")
def native(tmp_path_factory):
    """The native engine with the specifications of these tests, built here where `make native` has not."""
    if compiler() is None and native_engine() is None:
        pytest.skip("no C++ compiler: the native engine is not tested")
    if native_engine() is not None:
        return native_engine()
    folder = tmp_path_factory.mktemp("native")
    (cpu,) = build(folder, (), ())
    if not runnable(cpu):
        pytest.skip("this processor runs none of the native engine's targets")
    build(folder, runnable(cpu)[:1], EVERY)
    return loaded(folder)


@pytest.fixture
def native_by_default(native, monkeypatch):
    monkeypatch.setattr("fleetspec.kernels.garch.on_native.native_engine", lambda: native)


def simulated(rows: int, length: int, first: int = 0) -> np.ndarray:
    return np.array([series(length, first + seed) for seed in range(rows)])


def check_against_arch(spec: Specification, rows: np.ndarray, engine: EngineName) -> None:
    """Not below arch where arch's own fit is one, and arch's likelihood at our parameters is ours."""
    fits = fit_many(rows, spec, engine=engine)
    normals, bounds = feasible_region(spec)
    batch, compared = prepared(rows, spec), 0
    for row in np.flatnonzero(fits.ok):
        model = arch_model(rows[row], spec)
        theirs = model.fit(disp="off", show_warning=False)
        assert fits.names == tuple(theirs.params.index)
        again = reference.log_likelihood(rows[row], spec, fits.parameters[row])
        assert fits.log_likelihood[row] == pytest.approx(again, abs=1e-7)
        same = model.fix(fits.parameters[row]).loglikelihood
        assert fits.log_likelihood[row] == pytest.approx(same, abs=1e-6)
        at = np.array([row])
        point = inside(theirs.params.to_numpy()[None], batch, at)
        margin, growth = engine_for(spec, engine).checks(batch, at, point)
        # SLSQP ends up to 1e-6 outside its constraints, where the likelihood is higher; and EGARCH filters that never
        # forget reach any likelihood.
        inside_them = (normals @ point[0] >= bounds - 1e-8).all() and margin[0] >= 1.0
        if (
            theirs.convergence_flag == 0
            and inside_them
            and (spec.process != "egarch" or ends(model, theirs, growth[0]))
        ):
            assert fits.log_likelihood[row] > theirs.loglikelihood - 1e-4
            compared += 1
    assert fits.ok.sum() >= len(rows) - 1
    assert compared


def ends(model: Any, theirs: Any, growth: float) -> bool:
    """Whether an EGARCH fit of arch is an end: an invertible filter that arch, begun there again, does not leave.

    SLSQP reports success where its line search fails, with gradients of hundreds.
    """
    again = model.fit(disp="off", show_warning=False, starting_values=theirs.params)
    return growth < 0.0 and abs(again.loglikelihood - theirs.loglikelihood) < 0.01


@pytest.mark.parametrize("spec", FEW, ids=str)
def test_fits_reach_arch(spec):
    check_against_arch(spec, simulated(3, 600), "numba")


@pytest.mark.slow
@pytest.mark.parametrize("spec", EVERY, ids=str)
def test_every_fit_reaches_arch_natively(spec, native_by_default):
    check_against_arch(spec, simulated(3, 500, 20), "native")


@pytest.mark.slow
@pytest.mark.parametrize("spec", FEW, ids=str)
def test_engines_agree(spec, native_by_default):
    rows = simulated(12, 400, 40)
    ours, theirs = fit_many(rows, spec, engine="native"), fit_many(rows, spec, engine="numba")
    assert (ours.engine, theirs.engine) == ("native", "numba")
    np.testing.assert_array_equal(ours.status, theirs.status)
    np.testing.assert_allclose(ours.log_likelihood, theirs.log_likelihood, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("spec", EVERY, ids=str)
def test_native_likelihoods_are_the_reference(spec, native):
    rows = simulated(5, 130)
    batch, at = prepared(rows, spec), np.arange(5)
    from fleetspec.kernels.garch.starts import grid

    points = grid(spec)[:, 0]
    values = native.values(batch, at, points)
    for row, point in product(at, (0, len(points) - 1)):
        parameters = outside(points[point][None], batch, np.array([row]))[0]
        likelihood = -values[row, point] - batch.count * np.log(batch.scale[row])
        assert likelihood == pytest.approx(reference.log_likelihood(rows[row], spec, parameters), rel=1e-11)


def test_the_published_benchmark_to_five_digits():
    path = SHARED / "data" / "dem2gbp.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not there: the DM/BP benchmark is not checked")
    with path.open() as lines:
        returns = np.array([float(row["returns_pct"]) for row in csv.DictReader(lines)])
    fits = fit_many(returns[None], Specification("garch", presample="sample"), engine="numba")
    published = (-0.00619041, 0.0107613, 0.153134, 0.805974)  # Fiorentini, Calzolari and Panattoni (1996)
    np.testing.assert_allclose(fits.parameters[0], published, rtol=1e-5)
    assert fits.log_likelihood[0] == pytest.approx(-1106.60788, abs=1e-5)


DEGENERATE = {
    "zeros": (lambda y: 0.0 * y, Status.CONSTANT),
    "constant": (lambda y: 0.0 * y + 0.3, Status.CONSTANT),
    "missing": (lambda y: np.where(np.arange(len(y)) == 7, np.nan, y), Status.NOT_FINITE),
    "infinite": (lambda y: np.where(np.arange(len(y)) == 7, np.inf, y), Status.NOT_FINITE),
    "nine tenths zeros": (lambda y: np.where(np.arange(len(y)) % 10 == 0, y, 0.0), Status.MOSTLY_CONSTANT),
}


@pytest.mark.parametrize("spec", [FEW[0], FEW[3]], ids=str)
def test_a_row_that_cannot_be_fitted_has_a_reason_and_harms_no_other(spec):
    good = series(300, 5)
    rows = np.array([good, *(make(good) for make, _ in DEGENERATE.values()), good])
    fits = fit_many(rows, spec, engine="numba")
    assert [Status(s) for s in fits.status[1:-1]] == [status for _, status in DEGENERATE.values()]
    assert all(fits.reason(row) for row in range(1, len(rows) - 1))
    assert not fits.flagged[1:-1].any()
    assert np.isnan(fits.parameters[1:-1]).all()
    alone = fit_many(good[None], spec, engine="numba")
    for row in (0, -1):
        np.testing.assert_array_equal(fits.parameters[row], alone.parameters[0])


@pytest.mark.parametrize("spec", [FEW[0], FEW[3]], ids=str)
@pytest.mark.parametrize("size", [30.0, 200.0])
def test_an_outlier_gives_a_sound_fit_or_a_reason(spec, size):
    row = series(400, 8)
    row[200] = size * row.std()
    fits = fit_many(row[None], spec, engine="numba")
    if fits.ok[0]:
        again = reference.log_likelihood(row, spec, fits.parameters[0])
        assert fits.log_likelihood[0] == pytest.approx(again, abs=1e-6)
    else:
        assert fits.flagged[0]
        assert fits.reason(0)


def test_short_series():
    fits = fit_many([series(n, 1) for n in (3, 24, 25, 50)], FEW[0], engine="numba")
    assert [Status(s) for s in fits.status[:2]] == [Status.TOO_SHORT, Status.TOO_SHORT]
    assert fits.ok[3] or fits.flagged[3]


def test_series_of_many_lengths_come_back_in_their_order():
    rows = [series(n, seed) for seed, n in enumerate((300, 260, 300, 280))]
    together = fit_many(rows, FEW[0], engine="numba")
    for place, row in enumerate(rows):
        alone = fit_many(row[None], FEW[0], engine="numba")
        np.testing.assert_array_equal(together.parameters[place], alone.parameters[0])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(-5, 5), st.sampled_from([FEW[0], FEW[3]]))
def test_a_fit_does_not_depend_on_the_scale(seed, exponent, spec):
    scale = 10.0**exponent
    row = series(250, seed)
    one, other = fit_many(row[None], spec, engine="numba"), fit_many(scale * row[None], spec, engine="numba")
    assert one.status[0] == other.status[0]
    if one.ok[0]:
        assert other.log_likelihood[0] == pytest.approx(
            one.log_likelihood[0] - one_count(spec, row) * np.log(scale), abs=1e-5
        )
        steady = [name for name in one.names if name[:4] in ("alph", "beta", "gamm", "y[1]")]
        for name in steady:
            assert other.column(name)[0] == pytest.approx(one.column(name)[0], abs=2e-3)


def one_count(spec: Specification, row: np.ndarray) -> int:
    return len(row) - spec.lags


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.sampled_from([FEW[0], FEW[3]]))
def test_a_fit_does_not_depend_on_its_company(seed, company, spec):
    rows = simulated(company, 200, seed)
    together, alone = fit_many(rows, spec, engine="numba"), fit_many(rows[-1:], spec, engine="numba")
    np.testing.assert_array_equal(together.parameters[-1], alone.parameters[0])
    assert together.status[-1] == alone.status[0]


@pytest.mark.slow
@pytest.mark.parametrize("spec", [FEW[0], FEW[2]], ids=str)
def test_a_native_fit_does_not_depend_on_its_company(spec, native_by_default):
    rows = simulated(21, 200, 300)
    together = fit_many(rows, spec, engine="native")
    for row in (0, 5, 20):
        alone = fit_many(rows[row : row + 1], spec, engine="native")
        np.testing.assert_array_equal(together.parameters[row], alone.parameters[0])


def test_a_warm_start_ends_where_a_cold_one_does_for_less():
    rows = simulated(8, 600, 60)
    cold = fit_many(rows[:, 1:], FEW[0], engine="numba")
    yesterday = fit_many(rows[:, :-1], FEW[0], engine="numba")
    starts = yesterday.parameters.copy()
    starts[3] = np.nan
    warm = fit_many(rows[:, 1:], FEW[0], starts=starts, engine="numba")
    np.testing.assert_allclose(warm.log_likelihood, cold.log_likelihood, atol=1e-4)
    assert warm.evaluations.sum() < cold.evaluations.sum()


def test_an_invalid_start_is_none():
    rows = simulated(2, 300)
    starts = np.array([[0.0, 0.1, 0.9, 0.9, 5.0], [0.0, -1.0, 0.1, 0.8, 5.0]])
    fits = fit_many(rows, FEW[0], starts=starts, engine="numba")
    np.testing.assert_array_equal(fits.parameters, fit_many(rows, FEW[0], engine="numba").parameters)


def test_what_cannot_be_asked_says_so():
    with pytest.raises(ValueError, match="2-D"):
        fit_many(np.zeros(10), FEW[0])
    with pytest.raises(ValueError, match="starts"):
        fit_many(np.zeros((2, 10)), FEW[0], starts=np.zeros((2, 3)))
    with pytest.raises(ValueError, match="engine"):
        fit_many(np.zeros((2, 10)), FEW[0], engine="abacus")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="gjr"):
        Specification("gjr")
    with pytest.raises(ValueError, match="lags"):
        Specification(mean="ar")
    with pytest.raises(ValueError, match="presample"):
        Specification("egarch", presample="sample")


def test_nothing_is_fitted_of_nothing():
    assert len(fit_many(np.zeros((0, 10)), FEW[0], engine="numba")) == 0
    assert len(fit_many([], FEW[0], engine="numba")) == 0


def test_the_native_engine_is_never_a_requirement(monkeypatch):
    monkeypatch.setattr("fleetspec.kernels.garch.on_native.native_engine", lambda: None)
    assert engine_for(FEW[0]).name == "numba"
    with pytest.raises(LookupError, match="make native"):
        engine_for(FEW[0], "native")


def test_what_is_built_can_be_told_apart():
    known = list(specifications())
    assert len(known) == len(set(known))
    assert set(EVERY) <= set(known)
