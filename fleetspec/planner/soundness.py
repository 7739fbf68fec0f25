"""What a capacity problem must be before it is planned: numbers that can be compared, names that mean one thing.

A spec whose figures are all in order passes; what is caught here comes from price lists and measured runtimes, or from
a problem written in Python. Figures that are merely out of proportion (a window of a minute, a billion jobs) are sound:
the plan says what it thinks of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from fleetspec.diagnostics import ExitCode, Report, Route, Rule
from fleetspec.planner.problem import CPU_SLOT, CapacityPool, CapacityProblem, DemandClass, Placement
from fleetspec.rules import capacity as rules

LARGEST = 1e15
"""Above it a float no longer tells a whole number from the next."""

Fault = tuple[Rule, Route, str, str]
"""Rule, where in the spec, what is wrong, and the way out."""


def require_sound(problem: CapacityProblem) -> None:
    """Raises Rejected with all that makes a problem one that cannot be planned (FS303, FS320 to FS322, exit code 3)."""
    report = Report()
    for rule, route, message, help in faults(problem):
        report.add(rule, message, route=route, help=help)
    report.require(ExitCode.INFEASIBLE)


def require_pools(pools: tuple[CapacityPool, ...]) -> None:
    """The same of pools alone: a class that fits nowhere because no node has room is a fault of the nodes."""
    report = Report()
    for pool in pools:
        for rule, route, message, help in _pool_faults(pool):
            report.add(rule, message, route=route, help=help)
    report.require(ExitCode.INFEASIBLE)


def faults(problem: CapacityProblem) -> Iterator[Fault]:
    """All faults of a problem, pools first."""
    yield from _twice("pool", [pool.name for pool in problem.pools], ("hardware",))
    yield from _twice("class", [one.name for one in problem.classes], ("models",))
    for pool in problem.pools:
        yield from _pool_faults(pool)
    pools = {pool.name: pool for pool in problem.pools}
    for one in problem.classes:
        yield from _class_faults(one, pools)
    yield from _order_faults(problem.classes)
    yield from _limit_faults(problem)


def _twice(what: str, names: list[str], route: Route) -> Iterator[Fault]:
    for name, count in Counter(names).items():
        if count > 1:
            message = f"{count} times a {what} named '{name}'"
            yield rules.CONTRADICTION, route, message, f"give every {what} its own name"


def _pool_faults(pool: CapacityPool) -> Iterator[Fault]:
    route: Route = ("hardware", pool.spec_name)
    yield from _figure(f"the price of '{pool.name}'", pool.usd_per_hour, (*route, "price"), "USD/h")
    yield from _figure(f"the most nodes of '{pool.name}'", pool.cap, (*route, "max"), "nodes")
    yield from _figure(
        f"how often '{pool.name}' is taken back", pool.preempt_per_hour, (*route, "spot"), "times an hour"
    )
    yield from _figure(f"the boot of '{pool.name}'", pool.boot_seconds, (*route, "boot"), "s")
    if pool.cpu < 1 or pool.memory_mib < 1:
        message = (
            f"of a node of '{pool.name}', {max(pool.cpu, 0)} cores and {max(pool.memory_mib, 0)} MiB are left for jobs"
        )
        yield rules.NO_ROOM, route, message, "take larger nodes (from 1 core and 1 GiB on), or leave the pool out"
    elif pool.gpu is not None and not any(pattern.cores_per_slot >= 1 for pattern in pool.patterns):
        message = f"a node of '{pool.name}' has {pool.cpu} cores for jobs, too few for one in each slot of {pool.gpu}"
        yield rules.NO_ROOM, route, message, "take nodes with at least a core more than they have GPUs"


def _class_faults(one: DemandClass, pools: dict[str, CapacityPool]) -> Iterator[Fault]:
    route: Route = ("models", one.group)
    for what, value in (("jobs", one.jobs), ("cores", one.cores), ("memory", one.memory_mib)):
        yield from _figure(f"{what} of {one.name}", value, route, "")
    if one.jobs > 0 and not one.placements:
        yield rules.FITS_NOWHERE, route, f"{one.name} fits into no pool", "add a pool with larger nodes or GPUs"
    for place in one.placements:
        where = f"{one.name} on '{place.pool}'"
        # A job of no length would be done any number of times at once.
        yield from _figure(f"seconds of a job of {where}", place.seconds, route, "s", above_zero=True)
        yield from _figure(f"the spread of {where}", place.spread, route, "")
        yield from _figure(f"the error of {where}", place.error, route, "")
        if not _has_room(one, place, pools.get(place.pool)):
            message = f"{where}: there is no {place.slot} in which it has room"
            yield rules.CONTRADICTION, route, message, "name a pool and a slot of it that hold the job"


def _order_faults(classes: tuple[DemandClass, ...]) -> Iterator[Fault]:
    """A class waits for classes of earlier stages only: so none waits for itself, by whatever way."""
    stages = {one.name: one.stage for one in classes}
    for one in classes:
        for name in one.after or ():
            if stages.get(name, one.stage) >= one.stage:
                what = "is of no earlier stage" if name in stages else "is no class"
                message = f"{one.name} waits for {name}, which {what}"
                yield rules.CONTRADICTION, ("models", one.group), message, "let classes wait for earlier stages only"


def _has_room(one: DemandClass, place: Placement, pool: CapacityPool | None) -> bool:
    if pool is None:
        return False
    if pool.gpu is None:
        return place.slot == CPU_SLOT and one.cores <= pool.cpu and one.memory_mib <= pool.memory_mib
    return any(
        name == place.slot and one.cores <= pattern.cores_per_slot and one.memory_mib <= pattern.memory_mib_per_slot
        for pattern in pool.patterns
        for name, count in pattern.slots
        if count
    )


def _limit_faults(problem: CapacityProblem) -> Iterator[Fault]:
    yield from _figure("the time before the first node boots", problem.overhead_seconds, ("cluster", "startup"), "s")
    # A deadline before the start is a night without time: no plan holds, which the plan says.
    until = max(problem.deadline_seconds, 0)
    yield from _figure("the time until the deadline", until, ("schedule", "deadline"), "s")
    if problem.budget_usd is not None:
        yield from _figure("the budget", problem.budget_usd, ("budget",), "USD")
    share = problem.on_time
    if share is not None and not 0 < share <= 1:
        message = f"{share} of the nights are to end in time"
        yield rules.NO_FIGURE, ("schedule", "on_time"), message, "ask for a share above 0% and up to 100%"


def _figure(what: str, value: float, route: Route, unit: str, *, above_zero: bool = False) -> Iterator[Fault]:
    if math.isfinite(value) and value <= LARGEST and (value > 0 if above_zero else value >= 0):
        return
    least = "above 0" if above_zero else "from 0"
    said = "no number" if math.isnan(value) else f"{value:g} {unit}".rstrip()
    yield rules.NO_FIGURE, route, f"{what}: {said}", f"a figure {least} and up to {LARGEST:g} is needed"
