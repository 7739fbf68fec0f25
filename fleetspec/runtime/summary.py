"""What a run has to say for itself: counts, seconds as planned and as they were, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec.diagnostics import ExitCode
from fleetspec.rules import running
from fleetspec.runtime.ledger import PARENT, State
from fleetspec.units import Share

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.diagnostics import Report
    from fleetspec.runtime.ledger import Ledger

_CAUSES = 50


@dataclass(frozen=True, slots=True)
class ClassRun:
    """One job class in this run. ``predicted_seconds`` and ``actual_seconds`` are sums over the ``ran`` jobs;
    ``planned_on`` and ``ran_on`` name pool and slot, and what really was used."""

    name: str
    group: str
    family: str
    task: str
    stage: int
    jobs: int
    ran: int
    reused: int
    quarantined: int
    predicted_seconds: float
    actual_seconds: float
    planned_on: str
    ran_on: str


@dataclass(frozen=True, slots=True)
class Cause:
    """Why models are quarantined: a reason, how many jobs have it, and the first address among them."""

    reason: str
    jobs: int
    address: str


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in numbers. Counts are over unique jobs: addresses that share a digest share the job.

    ``run`` is None when nothing was missing. ``done`` counts jobs computed now, ``reused`` those settled before
    (quarantined ones among them), ``quarantined`` all quarantined jobs of the graph, ``failed`` jobs that are
    missing still for no fault of theirs. ``quarantined_share`` is over models: those with a quarantined job.
    ``fit_seconds`` are seconds inside jobs; ``overhead_seconds`` = wall seconds x cores - that. ``startup_seconds``
    passed before the first job began: data, cluster, workers and their imports, whatever the number of jobs.
    """

    fleet: str
    kind: str
    session: str
    graph: str
    run: str | None
    executor: str
    cores: int
    jobs: int
    done: int
    reused: int
    quarantined: int
    newly_quarantined: int
    failed: int
    remaining: int
    models: int
    quarantined_models: int
    quarantined_share: float
    max_quarantined: float
    causes: tuple[Cause, ...]
    failures: tuple[Cause, ...]
    wall_seconds: float
    fit_seconds: float
    overhead_seconds: float
    startup_seconds: float
    classes: tuple[ClassRun, ...]
    notes: tuple[str, ...]
    interrupted: bool

    @property
    def exit_code(self) -> ExitCode:
        """130 interrupted, 1 when jobs failed, 6 above the quarantine threshold, else 0."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.failed:
            return ExitCode.ERROR
        return ExitCode.QUARANTINE if self.quarantined_share > self.max_quarantined else ExitCode.OK

    def to_json(self) -> dict[str, Any]:
        """Plain data, every number, floats rounded to a microsecond; and the exit code."""
        data = asdict(self) | {"exit_code": int(self.exit_code)}
        return {key: _plain(value) for key, value in data.items()}

    def tell(self, report: Report) -> None:
        """Add what a person must know: FS510 or FS511 for quarantine, FS512 for failed jobs."""
        if self.quarantined_models:
            above = self.quarantined_share > self.max_quarantined
            report.add(
                running.TOO_MANY_QUARANTINED if above else running.SOME_QUARANTINED,
                f"{self.quarantined_models} of {self.models} models are quarantined "
                f"({Share(self.quarantined_share)}, max_quarantined is {Share(self.max_quarantined)})",
                help="mend their data or the spec and lock again, leave them out, or raise max_quarantined"
                if above
                else "the others are unharmed; `fleetspec results SPEC --table quarantine` lists them",
            )
        if self.failed:
            report.add(
                running.JOBS_FAILED,
                f"{self.failed} jobs failed outside their models"
                + (f": {self.failures[0].reason}" if self.failures else ""),
                help="run the same command again: what is missing runs",
            )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


def causes_of(ledger: Ledger, state: State) -> tuple[Cause, ...]:
    """Reasons in their own right (not inherited from a parent), the most frequent first, at most 50."""
    counted: dict[str, list[int]] = {}
    for job in sorted(ledger.reasons):
        reason = ledger.reasons[job]
        if ledger.state[job] == state and not reason.startswith(PARENT):
            counted.setdefault(reason, []).append(job)
    ranked = sorted(counted.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(Cause(reason, len(jobs), address_of(ledger.graph, jobs[0])) for reason, jobs in ranked[:_CAUSES])


def quarantined_models(ledger: Ledger) -> int:
    """Models with a quarantined job, over all addresses."""
    return len(np.unique(ledger.graph.model[ledger.state == State.QUARANTINED]))


def address_of(graph: JobGraph, job: int) -> str:
    return graph.address(int(graph.model[job]))


def joined(parts: Iterable[str]) -> str:
    """Distinct texts in order, as one."""
    return ", ".join(dict.fromkeys(part for part in parts if part))
