"""What rendered objects ask of a cluster: resources of all pods at their peak, devices, node labels, claims, queues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from fleetspec.lint.words import quantity

if TYPE_CHECKING:
    from fleetspec.cluster.objects import Object

QUEUE = "kueue.x-k8s.io/queue-name"
_SIDECAR = {"cpu": "500m", "memory": "512Mi"}
_SUBMITTER = {"cpu": "500m", "memory": "200Mi"}
"""Requests that the operator gives the autoscaler and the submitter where a RayJob says none."""


@dataclass(frozen=True, slots=True)
class Pods:
    """Equal pods: ``requests`` and ``limits`` are of one of them, in cores, bytes and devices."""

    name: str
    count: int
    requests: dict[str, Fraction]
    limits: dict[str, Fraction]
    selector: dict[str, str]


def pods_of(values: Sequence[Object]) -> list[Pods]:
    """All pods of the RayJobs: the head with its autoscaler, the submitter, and every worker group at its peak."""
    return [pods for value in values if value["kind"] == "RayJob" for pods in _of_job(value["spec"])]


def _of_job(spec: dict[str, Any]) -> Iterator[Pods]:
    cluster = spec["rayClusterSpec"]
    head = cluster["headGroupSpec"]["template"]["spec"]
    scaler = (cluster.get("autoscalerOptions") or {}).get("resources") or {"requests": _SIDECAR, "limits": _SIDECAR}
    beside = [{"resources": scaler}] if cluster.get("enableInTreeAutoscaling") else []
    yield _pods("the head", 1, {**head, "containers": [*head["containers"], *beside]})
    submitter = (spec.get("submitterPodTemplate") or {}).get("spec") or {
        "containers": [{"resources": {"requests": _SUBMITTER}}]
    }
    yield _pods("the submitter", 1, submitter)
    for group in cluster.get("workerGroupSpecs") or []:
        yield _pods(group["groupName"], int(group.get("maxReplicas", 1)), group["template"]["spec"])


def _pods(name: str, count: int, pod: dict[str, Any]) -> Pods:
    resources = [container.get("resources") or {} for container in pod["containers"]]
    limits = _sum(one.get("limits") for one in resources)
    # What has a limit and no request requests its limit.
    requests = _sum({**(one.get("limits") or {}), **(one.get("requests") or {})} for one in resources)
    return Pods(name, count, requests, limits, pod.get("nodeSelector") or {})


def _sum(amounts: Iterable[dict[str, Any] | None]) -> dict[str, Fraction]:
    total: Counter[str] = Counter()
    for one in amounts:
        for name, value in (one or {}).items():
            total[name] += quantity(value) or Fraction(0)  # type: ignore[assignment]
    return {name: Fraction(value) for name, value in total.items()}


def totals(pods: Sequence[Pods]) -> dict[str, Fraction]:
    """Requests, limits and the number of all pods together, named as a ResourceQuota names them."""
    total: dict[str, Fraction] = {"pods": Fraction(sum(one.count for one in pods))}
    for one in pods:
        for prefix, amounts in (("requests.", one.requests), ("limits.", one.limits)):
            for name, value in amounts.items():
                total[prefix + name] = total.get(prefix + name, Fraction(0)) + one.count * value
    for name in ("cpu", "memory"):
        if f"requests.{name}" in total:
            total[name] = total[f"requests.{name}"]
    return total


def queues_of(values: Sequence[Object]) -> list[str]:
    """Names of the local queues that the objects wait in."""
    labels = [value["metadata"].get("labels") or {} for value in values]
    return sorted({held[QUEUE] for held in labels if QUEUE in held})


def claims_of(values: Sequence[Object]) -> list[str]:
    """Names of the volume claims that the pods mount."""
    found: set[str] = set()
    for value in values:
        if value["kind"] != "RayJob":
            continue
        cluster = value["spec"]["rayClusterSpec"]
        for group in (cluster["headGroupSpec"], *(cluster.get("workerGroupSpecs") or [])):
            for volume in group["template"]["spec"].get("volumes") or []:
                if "persistentVolumeClaim" in volume:
                    found.add(volume["persistentVolumeClaim"]["claimName"])
    return sorted(found)


def shown(name: str, value: Fraction) -> str:
    """An amount with its unit: cores, GiB, or pieces."""
    if name.endswith("memory"):
        return f"{float(value) / 2**30:.1f} GiB"
    return f"{float(value):g}" + (" cores" if name.endswith("cpu") else "")
