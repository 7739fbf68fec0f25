"""Estimation: a target from the sample, then the two parameters by maximum likelihood of the correlations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleetspec.kernels.dcc.likelihoods import composite, full, scales, states
from fleetspec.kernels.dcc.types import DccFit

if TYPE_CHECKING:
    from fleetspec.kernels.dcc.types import Correction, Floats, LikelihoodName

SMALLEST = 1e-5
"""Smallest eigenvalue of a target; less is raised to it by a weight on the identity."""
MOST_PERSISTENT = 0.9995
_STARTS = ((0.01, 0.98), (0.02, 0.95), (0.05, 0.90), (0.10, 0.80), (0.02, 0.80))
_TOLERANCE = 1e-7


def fit(z: Floats, likelihood: LikelihoodName = "pairs", correction: Correction = "none") -> DccFit:
    """DCC(1, 1) of ``z`` (T, N), returns over their conditional deviations, N at least 2.

    ``a`` and ``b`` are found by the simplex method of Nelder and Mead within 0 <= a, 0 <= b, a + b <= 0.9995, from the
    best of five fixed starts; the same ``z`` gives the same bits. Raises ValueError for one series, for values that are
    not finite, or a series that does not vary.
    """
    from scipy.optimize import minimize

    z = np.ascontiguousarray(z, dtype=np.float64)
    if z.ndim != 2 or z.shape[1] < 2:
        raise ValueError("correlations need two series at least")
    if not np.isfinite(z).all() or (np.ptp(z, axis=0) == 0).any():
        raise ValueError("a series is not finite, or does not vary")
    count = [0]
    # Engle's target is one for all a and b.
    fixed = targeted(z, 0.0, 0.0, correction) if correction == "none" else None

    def loss(at: Floats) -> float:
        # Of persistence p = a + b and the share of a in it, so that the region is a box.
        count[0] += 1
        a, b = float(at[0] * at[1]), float(at[0] * (1 - at[1]))
        x, target, _ = fixed or targeted(z, a, b, correction)
        return -_likelihood(z, x, target, a, b, likelihood) / len(z)

    starts = [np.array([a + b, a / (a + b)]) for a, b in _STARTS]
    begin = min(starts, key=loss)
    found = minimize(
        loss,
        begin,
        method="Nelder-Mead",
        bounds=((0.0, MOST_PERSISTENT), (0.0, 1.0)),
        options={"xatol": _TOLERANCE, "fatol": 1e-12, "maxiter": 400, "initial_simplex": _simplex(begin)},
    )
    a, b = float(found.x[0] * found.x[1]), float(found.x[0] * (1 - found.x[1]))
    x, target, shrinkage = targeted(z, a, b, correction)
    last = np.empty((1, z.shape[1], z.shape[1]))
    states(x, target, a, b, len(z) - 1, last)
    return DccFit(a, b, target, shrinkage, last[0], -float(found.fun) * len(z), count[0])


def _simplex(begin: Floats) -> Floats:
    """Two steps from the start, into the box."""
    return np.array([begin, [begin[0] - 0.02, begin[1]], [begin[0], begin[1] + 0.02]])


def log_likelihood(z: Floats, a: float, b: float, likelihood: LikelihoodName, correction: Correction) -> float:
    """Of the correlations, constants and z'z left out; a composite one is the mean over its pairs."""
    x, target, _ = targeted(z, a, b, correction)
    return _likelihood(z, x, target, a, b, likelihood)


def _likelihood(z: Floats, x: Floats, target: Floats, a: float, b: float, likelihood: LikelihoodName) -> float:
    n = z.shape[1]
    if likelihood == "full":
        return float(full(z, x, target, a, b))
    near = likelihood == "neighbours"
    pairs: int = n - 1 if near else n * (n - 1) // 2
    return float(composite(z, x, target, a, b, 1 if near else n - 1)) / pairs


def targeted(z: Floats, a: float, b: float, correction: Correction) -> tuple[Floats, Floats, float]:
    """Shocks (T, N), their correlations (N, N), and the weight of the identity in these."""
    x = z
    if correction == "aielli":
        diagonal = np.empty_like(z)
        scales(z, a, b, diagonal)
        x = np.sqrt(diagonal) * z
    moments = x.T @ x / len(x)
    spread = np.sqrt(np.diag(moments))
    target = moments / np.outer(spread, spread)
    target = (target + target.T) / 2
    np.fill_diagonal(target, 1.0)
    lowest = float(np.linalg.eigvalsh(target)[0])
    shrinkage = max((SMALLEST - lowest) / (1 - lowest), 0.0)
    if shrinkage:
        target = (1 - shrinkage) * target + shrinkage * np.eye(len(target))
    return x, np.ascontiguousarray(target), shrinkage
