"""What is done: the state of every job of a graph against the store, by content digest.

Two addresses may share one digest; the job then runs once, at its *first* index, and both are settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleetspec.compiler.jobgraph import Task
from fleetspec.runtime import segments
from fleetspec.runtime.store import DONE, QUARANTINED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.runtime.store import Store


class State(IntEnum):
    """A job's state. ``FAILED`` is never stored: the job is missing again for the next run."""

    MISSING = 0
    DONE = 1
    QUARANTINED = 2
    FAILED = 3


PARENT = "parent "
"""How the reason of a job begins that was quarantined for its parent's sake."""


@dataclass(eq=False)
class Ledger:
    """States of all jobs of ``graph``. Columns have one entry per job; only ``first`` jobs are ever run.

    ``segment`` is a code into ``segment_names``, -1 where the job has no rows; ``seconds`` are those of the run
    that computed it. ``reasons`` holds why a job is quarantined or failed, by first job.
    """

    graph: JobGraph
    first: NDArray[np.int64]
    state: NDArray[np.uint8]
    segment: NDArray[np.int64]
    segment_names: list[str]
    reasons: dict[int, str]

    @classmethod
    def load(cls, store: Store, graph: JobGraph) -> Ledger:
        """The store's rows, laid against the graph's digests."""
        rows = store.ledger()
        keys = segments.key_array(graph.digest)
        found = pc.index_in(keys, value_set=segments.key_array(segments.key_bytes(rows["digest"])))
        at = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        known = at >= 0
        state = np.zeros(len(graph), dtype=np.uint8)
        segment = np.full(len(graph), -1, dtype=np.int64)
        encoded = pc.dictionary_encode(rows["segment"]).combine_chunks()
        encoded = encoded if isinstance(encoded, pa.DictionaryArray) else pa.array([], pa.string()).dictionary_encode()
        if known.any():
            quarantined = pc.equal(rows["state"], QUARANTINED).to_numpy(zero_copy_only=False)
            codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
            state[known] = np.where(quarantined[at[known]], State.QUARANTINED, State.DONE)
            segment[known] = codes[at[known]]
        ledger = cls(graph, graph.first, state, segment, encoded.dictionary.to_pylist(), {})
        for job in np.flatnonzero((state == State.QUARANTINED) & (graph.first == np.arange(len(graph)))):
            ledger.reasons[int(job)] = rows["reason"][int(at[job])].as_py() or ""
        return ledger

    def missing(self) -> NDArray[np.int64]:
        """Jobs to run: one per digest that is neither done nor quarantined."""
        own = self.first == np.arange(len(self.graph))
        return np.flatnonzero(own & (self.state == State.MISSING))

    def settle(self, job: int, state: State, reason: str | None = None, segment: int = -1) -> None:
        """Enter the outcome of a first job."""
        self.state[job] = state
        self.segment[job] = segment
        if reason is not None:
            self.reasons[job] = reason

    def receive(self, rows: Sequence[LedgerRow], segment: int) -> int:
        """Enter what a bundle came to; how many of its jobs are quarantined."""
        jobs = np.fromiter((row.job for row in rows), dtype=np.int64, count=len(rows))
        self.state[jobs], self.segment[jobs] = State.DONE, segment
        wrong = [row for row in rows if row.state is not State.DONE]
        for row in wrong:
            self.settle(row.job, row.state, row.reason)
        return len(wrong)

    def add_segment(self, name: str) -> int:
        self.segment_names.append(name)
        return len(self.segment_names) - 1

    def spread(self) -> None:
        """Carry every first job's outcome over to the jobs that share its digest."""
        self.state = self.state[self.first]
        self.segment = self.segment[self.first]

    def tolerated(self) -> NDArray[np.bool_]:
        """Quarantined jobs of a backtest whose model is judged all the same, by its other windows: of no more of them
        than ``max_missing`` there is no forecast."""
        graph, out = self.graph, self.state[self.first] == State.QUARANTINED
        if not graph.max_missing or not out.any():
            return np.zeros(len(graph), dtype=bool)
        forecasts = graph.task == Task.FORECAST
        total, lost = (np.bincount(graph.model[of], minlength=len(graph.models)) for of in (forecasts, forecasts & out))
        judged = (lost < total) & (lost <= graph.max_missing * total)
        return np.asarray(out & judged[graph.model] & (graph.task != Task.EVALUATE))

    def holes(self, jobs: NDArray[np.integer]) -> dict[bytes, str]:
        """Windows that evaluations among ``jobs`` do without: digests of their quarantined parents, and the reasons."""
        graph = self.graph
        parents = parents_of(graph, jobs[graph.task[jobs] == Task.EVALUATE])
        found = {}
        for parent in map(int, parents[self.state[self.first[parents]] == State.QUARANTINED]):
            reason = self.reason(parent) or "no reason recorded"
            # Of `parent ADDRESS: reason` the reason alone: addresses have no blanks.
            found[graph.digest[parent].tobytes()] = reason.split(": ", 1)[-1] if reason.startswith(PARENT) else reason
        return found

    def reason(self, job: int) -> str | None:
        return self.reasons.get(int(self.first[job]))

    def inherited(self, job: int) -> tuple[State, str] | None:
        """The state and reason a job has from a parent that gave no result; None when it can run.

        A reason that came down from further up is handed on as it is, so it names the address where it began.
        """
        parents = self.graph.parents(job)
        states = self.state[self.first[parents]]
        beaten = bool((states == State.DONE).any())
        allowed = self._allowed(self.graph.task[job : job + 1], np.array([len(parents)]))[0]
        few = beaten and int((states == State.QUARANTINED).sum()) <= allowed
        for parent, code in zip(parents, states, strict=True):
            state = State(int(code))
            # A search goes on without the candidates that gave nothing: they have lost. A model is judged by its other
            # windows.
            lost = state is State.QUARANTINED and (few or (beaten and self.graph.task[parent] == Task.TRIAL))
            if state in (State.QUARANTINED, State.FAILED) and not lost:
                reason = self.reason(parent) or "no reason recorded"
                if not reason.startswith(PARENT):
                    reason = f"{PARENT}{self.graph.address(int(self.graph.model[parent]))}: {reason}"
                return state, reason
        return None

    def orphaned(self, jobs: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Which of ``jobs`` cannot run for want of a parent's result: of any; of all trials of a search; of more
        windows than an evaluation may do without."""
        graph = self.graph
        state = self.state[self.first[graph.parent_index]]
        trial = graph.task[graph.parent_index] == Task.TRIAL
        count = graph.parent_ptr[jobs + 1] - graph.parent_ptr[jobs]
        lost = self.parents_with(jobs, (state == State.QUARANTINED) & ~trial)
        lacking = (lost > self._allowed(graph.task[jobs], count)) | ((lost > 0) & (lost == count))
        lacking |= self.parents_with(jobs, state == State.FAILED) > 0
        trials = self.parents_with(jobs, trial)
        beaten = self.parents_with(jobs, trial & (state == State.QUARANTINED))
        return np.asarray(lacking | ((trials > 0) & (beaten == trials)))

    def _allowed(self, task: NDArray[np.uint8], parents: NDArray[np.integer]) -> NDArray[np.int64]:
        """How many of its parents each job may do without, all of them excepted."""
        windows = np.floor(self.graph.max_missing * parents + 1e-9)
        return np.where(task == Task.EVALUATE, windows, 0).astype(np.int64)

    def parents_with(self, jobs: NDArray[np.integer], marked: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many of each job's parents are marked; ``marked`` is over the graph's parents."""
        total = np.concatenate([[0], np.cumsum(marked)])
        return np.asarray(total[self.graph.parent_ptr[jobs + 1]] - total[self.graph.parent_ptr[jobs]])

    def parent_segments(self, jobs: NDArray[np.integer]) -> tuple[str, ...]:
        """File stems in which the parents' rows of ``jobs`` lie, sorted."""
        codes = np.unique(self.segment[self.first[parents_of(self.graph, jobs)]])
        return tuple(sorted(self.segment_names[code] for code in codes if code >= 0))


def parents_of(graph: JobGraph, jobs: NDArray[np.integer]) -> NDArray[np.int64]:
    """Parents of all ``jobs``, one after the other."""
    begins = graph.parent_ptr[jobs]
    counts = graph.parent_ptr[jobs + 1] - begins
    shift = np.repeat(begins - (np.cumsum(counts) - counts), counts)
    return graph.parent_index[shift + np.arange(len(shift))].astype(np.int64)


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One job's outcome, as :data:`segments.LEDGER` stores it."""

    job: int
    state: State
    seconds: float
    device: str
    slot: str
    reason: str | None = None
    note: str | None = None


def ledger_table(graph: JobGraph, rows: list[LedgerRow], run: str, segment: str | None) -> pa.Table:
    """Rows of a ledger segment. ``segment`` names the result files, None where there are none."""
    jobs = np.array([row.job for row in rows], dtype=np.int64)
    codes = graph.klass[jobs].tolist()
    classes = [graph.classes[code] for code in codes]
    # One text per class and task, not per row: a bundle has thousands of rows of one class.
    names = {code: graph.classes[code].name for code in set(codes)}
    labels = [task.label for task in Task]
    columns = [
        segments.key_array(graph.digest[jobs]),
        pa.array([DONE if row.state is State.DONE else QUARANTINED for row in rows], pa.string()),
        pa.array([row.reason for row in rows], pa.string()),
        pa.array([row.note for row in rows], pa.string()),
        pa.array([labels[task] for task in graph.task[jobs].tolist()], pa.string()),
        pa.array([names[code] for code in codes], pa.string()),
        pa.array([klass.family for klass in classes], pa.string()),
        pa.array([row.seconds for row in rows], pa.float64()),
        pa.array([klass.work for klass in classes], pa.float64()),
        pa.array([row.device for row in rows], pa.string()),
        pa.array([row.slot for row in rows], pa.string()),
        pa.array([run] * len(rows), pa.string()),
        pa.array([segment if row.state is State.DONE else None for row in rows], pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=segments.LEDGER)
