"""The planner from ten thousand to a million jobs: time, gap, and cost against simpler ways to buy the same night.

    python bench/planner.py

Every ratio is between figures of this run. The baselines are replayed by nobody: they are what they cost on paper,
with boots and without tails, so they look better than they would run.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace

from fleetspec.catalog.layouts import layouts
from fleetspec.catalog.loading import shipped
from fleetspec.planner.formulation import IDLE_SECONDS
from fleetspec.planner.planning import make_plan
from fleetspec.planner.plans import Inputs, PlanHeader
from fleetspec.planner.problem import CapacityPool, CapacityProblem, DemandClass, Pattern, Placement, Slot

HEADER = PlanHeader("bench", "nightly", "2026-11-23", "a night", Inputs("", "", "", "", "", ""), 0, "open - 1h30m")
NIGHT = 54_900


def pools() -> tuple[CapacityPool, CapacityPool, CapacityPool]:
    h100 = shipped().devices["H100-80GB"]
    slots = tuple(Slot(f"mig-{s.name}", s.memory_mib, s.compute / h100.compute_slices) for s in h100.slices)
    patterns = []
    for layout in layouts(h100):
        pieces = sum(count for _, count in layout.slices)
        named = tuple((f"mig-{name}", count) for name, count in layout.slices)
        patterns.append(Pattern(layout.name, named, 25 // pieces, 220_000 // pieces))
    small = CapacityPool("cpu-32", 1.5539, 31, 120_000, 200, 120, None, 0, (), (), "gcp")
    large = CapacityPool("cpu-90", 4.0859, 89, 340_000, 50, 120, None, 0, (), (), "gcp")
    gpu = CapacityPool("h100", 11.0612, 25, 220_000, 200, 300, "H100-80GB", 1, slots, tuple(patterns), "gcp")
    return small, large, gpu


def problem(series: int) -> CapacityProblem:
    """26 classes in three stages: about 26 jobs per series, a fiftieth of the series with a neural model."""
    small, large, gpu = pools()
    classes = []

    def add(name: str, stage: int, jobs: int, seconds: float, memory: int = 300) -> None:
        on_cpu = tuple(Placement(pool.name, "cpu", seconds, 0.2, "measured", 100, "bench") for pool in (small, large))
        classes.append(_class(name, stage, max(jobs, 1), memory, 0, on_cpu))

    for universe, part in (("equities", 0.95), ("fx", 0.05)):
        n = int(series * part)
        for family, seconds in (("garch", 0.0152), ("egarch", 0.0322), ("gjr", 0.0192)):
            add(f"{universe}/vol/{family}/fit", 0, n, seconds)
            add(f"{universe}/vol/{family}/forecast", 1, n, 0.0005)
        add(f"{universe}/var/vol-scaled/forecast", 2, n, 0.0008)
        for family, seconds in (("elasticnet", 0.0011), ("xgboost", 0.0113)):
            add(f"{universe}/{family}/{family}/fit", 0, 4 * n, seconds)
            add(f"{universe}/{family}/{family}/forecast", 1, 4 * n, 0.001)
        for stage, task, seconds in ((0, "fit", 300.0), (1, "forecast", 0.01)):
            on_gpu = tuple(
                Placement("h100", s.name, seconds / s.share**0.3, 0.3, "assumed", 0, "published")
                for s in gpu.slots
                if s.gpu_memory_mib >= 9216
            )
            jobs = max(n // 50, 1)
            classes.append(_class(f"{universe}/deep/nbeats/{task}", stage, jobs, 3072, 9216, on_gpu))
    return CapacityProblem(tuple(classes), (small, large, gpu), NIGHT, None, 120)


def _class(
    name: str, stage: int, jobs: int, memory: int, gpu_memory: int, places: tuple[Placement, ...]
) -> DemandClass:
    _, group, family, task = name.split("/")
    gpu = "required" if gpu_memory else "never"
    return DemandClass(name, group, family, task, stage, jobs, 0, 1, memory, gpu_memory, gpu, places)


def whole_gpus(posed: CapacityProblem) -> CapacityProblem:
    """The same without sharing: every GPU job gets a GPU to itself."""
    shared = tuple(
        replace(pool, patterns=tuple(p for p in pool.patterns if p.name == "1x7g.80gb")) if pool.gpu else pool
        for pool in posed.pools
    )
    alone = tuple(
        replace(one, placements=tuple(p for p in one.placements if p.slot in ("cpu", "mig-7g.80gb")))
        for one in posed.classes
    )
    return replace(posed, pools=shared, classes=alone)


def first_fit_decreasing(posed: CapacityProblem) -> float:
    """USD when each class, longest jobs first, fills nodes of its cheapest place one after the other, a node of one
    layout with its slots full, within a third of the night for each stage."""
    total, stages = 0.0, sorted({one.stage for one in posed.classes})
    room = (posed.deadline_seconds - posed.overhead_seconds) / len(stages)
    for stage in stages:
        for one in sorted(posed.classes, key=lambda c: -max(p.seconds for p in c.placements)):
            if one.stage == stage:
                total += min(_filled(posed, one, place, room) for place in one.placements)
    return total


def _filled(posed: CapacityProblem, one: DemandClass, place: Placement, room: float) -> float:
    pool = next(pool for pool in posed.pools if pool.name == place.pool)
    lanes = (
        min(pool.cpu // one.cores, pool.memory_mib // one.memory_mib)
        if pool.gpu is None
        else max(dict(pattern.slots).get(place.slot, 0) for pattern in pool.patterns)
    )
    in_a_row = math.floor((room - pool.boot_seconds) / place.seconds)
    if in_a_row < 1:
        return math.inf
    full, rest = divmod(one.jobs, lanes * in_a_row)
    seconds = full * in_a_row * place.seconds + math.ceil(rest / lanes) * place.seconds
    boots = full + (1 if rest else 0)
    return (seconds + boots * (pool.boot_seconds + IDLE_SECONDS)) / 3600 * pool.usd_per_hour


def main() -> None:
    print(f"{'jobs':>9} {'plan ms':>8} {'plan USD':>9} {'gap':>6} {'rounds':>6}  FFD/plan  no sharing/plan  verdict")
    make_plan(problem(100), HEADER)
    for series in (400, 4_000, 40_000):
        posed = problem(series)
        begin = time.perf_counter()
        plan = make_plan(posed, HEADER)
        took = time.perf_counter() - begin
        alone = make_plan(whole_gpus(posed), HEADER)
        greedy = first_fit_decreasing(posed)
        print(
            f"{plan.jobs:>9,} {took * 1000:>8.0f} {plan.cost_usd:>9.2f} {plan.gap:>6.1%} {plan.rounds:>6}"
            f"  {greedy / plan.cost_usd:>8.2f}  {alone.cost_usd / plan.cost_usd:>15.2f}  {plan.verdict}/{alone.verdict}"
        )


if __name__ == "__main__":
    main()
