"""Steps stay inside the constraints where curvature hardly tells lags apart; what is as slow shares lags otherwise."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from garch_cases import series

from fleetspec.kernels.garch import Specification, starts
from fleetspec.kernels.garch.fitting import engine_for
from fleetspec.kernels.garch.on_native import native_engine
from fleetspec.kernels.garch.preparation import Effort, feasible_region, prepared
from fleetspec.kernels.garch.searching import ROUGH, SHORT, Search

optimiser = pytest.importorskip("fleetspec.kernels.garch.optimiser", reason="the run extra is not installed")

ORDERS_OF_TWO = [Specification("garch", 2, 0, 2, d) for d in ("t", "ged")]
MANY = Specification("gjr", 2, 2, 2)


def engines() -> list[str]:
    return ["numba", *(["native"] if native_engine() is not None else [])]


def noise(rows: int, length: int) -> np.ndarray:
    """Returns without memory: alphas are near zero, and then no betas can be told from others."""
    return np.random.default_rng(20).standard_t(8, (rows, length))


def solved_by_every_set(hessian: np.ndarray, g: np.ndarray, normals: np.ndarray, slack: np.ndarray) -> float:
    """The least of g'd + d'Hd/2 with normals d >= -slack: the oracle tries every set of constraints that may hold."""
    n, best = len(g), np.inf
    for count in range(n + 1):
        for held in combinations(range(len(slack)), count):
            a = normals[list(held)]
            if count and np.linalg.matrix_rank(a) < count:
                continue
            system = np.block([[hessian, -a.T], [a, np.zeros((count, count))]])
            d = np.linalg.solve(system, np.concatenate([-g, -slack[list(held)]]))[:n]
            if (normals @ d >= -slack - 1e-10).all():
                best = min(best, g @ d + 0.5 * d @ hessian @ d)
    return float(best)


def step_of(hessian: np.ndarray, g: np.ndarray, normals: np.ndarray, slack: np.ndarray) -> np.ndarray:
    n = len(g)
    work = np.empty((optimiser.scratch_rows(n, len(slack)), n))
    d, active = np.empty(n), np.empty(n + 1, np.int64)
    optimiser.stepped(hessian, g, normals, slack, d, active, 0, work)
    return d


@pytest.mark.parametrize("alike", [1.0, 1e-3, 1e-5])
def test_a_step_is_the_least_of_its_model_inside(alike):
    """``alike`` is how far the lags' derivatives differ: the smaller, the less curvature tells them apart."""
    normals, least = feasible_region(Specification("garch", 2, 0, 2, mean="zero"))
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(60):
        derivatives = rng.standard_normal((400, 1)) + alike * rng.standard_normal((400, 5))
        hessian = derivatives.T @ derivatives
        x = np.array([0.1, *rng.dirichlet(np.ones(5))[:4]]) * rng.choice([0.0, 1.0, 1.0], 5)
        x[0] = 0.1
        slack = np.maximum(normals @ x - least, 0.0)
        # The gradient of a model whose free minimum lies about as far as the region is wide, often outside.
        g = -hessian @ (0.3 * rng.standard_normal(5))
        d = step_of(hessian, g, normals, slack)
        assert (normals @ d >= -slack - 1e-9).all()
        held += int((normals @ d <= -slack + 1e-9).any())
        oracle = solved_by_every_set(hessian, g, normals, slack)
        found = g @ d + 0.5 * d @ hessian @ d
        assert found <= oracle + 1e-6 * abs(oracle) + 1e-9
    assert held > 20


@pytest.mark.parametrize("name", engines())
@pytest.mark.parametrize("spec", ORDERS_OF_TWO, ids=lambda s: s.distribution)
def test_ends_lie_inside_the_constraints(spec, name):
    rows = noise(60, 500)
    batch, engine = prepared(rows, spec), engine_for(spec, name)
    normals, least = batch.constraints
    for start in starts.others(spec):
        begin = np.repeat(start[None], len(rows), axis=0)
        ends, _, _, _ = engine.minimise(batch, np.arange(len(rows)), begin, 0, ROUGH)
        assert (ends @ normals.T - least).min() > -1e-6


@pytest.mark.parametrize("spec", [*ORDERS_OF_TWO, MANY], ids=str)
def test_twins_are_as_slow_and_come_to_the_same(spec):
    """By the weights of past squares in the variance, bar after bar, which the recursion gives without any formula."""

    def weights(point: np.ndarray) -> tuple[float, float, np.ndarray]:
        names = list(spec.names)
        alphas, betas = ([point[names.index(f"{kind}[{lag}]")] for lag in (1, 2)] for kind in ("alpha", "beta"))
        psi = np.zeros(4000)
        for k in range(1, len(psi)):
            psi[k] = alphas[k - 1] if k < 3 else 0.0
            psi[k] += sum(b * psi[k - lag] for lag, b in enumerate(betas, 1) if k > lag)
        return point[names.index("omega")] / (1.0 - sum(betas)), float(psi.sum()), psi

    point = np.array(starts.others(spec)[3])
    names = list(spec.names)
    point[names.index("alpha[1]")], point[names.index("alpha[2]")] = 0.02, 0.05
    point[names.index("beta[1]")], point[names.index("beta[2]")] = 0.3, 0.6
    level, total, psi = weights(point)
    normals, least = feasible_region(spec)
    made = starts.twins(spec, point[None])[0]
    assert made.shape == (5, len(names))
    slow = (psi[600:900:2].sum() / psi[602:902:2].sum()) ** 0.5
    for twin in made:
        assert (normals @ twin >= least).all()
        its_level, its_total, its_psi = weights(twin)
        assert its_level == pytest.approx(level, rel=1e-9)
        assert its_total == pytest.approx(total, rel=1e-6)
        assert (its_psi[600:900:2].sum() / its_psi[602:902:2].sum()) ** 0.5 == pytest.approx(slow, rel=1e-6)
    np.testing.assert_array_equal(made[3:, names.index("alpha[2]")], 0.0)


def test_twins_of_a_unit_root_are_not_finite():
    point = np.array(starts.others(ORDERS_OF_TWO[0])[3])
    point[2:6] = 0.0, 0.0, 0.5, 0.5
    assert not np.isfinite(starts.twins(ORDERS_OF_TWO[0], point[None])[0, :, 1]).any()


def test_a_lowest_minimisation_that_ran_out_of_steps_goes_on():
    spec = Specification("garch", distribution="t")
    rows = np.array([series(400, 130 + seed, alpha=0.1, beta=0.85) for seed in range(6)])
    batch, everyone = prepared(rows, spec), np.arange(len(rows))
    engine = engine_for(spec, "numba")
    begin = np.repeat(starts.grid(spec)[0, :1], len(rows), axis=0)
    few = Effort(1e-9, 6)
    _, _, outcomes, _ = engine.minimise(batch, everyone, begin, 0, few)
    assert (outcomes == optimiser.OUT_OF_ITERATIONS).any()
    search = Search(batch, engine, everyone)
    search.offer(everyone, begin, few)
    assert (search.fault == 0).sum() > (outcomes == optimiser.CONVERGED).sum()


def test_a_short_series_leaves_its_first_minimum_in_doubt():
    spec = Specification("garch", distribution="t")
    for length, doubted in ((SHORT - 1, True), (SHORT, False)):
        search = Search(prepared(noise(1, length), spec), engine_for(spec, "numba"), np.array([0]))
        search.x[0], search.fault[0] = [0.0, 0.02, 0.08, 0.9, 0.1], 0
        some, much = search.doubts()
        assert some[0] == doubted
        assert not much[0]
