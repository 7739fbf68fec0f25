"""Features and targets of the tests of the linear solver."""

from __future__ import annotations

import numpy as np


def made(rows: int, features: int, targets: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Neighbouring features correlate, units differ a thousandfold, a third of the features matter; noise is most of a
    target, as with returns."""
    rng = np.random.default_rng((11, seed))
    x = rng.normal(size=(rows, features))
    x[:, 1:] += 0.7 * x[:, :-1]
    truth = rng.normal(size=(features, targets)) * (rng.random((features, targets)) < 0.35)
    y = x @ truth * 0.4 + rng.standard_t(5, size=(rows, targets)) + rng.normal(size=targets)
    return x * 10.0 ** rng.uniform(-1.0, 2.0, features) + rng.normal(0, 3, features), y * 0.01


def scaled(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(axis=0)) / x.std(axis=0)


SHAPES = {"tall": (400, 12), "wide": (40, 60), "square": (30, 30)}
