"""The race of other starts, and the effort of a minimisation."""

from __future__ import annotations

import numpy as np
import pytest
from garch_cases import series

from fleetspec.kernels.garch import Specification, fit_many, searching, starts
from fleetspec.kernels.garch.fitting import engine_for
from fleetspec.kernels.garch.preparation import Effort, prepared
from fleetspec.kernels.garch.searching import APART, FULL, ROUGH, Search

optimiser = pytest.importorskip("fleetspec.kernels.garch.optimiser", reason="the run extra is not installed")

KINKED = Specification("garch", 2, 0, 2, "ged")
"""Raced for both reasons: its starts are many, and its mean has kinks."""
SMOOTH = Specification("garch", distribution="t")


def search(spec: Specification, rows: np.ndarray) -> Search:
    return Search(prepared(rows, spec), engine_for(spec, "numba"), np.arange(len(rows)))


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return np.array([series(300, 70 + seed, alpha=0.12, beta=0.8) for seed in range(5)])


def test_less_effort_ends_earlier_and_not_lower(rows):
    one = search(SMOOTH, rows)
    begin = np.repeat(starts.grid(SMOOTH)[0, :1], len(rows), axis=0)
    everyone = np.arange(len(rows))
    _, full, outcome, long = one.engine.minimise(one.batch, everyone, begin, 0, FULL)
    _, rough, _, short = one.engine.minimise(one.batch, everyone, begin, 0, ROUGH)
    _, _, out_of_iterations, _ = one.engine.minimise(one.batch, everyone, begin, 0, Effort(1e-9, 2))
    assert (outcome == optimiser.CONVERGED).all()
    assert (out_of_iterations == optimiser.OUT_OF_ITERATIONS).all()
    assert (short < long).all()
    assert (rough >= full - 1e-9).all()
    assert (rough < full + 0.1).all()


def test_a_place_that_is_known_is_struck_unless_it_is_better():
    one = search(KINKED, np.array([series(200, 1)]))
    known = starts.grid(KINKED)[0, :1]
    near, far = known[0].copy(), known[0].copy()
    near[2] += 0.5 * APART
    far[2] += 2.0 * APART
    points, least = np.array([[near, near, far]]), np.array([10.0])
    reached = np.array([[10.1, 9.9, 10.1]])
    one.strike(reached, points, known, least)
    np.testing.assert_array_equal(reached, [[np.inf, 9.9, 10.1]])


@pytest.mark.slow
def test_the_race_ends_no_lower_than_minimising_from_every_start(rows, monkeypatch):
    # Twins have a race of their own, of which minimising from every start knows nothing.
    monkeypatch.setattr(searching, "TWIN", -np.inf)
    raced = fit_many(rows, KINKED, engine="numba")
    thorough = search(KINKED, rows)
    everyone = np.arange(len(rows))
    thorough.offer(everyone, thorough.first_starts(None))
    for point in starts.others(KINKED):
        thorough.offer(everyone, np.repeat(point[None], len(rows), axis=0))
    assert raced.ok.all()
    inside = -thorough.value - thorough.batch.count * np.log(thorough.batch.scale)
    assert (raced.log_likelihood > inside - 1e-4).all()
    assert raced.evaluations.sum() < 0.8 * thorough.evaluations.sum()


def test_a_raced_fit_does_not_depend_on_its_company(rows):
    together = fit_many(rows, KINKED, engine="numba")
    for row in (0, 4):
        alone = fit_many(rows[row : row + 1], KINKED, engine="numba")
        np.testing.assert_array_equal(together.parameters[row], alone.parameters[0])


def test_rough_ends_that_do_not_forget_are_struck():
    spec = Specification("egarch", 1, 1, 1)
    one = search(spec, np.array([series(400, 3)]))
    forgets, keeps = starts.point(spec, (0.1, 0.0, 0.9), "even", "even"), (0.0, 0.0, -1.0, 0.0, 0.99)
    reached = np.array([[3.0, 1.0]])
    one.strike_unforgetting(np.array([0]), reached, np.array([[forgets, keeps]]))
    np.testing.assert_array_equal(reached, [[3.0, np.inf]])
