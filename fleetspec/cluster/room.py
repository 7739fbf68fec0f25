"""Room on a cluster for the pods of a run: nodes with the devices and labels they ask for, and quotas."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from fleetspec.cluster.demands import Pods, shown, totals
from fleetspec.cluster.findings import Finding, bad, good
from fleetspec.cluster.objects import Objects, Ref
from fleetspec.lint.words import quantity
from fleetspec.rules import cluster as rules

if TYPE_CHECKING:
    from fleetspec.cluster.objects import Object

_KUEUE = ("kueue.x-k8s.io/v1beta2", "kueue.x-k8s.io/v1beta1")
_ON_DEMAND = "nothing to do where an autoscaler makes such nodes"
_STATES = (
    ("nvidia.com/mig.config.state", ("failed", "rebooting", "pending"), "MIG manager"),
    ("dcm.amd.com/gpu-config-profile-state", ("failure",), "device config manager"),
)
"""Labels by which operators say how far they are, values that mean not there yet, and who sets them."""


def nodes(objects: Objects, pods: Sequence[Pods]) -> list[Finding]:
    """Whether nodes that are up could take each worker group, and whether their GPUs are cut as planned."""
    workers = [one for one in pods if one.selector]
    if not workers:
        return []
    up = objects.every("v1", "Node", "")
    found = [_group(one, up) for one in workers]
    for label, values, who in _STATES:
        told = {node["metadata"]["name"]: (node["metadata"].get("labels") or {}).get(label) for node in up}
        broken = [name for name, state in told.items() if state in values]
        if broken:
            help = f"kubectl logs of the {who} on that node; pods that use its GPUs keep it from cutting them"
            found.append(bad("GPU operator", f"GPUs not cut yet on {', '.join(broken)}", rules.NO_DEVICE, help))
    return found


def _group(pods: Pods, up: list[Object]) -> Finding:
    labelled = [node for node in up if pods.selector.items() <= (node["metadata"].get("labels") or {}).items()]
    wanted = ", ".join(f"{key}={value}" for key, value in sorted(pods.selector.items()))
    if not labelled:
        help = f"kubectl label node NODE {wanted.replace(', ', ' ')}; {_ON_DEMAND}"
        return bad(f"nodes of {pods.name}", f"no node is labelled {wanted}", rules.NO_DEVICE, help)
    devices = {name: amount for name, amount in pods.requests.items() if "/" in name}
    for name, amount in devices.items():
        offered = sum(_allocatable(node, name) for node in labelled)
        need = amount * pods.count
        if offered < need:
            what = f"{float(offered):g} of {float(need):g} {name} on {len(labelled)} labelled nodes"
            help = f"{_way_to(name)}; {_ON_DEMAND}"
            return bad(f"nodes of {pods.name}", what, rules.NO_DEVICE, help)
    offers = ", ".join(f"{float(sum(_allocatable(node, name) for node in labelled)):g} {name}" for name in devices)
    return good(f"nodes of {pods.name}", f"{len(labelled)} labelled" + (f", with {offers}" if offers else ""))


def _way_to(device: str) -> str:
    if "mig-" in device:
        return "cut the GPUs that way (nvidia.com/mig.config)"
    if "px_nps" in device:
        return (
            "partition the GPUs that way (dcm.amd.com/gpu-config-profile), with the device plugin's strategy at mixed"
        )
    return "see that the device plugin runs"


def _allocatable(node: Object, name: str) -> Fraction:
    held = ((node.get("status") or {}).get("allocatable") or {}).get(name, "0")
    return quantity(held) or Fraction(0)


def quotas(objects: Objects, namespace: str, pods: Sequence[Pods]) -> list[Finding]:
    """ResourceQuotas of the namespace against all pods of the plan, less what others use now."""
    found: list[Finding] = []
    need = totals(pods) if pods else {}
    for quota in objects.every("v1", "ResourceQuota", namespace):
        status, name = quota.get("status") or {}, quota["metadata"]["name"]
        hard = status.get("hard") or quota["spec"].get("hard") or {}
        short = []
        for resource, most in hard.items():
            free = (quantity(most) or Fraction(0)) - (quantity((status.get("used") or {}).get(resource, "0")) or 0)
            if resource in need and need[resource] > free:
                short.append(f"{resource} {shown(resource, need[resource])} of {shown(resource, free)} free")
        if short:
            help = "raise the quota, wait for others to end, or give the pools of the spec a lower max"
            found.append(bad(f"quota {name}", f"the plan needs {'; '.join(short)}", rules.QUOTA_TOO_SMALL, help))
        elif need:
            found.append(good(f"quota {name}", "has room for the plan"))
    return found


def queues(objects: Objects, namespace: str, names: Sequence[str], pods: Sequence[Pods]) -> list[Finding]:
    """Each local queue that the run waits in: there, active, and its ClusterQueue's nominal quota against the plan."""
    version = next((one for one in _KUEUE if objects.kind(one, "LocalQueue")), None)
    if version is None:
        return []
    found: list[Finding] = []
    for name in names:
        local = objects.get(Ref(version, "LocalQueue", namespace, name))
        if local is None:
            help = f"make a LocalQueue {name} in {namespace}, or apply with --scope platform"
            found.append(bad(f"queue {name}", f"there is no LocalQueue in {namespace}", rules.QUOTA_TOO_SMALL, help))
            continue
        cluster = objects.get(Ref(version, "ClusterQueue", "", local["spec"].get("clusterQueue", "")))
        found.append(_queue(name, cluster, pods))
    return found


def _queue(name: str, cluster: Object | None, pods: Sequence[Pods]) -> Finding:
    if cluster is None:
        help = "make the ClusterQueue that the LocalQueue names, or apply with --scope platform"
        return bad(f"queue {name}", "its ClusterQueue is not there", rules.QUOTA_TOO_SMALL, help)
    most: dict[str, Fraction] = {}
    for group in cluster["spec"].get("resourceGroups") or []:
        for flavor in group.get("flavors") or []:
            for one in flavor.get("resources") or []:
                most[one["name"]] = most.get(one["name"], Fraction(0)) + (quantity(one["nominalQuota"]) or 0)
    need = {key.removeprefix("requests."): value for key, value in totals(pods).items() if key.startswith("requests.")}
    short = [
        f"{key} {shown(key, value)} of {shown(key, most[key]) if key in most else 'none'}"
        for key, value in sorted(need.items())
        if value > most.get(key, Fraction(0))
    ]
    cohort = cluster["spec"].get("cohortName") or cluster["spec"].get("cohort")
    if short and cohort:
        what = f"the plan must borrow from cohort {cohort}: {'; '.join(short)}"
        return Finding(f"queue {name}", "warn", what, rules.QUOTA_TOO_SMALL, "raise nominalQuota where it must start")
    if short:
        help = "raise nominalQuota, or join a cohort to borrow from; Kueue counts head, submitter and all workers"
        return bad(f"queue {name}", f"the plan needs {'; '.join(short)}", rules.QUOTA_TOO_SMALL, help)
    return good(f"queue {name}", f"ClusterQueue {cluster['metadata']['name']} has room for the plan")
