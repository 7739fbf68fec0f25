"""One order of pools and classes, whatever they are called and however a spec lists them.

Solvers take one of several answers that are as good by the order of columns, and so do the searches after them. Planned
in this order, a problem has the same cost and end under other names. What cannot be told apart by its figures is taken
by name: exchanging the two changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fleetspec.planner.plans import Plan
from fleetspec.planner.problem import CapacityPool, CapacityProblem, DemandClass

Key = tuple[Any, ...]


def canonical(problem: CapacityProblem) -> CapacityProblem:
    """The problem with pools and classes in the order of their figures."""
    kin: dict[str, list[Key]] = {}
    for pool in problem.pools:
        kin.setdefault(pool.spec_name, []).append(_pool(pool))
    pools = sorted(problem.pools, key=lambda pool: (sorted(kin[pool.spec_name]), _pool(pool), pool.name))
    at = {pool.name: number for number, pool in enumerate(pools)}
    followers: dict[str, list[Key]] = {}
    for one in problem.classes:
        for name in (one.after or ()) if one.jobs else ():
            followers.setdefault(name, []).append((one.stage, one.family, one.task, one.jobs))
    ranks: dict[str, int] = {}
    classes: list[DemandClass] = []
    for stage in sorted({one.stage for one in problem.classes}):
        # What a class waits for is of earlier stages, so its rank is known.
        here = [(_class(one, at, ranks, followers), one) for one in problem.classes if one.stage == stage]
        for _, one in sorted(here, key=lambda pair: (pair[0], pair[1].name)):
            if one.jobs:
                ranks[one.name] = len(classes)
            placements = tuple(sorted(one.placements, key=lambda place: at[place.pool]))
            classes.append(one if placements == one.placements else replace(one, placements=placements))
    if tuple(pools) == problem.pools and tuple(classes) == problem.classes:
        return problem
    return replace(problem, pools=tuple(pools), classes=tuple(classes))


def arranged(plan: Plan, problem: CapacityProblem) -> Plan:
    """The plan with its pools, classes and lanes in the order of a problem's."""
    pools = {pool.name: number for number, pool in enumerate(problem.pools)}
    classes = {one.name: number for number, one in enumerate(problem.classes)}
    stages = tuple(
        replace(stage, pools=tuple(sorted(stage.pools, key=lambda use: pools[use.pool]))) for stage in plan.stages
    )
    lanes = sorted(plan.lanes, key=lambda lane: (lane.stage, classes[lane.klass], pools[lane.pool], lane.slot))
    return replace(
        plan,
        stages=stages,
        lanes=tuple(lanes),
        classes=tuple(sorted(plan.classes, key=lambda line: classes[line.name])),
        pools=tuple(sorted(plan.pools, key=lambda line: pools[line.pool])),
    )


def as_written(plan: Plan, problem: CapacityProblem) -> Plan:
    """The plan as a person reads it: pools and classes as the problem lists them, lanes by name."""
    found = arranged(plan, problem)
    pools = {pool.name: number for number, pool in enumerate(problem.pools)}
    lanes = sorted(found.lanes, key=lambda lane: (lane.stage, lane.klass, pools[lane.pool], lane.slot))
    return replace(found, lanes=tuple(lanes))


def _pool(pool: CapacityPool) -> Key:
    """All figures of an offer."""
    return (
        pool.gpu or "",
        pool.gpus,
        pool.usd_per_hour,
        pool.cpu,
        pool.memory_mib,
        pool.cap,
        pool.boot_seconds,
        pool.purchase,
        pool.preempt_per_hour,
        pool.capex_per_hour,
        pool.sharing,
        tuple(pattern.name for pattern in pool.patterns),
    )


def _class(one: DemandClass, pools: dict[str, int], ranks: dict[str, int], followers: dict[str, list[Key]]) -> Key:
    """All figures of a class: its own, where it may run, what it waits for and what waits for it."""
    return (
        # Those without jobs, which may as well not be there, come last.
        one.jobs == 0,
        one.family,
        one.task,
        one.jobs,
        one.cores,
        one.memory_mib,
        one.gpu_memory_mib,
        one.gpu,
        one.value,
        sorted((pools[place.pool], place.slot, place.seconds, place.spread, place.error) for place in one.placements),
        [-1] if one.after is None else sorted(ranks[name] for name in one.after if name in ranks),
        sorted(followers.get(one.name, ())),
    )
