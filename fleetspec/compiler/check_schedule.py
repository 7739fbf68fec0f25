"""Calendars, whether there is a night between start and deadline, and what is asked of it."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

from fleetspec.compiler.demand import Demand
from fleetspec.diagnostics import did_you_mean
from fleetspec.rules import meaning, meaning_operation
from fleetspec.sessions import CALENDARS, is_plain_night, nights, session_on_or_before
from fleetspec.units import Duration

if TYPE_CHECKING:
    from fleetspec.compiler.spec import FleetSpec, Schedule
    from fleetspec.diagnostics import Report, Route
    from fleetspec.sessions import Night, SessionTime

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

SEARCH = "search"
FAR_HORIZONS = "far horizons"
"""What a late night may leave out beside groups: searches, and every horizon but the shortest."""


def check_calendar(name: str, route: Route, report: Report) -> bool:
    """Whether a calendar exists."""
    if name in CALENDARS:
        return True
    meant = _KNOWN_AS.get(name.upper())
    help = f"write {meant}" if meant else did_you_mean(name, CALENDARS)
    report.add(meaning.UNKNOWN_CALENDAR, f"there is no calendar '{name}'", route=route, help=help)
    return False


def check_schedule(spec: FleetSpec, report: Report) -> None:
    """The deadline is after the start and not after the next night's start; what must be earlier lies between them."""
    schedule = spec.schedule
    known = check_start_and_deadline(schedule, report)
    in_fleet = {group for row in spec.fleet for group in row.model_names}
    for group, deadline in schedule.deadlines.items():
        route: Route = ("schedule", "deadlines", group)
        if group not in spec.models:
            help = did_you_mean(group, spec.models)
            message = f"there is no group '{group}' in models"
            report.add(meaning.UNKNOWN_NAME, message, route=route, key=True, help=help)
        elif group not in in_fleet:
            message = f"'{group}' is in no row of the fleet, so nothing of it is due"
            help = "add it to a row of fleet, or take its deadline out"
            report.add(meaning_operation.GROUP_DEADLINE, message, route=route, key=True, help=help)
        elif known:
            _check_deadline(schedule, group, deadline, report)
    _check_promise(spec, report)


def _sample(schedule: Schedule, deadline: SessionTime) -> tuple[Night, ...]:
    first = session_on_or_before(schedule.calendar, _REFERENCE)
    return nights(schedule.calendar, schedule.start, deadline, first, _NIGHTS)


def check_start_and_deadline(schedule: Schedule, report: Report) -> bool:
    """Whether the calendar exists; start and deadline are checked if it does."""
    if not check_calendar(schedule.calendar, ("schedule", "calendar"), report):
        return False
    _check_bounds(schedule, report)
    return True


def _check_bounds(schedule: Schedule, report: Report) -> None:
    if is_plain_night(schedule.calendar, schedule.start, schedule.deadline):
        return
    sample = _sample(schedule, schedule.deadline)
    shortest = min(sample, key=lambda night: night.seconds)
    route: Route = ("schedule", "deadline")
    start: list[tuple[Route, str]] = [(("schedule", "start"), "the start is here")]
    if shortest.seconds <= 0:
        when = f"{Duration(-shortest.seconds)} before" if shortest.seconds else "at the moment of"
        report.add(
            meaning.DEADLINE,
            f"the deadline ({schedule.deadline}) is {when} the start ({schedule.start}): no night is left",
            route=route,
            help=f"after session {shortest.session} the run would start {shortest.start:%a %H:%M} and have to end "
            f"{shortest.deadline:%a %H:%M} UTC; start earlier, or write a later deadline",
            related=start,
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
            related=start,
        )


def _check_deadline(schedule: Schedule, group: str, deadline: SessionTime, report: Report) -> None:
    """A group's deadline lies inside the night."""
    route: Route = ("schedule", "deadlines", group)
    if deadline.anchor == schedule.deadline.anchor != "clock":
        # Both count from the same moment, so no calendar is needed to compare them.
        late = deadline.offset_seconds > schedule.deadline.offset_seconds
    else:
        late = any(a.deadline > b.deadline for a, b in zip(*_both(schedule, deadline), strict=True))
    if late:
        report.add(
            meaning_operation.GROUP_DEADLINE,
            f"the deadline of '{group}' ({deadline}) is after that of the night ({schedule.deadline})",
            route=route,
            help="write an earlier one: the deadline of the night holds for every group",
            related=[(("schedule", "deadline"), "the deadline of the night is here")],
        )
    elif not is_plain_night(schedule.calendar, schedule.start, deadline):
        shortest = min(_sample(schedule, deadline), key=lambda night: night.seconds)
        if shortest.seconds <= 0:
            report.add(
                meaning_operation.GROUP_DEADLINE,
                f"the deadline of '{group}' ({deadline}) is not after the start ({schedule.start})",
                route=route,
                help=f"after session {shortest.session} the run would start {shortest.start:%a %H:%M} and '{group}' be "
                f"due {shortest.deadline:%a %H:%M} UTC; write a later one",
                related=[(("schedule", "start"), "the start is here")],
            )


def _both(schedule: Schedule, deadline: SessionTime) -> tuple[tuple[Night, ...], tuple[Night, ...]]:
    return _sample(schedule, deadline), _sample(schedule, schedule.deadline)


def _check_promise(spec: FleetSpec, report: Report) -> None:
    """How often the night is on time, and what is left out when it is not."""
    schedule = spec.schedule
    if schedule.on_time is not None and not 0.5 <= schedule.on_time.fraction <= 0.9999:
        low = schedule.on_time.fraction < 0.5
        message = f"{schedule.on_time} of nights on time is {'no promise' if low else 'more than can be promised'}"
        help = "write a share from 50% to 99.99%, such as 99%"
        report.add(meaning.OUT_OF_RANGE, message, route=("schedule", "on_time"), help=help)
    if schedule.on_miss is None:
        return
    in_fleet = {group for row in spec.fleet for group in row.model_names}
    known = [SEARCH, FAR_HORIZONS, *sorted(spec.models)]
    seen: set[str] = set()
    for index, name in enumerate(schedule.on_miss.degrade):
        why, help = None, "take it out"
        if name in seen:
            report.add(
                meaning.LISTED_TWICE,
                f"'{name}' is listed twice",
                route=("schedule", "on_miss", "degrade", index),
                help="take one of them out",
            )
        elif name == SEARCH:
            if all(model.search is None for model in spec.models.values()):
                why = "no group has a search"
        elif name == FAR_HORIZONS:
            if len(Demand.of(spec).horizons) < 2:
                why = "the fleet has one horizon"
        elif name not in spec.models:
            why, help = "it is neither a group nor 'search' nor 'far horizons'", did_you_mean(name, known)
        elif name not in in_fleet:
            why = "it is in no row of the fleet"
        seen.add(name)
        if why is not None:
            report.add(
                meaning_operation.DEGRADE,
                f"'{name}' cannot be left out: {why}",
                route=("schedule", "on_miss", "degrade", index),
                help=help,
            )
