"""Kueue's side of a run: a flavor per pool, and one queue whose quotas are the plan's, no more and no less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetspec.diagnostics import reject
from fleetspec.lint import queued
from fleetspec.renderer.quantities import CPU, MEMORY, quantity_text, standing_requests, worker_requests
from fleetspec.rules import manifests as rules

if TYPE_CHECKING:
    from collections import Counter

    from fleetspec.compiler.spec_hardware import Queue
    from fleetspec.renderer.groups import GroupContext

MOST_GROUPS = queued.MOST_GROUPS - 1
"""Worker groups beside the head and the submitter."""


@dataclass(frozen=True, slots=True)
class FlavorContext:
    """Nodes of one kind. ``labels`` and ``taints``, by key and value, are what those nodes carry; ``quotas`` are
    (resource, quantity) for every resource of the queue, zero where the nodes have none."""

    name: str
    labels: tuple[tuple[str, str], ...]
    taints: tuple[tuple[str, str], ...]
    quotas: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class QueueContext:
    """``name`` is both the LocalQueue's and the ClusterQueue's."""

    name: str
    resources: tuple[str, ...]
    flavors: tuple[FlavorContext, ...]


def queue_context(queue: Queue, fleet: str, groups: tuple[GroupContext, ...], autoscaled: bool) -> QueueContext:
    """The queue of a plan. Raises Rejected (FS412) where the plan has more groups than Kueue admits.

    Head and submitter name no pool: a flavor without labels comes first and takes them, and no worker fits it.
    """
    if len(groups) > MOST_GROUPS:
        raise reject(
            rules.QUEUE_GROUPS,
            f"the plan has {len(groups)} worker groups, a RayJob in a queue has {MOST_GROUPS} at most",
            route=("queue",),
            help="plan with fewer pools, or with mig: none on one of them",
        )
    amounts: list[tuple[str, tuple[tuple[str, str], ...], tuple[tuple[str, str], ...], Counter[str]]] = [
        (f"{fleet}-head", (), (), standing_requests(autoscaled))
    ]
    for pool in sorted({group.pool for group in groups}):
        members = [group for group in groups if group.pool == pool]
        taints = tuple(sorted({taint for group in members for taint in group.taints}))
        labels = (("fleetspec.dev/pool", pool),)
        amounts.append((f"{fleet}-{pool}", labels, taints, worker_requests(members)))
    devices = sorted({name for *_, total in amounts for name in total} - {CPU, MEMORY})
    resources = (CPU, MEMORY, *devices)
    flavors = tuple(
        FlavorContext(name, labels, taints, tuple((each, quantity_text(each, total[each])) for each in resources))
        for name, labels, taints, total in amounts
    )
    return QueueContext(queue.kueue, resources, flavors)
