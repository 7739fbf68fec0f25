"""One bundle on a worker: jobs in order, each inside its own fence, then the segments, the ledger's last."""

from __future__ import annotations

import importlib
import importlib.util
import os
import struct
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fleetspec.family import Fit, Forecasts, Rejection
from fleetspec.files import write_atomically
from fleetspec.runtime import segments
from fleetspec.runtime.ledger import LedgerRow, State, ledger_table
from fleetspec.runtime.parents import read_parents
from fleetspec.runtime.store import DONE
from fleetspec.runtime.tasks import ParentLost, Parents, has_many, run_job, run_jobs
from fleetspec.runtime.trials import Trial, params_of

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.evaluation.metrics import Score
    from fleetspec.runtime.bundles import Bundle
    from fleetspec.runtime.store import Store
    from fleetspec.runtime.tasks import Answer
    from fleetspec.runtime.trials import Chosen
    from fleetspec.runtime.workload import Station, Workload

_LONGEST_REASON = 500
TOGETHER = -2
"""The position of a worker that runs all jobs of its bundle in one call."""
_BETWEEN = -1


@dataclass(frozen=True, slots=True)
class Receipt:
    """A bundle that is in the store: one row per job it ran (fewer than it holds only when it was stopped)."""

    bundle: Bundle
    rows: tuple[LedgerRow, ...]


class Journal:
    """The job a worker is at, in a file that outlives it: after its death only that job is suspect. In a call for a
    whole bundle it is at :data:`TOGETHER`."""

    _RECORD = struct.Struct("<24sq")

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def at(self, bundle: str, position: int) -> None:
        os.pwrite(self._handle, self._RECORD.pack(bundle.encode(), position), 0)

    def close(self) -> None:
        os.close(self._handle)

    @classmethod
    def told(cls, content: bytes, bundle: str) -> int | None:
        """The position in ``bundle`` at which a worker was by what its journal holds; None when it was at no job of
        that bundle."""
        if len(content) != cls._RECORD.size:
            return None
        name, position = cls._RECORD.unpack(content)
        return int(position) if name.decode() == bundle and position != _BETWEEN else None


def run_bundle(
    work: Workload,
    bundle: Bundle,
    station: Station,
    journal: Journal | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Receipt:
    """Run the jobs of a bundle and commit them. Whatever a job raises is its own reason, never the bundle's end.

    A family that can is called once for all jobs; if that call raises they are run one by one.

    Raises only for faults of the store or the machine: nothing of the bundle is then committed.
    """
    if len(bundle):
        prepare(work, int(bundle.jobs[0]))
    parents = read_parents(work, bundle)
    rows: list[LedgerRow] = []
    output = Output(work.graph)
    with threads(station.cores):
        for job, answer, seconds in _answers(work, bundle, parents, station, journal, stopping):
            if isinstance(answer, str):
                rows.append(LedgerRow(job, State.QUARANTINED, seconds, station.label, station.slot, answer))
            else:
                device = "cpu" if answer.device == "cpu" else station.label
                rows.append(LedgerRow(job, State.DONE, seconds, device, station.slot, None, answer.note))
                output.add(job, answer)
    if journal is not None:
        journal.at(bundle.name, _BETWEEN)
    commit(work.store, work.graph, rows, work.run, bundle.name, output)
    return Receipt(bundle, tuple(rows))


def prepare(work: Workload, job: int) -> None:
    """Once per process and outside the clock: importing a library takes longer than a hundred small fits."""
    setting = work.setting(job)
    for module in setting.family.needs:
        importlib.import_module(module)
    if setting.family.warm is not None:
        setting.family.warm(params_of(setting, None))


def threads(cores: int) -> AbstractContextManager[object]:
    """As many BLAS and OpenMP threads as the job holds cores, where the libraries' threads can be set.

    Not for speed alone: sums over another number of threads end in other last digits, and a job's result must
    not depend on where it ran.
    """
    controller = _pools(len(sys.modules))
    return nullcontext() if controller is None else controller.limit(limits=cores)


@lru_cache(maxsize=1)
def _pools(modules: int) -> Any:
    """The libraries of this process that have threads; None without threadpoolctl. Looking for them takes longer than
    many a bundle, so they are looked for again only once another module is there that may have brought one."""
    if importlib.util.find_spec("threadpoolctl") is None:
        return None
    return importlib.import_module("threadpoolctl").ThreadpoolController()


def _answers(
    work: Workload,
    bundle: Bundle,
    parents: Parents,
    station: Station,
    journal: Journal | None,
    stopping: Callable[[], bool],
) -> Iterator[tuple[int, Answer | str, float]]:
    """Each job with its answer, or the reason why it has none, and its seconds. A call for all jobs is shared out
    evenly: it is not known which of them took how long."""
    jobs = [int(job) for job in bundle.jobs]
    if bundle.together and len(jobs) > 1 and has_many(work, jobs[0]) and not stopping():
        if journal is not None:
            journal.at(bundle.name, TOGETHER)
        begun = time.perf_counter()
        answers = _fenced_many(work, jobs, parents, station)
        if answers is not None:
            seconds = (time.perf_counter() - begun) / len(jobs)
            for job, answer in zip(jobs, answers, strict=True):
                yield job, answer, seconds
            return
    for position, job in enumerate(jobs):
        if stopping():
            return
        if journal is not None:
            journal.at(bundle.name, position)
        begun = time.perf_counter()
        answer = _fenced(work, job, parents, station)
        yield job, answer, time.perf_counter() - begun


def _fenced(work: Workload, job: int, parents: Parents, station: Station) -> Answer | str:
    try:
        with warnings.catch_warnings():
            # A thousand convergence warnings on a worker's stderr reach nobody; Fit.converged does.
            warnings.simplefilter("ignore")
            return run_job(work, job, parents, station)
    except Rejection as rejection:
        return rejection.reason[:_LONGEST_REASON]
    except ParentLost:
        raise
    except Exception as error:
        return described(error)


def _fenced_many(work: Workload, jobs: list[int], parents: Parents, station: Station) -> list[Answer | str] | None:
    """None where the call raised: then one of the jobs is at fault, and one by one it gets its own reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = run_jobs(work, jobs, parents, station)
    except ParentLost:
        raise
    except Exception:
        return None
    return [answer.reason[:_LONGEST_REASON] if isinstance(answer, Rejection) else answer for answer in answers]


def described(error: Exception) -> str:
    """A reason made of an exception: its type and the first line it says."""
    text = str(error).strip().splitlines()
    return (f"{type(error).__name__}: {text[0]}" if text else type(error).__name__)[:_LONGEST_REASON]


class Output:
    """Result columns of a bundle, collected job by job."""

    def __init__(self, graph: JobGraph) -> None:
        self._graph = graph
        self._fits: list[tuple[int, Fit]] = []
        self._chosen: list[Chosen | None] = []
        self._trials: list[tuple[int, Trial]] | None = None
        self._forecasts: list[tuple[int, Forecasts]] = []
        self._scores: list[tuple[int, Score]] = []

    def add(self, job: int, answer: Answer) -> None:
        if answer.fit is not None:
            self._fits.append((job, answer.fit))
            self._chosen.append(answer.chosen)
        if answer.forecasts is not None:
            self._forecasts.append((job, answer.forecasts))
        self._scores += [(job, score) for score in answer.scores]
        if answer.trials is not None:
            # A rung with no candidate left for a job of it has rows of none, which is not to have lost them.
            self._trials = [] if self._trials is None else self._trials
            self._trials.extend((job, trial) for trial in answer.trials)

    def artifacts(self) -> Iterator[tuple[str, bytes]]:
        for job, fit in self._fits:
            if fit.artifact is not None:
                yield self._graph.hex(job), fit.artifact

    def tables(self) -> Iterator[tuple[str, pa.Table]]:
        if self._fits:
            yield "fits", self._fit_table()
        if self._trials is not None:
            yield "trials", self._trial_table(self._trials)
        if self._forecasts:
            yield "forecasts", self._forecast_table()
        if self._scores:
            yield "evaluations", self._score_table()

    def _keys(self, jobs: Iterable[int]) -> pa.Array:
        return segments.key_array(self._graph.digest[np.fromiter(jobs, dtype=np.int64)])

    def _fit_table(self) -> pa.Table:
        fits = [fit for _, fit in self._fits]
        return pa.Table.from_arrays(
            [
                self._keys(job for job, _ in self._fits),
                pa.array([fit.observations for fit in fits], pa.int64()),
                pa.array([float(fit.log_likelihood) for fit in fits], pa.float64()),
                pa.array([fit.converged for fit in fits], pa.bool_()),
                pa.array(
                    [[(name, float(value)) for name, value in fit.estimates.items()] for fit in fits],
                    segments.FITS.field("estimates").type,
                ),
                pa.array([0 if fit.artifact is None else len(fit.artifact) for fit in fits], pa.int64()),
                pa.array([fit.device for fit in fits], pa.string()),
                pa.array(
                    [None if chosen is None else sorted(chosen.items()) for chosen in self._chosen],
                    segments.FITS.field("params").type,
                ),
            ],
            schema=segments.FITS,
        )

    def _trial_table(self, tried: list[tuple[int, Trial]]) -> pa.Table:
        trials = [trial for _, trial in tried]
        return pa.Table.from_arrays(
            [
                self._keys(job for job, _ in tried),
                pa.array([trial.candidate for trial in trials], pa.int32()),
                pa.array([sorted(trial.params.items()) for trial in trials], segments.TRIALS.field("params").type),
                pa.array([trial.metric for trial in trials], pa.string()),
                pa.array([trial.value for trial in trials], pa.float64()),
                pa.array([trial.seconds for trial in trials], pa.float64()),
                pa.array([trial.reason and trial.reason[:_LONGEST_REASON] for trial in trials], pa.string()),
            ],
            schema=segments.TRIALS,
        )

    def _forecast_table(self) -> pa.Table:
        whole = Forecasts.joined(forecasts for _, forecasts in self._forecasts)
        jobs = np.repeat([job for job, _ in self._forecasts], [len(forecasts) for _, forecasts in self._forecasts])
        return pa.Table.from_arrays(
            [
                self._keys(jobs),
                pa.array(whole.series.tolist(), pa.string()),
                pa.array(whole.origin.astype("datetime64[s]"), pa.timestamp("s")),
                pa.array(whole.horizon, pa.int32()),
                pa.array(whole.quantity.tolist(), pa.string()),
                pa.array(whole.level, pa.float64()),
                pa.array(whole.value, pa.float64()),
                pa.nulls(len(whole), pa.string())
                if whole.other is None
                else pa.array([name or None for name in whole.other.tolist()], pa.string()),
            ],
            schema=segments.FORECASTS,
        )

    def _score_table(self) -> pa.Table:
        scores = [score for _, score in self._scores]
        return pa.Table.from_arrays(
            [
                self._keys(job for job, _ in self._scores),
                pa.array([score.metric for score in scores], pa.string()),
                pa.array([score.horizon for score in scores], pa.int32()),
                pa.array([score.level for score in scores], pa.float64()),
                pa.array([float(score.value) for score in scores], pa.float64()),
                pa.array([score.n for score in scores], pa.int64()),
                pa.array([score.period or None for score in scores], pa.string()),
            ],
            schema=segments.EVALUATIONS,
        )


def commit(
    store: Store, graph: JobGraph, rows: list[LedgerRow], run: str, segment: str, output: Output | None = None
) -> None:
    """Write artifacts, result rows and, last, the ledger rows that make them exist."""
    if not rows:
        return
    if output is not None:
        for digest, content in output.artifacts():
            write_atomically(store.artifact(digest), content)
        for table, columns in output.tables():
            segments.write_segment(store.segment(table, segment), columns)
    segments.write_segment(store.segment("ledger", segment), ledger_table(graph, rows, run, segment))


def receipt_from_store(work: Workload, bundle: Bundle) -> Receipt | None:
    """The receipt of a bundle that was committed by a worker which then died; None where it was not in this run."""
    path = work.store.segment("ledger", bundle.name)
    if not path.exists():
        return None
    # An earlier run may have left a segment of that name, with verdicts that were taken back since.
    found = {row["digest"]: row for row in segments.read_segment(path).to_pylist() if row["run"] == work.run}
    if not found:
        return None
    rows = []
    for job in map(int, bundle.jobs):
        row = found.get(work.graph.digest[job].tobytes())
        if row is not None:
            state = State.DONE if row["state"] == DONE else State.QUARANTINED
            rows.append(LedgerRow(job, state, row["seconds"], row["device"], row["slot"], row["reason"], row["note"]))
    return Receipt(bundle, tuple(rows))
