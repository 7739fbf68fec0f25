"""Bars of the size that is asked for, from rows that are as fine or finer.

Log returns add up, volume adds up, highs and lows are extremes, implied volatility is the last one known. Realised
variance is the sum of what the rows report, or of their squared returns: overnight ones too, so that it is a variance
of the same returns that the bar has (Hansen and Lunde 2005). A bar that the data begin or end in the middle of is
dropped: its return would be that of a part.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.panel.series import BESIDE, Rows, Series, SourceError, exact_logs
from fleetspec.sessions import session_on_or_after, session_on_or_before, shortened_by
from fleetspec.units import BarSize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.panel.series import Dates, Floats

SESSION = BarSize(0, "session")
SESSIONS_A_YEAR = 252
"""Sessions that an annualised volatility is spread over."""

_FEWEST = 4
"""Rows below which nobody can tell how far apart they are meant to be."""
_LONGEST_GAP = {"session": 3.5, "week": 10.0, "month": 45.0}
"""Days between two rows at the median, up to which they are of a period."""


class TooCoarse(SourceError):
    """The rows of a source are further apart than the bars asked for, or do not add up to them."""


def series_of(rows: Rows, bar: BarSize, calendar: str) -> Series:
    """The bars of a series. ``calendar`` says which sessions a week or a month has. Where rows are sessions and one has
    two, the first counts and the other is ``repeated``."""
    apart = spacing(rows.stamps)
    if bar.intraday:
        made = _intraday(rows, bar.minutes, apart)
    else:
        made = _days(rows, calendar, apart)
        if bar.period != "session":
            made = _periods(made, bar.period, calendar, apart)
    volume, measures = made.beside.get("volume"), _measures(made, bar)
    return Series(made.name, made.stamps, made.returns, volume, made.missing, measures, made.repeated)


def spacing(stamps: Dates) -> BarSize | None:
    """How far apart rows are, as the bar they would be; None where there are too few to tell.

    Rows of a day are apart by their most frequent gap, longer ones by the median of theirs.
    """
    if len(stamps) < _FEWEST:
        return None
    days = stamps.astype("datetime64[D]")
    gaps = np.diff(stamps).astype("timedelta64[s]").astype(np.int64)
    if len(stamps) > 1.5 * len(np.unique(days)):
        found, counts = np.unique(gaps[days[1:] == days[:-1]], return_counts=True)
        return BarSize(max(int(found[counts.argmax()]) // 60, 1), "")
    typical = float(np.median(gaps)) / 86400
    return BarSize(0, next((period for period, most in _LONGEST_GAP.items() if typical <= most), "quarter"))


def require_fine(rows: Mapping[str, Rows], bar: BarSize) -> None:
    """Raise :class:`TooCoarse` where no series of a source has rows that ``bar`` could be made from."""
    known = {name: apart for name, one in rows.items() if (apart := spacing(one.stamps)) is not None}
    if not known or any(_adds_up(apart, bar) for apart in known.values()):
        return
    name, apart = min(known.items(), key=lambda pair: pair[1].sessions)
    what = "further apart than the bar" if apart.sessions > bar.sessions else f"no whole part of {bar}"
    raise TooCoarse(
        f"no bars of {bar}: the rows of '{name}' are {apart} apart, {what}",
        f"write bar: {apart}, or bring rows that are at least as fine as {bar}",
    )


def _adds_up(apart: BarSize, bar: BarSize) -> bool:
    if apart.sessions > bar.sessions:
        return False
    return not (bar.intraday and bar.minutes % apart.minutes)


def _intraday(rows: Rows, minutes: int, apart: BarSize | None) -> Rows:
    """Bars that end on multiples of ``minutes`` past midnight and hold the rows up to and with their end."""
    if apart is None or not apart.intraday or apart.minutes >= minutes:
        return rows
    length = 60 * minutes
    seconds = rows.stamps.astype(np.int64)
    ends = -(-seconds // length) * length
    starts = _starts(ends)
    labels = ends[starts].astype("datetime64[s]")
    first = bool(seconds[0] <= ends[0] - length + 60 * apart.minutes)
    last = bool(seconds[-1] == ends[-1])
    return _grouped(rows, starts, labels, first, last)


def _days(rows: Rows, calendar: str, apart: BarSize | None) -> Rows:
    """One bar a day, stamped with its midnight."""
    days = rows.stamps.astype("datetime64[D]")
    starts = _starts(days)
    labels: Dates = days[starts].astype("datetime64[s]")
    if len(starts) == len(days):
        return Rows(rows.name, labels, rows.returns, rows.beside, rows.missing, rows.repeated)
    if apart is None or not apart.intraday:
        beside = {column: values[starts] for column, values in rows.beside.items()}
        again = rows.repeated + len(days) - len(starts)
        return Rows(rows.name, labels, rows.returns[starts], beside, rows.missing, again)
    clock = (rows.stamps - days).astype("timedelta64[s]").astype(np.int64)
    opens, closes = clock[starts], clock[np.append(starts[1:], len(days)) - 1]
    first = bool(opens[0] <= np.median(opens))
    late = float(np.median(closes)) - int(closes[-1])
    last = late <= 0 or late <= 60 * _shortened(calendar, days[-1].astype(object))
    return _grouped(rows, starts, labels, first, last)


def _shortened(calendar: str, day: date) -> int:
    try:
        return shortened_by(calendar, day)
    except ValueError:
        # A day that the calendar does not reach has no early close that anybody knows of.
        return 0


def _periods(rows: Rows, period: str, calendar: str, apart: BarSize | None) -> Rows:
    """Weeks, months or quarters, stamped with the last session that has a row. ``rows`` are sessions."""
    days = rows.stamps.astype("datetime64[D]")
    starts = _starts(_period(days, period))
    ends = np.append(starts[1:], len(days)) - 1
    if len(starts) == len(days) and apart is not None and apart.sessions >= BarSize(0, period).sessions:
        return rows
    if not len(days):
        return rows
    begin, end = _bounds(days[0], period)[0], _bounds(days[-1], period)[1]
    first = days[0].astype(object) <= _session(calendar, begin, after=True)
    last = days[-1].astype(object) >= _session(calendar, end, after=False)
    return _grouped(rows, starts, rows.stamps[ends], first, last)


def _period(days: Dates, period: str) -> NDArray[np.int64]:
    """A number that days of one week (from Monday), month or quarter share."""
    if period == "week":
        # 1970-01-01 was a Thursday.
        return (days.astype(np.int64) + 3) // 7
    months = days.astype("datetime64[M]").astype(np.int64)
    return months if period == "month" else months // 3


def _bounds(day: np.datetime64, period: str) -> tuple[date, date]:
    """First and last day of the period a day is in."""
    number = int(_period(np.array([day]), period)[0])
    if period == "week":
        monday = date(1970, 1, 1) + timedelta(days=7 * number - 3)
        return monday, monday + timedelta(days=6)
    size = 1 if period == "month" else 3
    first = np.datetime64(number * size, "M").astype("datetime64[D]")
    following = np.datetime64((number + 1) * size, "M").astype("datetime64[D]")
    return first.astype(object), (following - 1).astype(object)


def newest_end(calendar: str, session: date, bar: BarSize) -> date:
    """The session with which the newest whole bar ends that is known after ``session``."""
    if bar.intraday or bar.period == "session":
        return session
    first, last = _bounds(np.datetime64(session), bar.period)
    end = _session(calendar, last, after=False)
    return end if session >= end else _session(calendar, first - timedelta(days=1), after=False)


def _session(calendar: str, day: date, *, after: bool) -> date:
    """The session nearest to a day; the nearest weekday where the calendar does not reach it."""
    try:
        return session_on_or_after(calendar, day) if after else session_on_or_before(calendar, day)
    except ValueError:
        step = timedelta(days=1 if after else -1)
        while day.weekday() > 4:
            day += step
        return day


def _starts(groups: NDArray[np.generic]) -> NDArray[np.intp]:
    """Where a group of equal neighbours begins."""
    return np.flatnonzero(np.append(True, groups[1:] != groups[:-1])) if len(groups) else np.zeros(0, dtype=np.intp)


def _grouped(rows: Rows, starts: NDArray[np.intp], labels: Dates, first: bool, last: bool) -> Rows:
    """One row per group; ``first`` and ``last`` say whether the outermost ones are whole."""
    ends = np.append(starts[1:], len(rows)) - 1
    beside = {column: _together(column, values, starts, ends) for column, values in rows.beside.items()}
    beside.setdefault("realised", np.add.reduceat(rows.returns**2, starts))
    kept = slice(0 if first else 1, len(starts) if last else len(starts) - 1)
    missing = math.ceil(rows.missing * len(starts) / len(rows))
    return Rows(
        rows.name,
        labels[kept],
        np.add.reduceat(rows.returns, starts)[kept],
        {column: values[kept] for column, values in beside.items()},
        missing,
        rows.repeated,
    )


def _together(column: str, values: Floats, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> Floats:
    """A column's values of each group as one."""
    assert column in BESIDE
    if column == "volume":
        unknown = np.isnan(values)
        total: Floats = np.add.reduceat(np.where(unknown, 0.0, values), starts)
        return np.where(np.logical_and.reduceat(unknown, starts), np.nan, total)
    if column in ("high", "low"):
        extreme: Floats = (np.fmax if column == "high" else np.fmin).reduceat(values, starts)
        return extreme
    if column == "realised":
        summed: Floats = np.add.reduceat(values, starts)
        return summed
    # Of a quoted volatility the last that is known: not every row has a quote.
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))[ends]
    return np.where(last >= starts, values[np.maximum(last, 0)], np.nan)


def _measures(rows: Rows, bar: BarSize) -> dict[str, Floats]:
    """Variances of a bar, as fractions squared.

    ``range`` is Parkinson's (1980) from high and low; ``implied`` is the annualised volatility known at the bar's
    end, spread evenly over the year's sessions.
    """
    measures = {}
    if "realised" in rows.beside:
        measures["realised"] = rows.beside["realised"]
    if "high" in rows.beside and "low" in rows.beside:
        spread = exact_logs(rows.beside["high"]) - exact_logs(rows.beside["low"])
        measures["range"] = spread**2 / (4 * math.log(2))
    if "implied" in rows.beside:
        measures["implied"] = rows.beside["implied"] ** 2 * (bar.sessions / SESSIONS_A_YEAR)
    return measures
