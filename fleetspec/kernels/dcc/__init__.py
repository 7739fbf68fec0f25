"""Dynamic conditional correlations: DCC(1, 1) of Engle (2002) with correlation targeting, and Aielli's (2013)
correction.

Returns scaled by their own conditional deviations are z_t (N,). Their correlations are those of Q_t:

    Q_t = (1 - a - b) S + a x_{t-1} x_{t-1}' + b Q_{t-1},    R_t = diag(Q_t)^-1/2 Q_t diag(Q_t)^-1/2

with x = z (Engle) or x = diag(Q)^1/2 z (Aielli), Q at the first bar = S, and S the correlations of x over the sample:
that is the targeting, which leaves a and b to be estimated. Every Q_t is a sum of S and of squares, so R_t is positive
definite where S is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleetspec.kernels.dcc.types import Correction, DccFit, LikelihoodName

if TYPE_CHECKING:
    from fleetspec.kernels.dcc.fitting import fit

__all__ = ["Correction", "DccFit", "LikelihoodName", "fit"]


def __getattr__(name: str) -> Any:
    # Whoever only names a likelihood, as every reader of specs does, loads no engine.
    if name == "fit":
        from fleetspec.kernels.dcc.fitting import fit

        return fit
    raise AttributeError(name)
