"""The plan: plain frozen data with canonical bytes, and the constraints said a second time.

A plan holds no clock and no flag. Times are seconds relative to its start; the session it is for is an
input and is recorded. ``violations`` checks a plan against its problem without the solver's formulation.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["feasible", "late", "infeasible"]


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
    """Nodes of a pool in one stage. ``patterns`` maps a node's pattern to how many nodes take it."""

    pool: str
    nodes: int
    patterns: tuple[tuple[str, int], ...]
    node_seconds: float
    """Paid node-seconds, boots included."""
    busy_share: float
    """Share of the paid slot or core time in which a job runs."""
    cost_usd: float


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage of the replayed plan: begins when every job of the stage before has ended."""

    stage: int
    title: str
    start_seconds: float
    end_seconds: float
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
    """What the plan says of one class. ``seconds`` is the predicted time of one job where most of them run."""

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


@dataclass(frozen=True, slots=True)
class PoolLine:
    """A pool as planned for: its price and where the price comes from, and the peak over all stages.

    ``slots`` are the worker groups a renderer makes: (pattern, slot, slots per node, cores, memory MiB, nodes).
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
class Plan:
    """The answer to one capacity problem.

    ``cost_usd`` and ``end_seconds`` are the replayed plan's; ``bound_usd`` is the free-length LP's lower bound
    and ``gap`` = cost / bound - 1 (0 where the bound is 0). ``binding`` names what stops it from being cheaper.
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

    def to_json(self) -> dict[str, Any]:
        """Plain data, every number of the plan; floats rounded to a micro-unit so bytes are stable."""
        data: dict[str, Any] = _plain(asdict(self))
        return data

    def to_bytes(self) -> bytes:
        """Canonical JSON: sorted keys, fixed separators, final newline."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return text.encode() + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 6)
    return value
