"""The pods of a RayJob as KubeRay 1.7 makes them, so that any scanner of pods can read what a run will be.

A RayJob holds templates that no scanner looks into. What the operator adds is added here: names, labels, commands,
the object store's memory, the autoscaler, the container that waits for the head, and the submitter. Ports, probes and
addresses are left out where they say nothing of what a pod may do.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

import yaml

CLUSTER_SUFFIX = "-ray"
"""Stands for the five random letters that the operator gives a cluster's name."""
COUNT = "fleetspec.dev/count"
"""Annotation: how many pods like this one a run has at its peak."""
_WAIT = {"cpu": "200m", "memory": "256Mi"}


@dataclass(frozen=True, slots=True)
class MadePod:
    """A pod, and how many of it there are at the plan's peak. ``what`` is head, submitter or the group's name, ``pool``
    None for the first two."""

    what: str
    value: dict[str, Any]
    count: int
    pool: str | None


def pods_of(rayjob: dict[str, Any]) -> list[MadePod]:
    """Head, one pod for each worker group, and submitter."""
    cluster = rayjob["spec"]["rayClusterSpec"]
    name = rayjob["metadata"]["name"] + CLUSTER_SUFFIX
    made = [_head(cluster, name, rayjob)]
    made += [_worker(group, name, rayjob) for group in cluster["workerGroupSpecs"]]
    return [*made, _submitter(rayjob, name)]


def as_text(pods: list[MadePod]) -> str:
    """The pods as one YAML stream."""
    values = [pod.value for pod in pods]
    return yaml.safe_dump_all(values, sort_keys=False, explicit_start=True, allow_unicode=False, width=1000)


def _head(cluster: dict[str, Any], name: str, rayjob: dict[str, Any]) -> MadePod:
    spec = _spec(cluster["headGroupSpec"])
    main = spec["containers"][0]
    _start(main, "ray start --head --block", cluster["headGroupSpec"], rayjob, name)
    _shared_memory(spec, main)
    if cluster["enableInTreeAutoscaling"]:
        _mount(spec, main, "ray-logs", "/tmp/ray", {"emptyDir": {}})
        spec["containers"].append(_autoscaler(cluster["autoscalerOptions"], main, name))
    return MadePod(
        "head", _pod(f"{name}-head", "head", "headgroup", name, cluster["headGroupSpec"], spec, rayjob, 1), 1, None
    )


def _worker(group: dict[str, Any], name: str, rayjob: dict[str, Any]) -> MadePod:
    spec = _spec(group)
    main = spec["containers"][0]
    wait = {
        "name": "wait-gcs-ready",
        "image": main["image"],
        "command": ["/bin/bash", "-c", "--"],
        "args": ["until ray health-check --address $RAY_ADDRESS; do sleep 5; done"],
        "env": _env(rayjob, name),
        "resources": {"requests": dict(_WAIT), "limits": dict(_WAIT)},
        "securityContext": copy.deepcopy(main["securityContext"]),
    }
    _start(main, "ray start --address=$RAY_ADDRESS --block", group, rayjob, name)
    _shared_memory(spec, main)
    spec["initContainers"] = [wait]
    pod_name = f"{name}-{group['groupName']}-worker"
    count = group["maxReplicas"]
    pod = _pod(pod_name, "worker", group["groupName"], name, group, spec, rayjob, count)
    return MadePod(group["groupName"], pod, count, group["labels"]["fleetspec.dev/pool"])


def _submitter(rayjob: dict[str, Any], name: str) -> MadePod:
    spec = copy.deepcopy(rayjob["spec"]["submitterPodTemplate"]["spec"])
    main = spec["containers"][0]
    resources = rayjob["spec"]["entrypointResources"]
    job = rayjob["metadata"]["name"]
    main["command"] = ["/bin/bash", "-c", "--"]
    main["args"] = [
        f"ray job submit --address http://$RAY_DASHBOARD_ADDRESS --submission-id {job} --entrypoint-resources "
        f"{json.dumps(resources)} -- {rayjob['spec']['entrypoint']}"
    ]
    main["env"] = _env(rayjob, name)
    meta = {
        "name": job,
        "namespace": rayjob["metadata"]["namespace"],
        "labels": rayjob["spec"]["submitterPodTemplate"]["metadata"]["labels"],
        "annotations": {COUNT: "1"},
    }
    return MadePod("submitter", {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}, 1, None)


def _spec(group: dict[str, Any]) -> dict[str, Any]:
    spec = copy.deepcopy(group["template"]["spec"])
    assert isinstance(spec, dict)
    return {**spec, "restartPolicy": "Never"}


def _pod(
    name: str,
    node_type: str,
    group: str,
    cluster: str,
    template: dict[str, Any],
    spec: dict[str, Any],
    rayjob: dict[str, Any],
    count: int,
) -> dict[str, Any]:
    labels = {
        **template["template"]["metadata"]["labels"],
        "app.kubernetes.io/created-by": "kuberay-operator",
        "ray.io/cluster": cluster,
        "ray.io/group": group,
        "ray.io/is-ray-node": "yes",
        "ray.io/node-type": node_type,
    }
    meta = {
        # The operator cuts a pod's name at 50 characters, from the front.
        "name": name[-50:].lstrip("-"),
        "namespace": rayjob["metadata"]["namespace"],
        "labels": labels,
        "annotations": {COUNT: str(count)},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def _start(main: dict[str, Any], command: str, group: dict[str, Any], rayjob: dict[str, Any], name: str) -> None:
    words = [f"--{key}={value}" for key, value in sorted(group["rayStartParams"].items())]
    main["command"] = ["/bin/bash", "-c", "--"]
    main["args"] = ["ulimit -n 65536; " + " ".join([command, *words])]
    main["env"] = [*main["env"], *_env(rayjob, name)]


def _env(rayjob: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """What every container of a cluster with token authentication is told."""
    secret = {"secretKeyRef": {"name": name, "key": "auth_token"}}
    return [
        {"name": "RAY_CLUSTER_NAME", "value": name},
        {"name": "RAY_ADDRESS", "value": f"{name}-head-svc.{rayjob['metadata']['namespace']}.svc.cluster.local:6379"},
        {"name": "RAY_AUTH_MODE", "value": "token"},
        {"name": "RAY_AUTH_TOKEN", "valueFrom": secret},
    ]


def _shared_memory(spec: dict[str, Any], main: dict[str, Any]) -> None:
    limit = main["resources"]["limits"]["memory"]
    _mount(spec, main, "shared-mem", "/dev/shm", {"emptyDir": {"medium": "Memory", "sizeLimit": limit}})


def _mount(spec: dict[str, Any], main: dict[str, Any], name: str, path: str, source: dict[str, Any]) -> None:
    spec["volumes"] = [*spec["volumes"], {"name": name, **source}]
    main["volumeMounts"] = [*main["volumeMounts"], {"name": name, "mountPath": path}]


def _autoscaler(options: dict[str, Any], main: dict[str, Any], name: str) -> dict[str, Any]:
    return {
        "name": "autoscaler",
        "image": main["image"],
        "command": ["/bin/bash", "-c", "--"],
        "args": [f"ray kuberay-autoscaler --cluster-name {name} --cluster-namespace $(RAY_CLUSTER_NAMESPACE)"],
        "env": [{"name": "RAY_CLUSTER_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}],
        "resources": copy.deepcopy(options["resources"]),
        "securityContext": copy.deepcopy(options["securityContext"]),
        "volumeMounts": [{"name": "ray-logs", "mountPath": "/tmp/ray"}],
    }
