"""Elastic net, lasso and ridge for many targets, windows and penalties at once, equal to scikit-learn's.

``fit_many(features, targets, alpha=0.01, l1_ratio=0.5)`` is the whole of it: features (T, p) and targets (T, K) give
coefficients (K, p).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleetspec.kernels.linear.types import Fits, Status

if TYPE_CHECKING:
    from fleetspec.kernels.linear.fitting import fit_many, ridge_many

__all__ = ["Fits", "Status", "fit_many", "ridge_many"]


def __getattr__(name: str) -> Any:
    # The engine is loaded where it is used: readers of specs import the families that name it.
    if name in ("fit_many", "ridge_many"):
        from fleetspec.kernels.linear import fitting

        return getattr(fitting, name)
    raise AttributeError(name)
