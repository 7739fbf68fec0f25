"""Specifications, series and parameters of the tests of the GARCH engine, and the same models by arch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fleetspec.kernels.garch.types import Specification

SPECIFICATIONS: tuple[dict[str, Any], ...] = (
    {"process": "garch"},
    {"process": "garch", "p": 2, "q": 2},
    {"process": "garch", "p": 1, "q": 0},
    {"process": "gjr", "o": 1},
    {"process": "gjr", "p": 1, "o": 2, "q": 2},
    {"process": "tgarch", "o": 1},
    {"process": "tgarch", "p": 2, "o": 0, "q": 1},
    {"process": "egarch", "o": 1},
    {"process": "egarch", "p": 2, "o": 1, "q": 2},
)
DISTRIBUTION = ("normal", "t", "skewt", "ged")
_ARCH_MEAN = {"zero": "Zero", "constant": "Constant", "ar": "AR"}


def series(length: int, seed: int, alpha: float = 0.08, beta: float = 0.9) -> np.ndarray:
    """A GARCH(1,1) path with t innovations (7), in percent, standard deviation about 1."""
    rng = np.random.default_rng(seed)
    z = rng.standard_t(7, length) * np.sqrt(5 / 7)
    returns, variance = np.empty(length), 1.0
    for t in range(length):
        returns[t] = 0.03 + np.sqrt(variance) * z[t]
        variance = (1 - alpha - beta) + alpha * (returns[t] - 0.03) ** 2 + beta * variance
    return returns


def parameters_of(spec: Specification, returns: np.ndarray, seed: int) -> np.ndarray:
    """Sensible parameters, no optimum of anything."""
    rng = np.random.default_rng((7, seed))
    mean = {"zero": [], "constant": [0.02], "ar": [0.02, 0.05, -0.03][: spec.lags + 1]}[spec.mean]
    beta = rng.uniform(0.7, 0.9) if spec.q else 0.0
    alpha, gamma = rng.uniform(0.03, 0.1), rng.uniform(0.0, 0.08)
    level = np.log(returns.var()) if spec.process == "egarch" else returns.var()
    alpha, gamma = (2 * alpha, -gamma) if spec.process == "egarch" else (alpha, gamma)
    vector = [*mean, level * (1 - beta - (0 if spec.process == "egarch" else alpha))]
    for value, count in ((alpha, spec.p), (gamma, spec.o), (beta, spec.q)):
        vector += [value / max(count, 1)] * count
    shape = {"normal": [], "t": [rng.uniform(4, 12)], "skewt": [rng.uniform(4, 12), rng.uniform(-0.3, 0.3)]}
    vector += shape.get(spec.distribution, [rng.uniform(1.1, 2.2)])
    return np.array(vector)


def arch_model(returns: np.ndarray, spec: Specification) -> Any:
    """The model of ``spec`` by arch."""
    build = pytest.importorskip("arch", reason="the engine is held against arch").arch_model
    orders = {"p": spec.p, "o": spec.o, "q": spec.q}
    return build(
        returns,
        mean=_ARCH_MEAN[spec.mean],
        lags=spec.lags,
        vol="EGARCH" if spec.process == "egarch" else "GARCH",
        power=1.0 if spec.process == "tgarch" else 2.0,
        dist=spec.distribution,
        rescale=False,
        **orders,
    )


def simulations(
    returns: np.ndarray, spec: Specification, parameters: np.ndarray, start: int, count: int, seed: int
) -> Any:
    """Arch's forecast of 20 bars from ``count`` simulated paths.

    The seed is the distribution's: ``random_state`` of arch's forecast seeds its bootstrap only.
    """
    model = arch_model(returns, spec)
    model.distribution = type(model.distribution)(seed=np.random.default_rng(seed))
    made = model.fix(list(parameters))
    return made.forecast(horizon=20, start=start, method="simulation", simulations=count, reindex=False)
