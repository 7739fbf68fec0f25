"""The quality gate of a spec: what it asks of the series of a universe, and which of the locked ones fail."""

from __future__ import annotations

from datetime import date

from fleetspec.compiler.lock import Lock, cadences, panel_key
from fleetspec.compiler.spec import FleetSpec
from fleetspec.diagnostics import Report
from fleetspec.panel.bars import newest_end
from fleetspec.panel.quality import Standard, verdict
from fleetspec.rules import data
from fleetspec.sessions import sessions_before
from fleetspec.units import BarSize

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


def usable(spec: FleetSpec, universe: str, session: date) -> date:
    """The newest session of a universe whose bars are known in the night after ``session``: ``lag`` sessions back."""
    of = spec.universes[universe]
    lag = spec.data[of.data].lag
    return sessions_before(of.calendar, session, 0 if lag is None else lag.count)


def check_quality(spec: FleetSpec, lock: Lock, session: date | None, report: Report) -> None:
    """Where the spec says ``on_fail: stop``, an error that names the series which fail. ``session`` as in
    :func:`standard`."""
    if spec.quality.on_fail != "stop":
        return
    for universe in sorted(spec.universes):
        for bar in sorted(cadences(spec, universe)):
            asked = standard(spec, universe, bar, session)
            held = lock.data[panel_key(spec.universes[universe].data, bar)]
            failed = {
                name: reason
                for name in lock.universes[universe]
                if (s := held[name]) and (reason := verdict(s.missing, s.bars, s.jump, s.last, asked)) is not None
            }
            if failed:
                shown = "; ".join(f"{name}: {reason}" for name, reason in list(failed.items())[:_SHOWN])
                more = "; …" if len(failed) > _SHOWN else ""
                report.add(
                    data.QUALITY_STOPS,
                    f"{len(failed)} of {len(lock.universes[universe])} series of universe '{universe}' fail at bars of "
                    f"{bar} ({shown}{more})",
                    route=("quality", "on_fail"),
                    help="mend the data and lock again, leave the series out, or write on_fail: quarantine",
                )
