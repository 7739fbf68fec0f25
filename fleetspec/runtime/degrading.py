"""What a late night leaves out so that the rest is in time: ``schedule.on_miss.degrade``, in the order written; and
what a plan has left out before for its value.

What a name leaves out is not run tonight, nor is what rests on it. Its models forecast as any that have no result of
tonight do, by ``on_miss.forecast``. A forecast whose fit is done is made all the same: its work is behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec.compiler.check_schedule import FAR_HORIZONS, SEARCH
from fleetspec.compiler.jobgraph import NONE, Task
from fleetspec.runtime.bundles import seconds_by_class
from fleetspec.runtime.ledger import State

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.planner.plans import Plan
    from fleetspec.runtime.ledger import Ledger

    Mask = NDArray[np.bool_]

EVIDENCE = 0.05
"""The share of a night's predicted work after which its pace says how long the rest takes; before, only a deadline that
has passed is a reason."""
REASON = "left out to be in time"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One name of ``on_miss.degrade`` that was left out: how many ``jobs`` of how many ``models`` did not run for it,
    at which second of the run, and when the run would have ended; or a line of a plan that does without it, where both
    are None."""

    name: str
    models: int
    jobs: int
    at_seconds: float | None
    end_seconds: float | None


@dataclass(eq=False)
class Degrader:
    """Decides what is left out. ``missing`` are the jobs a run is about; ``deadline`` is in seconds of the run.
    ``left`` marks jobs (jobs,) that do not run any more; what was left out stays so until the run's end."""

    names: Sequence[str]
    ledger: Ledger
    plan: Plan
    missing: NDArray[np.int64]
    deadline: float
    told: list[LeftOut] = field(default_factory=list)

    def __post_init__(self) -> None:
        graph = self.ledger.graph
        self.left: Mask = np.zeros(len(graph), dtype=bool)
        self._each = np.array(seconds_by_class(graph, self.plan))[graph.klass]
        self._total = float(self._each[self.missing].sum())
        self._order = list(self.names)

    def decide(self, wall: float, startup: float) -> list[LeftOut]:
        """What has to go now that ``wall`` seconds have passed, ``startup`` of them before the first job: nothing while
        the rest, at the pace so far, ends before the deadline."""
        found = []
        while self._order:
            end = self.end(wall, startup)
            if end <= self.deadline:
                break
            name = self._order.pop(0)
            jobs = closed(self.ledger, jobs_of(self.ledger, name, self.left), self.left)
            if not jobs.any():
                continue
            self.left |= jobs
            for job in np.flatnonzero(jobs):
                self.ledger.reasons[int(job)] = f"{REASON} ({name})"
            models = _models(self.ledger, jobs)
            found.append(LeftOut(name, models, int(jobs.sum()), round(wall, 3), round(end, 3)))
        self.told += found
        return found

    def end(self, wall: float, startup: float) -> float:
        """When the run ends at the least: at the pace so far, or now where too little has been seen to say."""
        found = self.predicted(wall, startup)
        return wall if found is None else found

    def predicted(self, wall: float, startup: float) -> float | None:
        """When the run ends at the pace so far, in its seconds; None where too little has been seen to say."""
        open_ = self.ledger.state[self.missing] == State.MISSING
        each = self._each[self.missing]
        remaining = float(each[open_ & ~self.left[self.missing]].sum())
        settled, worked = self._total - float(each[open_].sum()), wall - startup
        if remaining == 0:
            return wall
        if settled <= EVIDENCE * self._total or worked <= 0:
            return None
        return wall + remaining * worked / settled


def closed(ledger: Ledger, jobs: Mask, without: Mask) -> Mask:
    """``jobs`` (jobs,) with what rests on them and is missing, stage by stage, less those that are ``without``; first
    jobs of their digests only."""
    graph = ledger.graph
    gone = without | jobs
    stage_of = np.array([klass.stage for klass in graph.classes])[graph.klass]
    for stage in range(1, int(stage_of.max(initial=0)) + 1):
        here = np.flatnonzero((stage_of == stage) & (ledger.first == np.arange(len(graph))))
        lacking = ledger.parents_with(here, gone[ledger.first[graph.parent_index]]) > 0
        gone[here[lacking & (ledger.state[here] == State.MISSING)]] = True
    return gone & ~without


def left_by_plan(ledger: Ledger, plan: Plan) -> tuple[Mask, list[LeftOut]]:
    """First jobs (jobs,) that are missing and that a plan does without, with what rests on them; and by line."""
    gone, told = np.zeros(len(ledger.graph), dtype=bool), []
    for line in plan.left_out:
        jobs = closed(ledger, _of_line(ledger, line.name) & ~gone, gone)
        if jobs.any():
            gone |= jobs
            told.append(LeftOut(line.name, _models(ledger, jobs), int(jobs.sum()), None, None))
    return gone, told


def left_by_run(ledger: Ledger, record: Mapping[str, Any]) -> list[tuple[str, Mask]]:
    """What the run of a record did without and is missing still: why, and first jobs (jobs,)."""
    found, nothing = [], np.zeros(len(ledger.graph), dtype=bool)
    for one in (record["summary"] or {}).get("left_out", ()):
        name, late = one["name"], one["at_seconds"] is not None
        jobs = jobs_of(ledger, name, nothing) if late else _of_line(ledger, name)
        why = f"{name}, of on_miss.degrade: the night was late" if late else f"{name}, for the value of the rest"
        found.append((f"{record['run']} left it out ({why})", closed(ledger, jobs, nothing)))
    return found


def _of_line(ledger: Ledger, name: str) -> Mask:
    """First jobs (jobs,) of a line (universe/group/family) that are missing."""
    graph = ledger.graph
    codes = [code for code, klass in enumerate(graph.classes) if klass.line == name]
    found: Mask = np.isin(graph.klass, codes) & (ledger.state == State.MISSING)
    found &= ledger.first == np.arange(len(graph))
    return found


def _models(ledger: Ledger, jobs: Mask) -> int:
    """How many models lack one of these first jobs."""
    return len(np.unique(ledger.graph.model[jobs[ledger.first]]))


def jobs_of(ledger: Ledger, name: str, without: Mask) -> Mask:
    """First jobs (jobs,) that are missing and that ``name`` leaves out: trials of all searches, or what groups or far
    horizons have left to fit, and to forecast without a fit. A job that something else asks for too is not among
    them."""
    graph = ledger.graph
    asked = _asked(graph, name)
    fitted = ledger.parents_with(np.arange(len(graph)), graph.task[graph.parent_index] == Task.FIT) > 0
    asked &= ~(fitted & (graph.task == Task.FORECAST))
    shared = np.zeros(len(graph), dtype=bool)
    shared[ledger.first[~asked]] = True
    found: Mask = asked & ~shared & (ledger.state == State.MISSING) & ~without
    found &= ledger.first == np.arange(len(graph))
    return found


def _asked(graph: JobGraph, name: str) -> Mask:
    models = graph.models
    if name == SEARCH:
        return np.asarray(graph.task == Task.TRIAL)
    if name == FAR_HORIZONS:
        bars = np.array(models.horizons)
        far = (models.horizon != NONE) & (bars[models.horizon] > bars.min())
    else:
        far = np.isin(models.setting, [i for i, setting in enumerate(models.settings) if setting.group == name])
    return np.asarray(far[graph.model])
