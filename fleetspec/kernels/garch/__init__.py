"""Many GARCH models at once: the same maximum likelihood as the ``arch`` package's, batched over series.

``fit_many(returns, Specification("gjr", o=1, distribution="t"))`` is the whole of it: a 2-D array of returns, one
series a row, gives one fit a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleetspec.kernels.garch.types import Fits, Specification, Status

if TYPE_CHECKING:
    from fleetspec.kernels.garch.fitting import fit_many

__all__ = ["Fits", "Specification", "Status", "fit_many"]


def __getattr__(name: str) -> Any:
    # Whoever only names a specification, as every reader of specs does, loads no engine.
    if name == "fit_many":
        from fleetspec.kernels.garch.fitting import fit_many

        return fit_many
    raise AttributeError(name)
