"""Looking into a store without running anything: counts of a run, result tables, one model. Needs no ray."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleetspec.compiler.jobgraph import NONE, Task
from fleetspec.files import write_atomically
from fleetspec.panel.series import stamp_text
from fleetspec.runtime import segments
from fleetspec.runtime import store as stored
from fleetspec.runtime.covariances import read_covariances
from fleetspec.runtime.ledger import PARENT
from fleetspec.runtime.publishing import published

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph, SearchSetting

_SHOWN_JOBS = 12
_SHOWN_CAUSES = 20
_SHOWN = {
    "forecasts": ("origin", "horizon", "quantity", "level", "value"),
    "fits": ("window", "observations", "log_likelihood", "params", "estimates"),
    "trials": ("window", "candidate", "params", "metric", "value", "seconds"),
    "evaluations": ("period", "metric", "horizon", "level", "value", "n"),
    "covariances": ("origin", "horizon", "series", "other", "covariance", "correlation"),
    "quarantine": ("task", "window", "reason"),
    "published": ("origin", "age", "horizon", "quantity", "level", "value", "state", "reason"),
}
_ALSO = {
    "forecasts": ("series",),
    "fits": ("converged",),
    "trials": ("reason",),
    "evaluations": (),
    "covariances": (),
    "quarantine": (),
    "published": ("series", "session", "known", "model", "fit", "fitted_to"),
}
"""In the JSON and not in the table: what most rows have alike, or what the address already says."""
_SPARSE = ("params", "period")
"""Shown where any row has them: parameters of a search, stretches of days."""
_NUMBERS = frozenset(
    {"window", "candidate", "horizon", "age", "level", "value", "n", "observations", "log_likelihood", "seconds"}
    | {"covariance", "correlation"}
)


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Rows of one table for the selected models."""

    name: str
    table: pa.Table
    models: int

    def to_json(self, limit: int) -> dict[str, Any]:
        """The first ``limit`` rows in the columns worth showing; NaN and infinity become null."""
        columns = [name for name in _SHOWN[self.name] if name not in _SPARSE or self._any(name)]
        if "other" not in columns and segments.paired(self.table):
            # A covariance is of two series, which its address does not name.
            columns = ["series", "other", *columns]
        rows = [{key: _plain(value) for key, value in row.items()} for row in self.table.slice(0, limit).to_pylist()]
        return {
            "table": self.name,
            "models": self.models,
            "total": len(self.table),
            "columns": columns,
            "numbers": [column for column in columns if column in _NUMBERS],
            "rows": [{name: row[name] for name in ("address", *_ALSO[self.name], *columns)} for row in rows],
        }

    def _any(self, name: str) -> bool:
        return name in self.table.column_names and self.table[name].null_count < len(self.table)


def results(store: Path, graph: JobGraph, mask: NDArray[np.bool_], name: str) -> Results:
    """Rows of one table for the masked models: ``forecasts``, ``fits``, ``trials``, ``evaluations``, ``covariances``,
    ``quarantine`` or ``published``."""
    readers = {
        "forecasts": stored.read_forecasts,
        "fits": stored.read_fits,
        "trials": stored.read_trials,
        "evaluations": stored.read_evaluations,
        "covariances": read_covariances,
        "quarantine": stored.read_quarantine,
        "published": lambda store, graph, mask: published(graph, mask, store),
    }
    return Results(name, readers[name](store, graph, mask), int(mask.sum()))


def export(table: pa.Table, path: Path) -> None:
    """Save all rows as ``.csv`` or ``.parquet``; nested columns become JSON text in a CSV."""
    from pyarrow import csv, parquet

    sink = pa.BufferOutputStream()
    if path.suffix == ".csv":
        flat = {name: _csv_column(table[name]) for name in table.column_names}
        csv.write_csv(pa.table(flat), sink)
    else:
        parquet.write_table(table, sink, compression="zstd")
    write_atomically(path, sink.getvalue().to_pybytes())


def run_status(store: Path, graph: JobGraph, mask: NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """Counts by state of a run's jobs (of the masked models), the last run that touched it, and why models are
    quarantined."""
    jobs = stored.read_jobs(store, graph, mask)
    state = np.array(jobs["state"].to_pylist(), dtype=object)
    records = [record for record in stored.read_records(store, graph.fleet) if record["kind"] == str(graph.run)]
    return {
        "kind": str(graph.run),
        "session": graph.session.isoformat(),
        "jobs": len(jobs),
        "done": int((state == stored.DONE).sum()),
        "quarantined": int((state == stored.QUARANTINED).sum()),
        "missing": int(sum(value is None for value in state)),
        "last": f"{records[-1]['run']}, {records[-1]['state']}" if records else None,
        "causes": _causes(jobs),
    }


def _causes(jobs: pa.Table) -> list[dict[str, Any]]:
    """Reasons in their own right, not those inherited from a parent; the most frequent first."""
    out = jobs.filter(pc.equal(jobs["state"], stored.QUARANTINED))
    counted: dict[str, list[str]] = {}
    for reason, address in zip(out["reason"].to_pylist(), out["address"].to_pylist(), strict=True):
        if not reason.startswith(PARENT):
            counted.setdefault(reason, []).append(address)
    ranked = sorted(counted.items(), key=lambda item: (-len(item[1]), item[0]))[:_SHOWN_CAUSES]
    return [{"reason": reason, "jobs": len(found), "address": found[0]} for reason, found in ranked]


def describe_model(store: Path, graph: JobGraph, model: int) -> dict[str, Any]:
    """One model: its settings, its jobs with their windows and digests, and what the store has of them."""
    models = graph.models
    setting = models.settings[int(models.setting[model])]
    series, horizon = int(models.series[model]), int(models.horizon[model])
    universe = int(models.universe[model])
    facts = [
        ("universe", models.universes[universe]),
        (
            "series",
            f"all {len(models.series_names[universe])}" if series == NONE else models.series_names[universe][series],
        ),
        ("horizon", "every one" if horizon == NONE else f"{models.horizons[horizon]} bars"),
        ("family", f"{setting.family.name} (version {setting.family.version}): {setting.family.summary}"),
        ("target", setting.target),
        ("parameters", " ".join(f"{name}={value}" for name, value in sorted(setting.params.items())) or "none"),
        ("features", " ".join(setting.features) or "none"),
        ("training window", f"{setting.train} bars, refit every {setting.refit}" if setting.family.fit else "none"),
        *_searched(setting.search),
        ("over", " ".join(setting.over) or "nothing"),
        ("model digest", models.digest[model].tobytes().hex()),
    ]
    mask = np.zeros(len(models), dtype=bool)
    mask[model] = True
    if setting.search is not None:
        facts.append(("chosen", _chosen(stored.read_fits(store, graph, mask))))
    rows = stored.read_jobs(store, graph, mask).to_pylist()
    indices = np.flatnonzero(graph.model == model)
    jobs = [
        {
            "task": Task(int(graph.task[job])).label,
            "window": f"{graph.start[job]} – {graph.end[job]}",
            "digest": graph.hex(int(job)),
            "parents": len(graph.parents(int(job))),
            "state": row["state"] or "missing",
            "reason": row["reason"],
        }
        for job, row in zip(indices[:_SHOWN_JOBS], rows, strict=False)
    ]
    return {
        "address": graph.address(model),
        "facts": [list(fact) for fact in facts],
        "jobs": jobs,
        "more": len(indices) - len(jobs),
    }


def _searched(search: SearchSetting | None) -> list[tuple[str, str]]:
    if search is None:
        return []
    space = ", ".join(f"{name} {json.loads(text)}" for name, text in search.space)
    rungs = " → ".join(f"{rung.trials} on {rung.share * 100:.3g} %" for rung in search.rungs)
    return [("search", f"every {search.every} bars by {search.metric}: {rungs} of the window; {space}")]


def _chosen(fits: pa.Table) -> str:
    """The parameters that a model's newest fit was made with."""
    if not len(fits):
        return "nothing yet"
    newest = fits.slice(len(fits) - 1)
    params = " ".join(f"{name}={value}" for name, value in newest["params"][0].as_py() or [])
    return f"{params} (window {newest['window'][0].as_py()})"


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        # Moments with a zone are in UTC; numpy knows none and would say so.
        return stamp_text(np.datetime64(value.replace(tzinfo=None), "s"))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return dict(value)
    return value


def _csv_column(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    if pa.types.is_fixed_size_binary(column.type):
        return pa.array([value.hex() for value in column.to_pylist()])
    if pa.types.is_nested(column.type):
        return pa.array([json.dumps(dict(value or [])) for value in column.to_pylist()])
    return column
