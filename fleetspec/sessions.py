"""Market calendars: which sessions exist, and how long the night between two of them is.

Calendar names are checked against a shipped list, without looking at a session; ``24/5`` and ``24/7`` are the names of
``exchange_calendars`` for round-the-clock markets.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Literal, Self

from msgspec import Struct

from fleetspec.market_hours import MarketHours, market_hours
from fleetspec.units import Duration, UnitError

_NAMES = """
    24/5 24/7 AIXK ASEX BVMF CMES IEPA XAMS XASX XBDA XBEL XBKK XBOG XBOM XBRA XBRU XBSE XBUD XBUE XCBF XCSE XCYS
    XDUB XDUS XEEE XETR XEUR XFRA XHAM XHEL XHKG XICE XIDX XIST XJSE XKAR XKLS XKRX XLIM XLIS XLIT XLJU XLON XLUX
    XMAD XMEX XMIL XMOS XNYS XNZE XOSL XPAR XPHS XPRA XRIS XSAU XSES XSGO XSHG XSTO XSTU XSWX XTAE XTAI XTAL XTKS
    XTSE XWAR XWBO XZAG us_futures
"""
CALENDARS: frozenset[str] = frozenset(_NAMES.split())
"""Calendars a spec may name. A test holds the list against exchange_calendars."""

ROUND_THE_CLOCK: frozenset[str] = frozenset({"24/5", "24/7", "CMES", "IEPA", "us_futures"})
"""Calendars whose markets hardly close. Every other one is closed for ``SHORTEST_CLOSED`` between two sessions."""
SHORTEST_CLOSED = 8 * 3600
"""Seconds; a test holds it against exchange_calendars (the shortest is 9.5 hours)."""

Anchor = Literal["open", "close", "clock"]
_CLOCK = re.compile(r"\s*(\d{1,2}):(\d\d)(?:\s+([A-Za-z][A-Za-z0-9_+/-]*))?\s*")


class SessionTime(Struct, frozen=True):
    """A moment of a session: ``close + 45m``, ``open - 90m``, ``close``, or a time on its day: ``18:30 Europe/London``.

    ``zone`` is the IANA name of a clock time's zone, whose ``offset_seconds`` count from midnight there.
    """

    anchor: Anchor
    offset_seconds: int
    zone: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        if clock := _CLOCK.fullmatch(text):
            return cls("clock", *_clock_time(text, int(clock[1]), int(clock[2]), clock[3]))
        match = re.fullmatch(r"\s*(open|close)\s*(?:([+-])\s*(\S+))?\s*", text)
        if not match:
            raise UnitError(
                f"'{text}' is not a moment of a session",
                "write open or close and an offset (close + 45m, open - 90m), or a time and its zone (18:30 UTC)",
            )
        offset = Duration.parse(match[3]).seconds if match[3] else 0
        return cls("open" if match[1] == "open" else "close", -offset if match[2] == "-" else offset)

    def __str__(self) -> str:
        if self.anchor == "clock":
            return f"{self.offset_seconds // 3600:02d}:{self.offset_seconds // 60 % 60:02d} {self.zone}"
        if self.offset_seconds == 0:
            return self.anchor
        return f"{self.anchor} {'-' if self.offset_seconds < 0 else '+'} {Duration(abs(self.offset_seconds))}"


def _clock_time(text: str, hour: int, minute: int, zone: str | None) -> tuple[int, str]:
    from zoneinfo import available_timezones

    if hour > 23 or minute > 59:
        raise UnitError(f"'{text}' is not a time of day", "write hours and minutes from 00:00 to 23:59, and the zone")
    if zone is None:
        raise UnitError(
            f"'{text}' names no time zone",
            "add the zone (18:30 Europe/London), or count from close or open (close + 45m)",
        )
    if zone not in available_timezones():
        raise UnitError(
            f"there is no time zone '{zone}'", "write an IANA name after the time: UTC, Europe/London, America/New_York"
        )
    return hour * 3600 + minute * 60, zone


class Night(Struct, frozen=True):
    """The time from the start after one session to the deadline before the next."""

    session: date
    start: datetime
    deadline: datetime

    @property
    def seconds(self) -> int:
        return int((self.deadline - self.start).total_seconds())


def _around(name: str, day: date) -> MarketHours:
    return market_hours(name, day.year - 1, day.year + 1)


def session_on_or_before(calendar: str, day: date) -> date:
    """The last session not after ``day``."""
    hours = _around(calendar, day)
    return hours.sessions[hours.before(day)]


def session_on_or_after(calendar: str, day: date) -> date:
    """The first session not before ``day``."""
    hours = _around(calendar, day)
    return hours.sessions[hours.after(day)]


def sessions_between(calendar: str, first: date, last: date) -> frozenset[date]:
    """The sessions from ``first`` to ``last``. Raises ValueError where the calendar does not reach them."""
    hours = market_hours(calendar, first.year, last.year)
    return frozenset(day for day in hours.sessions if first <= day <= last)


def sessions_in_years(calendar: str, first: int, last: int) -> tuple[tuple[date, ...], date, date]:
    """The sessions of whole years, and the days between which the calendar knows them. Raises ValueError where it knows
    none of them."""
    hours = market_hours(calendar, first, last)
    return hours.sessions, hours.first, hours.last


def shortened_by(calendar: str, day: date) -> int:
    """Minutes that a session is shorter than the longest of the ten up to it; 0 for a day that is no session."""
    hours = _around(calendar, day)
    if day not in hours:
        return 0
    at = hours.before(day)
    window = slice(max(at - 9, 0), at + 1)
    lengths = [
        int((end - begin).total_seconds()) // 60
        for begin, end in zip(hours.opens[window], hours.closes[window], strict=True)
    ]
    return max(lengths) - lengths[-1]


def sessions_before(calendar: str, day: date, count: int) -> date:
    """The session ``count`` sessions before the last one not after ``day``; after it where ``count`` is negative."""
    span = timedelta(days=2 * abs(count) + 30)
    hours = market_hours(calendar, (day - span).year, max(day + span, date(day.year + 1, 1, 1)).year)
    return hours.numbered(hours.before(day) - count)


def moments(calendar: str, time: SessionTime, session: date, count: int) -> dict[date, datetime]:
    """When a time of the session is, in UTC, on the ``count`` sessions from the first not before ``session``."""
    hours = _around(calendar, session)
    first = hours.after(session)
    return {hours.numbered(at): _moment(hours, at, time) for at in range(first, first + count)}


def nights(
    calendar: str, start: SessionTime, deadline: SessionTime, session: date, count: int = 5
) -> tuple[Night, ...]:
    """The next ``count`` nights, the first one after ``session`` (which must be a session of the calendar).

    The start counts from ``session``, the deadline from the session after it, so weekends and holidays make
    long nights and an early close an early start.
    """
    hours = _around(calendar, session)
    if session not in hours:
        raise ValueError(f"{session} is not a session of {calendar}")
    first = hours.before(session)
    return tuple(
        Night(hours.numbered(at), _moment(hours, at, start), _moment(hours, at + 1, deadline))
        for at in range(first, first + count)
    )


def shortest_night(calendar: str, start: SessionTime, deadline: SessionTime, session: date, count: int = 5) -> Night:
    """The tightest of the next ``count`` nights: what a plan that is to hold every night is sized for."""
    return min(nights(calendar, start, deadline, session, count), key=lambda night: (night.seconds, night.session))


def is_plain_night(calendar: str, start: SessionTime, deadline: SessionTime) -> bool:
    """Whether the deadline is after the start, and before the next night's, as can be seen without the calendar.

    False means that :func:`nights` must be asked, which loads it.
    """
    return (
        calendar not in ROUND_THE_CLOCK
        and (start.anchor, deadline.anchor) == ("close", "open")
        and start.offset_seconds >= 0 >= deadline.offset_seconds
        and start.offset_seconds - deadline.offset_seconds < SHORTEST_CLOSED
    )


def _moment(hours: MarketHours, number: int, time: SessionTime) -> datetime:
    if time.anchor == "clock":
        from zoneinfo import ZoneInfo

        midnight = datetime.combine(hours.numbered(number), datetime.min.time(), tzinfo=ZoneInfo(time.zone))
        # The wall clock, so a night across a change of summer time keeps its hour.
        return (midnight + timedelta(seconds=time.offset_seconds)).astimezone(UTC)
    hours.numbered(number)  # no session, no moment
    moment = hours.opens[number] if time.anchor == "open" else hours.closes[number]
    return moment + timedelta(seconds=time.offset_seconds)
