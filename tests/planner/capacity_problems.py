"""Capacity problems written out by hand or drawn from a seed: every expected number of this folder is read here."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from fleetspec.catalog.layouts import layouts
from fleetspec.catalog.loading import shipped
from fleetspec.planner.offers import lost_share
from fleetspec.planner.plans import Inputs, PlanHeader
from fleetspec.planner.problem import (
    CapacityPool,
    CapacityProblem,
    DemandClass,
    Pattern,
    Placement,
    Slot,
)

HEADER = PlanHeader(
    fleet="demo",
    run="nightly",
    session="2026-11-23",
    night="a night",
    inputs=Inputs("spec", "lock", "graph", "catalog", "measured", "solver"),
    models=10,
    deadline="open - 90m",
)


def cpu_pool(
    name: str = "cpu", price: float = 1.0, cpu: int = 4, cap: int = 2, boot: int = 0, memory: int = 16000
) -> CapacityPool:
    return CapacityPool(name, price, cpu, memory, cap, boot, None, 0, (), (), "spec")


def mig_pool(
    name: str = "gpu",
    price: float = 10.0,
    cap: int = 2,
    boot: int = 0,
    gpus: int = 1,
    cpu: int = 25,
    device: str = "H100-80GB",
) -> CapacityPool:
    gpu = shipped().devices[device]
    slots = tuple(Slot(f"mig-{s.name}", s.memory_mib, s.compute / gpu.compute_slices) for s in gpu.slices)
    patterns = []
    for layout in layouts(gpu):
        per_node = tuple((f"mig-{n}", c * gpus) for n, c in layout.slices)
        pieces = sum(c for _, c in per_node)
        patterns.append(Pattern(layout.name, per_node, cpu // pieces, 200_000 // pieces))
    return CapacityPool(name, price, cpu, 200_000, cap, boot, device, gpus, slots, tuple(patterns), "spec")


def whole_gpu_pool(name: str = "whole", price: float = 5.0, cap: int = 2, boot: int = 0, gpus: int = 2) -> CapacityPool:
    pattern = Pattern(f"{gpus}xgpu", (("gpu", gpus),), 8, 60_000)
    return CapacityPool(
        name, price, 16, 120_000, cap, boot, "RTX-4090", gpus, (Slot("gpu", 24_000, 1.0),), (pattern,), "spec"
    )


def job_class(
    name: str = "u/g/f/fit",
    jobs: int = 10,
    stage: int = 0,
    cores: int = 1,
    memory: int = 300,
    gpu_memory: int = 0,
    basis: str = "measured",
    **seconds: Any,
) -> DemandClass:
    """Seconds by pool: ``cpu=10.0`` for a CPU pool, ``gpu={"mig-1g.10gb": 30.0}`` for slots."""
    placements = []
    for pool, given in seconds.items():
        by_slot = given if isinstance(given, dict) else {"cpu": given}
        placements += [Placement(pool, slot, float(t), 0.1, basis, 10, "made up") for slot, t in by_slot.items()]
    _, group, family, task = name.split("/")
    gpu = "never" if all(p.slot == "cpu" for p in placements) else "required"
    return DemandClass(name, group, family, task, stage, jobs, 0, cores, memory, gpu_memory, gpu, tuple(placements))


def problem(
    classes: list[DemandClass],
    pools: list[CapacityPool],
    deadline: int = 3600,
    budget: float | None = None,
    overhead: int = 0,
) -> CapacityProblem:
    return CapacityProblem(tuple(classes), tuple(pools), deadline, budget, overhead)


def on_mig(pool: CapacityPool, whole: float, gpu_memory: int, exponent: float = 0.3) -> dict[str, float]:
    return {s.name: whole / s.share**exponent for s in pool.slots if s.gpu_memory_mib >= gpu_memory}


def production(scale: int = 1, deadline: int = 54_900, budget: float | None = 600.0) -> CapacityProblem:
    """About 60,000 jobs in 30 classes and 3 stages on 4 pools, one of them MIG with 28 layouts."""
    pools = [
        cpu_pool("cpu-std", 1.5539, 31, 20, 120, 120_000),
        cpu_pool("cpu-big", 4.0859, 89, 4, 120, 340_000),
        mig_pool("gpu-h100-mig", 11.0612, 4, 300),
        whole_gpu_pool("gpu-4090", 0.62, 2, 60),
    ]
    gpu, classes = pools[2], []
    for universe, series in (("equities", 2000), ("fx", 40)):
        for family, seconds in (("garch", 0.0152), ("egarch", 0.032), ("gjr", 0.019)):
            for stage, task, t in ((0, "fit", seconds), (1, "forecast", 0.0006)):
                classes.append(
                    job_class(
                        f"{universe}/vol/{family}/{task}", series * scale, stage, **{"cpu-std": t, "cpu-big": t * 0.9}
                    )
                )
        classes.append(
            job_class(
                f"{universe}/var/vol-scaled/forecast", 4 * series * scale, 2, **{"cpu-std": 0.0008, "cpu-big": 0.0007}
            )
        )
        for family, t, there in (("elasticnet", 0.0012, None), ("xgboost", 0.0113, 0.3)):
            for stage, task, factor in ((0, "fit", 1.0), (1, "forecast", 0.4)):
                where: dict[str, Any] = {"cpu-std": t * factor, "cpu-big": t * factor}
                if there is not None:
                    where |= {
                        "gpu-h100-mig": on_mig(gpu, there * factor, 1024),
                        "gpu-4090": {"gpu": there * factor * 3.5},
                    }
                classes.append(job_class(f"{universe}/{family}/{family}/{task}", 4 * series * scale, stage, **where))
    for universe, jobs in (("fx", 160), ("metals", 40)):
        for stage, task, t in ((0, "fit", 300.0), (1, "forecast", 0.01)):
            where = {"gpu-h100-mig": on_mig(gpu, t, 9216), "gpu-4090": {"gpu": t * 3.5}}
            classes.append(
                job_class(
                    f"{universe}/deep/nbeats/{task}",
                    jobs * scale,
                    stage,
                    memory=3072,
                    gpu_memory=9216,
                    basis="assumed",
                    **where,
                )
            )
    return problem(classes, pools, deadline, budget, 120)


def drawn(seed: int) -> CapacityProblem:
    """A small random problem: one to three pools, one to five classes, one to three stages."""
    rng = random.Random(seed)
    pools = [
        cpu_pool(
            "cpu",
            rng.choice([0.0, 0.5, 1.0]),
            rng.randint(1, 6),
            rng.randint(1, 4),
            rng.choice([0, 30, 300]),
            rng.choice([900, 4000]),
        )
    ]
    if rng.random() < 0.5:
        pools.append(
            mig_pool("gpu", rng.choice([4.0, 11.0]), rng.randint(1, 3), rng.choice([0, 60]), rng.choice([1, 2]))
        )
    if rng.random() < 0.3:
        pools.append(cpu_pool("big", 3.0, 16, 2, 20, 64_000))
    classes = []
    for index in range(rng.randint(1, 5)):
        where: dict[str, Any] = {"cpu": rng.choice([0.01, 1.0, 20.0])}
        if len(pools) > 1 and pools[1].gpu and rng.random() < 0.6:
            where["gpu"] = on_mig(pools[1], rng.choice([0.5, 10.0]), rng.choice([1000, 12_000]))
            if rng.random() < 0.5:
                del where["cpu"]
        cores = 1 if "cpu" not in where else rng.randint(1, min(2, pools[0].cpu))
        classes.append(
            job_class(
                f"u/g/f{index}/fit",
                rng.choice([1, 3, 40, 900]),
                rng.randint(0, 2),
                cores,
                rng.choice([100, 400]),
                **where,
            )
        )
    return problem(classes, pools, rng.choice([400, 3600, 20_000]), rng.choice([None, 5.0]), rng.choice([0, 60]))


def with_caps(one: CapacityProblem, extra: int) -> CapacityProblem:
    return replace(one, pools=tuple(replace(pool, cap=pool.cap + extra) for pool in one.pools))


def mixed_night(hours: float) -> CapacityProblem:
    """About 42,500 jobs in 30 classes and 3 stages, on two sizes of CPU nodes, H100s and A100s that may be cut, and
    RTX 4090s; most of its cost are neural fits that need 9 GiB of GPU memory."""
    pools = [
        cpu_pool("cpu-32", 1.5539, 31, 40, 120, 120_000),
        cpu_pool("cpu-90", 4.0859, 89, 10, 120, 340_000),
        mig_pool("h100", 11.0612, 8, 300),
        mig_pool("a100", 3.6730, 8, 300, cpu=11, device="A100-40GB"),
        whole_gpu_pool("rtx-4090", 1.38, 6, 120),
    ]
    h100, a100 = pools[2], pools[3]
    classes: list[DemandClass] = []
    for universe, series in (("equities", 2000), ("fx", 60)):
        for family, seconds in (("garch", 0.15), ("egarch", 0.32), ("gjr", 0.19), ("dcc", 1.9)):
            for stage, task, t in ((0, "fit", seconds * 10), (1, "forecast", seconds / 10)):
                where = {"cpu-32": t, "cpu-90": t * 0.9}
                classes.append(job_class(f"{universe}/vol/{family}/{task}", series, stage, memory=700, **where))
        for stage, task, t in ((0, "fit", 2.2), (1, "forecast", 0.1)):
            where = {"cpu-32": t * 4, "cpu-90": t * 4, "h100": on_mig(h100, t / 3.5, 1024)}
            where |= {"a100": on_mig(a100, t / 1.8, 1024), "rtx-4090": {"gpu": t}}
            classes.append(job_class(f"{universe}/trees/xgboost/{task}", 4 * series, stage, memory=1500, **where))
        classes.append(job_class(f"{universe}/var/vol-scaled/forecast", 4 * series, 2, **{"cpu-32": 0.02}))
    for universe, jobs in (("fx", 250), ("equities", 400)):
        for stage, task, t in ((0, "fit", 700.0), (1, "forecast", 2.0)):
            where = {"h100": on_mig(h100, t / 3.5, 9000), "a100": on_mig(a100, t / 1.8, 9000), "rtx-4090": {"gpu": t}}
            classes.append(
                job_class(f"{universe}/deep/nbeats/{task}", jobs, stage, memory=1500, gpu_memory=9000, **where)
            )
    return problem(classes, pools, round(hours * 3600), None, 120)


def with_spot(posed: CapacityProblem, price: float, preempt: float) -> CapacityProblem:
    """Spot nodes beside the CPU pools and H100s, at a share of their price, ``preempt`` of them taken back an hour."""
    spots = {
        pool.name: replace(
            pool,
            name=f"{pool.name}-spot",
            pool_of=pool.name,
            purchase="spot",
            usd_per_hour=pool.usd_per_hour * price,
            preempt_per_hour=preempt,
        )
        for pool in posed.pools
        if pool.name.startswith("cpu") or pool.name == "h100"
    }

    def beside(one: DemandClass) -> DemandClass:
        more = []
        for place in one.placements:
            if place.pool in spots:
                pool = spots[place.pool]
                lost = lost_share(pool, place.seconds)
                more.append(replace(place, pool=pool.name, seconds=place.seconds * (1 + lost), lost=lost))
        return replace(one, placements=(*one.placements, *more))

    return replace(posed, pools=(*posed.pools, *spots.values()), classes=tuple(map(beside, posed.classes)))
