"""What a run has to say for itself: counts, seconds as planned and as they were, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec.diagnostics import ExitCode
from fleetspec.rules import running
from fleetspec.runtime.bundles import lanes_of
from fleetspec.runtime.ledger import PARENT, State
from fleetspec.runtime.publishing import Publication
from fleetspec.units import Share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.diagnostics import Report
    from fleetspec.planner.plans import Plan
    from fleetspec.runtime.degrading import LeftOut
    from fleetspec.runtime.ledger import Ledger
    from fleetspec.runtime.tallies import Slow

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
    ``left_out`` is what the plan or a late night did without; its jobs are among the ``remaining``. ``slowest`` are the
    five jobs of it that took longest, one of a model and task.
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
    left_out: tuple[LeftOut, ...] = ()
    slowest: tuple[Slow, ...] = ()
    publication: Publication = field(default_factory=Publication)

    @property
    def outcome(self) -> ExitCode:
        """What became of the jobs: 130 interrupted, 1 when some failed, 6 above the quarantine threshold, else 0."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.failed:
            return ExitCode.ERROR
        return ExitCode.QUARANTINE if self.quarantined_share > self.max_quarantined else ExitCode.OK

    @property
    def exit_code(self) -> ExitCode:
        """The outcome; where it is good, 1 when forecasts could not be published and 4 when a gate holds some."""
        if self.outcome is not ExitCode.OK:
            return self.outcome
        if self.publication.failed is not None:
            return ExitCode.ERROR
        return ExitCode.POLICY if self.publication.holding else ExitCode.OK

    def to_json(self) -> dict[str, Any]:
        """Plain data, every number, floats rounded to a microsecond; and the exit code."""
        data = asdict(self) | {"exit_code": int(self.exit_code)}
        return {key: _plain(value) for key, value in data.items()}

    def tell(self, report: Report) -> None:
        """Add what a person must know: FS510 or FS511 for quarantine, FS512 for failed jobs, FS53x for forecasts."""
        if self.quarantined_models:
            above = self.quarantined_share > self.max_quarantined
            mend = "mend their data or the spec and lock again, leave them out, or raise max_quarantined"
            if self.kind == "backtest":
                mend += "; backtest.max_missing says how many windows a model may lack"
            report.add(
                running.TOO_MANY_QUARANTINED if above else running.SOME_QUARANTINED,
                f"{self.quarantined_models} of {self.models} models are quarantined "
                f"({Share.rounded(self.quarantined_share)}, max_quarantined is {Share(self.max_quarantined)})",
                help=mend
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
        for one in self.left_out:
            said = f"'{one.name}' was left out: {one.jobs} jobs of {one.models} models did not run, since "
            if one.at_seconds is None or one.end_seconds is None:
                said += "the plan keeps what is worth most within deadline and budget"
            else:
                said += f"at second {one.at_seconds:.0f} the night was to end {one.end_seconds:.0f} s after its start"
            report.add(running.LEFT_OUT, said, help="the same command later runs them")
        self.publication.tell(report)


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
    """Models with a quarantined job, over all addresses; in a backtest those of which too many windows have one."""
    return len(np.unique(ledger.graph.model[(ledger.state == State.QUARANTINED) & ~ledger.tolerated()]))


def address_of(graph: JobGraph, job: int) -> str:
    return graph.address(int(graph.model[job]))


def joined(parts: Iterable[str]) -> str:
    """Distinct texts in order, as one."""
    return ", ".join(dict.fromkeys(part for part in parts if part))


def class_runs(
    graph: JobGraph,
    plan: Plan,
    own: NDArray[np.bool_],
    ran: NDArray[np.bool_],
    state: NDArray[np.uint8],
    seconds: Mapping[int, float],
    places: Mapping[int, list[str]],
) -> tuple[ClassRun, ...]:
    """Every class in a run: ``own`` (jobs,) marks the first job of each digest, ``ran`` those that were missing;
    ``seconds`` inside jobs and ``places`` used are by class."""
    lanes = lanes_of(plan)
    lines = []
    for code, klass in enumerate(graph.classes):
        here = own & (graph.klass == code)
        settled = here & ran & (state != State.MISSING)
        planned = lanes.get(klass.name, [])
        total = sum(lane.jobs for lane in planned)
        each = sum(lane.jobs * lane.seconds_per_job for lane in planned) / total if total else 0.0
        lines.append(
            ClassRun(
                name=klass.name,
                group=klass.group,
                family=klass.family,
                task=klass.task.label,
                stage=klass.stage,
                jobs=int(here.sum()),
                ran=int(settled.sum()),
                reused=int(np.sum(here & ~ran)),
                quarantined=int(np.sum(here & (state == State.QUARANTINED))),
                predicted_seconds=each * int(settled.sum()),
                actual_seconds=seconds.get(code, 0.0),
                planned_on=joined(f"{lane.pool} {lane.slot}" for lane in planned),
                ran_on=joined(part for place in places.get(code, []) for part in place.split(", ")),
            )
        )
    return tuple(lines)
