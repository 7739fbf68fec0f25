"""Where the time before the deadline goes: the seconds of a plan, one after the other, and what is left of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleetspec.planner.plans import Plan

Kind = Literal["startup", "wait", "boot", "run", "slack"]


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the window from ``start_seconds`` on. The steps of a plan follow each other without a gap, and end at
    the deadline; where the plan is late, the last one, its slack, is negative."""

    kind: Kind
    what: str
    start_seconds: float
    seconds: float


def waterfall(plan: Plan) -> tuple[Step, ...]:
    """The window from the start to the deadline in steps: startup, then boot and run of each stage, then slack.

    Where stages overlap, a stage has the time from the end of those that began before it on.
    """
    if not plan.stages:
        return ()
    clock = float(plan.overhead_seconds)
    steps = [Step("startup", "admission, Ray's head, image", 0.0, clock)]
    for stage in sorted(plan.stages, key=lambda stage: (stage.start_seconds, stage.stage)):
        ready = stage.start_seconds + stage.boot_seconds
        marks: list[tuple[Kind, float]] = [("wait", stage.start_seconds), ("boot", ready), ("run", stage.end_seconds)]
        for kind, until in marks:
            if until > clock:
                steps.append(Step(kind, f"{stage.stage} {stage.title}", clock, until - clock))
                clock = until
    steps.append(Step("slack", "until the deadline", clock, plan.deadline_seconds - clock))
    return tuple(steps)
