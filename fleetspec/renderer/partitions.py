"""Partition modes of AMD's GPUs: what their nodes are set to, what a pod asks for, and what AMD's operator is told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetspec.planner.problem import is_partition
from fleetspec.renderer.digests import short

if TYPE_CHECKING:
    from fleetspec.planner.plans import Plan, PoolLine

PROFILE_LABEL = "dcm.amd.com/gpu-config-profile"
"""The node label that AMD's device config manager acts on."""
CONFIG_FILE = "config.json"
"""The key of its ConfigMap that it reads."""


@dataclass(frozen=True, slots=True)
class DevicesContext:
    """The operator's settings for the nodes of a pool; ``spot`` nodes carry a taint of their own. The operator names
    DaemonSets and their labels by ``name``, so it is short."""

    name: str
    pool: str
    spot: bool


@dataclass(frozen=True, slots=True)
class PartitionsContext:
    """``config`` is the JSON of all ``profiles``, by name, in the ConfigMap ``name``."""

    name: str
    profiles: tuple[str, ...]
    config: str
    devices: tuple[DevicesContext, ...]


def partition_resources(slot: str) -> tuple[str, str]:
    """What the device plugin calls a partition under the strategy ``mixed``, and the custom resource of its Ray node:
    ``amd.com/cpx_nps4`` and ``cpx_nps4``."""
    name = slot.replace("-", "_")
    return f"amd.com/{name}", name


def profile_name(pool: PoolLine, slot: str) -> str | None:
    """The profile of a node whose GPUs are split into such slots; None for a slot that is no partition.

    A profile counts the GPUs of its node, or the config manager refuses it.
    """
    return f"fleetspec-{max(pool.gpus_per_node, 1)}x-{slot}" if is_partition(slot) else None


def partitions_context(plan: Plan, fleet: str) -> PartitionsContext | None:
    """What AMD's operator needs for the partitions of a plan; None where there are none."""
    used = [
        (pool, line.slot) for pool in plan.pools for line in pool.workers if line.workers and is_partition(line.slot)
    ]
    profiles = {}
    for pool, slot in used:
        compute, memory = slot.upper().split("-")
        split = {"computePartition": compute, "memoryPartition": memory, "numGPUsAssigned": max(pool.gpus_per_node, 1)}
        profiles[str(profile_name(pool, slot))] = {"skippedGPUs": {"ids": []}, "profiles": [split]}
    if not profiles:
        return None
    pools = {pool.pool: pool for pool, _ in used}
    return PartitionsContext(
        f"{fleet}-config-manager",
        tuple(sorted(profiles)),
        json.dumps({"gpu-config-profiles": profiles}, indent=2, sort_keys=True) + "\n",
        tuple(DevicesContext(short(f"{fleet}-{name}"), name, pools[name].purchase == "spot") for name in sorted(pools)),
    )
