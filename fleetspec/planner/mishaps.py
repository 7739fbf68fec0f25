"""What falls first: the plan when data come late, and when one node of a pool cannot be had.

Where the plan at hand still holds, it is kept; else the run is planned again, and where no plan holds, what would not
end in time is read off the replay that comes closest. Nothing here assumes that anything can be left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fleetspec.planner.planning import Outcome, solve
from fleetspec.planner.plans import Plan, window_of
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.simulate import Replay
from fleetspec.planner.terrain import Terrain
from fleetspec.units import Duration

LATE = 3600
"""Seconds by which data are late."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Jobs of a class that are not done by the deadline, of how many."""

    name: str
    jobs: int
    of: int
    why: str


@dataclass(frozen=True, slots=True)
class Mishap:
    """One thing that goes wrong. Seconds count from the start of the run as it was meant to be; ``cost_usd`` is None
    where nothing runs. ``again`` says that it takes another plan than the one at hand; ``way_out`` is what would spare
    the run from it, where it does not hold."""

    what: str
    pool: str
    holds: bool
    again: bool
    end_seconds: float | None
    cost_usd: float | None
    lost: tuple[Lost, ...]
    way_out: str = ""


def mishaps(problem: CapacityProblem, plan: Plan, rests_on: Mapping[str, frozenset[str]]) -> tuple[Mishap, ...]:
    """Late data, and a node less of each pool that the plan uses, the worst first: what most jobs fall with, then what
    costs most more, then what ends last. ``rests_on`` has by class those it reads from."""
    if not plan.stages:
        return ()
    # On such a night it counts whether the run ends in time, not in how many others it would.
    problem = replace(problem, on_time=None)
    used = [pool.pool for pool in plan.pools if pool.peak_nodes]
    found = [_late(problem, plan), *(_node_less(problem, plan, name, rests_on) for name in used)]
    found = [one if one.holds else replace(one, way_out=_way_out(problem, plan, one)) for one in found]
    return tuple(sorted(found, key=lambda one: _weight(one), reverse=True))


def _weight(one: Mishap) -> tuple[bool, int, float, float]:
    """How bad a mishap is, as something to be ordered by."""
    return not one.holds, sum(part.jobs for part in one.lost), one.cost_usd or 0.0, one.end_seconds or 0.0


def _way_out(problem: CapacityProblem, plan: Plan, one: Mishap) -> str:
    """A change of the spec after which a mishap would not matter, in its words."""
    if any(part.why.startswith("runs on") for part in one.lost):
        gpu = next(pool.gpu for pool in problem.pools if pool.name == one.pool)
        kind = f"with GPUs that hold them, not {gpu} alone" if gpu else "of CPU nodes from another machine type or zone"
        return f"a second pool under hardware, {kind}"
    late = 0.0 if one.end_seconds is None else one.end_seconds - problem.deadline_seconds
    if late > 0:
        first = f"{'.'.join(window_of(plan.run))} {Duration(math.ceil(late / 60) * 60)} later"
        return f"{first}, or a pool more under hardware" if one.pool else first
    if one.cost_usd is not None and problem.budget_usd is not None and one.cost_usd > problem.budget_usd:
        return f"budget.{plan.run}: {math.ceil(one.cost_usd)} USD"
    return f"a later {'.'.join(window_of(plan.run))}, or a higher max of the pools that bind"


def _late(problem: CapacityProblem, plan: Plan) -> Mishap:
    what = f"data {LATE // 60} minutes late"
    if plan.end_seconds + LATE <= plan.deadline_seconds:
        return Mishap(what, "", True, False, plan.end_seconds + LATE, plan.cost_usd, ())
    window = problem.deadline_seconds - LATE
    if window <= problem.overhead_seconds:
        every = tuple(Lost(one.name, one.jobs, one.jobs, "no time is left") for one in problem.classes if one.jobs)
        return Mishap(what, "", False, False, None, None, every)
    found = solve(replace(problem, deadline_seconds=window), first=True)
    return _told(what, "", found, window, LATE)


def _node_less(problem: CapacityProblem, plan: Plan, name: str, rests_on: Mapping[str, frozenset[str]]) -> Mishap:
    left = next(pool.peak_nodes for pool in plan.pools if pool.pool == name) - 1
    what = f"one node of {name} less than the {left + 1} planned" if left else f"no node of {name} (1 planned)"
    pools = tuple(replace(pool, cap=min(pool.cap, left)) if pool.name == name else pool for pool in problem.pools)
    stranded: tuple[Lost, ...] = ()
    if left == 0:
        stranded = _stranded(problem, name, rests_on)
    gone = {one.name for one in stranded}
    kept = tuple(replace(one, jobs=0) if one.name in gone else one for one in problem.classes)
    found = solve(replace(problem, classes=kept, pools=pools), first=True)
    told = _told(what, name, found, problem.deadline_seconds, 0)
    return replace(told, holds=told.holds and not stranded, lost=(*stranded, *told.lost))


def _stranded(problem: CapacityProblem, name: str, rests_on: Mapping[str, frozenset[str]]) -> tuple[Lost, ...]:
    """Classes that run on no other pool, and those that read from them."""
    others = {pool.name for pool in problem.pools if pool.cap and pool.name != name}
    why = {
        one.name: f"runs on {name} only"
        for one in problem.classes
        if one.jobs and not any(place.pool in others for place in one.placements)
    }
    while more := {
        one.name: "reads what is missing"
        for one in problem.classes
        if one.jobs and one.name not in why and rests_on.get(one.name, frozenset()) & why.keys()
    }:
        why |= more
    return tuple(Lost(one.name, one.jobs, one.jobs, why[one.name]) for one in problem.classes if one.name in why)


def _told(what: str, pool: str, found: Outcome, deadline: float, shift: float) -> Mishap:
    replay, holds = found.replay, found.verdict == "feasible"
    if replay is None:
        every = tuple(Lost(one.name, one.jobs, one.jobs, "no plan was found") for one in found.land.classes)
        return Mishap(what, pool, holds, True, None, None, () if holds else every)
    lost = () if replay.end <= deadline else _unfinished(found.land, replay, deadline)
    return Mishap(what, pool, holds, True, replay.end + shift, replay.cost_usd, lost)


def _unfinished(land: Terrain, replay: Replay, deadline: float) -> tuple[Lost, ...]:
    """By class the jobs that have not ended at the deadline."""
    late: dict[int, int] = {}
    for stage in replay.stages:
        for one in stage.segments:
            if one.seconds > 0:
                done = np.floor((deadline - one.start) / one.seconds * (1 + 1e-9))
            else:
                done = np.where(one.start <= deadline, one.count, 0)
            missing = int((one.count - np.clip(done, 0, one.count)).sum())
            if missing:
                late[one.row] = late.get(one.row, 0) + missing
    rows = sorted(late, key=lambda row: (land.classes[row].stage, land.classes[row].name))
    return tuple(Lost(land.classes[row].name, late[row], land.classes[row].jobs, "ends too late") for row in rows)
