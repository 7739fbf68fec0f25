"""A model inventory: one row for each universe × group × family of fleets, from their specs, locks and stores."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetspec.compiler.given import Given
from fleetspec.diagnostics import Report

if TYPE_CHECKING:
    from fleetspec.compiler.approvals import Approvals
    from fleetspec.compiler.jobgraph import GroupFamily, JobGraph
    from fleetspec.pipeline import Compiled
    from fleetspec.runtime.register import Key, LastRun

COLUMNS = (
    *("fleet", "owner", "tier", "universe", "group", "family", "purpose", "description", "models"),
    *("data_source", "data_until", "data_version", "code_version", "model_version"),
    *("last_fit", "last_forecast", "last_backtest", "backtest_outcome"),
    *("validated_on", "validation_outcome", "validated_by", "validation_record"),
)
"""Of a row, in order. Dates of runs are the sessions they were for; versions are digests, 16 digits of them."""


def inventory(
    specs: Sequence[Path],
    session: date | None,
    store: Path,
    approvals: Path | None,
    today: date | None,
    report: Report,
    given: Given,
) -> dict[str, Any]:
    """The rows of all specs, each spec's in the order of its file. Validations that have expired are said to have."""
    rows = [row for spec in specs for row in _rows(spec, session, store, approvals, today, report, given)]
    return {"columns": list(COLUMNS), "rows": rows, "models": sum(row["models"] for row in rows)}


def as_csv(data: dict[str, Any]) -> str:
    """The rows with a header. Texts that a spreadsheet would take for a formula begin with an apostrophe."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(data["columns"])
    for row in data["rows"]:
        writer.writerow([_cell(row[name]) for name in data["columns"]])
    return sink.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def _rows(
    path: Path,
    session: date | None,
    store: Path,
    approvals: Path | None,
    today: date | None,
    report: Report,
    given: Given,
) -> Iterable[dict[str, Any]]:
    from fleetspec.compiler.approvals import NAME, read_approvals
    from fleetspec.looking import every_run
    from fleetspec.runtime.register import last_runs, tested

    compiled, *others = (one for one, _ in every_run(path, session, store, report, given))
    said = read_approvals(approvals or path.parent / NAME, report, required=approvals is not None)
    report.require()
    fleet = compiled.read.spec.name
    runs = last_runs(store, fleet)
    outcomes = {key: outcome for other in others for key, outcome in tested(store, other.graph).items()}
    day = today or compiled.session
    for key, models in _keys([compiled, *others]).items():
        yield _row(compiled, key, models, runs, outcomes.get(key)) | _validation(said, fleet, key[2], day)


def _keys(sides: Sequence[Compiled]) -> dict[Key, list[tuple[JobGraph, int]]]:
    """Every key, with its settings' first model in the graph that has it."""
    import numpy as np

    found: dict[Key, list[tuple[JobGraph, int]]] = {}
    for side in sides:
        graph = side.graph
        models = graph.models
        blocks = models.universe.astype(np.int64) * max(len(models.settings), 1) + models.setting
        here: dict[Key, list[tuple[JobGraph, int]]] = {}
        for block, first in zip(*(part.tolist() for part in np.unique(blocks, return_index=True)), strict=True):
            setting = models.settings[block % len(models.settings)]
            key = models.universes[block // len(models.settings)], setting.group, setting.family.name
            here.setdefault(key, []).append((graph, first))
        found = here | found
    return found


def _row(
    compiled: Compiled,
    key: Key,
    firsts: list[tuple[JobGraph, int]],
    runs: dict[tuple[Key, str], LastRun],
    outcome: str | None,
) -> dict[str, Any]:
    spec, (universe, group, family) = compiled.read.spec, key
    settings = [graph.models.settings[graph.models.setting[first]] for graph, first in firsts]
    models, version = _models(firsts)
    source = spec.data[spec.universes[universe].data]
    until, data = _data(compiled, universe, settings)
    backtest = runs.get((key, "evaluate"))
    return {
        "fleet": spec.name,
        "owner": spec.owner,
        "tier": spec.tier,
        "universe": universe,
        "group": group,
        "family": family,
        "purpose": settings[0].target.replace("_", " "),
        "description": settings[0].family.summary,
        "models": models,
        "data_source": source.from_,
        "data_until": until,
        "data_version": data,
        "code_version": f"{family} {settings[0].family.version}",
        "model_version": version,
        "last_fit": _session(runs.get((key, "fit"))),
        "last_forecast": _session(runs.get((key, "forecast"))),
        "last_backtest": _session(backtest),
        "backtest_outcome": outcome,
    }


def _session(run: LastRun | None) -> str | None:
    return None if run is None else run.session or run.run


def _models(firsts: list[tuple[JobGraph, int]]) -> tuple[int, str]:
    """How many models a row stands for, and a digest of all of theirs: settings, family version, axes and over."""
    import numpy as np

    graph = firsts[0][0]
    models = graph.models
    chosen = np.zeros(len(models), dtype=bool)
    for _, first in firsts:
        chosen |= (models.universe == models.universe[first]) & (models.setting == models.setting[first])
    return int(chosen.sum()), hashlib.blake2b(models.digest[chosen].tobytes(), digest_size=8).hexdigest()


def _data(compiled: Compiled, universe: str, settings: Iterable[GroupFamily]) -> tuple[str | None, str]:
    """The last day of a row's locked series, and a digest of what they hold."""
    from fleetspec.compiler.lock import panel_key

    spec, lock = compiled.read.spec, compiled.lock
    own = spec.universes[universe]
    keys = sorted({panel_key(own.data, one.bar or str(own.bar)) for one in settings})
    members = set(lock.universes.get(universe, ()))
    series = [(key, one) for key in keys for name, one in sorted(lock.data.get(key, {}).items()) if name in members]
    last = max((one.last for _, one in series if one.last is not None), default=None)
    content = "\n".join(f"{key} {one.name} {one.digest}" for key, one in series)
    return None if last is None else last.isoformat(), hashlib.blake2b(content.encode(), digest_size=8).hexdigest()


def _validation(approvals: Approvals, fleet: str, family: str, day: date) -> dict[str, Any]:
    """The newest validation of a family for a fleet, or for all."""
    found = [one for one in approvals.said.validations if one.family == family and one.fleet in ("*", fleet)]
    last = max((one for one in found if one.on <= day), key=lambda one: one.on, default=None)
    if last is None:
        return dict.fromkeys(("validated_on", "validation_outcome", "validated_by", "validation_record"))
    ended = f", expired on {last.expires}" if last.expires is not None and last.expires < day else ""
    return {
        "validated_on": last.on.isoformat(),
        "validation_outcome": last.outcome + ended,
        "validated_by": last.by,
        "validation_record": last.record,
    }
