"""The data of a fleet held against its ``quality``: a finding for each series and check, and the worst of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetspec.compiler.given import NOTHING, Given
from fleetspec.diagnostics import ExitCode, Report

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.compiler.lock import Lock, LockedSeries
    from fleetspec.panel.quality import Standard
    from fleetspec.panel.readings import Reading
    from fleetspec.pipeline import Read

_BOTH_TESTS = ("adf", "kpss")


def inspect(
    path: Path,
    run: RunKind,
    session: date | None,
    report: Report,
    given: Given = NOTHING,
    *,
    fresh: bool = False,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Any]:
    """Every series of every universe at every bar, judged for a run of a spec.

    As it was locked; ``fresh`` reads the data as they are now, needs no lock, and takes every reading there is, so that
    a limit can be chosen. Rejected where the spec cannot be read, or lock or data cannot be had.
    """
    from fleetspec import pipeline
    from fleetspec.compiler.lower import default_session
    from fleetspec.compiler.standards import standards

    around = pipeline.world()
    read = pipeline.read(path, around, report, given)
    lock = pipeline.lock(read, around, tell, _every_reading()) if fresh else _locked(read, report)
    night = session or default_session(read.spec, lock)
    panels = [
        _panel(read, lock, universe, bar, standard)
        for (universe, bar), standard in standards(read.spec, sorted(read.spec.universes), run, night).items()
    ]
    quality = read.spec.quality
    return {
        "fleet": read.spec.name,
        "run": run.value,
        "session": night.isoformat(),
        "data": "now" if fresh else "locked",
        "on_fail": quality.on_fail,
        "max_quarantined": quality.max_quarantined.fraction,
        "panels": panels,
        "series": sum(panel["series"] for panel in panels),
        "failed": sum(panel["failed"] for panel in panels),
    }


def verdict_of(data: dict[str, Any]) -> ExitCode:
    """Whether so many series fail that a run would not count, or none may."""
    most = 0.0 if data["on_fail"] == "stop" else data["max_quarantined"]
    return ExitCode.QUARANTINE if data["failed"] > most * data["series"] else ExitCode.OK


def _locked(read: Read, report: Report) -> Lock:
    from fleetspec.compiler.checks import check_against_lock
    from fleetspec.compiler.lock import lock_path, read_lock

    lock = read_lock(lock_path(read.path), report)
    if lock is not None:
        check_against_lock(read.spec, lock, report)
    report.locate(read.document)
    report.require()
    assert lock is not None, "a lock that is not there is in the report"
    return lock


def _every_reading() -> list[Reading]:
    """All that can be measured here: tests of unit roots only where statsmodels is installed."""
    from importlib.util import find_spec

    from fleetspec.panel.readings import BY_CALENDAR, Reading

    plain = [Reading("flat"), *map(Reading, BY_CALENDAR)]
    tests = _BOTH_TESTS if find_spec("statsmodels") is not None else ()
    return [*plain, *(Reading(test, "returns", "constant") for test in tests)]


def _panel(read: Read, lock: Lock, universe: str, bar: str, standard: Standard) -> dict[str, Any]:
    from fleetspec.compiler.lock import panel_key
    from fleetspec.panel.quality import findings

    held = lock.data[panel_key(read.spec.universes[universe].data, bar)]
    members = [held[name] for name in lock.universes[universe]]
    found = [
        {"series": one.name, "check": each.check, "reason": each.reason}
        for one in members
        for each in findings(one, standard)
    ]
    failing: dict[str, int] = {}
    for one in found:
        failing[one["check"]] = failing.get(one["check"], 0) + 1
    return {
        "universe": universe,
        "bar": bar,
        "series": len(members),
        "failed": len({one["series"] for one in found}),
        "checks": [row | {"failed": failing.get(row["check"], 0)} for row in _checks(members, standard)],
        "findings": found,
    }


def _checks(members: list[LockedSeries], standard: Standard) -> Iterable[dict[str, Any]]:
    """Of every check: what is asked, and the worst that is known of any series. Null for what is not asked or known."""
    from fleetspec.panel.quality import Stationarity
    from fleetspec.panel.readings import REPEATED, Reading

    def reading(name: str) -> list[tuple[float, str]]:
        return [(value, one.name) for one in members if (value := one.found.get(name)) is not None]

    def row(check: str, limit: Any, values: list[tuple[float, str]], least: bool = False) -> dict[str, Any]:
        worst = (min if least else max)(values, key=lambda pair: pair[0], default=(None, None))
        return {"check": check, "limit": limit, "worst": worst[0], "worst_series": worst[1]}

    rows = {one.name: one.bars + one.missing for one in members}
    yield row(
        "max_missing", standard.max_missing, [(one.missing / max(rows[one.name], 1), one.name) for one in members]
    )
    yield row("max_jump", standard.max_jump, [(one.jump, one.name) for one in members if one.jump is not None])
    ended = sorted((one.last, one.name) for one in members if one.last is not None)
    yield {
        "check": "stale_after",
        "limit": None if standard.oldest is None else standard.oldest.isoformat(),
        "worst": ended[0][0].isoformat() if ended else None,
        "worst_series": ended[0][1] if ended else None,
    }
    again = [(one.found.get(REPEATED) or 0.0, one.name) for one in members]
    yield row("max_repeated", standard.max_repeated, [(n / max(rows[name] + n, 1), name) for n, name in again])
    yield row("max_flat", standard.max_flat, reading("flat"))
    yield row("max_absent", standard.max_absent, reading(Reading("absent", standard.calendar).name))
    yield row("max_closed", standard.max_closed, reading(Reading("closed", standard.calendar).name))
    asked = standard.stationary or Stationarity((), "returns", "constant", 0.0)
    for test in _BOTH_TESTS:
        limit = asked.level if test in asked.by else None
        values = reading(asked.reading(test).name)
        # The larger its p-value, the nearer a unit root by one test; the smaller, by the other.
        yield row(f"unit_root.{test}", limit, values, least=test == "kpss") | {"of": asked.of}
