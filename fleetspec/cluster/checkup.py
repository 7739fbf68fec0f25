"""Whether a cluster is fit for what is rendered: versions, permissions, nodes, quotas, policies, the store."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fleetspec.cluster.connection import Fault
from fleetspec.cluster.demands import claims_of, pods_of, queues_of
from fleetspec.cluster.findings import Finding, bad, good, unseen
from fleetspec.cluster.objects import Objects, Ref, refused
from fleetspec.cluster.room import nodes, queues, quotas
from fleetspec.diagnostics import Rejected
from fleetspec.rules import cluster as rules

if TYPE_CHECKING:
    from fleetspec.cluster.objects import Object

OLDEST_SERVER = (1, 25)
OLDEST_KUBERAY = (1, 5)
"""The first that reads the resources of a worker group."""

_PERMISSIONS = (
    ("ray.io", "rayjobs", ("get", "list", "watch", "create", "patch", "delete")),
    ("ray.io", "rayclusters", ("get", "list")),
    ("", "configmaps", ("get", "list", "create", "patch", "delete")),
    ("", "pods", ("get", "list")),
    ("", "pods/log", ("get",)),
)


def checkup(objects: Objects, values: Sequence[Object], namespace: str) -> list[Finding]:
    """All findings, in the order in which they are mended. ``values`` is what a run would apply; may be empty.

    Rejected (FS651) where the cluster does not answer; what this account may not look at is ``unseen``.
    """
    pods, found = pods_of(values), [_server(objects)]
    steps: list[tuple[str, Callable[[], list[Finding]]]] = [
        ("KubeRay", lambda: _kuberay(objects)),
        ("Kueue", lambda: _kueue(objects, queues_of(values))),
        ("namespace", lambda: _namespace(objects, namespace)),
        ("permissions", lambda: _permissions(objects, values, namespace)),
        ("store", lambda: [_claim(objects, namespace, claim) for claim in claims_of(values)]),
        ("nodes", lambda: nodes(objects, pods)),
        ("quotas", lambda: quotas(objects, namespace, pods)),
        ("queues", lambda: queues(objects, namespace, queues_of(values), pods)),
    ]
    for name, step in steps:
        try:
            found += step()
        except Rejected as ending:
            if any(one.rule is not rules.REFUSED for one in ending.report):
                raise
            found.append(unseen(name, next(iter(ending.report)).message))
    return found


def _server(objects: Objects) -> Finding:
    try:
        held = objects.connection.get("/version")
    except Fault as fault:
        raise refused("say its version", fault) from fault
    text = str(held.get("gitVersion", "?"))
    numbers = _numbers(text)
    if numbers is not None and numbers[:2] < OLDEST_SERVER:
        oldest = ".".join(map(str, OLDEST_SERVER))
        return bad("server", f"Kubernetes {text}", rules.OLD_VERSION, f"the manifests are written for {oldest} on")
    return good("server", f"Kubernetes {text}")


def _numbers(text: str) -> tuple[int, ...] | None:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return None if found is None else tuple(int(part or 0) for part in found.groups())


def _kuberay(objects: Objects) -> list[Finding]:
    if objects.kind("ray.io/v1", "RayJob") is None:
        help = "helm install kuberay-operator kuberay/kuberay-operator --version 1.7.0"
        return [bad("KubeRay", "no RayJob of ray.io/v1: KubeRay is not installed", rules.KIND_UNKNOWN, help)]
    found = [good("KubeRay", "RayJob of ray.io/v1 is known")]
    operators = objects.every("apps/v1", "Deployment", "", "app.kubernetes.io/name=kuberay-operator")
    if not operators:
        return [*found, unseen("KubeRay", "its operator's Deployment is not to be seen, so neither is its version")]
    container = operators[0]["spec"]["template"]["spec"]["containers"][0]
    version = str(container.get("image", "")).partition("@")[0].rpartition(":")[2]
    numbers, arguments = _numbers(version), [*(container.get("command") or []), *(container.get("args") or [])]
    gates = [word.partition("=")[2] for word in arguments if word.lstrip("-").startswith("feature-gates=")]
    words = f"operator {version}" + (f", feature gates {gates[0]}" if gates else "")
    if numbers is not None and numbers[:2] < OLDEST_KUBERAY:
        help = "helm upgrade kuberay-operator kuberay/kuberay-operator --version 1.7.0, and its CRDs"
        return [*found, bad("KubeRay", f"{words}: it does not read worker groups' resources", rules.OLD_VERSION, help)]
    ready = (operators[0].get("status") or {}).get("readyReplicas", 0)
    if not ready:
        help = "kubectl describe deployment kuberay-operator -A: nothing starts while it is away"
        return [*found, bad("KubeRay", f"{words}, none of its pods is ready", rules.KIND_UNKNOWN, help)]
    return [*found, good("KubeRay", words)]


def _kueue(objects: Objects, wanted: list[str]) -> list[Finding]:
    version = next((one for one in ("v1beta2", "v1beta1") if objects.kind(f"kueue.x-k8s.io/{one}", "Workload")), None)
    if version is not None:
        return [good("Kueue", f"Workload of kueue.x-k8s.io/{version} is known")]
    if wanted:
        help = "install Kueue with the ray.io/rayjob integration, or leave the queue out of the spec"
        return [bad("Kueue", f"not installed, and the run waits in {', '.join(wanted)}", rules.KIND_UNKNOWN, help)]
    return [good("Kueue", "not installed, and not asked for")]


def _namespace(objects: Objects, namespace: str) -> list[Finding]:
    live = objects.get(Ref("v1", "Namespace", "", namespace))
    if live is None:
        help = f"kubectl create namespace {namespace}"
        return [bad("namespace", f"there is no namespace {namespace}", rules.NO_NAMESPACE, help)]
    level = (live["metadata"].get("labels") or {}).get("pod-security.kubernetes.io/enforce")
    if level is None:
        help = f"kubectl label namespace {namespace} pod-security.kubernetes.io/enforce=restricted"
        return [bad("namespace", f"{namespace} enforces no Pod Security level", rules.POD_SECURITY, help)]
    return [good("namespace", f"{namespace}, Pod Security {level}: rendered pods pass it")]


def _permissions(objects: Objects, values: Sequence[Object], namespace: str) -> list[Finding]:
    asked = list(_PERMISSIONS)
    known = {(group, resource) for group, resource, _ in asked}
    for value in values:
        kind = objects.kind(value["apiVersion"], value["kind"])
        group = value["apiVersion"].rpartition("/")[0]
        if kind is not None and kind.namespaced and (group, kind.plural) not in known:
            known.add((group, kind.plural))
            asked.append((group, kind.plural, ("get", "list", "create", "patch", "delete")))
    found, missing = 0, []
    for group, resource, verbs in asked:
        for verb in verbs:
            found += 1
            if not _may(objects, group, resource, verb, namespace):
                missing.append((resource, verb))
    if not missing:
        return [good("permissions", f"all {found} that apply, status, drift and destroy use in {namespace}")]
    return [
        bad(
            "permissions",
            f"may not {', '.join(verb for one, verb in missing if one == resource)} {resource} in {namespace}",
            rules.NO_PERMISSION,
            "ask for a RoleBinding to a ClusterRole with these verbs",
        )
        for resource in dict.fromkeys(one for one, _ in missing)
    ]


def _may(objects: Objects, group: str, resource: str, verb: str, namespace: str) -> bool:
    plural, _, below = resource.partition("/")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": plural, "subresource": below}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {name: text for name, text in attributes.items() if text}},
    }
    try:
        answer = objects.connection.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
    except Fault as fault:
        raise refused("say what this account may do", fault) from fault
    return bool((answer.get("status") or {}).get("allowed"))


def _claim(objects: Objects, namespace: str, claim: str) -> Finding:
    live = objects.get(Ref("v1", "PersistentVolumeClaim", namespace, claim))
    if live is None:
        help = f"make a PersistentVolumeClaim {claim} of access mode ReadWriteMany: it outlives every run"
        return bad("store", f"there is no PersistentVolumeClaim {claim} in {namespace}", rules.NO_STORE, help)
    modes = live["spec"].get("accessModes") or []
    if "ReadWriteMany" not in modes:
        help = "workers on other nodes cannot mount it: use a storage class that shares (NFS, CephFS, Filestore, EFS)"
        return bad("store", f"{claim} is {', '.join(modes) or 'of no access mode'}", rules.NO_STORE, help)
    return good("store", f"{claim}, ReadWriteMany, {(live.get('status') or {}).get('phase', 'state unknown')}")
