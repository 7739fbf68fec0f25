"""Where the time before the deadline goes: the seconds of a plan, one after the other, and what is left of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleetspec.planner.plans import Lane, Plan, PoolUse, StagePlan

Kind = Literal["startup", "wait", "boot", "run", "slack"]

WORTH = 1e-3
"""Share of the time until the plan's end below which a step is no row of its own."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the window from ``start_seconds`` on. The steps of a plan follow each other without a gap, and end at
    the deadline; where the plan is late, the last one, its slack, is negative."""

    kind: Kind
    what: str
    start_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class _Mark:
    """Up to which moment a stage does what."""

    kind: Kind
    what: str
    until: float


def waterfall(plan: Plan) -> tuple[Step, ...]:
    """The window from the start to the deadline in steps, in the order of time: startup, then boot and run of each
    stage, then slack.

    Where stages overlap, a stage has the time from the end of those that began before it on. What is shorter than
    :data:`WORTH` of the time until the plan's end is no step but part of the one before it, so the steps fill the
    window all the same.
    """
    if not plan.stages:
        return ()
    clock = float(plan.overhead_seconds)
    begun: list[tuple[Kind, str, float]] = [("startup", "admission, Ray's head, image", 0.0)]
    for stage in sorted(plan.stages, key=lambda stage: (stage.start_seconds, stage.stage)):
        for mark in _marks(plan, stage):
            worth = mark.until - clock >= WORTH * plan.end_seconds
            if worth and begun[-1][:2] != (mark.kind, mark.what):
                begun.append((mark.kind, mark.what, clock))
            clock = max(clock, mark.until)
    begun.append(("slack", "until the deadline", clock))
    ends = [*(start for _, _, start in begun[1:]), float(plan.deadline_seconds)]
    return tuple(Step(*one, end - one[2]) for one, end in zip(begun, ends, strict=True))


def _marks(plan: Plan, stage: StagePlan) -> tuple[_Mark, ...]:
    """What a stage does, moment by moment: its jobs, but where the node that works last in it boots."""
    name = f"{stage.stage} {stage.title}"
    lane = _last(plan, stage)
    if lane is None:
        return (_Mark("wait", name, stage.start_seconds), _Mark("run", name, stage.end_seconds))
    called = next((_called(use, stage) for use in stage.pools if use.pool == lane.pool), stage.start_seconds)
    lanes = [other for other in plan.lanes if (other.stage, other.pool) == (lane.stage, lane.pool)]
    longest = max(lanes, key=lambda one: (one.jobs * one.seconds_per_job / max(one.width, 1), one.klass))
    run = f"{name}, {'mostly ' * (len(lanes) > 1)}{longest.klass.rpartition('/')[0]}"
    return (
        _Mark("wait", name, stage.start_seconds),
        _Mark("run", run, called),
        _Mark("boot", f"{lane.pool} for {name}", called + stage.boot_seconds),
        _Mark("run", run, stage.end_seconds),
    )


def _last(plan: Plan, stage: StagePlan) -> Lane | None:
    """The line of the lane table that a stage ends with; of several the one with most work."""
    lanes = [lane for lane in plan.lanes if lane.stage == stage.stage]
    return max(lanes, key=lambda lane: (lane.end_seconds, lane.jobs * lane.seconds_per_job, lane.klass), default=None)


def _called(use: PoolUse, stage: StagePlan) -> float:
    """When a stage first calls for nodes of a pool."""
    return max(use.start_seconds, stage.start_seconds)
