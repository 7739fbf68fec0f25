"""The plan: plain frozen data with canonical bytes, and the constraints said a second time.

A plan holds no clock and no flag. Times are seconds relative to its start; the session it is for is an
input and is recorded. ``violations`` checks a plan against its problem without the solver's formulation.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, Literal

from fleetspec.planner.problem import CapacityProblem, Objective, Purchase

Verdict = Literal["feasible", "unsure", "late", "infeasible"]
"""``unsure`` plans end in time as planned, and in fewer nights than asked for."""
TOLERANCE = 1e-6
"""Seconds, USD or shares by which sums of floats may differ."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Digests of all a plan depends on."""

    spec: str
    lock: str
    graph: str
    catalog: str
    measured: str
    solver: str


@dataclass(frozen=True, slots=True)
class PlanHeader:
    """The fields of a plan that no number decides: whose it is, for when, from what.

    ``deadline`` is the deadline as the spec writes it (``open - 90m``, ``24h``), so that a suggestion can be made
    in the same words; without it a suggestion speaks of the seconds between start and deadline.
    """

    fleet: str
    run: str
    session: str
    night: str
    inputs: Inputs
    models: int
    deadline: str = ""


@dataclass(frozen=True, slots=True)
class PoolUse:
    """Nodes of a pool in one stage. ``patterns`` maps a node's pattern to how many nodes take it; ``waiting`` has of
    each pattern ("" on CPU nodes) those that run nothing here and only wait to be given back."""

    pool: str
    nodes: int
    patterns: tuple[tuple[str, int], ...]
    node_seconds: float
    """Paid node-seconds, boots included."""
    busy_share: float
    """Share of the paid slot or core time in which a job runs."""
    cost_usd: float
    waiting: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage of the replayed plan: begins when every job of the stage before has ended."""

    stage: int
    title: str
    start_seconds: float
    end_seconds: float
    boot_seconds: float
    """How long the node that works last in this stage boots before it begins."""
    pools: tuple[PoolUse, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """A line of the lane table: in a stage, ``jobs`` jobs of a class run on a pool's slots, ``width`` at a time."""

    stage: int
    klass: str
    pool: str
    slot: str
    jobs: int
    width: int
    seconds_per_job: float


@dataclass(frozen=True, slots=True)
class ClassLine:
    """What the plan says of one class. ``seconds`` is the predicted time of one job where most of them run, in the
    mean; ``p50`` and ``p95`` are its quantiles, and ``error`` is the standard deviation of log seconds by which the
    class as a whole may be off.
    """

    name: str
    group: str
    family: str
    task: str
    stage: int
    jobs: int
    reused: int
    seconds: float
    cost_usd: float
    basis: str
    n: int
    source: str
    p50: float = 0.0
    p95: float = 0.0
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class PoolLine:
    """A pool as planned for: its price and where the price comes from, and the peak over all stages.

    ``workers`` are the worker groups a renderer makes. ``purchase`` to ``sharing`` as in the problem.
    """

    pool: str
    gpu: str | None
    gpus_per_node: int
    cpu: int
    memory_mib: int
    usd_per_hour: float
    price_basis: str
    cap: int
    peak_nodes: int
    boot_seconds: int
    workers: tuple[WorkerLine, ...]
    purchase: Purchase = "on-demand"
    pool_of: str = ""
    preempt_per_hour: float = 0.0
    capex_per_hour: float = 0.0
    sharing: str = ""


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """Equal workers of a pool at the plan's peak: one per slot on GPU nodes, one per node on CPU nodes."""

    pattern: str
    slot: str
    workers: int
    workers_per_node: int
    cores: int
    memory_mib: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A single change of the spec after which the plan is feasible, confirmed by planning again."""

    route: tuple[str, ...]
    current: str
    proposed: str
    end_seconds: float
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Chance:
    """How sure a plan is, from ``trials`` nights replayed with chance on ``seeds`` that it was not made with.

    ``p_on_time`` is the share of nights that end by the deadline, ``interval`` its 95 % interval; medians and 95th
    percentiles are in seconds from the start and in USD for this run. ``assumptions`` is what nights vary by.
    """

    p_on_time: float
    interval: tuple[float, float]
    end_p50: float
    end_p95: float
    cost_p50: float
    cost_p95: float
    trials: int
    seeds: tuple[int, ...]
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assurance:
    """What was done for the share of nights asked for (``asked``): jobs are sized longer by ``headroom``, a share of
    their time; without it ``share_without`` of the nights, on the seeds of planning, would end in time, for
    ``cost_usd_without``."""

    asked: float
    headroom: float
    share_without: float
    cost_usd_without: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer to one capacity problem.

    ``cost_usd`` and ``end_seconds`` are the replayed plan's; ``bound_usd`` is the free-length LP's lower bound
    and ``gap`` = cost / bound - 1 (0 where the bound is 0). ``binding`` names what stops it from being cheaper.
    ``chance`` is None where nothing runs, ``assurance`` where no share of nights is asked for.
    """

    fleet: str
    run: str
    session: str
    night: str
    inputs: Inputs
    verdict: Verdict
    deadline_seconds: int
    overhead_seconds: int
    end_seconds: float
    budget_usd: float | None
    cost_usd: float
    bound_usd: float
    gap: float
    method: str
    rounds: int
    models: int
    jobs: int
    reused: int
    measured_share: float
    """Share of the cost that rests on measured runtimes."""
    stages: tuple[StagePlan, ...]
    lanes: tuple[Lane, ...]
    classes: tuple[ClassLine, ...]
    pools: tuple[PoolLine, ...]
    binding: tuple[str, ...]
    suggestions: tuple[Suggestion, ...]
    assumptions: tuple[str, ...]
    chance: Chance | None = None
    assurance: Assurance | None = None
    objective: Objective = "cost"
    soonest_seconds: float = 0.0
    """Where the objective is time, when the run ends at the earliest, proved; else 0."""
    loaded_usd: float = 0.0
    """``cost_usd`` and the purchase of owned nodes for the hours that they work: nothing is decided by it."""

    def to_json(self) -> dict[str, Any]:
        """Plain data, every number of the plan; floats rounded to a micro-unit so bytes are stable."""
        data: dict[str, Any] = plain(self)
        return data

    def to_bytes(self) -> bytes:
        """Canonical JSON: sorted keys, fixed separators, final newline."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return text.encode() + b"\n"

    @property
    def digest(self) -> str:
        """BLAKE2b-256 of the canonical bytes: what an approval of exactly this plan names."""
        return hashlib.blake2b(self.to_bytes(), digest_size=32).hexdigest()


def plain(value: Any) -> Any:
    """Dataclasses and what holds them as JSON has it; floats are rounded to a micro-unit."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 6)
    return value


def violations(problem: CapacityProblem, plan: Plan) -> list[str]:
    """What is wrong with a plan, said from the problem and the plan's own rows alone; [] when nothing is.

    A plan that is late or over budget is sound if it says so. One that is not feasible may have no stages at all.
    """
    found = _verdict_faults(problem, plan)
    if not plan.stages:
        if plan.verdict == "feasible" and any(one.jobs for one in problem.classes):
            found.append("feasible, but nothing runs")
        return found
    return found + _job_faults(problem, plan) + _node_faults(problem, plan) + _room_faults(problem, plan)


def _verdict_faults(problem: CapacityProblem, plan: Plan) -> list[str]:
    found = []
    late = plan.end_seconds > plan.deadline_seconds + TOLERANCE
    dear = problem.budget_usd is not None and plan.cost_usd > problem.budget_usd + TOLERANCE
    if plan.verdict == "feasible" and late:
        found.append(f"feasible, but it ends at {plan.end_seconds} and the deadline is {plan.deadline_seconds}")
    if plan.verdict == "feasible" and dear:
        found.append(f"feasible, but it costs {plan.cost_usd} and the budget is {problem.budget_usd}")
    if plan.verdict == "feasible" and problem.on_time is not None and plan.chance is not None:
        least = plan.chance.interval[1]
        if least < problem.on_time:
            found.append(f"feasible, but on time in {least} of the nights at most, {problem.on_time} asked")
    if plan.verdict == "unsure" and (late or problem.on_time is None):
        found.append("unsure, but it is late, or no share of nights is asked for")
    if plan.verdict == "late" and not late and plan.stages:
        found.append("late, but it ends before the deadline")
    if plan.stages and plan.bound_usd > plan.cost_usd * (1 + TOLERANCE) + TOLERANCE:
        found.append(f"the bound {plan.bound_usd} is above the cost {plan.cost_usd}")
    if plan.deadline_seconds != problem.deadline_seconds or plan.budget_usd != problem.budget_usd:
        found.append("deadline or budget are not the problem's")
    return found


def _job_faults(problem: CapacityProblem, plan: Plan) -> list[str]:
    """Every job once, in its stage, where it fits, in the time it takes there; stages one after the other."""
    found = []
    for one in problem.classes:
        lanes = [lane for lane in plan.lanes if lane.klass == one.name]
        if sum(lane.jobs for lane in lanes) != one.jobs:
            found.append(f"{one.name}: {sum(lane.jobs for lane in lanes)} of {one.jobs} jobs have a lane")
        allowed = {(place.pool, place.slot): place.seconds for place in one.placements}
        for lane in lanes:
            if lane.stage != one.stage:
                found.append(f"{one.name}: runs in stage {lane.stage}, belongs to stage {one.stage}")
            if allowed.get((lane.pool, lane.slot)) != lane.seconds_per_job:
                found.append(
                    f"{one.name}: {lane.seconds_per_job} s on {lane.pool} {lane.slot} is none of its placements"
                )
    clock = float(problem.overhead_seconds)
    for stage in plan.stages:
        if abs(stage.start_seconds - clock) > TOLERANCE or stage.end_seconds < stage.start_seconds:
            found.append(f"stage {stage.stage}: from {stage.start_seconds} to {stage.end_seconds} after {clock}")
        clock = stage.end_seconds
    if abs(clock - plan.end_seconds) > TOLERANCE:
        found.append(f"the last stage ends at {clock}, the plan at {plan.end_seconds}")
    if [stage.stage for stage in plan.stages] != sorted({one.stage for one in problem.classes if one.jobs}):
        found.append("not every stage with jobs is planned, once and in order")
    return found


def _node_faults(problem: CapacityProblem, plan: Plan) -> list[str]:
    """Caps, patterns that exist, and money: what is paid is what is used, at the pool's price."""
    found = []
    pools = {pool.name: pool for pool in problem.pools}
    peaks: dict[tuple[str, str], int] = {}
    for stage in plan.stages:
        for use in stage.pools:
            pool, length = pools[use.pool], stage.end_seconds - stage.start_seconds
            if use.nodes > pool.cap:
                found.append(f"stage {stage.stage}: {use.nodes} nodes of {use.pool}, at most {pool.cap}")
            if pool.gpu is not None and sum(count for _, count in use.patterns) != use.nodes:
                found.append(f"stage {stage.stage}: patterns of {use.pool} do not add up to {use.nodes} nodes")
            for name, count in use.patterns:
                peaks[use.pool, name] = max(peaks.get((use.pool, name), 0), count)
                if name not in {pattern.name for pattern in pool.patterns}:
                    found.append(f"stage {stage.stage}: {use.pool} has no pattern {name}")
            if use.node_seconds > use.nodes * length + TOLERANCE:
                found.append(f"stage {stage.stage}: {use.node_seconds} node-seconds of {use.pool} in {length} s")
            if abs(use.cost_usd - use.node_seconds / 3600 * pool.usd_per_hour) > TOLERANCE:
                found.append(f"stage {stage.stage}: {use.pool} costs {use.cost_usd}, not its price times its time")
        for members in problem.offers:
            names, most = {problem.pools[k].name for k in members}, max(problem.pools[k].cap for k in members)
            together = sum(use.nodes for use in stage.pools if use.pool in names)
            if together > most:
                found.append(f"stage {stage.stage}: {together} nodes of {' and '.join(sorted(names))}, at most {most}")
    for members in problem.offers:
        names, most = {problem.pools[k].name for k in members}, max(problem.pools[k].cap for k in members)
        if sum(count for (name, _), count in peaks.items() if name in names) > most:
            found.append(f"{problem.pools[members[0]].spec_name}: layouts for more nodes than the {most} there are")
    total = sum(use.cost_usd for stage in plan.stages for use in stage.pools)
    if abs(total - plan.cost_usd) > TOLERANCE * (1 + total):
        found.append(f"the pools cost {total}, the plan {plan.cost_usd}")
    spread = sum(line.cost_usd for line in plan.classes)
    if abs(spread - plan.cost_usd) > TOLERANCE * (1 + total):
        found.append(f"the classes cost {spread}, the plan {plan.cost_usd}")
    return found


def _room_faults(problem: CapacityProblem, plan: Plan) -> list[str]:
    """Slots, cores and memory of a stage, less what its nodes lose to booting, hold the work of its lanes."""
    found: list[str] = []
    classes = {one.name: one for one in problem.classes}
    before: dict[tuple[str, str], int] = {}
    for stage in plan.stages:
        length = stage.end_seconds - stage.start_seconds
        now: dict[tuple[str, str], int] = {}
        for use in stage.pools:
            pool = next(pool for pool in problem.pools if pool.name == use.pool)
            lanes = [lane for lane in plan.lanes if lane.stage == stage.stage and lane.pool == use.pool]
            working: dict[str, float] = {}
            for name, nodes in use.patterns or (("", use.nodes),):
                now[use.pool, name] = nodes
                booting = max(0, nodes - before.get((use.pool, name), 0))
                working[name] = max(0.0, nodes * length - booting * pool.boot_seconds)
            checks: list[tuple[str, float, float]] = []
            if pool.gpu is None:
                for what, need, have in (("cores", "cores", pool.cpu), ("memory", "memory_mib", pool.memory_mib)):
                    work = sum(lane.jobs * lane.seconds_per_job * getattr(classes[lane.klass], need) for lane in lanes)
                    checks += [(what, work, have * working[""]), (f"paid {what}", work, have * use.node_seconds)]
            else:
                for slot in pool.slots:
                    here = [lane for lane in lanes if lane.slot == slot.name]
                    counts = {pattern.name: dict(pattern.slots).get(slot.name, 0) for pattern in pool.patterns}
                    work = sum(lane.jobs * lane.seconds_per_job for lane in here)
                    checks.append((slot.name, work, sum(counts[name] * time for name, time in working.items())))
                    slots = sum(counts[name] * nodes for name, nodes in use.patterns)
                    checks += [(f"width on {slot.name}", lane.width, slots) for lane in here]
            checks += [
                (f"time of {lane.klass}", lane.jobs * lane.seconds_per_job, lane.width * length) for lane in lanes
            ]
            found += [
                f"stage {stage.stage}, {use.pool}: {what} {need:.6g} of {have:.6g}"
                for what, need, have in checks
                if need > have * (1 + TOLERANCE) + TOLERANCE
            ]
        before = now
    return found
