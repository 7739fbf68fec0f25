"""Makes the events of a run from what the driver sees, and hands them to whoever listens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec.compiler.jobgraph import Task
from fleetspec.runtime import events
from fleetspec.runtime.bundles import seconds_by_class
from fleetspec.runtime.clock import now
from fleetspec.runtime.ledger import PARENT, Ledger, LedgerRow, State
from fleetspec.runtime.summary import address_of, joined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.planner.plans import Plan
    from fleetspec.runtime.bundles import Bundle
    from fleetspec.runtime.degrading import LeftOut
    from fleetspec.runtime.summary import RunSummary
    from fleetspec.runtime.worker import Receipt

UNPLANNED = "unplanned"
"""The pool of jobs that the plan has no lane for."""
_EVERY_SECONDS = 1.0
Listener = Callable[[events.Event], None]


class Teller:
    """Numbers events and gives each to ``listener``; without one nothing is made."""

    def __init__(self, graph: JobGraph, plan: Plan, listener: Listener | None) -> None:
        self._graph, self._plan, self._listener = graph, plan, listener
        self._number = 0
        self._run: str | None = None
        self._each = seconds_by_class(graph, plan) if listener is not None else []
        self._total = 0.0
        self._began = self._told = time.monotonic()

    def run_started(self, ledger: Ledger, run: str | None, executor: str, cores: int, limit: float) -> None:
        if self._listener is None:
            return
        graph, self._run = self._graph, run
        self._began = time.monotonic()
        own = ledger.first == np.arange(len(graph))
        count = {state: int(np.sum(own & (ledger.state == state))) for state in State}
        self._total = self._left(ledger)
        self._tell(
            events.RunStarted,
            kind=str(graph.run),
            session=graph.session.isoformat(),
            graph=graph.content,
            executor=executor,
            cores=cores,
            models=len(graph.models),
            jobs=int(own.sum()),
            missing=count[State.MISSING],
            reused=count[State.DONE],
            quarantined=count[State.QUARANTINED],
            max_quarantined=limit,
            planned_seconds=self._plan.end_seconds,
            deadline_seconds=self._plan.deadline_seconds,
            groups=self._groups(ledger, own),
        )

    def bundle_started(self, bundle: Bundle) -> None:
        self._of_bundle(events.BundleStarted, bundle, seconds=round(bundle.seconds, 6))

    def bundle_done(self, receipt: Receipt) -> None:
        if self._listener is None:
            return
        rows = receipt.rows
        done = sum(row.state is State.DONE for row in rows)
        self.quarantined(row for row in rows if row.state is not State.DONE)
        self._of_bundle(
            events.BundleDone,
            receipt.bundle,
            done=done,
            quarantined=len(rows) - done,
            seconds=round(sum(row.seconds for row in rows), 6),
            device=joined(row.device for row in rows),
        )

    def quarantined(self, rows: Iterable[LedgerRow]) -> None:
        if self._listener is None:
            return
        graph = self._graph
        for row in rows:
            klass, reason = graph.classes[int(graph.klass[row.job])], row.reason or ""
            self._tell(
                events.JobQuarantined,
                address=address_of(graph, row.job),
                universe=klass.universe,
                family=klass.family,
                task=klass.task.label,
                stage=klass.stage,
                window=int(graph.window[row.job]),
                digest=graph.hex(row.job),
                reason=reason,
                inherited=reason.startswith(PARENT),
            )

    def lost(self, bundle: Bundle, death: bool, cause: str) -> None:
        self._of_bundle(events.BundleLost, bundle, why="death" if death else "fault", cause=cause)

    def retried(self, bundle: Bundle, again: Iterable[Bundle], death: bool) -> None:
        jobs = sum(map(len, again))
        if jobs:
            self._of_bundle(events.Retry, bundle, jobs=jobs, why="death" if death else "fault")

    def given_up(self, bundle: Bundle, cause: str) -> None:
        self._of_bundle(events.JobsFailed, bundle, cause=cause)

    def left_out(self, found: Iterable[LeftOut]) -> None:
        for one in found:
            self._tell(
                events.LeftOut,
                name=one.name,
                models=one.models,
                jobs=one.jobs,
                end_seconds=one.end_seconds,
                deadline_seconds=self._plan.deadline_seconds,
            )

    def progressed(self, ledger: Ledger, left: NDArray[np.bool_] | None = None, **counts: Any) -> None:
        """``left`` marks jobs that do not run any more; ``counts`` are the fields of
        :class:`fleetspec.runtime.tallies.COUNTS`."""
        whole = counts["done"] >= counts["total"]
        if self._listener is None or (not whole and time.monotonic() - self._told < _EVERY_SECONDS):
            return
        self._told = time.monotonic()
        quarantined = ledger.state[ledger.first] == State.QUARANTINED
        models = len(np.unique(self._graph.model[quarantined & ~ledger.tolerated()]))
        eta = self._eta(self._left(ledger, left))
        self._tell(events.Progressed, quarantined_models=models, eta_seconds=eta, **counts)

    def run_ended(self, state: str, wall_seconds: float, summary: RunSummary | None) -> None:
        known: dict[str, Any] = {}
        if summary is not None:
            names = ("done", "quarantined", "newly_quarantined", "quarantined_models", "failed", "remaining")
            known = {name: getattr(summary, name) for name in names}
            # Here, as when the run began, without those that were quarantined before.
            known["reused"] = summary.reused - (summary.quarantined - summary.newly_quarantined)
            known |= {"fit_seconds": round(summary.fit_seconds, 6), "exit_code": int(summary.exit_code)}
        self._tell(events.RunEnded, state=state, wall_seconds=round(wall_seconds, 6), **known)

    def _tell(self, what: type[events.Event], /, **fields: Any) -> None:
        if self._listener is not None:
            self._number += 1
            made = what(time=now(), number=self._number, fleet=self._graph.fleet, run=self._run, **fields)
            self._listener(made)

    def _of_bundle(self, what: type[events.Event], bundle: Bundle, /, **fields: Any) -> None:
        klass = self._graph.classes[bundle.klass]
        known = {
            "bundle": bundle.name,
            "universe": klass.universe,
            "group": klass.group,
            "family": klass.family,
            "task": Task(klass.task).label,
            "stage": klass.stage,
            "pool": bundle.need.pool or UNPLANNED,
            "jobs": len(bundle),
        }
        self._tell(what, **known | fields)

    def _groups(self, ledger: Ledger, own: Any) -> tuple[events.Group, ...]:
        """Counts by universe, family and stage: few, however many jobs there are."""
        graph = self._graph
        counts: dict[tuple[str, str, int], list[int]] = {}
        for code, klass in enumerate(graph.classes):
            here = own & (graph.klass == code)
            row = counts.setdefault((klass.universe, klass.family, klass.stage), [0, 0, 0])
            for place, state in enumerate((State.MISSING, State.DONE, State.QUARANTINED)):
                row[place] += int(np.sum(here & (ledger.state == state)))
        return tuple(events.Group(*key, *row) for key, row in sorted(counts.items()))

    def _left(self, ledger: Ledger, left: NDArray[np.bool_] | None = None) -> float:
        """Predicted seconds of the jobs that are missing and still to run."""
        graph = self._graph
        own = ledger.first == np.arange(len(graph))
        own = own if left is None else own & ~left
        missing = graph.klass[own & (ledger.state == State.MISSING)]
        return float(np.bincount(missing, minlength=len(graph.classes)) @ np.array(self._each))

    def _eta(self, left: float) -> float | None:
        settled = self._total - left
        return None if settled <= 0 else round((time.monotonic() - self._began) * left / settled, 3)
