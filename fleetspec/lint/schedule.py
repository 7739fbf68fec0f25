"""Schedules of a RayCronJob: five fields, and a time zone of its own."""

from __future__ import annotations

import re

Fault = tuple[str, str]
"""What is wrong, and the way out."""

_BOUNDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 6))
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = {name: n for n, name in enumerate(_MONTH_NAMES, start=1)}
_DAYS = {name: n for n, name in enumerate(_DAY_NAMES)}
_NAMED = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_EVERY = re.compile(r"@every ([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+")
_HELP = "write minute hour day month weekday: 30 1 * * 1-5"


def fault_of_schedule(text: str) -> Fault | None:
    """What the operator's cron parser (robfig/cron, standard form) refuses of a schedule; None where it is sound."""
    if "TZ" in text:
        return "has a time zone in it", "leave it out, and write timeZone: Europe/London beside the schedule"
    if text.startswith("@"):
        return None if text in _NAMED or _EVERY.fullmatch(text) else ("is no schedule", f"one of: {', '.join(_NAMED)}")
    fields = text.split()
    if len(fields) != len(_BOUNDS):
        return f"has {len(fields)} fields, five are needed", _HELP
    for field, (what, low, high) in zip(fields, _BOUNDS, strict=True):
        names = _MONTHS if what == "month" else _DAYS if what == "day of the week" else {}
        if not all(_is_range(part, low, high, names) for part in field.split(",")):
            return f"has no {what} in '{field}'", f"a {what} is from {low} to {high}, like */2 or {low}-{high}"
    return None


def _is_range(part: str, low: int, high: int, names: dict[str, int]) -> bool:
    span, slash, step = part.partition("/")
    if slash and not (step.isascii() and step.isdigit() and int(step[:9]) > 0):
        return False
    if span in ("*", "?"):
        return True
    first, dash, last = span.partition("-")
    begin = _number(first, names)
    end = _number(last, names) if dash else begin
    return begin is not None and end is not None and low <= begin <= end <= high


def _number(text: str, names: dict[str, int]) -> int | None:
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    return names.get(text.lower())


def fault_of_zone(name: str) -> Fault | None:
    """What is wrong with the name of a time zone; None where the database of zones on this machine knows it."""
    from zoneinfo import ZoneInfo, available_timezones

    help = "write a name of the IANA database: Europe/London, America/New_York, UTC"
    if not name or name == "Local":
        return "is none that every node knows", help
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        # Without a database on this machine nothing can be said.
        return ("is not known", help) if available_timezones() else None
    return None
