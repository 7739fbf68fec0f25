"""The spec against its lock: nothing may be missing from it, and the windows must fit the data."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from fleetspec.compiler.addresses import address_clash, slug
from fleetspec.compiler.check_arrival import check_lag, newest_session
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.lock import cadence, declared, panel_key
from fleetspec.compiler.settings import cadences
from fleetspec.compiler.standards import check_quality, check_readings
from fleetspec.rules import meaning
from fleetspec.sessions import session_on_or_before
from fleetspec.units import Sessions

if TYPE_CHECKING:
    from fleetspec.compiler.lock import Lock, LockedSeries
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Report, Route, Rule
    from fleetspec.units import BarSize

_AGAIN = "lock the data as they are now: fleetspec lock SPEC"
_SHOWN = 3


def check_against_lock(spec: FleetSpec, lock: Lock, report: Report, session: date | None = None) -> None:
    """Add to the report where spec and lock do not belong together. ``session`` is the one asked for, if any."""
    sound = {name for name in spec.universes if _check_universe(spec, lock, name, report)}
    for name in sorted(sound):
        check_readings(spec, lock, name, report)
    told: set[tuple[str, str]] = set()
    for row in spec.fleet:
        for universe in row.universe_names:
            for group in row.model_names:
                if universe in sound and (universe, group) not in told:
                    told.add((universe, group))
                    _check_windows(spec, lock, group, universe, report)
    if session is not None:
        check_session(spec, lock, session, report)


def _check_universe(spec: FleetSpec, lock: Lock, name: str, report: Report) -> bool:
    """Whether the lock holds a universe as the spec has it now."""
    universe = spec.universes[name]
    before = len(report.errors)
    said = declared(spec)
    of_data, of_universe = f"data.{universe.data}", f"universes.{name}"
    key = panel_key(universe.data, str(universe.bar))
    if key not in lock.data:
        message = f"data '{universe.data}' is not in the lock" + _at_bar(universe.bar)
        _once(report, meaning.NOT_IN_LOCK, message, ("data", universe.data))
    elif lock.declared.get(of_data) != said[of_data]:
        message = f"data '{universe.data}' was another source when it was locked"
        _once(report, meaning.LOCK_OUTDATED, message, ("data", universe.data))
    if name not in lock.universes:
        _once(report, meaning.NOT_IN_LOCK, f"universe '{name}' is not in the lock", ("universes", name))
    elif lock.declared.get(of_universe) != said[of_universe]:
        message = f"universe '{name}' had other members or sessions when it was locked"
        _once(report, meaning.LOCK_OUTDATED, message, ("universes", name))
    if len(report.errors) > before or key not in lock.data:
        return False
    held = lock.data[key]
    absent = [member for member in lock.universes[name] if member not in held]
    if absent:
        message = f"the lock lists '{absent[0]}' in universe '{name}' and holds no data of it"
        _once(report, meaning.NOT_IN_LOCK, message, ("universes", name))
        return False
    if not lock.universes[name]:
        message = f"universe '{name}' has no members"
        report.add(
            meaning.NO_BARS, message, route=("universes", name), key=True, help="check its data, then lock again"
        )
        return False
    return _check_addresses(name, lock.universes[name], report)


def _at_bar(bar: BarSize) -> str:
    """`` at bars of 5m``; nothing for sessions, which nobody needs to be told."""
    return "" if str(bar) == "1 session" else f" at bars of {bar}"


def _check_addresses(universe: str, members: tuple[str, ...], report: Report) -> bool:
    clash = address_clash(members)
    if clash is None:
        return True
    message = f"series '{clash[0]}' and '{clash[1]}' of '{universe}' would both be '{slug(clash[0])}' in an address"
    help = "name the members to keep in series:, or rename one in the data"
    report.add(meaning.SAME_ADDRESS, message, route=("universes", universe), key=True, help=help)
    return False


def _once(report: Report, rule: Rule, message: str, route: Route) -> None:
    """Two universes may share what is missing."""
    if all(found.route != route for found in report.errors):
        report.add(rule, message, route=route, key=True, help=_AGAIN)


def _check_windows(spec: FleetSpec, lock: Lock, group: str, universe: str, report: Report) -> None:
    own = spec.universes[universe].bar
    for bar, train, refit, measure in sorted(cadences(spec.models[group]), key=str):
        key = panel_key(spec.universes[universe].data, bar or str(own))
        if key not in lock.data:
            message = f"the lock holds no bars of {bar} of universe '{universe}'"
            report.add(meaning.LOCK_OUTDATED, message, route=("models", group), key=True, help=_AGAIN)
            continue
        members = [lock.data[key][name] for name in lock.universes[universe]]
        _check_window(group, universe, members, (train, refit, measure), report)


def _check_window(
    group: str, universe: str, members: list[LockedSeries], window: tuple[int, int, str], report: Report
) -> None:
    train, refit, _ = window
    route: Route = ("models", group, "train")
    longest = max(members, key=lambda series: series.bars)
    if longest.bars < train:
        report.add(
            meaning.WINDOW_TOO_LONG,
            f"train is {train} bars, and the longest series of universe '{universe}' has {longest.bars}",
            route=route,
            help=f"write train: {_round(longest.bars)} bars or less, or lock longer data",
        )
        return
    key = cadence(*window)
    if any(key not in series.windows for series in members):
        message = f"the lock holds no windows of {train} bars every {Sessions(refit)} for universe '{universe}'"
        report.add(meaning.LOCK_OUTDATED, message, route=route, help=_AGAIN)
        return
    short = sorted((series for series in members if series.bars < train), key=lambda series: (series.bars, series.name))
    if short:
        shown = ", ".join(f"{series.name} {series.bars}" for series in short[:_SHOWN])
        more = ", …" if len(short) > _SHOWN else ""
        report.add(
            meaning.SOME_TOO_SHORT,
            f"{len(short)} of {len(members)} series of universe '{universe}' have fewer than {train} bars "
            f"({shown}{more})",
            route=route,
            help="their models are quarantined; shorten train or leave them out of the universe",
        )


def _round(bars: int) -> int:
    """A window a person would write: two leading digits of four fifths of what there is."""
    wanted = max(bars * 4 // 5, 1)
    unit: int = 10 ** max(len(str(wanted)) - 2, 0)
    return wanted // unit * unit


def check_session(spec: FleetSpec, lock: Lock, session: date, report: Report) -> None:
    """Whether the session asked for exists, and is the one that the locked bars end with."""
    calendar = spec.schedule.calendar
    try:
        before = session_on_or_before(calendar, session)
    except ValueError as error:
        report.add(meaning.NOT_A_SESSION, f"calendar {calendar} does not reach {session}", help=str(error))
        return
    if before != session:
        message = f"{session} is not a session of {calendar}"
        report.add(meaning.NOT_A_SESSION, message, help=f"the session before it is {before}")
        return
    newest = newest_session(spec, lock)
    if newest is None or session_on_or_before(calendar, newest) == session:
        return
    if session > newest:
        report.add(
            meaning.SESSION_AND_LOCK,
            f"the lock ends with {newest}, before session {session}",
            help="forecasts are made from the last locked bars; lock again once the data reach the session",
        )
        return
    report.add(
        meaning.SESSION_BEFORE_LOCK,
        f"the lock ends with {newest}, after session {session}: its forecasts would see the future",
        help=f"leave --session out for {session_on_or_before(calendar, newest)}, or lock data that end with {session}",
    )


def check_usable(spec: FleetSpec, lock: Lock, run: RunKind, session: date, report: Report) -> None:
    """What the locked data must be for the night after ``session``: known by then, and good enough."""
    if run is not RunKind.BACKTEST:
        check_lag(spec, lock, session, report)
    check_quality(spec, lock, run, session, report)
