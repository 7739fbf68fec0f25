"""The same night bought in simpler ways: cost against the plan's at deadlines of 3 to 12 hours.

    python bench/baselines.py [hours …]

About 42,500 jobs in 30 classes and 3 stages, most of the cost in neural fits that need 9 GiB of GPU memory, on two
sizes of CPU nodes, H100s and A100s that may be cut, and RTX 4090s (list prices of clouds, the A100's and the 4090's
ASSUMED; runtimes ASSUMED). Each way is a restriction of the problem that the planner then solves and replays like its
own, so what is compared is the restriction and not the planning; it is late if its best replay ends after the deadline
within the same maxima. *On demand* is held against a plan that may also buy spot nodes of the CPU pools and the H100s.

Three ways are rules and are paid on paper, without a replay, which flatters them. *Per task*: nodes of its own for
every task from the offers that are cheapest for it, as SkyPilot picks them; a task is all jobs of a class. *First fit*:
classes with the longest jobs first fill nodes of their cheapest place one after the other, a GPU node in the layout
with most of its slot, each stage in the part of the night that its work is. *Literal*: the source article's rule as it
is written, GPUs = models // (memory // 5 GB), every GPU cut into as many equal slices, one wave; beside its cost are
the nodes it asks for over those there are, and the share of its GPU jobs that its slices have no memory for.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "planner"))

from capacity_problems import mixed_night as instance
from capacity_problems import with_spot

from fleetspec.planner.formulation import IDLE_SECONDS
from fleetspec.planner.planning import solve
from fleetspec.planner.problem import CapacityPool, CapacityProblem, DemandClass, Placement

HOURS = (3, 4, 6, 8, 12)
LEAST_ROOM = 900.0
"""Seconds that even the shortest stage is given in a rule that is not planned."""
SPOT, PREEMPT = 0.4, 0.05
"""ASSUMED: price of a spot node over that of the same node kept, and how many of one are taken back in an hour."""
GIB_PER_MODEL = 5
"""The source article's rule: models at a time on a GPU = its memory // 5 GB, whatever they need."""


def no_sharing(posed: CapacityProblem) -> CapacityProblem:
    """Every GPU job has a GPU to itself."""
    return _only(posed, {pool.name: {_whole(pool)} for pool in posed.pools if pool.gpu})


def one_gpu(posed: CapacityProblem, name: str) -> CapacityProblem:
    """CPU nodes, and GPUs of one kind."""
    kept = {pool.name for pool in posed.pools if pool.gpu is None or pool.name == name}
    return replace(
        posed,
        pools=tuple(pool for pool in posed.pools if pool.name in kept),
        classes=tuple(
            replace(one, placements=tuple(place for place in one.placements if place.pool in kept))
            for one in posed.classes
        ),
    )


def article(posed: CapacityProblem) -> CapacityProblem:
    """One profile for all models of a GPU: of those that hold the largest model (its own rule, memory // 5 GB, would
    run it out of memory), the one with the number of models nearest to that rule."""
    least = max(one.gpu_memory_mib for one in posed.classes)
    layouts = {}
    for pool in posed.pools:
        if pool.gpu is None:
            continue
        models = max(slot.gpu_memory_mib for slot in pool.slots) // 1024 // GIB_PER_MODEL
        alike = [
            pattern
            for pattern in pool.patterns
            if len(pattern.slots) == 1
            and next(slot for slot in pool.slots if slot.name == pattern.slots[0][0]).gpu_memory_mib >= least
        ]
        layouts[pool.name] = {min(alike, key=lambda pattern: abs(pattern.slots[0][1] - models)).name}
    return _only(posed, layouts)


def _whole(pool: CapacityPool) -> str:
    return next(p.name for p in pool.patterns if sum(count for _, count in p.slots) == pool.gpus)


def _only(posed: CapacityProblem, layouts: dict[str, set[str]]) -> CapacityProblem:
    """GPU pools with these layouts alone, and placements in slots that they have."""
    pools = tuple(
        replace(pool, patterns=tuple(p for p in pool.patterns if p.name in layouts[pool.name])) if pool.gpu else pool
        for pool in posed.pools
    )
    slots = {(pool.name, slot) for pool in pools for pattern in pool.patterns for slot, _ in pattern.slots}

    def stays(place: Placement) -> bool:
        return place.slot == "cpu" or (place.pool, place.slot) in slots

    classes = tuple(replace(one, placements=tuple(filter(stays, one.placements))) for one in posed.classes)
    return replace(posed, pools=pools, classes=classes)


def per_task(posed: CapacityProblem) -> float:
    """USD on paper where each class has nodes of its own, a job a GPU or cores of its own, cheapest places first as far
    as the maxima go; inf where they do not suffice. A stage has the part of the night that its work is of all work."""
    total, stages = 0.0, sorted({one.stage for one in posed.classes})
    work = {s: sum(_least(one) for one in posed.classes if one.stage == s) for s in stages}
    pools = {pool.name: pool for pool in posed.pools}
    for s in stages:
        # What a boot takes of a short stage, every stage has.
        room = max((posed.deadline_seconds - posed.overhead_seconds) * work[s] / sum(work.values()), LEAST_ROOM)
        left = {pool.name: pool.cap for pool in posed.pools}
        for one in sorted((c for c in posed.classes if c.stage == s), key=lambda c: -_least(c)):
            total += _own_nodes(one, pools, left, room)
    return total


def _least(one: DemandClass) -> float:
    return one.jobs * min(place.seconds for place in one.placements)


def _own_nodes(one: DemandClass, pools: dict[str, CapacityPool], left: dict[str, int], room: float) -> float:
    """USD of a class on nodes that are all its own; takes them from ``left``."""
    offers = []
    for place in one.placements:
        pool = pools[place.pool]
        lanes = min(pool.cpu // one.cores, pool.memory_mib // one.memory_mib) if pool.gpu is None else pool.gpus
        in_a_row = math.floor((room - pool.boot_seconds) / place.seconds)
        if in_a_row >= 1:
            offers.append((place.seconds * pool.usd_per_hour / lanes, lanes, in_a_row, place, pool))
    jobs, cost = one.jobs, 0.0
    for _, lanes, in_a_row, place, pool in sorted(offers, key=lambda offer: (offer[0], offer[3].pool, offer[3].slot)):
        nodes = min(math.ceil(jobs / (lanes * in_a_row)), left[pool.name])
        here = min(jobs, nodes * lanes * in_a_row)
        left[pool.name] -= nodes
        jobs -= here
        seconds = here / lanes * place.seconds + nodes * (pool.boot_seconds + IDLE_SECONDS)
        cost += seconds / 3600 * pool.usd_per_hour
    return cost if not jobs else math.inf


def first_fit(posed: CapacityProblem) -> float:
    """USD on paper where each class, longest jobs first, fills nodes of its cheapest place; inf where none holds."""
    total, stages = 0.0, sorted({one.stage for one in posed.classes})
    work = {s: sum(_least(one) for one in posed.classes if one.stage == s) for s in stages}
    pools = {pool.name: pool for pool in posed.pools}
    for s in stages:
        room = max((posed.deadline_seconds - posed.overhead_seconds) * work[s] / sum(work.values()), LEAST_ROOM)
        left = {pool.name: pool.cap for pool in posed.pools}
        here = [one for one in posed.classes if one.stage == s]
        for one in sorted(here, key=lambda c: -max(place.seconds for place in c.placements)):
            best = (math.inf, 0, "")
            for place in one.placements:
                usd, nodes = _filled(one, place, pools[place.pool], room)
                if nodes <= left[place.pool]:
                    best = min(best, (usd, nodes, place.pool))
            if not best[2]:
                return math.inf
            left[best[2]] -= best[1]
            total += best[0]
    return total


def _filled(one: DemandClass, place: Placement, pool: CapacityPool, room: float) -> tuple[float, int]:
    """USD and nodes of a class in one place."""
    lanes = (
        min(pool.cpu // one.cores, pool.memory_mib // one.memory_mib)
        if pool.gpu is None
        else max(dict(pattern.slots).get(place.slot, 0) for pattern in pool.patterns)
    )
    in_a_row = math.floor((room - pool.boot_seconds) / place.seconds)
    if in_a_row < 1 or lanes < 1:
        return math.inf, pool.cap + 1
    nodes = math.ceil(one.jobs / (lanes * in_a_row))
    full, rest = divmod(one.jobs, lanes * in_a_row)
    seconds = full * in_a_row * place.seconds + math.ceil(rest / lanes) * place.seconds
    return (seconds + nodes * (pool.boot_seconds + IDLE_SECONDS)) / 3600 * pool.usd_per_hour, nodes


def literal(posed: CapacityProblem) -> tuple[float, float, float]:
    """The source article's rule on its first GPU pool: USD of one wave, nodes over the maximum, share out of memory.

    All GPU models at once: GPUs = models // (memory // 5 GB), each cut into as many equal slices; models are the fits
    that need a GPU. What else there is runs on CPU nodes as planned, and is left out.
    """
    pool = next(pool for pool in posed.pools if pool.gpu and any(slot.name.startswith("mig") for slot in pool.slots))
    mine = [one for one in posed.classes if one.stage == 0 and all(place.slot != "cpu" for place in one.placements)]
    per_gpu = max(slot.gpu_memory_mib for slot in pool.slots) // 1024 // GIB_PER_MODEL
    slice_mib = max(slot.gpu_memory_mib for slot in pool.slots) // per_gpu
    models = sum(one.jobs for one in mine)
    nodes = math.ceil(models / per_gpu / pool.gpus)
    longest = max(max(p.seconds for p in one.placements if p.pool == pool.name) for one in mine)
    usd = nodes * (longest + pool.boot_seconds + IDLE_SECONDS) / 3600 * pool.usd_per_hour
    return usd, nodes / pool.cap, sum(one.jobs for one in mine if one.gpu_memory_mib > slice_mib) / models


def main(hours: list[float]) -> None:
    jobs = sum(one.jobs for one in instance(8).classes)
    print(f"{jobs:,} jobs; a way's cost over the plan's; 'late': its best replay ends after the deadline")
    print(f"{'hours':>5} {'plan USD':>9} {'gap':>6}  {'no sharing':>10} {'H100':>7} {'A100':>7} {'4090':>7}", end="")
    print(f" {'article':>8} {'per task':>9} {'first fit':>9} {'with spot USD':>13} {'on demand':>9}  seconds")
    for each in hours:
        posed = instance(each)
        begin = time.process_time()
        own = solve(posed)
        took = time.process_time() - begin
        if own.verdict != "feasible" or own.replay is None or own.bound is None:
            print(f"{each:>5} {own.verdict}")
            continue
        cost = own.replay.cost_usd
        ways = [no_sharing(posed), *(one_gpu(posed, name) for name in ("h100", "a100", "rtx-4090")), article(posed)]
        told = [_ratio(way, cost) for way in ways]
        told += [_paper(per_task(posed) / cost), _paper(first_fit(posed) / cost)]
        spot = solve(with_spot(posed, SPOT, PREEMPT))
        mixed = spot.replay.cost_usd if spot.verdict == "feasible" and spot.replay is not None else math.inf
        print(
            f"{each:>5g} {cost:>9.2f} {cost / own.bound.cost_usd - 1:>6.1%}  {told[0]:>10} {told[1]:>7} {told[2]:>7} "
            f"{told[3]:>7} {told[4]:>8} {told[5]:>9} {told[6]:>9} {mixed:>13.2f} {_paper(cost / mixed):>9}  {took:.1f}"
        )
    usd, over, short = literal(instance(8))
    eight = solve(instance(8)).replay
    assert eight is not None
    print(
        f"the article's rule as written: {usd:,.0f} USD for one wave of the GPU fits alone, the whole plan for 8 h "
        f"costs {eight.cost_usd:,.0f}; {over:.1f} times the nodes there are; {short:.0%} of its GPU jobs out of memory"
    )


def _paper(ratio: float) -> str:
    return "too few" if math.isinf(ratio) else f"{ratio:.2f}"


def _ratio(way: CapacityProblem, cost: float) -> str:
    found = solve(way)
    if found.verdict != "feasible" or found.replay is None:
        return "late"
    return f"{found.replay.cost_usd / cost:.2f}"


if __name__ == "__main__":
    main([float(word) for word in sys.argv[1:]] or list(HOURS))
