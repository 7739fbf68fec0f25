"""The quality gate of a spec: what it asks of the series of a universe, and which of the locked ones fail."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.lock import cadences, panel_key
from fleetspec.panel.bars import newest_end
from fleetspec.panel.quality import Standard, verdict
from fleetspec.rules import data
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
    quality = spec.quality
    jump = None if quality.max_jump is None else quality.max_jump.value
    if session is None or quality.stale_after is None:
        return Standard(quality.max_missing.fraction, jump)
    calendar = spec.universes[universe].calendar
    newest = newest_end(calendar, usable(spec, universe, session), BarSize.parse(bar))
    return Standard(quality.max_missing.fraction, jump, sessions_before(calendar, newest, quality.stale_after.count))


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


def check_quality(spec: FleetSpec, lock: Lock, run: RunKind, session: date, report: Report) -> None:
    """Where the spec says ``on_fail: stop``, an error that names the series which fail."""
    if spec.quality.on_fail != "stop":
        return
    for (universe, bar), asked in standards(spec, sorted(spec.universes), run, session).items():
        held = lock.data[panel_key(spec.universes[universe].data, bar)]
        members = lock.universes[universe]
        judged = ((s.name, verdict(s.missing, s.bars, s.jump, s.last, asked)) for s in map(held.__getitem__, members))
        failed = [f"{name}: {reason}" for name, reason in judged if reason is not None]
        if failed:
            shown = "; ".join(failed[:_SHOWN]) + ("; …" if len(failed) > _SHOWN else "")
            report.add(
                data.QUALITY_STOPS,
                f"{len(failed)} of {len(members)} series of universe '{universe}' fail at bars of {bar} ({shown})",
                route=("quality", "on_fail"),
                help="mend the data and lock again, leave the series out, or write on_fail: quarantine",
            )
