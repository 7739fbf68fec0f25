"""The store of a fleet: where results lie, who may write, and readers that need neither ray nor a driver.

``STORE/<fleet>/`` holds ``ledger/ fits/ trials/ forecasts/ evaluations/`` (Parquet segments, see :mod:`segments`),
``artifacts/<digest>.bin``, ``runs/run-0001.json``, ``measured.json`` and ``LOCK``.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleetspec.compiler.jobgraph import NONE, Task
from fleetspec.diagnostics import reject
from fleetspec.files import sync_folder, write_atomically
from fleetspec.objects import ObjectPath, is_object
from fleetspec.rules import running
from fleetspec.runtime import segments
from fleetspec.runtime.leases import leased

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph

DONE = "done"
QUARANTINED = "quarantined"
RELEASED = "released"
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM)


@dataclass(frozen=True, slots=True)
class Store:
    """Paths of one fleet's results under a store."""

    root: Path

    @classmethod
    def of(cls, store: Path, fleet: str) -> Store:
        return cls(store.resolve() / fleet)

    def folder(self, table: str) -> Path:
        return self.root / table

    def segment(self, table: str, name: str) -> Path:
        return self.root / table / f"{name}.parquet"

    def artifact(self, digest: str) -> Path:
        return self.root / "artifacts" / f"{digest}.bin"

    def record(self, run: str) -> Path:
        return self.root / "runs" / f"{run}.json"

    @property
    def journal(self) -> Path:
        """Where workers say which job they are at, and are told to stop: on a disk, also where the store is none. With
        a store in a bucket it is this machine's, and workers of other nodes have none to share."""
        if not is_object(self.root):
            return self.root / "journal"
        mark = hashlib.blake2b(str(self.root).encode(), digest_size=8).hexdigest()
        return Path(tempfile.gettempdir()) / f"fleetspec-{mark}" / "journal"

    @property
    def measured(self) -> Path:
        return self.root / "measured.json"

    def make(self) -> None:
        """Create the folders; raises FS508 where the place cannot hold a store."""
        try:
            for name in (*segments.TABLES, "artifacts", "runs"):
                self.folder(name).mkdir(parents=True, exist_ok=True)
            self.journal.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise reject(
                running.STORE_UNREADABLE,
                f"the store '{self.root}' cannot be made: {error.strerror or error}",
                help="name a folder that can be written with --store",
            ) from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only driver on this store; FS502 where another one is. A killed driver leaves nothing to clean."""
        self.make()
        if isinstance(self.root, ObjectPath):
            with leased(self.root):
                yield
            return
        with (self.root / "LOCK").open("a+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                handle.seek(0)
                owner = handle.read().strip() or "unknown"
                raise reject(
                    running.STORE_HELD,
                    f"another run (process {owner}) holds the store '{self.root}'",
                    help="wait until it ends, or give this run its own --store",
                ) from error
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """FS536 where the store cannot be written any more: the disk is full, or is no longer this user's to write."""
        try:
            yield
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            raise reject(
                running.STORE_UNWRITABLE,
                f"the store '{self.root}' cannot be written: {error.strerror}",
                help="make room there (`fleetspec gc`), or name another --store; what is done is kept, and the same "
                "command goes on from it",
            ) from error

    def next_run(self) -> str:
        """``run-0001``, ``run-0002`` and so on: counted, since a name must not depend on a clock."""
        return f"run-{max(self._runs(), default=0) + 1:04d}"

    def _runs(self) -> dict[int, Path]:
        """The record of each run, by its number."""
        return {run_number(path.stem): path for path in self.folder("runs").glob("run-[0-9]*.json")}

    def records(self) -> list[Path]:
        """The records of all runs, the oldest first."""
        return [path for _, path in sorted(self._runs().items())]

    def write_record(self, run: str, record: dict[str, Any]) -> None:
        content = json.dumps(record, sort_keys=True, indent=1, allow_nan=False) + "\n"
        write_atomically(self.record(run), content.encode())

    def clear_journal(self) -> None:
        """Remove what workers of a killed run left behind."""
        for path in self.journal.iterdir():
            path.unlink()

    def ledger_files(self) -> list[Path]:
        return sorted(self.folder("ledger").glob("[!.]*.parquet"))

    def ledger(self) -> pa.Table:
        """What is settled, one row per digest: done, or quarantined and not released since.

        A job that is both done and quarantined counts as done.
        """
        return _settled(self.ledger_rows())

    def releases(self) -> pa.Table:
        """Rows of jobs taken out of quarantine that have no result since, one per digest and run of the verdict."""
        return _releases(self.ledger_rows())

    def ledger_rows(self) -> pa.Table:
        """Every row of every ledger segment, as they were written."""
        for attempt in range(3):
            files = self.ledger_files()
            try:
                rows = [segments.read_segment(path) for path in files]
                break
            except FileNotFoundError:
                # A driver compacted the ledger between the listing and the reading: list again.
                if attempt == 2:
                    raise
            except (OSError, pa.ArrowException) as error:
                raise damaged(self.folder("ledger"), error) from error
        return pa.concat_tables(rows) if rows else segments.LEDGER.empty_table()

    def compact_ledger(self, run: str) -> None:
        """Put all ledger rows that count into one segment. Killed in between, both the old and the new rows are there:
        so releases are kept, which an old verdict must not outlive."""
        if len(self.ledger_files()) > 1:
            rows = self.ledger_rows()
            self.replace_ledger(f"all-{run}", pa.concat_tables([_settled(rows), _releases(rows)]))

    def replace_ledger(self, name: str, rows: pa.Table) -> None:
        """Write a segment that stands for all there are, then remove those."""
        files = self.ledger_files()
        segments.write_segment(self.segment("ledger", name), rows)
        for path in files:
            if path.stem != name:
                path.unlink()
        # What the old rows named may be removed next: they must not come back after a power cut.
        sync_folder(self.folder("ledger"))


def _settled(rows: pa.Table) -> pa.Table:
    released = rows.filter(pc.equal(rows["state"], RELEASED))
    if len(released):
        rows = rows.filter(pc.not_equal(rows["state"], RELEASED))
        beaten = pc.and_(pc.equal(rows["state"], QUARANTINED), pc.is_in(_verdict(rows), value_set=_verdict(released)))
        rows = rows.filter(pc.invert(beaten))
    return _one_per_digest(rows)


def _releases(rows: pa.Table) -> pa.Table:
    released = rows.filter(pc.equal(rows["state"], RELEASED))
    if not len(released):
        return released
    done = rows["digest"].filter(pc.equal(rows["state"], DONE)).combine_chunks()
    released = released.filter(pc.invert(pc.is_in(released["digest"], value_set=done)))
    verdicts = np.array(_verdict(released).to_pylist(), dtype=object)
    _, first = np.unique(verdicts, return_index=True) if len(verdicts) else (None, np.zeros(0, dtype=np.int64))
    return released.take(pa.array(np.sort(first)))


def _verdict(rows: pa.Table) -> pa.Array:
    """Which verdict a row is or takes back: the digest and the run that gave it."""
    digest, run = rows["digest"].cast(pa.binary()), rows["run"].cast(pa.binary())
    joined = pc.binary_join_element_wise(digest, run, b"/")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _one_per_digest(table: pa.Table) -> pa.Table:
    if len(table) == 0:
        return table
    ordered = table.take(pc.sort_indices(table, sort_keys=[("state", "ascending"), ("run", "ascending")]))
    keys = segments.key_bytes(ordered["digest"]).view("V16").ravel()
    _, first = np.unique(keys, return_index=True)
    return ordered.take(pa.array(np.sort(first)))


def damaged(path: Path, error: Exception) -> Exception:
    """What to raise (FS508) for a file of a store that cannot be read."""
    return reject(
        running.STORE_UNREADABLE,
        f"'{path}' cannot be read: {str(error).splitlines()[0]}",
        help="restore the file, or delete it: the jobs it held run again",
    )


def read_ledger(store: Path, fleet: str) -> pa.Table:
    """The ledger of a fleet, columns as in :data:`segments.LEDGER`; empty where there is no store."""
    return Store.of(store, fleet).ledger()


def done_keys(store: Path, fleet: str) -> NDArray[np.void]:
    """Digests, as 16-byte voids, of every settled job: done, or quarantined (same data, same verdict)."""
    return segments.key_bytes(read_ledger(store, fleet)["digest"]).view("V16").ravel()


def run_number(run: str) -> int:
    """9999 of ``run-9999``, which as text is after ``run-10000``; 0 of no run."""
    return int(run.removeprefix("run-") or 0)


def read_records(store: Path, fleet: str) -> list[dict[str, Any]]:
    """``runs/*.json`` in order: each holds ``run``, ``state``, ``plan`` and ``summary``;
    newer ones also ``began`` and ``ended`` (UTC).

    States are ``running`` (a killed run stays so), ``done``, ``interrupted`` and ``failed``.
    """
    records = []
    for path in Store.of(store, fleet).records():
        try:
            records.append(json.loads(path.read_text()))
        except (OSError, ValueError) as error:
            raise damaged(path, error) from error
    return records


def read_jobs(store: Path, graph: JobGraph, mask: NDArray[np.bool_] | None = None) -> pa.Table:
    """One row per job of the masked models: its address and window, joined to its ledger row.

    Columns ``address universe group family series horizon task window start end digest`` and those of the
    ledger; ``state`` is null where the job has not run. ``horizon`` is in bars, null for horizon-free models.
    """
    return _joined(graph, np.arange(len(graph))[_selected(graph, mask)], read_ledger(store, graph.fleet))


def read_quarantine(store: Path, graph: JobGraph, mask: NDArray[np.bool_] | None = None) -> pa.Table:
    """:func:`read_jobs`, quarantined ones only."""
    jobs = read_jobs(store, graph, mask)
    return jobs.filter(pc.equal(jobs["state"], QUARANTINED))


def read_fits(store: Path, graph: JobGraph, mask: NDArray[np.bool_] | None = None) -> pa.Table:
    """Fits of the masked models: address and window, then the columns of :data:`segments.FITS`.

    ``mask`` is over models (see ``compiler.select``); all of them when None.
    """
    return _results(store, graph, mask, Task.FIT, "fits")


def read_trials(store: Path, graph: JobGraph, mask: NDArray[np.bool_] | None = None) -> pa.Table:
    """Trials of the masked models' searches, one row per candidate and rung; columns of :data:`segments.TRIALS`."""
    return _results(store, graph, mask, Task.TRIAL, "trials")


def read_forecasts(store: Path, graph: JobGraph, mask: NDArray[np.bool_] | None = None) -> pa.Table:
    """Forecasts of the masked models, one row per prediction; columns of :data:`segments.FORECASTS`.

    The address's own ``series`` and ``horizon`` are left out: each prediction has its own. ``origin`` is a date where
    every bar ends with a session.
    """
    return segments.with_days(_results(store, graph, mask, Task.FORECAST, "forecasts"))


def read_evaluations(store: Path, graph: JobGraph, mask: NDArray[np.bool_] | None = None) -> pa.Table:
    """Evaluations of the masked models, one row per metric; columns of :data:`segments.EVALUATIONS`."""
    return _results(store, graph, mask, Task.EVALUATE, "evaluations")


def _results(store: Path, graph: JobGraph, mask: NDArray[np.bool_] | None, task: Task, table: str) -> pa.Table:
    """Rows of the jobs whose ledger row names the segment they lie in: anything else was never committed."""
    place = Store.of(store, graph.fleet)
    jobs = np.flatnonzero(_selected(graph, mask) & (graph.task == task))
    ledger = place.ledger()
    wanted = _joined(graph, jobs, ledger.filter(pc.equal(ledger["state"], DONE)))
    wanted = wanted.filter(pc.is_valid(wanted["segment"]))
    parts = []
    for name, here in _by_segment(wanted):
        path = place.segment(table, name)
        try:
            rows = segments.upgraded(segments.read_segment(path))
        except (OSError, pa.ArrowException) as error:
            raise damaged(path, error) from error
        parts.append(rows.filter(pc.is_in(rows["digest"], value_set=here)))
    schema = segments.TABLES[table]
    results = pa.concat_tables(parts) if parts else schema.empty_table()
    return _attach(wanted, results, schema)


def _by_segment(jobs: pa.Table) -> Iterator[tuple[str, pa.Array]]:
    """Names of segments and the digests of ``jobs`` that lie in each; looked at once, however many there are."""
    names = pc.dictionary_encode(jobs["segment"]).combine_chunks()
    if not len(jobs):
        return
    codes = names.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    keys = segments.key_bytes(jobs["digest"])[order]
    edges = np.searchsorted(codes[order], np.arange(len(names.dictionary) + 1))
    for code, name in enumerate(names.dictionary.to_pylist()):
        yield name, segments.key_array(keys[edges[code] : edges[code + 1]])


def _attach(jobs: pa.Table, results: pa.Table, schema: pa.Schema) -> pa.Table:
    """Every result row once per job that shares its digest, in job order, address columns first."""
    job_keys = segments.key_bytes(jobs["digest"]).view("V16").ravel()
    row_keys = segments.key_bytes(results["digest"]).view("V16").ravel()
    order = np.argsort(row_keys, kind="stable")
    low = np.searchsorted(row_keys[order], job_keys, side="left")
    counts = np.searchsorted(row_keys[order], job_keys, side="right") - low
    of_job = np.repeat(np.arange(len(job_keys)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = results.take(pa.array(order[np.repeat(low, counts) + within]))
    ours = set(schema.names)
    head = ["address", "universe", "group", "family", "series", "horizon", "window", "start", "end"]
    kept = jobs.select([name for name in head if name not in ours]).take(pa.array(of_job))
    for name in schema.names:
        kept = kept.append_column(name, rows[name])
    return kept


def _selected(graph: JobGraph, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    return np.ones(len(graph), dtype=bool) if mask is None else mask[graph.model]


def _joined(graph: JobGraph, jobs: NDArray[np.intp], ledger: pa.Table) -> pa.Table:
    """Address columns of ``jobs`` beside their ledger rows, nulls where there is none."""
    models = graph.models
    of = graph.model[jobs]
    unique, inverse = np.unique(of, return_inverse=True)
    pick = pa.array(inverse)
    setting, universe = pa.array(models.setting[of]), pa.array(models.universe[of])
    horizons = models.horizon[unique].tolist()
    described: dict[str, pa.Array] = {
        "address": pa.array(graph.addresses(unique), pa.string()).take(pick),
        "universe": pa.array(models.universes, pa.string()).take(universe),
        "group": pa.array([s.group for s in models.settings], pa.string()).take(setting),
        "family": pa.array([s.family.name for s in models.settings], pa.string()).take(setting),
        "series": pa.array([_series(graph, int(m)) for m in unique], pa.string()).take(pick),
        "horizon": pa.array([None if h == NONE else models.horizons[h] for h in horizons], pa.int32()).take(pick),
        "task": pa.array([t.label for t in Task]).take(pa.array(graph.task[jobs])),
        "window": pa.array(graph.window[jobs]),
        "start": pa.array(graph.start[jobs]),
        "end": pa.array(graph.end[jobs]),
    }
    table = pa.table(described)
    keys = segments.key_array(graph.digest[jobs])
    table = table.append_column(segments.LEDGER.field("digest"), keys)
    at = pc.index_in(keys, value_set=segments.key_array(segments.key_bytes(ledger["digest"])))
    for field in segments.LEDGER:
        if field.name not in table.column_names:
            table = table.append_column(field, ledger[field.name].take(at))
    return table


def _series(graph: JobGraph, model: int) -> str | None:
    code = int(graph.models.series[model])
    return None if code == NONE else graph.models.series_names[int(graph.models.universe[model])][code]
