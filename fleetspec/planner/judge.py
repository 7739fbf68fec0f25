"""How sure is a plan? Its nights replayed with chance, from the plan's own rows and the problem's classes.

The judge knows nothing of how the plan was sized: it reads nodes, lanes and stages as they stand in the plan, lets
jobs, boots, stock and data vary (:mod:`noise`), and counts the nights that end in time. Each stage is run by classes
(:mod:`judge_rooms`), stages that overlap together (:mod:`judge_overlap`), with chance and without; a night's stage
takes as much longer than the plan's as the one run took longer than the other, so that without chance every night is
the plan itself.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fleetspec.planner.judge_chances import MOST_NODES, Factors, load_of, nodes_of, places_on, taken_of, working_of
from fleetspec.planner.judge_overlap import Together
from fleetspec.planner.judge_rooms import LANES, last_end
from fleetspec.planner.noise import JUDGED_ON, NONE, TRIALS, USUAL, Noise, described
from fleetspec.planner.order import arranged, canonical
from fleetspec.planner.plans import Chance, Lane, Plan, PoolUse, StagePlan
from fleetspec.planner.precedence import precedence
from fleetspec.planner.problem import CPU_SLOT, CapacityPool, CapacityProblem, DemandClass

Floats = NDArray[np.float64]

IDLE_SECONDS = 120.0
"""A node without jobs is paid for so much longer, as the manifests tell the autoscaler."""
WILSON_Z = 1.959964
"""Half width of a 95 % interval in standard deviations."""
DIGITS = 4
"""Significant digits of what trials give: more would be noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Nights:
    """Trials of a plan: when each ends, in seconds from the start, and what it costs in USD; (trials,)."""

    ends: Floats
    costs: Floats


def judge(problem: CapacityProblem, plan: Plan, seed: int = JUDGED_ON, trials: int = TRIALS) -> Chance | None:
    """The chance that a plan ends in time; None where it runs nothing."""
    if not plan.stages:
        return None
    noise = USUAL if plan.run == "nightly" else _without_data(USUAL)
    found = nights(problem, plan, seed, trials, noise)
    on_time = float(np.mean(found.ends <= plan.deadline_seconds))
    end50, end95 = _rounded(np.quantile(found.ends, [0.5, 0.95]))
    cost50, cost95 = _rounded(np.quantile(found.costs, [0.5, 0.95]))
    said = described(noise, plan.run == "nightly", any(p.purchase == "spot" and p.peak_nodes for p in plan.pools))
    return Chance(on_time, wilson(on_time, trials), end50, end95, cost50, cost95, trials, (seed,), said)


def wilson(share: float, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share seen in so many trials, after Wilson (1927)."""
    z2 = WILSON_Z**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = WILSON_Z / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return round(max(0.0, middle - half), DIGITS), round(min(1.0, middle + half), DIGITS)


def nights(problem: CapacityProblem, plan: Plan, seed: int, trials: int, noise: Noise) -> Nights:
    """Replay a plan ``trials`` times with chance of a seed."""
    # What is drawn for whom follows figures and not names.
    problem = canonical(problem)
    plan = arranged(plan, problem)
    rng = np.random.default_rng([seed, trials])
    calm = _run(problem, plan, np.random.default_rng(0), 1, NONE)
    wild = _run(problem, plan, rng, trials, noise)
    late = (rng.random(trials) < noise.late) * rng.exponential(max(noise.late_seconds, 1e-9), trials)
    ends, costs = plan.overhead_seconds + late, np.zeros(trials)
    for one, other in zip(wild, calm, strict=True):
        planned = max(s.end_seconds for s in one.stages) - min(s.start_seconds for s in one.stages)
        ends += planned * _over(one.length, other.length)
        for stage in one.stages:
            for use in stage.pools:
                key = stage.stage, use.pool
                costs += use.cost_usd * _over(one.paid[key], other.paid[key])
    return Nights(ends, costs)


def _over(wild: Floats, calm: Floats) -> Floats:
    return wild / calm if calm[0] > 0 else np.ones_like(wild)


def _rounded(values: Floats) -> tuple[float, float]:
    low, high = (float(f"{value:.{DIGITS}g}") for value in values)
    return low, high


def _without_data(noise: Noise) -> Noise:
    return replace(noise, late=0.0, late_seconds=0.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Stages that run together, mostly one, in every trial: their length in seconds, and by (stage, pool) the seconds
    that a node is paid for."""

    stages: tuple[StagePlan, ...]
    length: Floats
    paid: dict[tuple[int, str], Floats]


def _run(
    problem: CapacityProblem, plan: Plan, rng: np.random.Generator, trials: int, noise: Noise
) -> tuple[_Part, ...]:
    pools = {pool.name: pool for pool in problem.pools}
    classes = {one.name: one for one in problem.classes}
    factors = Factors(rng, trials, noise)
    before: dict[tuple[str, str], int] = {}
    found = []
    for stages in _parts(problem, plan):
        if len(stages) > 1:
            together = Together(problem, plan, stages, before, rng, trials, noise, factors)
            found.append(_Part(stages, together.run(), together.paid(IDLE_SECONDS)))
            before = _still_up(stages)
            continue
        (stage,) = stages
        ends: dict[str, Floats] = {}
        for use in stage.pools:
            lanes = [lane for lane in plan.lanes if lane.stage == stage.stage and lane.pool == use.pool]
            ready = _ready(pools[use.pool], use, before, rng, trials, noise)
            # A pool whose nodes only wait to be given back has no end to wait for.
            ends[use.pool] = np.zeros(trials)
            if lanes:
                ends[use.pool] = _pool_end(pools[use.pool], use, stage, lanes, classes, ready, factors, rng, noise)
        length = np.maximum.reduce(list(ends.values()))
        paid = {(stage.stage, name): np.minimum(end + IDLE_SECONDS, length) for name, end in ends.items()}
        found.append(_Part(stages, length, paid))
        before = _still_up(stages)
    return tuple(found)


def _parts(problem: CapacityProblem, plan: Plan) -> list[tuple[StagePlan, ...]]:
    """Stages one after the other, or, of a plan in which they overlap, those together that may."""
    if plan.overlap is None:
        return [(stage,) for stage in plan.stages]
    by_number = {stage.stage: stage for stage in plan.stages}
    return [tuple(by_number[s] for s in block) for block in precedence(problem.classes).blocks]


def _still_up(stages: tuple[StagePlan, ...]) -> dict[tuple[str, str], int]:
    """Nodes, by (pool, pattern), that are up when the last of stages that run together ends: those that had work until
    shortly before, and those that only waited to be given back where there was no time for it."""
    end = max(stage.end_seconds for stage in stages)
    short = end - min(stage.start_seconds for stage in stages) <= IDLE_SECONDS
    found: dict[tuple[str, str], int] = {}
    for use in (use for stage in stages for use in stage.pools):
        if use.end_seconds + IDLE_SECONDS < end:
            continue
        for key, nodes in nodes_of(use) if short else working_of(use):
            found[key] = max(found.get(key, 0), nodes)
    return found


def _ready(
    pool: CapacityPool,
    use: PoolUse,
    before: dict[tuple[str, str], int],
    rng: np.random.Generator,
    trials: int,
    noise: Noise,
) -> dict[str, Floats]:
    """By pattern: when each node can work, in seconds from the stage's start; (trials, nodes).

    Of more than ``MOST_NODES`` a part is drawn: when single nodes of so many are ready no longer matters.
    """
    ready = {}
    part, spare = min(MOST_NODES / use.nodes, 1.0), dict(use.waiting)
    short = (rng.random(trials) < noise.stock_out) * rng.exponential(max(noise.stock_out_seconds, 1e-9), trials)
    for (_, name), present in nodes_of(use):
        nodes = present - spare.get(name, 0)
        if nodes == 0:
            continue
        booting = max(nodes - before.get((pool.name, name), 0), 0)
        if part < 1:
            nodes, booting = math.ceil(nodes * part), math.ceil(booting * part)
        boots = pool.boot_seconds * np.exp(noise.boot * rng.standard_normal((trials, booting)))
        ready[name] = np.concatenate([np.zeros((trials, nodes - booting)), boots + short[:, None]], axis=1)
    return ready


def _pool_end(
    pool: CapacityPool,
    use: PoolUse,
    stage: StagePlan,
    lanes: list[Lane],
    classes: dict[str, DemandClass],
    ready: dict[str, Floats],
    factors: Factors,
    rng: np.random.Generator,
    noise: Noise,
) -> Floats:
    """When a pool's last job of a stage ends, in seconds from the stage's start."""
    trials = len(next(iter(ready.values())))
    rooms: dict[str, list[Lane]] = defaultdict(list)
    for lane in lanes:
        rooms[lane.slot].append(lane)
    end = np.zeros(trials)
    gone = taken_of(pool, use, rng, trials, noise)
    for slot, here in rooms.items():
        places = _lanes_ready(pool, slot, ready)
        loads = []
        for lane in here:
            one = classes[lane.klass]
            width = _width(pool, use, one, slot)
            loads.append(load_of(lane, one, pool, width, gone, factors, noise))
        count = min(max(load.width for load in loads), LANES)
        # Lanes lie evenly over the nodes, those that still boot last.
        free = places[:, np.arange(count) * places.shape[1] // count]
        end = np.maximum(end, last_end(free, loads, stage.end_seconds - stage.start_seconds, rng))
    return end


def _width(pool: CapacityPool, use: PoolUse, one: DemandClass, slot: str) -> int:
    """How many jobs of a class the working nodes of a pool run at a time."""
    working = {name: nodes for (_, name), nodes in working_of(use)}
    if slot == CPU_SLOT:
        return sum(working.values()) * places_on(pool, one)
    counts = {pattern.name: dict(pattern.slots).get(slot, 0) for pattern in pool.patterns}
    return sum(counts[name] * nodes for name, nodes in working.items())


def _lanes_ready(pool: CapacityPool, slot: str, ready: dict[str, Floats]) -> Floats:
    """When each place of a room is ready, sorted in each trial: a CPU node is one, a GPU node as many as it has of the
    slot."""
    parts = list(ready.values())
    if slot != CPU_SLOT:
        counts = {pattern.name: dict(pattern.slots).get(slot, 0) for pattern in pool.patterns}
        parts = [times for name, times in ready.items() for _ in range(counts[name])]
    return np.sort(np.concatenate(parts, axis=1), axis=1)
