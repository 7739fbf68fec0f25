"""Problems in which some classes wait for some others: drawn ones with edges from a seed, and one by hand."""

from __future__ import annotations

import random
from dataclasses import replace

from capacity_problems import cpu_pool, drawn, job_class, problem

from fleetspec.planner.problem import CapacityProblem


def waiting(seed: int, share: float = 0.4) -> CapacityProblem:
    """A drawn problem whose classes wait for some classes of earlier stages, each with a chance of ``share``."""
    posed, rng = drawn(seed), random.Random(1000 + seed)
    return replace(
        posed,
        classes=tuple(
            replace(one, after=tuple(x.name for x in posed.classes if x.stage < one.stage and rng.random() < share))
            for one in posed.classes
        ),
    )


def with_barriers(posed: CapacityProblem) -> CapacityProblem:
    """The same with each stage waiting for all of those before."""
    return replace(posed, classes=tuple(replace(one, after=None) for one in posed.classes))


def with_edge(posed: CapacityProblem, seed: int) -> CapacityProblem | None:
    """One more class waited for; None where all wait for all there are."""
    free = [
        (at, other.name)
        for at, one in enumerate(posed.classes)
        for other in posed.classes
        if other.stage < one.stage and other.name not in (one.after or ())
    ]
    if not free:
        return None
    at, name = random.Random(seed).choice(free)
    classes = list(posed.classes)
    classes[at] = replace(classes[at], after=(*(classes[at].after or ()), name))
    return replace(posed, classes=tuple(classes))


def crossing(deadline: int = 150) -> CapacityProblem:
    """Two chains on two pools of one node of one core. a: 100 s on x, then 20 s on y; b: 20 s on y, then 80 s on y.

    Stage after stage it takes 100 + 100 s; by chains y works without a pause, 20 + 80 + 20 s.
    """
    classes = [
        job_class("a/g/f/fit", 10, 0, x=10.0),
        job_class("b/g/f/fit", 2, 0, y=10.0),
        replace(job_class("a/g/f/forecast", 2, 1, y=10.0), after=("a/g/f/fit",)),
        replace(job_class("b/g/f/forecast", 8, 1, y=10.0), after=("b/g/f/fit",)),
    ]
    classes = [one if one.after is not None else replace(one, after=()) for one in classes]
    return problem(classes, [cpu_pool("x", 1.0, 1, 1), cpu_pool("y", 2.0, 1, 1)], deadline)
