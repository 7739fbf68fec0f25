"""Where a need of the plan is met on a cluster as it is: which resources to ask for, and how many workers.

Knows nodes by their resources and labels only, and ray not at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleetspec.diagnostics import reject
from fleetspec.planner.problem import CPU_SLOT, GPU_SLOT
from fleetspec.rules import running
from fleetspec.runtime.bundles import Need
from fleetspec.runtime.workload import Station

if TYPE_CHECKING:
    from fleetspec.planner.plans import Plan

POOL_LABEL = "fleetspec.dev/pool"
SLOT_LABEL = "fleetspec.dev/slot"
_LOOK_SECONDS = 2.0
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A live node: Ray resources (``CPU``, ``GPU``, ``mig_1g_10gb``, ``memory`` in bytes) and labels."""

    resources: dict[str, float]
    labels: dict[str, str]

    def amount(self, resource: str) -> float:
        return self.resources.get(resource, 0.0)


def mig_resource(slot: str) -> str:
    """The custom resource of a slice or partition: ``mig_1g_10gb`` of ``mig-1g.10gb``, ``cpx_nps4`` of ``cpx-nps4``."""
    return slot.replace("-", "_", 1).replace("+", "_").replace(".", "_")


class Placing:
    """Stations for needs. ``nodes`` lists the cluster's live nodes whenever it is called.

    A cluster without any CPU but the head's, or with labelled nodes, is one the manifests made: workers are asked
    for by pool and slot, as many as planned, whether their nodes exist yet or not.
    """

    def __init__(
        self,
        plan: Plan,
        nodes: Callable[[], list[ClusterNode]],
        cpu_instead: bool,
        patience_seconds: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._plan = plan
        self._nodes = nodes
        self._cpu_instead = cpu_instead
        self._patience = patience_seconds
        self._sleep = sleep
        self._stations: dict[Need, Station] = {}
        found = nodes()
        self.rendered = any(POOL_LABEL in node.labels for node in found) or not any(n.amount("CPU") for n in found)
        self.cores = self._planned_cores() if self.rendered else int(sum(node.amount("CPU") for node in found))

    def _planned_cores(self) -> int:
        return sum(line.workers * line.cores for pool in self._plan.pools for line in pool.workers)

    def station(self, need: Need) -> Station:
        """Where the need is met. Raises FS503 when its resources do not appear within the patience."""
        if need not in self._stations:
            self._stations[need] = self._find(need)
        return self._stations[need]

    def _find(self, need: Need) -> Station:
        if self.rendered:
            if need.on_gpu:
                return Station("cuda", need.gpu, need.slot, need.cores, need.pool)
            return Station("cpu", "cpu", CPU_SLOT, need.cores, need.pool)
        if not need.on_gpu:
            return self._cpu_station(need)
        resource = GPU_SLOT.upper() if need.slot == GPU_SLOT else mig_resource(need.slot)
        waited = 0.0
        while True:
            nodes = self._nodes()
            holder = next((node for node in nodes if node.amount(resource) >= 1), None)
            if holder is not None:
                return Station("cuda", _gpu_name(holder, need), need.slot, need.cores)
            if self._cpu_instead:
                whole = next((node for node in nodes if node.amount("GPU") >= 1), None)
                if whole is None:
                    return self._cpu_station(need)
                return Station("cuda", _gpu_name(whole, None), GPU_SLOT, need.cores)
            if waited >= self._patience:
                has = sorted(
                    {name for node in nodes for name in node.resources if not name.startswith(("node:", "object"))}
                )
                raise reject(
                    running.RESOURCES_MISSING,
                    f"the plan runs jobs on {need} and the cluster has no resource {resource} after {waited:.0f} s",
                    help=f"it has {', '.join(has) or 'nothing'}; declare {resource} in the worker group's resources",
                )
            self._sleep(_LOOK_SECONDS)
            waited += _LOOK_SECONDS

    def _cpu_station(self, need: Need) -> Station:
        largest = int(max((node.amount("CPU") for node in self._nodes()), default=1.0))
        return Station("cpu", "cpu", CPU_SLOT, max(min(need.cores, largest), 1))

    def width(self, need: Need) -> int:
        """How many workers: as planned on a rendered cluster, as fit on any other. At least one."""
        station = self.station(need)
        if self.rendered:
            lines = [
                w for pool in self._plan.pools if pool.pool == need.pool for w in pool.workers if w.slot == need.slot
            ]
            if need.on_gpu:
                return max(sum(line.workers for line in lines), 1)
            return max(sum(line.workers * _fit(line.cores, line.memory_mib, need) for line in lines), 1)
        if station.device == "cuda":
            resource = "GPU" if station.slot == GPU_SLOT else mig_resource(station.slot)
            return max(int(sum(node.amount(resource) for node in self._nodes())), 1)
        shaped = Need("", CPU_SLOT, "", station.cores, need.memory_mib)
        return max(sum(_fit(n.amount("CPU"), n.amount("memory") / _MIB, shaped) for n in self._nodes()), 1)

    def options(self, need: Need) -> dict[str, Any]:
        """Ray actor options that hold what the need is met with."""
        station = self.station(need)
        found: dict[str, Any] = {"num_cpus": station.cores}
        if self.rendered:
            found["label_selector"] = {POOL_LABEL: need.pool, SLOT_LABEL: need.slot.replace("+", ".")}
        if station.device == "cuda":
            found["num_gpus"] = 1.0
            if not self.rendered:
                # CPU workers may fill such a machine; whoever holds its GPU still needs a core to be fed from.
                found["num_cpus"] = 0
            if station.slot != GPU_SLOT:
                resource = mig_resource(station.slot)
                found["resources"] = {resource: 1}
                if not self.rendered:
                    holder = next(node for node in self._nodes() if node.amount(resource) >= 1)
                    # Seven slices on a node that declares one GPU share it; without a declared GPU none is asked for.
                    found["num_gpus"] = min(1.0, round(holder.amount("GPU") / holder.amount(resource), 4))
        return found

    def described(self, need: Need) -> str:
        """The options in words a person can hold against a cluster's resources."""
        options = self.options(need)
        parts = [f"{options['num_cpus']} CPU"]
        if "num_gpus" in options:
            parts.append(f"{options['num_gpus']:g} GPU")
        parts += [f"{amount} {name}" for name, amount in options.get("resources", {}).items()]
        parts += [f"label {key}={value}" for key, value in options.get("label_selector", {}).items()]
        return ", ".join(parts)


def _fit(cores: float, memory_mib: float, need: Need) -> int:
    """How many workers of a need one node holds, by cores and, where it is known, memory."""
    by_cores = int(cores // max(need.cores, 1))
    return min(by_cores, int(memory_mib // max(need.memory_mib, 1))) if memory_mib else by_cores


def _gpu_name(node: ClusterNode, need: Need | None) -> str:
    """The planned GPU where the planned slice was found, else what Ray detected on the node."""
    if need is not None and need.slot != GPU_SLOT and need.gpu:
        return need.gpu
    found = sorted(name.split(":", 1)[1] for name in node.resources if name.startswith("accelerator_type:"))
    return found[0] if found else "gpu"
