"""The locked series of a universe as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleetspec.compiler import identity
from fleetspec.compiler.assembly import Ints
from fleetspec.compiler.lock import LockedSeries


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The locked series of a universe at one bar, as columns (n,). ``gated`` marks those that the quality gate keeps
    from being fitted; ``source`` is the identity of the data source; ``names`` and ``digest`` are (n, 16)."""

    name: str
    code: int
    bar: str
    series: tuple[LockedSeries, ...]
    bars: Ints
    gated: NDArray[np.bool_]
    names: identity.Bytes
    digest: identity.Bytes
    source: dict[str, Any]

    @classmethod
    def of(
        cls,
        name: str,
        code: int,
        bar: str,
        series: tuple[LockedSeries, ...],
        source: dict[str, Any],
        max_missing: float,
    ) -> Panel:
        bars = np.array([s.bars for s in series], dtype=np.int64)
        missing = np.array([s.missing for s in series], dtype=np.int64)
        # A share, as the runtime's gate computes it: a product could round to the other side.
        gated = missing / np.maximum(bars + missing, 1) > max_missing
        names = identity.digest_texts("series", [s.name for s in series])
        return cls(name, code, bar, series, bars, gated, names, identity.from_hex([s.digest for s in series]), source)

    def __len__(self) -> int:
        return len(self.series)

    @property
    def longest(self) -> int:
        """The series whose bars bound the windows of models over the whole universe: the longest, the first of them."""
        return int(np.argmax(self.bars))
