"""Many GARCH models at once: the same maximum likelihood as the ``arch`` package's, batched over series.

``fit_many(returns, Specification("gjr", o=1, distribution="t"))`` is the whole of it: a 2-D array of returns, one
series a row, gives one fit a row.
"""

from __future__ import annotations

from fleetspec.kernels.garch.fitting import fit_many
from fleetspec.kernels.garch.types import Fits, Specification, Status

__all__ = ["Fits", "Specification", "Status", "fit_many"]
