"""JobGraph → CapacityProblem: classes with their needs, pools with their slots, and the time between them.

Everything that rests on an assumption of the planner rather than on the spec or the catalog is a named constant
here, and a plan prints it.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fleetspec.catalog.loading import CPU, runtime_of, runtimes_digest
from fleetspec.catalog.shrinkage import tail
from fleetspec.catalog.types import Catalog, Runtime
from fleetspec.compiler.census import fits_of_trials
from fleetspec.compiler.jobgraph import GroupFamily, JobClass, JobGraph, RunKind, Task
from fleetspec.compiler.price_books import priced
from fleetspec.diagnostics import ExitCode, Report
from fleetspec.planner.offers import lost_share, offers_of, turns_factor
from fleetspec.planner.plans import Inputs, PlanHeader
from fleetspec.planner.problem import (
    CPU_SLOT,
    CapacityPool,
    CapacityProblem,
    DemandClass,
    Pattern,
    Placement,
    Slot,
)
from fleetspec.planner.soundness import require_pools, require_sound
from fleetspec.rules import capacity as rules
from fleetspec.sessions import shortest_night

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.compiler.spec_hardware import Budget
    from fleetspec.units import Money

_BUDGET: dict[RunKind, Callable[[Budget], Money | None]] = {
    RunKind.NIGHTLY: lambda budget: budget.nightly,
    RunKind.CHANGE: lambda budget: budget.change,
    RunKind.BACKTEST: lambda budget: budget.backtest,
}
NIGHTS = 5
"""A nightly plan holds in the tightest of so many nights."""


def pose(graph: JobGraph, spec: FleetSpec, catalog: Catalog, done: NDArray[np.bool_]) -> CapacityProblem:
    """The capacity problem of the jobs of ``graph`` that are not ``done`` (mask over its jobs).

    Raises Rejected (exit code 3) naming every class that fits into no slot of any pool (FS303), or every figure that no
    plan can be made with (FS320 to FS322).
    """
    catalog = priced(catalog, spec)
    pools = tuple(offer for name, pool in spec.hardware.items() for offer in offers_of(name, pool, catalog))
    require_pools(pools)
    settings = {(setting.group, setting.family.name): setting for setting in graph.models.settings}
    each = np.ones(len(graph.classes), dtype=np.int64)
    each[graph.klass] = fits_of_trials(graph)
    total = np.bincount(graph.klass, minlength=len(graph.classes))
    reused = np.bincount(graph.klass[done], minlength=len(graph.classes))
    shared = _shared(graph, done)
    classes = tuple(
        _demand(
            klass,
            settings[klass.group, klass.family],
            int(total[code] - reused[code]),
            int(reused[code]),
            int(each[code]),
            pools,
            catalog,
            tuple(sorted(graph.classes[other].name for other in graph.reads[code])),
            spec.objective.value.get(klass.group, 1.0),
            tuple((graph.classes[maker].name, count) for maker, count in sorted(shared[code].items())),
        )
        for code, klass in enumerate(graph.classes)
    )
    _require_room(classes, pools, spec)
    budget = _BUDGET[graph.run](spec.budget)
    posed = CapacityProblem(
        classes=classes,
        pools=pools,
        deadline_seconds=_window(graph, spec)[0],
        budget_usd=None if budget is None else budget.usd,
        overhead_seconds=spec.cluster.startup.seconds,
        on_time=_on_time(graph, spec),
        objective=spec.objective.minimize,
        maximize_value=spec.objective.maximize == "value",
    )
    require_sound(posed)
    return posed


def _shared(graph: JobGraph, done: NDArray[np.bool_]) -> list[dict[int, int]]:
    """By class the other classes that make some of its results, and how many.

    Of jobs of the same content, as two universes with a series in common have them, the first, of the larger line, is
    run and the others come for nothing.
    """
    found: list[dict[int, int]] = [{} for _ in graph.classes]
    maker, made = graph.klass[graph.first], ~done[graph.first]
    pairs = np.stack([graph.klass, maker])[:, made & (maker != graph.klass)]
    if pairs.size:
        columns, counts = np.unique(pairs, axis=1, return_counts=True)
        for (code, other), count in zip(columns.T.tolist(), counts.tolist(), strict=True):
            found[code][other] = count
    return found


def _on_time(graph: JobGraph, spec: FleetSpec) -> float | None:
    """The share of runs that must end in time: of nights alone, for a spec asks for it in its schedule."""
    asked = spec.schedule.on_time
    return asked.fraction if asked is not None and graph.run is RunKind.NIGHTLY else None


def header_of(graph: JobGraph, spec: FleetSpec, catalog: Catalog, resolved_text: str, lock_bytes: bytes) -> PlanHeader:
    """What a plan says of its run beside the numbers, and the digests of all it depends on."""
    from fleetspec.planner.solver import identity

    _, night, deadline = _window(graph, spec)
    return PlanHeader(
        fleet=graph.fleet,
        run=graph.run.value,
        session=graph.session.isoformat(),
        night=night,
        inputs=Inputs(
            spec=_digest(resolved_text.encode()),
            lock=_digest(lock_bytes),
            graph=graph.content,
            # Runtimes measured later do not make a saved plan stale; other prices do.
            catalog=catalog.shipped or catalog.digest,
            measured=runtimes_digest(catalog),
            solver=identity(),
        ),
        models=len(np.unique(graph.model)),
        deadline=deadline,
    )


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _window(graph: JobGraph, spec: FleetSpec) -> tuple[int, str, str]:
    """Seconds from start to deadline, what they are in words, and the deadline as the spec writes it."""
    if graph.run is RunKind.BACKTEST:
        if spec.backtest is None:
            raise ValueError("a backtest graph needs a spec with a backtest")
        return spec.backtest.within.seconds, "from the start of the backtest", str(spec.backtest.within)
    if graph.run is RunKind.CHANGE:
        return spec.change.within.seconds, "from the start of the change", str(spec.change.within)
    schedule = spec.schedule
    night = shortest_night(schedule.calendar, schedule.start, schedule.deadline, graph.session, NIGHTS)
    words = (
        f"the shortest of the {NIGHTS} nights from session {graph.session} on: "
        f"{night.start:%Y-%m-%d %H:%M} to {night.deadline:%Y-%m-%d %H:%M} UTC"
    )
    return night.seconds, words, str(schedule.deadline)


def _demand(
    klass: JobClass,
    setting: GroupFamily,
    jobs: int,
    reused: int,
    each: int,
    pools: tuple[CapacityPool, ...],
    catalog: Catalog,
    after: tuple[str, ...],
    value: float,
    shared: tuple[tuple[str, int], ...],
) -> DemandClass:
    """``each`` is how many estimations a job makes: a job of trials makes one for each of its candidates. ``after`` are
    the classes it reads from."""
    profile = setting.family.profile
    # Evaluation compares stored forecasts with returns: no family's GPU has a part in it.
    gpu = "never" if klass.task is Task.EVALUATE else setting.gpu or profile.gpu
    gpu_memory = setting.gpu_memory_mib if setting.gpu_memory_mib is not None else profile.gpu_memory_mib
    needs = (profile.cores, profile.memory_mib, gpu_memory)
    placements: list[Placement] = []
    for pool in pools:
        if pool.gpu is None:
            if gpu != "required" and needs[0] <= pool.cpu and needs[1] <= pool.memory_mib:
                runtime = runtime_of(catalog, klass.family, klass.task.label, CPU)
                placements.append(_placement(pool, CPU_SLOT, 1.0, runtime, klass.work, each))
        elif gpu != "never":
            runtime = runtime_of(catalog, klass.family, klass.task.label, pool.gpu)
            placements += [
                _placement(pool, slot.name, slot.share, runtime, klass.work, each)
                for slot in pool.slots
                if any(fits(needs, slot, pattern) for pattern in pool.patterns)
            ]
    return DemandClass(
        name=klass.name,
        group=klass.group,
        family=klass.family,
        task=klass.task.label,
        stage=klass.stage,
        jobs=jobs,
        reused=reused,
        cores=needs[0],
        memory_mib=needs[1],
        gpu_memory_mib=0 if gpu == "never" else gpu_memory,
        gpu=gpu,
        placements=tuple(placements),
        after=after,
        value=value,
        shared=shared,
    )


def placed_on_cpu(
    pool: CapacityPool, klass: JobClass, each: int, need: DemandClass, catalog: Catalog
) -> Placement | None:
    """A class on the cores of a pool, also one that asks for a GPU; None where a node has none to give or no room."""
    if pool.gpu is not None or need.cores > pool.cpu or need.memory_mib > pool.memory_mib:
        return None
    runtime = runtime_of(catalog, klass.family, klass.task.label, CPU)
    return _placement(pool, CPU_SLOT, 1.0, runtime, klass.work, each)


def fits(needs: tuple[int, int, int], slot: Slot, pattern: Pattern) -> bool:
    """Whether a job that needs (cores, memory MiB, GPU memory MiB) has room in a slot of a pattern."""
    cores, memory, gpu_memory = needs
    return (
        any(name == slot.name for name, _ in pattern.slots)
        and gpu_memory <= slot.gpu_memory_mib
        and cores <= pattern.cores_per_slot
        and memory <= pattern.memory_mib_per_slot
    )


def _placement(pool: CapacityPool, slot: str, share: float, runtime: Runtime, work: float, each: int) -> Placement:
    # Time grows with the work of one fit by the family's exponent, and with their number as it is. A stage's length is
    # a sum over jobs, so it follows their mean: exp(spread^2 / 2) above a lognormal's median.
    mean = each * runtime.seconds_for(work / each, share) * math.exp(runtime.spread**2 / 2) * turns_factor(pool, slot)
    lost = lost_share(pool, mean)
    mean *= 1 + lost
    # A sum of fits varies less than one of them does.
    spread = math.sqrt(math.log1p(math.expm1(runtime.spread**2) / each))
    median = mean / math.exp(spread**2 / 2)
    return Placement(
        pool=pool.name,
        slot=slot,
        seconds=mean,
        spread=spread,
        basis=runtime.basis,
        n=runtime.n,
        source=runtime.source,
        error=runtime.error,
        p50=median,
        p95=median * math.exp(tail(runtime.freedom) * math.hypot(spread, runtime.error)),
        lost=lost,
    )


def _require_room(classes: tuple[DemandClass, ...], pools: tuple[CapacityPool, ...], spec: FleetSpec) -> None:
    """One finding for all classes of a family in a group: they need the same."""
    stranded: dict[tuple[str, str, str], list[DemandClass]] = {}
    for one in classes:
        if one.jobs and not one.placements:
            stranded.setdefault((one.group, one.family, one.gpu), []).append(one)
    report = Report()
    for (group, _, gpu), listed in stranded.items():
        one, more = listed[0], len(listed) - 1
        others = f" (and {more} more {'class' if more == 1 else 'classes'} of models.{group})" if more else ""
        said = gpu == "required" and group in spec.models and spec.models[group].gpu_memory is not None
        report.add(
            rules.FITS_NOWHERE,
            f"{one.name}{others} fits into no pool: a job needs {_need(one)}; {_largest(one, pools)}",
            route=("models", group, "gpu_memory") if said else ("hardware",),
            help=_way_out(one, pools),
        )
    report.require(ExitCode.INFEASIBLE)


def _need(one: DemandClass) -> str:
    words = [f"{one.cores} {'core' if one.cores == 1 else 'cores'}", f"{one.memory_mib} MiB of memory"]
    if one.gpu == "required":
        words.append(f"{one.gpu_memory_mib} MiB of GPU memory")
    return ", ".join(words)


def _largest(one: DemandClass, pools: tuple[CapacityPool, ...]) -> str:
    """The most that the pools a class may run on have to offer."""
    found: list[tuple[int, int, str]] = []
    for pool in pools:
        if pool.gpu is None and one.gpu != "required":
            text = f"{pool.cpu} cores and {pool.memory_mib} MiB on a node of '{pool.name}'"
            found.append((0, pool.memory_mib, text))
        elif pool.gpu is not None and one.gpu != "never":
            for pattern in pool.patterns:
                for slot in pool.slots:
                    if any(name == slot.name for name, _ in pattern.slots):
                        text = (
                            f"{pattern.cores_per_slot} cores, {pattern.memory_mib_per_slot} MiB of memory and "
                            f"{slot.gpu_memory_mib} MiB of GPU memory in {slot.name} of '{pool.name}'"
                        )
                        found.append((slot.gpu_memory_mib, pattern.memory_mib_per_slot, text))
    if not found:
        return "there is no pool of GPU nodes" if one.gpu == "required" else "there is no pool of CPU nodes"
    return "the largest slot has " + max(found)[2]


def _way_out(one: DemandClass, pools: tuple[CapacityPool, ...]) -> str:
    if one.gpu == "required":
        if not any(pool.gpu for pool in pools):
            return (
                "add a pool with a GPU: gpu-h100: {offer: gcp/a3-highgpu-1g, mig: auto, max: 2}; or write "
                f"gpu: optional in models.{one.group}, to run on CPUs"
            )
        return f"add a pool with larger GPUs or nodes, or lower gpu_memory of models.{one.group} if it is set too high"
    if not any(pool.gpu is None for pool in pools):
        return "add a pool without GPUs: cpu: {offer: gcp/n2-standard-32, max: 4}"
    return "add a pool with larger nodes"
