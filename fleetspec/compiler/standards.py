"""The quality gate of a spec: what it asks of the series of a universe, and which of the locked ones fail."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.lock import cadences, panel_key
from fleetspec.panel.bars import newest_end
from fleetspec.panel.quality import Standard, Stationarity, verdict
from fleetspec.rules import data, meaning
from fleetspec.sessions import sessions_before
from fleetspec.units import BarSize

if TYPE_CHECKING:
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Report

_SHOWN = 3


def standard(spec: FleetSpec, universe: str, bar: str, session: date | None) -> Standard:
    """What a series of a universe must be at a bar for the night after ``session``; None is a backtest, in which a
    series that has ended is as good as any."""
    quality, size = spec.quality, BarSize.parse(bar)
    calendar, root = spec.universes[universe].calendar, quality.unit_root
    # A bar of a week or more has no session of its own that could be absent.
    daily = size.intraday or size.period == "session"
    oldest = None
    if session is not None and quality.stale_after is not None:
        oldest = sessions_before(
            calendar, newest_end(calendar, usable(spec, universe, session), size), quality.stale_after.count
        )
    return Standard(
        max_missing=quality.max_missing.fraction,
        max_jump=None if quality.max_jump is None else quality.max_jump.value,
        oldest=oldest,
        max_repeated=quality.max_repeated.fraction,
        max_flat=None if quality.max_flat is None else quality.max_flat.count,
        calendar=calendar,
        max_absent=quality.max_absent.fraction if daily and quality.max_absent is not None else None,
        max_closed=quality.max_closed.fraction if daily and quality.max_closed is not None else None,
        stationary=None if root is None else Stationarity(root.by, root.of, root.around, root.level.fraction),
    )


def standards(
    spec: FleetSpec, universes: Iterable[str], run: RunKind, session: date
) -> dict[tuple[str, str], Standard]:
    """:func:`standard` of every universe at every bar that its groups are fitted on, for a run."""
    at = None if run is RunKind.BACKTEST else session
    return {(name, bar): standard(spec, name, bar, at) for name in universes for bar in cadences(spec, name)}


def usable(spec: FleetSpec, universe: str, session: date) -> date:
    """The newest session of a universe whose bars are known in the night after ``session``: ``lag`` sessions back."""
    of = spec.universes[universe]
    lag = spec.data[of.data].lag
    return sessions_before(of.calendar, session, 0 if lag is None else lag.count)


def check_readings(spec: FleetSpec, lock: Lock, universe: str, report: Report) -> None:
    """Whether the lock holds what the quality gate judges a universe's series by."""
    for bar in sorted(cadences(spec, universe)):
        key = panel_key(spec.universes[universe].data, bar)
        names = {reading.name for reading in standard(spec, universe, bar, None).readings}
        members = lock.universes[universe] if key in lock.data else ()
        held = set.intersection(names, *(set(lock.data[key][name].found) for name in members))
        lacking = sorted(names - held)
        if lacking:
            report.add(
                meaning.LOCK_OUTDATED,
                f"the lock holds no '{lacking[0]}' of the series of universe '{universe}', by which they are judged",
                route=("quality",),
                key=True,
                help="lock the data as they are now: fleetspec lock SPEC",
            )
            return


def check_quality(spec: FleetSpec, lock: Lock, run: RunKind, session: date, report: Report) -> None:
    """Where the spec says ``on_fail: stop``, an error that names the series which fail."""
    if spec.quality.on_fail != "stop":
        return
    for (universe, bar), asked in standards(spec, sorted(spec.universes), run, session).items():
        held = lock.data[panel_key(spec.universes[universe].data, bar)]
        members = lock.universes[universe]
        judged = ((s.name, verdict(s, asked)) for s in map(held.__getitem__, members))
        failed = [f"{name}: {reason}" for name, reason in judged if reason is not None]
        if failed:
            shown = "; ".join(failed[:_SHOWN]) + ("; …" if len(failed) > _SHOWN else "")
            report.add(
                data.QUALITY_STOPS,
                f"{len(failed)} of {len(members)} series of universe '{universe}' fail at bars of {bar} ({shown})",
                route=("quality", "on_fail"),
                help="mend the data and lock again, leave the series out, or write on_fail: quarantine",
            )
