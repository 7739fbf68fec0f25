"""Which bars a fit sees, and from which a forecast is made. All bounds are half-open bar indices of a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]


def nightly_window(bars: int, train: int, refit: int) -> tuple[int, int]:
    """The current training window of a series: the last on a grid of ``refit`` bars that begins at bar ``train``.

    With fewer bars than ``train`` it is all of them; the fit is then quarantined when it runs.
    """
    if bars < train:
        return 0, bars
    end = train + (bars - train) // refit * refit
    return end - train, end


def nightly_windows(bars: Counts, train: int, refit: int) -> tuple[Counts, Counts]:
    """:func:`nightly_window` of many series: (n,) starts and (n,) ends."""
    end = np.where(bars < train, bars, train + (bars - train) // refit * refit)
    return np.where(bars < train, 0, end - train), end


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """The windows of a walk-forward over one series: four arrays of one length.

    Window ``w`` is fitted on ``start[w]:end[w]`` and forecasts from origins ``first_origin[w]:origin_end[w]``.
    """

    start: Counts
    end: Counts
    first_origin: Counts
    origin_end: Counts

    def __len__(self) -> int:
        return len(self.start)

    def take(self, at: Counts | slice) -> Walk:
        """Some of the windows, in any order."""
        return Walk(self.start[at], self.end[at], self.first_origin[at], self.origin_end[at])

    @classmethod
    def joined(cls, walks: Sequence[Walk]) -> Walk:
        """Windows of several walks, one after the other."""
        names = ("start", "end", "first_origin", "origin_end")
        return cls(*(np.concatenate([getattr(walk, name) for walk in walks]) for name in names))


def backtest_windows(bars: int, train: int, step: int, first_end: int = 0, gap: int = 0) -> Walk:
    """Windows of ``train`` bars, ``step`` apart, from the first one that fits; each forecasts until the next is fitted.

    No window ends before bar ``first_end``, so that models that are combined or compared see the same origins. ``gap``
    bars lie between a window and its first origin. Every origin has a bar after it to be held against. A series without
    such an origin has one window that holds all of its bars: it is quarantined when it runs, and so is seen.
    """
    begin = max(train, first_end)
    if bars <= begin + gap:
        last = np.array([max(bars - 1, 0)])
        return Walk(np.array([0]), np.array([bars]), last, np.array([bars]))
    end = np.arange(begin, bars - gap, step, dtype=np.int64)
    return Walk(end - train, end, end - 1 + gap, np.minimum(end - 1 + gap + step, bars - 1))


def last_origins(bars: Counts, train: int, every: int) -> Counts:
    """(n,) newest bars from which a forecast is due: on a grid of ``every`` bars that begins at bar ``train``."""
    newest = np.maximum(bars - 1, 0)
    return np.where(bars < train, newest, train - 1 + (newest - (train - 1)) // every * every)
