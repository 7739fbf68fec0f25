"""The plan: plain frozen data with canonical bytes.

A plan holds no clock and no flag. Times are seconds relative to its start; the session it is for is an
input and is recorded. :mod:`violations` checks a plan against its problem without the solver's formulation.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, Literal

from fleetspec.planner.problem import Objective, Purchase

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
    each pattern ("" on CPU nodes) those that run nothing of the stage and only wait to be given back."""

    pool: str
    nodes: int
    patterns: tuple[tuple[str, int], ...]
    node_seconds: float
    """Paid node-seconds, boots included."""
    busy_share: float
    """Share of the paid slot or core time in which a job runs."""
    cost_usd: float
    start_seconds: float = 0.0
    """When the stage first calls for nodes of the pool; one that only waits to be given back has its stage's times."""
    end_seconds: float = 0.0
    """When the last of its jobs there ends."""
    waiting: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage of the replayed plan: begins when every job of the stage before has ended or, where stages overlap,
    when the first of its classes has nothing left to wait for."""

    stage: int
    title: str
    start_seconds: float
    end_seconds: float
    boot_seconds: float
    """How long the node that works last in this stage boots before it begins."""
    pools: tuple[PoolUse, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """A line of the lane table: in a stage, ``jobs`` jobs of a class run on a pool's slots, ``width`` at a time. Of
    what waits at the same time, the dispatcher hands out the lane with the lowest ``turn`` first."""

    stage: int
    klass: str
    pool: str
    slot: str
    jobs: int
    width: int
    seconds_per_job: float
    start_seconds: float = 0.0
    end_seconds: float = 0.0
    turn: int = 0


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
    price_date: str = ""
    price_book: str = ""


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
class Change:
    """A value of the spec, and the one to write in its place."""

    route: tuple[str, ...]
    current: str
    proposed: str


@dataclass(frozen=True, slots=True)
class Combination:
    """Changes of the spec, mostly two, after which the plan is feasible where no single one is enough, confirmed by
    planning again with all of them."""

    changes: tuple[Change, ...]
    end_seconds: float
    cost_usd: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A line (universe/group/family) that falls out: its models, the jobs that do not run for it, and what all of its
    models are worth."""

    name: str
    models: int
    jobs: int
    value: float


@dataclass(frozen=True, slots=True)
class Selection:
    """What falls out where deadline and budget do not hold everything, so that both are kept: ``kept_value`` of
    ``total_value`` stays, confirmed by planning it. ``most_value`` is proved: no choice of whole lines keeps
    more."""

    left_out: tuple[LeftOut, ...]
    kept_value: float
    total_value: float
    most_value: float
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
class Overlap:
    """What it brings that stages overlap: cost and end of the best plan found in which each stage waits for all of the
    one before, and which stages run at the same time (earlier, later, seconds)."""

    barrier_cost_usd: float
    barrier_end_seconds: float
    together: tuple[tuple[int, int, float], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer to one capacity problem.

    ``cost_usd`` and ``end_seconds`` are the replayed plan's; ``bound_usd`` is the free-length LP's lower bound, or that
    of whole nodes and jobs where it is larger (``method`` says so), and ``gap`` = cost / bound - 1 (0 where the bound
    is 0). ``binding`` names what stops it from being cheaper.
    ``chance`` is None where nothing runs, ``assurance`` where no share of nights is asked for, ``overlap`` where each
    stage waits for all of the one before.
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
    keep_both: Selection | None = None
    """Of a plan that does not hold: what to leave out instead of moving a limit."""
    selection: Selection | None = None
    """Where the spec maximises value and not everything holds: what this plan leaves out. No figure of it counts their
    jobs, and ``suggestions`` and ``combinations`` are what would keep them."""
    loaded_usd: float = 0.0
    """``cost_usd`` and the purchase of owned nodes for the hours that they work: nothing is decided by it."""
    overlap: Overlap | None = None
    combinations: tuple[Combination, ...] = ()
    """Where no single change makes it hold, changes that do together; () where ``suggestions`` has any."""

    def to_json(self) -> dict[str, Any]:
        """Plain data, every number of the plan; floats rounded to a micro-unit so bytes are stable."""
        data: dict[str, Any] = plain(self)
        return data

    def to_bytes(self) -> bytes:
        """Canonical JSON: sorted keys, fixed separators, final newline."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return text.encode() + b"\n"

    @property
    def missing(self) -> int:
        """Jobs that the store lacks: those that are planned, and those that are left out."""
        return self.jobs + sum(one.jobs for one in self.left_out)

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """The lines that this plan does without."""
        return () if self.selection is None else self.selection.left_out

    @property
    def digest(self) -> str:
        """BLAKE2b-256 of the canonical bytes: what an approval of exactly this plan names."""
        return hashlib.blake2b(self.to_bytes(), digest_size=32).hexdigest()


def window_of(run: str) -> tuple[str, str]:
    """Where a spec says by when a run has to end."""
    return ("schedule", "deadline") if run == "nightly" else (run, "within")


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
