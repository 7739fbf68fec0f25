"""How GPUs are cut, and why so: what runs in which slice, what other layouts would cost, and what nearly fits.

*Usable* MiB decide what fits into a slice: what the driver leaves to a process, not the figure in the slice's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fleetspec.planner.planning import solve
from fleetspec.planner.plans import Plan, Verdict
from fleetspec.planner.problem import CapacityPool, CapacityProblem, DemandClass
from fleetspec.planner.terrain import survey

NEARLY = 0.05
"""A need above a slice by less than this share of it is worth a word."""

Layout = Mapping[str, Mapping[str, int]]
"""Nodes by pool and pattern: the most that stand in each at one time."""
WHOLE = "whole, without MIG"


@dataclass(frozen=True, slots=True)
class Fit:
    """A class that runs on a pool of cut GPUs: its need, the smallest slice that holds it, and how many of those a GPU
    has. MiB are usable ones."""

    name: str
    pool: str
    need_mib: int
    slot: str
    usable_mib: int
    per_gpu: int


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A class that would fit into a smaller slice if it needed a little less GPU memory."""

    name: str
    group: str
    pool: str
    need_mib: int
    less_mib: int
    slot: str
    per_gpu: int
    now_per_gpu: int


@dataclass(frozen=True, slots=True)
class Alternative:
    """The run with all GPUs of a pool in one layout. Costs in USD, times in seconds; None where no plan was found."""

    pool: str
    layout: str
    chosen: bool
    verdict: Verdict
    cost_usd: float | None
    end_seconds: float | None


@dataclass(frozen=True, slots=True)
class Standing:
    """The layout that stands, priced: what the run costs in it, and what the plan's own layout takes to set up.

    ``switched`` nodes change their layout; each is drained and boots again, which is ``drain_seconds`` and
    ``drain_usd``. ``cost_usd`` is None where no plan holds in the standing layout.
    """

    layout: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
    same: bool
    verdict: str
    cost_usd: float | None
    end_seconds: float | None
    switched: int
    drain_seconds: int
    drain_usd: float


def layout_of(plan: Plan) -> dict[str, dict[str, int]]:
    """The most nodes of each pool and pattern that a stage of the plan has; pools without patterns are left out."""
    most: dict[str, dict[str, int]] = {}
    for stage in plan.stages:
        for use in stage.pools:
            for pattern, nodes in use.patterns:
                here = most.setdefault(use.pool, {})
                here[pattern] = max(here.get(pattern, 0), nodes)
    return most


def fits(problem: CapacityProblem, plan: Plan) -> tuple[Fit, ...]:
    """The classes that the plan runs on cut GPUs, those that need most first."""
    found = []
    for pool in _cut(problem):
        running = {lane.klass for lane in plan.lanes if lane.pool == pool.name}
        for one in problem.classes:
            smallest = _smallest(one, pool) if one.name in running else None
            if smallest is not None:
                slot, per_gpu = smallest
                usable = next(piece.gpu_memory_mib for piece in pool.slots if piece.name == slot)
                found.append(Fit(one.name, pool.name, one.gpu_memory_mib, slot, usable, per_gpu))
    return tuple(sorted(found, key=lambda fit: (fit.pool, -fit.need_mib, fit.name)))


def near_misses(problem: CapacityProblem) -> tuple[NearMiss, ...]:
    """Classes with jobs that miss by under ``NEARLY`` a slice of which a GPU holds more than of the one they need."""
    found = []
    for pool in _cut(problem):
        for one in problem.classes:
            now = _smallest(one, pool) if one.jobs and one.gpu != "never" else None
            if now is None:
                continue
            for slot in sorted(pool.slots, key=lambda slot: slot.gpu_memory_mib):
                less = one.gpu_memory_mib - slot.gpu_memory_mib
                if not 0 < less < NEARLY * slot.gpu_memory_mib:
                    continue
                smaller = replace(one, gpu_memory_mib=slot.gpu_memory_mib)
                count = _per_gpu(smaller, pool, slot.name)
                if count > now[1]:
                    found.append(
                        NearMiss(one.name, one.group, pool.name, one.gpu_memory_mib, less, slot.name, count, now[1])
                    )
                    break
    return tuple(found)


def alternatives(problem: CapacityProblem, plan: Plan, uncut: Mapping[str, CapacityProblem]) -> tuple[Alternative, ...]:
    """What the run would cost with the GPUs of one pool all cut into equal slices, or (``uncut``, by pool) whole."""
    found = []
    chosen = layout_of(plan)
    for pool in _cut(problem):
        if not chosen.get(pool.name):
            continue
        for pattern in pool.patterns:
            if len(pattern.slots) == 1:
                only = _limited(problem, {pool.name: {pattern.name}})
                mine = set(chosen[pool.name]) == {pattern.name}
                found.append(_alternative(only, pool.name, pattern.name, mine))
        if pool.name in uncut:
            found.append(_alternative(uncut[pool.name], pool.name, WHOLE, False))
    return tuple(found)


def _alternative(problem: CapacityProblem, pool: str, layout: str, chosen: bool) -> Alternative:
    if not _has_room(problem):
        return Alternative(pool, layout, chosen, "infeasible", None, None)
    result = solve(problem)
    replay = result.replay
    if replay is None:
        return Alternative(pool, layout, chosen, result.verdict, None, None)
    return Alternative(pool, layout, chosen, result.verdict, replay.cost_usd, replay.end)


def standing(problem: CapacityProblem, plan: Plan, layout: Layout) -> Standing | None:
    """The run in the layout that stands, against the plan's own; None where neither cuts a GPU."""
    pools = {pool.name: pool for pool in _cut(problem)}
    stands = {name: dict(here) for name, here in layout.items() if name in pools}
    new = {name: here for name, here in layout_of(plan).items() if name in pools}
    if not stands or not new:
        return None
    flat = tuple((name, tuple(sorted(here.items()))) for name, here in sorted(stands.items()))
    switched = {name: _switched(stands.get(name, {}), here) for name, here in new.items()}
    if not any(switched.values()):
        return Standing(flat, True, plan.verdict, plan.cost_usd, plan.end_seconds, 0, 0, 0.0)
    limited = _limited(problem, {name: set(here) for name, here in stands.items()})
    kept = solve(limited) if _has_room(limited) else None
    held = kept.replay if kept is not None and kept.verdict == "feasible" else None
    return Standing(
        layout=flat,
        same=False,
        verdict="infeasible" if kept is None else kept.verdict,
        cost_usd=None if held is None else held.cost_usd,
        end_seconds=None if held is None else held.end,
        switched=sum(switched.values()),
        drain_seconds=max(pools[name].boot_seconds for name, nodes in switched.items() if nodes),
        drain_usd=sum(
            nodes * pools[name].boot_seconds / 3600 * pools[name].usd_per_hour for name, nodes in switched.items()
        ),
    )


def _switched(old: Mapping[str, int], new: Mapping[str, int]) -> int:
    """Nodes that stand in one layout and are needed in another."""
    names = old.keys() | new.keys()
    spare = sum(max(old.get(name, 0) - new.get(name, 0), 0) for name in names)
    short = sum(max(new.get(name, 0) - old.get(name, 0), 0) for name in names)
    return min(spare, short)


def _limited(problem: CapacityProblem, patterns: Mapping[str, set[str]]) -> CapacityProblem:
    """The problem with only these patterns on the pools named."""
    pools = tuple(
        replace(pool, patterns=tuple(one for one in pool.patterns if one.name in patterns[pool.name]))
        if pool.name in patterns
        else pool
        for pool in problem.pools
    )
    return replace(problem, pools=pools)


def _has_room(problem: CapacityProblem) -> bool:
    """Whether every class still has a slot to run in."""
    return all(survey(problem).places)


def _cut(problem: CapacityProblem) -> list[CapacityPool]:
    return [pool for pool in problem.pools if pool.gpu is not None and len(pool.patterns) > 1]


def _smallest(one: DemandClass, pool: CapacityPool) -> tuple[str, int] | None:
    """The slot of least memory that holds a job of a class, and how many of them a GPU has at most."""
    for slot in sorted(pool.slots, key=lambda slot: (slot.gpu_memory_mib, slot.share)):
        if one.gpu_memory_mib <= slot.gpu_memory_mib and (count := _per_gpu(one, pool, slot.name)):
            return slot.name, count
    return None


def _per_gpu(one: DemandClass, pool: CapacityPool, slot: str) -> int:
    """How many slots of a name the best pattern has on a GPU, of those whose share of the node holds a job."""
    return max(
        (
            count // pool.gpus
            for pattern in pool.patterns
            for name, count in pattern.slots
            if name == slot and one.cores <= pattern.cores_per_slot and one.memory_mib <= pattern.memory_mib_per_slot
        ),
        default=0,
    )
