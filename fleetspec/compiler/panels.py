"""The locked series of a universe as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec.compiler import identity
from fleetspec.panel.quality import verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.assembly import Ints
    from fleetspec.compiler.lock import LockedSeries, Spans
    from fleetspec.panel.quality import Standard


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The locked series of a universe at one bar, as columns (n,). ``gated`` marks those that the quality gate keeps
    from being fitted; ``source`` is the identity of the data source; ``names`` and ``digest`` are (n, 16). ``spans``
    are the bars at which each series is a member, None where all always are."""

    name: str
    code: int
    bar: str
    series: tuple[LockedSeries, ...]
    bars: Ints
    gated: NDArray[np.bool_]
    names: identity.Bytes
    digest: identity.Bytes
    source: dict[str, Any]
    spans: tuple[Spans, ...] | None = None

    @classmethod
    def of(
        cls,
        name: str,
        code: int,
        bar: str,
        series: tuple[LockedSeries, ...],
        source: dict[str, Any],
        standard: Standard,
        spans: tuple[Spans, ...] | None = None,
    ) -> Panel:
        bars = np.array([s.bars for s in series], dtype=np.int64)
        gated = np.array([verdict(one, standard) is not None for one in series], dtype=bool)
        names = identity.digest_texts("series", [s.name for s in series])
        digest = identity.from_hex([s.digest for s in series])
        return cls(name, code, bar, series, bars, gated, names, digest, source, spans)

    def __len__(self) -> int:
        return len(self.series)

    @property
    def longest(self) -> int:
        """The series whose bars bound the windows of models over the whole universe: the longest, the first of them."""
        return int(np.argmax(self.bars))
