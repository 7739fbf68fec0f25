"""From returns to fits: checks, preparation, starts, and the choice among minima."""

from __future__ import annotations

from collections.abc import Sequence

from fleetspec.kernels.garch.types import EngineName, ErrorKind, Fits, Floats, Specification


def fit_many(
    returns: Floats | Sequence[Floats],
    specification: Specification,
    *,
    starts: Floats | None = None,
    engine: EngineName = "auto",
    standard_errors: ErrorKind | None = None,
) -> Fits:
    """Maximum likelihood of one specification on many series.

    ``returns`` is (n, T), one series a row, or a sequence of 1-D arrays of any lengths, in any units. ``starts``
    (n, k) are parameters in those units to start from, such as yesterday's fits; a row with a NaN has none. ``engine``
    is ``native`` (built by ``make native``), ``numba``, or ``auto``: native where it is built and knows the
    specification. ``standard_errors`` adds arch's ``robust`` (Bollerslev-Wooldridge) or ``classic`` ones.

    A row never fails the batch, and its result does not depend on the other rows: see ``Fits.status``. Raises
    ValueError for arrays of the wrong shape, LookupError where the named engine is not installed.
    """
    raise LookupError("no engine is installed")
