"""The driver of a run: what the store lacks is cut into bundles, run as it is released, and entered in the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.compiler.jobgraph import RunKind
from fleetspec.runtime.bundles import cut, part_of
from fleetspec.runtime.clock import now
from fleetspec.runtime.degrading import Degrader, LeftOut, left_by_plan
from fleetspec.runtime.executor import Death, Fault, Started, executor_of
from fleetspec.runtime.inputs import load_blocks, require_libraries
from fleetspec.runtime.interruption import Interruption
from fleetspec.runtime.ledger import Ledger, LedgerRow, State
from fleetspec.runtime.measured import write_measured
from fleetspec.runtime.publishing import publish, publishes
from fleetspec.runtime.releasing import Releases
from fleetspec.runtime.store import Store
from fleetspec.runtime.strikes import Strikes, Verdict
from fleetspec.runtime.summary import RunSummary, causes_of, class_runs, joined, quarantined_models
from fleetspec.runtime.tallies import COUNTS, Progress, Tally
from fleetspec.runtime.telling import Teller
from fleetspec.runtime.worker import Receipt, commit
from fleetspec.runtime.workload import workload_of
from fleetspec.units import Share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.runtime.bundles import Bundle
    from fleetspec.runtime.executor import Event, Executor
    from fleetspec.runtime.inputs import SeriesBlock
    from fleetspec.runtime.request import RunRequest
    from fleetspec.runtime.workload import Workload


_HOPELESS = 10
"""Faults in a row, or twice as many as there are cores, with no bundle stored between them, after which a run stops."""


def run(request: RunRequest) -> RunSummary:
    """Run what the store lacks of the graph. Raises Rejected for inputs that cannot be run (FS5xx).

    SIGINT or SIGTERM ends it early with ``interrupted`` set: what is done is in the store, and the same call
    later does the rest. Nothing is ever run twice, whatever ended the run before.
    """
    begun = time.perf_counter()
    store = Store.of(request.store, request.graph.fleet)
    with store.held(), store.writing():
        ledger = Ledger.load(store, request.graph)
        missing, left_out = _asked(ledger, request)
        run_ = _Run(request, store, ledger, missing, begun, left_out)
        run_.look()
        if not len(missing):
            return run_.nothing_to_do()
        require_libraries(request.graph, missing)
        return run_.execute()


def _asked(ledger: Ledger, request: RunRequest) -> tuple[NDArray[np.int64], list[LeftOut]]:
    """The missing jobs that a run is about, and what its plan does without."""
    missing = ledger.missing()
    if request.only is not None:
        missing = missing[request.only[missing]]
    if request.warm_up or not request.plan.left_out:
        return missing, []
    gone, told = left_by_plan(ledger, request.plan)
    return missing[~gone[missing]], told


@dataclass(eq=False)
class _Run:
    """One run in progress: the ledger, and what has been counted."""

    request: RunRequest
    store: Store
    ledger: Ledger
    missing: NDArray[np.int64]
    begun: float
    left_out: list[LeftOut] = field(default_factory=list)
    name: str | None = None
    cores: int = 0
    startup: float = 0.0
    seconds: dict[int, float] = field(default_factory=dict)
    places: dict[int, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    started: str = field(default_factory=now)
    blocks: dict[str, SeriesBlock] = field(default_factory=dict)
    settled: int = 0
    quarantined: int = 0
    looked: float = -1.0
    lost_in_a_row: int = 0
    halted: bool = False

    def __post_init__(self) -> None:
        self.teller = Teller(self.request.graph, self.request.plan, self.request.events)
        self.degrader = Degrader((), self.ledger, self.request.plan, self.missing, 0.0)
        self.tally = Tally(self.ledger, self.missing, self.degrader)

    def nothing_to_do(self) -> RunSummary:
        """The summary of a run that the store already holds."""
        self._tell_start()
        summary = self._published(self.summary(False))
        self.teller.run_ended("done", summary.wall_seconds, summary)
        return summary

    def execute(self) -> RunSummary:
        request, graph = self.request, self.request.graph
        work = self._workload()
        self.name = work.run
        self.store.clear_journal()
        self._record("running", None)
        executor = executor_of(request, work)
        self.cores = executor.cores
        # Workers of a killed driver live on for a second or two, and may have committed a bundle meanwhile.
        self.ledger = Ledger.load(self.store, graph)
        self.missing, self.left_out = _asked(self.ledger, request)
        strikes = Strikes(self.ledger)
        plan = request.plan
        self.degrader = Degrader(self._degraded(), self.ledger, plan, self.missing, plan.deadline_seconds)
        self.tally = Tally(self.ledger, self.missing, self.degrader)
        releases = Releases(self.ledger, plan, self.missing, self.degrader.left, executor.station)
        self._tell_start()
        self.teller.left_out(self.left_out)
        try:
            with Interruption() as asked:
                stopping = partial(self._stopping, asked)
                while self._release(releases, executor) and not stopping():
                    for event in executor.events(stopping):
                        self._enter(event, executor, strikes)
                        self._hurry(executor)
                        if not isinstance(event, Started) and not stopping():
                            self._release(releases, executor)
                        self._tell(releases.stage, releases.stages)
                    releases.drained()
                due, _ = _asked(self.ledger, request)
                interrupted = asked() and not self.degrader.left[due].all()
        except BaseException:
            self._record("failed", None)
            self.teller.run_ended("failed", time.perf_counter() - self.begun, None)
            raise
        finally:
            executor.close()
            self._tidy(work.run)
        summary = self._published(self.summary(interrupted))
        state = "interrupted" if interrupted else "done"
        self._record(state, summary)
        self.teller.run_ended(state, summary.wall_seconds, summary)
        return summary

    def _stopping(self, asked: Callable[[], bool]) -> bool:
        """Whether the run is to end: it was asked to, or nothing can be stored any more."""
        return asked() or self.halted

    def _tidy(self, run: str) -> None:
        """The ledger in one segment and the runtimes summed up: the next run does without where that fails."""
        try:
            self.store.compact_ledger(run)
            write_measured(self.store)
        except OSError as error:
            self.notes.append(f"the ledger is left in many segments: {error.strerror or error}")

    def _tell_start(self) -> None:
        limit = self.request.spec.quality.max_quarantined.fraction
        self.teller.run_started(self.ledger, self.name, self.request.executor, self.cores, limit)

    def look(self) -> None:
        """Read the data and hold them against the lock, also where nothing is missing: what the store has must still
        be what the data say. Bars that the lock does not know yet are said."""
        spec, graph = self.request.spec, self.request.graph
        used = [graph.models.universes[int(code)] for code in np.unique(graph.models.universe)]
        inputs = load_blocks(spec, self.request.lock, self.request.root, used)
        self.blocks = inputs.blocks
        for source, count in inputs.grown.items():
            have = "series has" if count == 1 else "series have"
            self.notes.append(f"data '{source}': {count} {have} bars newer than the lock; lock again to use them")

    def _published(self, summary: RunSummary) -> RunSummary:
        """The summary of a night with what came of publishing it. One that was broken off publishes what there is
        where the spec says what a late night does, else nothing."""
        request = self.request
        late = summary.interrupted and request.spec.schedule.on_miss is None
        part = request.only is not None and not (request.shard and summary.remaining == 0)
        if not publishes(request.graph.run) or part or request.warm_up or late:
            return summary
        why_not = None
        if summary.quarantined_share > summary.max_quarantined:
            share = Share.rounded(summary.quarantined_share)
            why_not = f"{share} of the fleet's models are quarantined: the night does not count"
        work = self._workload()
        return replace(
            summary,
            publication=publish(request.spec, work, self.ledger, request.root, request.store, why_not),
        )

    def _workload(self) -> Workload:
        request = self.request
        return workload_of(request.spec, request.graph, self.blocks, self.store.root, self.store.next_run())

    def _degraded(self) -> tuple[str, ...]:
        """What may be left out of this run: only nights are late."""
        request, missed = self.request, self.request.spec.schedule.on_miss
        night = request.graph.run is RunKind.NIGHTLY and request.only is None and not request.warm_up
        return missed.degrade if missed is not None and night else ()

    def _hurry(self, executor: Executor) -> None:
        """Leave out what the night is too late for. Looked at once a second."""
        wall = time.perf_counter() - self.begun
        if wall - self.looked < 1.0 or not self.seconds:
            return
        self.looked = wall
        found = self.degrader.decide(wall, self.startup)
        if found:
            self.teller.left_out(found)
            executor.withdraw(self._rest)

    def _rest(self, bundle: Bundle) -> Bundle | None:
        """A bundle without the jobs that are left out."""
        left = self.degrader.left[bundle.jobs]
        if not left.any():
            return bundle
        return None if left.all() else part_of(bundle, self.ledger, bundle.jobs[~left])

    def _release(self, releases: Releases, executor: Executor) -> bool:
        """Hand out what waits for nothing any more; whether there was anything."""
        while True:
            while fresh := releases.fresh():
                jobs = np.concatenate([self._inherit(jobs, number) for number, jobs in fresh])
                releases.queue(cut(self.ledger, self.request.plan, jobs, executor.width, executor.station))
            bundles = releases.next()
            kept = [rest for bundle in bundles if (rest := self._rest(bundle)) is not None]
            executor.submit(kept)
            if kept or not bundles:
                return bool(kept)

    def _inherit(self, jobs: NDArray[np.int64], number: int) -> NDArray[np.int64]:
        """Quarantine the jobs whose parents gave nothing; the others are ready to run."""
        orphaned = self.ledger.orphaned(jobs)
        rows = []
        for job in map(int, jobs[orphaned]):
            inherited = self.ledger.inherited(job)
            assert inherited is not None
            state, reason = inherited
            self.ledger.settle(job, state, reason)
            if state is State.QUARANTINED:
                rows.append(LedgerRow(job, state, 0.0, "cpu", "cpu", reason))
        self._quarantine(rows, f"inherited-{self.name}-{number}")
        self.teller.quarantined(rows)
        self.settled += int(orphaned.sum())
        return jobs[~orphaned]

    def _quarantine(self, rows: list[LedgerRow], segment: str) -> None:
        commit(self.store, self.ledger.graph, rows, self.name or "", segment)
        self.quarantined += len(rows)

    def _enter(self, event: Event, executor: Executor, strikes: Strikes) -> None:
        if isinstance(event, Started):
            self.teller.bundle_started(event.bundle)
        elif isinstance(event, Receipt):
            self._receive(event, executor)
        else:
            self._lose(event, executor, strikes)

    def _lose(self, event: Death | Fault, executor: Executor, strikes: Strikes) -> None:
        """A bundle came to nothing: some of it runs again, is quarantined, or is given up."""
        death = isinstance(event, Death)
        self.teller.lost(event.bundle, death, event.cause)
        if isinstance(event, Death):
            verdict = strikes.after_death(event.bundle, event.position)
        else:
            verdict = strikes.after_fault(event.bundle)
            self.lost_in_a_row += 1
            if self.lost_in_a_row >= max(_HOPELESS, 2 * self.cores):
                if not self.halted:
                    self.notes.append(f"stopped after {self.lost_in_a_row} faults in a row: {event.cause}")
                self.halted = True
                verdict = Verdict(give_up=(event.bundle,))
        for job in verdict.quarantine:
            reason = f"worker died twice at this job: {event.cause}"
            self.ledger.settle(job, State.QUARANTINED, reason)
            station = executor.station(event.bundle.need)
            row = LedgerRow(job, State.QUARANTINED, 0.0, station.label, station.slot, reason)
            self._quarantine([row], f"struck-{self.ledger.graph.hex(job)}")
            self.teller.quarantined([row])
            self.settled += 1
        for bundle in verdict.give_up:
            for job in map(int, bundle.jobs):
                self.ledger.settle(job, State.FAILED, event.cause)
            self.settled += len(bundle)
            self.teller.given_up(bundle, event.cause)
        self.teller.retried(event.bundle, verdict.again, death)
        executor.submit(kept for bundle in verdict.again if (kept := self._rest(bundle)) is not None)

    def _receive(self, receipt: Receipt, executor: Executor) -> None:
        segment = self.ledger.add_segment(receipt.bundle.name)
        klass = receipt.bundle.klass
        if not self.seconds:
            worked = sum(row.seconds for row in receipt.rows)
            self.startup = max(time.perf_counter() - self.begun - worked, 0.0)
        self.quarantined += self.ledger.receive(receipt.rows, segment)
        self.settled += len(receipt.rows)
        self.lost_in_a_row = 0
        self.tally.receive(receipt)
        self.seconds[klass] = self.seconds.get(klass, 0.0) + sum(row.seconds for row in receipt.rows)
        self.teller.bundle_done(receipt)
        station, need = executor.station(receipt.bundle.need), receipt.bundle.need
        used = joined(row.device if row.slot in ("cpu", "gpu") else f"{row.device} {row.slot}" for row in receipt.rows)
        self.places.setdefault(klass, []).append(used)
        if need.on_gpu and (station.slot != need.slot or "cpu" in used.split(", ")):
            self.notes.append(f"{self.ledger.graph.classes[klass].name}: planned on {need}, ran on {used}")

    def _tell(self, stage: int, stages: int) -> None:
        wall = time.perf_counter() - self.begun
        total = len(self.missing) - int(self.degrader.left.sum())
        groups, end = self.tally.look(wall, self.startup, last=self.settled >= total)
        now = Progress(
            self.name or "",
            stage,
            stages,
            self.settled,
            total,
            self.quarantined,
            sum(self.seconds.values()),
            wall,
            groups,
            end,
            self.request.plan.deadline_seconds,
        )
        if self.request.progress is not None:
            self.request.progress(now)
        counts = {name: getattr(now, name) for name in COUNTS}
        self.teller.progressed(self.ledger, self.degrader.left, **counts)

    def _record(self, state: str, summary: RunSummary | None) -> None:
        graph = self.request.graph
        record = {
            "run": self.name,
            "state": state,
            "began": self.started,
            "ended": None if state == "running" else now(),
            "kind": str(graph.run),
            "warm_up": self.request.warm_up,
            "session": graph.session.isoformat(),
            "graph": graph.content,
            "plan": self.request.plan.to_json(),
            "summary": None if summary is None else summary.to_json(),
        }
        self.store.write_record(self.name or "", record)

    def summary(self, interrupted: bool) -> RunSummary:
        """The numbers of the run, as of now."""
        graph, ledger = self.request.graph, self.ledger
        own = ledger.first == np.arange(len(graph))
        ran = np.zeros(len(graph), dtype=bool)
        ran[self.missing] = True
        state = ledger.state.copy()
        ledger.spread()
        share_of = quarantined_models(ledger)
        models = len(graph.models)
        wall, busy = time.perf_counter() - self.begun, sum(self.seconds.values())
        count = {s: int(np.sum(own & (state == s))) for s in State}
        done, spoilt = (int(np.sum(ran & (state == s))) for s in (State.DONE, State.QUARANTINED))
        return RunSummary(
            fleet=graph.fleet,
            kind=str(graph.run),
            session=graph.session.isoformat(),
            graph=graph.content,
            run=self.name,
            executor=self.request.executor,
            cores=self.cores,
            jobs=int(own.sum()),
            done=done,
            reused=count[State.DONE] + count[State.QUARANTINED] - done - spoilt,
            quarantined=count[State.QUARANTINED],
            newly_quarantined=spoilt,
            failed=count[State.FAILED],
            remaining=count[State.MISSING],
            models=models,
            quarantined_models=share_of,
            quarantined_share=share_of / models if models else 0.0,
            max_quarantined=self.request.spec.quality.max_quarantined.fraction,
            causes=causes_of(ledger, State.QUARANTINED),
            failures=causes_of(ledger, State.FAILED),
            wall_seconds=wall,
            fit_seconds=busy,
            overhead_seconds=max(wall * self.cores - busy, 0.0),
            startup_seconds=self.startup,
            classes=class_runs(graph, self.request.plan, own, ran, state, self.seconds, self.places),
            notes=tuple(dict.fromkeys(self.notes)),
            left_out=(*self.left_out, *self.degrader.told),
            slowest=self.tally.slowest(),
            interrupted=interrupted,
        )
