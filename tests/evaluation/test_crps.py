"""The CRPS in closed form against its definition as an integral, and against what a score must do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetspec.evaluation.criteria import log_density
from fleetspec.evaluation.crps import crps

NONE = math.nan
SHAPES = {
    "normal": (math.inf, NONE, NONE),
    "t": (6.0, NONE, NONE),
    "t near two": (2.3, NONE, NONE),
    "t without skew": (8.0, 0.0, NONE),
    "skewed left": (6.0, -0.3, NONE),
    "skewed right": (15.0, 0.6, NONE),
    "ged": (math.inf, NONE, 1.3),
    "laplace": (math.inf, NONE, 1.0),
    "ged above normal": (math.inf, NONE, 3.0),
}


def of(y, variance, shape):
    return float(crps(*(np.array([float(value)]) for value in (y, variance, *shape)))[0])


def density(x, variance, shape):
    return np.exp(log_density(x, np.full_like(x, variance), *(np.full_like(x, value) for value in shape)))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("y", [-2.5, -0.4, 0.0, 0.7, 3.0])
def test_against_the_integral(shape, y):
    """Integral of (F(x) - 1[x >= y])^2, F from the densities that scipy and arch vouch for."""
    integrate = pytest.importorskip("scipy.integrate")

    def one(x):
        return float(density(np.array([x]), 1.0, shape)[0])

    # Substituted x = sinh(u): the tails of a t are long.
    u = np.linspace(-12, 12, 48_001)
    grid = np.sinh(u)
    weights = density(grid, 1.0, shape) * np.cosh(u)
    below = integrate.cumulative_simpson(weights, x=u, initial=0.0)
    assert below[-1] == pytest.approx(1, abs=2e-4 if shape[0] < 3 else 1e-6)
    assert one(0.3) > 0
    left, right = grid <= y, grid >= y
    value = integrate.simpson((below**2 * np.cosh(u))[left], x=u[left])
    value += integrate.simpson(((below[-1] - below) ** 2 * np.cosh(u))[right], x=u[right])
    assert of(y, 1.0, shape) == pytest.approx(value, rel=2e-3)


def test_a_known_value():
    """N(0, 1) at 0: 2 phi(0) - 1 / sqrt(pi)."""
    expected = 2 / math.sqrt(2 * math.pi) - 1 / math.sqrt(math.pi)
    assert of(0, 1, SHAPES["normal"]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_scale(shape):
    assert of(0.05, 0.0004, shape) == pytest.approx(0.02 * of(2.5, 1.0, shape), rel=1e-10)


def test_limits_meet():
    normal = of(1.2, 1.0, SHAPES["normal"])
    assert of(1.2, 1.0, (1e6, NONE, NONE)) == pytest.approx(normal, rel=1e-5)
    assert of(1.2, 1.0, (math.inf, NONE, 2.0)) == pytest.approx(normal, rel=1e-10)
    assert of(1.2, 1.0, (7.0, 1e-9, NONE)) == pytest.approx(of(1.2, 1.0, (7.0, NONE, NONE)), rel=1e-7)


def test_an_outcome_and_its_mirror():
    assert of(1.3, 1.0, (6.0, -0.4, NONE)) == pytest.approx(of(-1.3, 1.0, (6.0, 0.4, NONE)), rel=1e-12)


def test_the_truth_scores_best_on_average():
    draws = np.random.default_rng(3).standard_t(5, 20_000) * math.sqrt(3 / 5)
    nothing = np.full_like(draws, NONE)

    def mean(variance, nu):
        return crps(draws, np.full_like(draws, variance), np.full_like(draws, nu), nothing, nothing).mean()

    assert mean(1.0, 5.0) < min(mean(1.0, math.inf), mean(2.0, 5.0), mean(0.5, 5.0))
