"""The torch engine against the reference and against numba's, on the CPU."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from garch_cases import DISTRIBUTION, SPECIFICATIONS, parameters_of, series

from fleetspec.kernels.garch import Specification, fit_many, reference
from fleetspec.kernels.garch.preparation import inside, log_likelihood, prepared

pytest.importorskip("torch", reason="the neural extra is not installed")
pytest.importorskip("numba", reason="the run extra is not installed")


@pytest.mark.parametrize(("orders", "distribution"), list(product(SPECIFICATIONS, DISTRIBUTION)))
def test_likelihoods_are_those_of_the_reference(orders, distribution):
    from fleetspec.kernels.garch.on_torch import TorchEngine

    for mean, lags in (("constant", 0), ("ar", 1)):
        spec = Specification(**orders, distribution=distribution, mean=mean, lags=lags)
        rows = np.array([series(120, seed) for seed in range(3)])
        batch = prepared(rows, spec)
        given = np.array([parameters_of(spec, row, i) for i, row in enumerate(rows)])
        at = np.arange(3)
        values = TorchEngine("cpu").values(batch, at, inside(given, batch, at)[:, None, :])[:, 0]
        oracle = [reference.log_likelihood(row, spec, one) for row, one in zip(rows, given, strict=True)]
        np.testing.assert_allclose(log_likelihood(values, batch, at), oracle, rtol=1e-9)


@pytest.mark.parametrize(
    ("orders", "distribution"),
    [
        ({"process": "garch"}, "t"),
        ({"process": "gjr", "o": 1}, "skewt"),
        ({"process": "egarch", "o": 1, "mean": "zero"}, "normal"),
    ],
)
def test_fits_are_those_of_numba(orders, distribution):
    spec = Specification(**orders, distribution=distribution)
    rows = np.array([series(160, seed) for seed in range(4)] + [np.zeros(160)])
    ours, theirs = (fit_many(rows, spec, engine=engine) for engine in ("torch", "numba"))
    assert ours.engine.startswith("torch on ")
    np.testing.assert_array_equal(ours.status, theirs.status)
    assert ours.ok.sum() >= 2
    np.testing.assert_allclose(ours.log_likelihood, theirs.log_likelihood, rtol=1e-8)
    near = np.abs(ours.parameters - theirs.parameters) / (1e-3 + np.abs(theirs.parameters))
    assert np.nanmax(near) < 1e-2
