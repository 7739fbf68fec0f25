"""The worker groups of a plan and the MIG layouts their nodes need: one group per (pool, pattern, slot)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetspec.diagnostics import reject
from fleetspec.planner.problem import CPU_SLOT, GPU_SLOT, SHARED_SLOT, is_partition
from fleetspec.renderer.digests import digest
from fleetspec.renderer.partitions import partition_resources, profile_name
from fleetspec.rules import manifests as rules

if TYPE_CHECKING:
    from fleetspec.planner.plans import Plan, PoolLine, WorkerLine

MIB = 1024 * 1024
CAPACITY_TAINT = ("fleetspec.dev/capacity", "spot")
"""What keeps all but workers from nodes that may be taken back."""


@dataclass(frozen=True, slots=True)
class GroupContext:
    """Equal worker pods: one per (pool, pattern, slot) of the plan.

    ``gpu_resource`` is what the pod asks Kubernetes for, ``ray_resource`` the custom resource its Ray node declares.
    ``spot`` pods tolerate nodes that may be taken back; ``plugin_config`` names how their node's GPUs are shared,
    ``profile`` how they are partitioned.
    """

    name: str
    pool: str
    slot_label: str
    workers: int
    cores: int
    memory: str
    memory_mib: int
    object_store_bytes: int
    threads: int
    gpu_resource: str | None
    ray_resource: str | None
    taint: str | None
    mig_config: str | None
    spot: bool = False
    plugin_config: str | None = None
    profile: str | None = None

    @property
    def taints(self) -> list[tuple[str, str]]:
        """Key and value of the taints of its nodes."""
        found = [(self.taint, "present")] if self.taint is not None else []
        return found + ([CAPACITY_TAINT] if self.spot else [])


@dataclass(frozen=True, slots=True)
class SharingContext:
    """One way to share GPUs, under the name that nodes choose it by: ``replicas`` of each GPU by ``mps`` or
    ``timeSlicing``, the device plugin's words."""

    name: str
    how: str
    replicas: int


@dataclass(frozen=True, slots=True)
class LayoutContext:
    """One MIG layout under the name that nodes are labelled with; ``devices`` are slices per GPU."""

    name: str
    devices: tuple[tuple[str, int], ...]


def mig_profile(slot: str) -> str | None:
    """``1g.10gb`` of the slot ``mig-1g.10gb``; None for a slot that is no MIG slice."""
    return slot.removeprefix("mig-") if slot.startswith("mig-") else None


def mig_resources(profile: str) -> tuple[str, str]:
    """What the device plugin calls a slice under strategy ``mixed``, and the custom resource of its Ray node."""
    return "nvidia.com/mig-" + profile.replace("+", "."), "mig_" + re.sub(r"[+.]", "_", profile)


SHARED_RESOURCE = "nvidia.com/gpu.shared"
"""What the device plugin calls a share under ``renameByDefault``: a pod that wants a whole GPU never gets a share."""


def sharings(plan: Plan) -> tuple[SharingContext, ...]:
    """The ways in which GPUs are shared at the plan's peak, by name."""
    found = {
        _sharing(pool, line) for pool in plan.pools for line in pool.workers if line.workers and replicas(line.slot)
    }
    return tuple(sorted(found, key=lambda one: one.name))


def plugin_config(pool: PoolLine, line: WorkerLine) -> str | None:
    """The device plugin's configuration of a node of these workers; None where its GPUs are not shared."""
    return _sharing(pool, line).name if pool.sharing and replicas(line.slot) else None


def _sharing(pool: PoolLine, line: WorkerLine) -> SharingContext:
    count = replicas(line.slot)
    how = {"mps": "mps", "time-slice": "timeSlicing"}[pool.sharing]
    return SharingContext(f"fleetspec-{pool.sharing}-{count}", how, count)


def replicas(slot: str) -> int:
    """Into how many shares a GPU is split for a slot: 4 for ``shared-4``, 0 for a slot that is no share."""
    return int(slot.removeprefix(SHARED_SLOT)) if slot.startswith(SHARED_SLOT) else 0


def vendor_resource(gpu: str) -> str:
    """The extended resource, and the taint's key, of a whole GPU. AMD's data-centre GPUs are named MI<number>."""
    return "amd.com/gpu" if re.match(r"MI\d", gpu, re.IGNORECASE) else "nvidia.com/gpu"


def mig_layouts(plan: Plan) -> dict[tuple[str, str], LayoutContext]:
    """The MIG layout of each (pool, pattern) that holds slices. Slices are said per node and are cut per GPU."""
    found: dict[tuple[str, str], LayoutContext] = {}
    for pool in plan.pools:
        slices: dict[str, dict[str, int]] = {}
        for line in pool.workers:
            profile = mig_profile(line.slot)
            if line.workers and profile is not None:
                slices.setdefault(line.pattern, {})[profile] = line.workers_per_node
        for pattern, counts in slices.items():
            gpus = max(1, pool.gpus_per_node)
            if any(count % gpus or count < gpus for count in counts.values()):
                raise reject(
                    rules.UNKNOWN_SLOT,
                    f"pool '{pool.pool}', pattern '{pattern}': {counts} slices do not divide over {gpus} GPUs",
                    help="plan again with this version",
                )
            devices = tuple(sorted((profile, count // gpus) for profile, count in counts.items()))
            name = "fleetspec-" + "-".join(f"{count}x{profile.replace('+', '.')}" for profile, count in devices)
            if len(name) > 63:
                name = f"fleetspec-{digest(repr(devices).encode())}"
            found[pool.pool, pattern] = LayoutContext(name, devices)
    return found


def worker_groups(plan: Plan, layouts: dict[tuple[str, str], LayoutContext]) -> tuple[GroupContext, ...]:
    used = [(pool, line) for pool in plan.pools for line in pool.workers if line.workers]
    names = _group_names([(pool.pool, line.pattern, line.slot) for pool, line in used])
    groups = []
    for (pool, line), name in zip(used, names, strict=True):
        gpu_resource, ray_resource, taint, mig_config = _gpu(pool, line, layouts)
        groups.append(
            GroupContext(
                name=name,
                pool=pool.pool,
                slot_label=line.slot.replace("+", "."),
                workers=line.workers,
                cores=line.cores,
                memory=f"{line.memory_mib}Mi",
                memory_mib=line.memory_mib,
                object_store_bytes=min(2048, max(96, line.memory_mib // 8)) * MIB,
                # Jobs of a CPU node share its cores one by one; a GPU slot's cores all belong to its job.
                threads=1 if gpu_resource is None else line.cores,
                gpu_resource=gpu_resource,
                ray_resource=ray_resource,
                taint=taint,
                mig_config=mig_config,
                spot=pool.purchase == "spot",
                plugin_config=plugin_config(pool, line),
                profile=profile_name(pool, line.slot),
            )
        )
    return tuple(sorted(groups, key=lambda group: group.name))


def _gpu(
    pool: PoolLine, line: WorkerLine, layouts: dict[tuple[str, str], LayoutContext]
) -> tuple[str | None, str | None, str | None, str | None]:
    """Kubernetes resource, Ray resource, taint and MIG label of a slot; all None on a CPU node."""
    if line.slot == CPU_SLOT and pool.gpu is None:
        return None, None, None, None
    profile = mig_profile(line.slot)
    shared = replicas(line.slot) if pool.sharing else 0
    if pool.gpu is None or (line.slot != GPU_SLOT and profile is None and not shared and not is_partition(line.slot)):
        raise reject(
            rules.UNKNOWN_SLOT,
            f"pool '{pool.pool}' ({pool.gpu or 'no GPU'}) has workers on slot '{line.slot}', which no pod can ask for",
            help=f"known: {CPU_SLOT}, {GPU_SLOT}, mig-<profile>, cpx-nps4 and its like, shared-<n>; plan it again",
        )
    if profile is not None:
        resource, custom = mig_resources(profile)
        return resource, custom, "nvidia.com/gpu", layouts[pool.pool, line.pattern].name
    if is_partition(line.slot):
        return *partition_resources(line.slot), "amd.com/gpu", None
    if shared:
        return SHARED_RESOURCE, line.slot.replace("-", "_"), "nvidia.com/gpu", None
    resource = vendor_resource(pool.gpu)
    return resource, None, resource, None


def _group_names(keys: list[tuple[str, str, str]]) -> list[str]:
    """A name per (pool, pattern, slot): ``pool-slot``, with the pattern where a pool has that slot twice.

    At most 40 characters: the operator cuts a pod's name at 50, from the front. Never ``head``, which is Ray's.
    """
    plain = Counter((pool, slot) for pool, _, slot in keys)
    parts = [(pool, slot) if plain[pool, slot] == 1 else (pool, pattern, slot) for pool, pattern, slot in keys]
    wanted = [re.sub(r"[^a-z0-9]+", "-", "-".join(part).lower()).strip("-") for part in parts]
    taken = Counter(wanted)
    return [
        name if taken[name] == 1 and len(name) <= 40 else f"{name[:31].rstrip('-')}-{digest(repr(key).encode())[:8]}"
        for name, key in zip(wanted, keys, strict=True)
    ]
