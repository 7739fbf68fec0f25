"""What a quality gate judges a series by beyond its missing values and its largest return, measured where asked for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from fleetspec.sessions import sessions_in_years

if TYPE_CHECKING:
    from fleetspec.panel.series import Dates, Floats, Series

REPEATED = "repeated"
"""Rows that were dropped because another has their time: noted of every series that has any, asked for or not."""


BY_CALENDAR = ("absent", "closed")
"""Kinds of readings that are of a calendar; bars longer than a session have none."""


class Reading(Struct, frozen=True, order=True):
    """One thing to measure. ``kind`` and ``of``:

    - ``flat``: the longest run of bars whose return is exactly 0;
    - ``absent``, of a calendar: the share of its sessions from the first bar to the last on which no bar ends;
    - ``closed``, of a calendar: the share of bars that are of days without a session;
    - ``adf`` and ``kpss``, of ``returns`` or of ``levels``, their sum, ``around`` a constant or trend: p-values.
    """

    kind: str
    of: str = ""
    around: str = ""

    @property
    def name(self) -> str:
        """The key in the lock: ``adf returns constant``."""
        return " ".join(part for part in (self.kind, self.of, self.around) if part)


def measured(series: Series, readings: Iterable[Reading]) -> dict[str, float | None]:
    """Readings by name, to six digits; None where one cannot be taken. Raises ModuleNotFoundError where a test of unit
    roots is asked for and statsmodels is not installed."""
    found: dict[str, float | None] = {REPEATED: float(series.repeated)} if series.repeated else {}
    for reading in sorted(set(readings)):
        value = _measured(series, reading)
        found[reading.name] = None if value is None else float(f"{value:.6g}")
    return found


def _measured(series: Series, reading: Reading) -> float | None:
    if not len(series):
        return None
    if reading.kind == "flat":
        return longest_run(series.returns)
    if reading.kind in BY_CALENDAR:
        return _against_calendar(series.dates, reading.of, reading.kind)
    return _root(series.returns, reading)


def longest_run(returns: Floats) -> int:
    """The length of the longest run of zeros."""
    moved = np.flatnonzero(returns != 0)
    return int(np.diff(moved, prepend=-1, append=len(returns)).max()) - 1


def _against_calendar(stamps: Dates, calendar: str, kind: str) -> float | None:
    # An intraday bar that ends at midnight is of the day before; one of a session is stamped with its own midnight.
    daily = bool((stamps == stamps.astype("datetime64[D]")).all())
    days = np.unique((stamps if daily else stamps - np.timedelta64(1, "s")).astype("datetime64[D]"))
    first, last = (day.astype(object).year for day in (days[0], days[-1]))
    known = _days(calendar, first, last)
    if known is None:
        return None
    sessions, begin, end = known
    # Some calendars are known for some years only.
    days = days[(days >= begin) & (days <= end)]
    if not len(days):
        return None
    sessions = sessions[(sessions >= days[0]) & (sessions <= days[-1])]
    met = int(np.isin(days, sessions, assume_unique=True).sum())
    if kind == "closed":
        return 1 - met / len(days)
    return 1 - met / len(sessions) if len(sessions) else None


@lru_cache(maxsize=64)
def _days(calendar: str, first: int, last: int) -> tuple[Dates, np.datetime64, np.datetime64] | None:
    try:
        sessions, begin, end = sessions_in_years(calendar, first, last)
    except ValueError:
        return None
    return np.array(sessions, dtype="datetime64[D]"), _day(begin), _day(end)


def _day(day: date) -> np.datetime64:
    return np.datetime64(day, "D")


def _root(returns: Floats, reading: Reading) -> float | None:
    from fleetspec.panel.unit_roots import adf, kpss

    values = returns if reading.of == "returns" else np.cumsum(returns)
    if not np.isfinite(values).all():
        return None
    test = adf if reading.kind == "adf" else kpss
    made = test(values, "trend" if reading.around == "trend" else "constant")
    return None if made is None else made.p_value
