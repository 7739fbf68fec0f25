"""One series: the rows a source has of it, and the bars that are made from them, hashed by content.

Time is datetime64[s] everywhere, on the clock that the source keeps. A bar of a session or longer is stamped with
midnight of its last session, an intraday bar with the moment it ends.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from msgspec import Struct, field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Dates = NDArray[np.datetime64]
Measure = Literal["returns", "realised", "range", "implied"]

MEASURES: tuple[str, ...] = ("realised", "range", "implied")
"""Measures of volatility that a series may have beside its returns; all are variances of one bar."""
BESIDE: tuple[str, ...] = ("volume", "high", "low", "realised", "implied")
"""Columns that a row may have beside its price or return."""


class SourceError(Exception):
    """Data that cannot be read as declared. ``help`` says what to change."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


class Rows(Struct, frozen=True, eq=False):
    """Valid observations of one series as fine as its source has them, oldest first.

    ``stamps`` (T,) datetime64[s], strictly increasing; ``returns`` (T,) log returns as fractions; ``beside`` columns
    (T,) of :data:`BESIDE`, NaN where a row has none. ``missing`` counts rows dropped for want of a price or return,
    ``repeated`` those dropped because an earlier one of the file has their time.
    """

    name: str
    stamps: Dates
    returns: Floats
    beside: Mapping[str, Floats]
    missing: int
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.returns)


class Series(Struct, frozen=True, eq=False):
    """Bars of one series, oldest first; arrays are read-only.

    ``dates`` (T,) datetime64[s], strictly increasing; ``returns`` (T,) log returns as fractions per bar; ``volume``
    (T,) or None, NaN where it was not reported. ``missing`` counts what was dropped for want of a price or return, in
    bars. ``measures`` (T,) each are variances of a bar as fractions squared, NaN where there is none. ``repeated``
    counts rows that were dropped because another has their time.
    """

    name: str
    dates: Dates
    returns: Floats
    volume: Floats | None
    missing: int
    measures: Mapping[str, Floats] = field(default_factory=dict)
    repeated: int = 0

    def __post_init__(self) -> None:
        for array in (self.dates, self.returns, self.volume, *self.measures.values()):
            if array is not None:
                array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.returns)

    def digest(self, start: int = 0, end: int | None = None, measure: str = "returns") -> str:
        """128-bit BLAKE2b in hex of bars ``start:end``: little-endian dates, returns and volume, in this order, and
        after them the ``measure`` where it is another than the returns.

        The bytes do not depend on the machine, on the bars outside the slice, on the series' name or on measures that
        were not asked for. A series that lacks the measure has a digest too, which no values have.
        """
        part = slice(start, end)
        hasher = hashlib.blake2b(digest_size=16)
        hasher.update(b"volume" if self.volume is not None else b"no volume")
        hasher.update(_time_bytes(self.dates[part]))
        hasher.update(np.ascontiguousarray(self.returns[part]).astype("<f8").tobytes())
        if self.volume is not None:
            hasher.update(np.ascontiguousarray(self.volume[part]).astype("<f8").tobytes())
        if measure != "returns":
            values = self.measures.get(measure)
            hasher.update(f" {measure if values is not None else 'no ' + measure} ".encode())
            if values is not None:
                hasher.update(np.ascontiguousarray(values[part]).astype("<f8").tobytes())
        return hasher.hexdigest()


def _time_bytes(dates: Dates) -> bytes:
    """Days since 1970 where every bar is stamped with one, so that daily bars hash as days; else seconds, marked."""
    days = dates.astype("datetime64[D]")
    if (days == dates).all():
        return days.astype("<i8").tobytes()
    return b"seconds" + np.ascontiguousarray(dates).astype("datetime64[s]").astype("<i8").tobytes()


def days_of(stamps: Dates, *, intraday: bool) -> Dates:
    """(T,) the days that bars are of: a bar within a day that ends at midnight is of the day before."""
    days: Dates = (stamps - np.timedelta64(1, "s") if intraday else stamps).astype("datetime64[D]")
    return days


def stamp_text(stamp: np.datetime64) -> str:
    """A date where the stamp is a whole day, else date and time to the minute or second."""
    seconds = stamp.astype("datetime64[s]")
    for unit in ("D", "m"):
        shorter = seconds.astype(f"datetime64[{unit}]")
        if shorter == seconds:
            return str(shorter).replace("T", " ")
    return str(seconds).replace("T", " ")


def from_prices(name: str, stamps: Dates, prices: Floats, beside: Mapping[str, Floats]) -> Rows:
    """Log returns between consecutive known prices; rows without a price (NaN) are dropped and counted.

    A return after a gap spans the gap, and the first known price makes no return: T + 1 prices make T rows.
    """
    order, missing, repeated = _cleaned(name, stamps, prices)
    kept_prices = prices[order]
    wrong = np.flatnonzero(kept_prices <= 0)
    if len(wrong):
        when = stamp_text(stamps[order][wrong[0]])
        raise SourceError(
            f"the price of '{name}' on {when} is {kept_prices[wrong[0]]:g}",
            "log returns need prices above 0: leave the row out or the price empty, or give `returns:` instead",
        )
    returns = np.diff(exact_logs(kept_prices))
    return Rows(name, _seconds(stamps[order][1:]), returns, _kept(beside, order[1:]), missing, repeated)


def from_returns(name: str, stamps: Dates, returns: Floats, beside: Mapping[str, Floats]) -> Rows:
    """Log returns as given; rows without one (NaN) are dropped and counted."""
    order, missing, repeated = _cleaned(name, stamps, returns)
    return Rows(name, _seconds(stamps[order]), returns[order], _kept(beside, order), missing, repeated)


def exact_logs(values: Floats) -> Floats:
    """Natural logarithms, the same on every machine; NaN stays NaN.

    numpy's vectorised logarithm differs in the last bit from one kind of CPU to another, and digests would with it.
    """
    return np.array([math.log(value) for value in values], dtype=np.float64)


def _seconds(stamps: Dates) -> Dates:
    seconds: Dates = stamps.astype("datetime64[s]")
    return seconds


def _cleaned(name: str, stamps: Dates, values: Floats) -> tuple[NDArray[np.intp], int, int]:
    """Row order by time without missing rows, and their number; of rows at one time the first of the file, and how many
    others there are."""
    order = np.argsort(stamps, kind="stable")
    first = np.ones(len(order), dtype=bool)
    np.not_equal(stamps[order][1:], stamps[order][:-1], out=first[1:])
    repeated = int(len(order) - first.sum())
    order = order[first]
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise SourceError(
            f"the value of '{name}' on {stamp_text(stamps[infinite[0]])} is infinite",
            "leave the value empty where it is not known",
        )
    known = ~np.isnan(values[order])
    return order[known], int(len(known) - known.sum()), repeated


def _kept(beside: Mapping[str, Floats], order: NDArray[np.intp]) -> dict[str, Floats]:
    """The columns in the order of the rows, without those that hold nothing."""
    kept = {column: values[order] for column, values in beside.items()}
    return {column: values for column, values in kept.items() if not np.isnan(values).all()}
