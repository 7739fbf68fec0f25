"""One series as a source delivers it: dated log returns, cleaned once, hashed by content."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]


class SourceError(Exception):
    """Data that cannot be read as declared. ``help`` says what to change."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Valid observations of one series, oldest first; arrays are read-only.

    ``dates`` (T,) datetime64[D], strictly increasing; ``returns`` (T,) log returns as fractions; ``volume`` (T,)
    or None, NaN where it was not reported. ``missing`` counts rows dropped for want of a price or return.
    """

    name: str
    dates: Dates
    returns: Floats
    volume: Floats | None
    missing: int

    def __post_init__(self) -> None:
        for array in (self.dates, self.returns, self.volume):
            if array is not None:
                array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.returns)

    def digest(self, start: int = 0, end: int | None = None) -> str:
        """128-bit BLAKE2b in hex of bars ``start:end``: little-endian dates, returns and volume, in this order.

        The bytes do not depend on the machine, on the bars outside the slice or on the series' name.
        """
        part = slice(start, end)
        hasher = hashlib.blake2b(digest_size=16)
        hasher.update(b"volume" if self.volume is not None else b"no volume")
        hasher.update(np.ascontiguousarray(self.dates[part]).astype("datetime64[D]").astype("<i8").tobytes())
        hasher.update(np.ascontiguousarray(self.returns[part]).astype("<f8").tobytes())
        if self.volume is not None:
            hasher.update(np.ascontiguousarray(self.volume[part]).astype("<f8").tobytes())
        return hasher.hexdigest()


def from_prices(name: str, dates: Dates, prices: Floats, volume: Floats | None) -> Series:
    """Log returns between consecutive known prices; rows without a price (NaN) are dropped and counted.

    A return after a gap spans the gap, and the first known price makes no return: T + 1 prices make T bars.
    """
    order, missing = _cleaned(name, dates, prices)
    kept_prices = prices[order]
    wrong = np.flatnonzero(kept_prices <= 0)
    if len(wrong):
        day = dates[order][wrong[0]]
        raise SourceError(
            f"the price of '{name}' on {day} is {kept_prices[wrong[0]]:g}",
            "log returns need prices above 0: leave the row out or the price empty, or give `returns:` instead",
        )
    # numpy's vectorised logarithm differs in the last bit from one kind of CPU to another, and digests would with it.
    logs = np.array([math.log(price) for price in kept_prices], dtype=np.float64)
    return Series(
        name,
        dates[order][1:].astype("datetime64[D]"),
        np.diff(logs),
        _kept_volume(volume, order[1:]),
        missing,
    )


def from_returns(name: str, dates: Dates, returns: Floats, volume: Floats | None) -> Series:
    """Log returns as given; rows without one (NaN) are dropped and counted."""
    order, missing = _cleaned(name, dates, returns)
    return Series(name, dates[order].astype("datetime64[D]"), returns[order], _kept_volume(volume, order), missing)


def _cleaned(name: str, dates: Dates, values: Floats) -> tuple[NDArray[np.intp], int]:
    """Row order by date without missing rows, and their number."""
    order = np.argsort(dates, kind="stable")
    twice = np.flatnonzero(np.diff(dates[order].astype(np.int64)) == 0)
    if len(twice):
        raise SourceError(
            f"series '{name}' has more than one row on {dates[order][twice[0]]}",
            "keep one row per series and date: drop or aggregate the others",
        )
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise SourceError(
            f"the value of '{name}' on {dates[infinite[0]]} is infinite", "leave the value empty where it is not known"
        )
    known = ~np.isnan(values[order])
    return order[known], int(len(values) - known.sum())


def _kept_volume(volume: Floats | None, order: NDArray[np.intp]) -> Floats | None:
    if volume is None:
        return None
    kept = volume[order]
    return None if np.isnan(kept).all() else kept
