"""Expectations of innovations against scipy's distributions, numerical integrals and arch's quantiles."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest

from fleetspec.kernels.garch import innovations

integrate = pytest.importorskip("scipy.integrate")
stats = pytest.importorskip("scipy.stats")

SHAPES = [
    ("normal", []),
    ("t", [2.05]), ("t", [2.7]), ("t", [4.0]), ("t", [30.0]), ("t", [500.0]),
    ("ged", [1.01]), ("ged", [1.4]), ("ged", [2.0]), ("ged", [40.0]), ("ged", [500.0]),
    ("skewt", [2.05, -0.5]), ("skewt", [3.0, 0.4]), ("skewt", [8.0, -0.2]), ("skewt", [8.0, 0.0]),
    ("skewt", [300.0, 0.9]),
]  # fmt: skip


def arch_distribution(name):
    univariate = pytest.importorskip("arch.univariate")
    return {
        "normal": univariate.Normal, "t": univariate.StudentsT, "skewt": univariate.SkewStudent,
        "ged": univariate.GeneralizedError,
    }[name]()  # fmt: skip


def density(name, shape):
    oracle = arch_distribution(name)
    parameters = np.array(shape)
    return lambda z: np.exp(oracle.loglikelihood(parameters, np.array([z]), np.ones(1), individual=True))[0]


@pytest.mark.parametrize(("name", "shape"), SHAPES)
def test_moments_are_integrals_of_archs_densities(name, shape):
    f = density(name, shape)
    rows = np.array([shape])

    def integral(g):
        # In pieces: tails near two degrees of freedom reach far.
        edges = [0, 1, 3, 10, 100, 1e4, 1e7, 1e11]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return sum(integrate.quad(g, a, b, limit=400)[0] for a, b in pairwise(edges))

    absolute = integral(lambda z: z * (f(z) + f(-z)))
    below = integral(lambda z: z**2 * f(-z))
    # The second moment of a t with 2.05 degrees of freedom converges at a rate of z^-0.05: no integral reaches it.
    assert innovations.mean_absolute(name, rows)[0] == pytest.approx(absolute, rel=1e-5)
    if shape[:1] != [2.05]:
        assert innovations.square_below_zero(name, rows)[0] == pytest.approx(below, rel=1e-5)


@pytest.mark.parametrize(("name", "shape"), SHAPES)
def test_two_sides_are_archs_quantiles(name, shape):
    above, below, weight = innovations.two_sided(name, np.array([shape] * 2))
    lam = shape[1] if name == "skewt" else 0.0
    assert weight == pytest.approx(0.5 * (1 + lam) / innovations.HALF)
    u = (np.arange(innovations.HALF) + 0.5) / innovations.HALF
    at = np.r_[:50, 50 : innovations.HALF : 97, innovations.HALF - 20 : innovations.HALF]
    oracle = arch_distribution(name)
    if name == "ged" and shape[0] > 100:
        at = at[at > 600]  # below, arch's own inverse underflows to 0
    upper = oracle.ppf((1 - lam) / 2 + (1 + lam) / 2 * u[at], np.array(shape))
    lower = oracle.ppf((1 - lam) / 2 * (1 - u[at]), np.array(shape))
    np.testing.assert_allclose(above[1, at], upper, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(below[0, at], lower, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "shape"), SHAPES)
def test_quantiles_are_those_of_arch(name, shape):
    for probability in (0.001, 0.025, 0.4, 0.5, 0.9, 0.99):
        found = innovations.quantiles(name, np.array([shape] * 2), probability)
        oracle = arch_distribution(name).ppf(probability, np.array(shape))
        np.testing.assert_allclose(found, np.broadcast_to(oracle, 2), rtol=1e-9, atol=1e-12)


def test_a_row_does_not_depend_on_its_neighbours():
    many = np.linspace(2.1, 40.0, 17)[:, None]
    whole = innovations.two_sided("t", many)[0]
    for i in (0, 9, 16):
        assert innovations.two_sided("t", many[i : i + 1])[0][0].tobytes() == whole[i].tobytes()
