"""The capacity problem: numbers only, no families, no YAML, one row per job class and never one per job."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

CPU_SLOT = "cpu"
GPU_SLOT = "gpu"
SHARED_SLOT = "shared-"
"""What a slot is called that is one of q equal shares of a GPU: ``shared-4``."""
_PARTITION = re.compile(r"[sdtqc]px-nps\d")
Purchase = Literal["on-demand", "spot", "owned"]
Objective = Literal["cost", "time"]
"""What a plan is chosen by among those that hold deadline and budget."""


def is_partition(slot: str) -> bool:
    """Whether a slot is a partition of a GPU of AMD's, by its name: ``cpx-nps4``."""
    return _PARTITION.fullmatch(slot) is not None


@dataclass(frozen=True, slots=True)
class Slot:
    """What one job occupies on a GPU node: a MIG slice (``mig-1g.10gb``), a partition (``cpx-nps4``), a share
    (``shared-4``) or a whole ``gpu``.

    On CPU nodes there is no slot: jobs share cores and memory.
    """

    name: str
    gpu_memory_mib: int
    share: float
    """Fraction of the GPU's compute, in (0, 1]."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """How all GPUs of a node are cut: slots per node, and what each slot may use of the node's cores and memory."""

    name: str
    slots: tuple[tuple[str, int], ...]
    cores_per_slot: int
    memory_mib_per_slot: int


@dataclass(frozen=True, slots=True)
class CapacityPool:
    """An offer k: price p_k, usable cores and memory, cap N_k, boot seconds, and the patterns its nodes may take.

    ``cpu`` and ``memory_mib`` are what is left for workers after the node's reserve. CPU pools have no patterns.
    ``pool_of`` is the spec's pool that it is bought of ("": its own name): offers of one pool share its cap. A spot
    node is taken back ``preempt_per_hour`` times an hour in the mean. The price of an owned node is its power, what an
    hour of it costs on the margin; ``capex_per_hour`` is its purchase price over all hours of the years it lasts, USD.
    """

    name: str
    usd_per_hour: float
    cpu: int
    memory_mib: int
    cap: int
    boot_seconds: int
    gpu: str | None
    gpus: int
    slots: tuple[Slot, ...]
    patterns: tuple[Pattern, ...]
    price_basis: str
    purchase: Purchase = "on-demand"
    pool_of: str = ""
    preempt_per_hour: float = 0.0
    capex_per_hour: float = 0.0
    sharing: str = ""
    """How jobs share a GPU: ``mps``, ``time-slice``, or not."""
    price_date: str = ""
    """The day its price is of, where a list or a price book says so."""
    price_book: str = ""
    """The price book its price is from ("": the shipped list, or the spec)."""

    @property
    def spec_name(self) -> str:
        """Its pool in the spec."""
        return self.pool_of or self.name


@dataclass(frozen=True, slots=True)
class Placement:
    """Class j may run on pool k in slot sigma, and takes t seconds there, the mean of its jobs. ``basis`` is measured
    or assumed.

    ``spread`` is the standard deviation of log seconds between jobs, ``error`` that of the class as a whole: how far
    off the figure may be. ``p50`` and ``p95`` are seconds that the next job is as likely below as above, and below in
    19 of 20 cases; 0 where nobody has asked. ``lost`` is the share by which ``seconds`` counts longer for what is lost
    when a spot node is taken back.
    """

    pool: str
    slot: str
    seconds: float
    spread: float
    basis: str
    n: int
    source: str
    error: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    lost: float = 0.0


@dataclass(frozen=True, slots=True)
class DemandClass:
    """n_j jobs of a stage with the same needs, and where each may run. No placement means it fits nowhere.

    ``after`` names the classes that must have ended before a job of this one begins, all of earlier stages; None: all
    classes of the stages before, so that stages follow each other without overlap.
    """

    name: str
    group: str
    family: str
    task: str
    stage: int
    jobs: int
    reused: int
    cores: int
    memory_mib: int
    gpu_memory_mib: int
    gpu: str
    placements: tuple[Placement, ...]
    after: tuple[str, ...] | None = None
    value: float = 1.0
    """What one model of it is worth where not all can be kept."""
    shared: tuple[tuple[str, int], ...] = ()
    """Classes that make some of its results, for they have jobs of the same content, and how many of them."""


@dataclass(frozen=True)
class CapacityProblem:
    """Everything the solver sees. Seconds and USD; ``budget_usd`` is None where the spec sets none, and ``on_time``,
    the share of nights that must end in time, where it asks for none."""

    classes: tuple[DemandClass, ...]
    pools: tuple[CapacityPool, ...]
    deadline_seconds: int
    budget_usd: float | None
    overhead_seconds: int
    """Before the first job: admission and image pull, the same for every plan."""
    on_time: float | None = None
    objective: Objective = "cost"
    maximize_value: bool = False
    """Whether what deadline and budget do not hold is left out, so that most value stays; then ``objective`` chooses
    between plans of what stays."""

    @property
    def stages(self) -> int:
        return 1 + max((c.stage for c in self.classes), default=-1)

    @cached_property
    def offers(self) -> tuple[tuple[int, ...], ...]:
        """Indices of the offers of each of the spec's pools, which share its cap."""
        found: dict[str, list[int]] = {}
        for k, pool in enumerate(self.pools):
            found.setdefault(pool.spec_name, []).append(k)
        return tuple(tuple(here) for here in found.values())
