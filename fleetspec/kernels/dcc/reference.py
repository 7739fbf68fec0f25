"""The model as its papers write it, in plain matrices: what the compiled passes are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fleetspec.kernels.dcc.types import Correction, Floats


def correlations(z: Floats, a: float, b: float, target: Floats, correction: Correction = "none") -> Floats:
    """R_t (T + 1, N, N) of every bar of ``z`` (T, N) and the one after: Engle (2002), equations 18 and 24; Aielli
    (2013), equation 8."""
    q, found = target, []
    for value in [*z, None]:
        d = np.diag(1 / np.sqrt(np.diag(q)))
        found.append(d @ q @ d)
        if value is not None:
            shock = value if correction == "none" else np.sqrt(np.diag(q)) * value
            q = (1 - a - b) * target + a * np.outer(shock, shock) + b * q
    return np.array(found)


def log_likelihood(z: Floats, a: float, b: float, target: Floats, correction: Correction = "none") -> float:
    """The correlation part (Engle 2002, equation 26)."""
    found = correlations(z, a, b, target, correction)[:-1]
    return -0.5 * sum(
        float(np.linalg.slogdet(r)[1] + v @ np.linalg.inv(r) @ v - v @ v) for r, v in zip(found, z, strict=True)
    )


def covariance_ahead(last: Floats, target: Floats, persistence: float, variances: Floats) -> Floats:
    """Covariance (N, N) of the returns of the next h bars together, by variances (h, N) of each bar to come.

    R of the k-th bar is expected at (1 - p^(k-1)) target + p^(k-1) last, p = a + b: the second approximation of Engle
    and Sheppard (2001). Returns of different bars are not correlated.
    """
    total = np.zeros_like(last)
    for k, each in enumerate(variances):
        r = (1 - persistence**k) * target + persistence**k * last
        total += np.diag(np.sqrt(each)) @ r @ np.diag(np.sqrt(each))
    return total
