"""The cheapest executable plan of a tiny problem, by trying everything: arithmetic that knows nothing of the planner.

What may be executed: whole jobs on whole nodes of up to two stages; a job takes its cores and memory of a node, or one
slot of a layout, for its whole time; the nodes of one pool and layout boot together, are paid until the last of their
jobs ends and ``IDLE_SECONDS`` longer, or until the stage does, and serve the next stage if it begins before that. To
keep them for it a group may be held longer than it works. Every active schedule of a node is tried (serial generation
over all orders of its jobs: Kolisch, Sprecher, Drexl 1995), so no schedule is cheaper than the cheapest here.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from capacity_problems import cpu_pool, job_class, problem

from fleetspec.planner.formulation import IDLE_SECONDS
from fleetspec.planner.problem import CapacityPool, CapacityProblem, Pattern, Slot

Jobs = tuple[int, ...]
"""How many jobs of each class."""


@dataclass(frozen=True)
class Group:
    """Nodes of one pool in one layout ("" of a CPU pool)."""

    pool: CapacityPool
    pattern: Pattern | None


@dataclass(frozen=True)
class Used:
    """A group in a stage: nodes, and the seconds from the stage's start until its last job ends."""

    nodes: int
    end: float


def tiny(seed: int) -> CapacityProblem:
    """One or two pools, one or two stages, at most three classes and six jobs: CPU nodes whose jobs take one or two
    cores, or GPU nodes that may be cut in two."""
    rng = random.Random(seed)
    pools = [cpu_pool("cpu", rng.choice([0.5, 1.0]), rng.randint(1, 3), 2, rng.choice([0, 20, 100]), 1000)]
    if rng.random() < 0.5:
        pools.append(cpu_pool("big", rng.choice([1.5, 4.0]), 4, 1, rng.choice([0, 60]), 2000))
    else:
        slots = (Slot("half", 10_000, 0.5), Slot("gpu", 20_000, 1.0))
        cuts = (Pattern("two", (("half", 2),), 2, 900), Pattern("one", (("gpu", 1),), 4, 2000))
        boot, price = rng.choice([0, 60]), rng.choice([2.0, 6.0])
        pools.append(CapacityPool("card", price, 4, 2000, 2, boot, "A", 1, slots, cuts, "spec"))
    classes = []
    for stage in range(rng.randint(1, 2)):
        for index in range(rng.randint(1, 2) if stage == 0 else 1):
            cores = rng.randint(1, min(2, pools[0].cpu))
            base = rng.choice([10.0, 25.0, 60.0, 150.0])
            where: dict[str, object] = {"cpu": base}
            if pools[1].gpu is None:
                where["big"] = base * rng.choice([0.5, 1.0])
            else:
                where["card"] = {"half": base * 0.4, "gpu": base * 0.25}
                if rng.random() < 0.4:
                    del where["cpu"]
            jobs = rng.randint(1, 3)
            name = f"u/g/s{stage}f{index}/fit"
            classes.append(job_class(name, jobs, stage, cores, rng.choice([100, 400]), **where))
    return problem(classes, pools, rng.choice([200, 400, 1000]))


def optimum(posed: CapacityProblem) -> float:
    """Least USD of any executable plan that ends in time; inf where there is none."""
    groups = [Group(pool, pattern) for pool in posed.pools for pattern in (pool.patterns or (None,))]
    stages = sorted({one.stage for one in posed.classes})
    nothing = (0,) * len(groups)
    first = list(_stage(posed, groups, stages[0], nothing))
    if len(stages) == 1:
        ended = [(used, max(one.end for one in used)) for used in first]
        return min((_paid(groups, used, end) for used, end in ended if end <= posed.deadline_seconds), default=math.inf)
    follow = {}
    best = math.inf
    for used in first:
        length = max(one.end for one in used)
        for held in itertools.product(*(_stays(one, length) for one in used)):
            kept = tuple(one.nodes if stay is not None else 0 for one, stay in zip(used, held, strict=True))
            spent = sum(
                one.nodes * (length if stay is not None else one.end + IDLE_SECONDS) * group.pool.usd_per_hour / 3600
                for one, stay, group in zip(used, held, groups, strict=True)
                if one.nodes
            )
            if spent >= best:
                continue
            if kept not in follow:
                follow[kept] = list(_stage(posed, groups, stages[1], kept))
            for then in follow[kept]:
                last = max(one.end for one in then)
                if length + last > posed.deadline_seconds or not _capped(posed, groups, used, then):
                    continue
                idle = sum(
                    max(before.nodes - one.nodes, 0) * min(stay, last) * group.pool.usd_per_hour / 3600
                    for before, stay, one, group in zip(used, held, then, groups, strict=True)
                    if stay is not None
                )
                best = min(best, spent + idle + _paid(groups, then, last))
    return best


def _stays(one: Used, length: float) -> list[float | None]:
    """Whether a group is there when the next stage begins: for how many more seconds without work, or None."""
    if not one.nodes:
        return [None]
    if one.end + IDLE_SECONDS >= length:
        return [one.end + IDLE_SECONDS - length]
    return [None, 0.0]


def _paid(groups: list[Group], used: tuple[Used, ...], length: float) -> float:
    return sum(
        one.nodes * min(one.end + IDLE_SECONDS, length) * group.pool.usd_per_hour / 3600
        for one, group in zip(used, groups, strict=True)
        if one.nodes
    )


def _capped(posed: CapacityProblem, groups: list[Group], *stages: tuple[Used, ...]) -> bool:
    """A node keeps its layout: the most nodes of each layout together are within the pool's maximum."""
    for pool in posed.pools:
        peaks = [max(used[at].nodes for used in stages) for at, group in enumerate(groups) if group.pool is pool]
        if sum(peaks) > pool.cap:
            return False
    return True


def _stage(
    posed: CapacityProblem, groups: list[Group], stage: int, kept: tuple[int, ...]
) -> Iterator[tuple[Used, ...]]:
    """Every way to run a stage when ``kept`` nodes of each group are up, each (nodes, ends) once."""
    rows = [row for row, one in enumerate(posed.classes) if one.stage == stage]
    splits = [list(_parts(posed.classes[row].jobs, len(groups))) for row in rows]
    seen: set[tuple[Used, ...]] = set()
    for split in itertools.product(*splits):
        choices: list[list[Used]] = []
        for at, group in enumerate(groups):
            jobs = tuple(part[at] for part in split)
            if not any(jobs):
                choices.append([Used(0, 0.0)])
                continue
            choices.append(
                [
                    Used(nodes, end)
                    for nodes in range(1, group.pool.cap + 1)
                    for end in _group_ends(posed, group, tuple(rows), jobs, nodes, max(nodes - kept[at], 0))
                ]
            )
        for used in itertools.product(*choices):
            if used not in seen and _capped(posed, groups, used):
                seen.add(used)
                yield used


def _parts(total: int, places: int) -> Iterator[Jobs]:
    if places == 1:
        yield (total,)
        return
    for here in range(total + 1):
        for rest in _parts(total - here, places - 1):
            yield (here, *rest)


@cache
def _group_ends(
    posed: CapacityProblem, group: Group, rows: tuple[int, ...], jobs: Jobs, nodes: int, booting: int
) -> frozenset[float]:
    """Ends of the last job of a group over all ways to deal its jobs to nodes, ``booting`` of which boot first."""
    boot = group.pool.boot_seconds if booting == nodes else 0.0
    if nodes == 1:
        return frozenset(boot + end for end in _node_ends(posed, group, rows, jobs))
    # The last node boots if any does, and the others are dealt the rest.
    late = group.pool.boot_seconds if booting else 0.0
    found: set[float] = set()
    for mine in itertools.product(*(range(count + 1) for count in jobs)):
        rest = tuple(count - here for count, here in zip(jobs, mine, strict=True))
        last = [late + end for end in _node_ends(posed, group, rows, mine)] if any(mine) else [0.0]
        others = _group_ends(posed, group, rows, rest, nodes - 1, max(booting - 1, 0)) if any(rest) else {0.0}
        found |= {max(pair) for pair in itertools.product(last, others)}
    return frozenset(found)


@cache
def _node_ends(posed: CapacityProblem, group: Group, rows: tuple[int, ...], jobs: Jobs) -> frozenset[float]:
    """Seconds after which a node has done its jobs, over all its active schedules; empty where one has no room."""
    listed = tuple(row for row, count in zip(rows, jobs, strict=True) for _ in range(count))
    if group.pattern is not None:
        return _slots(posed, group.pool, group.pattern, listed)
    ends = (_cores(posed, group.pool, order) for order in set(itertools.permutations(listed)))
    return frozenset(end for end in ends if end is not None)


def _cores(posed: CapacityProblem, pool: CapacityPool, order: tuple[int, ...]) -> float | None:
    """Serial generation: each job in turn at the first moment at which cores and memory are free for all its time."""
    placed: list[tuple[float, float, int, int]] = []
    for row in order:
        one = posed.classes[row]
        seconds = next((p.seconds for p in one.placements if p.pool == pool.name), None)
        if seconds is None:
            return None
        for start in sorted({0.0, *(end for _, end, _, _ in placed)}):
            moments = [start, *(begin for begin, _, _, _ in placed if start < begin < start + seconds)]
            if all(_free(pool, placed, moment, one.cores, one.memory_mib) for moment in moments):
                placed.append((start, start + seconds, one.cores, one.memory_mib))
                break
    return max(end for _, end, _, _ in placed)


def _free(
    pool: CapacityPool, placed: list[tuple[float, float, int, int]], moment: float, cores: int, memory: int
) -> bool:
    here = [one for one in placed if one[0] <= moment < one[1]]
    taken = sum(one[2] for one in here), sum(one[3] for one in here)
    return taken[0] + cores <= pool.cpu and taken[1] + memory <= pool.memory_mib


def _slots(posed: CapacityProblem, pool: CapacityPool, pattern: Pattern, rows: tuple[int, ...]) -> frozenset[float]:
    """Ends over all ways to give each job one of the layout's slots."""
    slots = [name for name, count in pattern.slots for _ in range(count)]
    found = set()
    for lanes in itertools.product(range(len(slots)), repeat=len(rows)):
        free = [0.0] * len(slots)
        for row, lane in zip(rows, lanes, strict=True):
            one = posed.classes[row]
            place = next((p for p in one.placements if (p.pool, p.slot) == (pool.name, slots[lane])), None)
            fits = one.cores <= pattern.cores_per_slot and one.memory_mib <= pattern.memory_mib_per_slot
            if place is None or not fits:
                break
            free[lane] += place.seconds
        else:
            found.add(max(free))
    return frozenset(found)
