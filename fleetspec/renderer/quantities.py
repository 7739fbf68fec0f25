"""What a run asks a cluster for: the requests of every pod, those that the operator makes included.

CPU is in thousandths of a core and memory in MiB, so that sums are exact.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetspec.renderer.groups import GroupContext

CPU, MEMORY = "cpu", "memory"


@dataclass(frozen=True, slots=True)
class Size:
    """The requests of one container."""

    milli_cpu: int
    memory_mib: int

    @property
    def cpu(self) -> str:
        return cpu_text(self.milli_cpu)

    @property
    def memory(self) -> str:
        return f"{self.memory_mib}Mi"


HEAD = Size(2000, 8192)
AUTOSCALER = Size(500, 1024)
SUBMITTER = Size(250, 256)


def cpu_text(milli: int) -> str:
    """A quantity of CPU as Kubernetes prints it: ``2`` or ``250m``."""
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def standing_requests(autoscaled: bool) -> Counter[str]:
    """What runs beside the workers: the head, its autoscaler, and the pod that submits the job."""
    sizes = [HEAD, SUBMITTER] + ([AUTOSCALER] if autoscaled else [])
    return Counter({CPU: sum(size.milli_cpu for size in sizes), MEMORY: sum(size.memory_mib for size in sizes)})


def worker_requests(groups: Iterable[GroupContext]) -> Counter[str]:
    """What all workers of some groups ask for. The operator's init container (200m, 256Mi) is gone before a worker
    starts, so the pod's request is the worker's own."""
    total: Counter[str] = Counter()
    for group in groups:
        total[CPU] += group.workers * group.cores * 1000
        total[MEMORY] += group.workers * group.memory_mib
        if group.gpu_resource is not None:
            total[group.gpu_resource] += group.workers
    return total


def quantity_text(resource: str, amount: int) -> str:
    """An amount as a manifest writes it."""
    if resource == CPU:
        return cpu_text(amount)
    return f"{amount}Mi" if resource == MEMORY else str(amount)
