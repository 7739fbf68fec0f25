"""One model made again in this process from the locked data, and held against what the store has of it.

On a CPU every family repeats itself to the last bit on one machine, whatever else is in its bundle; a result from a GPU
is held against the tolerance that the family states.
"""

from __future__ import annotations

import math
import os
import struct
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleetspec.diagnostics import reject
from fleetspec.family import Rejection
from fleetspec.planner.problem import CPU_SLOT
from fleetspec.rules import running
from fleetspec.runtime import segments
from fleetspec.runtime import store as stored
from fleetspec.runtime.bundles import Need, make_bundle
from fleetspec.runtime.inputs import load_blocks, require_libraries
from fleetspec.runtime.ledger import PARENT, Ledger
from fleetspec.runtime.parents import read_parents
from fleetspec.runtime.store import Store
from fleetspec.runtime.tasks import Parents, run_job
from fleetspec.runtime.worker import Output, described, prepare, threads
from fleetspec.runtime.workload import Station, workload_of

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.runtime.tasks import Answer
    from fleetspec.runtime.workload import Workload

_SHOWN = 20
_ROUNDING = 1e-9
"""Differences below are of rounding: another processor, engine or version of a library gives such."""
_TIMES = frozenset({"digest", "seconds", "device"})
"""Columns that say nothing of a result."""


@dataclass(eq=False)
class _Remade:
    """Results of the model's own jobs so far: its later jobs build on these, not on the stored ones."""

    parents: Parents = field(default_factory=lambda: Parents({}, {}, {}, {}))
    keys: set[bytes] = field(default_factory=set)

    def over(self, theirs: Parents) -> Parents:
        mine = self.parents
        return Parents(
            {**theirs.fits, **mine.fits},
            {**theirs.forecasts, **mine.forecasts},
            {**theirs.trials, **mine.trials},
            {**theirs.chosen, **mine.chosen},
            {**theirs.holes, **mine.holes},
        )

    def add(self, key: bytes, answer: Answer) -> None:
        self.keys.add(key)
        here = Parents(
            {} if answer.fit is None else {key: answer.fit},
            {} if answer.forecasts is None else {key: answer.forecasts},
            {} if answer.trials is None else {key: answer.trials},
            {} if answer.chosen is None else {key: answer.chosen},
        )
        self.parents = _Remade(here).over(self.parents)


def reproduce(
    spec: FleetSpec, graph: JobGraph, lock: Lock, root: Path, store: Path, model: int, window: int | None = None
) -> dict[str, Any]:
    """Run the jobs of ``model`` again (of one window, where it is given) and compare them with the store.

    Raises Rejected: FS501 where the data are no longer the locked ones, FS513 where the store has nothing of them.
    """
    place = Store.of(store, graph.fleet)
    rows = _rows(store, graph, model, window)
    if not any(row["state"] for row in rows.values()):
        raise reject(
            running.NOTHING_TO_COMPARE,
            f"the store has no result of {graph.address(model)}" + ("" if window is None else f", window {window}"),
            help="apply the spec first; `fleetspec why` says what the model waits for",
        )
    require_libraries(graph, np.fromiter(rows, dtype=np.int64))
    universe = graph.models.universes[int(graph.models.universe[model])]
    blocks = load_blocks(spec, lock, root, [universe]).blocks
    work = workload_of(spec, graph, blocks, place.root, "reproduce")
    ledger, remade = Ledger.load(place, graph), _Remade()
    ledger.spread()
    jobs, differences = [], []
    try:
        for job, row in rows.items():
            entry, found = _job(work, ledger, remade, job, row)
            jobs.append(entry)
            differences += found
    except (OSError, pa.ArrowException) as error:
        raise stored.damaged(place.root, error) from error
    verdicts = {entry["verdict"] for entry in jobs}
    return {
        "address": graph.address(model),
        "kind": str(graph.run),
        "verdict": "differs" if "differs" in verdicts else "same" if verdicts & {"same", "within"} else "not compared",
        "rounding": bool(differences) and all((one["relative"] or 1.0) < _ROUNDING for one in differences),
        "jobs": jobs,
        "differences": differences[:_SHOWN],
        "more": max(len(differences) - _SHOWN, 0),
    }


def _rows(store: Path, graph: JobGraph, model: int, window: int | None) -> dict[int, dict[str, Any]]:
    """The ledger's rows of the model's jobs, by job, parents first."""
    mask = np.zeros(len(graph.models), dtype=bool)
    mask[model] = True
    rows = stored.read_jobs(store, graph, mask).to_pylist()
    jobs = np.flatnonzero(graph.model == model)
    return {int(job): row for job, row in zip(jobs, rows, strict=True) if window is None or row["window"] == window}


def _job(
    work: Workload, ledger: Ledger, remade: _Remade, job: int, row: dict[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One job made again: what is said of it, and where it differs."""
    entry: dict[str, Any] = {
        "task": row["task"], "window": row["window"], "stored": row["state"] or "missing", "verdict": "not compared",
        "why": _unfit(row), "tolerance": 0.0, "values": 0, "largest": 0.0, "seconds": 0.0,
    }  # fmt: skip
    if entry["why"] is not None:
        return entry, []
    tolerance = 0.0 if row["device"] == "cpu" else work.setting(job).family.profile.gpu_tolerance
    prepare(work, job)
    begun = time.perf_counter()
    answer = _answer(work, ledger, remade, job, row["device"])
    entry |= {"tolerance": tolerance, "seconds": round(time.perf_counter() - begun, 6)}
    if isinstance(answer, str) or row["state"] != stored.DONE:
        now = answer if isinstance(answer, str) else None
        pairs = iter([("ledger.reason", row["reason"], now)])
    else:
        remade.add(work.graph.digest[job].tobytes(), answer)
        pairs = _pairs(work, job, row, answer, exact=tolerance == 0)
    found = []
    for what, before, after in pairs:
        entry["values"] += 1
        apart = _apart(before, after)
        entry["largest"] = max(entry["largest"], apart)
        if apart > tolerance:
            found.append({"task": row["task"], "window": row["window"], "what": what, "stored": _plain(before),
                          "now": _plain(after), "relative": _plain(apart)})  # fmt: skip
    entry["verdict"] = "differs" if found else "same" if entry["largest"] == 0 else "within"
    entry["largest"] = _plain(entry["largest"])
    return entry, found


def _unfit(row: dict[str, Any]) -> str | None:
    """Why a job is not made again."""
    if row["state"] is None:
        return "it has not run"
    reason = row["reason"] or ""
    if row["state"] == stored.QUARANTINED and reason.startswith(PARENT):
        return "it is quarantined for its parent's sake"
    if row["state"] == stored.QUARANTINED and reason.startswith("worker died"):
        return "it killed its worker, and would kill this process"
    return None


def _answer(work: Workload, ledger: Ledger, remade: _Remade, job: int, device: str) -> Answer | str:
    """What the job gives now, on the threads it had; or the reason why it gives nothing."""
    cores = min(work.setting(job).family.profile.cores, os.cpu_count() or 1)
    station = Station("cpu" if device == "cpu" else "cuda", device, "cpu" if device == "cpu" else "gpu", cores)
    need = Need("", CPU_SLOT, "", cores, 0)
    bundle = make_bundle(ledger, int(work.graph.klass[job]), np.array([job]), need, 0.0)
    parents = remade.over(read_parents(work, bundle, remade.keys))
    try:
        with threads(cores), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return run_job(work, job, parents, station)
    except Rejection as rejection:
        return rejection.reason
    except Exception as error:
        return described(error)


def _pairs(
    work: Workload, job: int, row: dict[str, Any], answer: Answer, exact: bool
) -> Iterator[tuple[str, Any, Any]]:
    """Every number and text of a result with its name, as it is stored and as it is now."""
    output = Output(work.graph)
    output.add(job, answer)
    now = dict(output.tables())
    yield "ledger.note", row["note"], answer.note
    for table in (name for name in segments.TABLES if name != "ledger"):
        before = _stored(work.store, table, row)
        after = now[table].to_pylist() if table in now else []
        if len(before) != len(after):
            yield f"{table}: rows", len(before), len(after)
        for number, (old, new) in enumerate(zip(before, after, strict=False)):
            where = f"{table}[{number}]" if len(before) > 1 else table
            for column in (name for name in new if name not in _TIMES):
                yield from _cells(f"{where}.{column}", old[column], new[column])
    fit = answer.fit
    if exact and fit is not None and fit.artifact is not None:
        path = work.store.artifact(row["digest"].hex())
        yield "artifact", path.read_bytes() if path.exists() else None, fit.artifact


def _cells(where: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if not isinstance(new, list):
        yield where, old, new
        return
    before, after = dict(old or []), dict(new)
    for name in {**before, **after}:
        yield f"{where}[{name}]", before.get(name), after.get(name)


def _stored(place: Store, table: str, row: dict[str, Any]) -> list[dict[str, Any]]:
    path = place.segment(table, row["segment"] or "")
    if not path.exists():
        return []
    rows = segments.upgraded(segments.read_segment(path))
    found: list[dict[str, Any]] = rows.filter(pc.equal(rows["digest"], row["digest"])).to_pylist()
    return found


def _apart(before: Any, after: Any) -> float:
    """How far two values are apart: 0 for the same bits, the relative difference of two numbers, else infinity."""
    if not isinstance(before, float) or not isinstance(after, float):
        return 0.0 if type(before) is type(after) and before == after else math.inf
    if struct.pack("<d", before) == struct.pack("<d", after) or (math.isnan(before) and math.isnan(after)):
        return 0.0
    if not math.isfinite(before) or not math.isfinite(after):
        return math.inf
    # 0.0 and -0.0 differ in a bit and in nothing else: the smallest difference there is.
    return abs(before - after) / max(abs(before), abs(after), 5e-324) or 5e-324


def _plain(value: Any) -> Any:
    """A value as JSON may hold it: bytes as their number, dates as text, no infinity."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
