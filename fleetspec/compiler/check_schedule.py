"""Calendars, and whether there is a night between start and deadline."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

from fleetspec.compiler.spec import Schedule
from fleetspec.diagnostics import Report, Route, did_you_mean
from fleetspec.rules import meaning
from fleetspec.sessions import CALENDARS, is_plain_night, nights, session_on_or_before
from fleetspec.units import Duration

_KNOWN_AS = {
    "NYSE": "XNYS",
    "NASDAQ": "XNYS",
    "US": "XNYS",
    "LSE": "XLON",
    "TSE": "XTKS",
    "JPX": "XTKS",
    "HKEX": "XHKG",
    "XETRA": "XETR",
    "EURONEXT": "XPAR",
    "SSE": "XSHG",
    "FX": "24/5",
    "CME": "CMES",
    "XNAS": "XNYS",
}
"""What people call markets, and whose calendar has their sessions."""

_REFERENCE = date(2025, 11, 18)
"""Two ordinary weeks with a holiday and an early close in New York: a schedule must leave a night in each of them."""
_NIGHTS = 10


def check_calendar(name: str, route: Route, report: Report) -> bool:
    """Whether a calendar exists."""
    if name in CALENDARS:
        return True
    meant = _KNOWN_AS.get(name.upper())
    help = f"write {meant}" if meant else did_you_mean(name, CALENDARS)
    report.add(meaning.UNKNOWN_CALENDAR, f"there is no calendar '{name}'", route=route, help=help)
    return False


def check_schedule(schedule: Schedule, report: Report) -> None:
    """The deadline is after the start, and not after the next night's start."""
    known = check_calendar(schedule.calendar, ("schedule", "calendar"), report)
    if not known or is_plain_night(schedule.calendar, schedule.start, schedule.deadline):
        return
    first = session_on_or_before(schedule.calendar, _REFERENCE)
    sample = nights(schedule.calendar, schedule.start, schedule.deadline, first, _NIGHTS)
    shortest = min(sample, key=lambda night: night.seconds)
    route: Route = ("schedule", "deadline")
    if shortest.seconds <= 0:
        when = f"{Duration(-shortest.seconds)} before" if shortest.seconds else "at the moment of"
        report.add(
            meaning.DEADLINE,
            f"the deadline ({schedule.deadline}) is {when} the start ({schedule.start}): no night is left",
            route=route,
            help=f"after session {shortest.session} the run would start {shortest.start:%a %H:%M} and have to end "
            f"{shortest.deadline:%a %H:%M} UTC; start earlier or move the deadline back",
        )
        return
    late = [(a, b) for a, b in pairwise(sample) if a.deadline > b.start]
    if late:
        night, following = late[0]
        report.add(
            meaning.NIGHTS_OVERLAP,
            f"the deadline ({schedule.deadline}) is after the next night's start ({schedule.start})",
            route=route,
            help=f"the night after {night.session} would last until {night.deadline:%a %H:%M}, the next one starts "
            f"{following.start:%a %H:%M} UTC; write a deadline such as open - 90m",
        )
