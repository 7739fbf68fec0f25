"""The bills of a fleet, each planned apart and never added up: this run, a steady night, the worst night, the backtest.

A *steady night* is the mean of the nights between two refits of everything: forecasts as often as they are due, fits
and searches shared out over the sessions between them. The *worst night* does all of them at once, in the shortest
window of the year ahead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from fleetspec.compiler.jobgraph import JobGraph, Task
from fleetspec.planner.planning import Outcome, solve
from fleetspec.planner.plans import Plan
from fleetspec.planner.problem import CapacityProblem, DemandClass
from fleetspec.units import BarSize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.spec import FleetSpec

REJECTED = "rejected"
"""The verdict of a run that is not even planned."""

Kind = Literal["this", "steady", "worst", "backtest", "month"]


@dataclass(frozen=True, slots=True)
class Bill:
    """What one kind of run comes to, in USD. ``end_seconds`` and ``deadline_seconds`` are None of what is a mean or a
    sum; ``cost_usd`` is None where no plan holds at all. ``jobs`` of a steady night is a mean."""

    kind: Kind
    what: str
    verdict: str
    cost_usd: float | None
    budget_usd: float | None
    jobs: int
    end_seconds: float | None
    deadline_seconds: float | None
    note: str


def of_plan(plan: Plan, kind: Kind, note: str) -> Bill:
    """The bill of a plan that is made: it is what the plan costs."""
    return Bill(
        kind=kind,
        what=plan.run,
        verdict=plan.verdict,
        cost_usd=plan.cost_usd if plan.stages or not plan.jobs else None,
        budget_usd=plan.budget_usd,
        jobs=plan.jobs,
        end_seconds=plan.end_seconds,
        deadline_seconds=float(plan.deadline_seconds),
        note=note,
    )


def steady(night: CapacityProblem, due: NDArray[np.float64]) -> Bill:
    """The mean night. ``night`` has every job, ``due`` (classes,) is the share of a class's jobs that a night has."""
    classes = tuple(_shared(one, float(share)) for one, share in zip(night.classes, due, strict=True))
    found = solve(replace(night, classes=classes))
    jobs = round(sum(one.jobs * float(share) for one, share in zip(night.classes, due, strict=True)))
    note = "a mean: every forecast that is due, and one night's share of fits and searches"
    return Bill("steady", "nightly", found.verdict, _cost(found), night.budget_usd, jobs, None, None, note)


def _shared(one: DemandClass, share: float) -> DemandClass:
    """A part of a class: whole jobs, of just the work of the part."""
    exact = one.jobs * share
    jobs = math.ceil(exact - 1e-9)
    if not jobs:
        return replace(one, jobs=0)
    factor = exact / jobs
    places = tuple(replace(place, seconds=place.seconds * factor) for place in one.placements)
    return replace(one, jobs=jobs, placements=places)


def worst(night: CapacityProblem, seconds: int, when: str) -> Bill:
    """All fits and searches in one night of ``seconds``; ``night`` has every job."""
    found = solve(replace(night, deadline_seconds=seconds))
    end = found.replay.end if found.replay is not None else None
    jobs = sum(one.jobs for one in night.classes)
    return Bill("worst", "nightly", found.verdict, _cost(found), night.budget_usd, jobs, end, float(seconds), when)


def worst_of(plan: Plan, seconds: int, when: str) -> Bill:
    """The same of a plan that has every job and ends in time in that night, too."""
    return replace(of_plan(plan, "worst", when), deadline_seconds=float(seconds))


def month(steady_night: Bill, budget: float, nights: int, which: str) -> Bill:
    """The nights of a month, each a steady one, against the month's budget."""
    note = f"{nights} steady nights, the sessions of {which}; no change, no backtest"
    cost = None if steady_night.cost_usd is None else steady_night.cost_usd * nights
    return Bill("month", "nightly", steady_night.verdict, cost, budget, steady_night.jobs * nights, None, None, note)


def rejected(kind: Kind, what: str, why: str) -> Bill:
    """In place of a run whose own checks say that it cannot be."""
    return Bill(kind, what, REJECTED, None, None, 0, None, None, why)


def _cost(found: Outcome) -> float | None:
    if found.replay is not None:
        return found.replay.cost_usd
    return None if found.land.classes else 0.0


def shares_due(graph: JobGraph, spec: FleetSpec) -> NDArray[np.float64]:
    """(classes,) the mean share of a class's jobs that one night has: 1 / the sessions from one to the next."""
    models = graph.models
    table = np.ones((len(Task), max(len(models.universes), 1), max(len(models.settings), 1)))
    for u, universe in enumerate(models.universes):
        for s, setting in enumerate(models.settings):
            sessions = BarSize.parse(setting.bar or str(spec.universes[universe].bar)).sessions
            bars = {Task.FIT: setting.refit, Task.FORECAST: setting.every}
            if setting.search is not None:
                bars[Task.TRIAL] = setting.search.every
            for task, every in bars.items():
                table[task, u, s] = 1 / max(every * sessions, 1.0)
    each = table[graph.task, models.universe[graph.model], models.setting[graph.model]]
    jobs = np.bincount(graph.klass, minlength=len(graph.classes))
    summed = np.bincount(graph.klass, weights=each, minlength=len(graph.classes))
    return np.divide(summed, jobs, out=np.ones(len(jobs)), where=jobs > 0)
