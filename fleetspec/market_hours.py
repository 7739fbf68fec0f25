"""Sessions of a market with their opens and closes, computed once and kept in the user's cache.

The only module that imports ``exchange_calendars``, which takes a second or more to load and to compute three years
of New York. What is kept is named after its version, so a new release computes anew; a cache that cannot be read or
written costs that second and nothing else.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct

from fleetspec.files import write_atomically


class MarketHours(Struct, frozen=True):
    """Every session of ``calendar`` from ``first`` to ``last`` in order, and when each opens and closes, in UTC."""

    calendar: str
    first: date
    last: date
    sessions: tuple[date, ...]
    opens: tuple[datetime, ...]
    closes: tuple[datetime, ...]

    def __contains__(self, day: date) -> bool:
        at = bisect_left(self.sessions, day)
        return at < len(self.sessions) and self.sessions[at] == day

    def before(self, day: date) -> int:
        """The number of the last session not after ``day``. Raises ValueError beyond the calendar."""
        return self._within(bisect_right(self.sessions, day) - 1, day)

    def after(self, day: date) -> int:
        """The number of the first session not before ``day``. Raises ValueError beyond the calendar."""
        return self._within(bisect_left(self.sessions, day), day)

    def numbered(self, number: int) -> date:
        """The session of that number. Raises ValueError beyond the calendar."""
        if not 0 <= number < len(self.sessions):
            raise ValueError(f"{self.calendar} has no session that far from {self.first} to {self.last}")
        return self.sessions[number]

    def _within(self, number: int, day: date) -> int:
        if not (self.first <= day <= self.last and 0 <= number < len(self.sessions)):
            raise ValueError(f"{day} is beyond the sessions of {self.calendar} from {self.first} to {self.last}")
        return number


@lru_cache(maxsize=8)
def market_hours(calendar: str, first: int, last: int) -> MarketHours:
    """The sessions of whole years, from ``first`` to ``last``. Raises ValueError where the calendar ends before."""
    path = _place(calendar, first, last)
    kept = None if path is None else _kept(path, calendar)
    if kept is not None:
        return kept
    hours = _computed(calendar, date(first, 1, 1), date(last, 12, 31))
    if path is not None:
        _keep(path, hours)
    return hours


def _place(calendar: str, first: int, last: int) -> Path | None:
    from platformdirs import user_cache_path

    try:
        folder = user_cache_path("fleetspec", appauthor=False) / f"calendars-{version('exchange_calendars')}"
    except (OSError, RuntimeError):  # no home to keep it in
        return None
    return folder / f"{calendar.replace('/', '-')}-{first}-{last}.json"


def _kept(path: Path, calendar: str) -> MarketHours | None:
    try:
        held = json.loads(path.read_bytes())
        begin, end = date.fromisoformat(held["first"]), date.fromisoformat(held["last"])
        sessions = tuple(map(date.fromisoformat, held["sessions"]))
        opens, closes = (tuple(datetime.fromtimestamp(t, UTC) for t in held[key]) for key in ("opens", "closes"))
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    if not len(sessions) == len(opens) == len(closes) or not sessions:
        return None
    return MarketHours(calendar, begin, end, sessions, opens, closes)


def _keep(path: Path, hours: MarketHours) -> None:
    content = {
        "first": hours.first.isoformat(),
        "last": hours.last.isoformat(),
        "sessions": [day.isoformat() for day in hours.sessions],
        "opens": [int(moment.timestamp()) for moment in hours.opens],
        "closes": [int(moment.timestamp()) for moment in hours.closes],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(content).encode())
    except OSError:
        return


def _computed(calendar: str, first: date, last: date) -> MarketHours:
    import exchange_calendars

    try:
        found = exchange_calendars.get_calendar(calendar, start=first.isoformat(), end=last.isoformat())
    except ValueError:
        # Some calendars are right between two dates only; making one tells which.
        made = exchange_calendars.get_calendar(calendar)
        start, end = made.bound_min(), made.bound_max()
        first = first if start is None else max(first, start.date())
        last = last if end is None else min(last, end.date())
        if first > last:
            raise ValueError(f"calendar {calendar} knows no session that early or late") from None
        found = exchange_calendars.get_calendar(calendar, start=first.isoformat(), end=last.isoformat())
    return MarketHours(
        calendar,
        first,
        last,
        tuple(label.date() for label in found.sessions),
        tuple(moment.to_pydatetime().astimezone(UTC) for moment in found.opens),
        tuple(moment.to_pydatetime().astimezone(UTC) for moment in found.closes),
    )


@lru_cache(maxsize=8)
def time_zone(calendar: str) -> str:
    """The IANA name of the zone a market's clock runs in."""
    import exchange_calendars

    return str(exchange_calendars.get_calendar(calendar).tz)
