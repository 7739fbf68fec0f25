"""When data are there: before the night starts, and never from a session that the night cannot know."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from fleetspec.compiler.lock import panel_key
from fleetspec.compiler.standards import usable
from fleetspec.rules import data, meaning
from fleetspec.sessions import CALENDARS, moments, session_on_or_before, sessions_before
from fleetspec.units import Duration

if TYPE_CHECKING:
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.spec import FleetSpec, Universe
    from fleetspec.diagnostics import Report
    from fleetspec.sessions import SessionTime

_REFERENCE = date(2025, 11, 18)
"""Two ordinary weeks with a holiday and an early close in New York, as for the schedule itself."""
_SESSIONS = 10


def check_arrival(spec: FleetSpec, report: Report) -> None:
    """The night does not start before the bars of its session are there."""
    schedule = spec.schedule
    told: set[str] = set()
    for name in sorted({name for row in spec.fleet for name in row.universe_names} & spec.universes.keys()):
        universe = spec.universes[name]
        source = spec.data.get(universe.data)
        if source is None or source.available is None or universe.data in told:
            continue
        if not {universe.calendar, schedule.calendar} <= CALENDARS:
            continue
        seconds, day = _late(universe, source.available, schedule.calendar, schedule.start)
        if seconds > 0:
            told.add(universe.data)
            late, when = Duration(seconds), "" if day is None else f" on {day}"
            report.add(
                data.STARTS_TOO_EARLY,
                f"the start ({schedule.start}) is {late} before data '{universe.data}' are there "
                f"({source.available}){when}",
                route=("schedule", "start"),
                help=f"{f'write start: {source.available}' if day is None else f'start {late} later'}, "
                f"or correct available: of data '{universe.data}'",
            )


def _late(universe: Universe, available: SessionTime, calendar: str, start: SessionTime) -> tuple[int, date | None]:
    """Seconds from the start to when data are there, on the worst of two weeks, and which day that is where days
    differ; 0 or less when they are in time."""
    if universe.calendar == calendar and (available.anchor, available.zone) == (start.anchor, start.zone):
        return available.offset_seconds - start.offset_seconds, None
    there = moments(universe.calendar, available, _REFERENCE, _SESSIONS)
    begun = moments(calendar, start, _REFERENCE, _SESSIONS)
    late = [(int((there[day] - begun[day]).total_seconds()), day) for day in sorted(there.keys() & begun.keys())]
    return max(late, default=(0, None))


def newest_session(spec: FleetSpec, lock: Lock) -> date | None:
    """The session whose night the newest locked bars are for: those of a source with a ``lag`` were known that many
    sessions later. None when the lock holds no bar."""
    known = [
        last if (lag := spec.data[universe.data].lag) is None else sessions_before(universe.calendar, last, -lag.count)
        for name, universe in spec.universes.items()
        if (last := _last(lock, name, universe)) is not None
    ]
    return max(known, default=None)


def _last(lock: Lock, name: str, universe: Universe) -> date | None:
    held = lock.data.get(panel_key(universe.data, str(universe.bar)), {})
    dates = [held[member].last for member in lock.universes.get(name, ()) if member in held]
    return max((day for day in dates if day is not None), default=None)


def check_lag(spec: FleetSpec, lock: Lock, session: date, report: Report) -> None:
    """No locked bar is of a session that a source with a ``lag`` could not have in the night after ``session``."""
    for name, universe in sorted(spec.universes.items()):
        lag, last = spec.data[universe.data].lag, _last(lock, name, universe)
        if lag is None or last is None:
            continue
        newest = usable(spec, name, session)
        if session_on_or_before(universe.calendar, last) > newest:
            report.add(
                meaning.SESSION_BEFORE_LOCK,
                f"the bars of data '{universe.data}' end with {last}, and with lag: {lag} those of {newest} are the "
                f"newest that the night after {session} has",
                route=("data", universe.data, "lag"),
                help="ask for the session they are for, or lock data that end earlier",
            )
