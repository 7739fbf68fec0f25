"""The pods of a RayJob as KubeRay 1.7 makes them, so that any scanner of pods can read what a run will be.

A RayJob holds templates that no scanner looks into. What the operator adds is added here by the rules of its
``common/pod.go`` and ``common/job.go``: names, labels, accounts, commands with all parameters, environments, the object
store's memory, the autoscaler, the container that waits for the head, and the submitter. Left out are probes, tags of
usage statistics, and the words of the waiting script, whose command is the same.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

import yaml

from fleetspec.lint.words import quantity

CLUSTER_SUFFIX = "-ray"
"""Stands for the five random letters that the operator gives a cluster's name."""
COUNT = "fleetspec.dev/count"
"""Annotation: how many pods like this one a run has at its peak."""
_WAIT = {"cpu": "200m", "memory": "256Mi"}
_SHELL = ("/bin/bash", "-c", "--")
_PORT = "6379"
_FLAGS = {"CPU": "num-cpus", "GPU": "num-gpus", "memory": "memory"}
"""Resources of a group that Ray has a parameter for; the others are its custom resources."""


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
    autoscaled = bool(cluster["enableInTreeAutoscaling"])
    group = cluster["headGroupSpec"]
    spec = _spec(group, autoscaled)
    main = spec["containers"][0]
    if autoscaled:
        # An account of the cluster's name, with the rights that the autoscaler takes.
        spec["serviceAccountName"] = name
        main["env"] = [*main["env"], {"name": "RAY_enable_autoscaler_v2", "value": "true"}]
    own = {"no-monitor": "true"} if autoscaled else {}
    main["env"] = [*main["env"], *_token(name)]
    _start(main, "ray start --head ", group, own, "127.0.0.1", [])
    _shared_memory(spec, main)
    if autoscaled:
        _mount(spec, main, "ray-logs", "/tmp/ray", {"emptyDir": {}})
        spec["containers"].append(_autoscaler(cluster["autoscalerOptions"], main, name))
    return MadePod("head", _pod(f"{name}-head", "head", "headgroup", name, group, spec, rayjob, 1), 1, None)


def _worker(group: dict[str, Any], name: str, rayjob: dict[str, Any]) -> MadePod:
    spec = _spec(group, bool(rayjob["spec"]["rayClusterSpec"]["enableInTreeAutoscaling"]))
    main = spec["containers"][0]
    service = f"{name}-head-svc"
    address = f"{service}.{rayjob['metadata']['namespace']}.svc.cluster.local"
    reach = [{"name": "FQ_RAY_IP", "value": address}, {"name": "RAY_IP", "value": service}]
    wait = {
        "name": "wait-gcs-ready",
        "image": main["image"],
        "command": list(_SHELL),
        "args": [f"until ray health-check --address {address}:{_PORT}; do sleep 5; done"],
        "env": [*copy.deepcopy(main["env"]), *_token(name), *reach],
        "resources": {"requests": dict(_WAIT), "limits": dict(_WAIT)},
        "securityContext": copy.deepcopy(main["securityContext"]),
        "volumeMounts": copy.deepcopy(main["volumeMounts"]),
    }
    main["env"] = [*main["env"], *_token(name)]
    _start(main, "ray start ", group, {"address": f"{address}:{_PORT}"}, address, reach)
    _shared_memory(spec, main)
    spec["initContainers"] = [wait]
    pod_name = f"{name}-{group['groupName']}-worker"
    count = group["maxReplicas"]
    pod = _pod(pod_name, "worker", group["groupName"], name, group, spec, rayjob, count)
    return MadePod(group["groupName"], pod, count, group["labels"]["fleetspec.dev/pool"])


def _submitter(rayjob: dict[str, Any], name: str) -> MadePod:
    spec = copy.deepcopy(rayjob["spec"]["submitterPodTemplate"]["spec"])
    main = spec["containers"][0]
    resources = json.dumps(rayjob["spec"]["entrypointResources"])
    job = rayjob["metadata"]["name"]
    address = f"http://{name}-head-svc.{rayjob['metadata']['namespace']}.svc.cluster.local:8265"
    main["command"] = ["/bin/bash", "-ce", "--"]
    # Submitted once, and followed: a submitter that starts again finds the job there.
    main["args"] = [
        f"if ! ray job status --address {address} {job} >/dev/null 2>&1 ; then ray job submit --address {address} "
        f"--no-wait --submission-id {job} --entrypoint-resources {resources} -- {rayjob['spec']['entrypoint']} ; fi ; "
        f"ray job logs --address {address} --follow {job}"
    ]
    main["env"] = [
        {"name": "PYTHONUNBUFFERED", "value": "1"},
        {"name": "RAY_DASHBOARD_ADDRESS", "value": address.removeprefix("http://")},
        {"name": "RAY_JOB_SUBMISSION_ID", "value": job},
        *_token(name),
    ]
    meta = {
        "name": job,
        "namespace": rayjob["metadata"]["namespace"],
        "labels": rayjob["spec"]["submitterPodTemplate"]["metadata"]["labels"],
        "annotations": {COUNT: "1"},
    }
    return MadePod("submitter", {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}, 1, None)


def _spec(group: dict[str, Any], autoscaled: bool) -> dict[str, Any]:
    spec = copy.deepcopy(group["template"]["spec"])
    assert isinstance(spec, dict)
    return {**spec, "restartPolicy": "Never"} if autoscaled else spec


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
        "app.kubernetes.io/created-by": "kuberay-operator",
        "ray.io/identifier": f"{cluster}-{node_type}"[-63:].lstrip("-"),
        "ray.io/is-ray-node": "yes",
        **template["template"]["metadata"]["labels"],
        **template.get("labels", {}),
        "ray.io/cluster": cluster,
        "ray.io/group": group,
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


def _start(
    main: dict[str, Any],
    command: str,
    group: dict[str, Any],
    own: dict[str, str],
    address: str,
    reach: list[dict[str, Any]],
) -> None:
    """The command of a Ray node, and its environment. ``own`` are parameters that its kind of node has."""
    parameters = _parameters(group, main["resources"]["limits"]) | own
    words = [f" --{key} " if value == "true" else f" --{key}={value} " for key, value in sorted(parameters.items())]
    started = command + "".join(words)
    main["command"] = list(_SHELL)
    main["args"] = ["ulimit -n ${RAY_START_ULIMIT_OPEN_FILES:-65536}; " + started]
    fields = (
        ("RAY_CLUSTER_NAME", "metadata.labels['ray.io/cluster']"),
        ("RAY_CLUSTER_NAMESPACE", "metadata.namespace"),
        ("RAY_CLOUD_INSTANCE_ID", "metadata.name"),
        ("RAY_NODE_TYPE_NAME", "metadata.labels['ray.io/group']"),
    )
    main["env"] = [
        *main["env"],
        *reach,
        *({"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}} for key, path in fields),
        {"name": "KUBERAY_GEN_RAY_START_CMD", "value": started},
        {"name": "RAY_PORT", "value": _PORT},
        {"name": "RAY_ADDRESS", "value": f"{address}:{_PORT}"},
        {"name": "RAY_USAGE_STATS_KUBERAY_IN_USE", "value": "1"},
        {"name": "RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE", "value": "1"},
    ]


def _parameters(group: dict[str, Any], limits: dict[str, str]) -> dict[str, str]:
    """Parameters of ``ray start``: what a group says, its ``resources`` and ``labels``, and what the operator sets."""
    found = dict(group["rayStartParams"])
    custom = {}
    for name, amount in {"memory": limits["memory"], **group["resources"]}.items():
        value = quantity(amount)
        assert value is not None
        if name in _FLAGS:
            found[_FLAGS[name]] = str(int(value))
        else:
            custom[name] = int(value)
    if custom:
        found["resources"] = f"'{json.dumps(custom, separators=(',', ':'), sort_keys=True)}'"
    if group.get("labels"):
        found["labels"] = ",".join(f"{key}={value}" for key, value in sorted(group["labels"].items()))
    fixed = {"block": "true", "dashboard-agent-listen-port": "52365", "metrics-export-port": "8080"}
    return found | fixed


def _token(name: str) -> list[dict[str, Any]]:
    """What every container of a cluster with token authentication is told."""
    secret = {"secretKeyRef": {"name": name, "key": "auth_token"}}
    return [{"name": "RAY_AUTH_MODE", "value": "token"}, {"name": "RAY_AUTH_TOKEN", "valueFrom": secret}]


def _shared_memory(spec: dict[str, Any], main: dict[str, Any]) -> None:
    limit = main["resources"]["limits"]["memory"]
    _mount(spec, main, "shared-mem", "/dev/shm", {"emptyDir": {"medium": "Memory", "sizeLimit": limit}})


def _mount(spec: dict[str, Any], main: dict[str, Any], name: str, path: str, source: dict[str, Any]) -> None:
    spec["volumes"] = [*spec["volumes"], {"name": name, **source}]
    main["volumeMounts"] = [*main["volumeMounts"], {"name": name, "mountPath": path}]


def _autoscaler(options: dict[str, Any], main: dict[str, Any], name: str) -> dict[str, Any]:
    fields = (
        ("RAY_CLUSTER_NAME", "metadata.labels['ray.io/cluster']"),
        ("RAY_CLUSTER_NAMESPACE", "metadata.namespace"),
        ("RAY_HEAD_POD_NAME", "metadata.name"),
    )
    return {
        "name": "autoscaler",
        "image": main["image"],
        "imagePullPolicy": "IfNotPresent",
        "command": list(_SHELL),
        "args": [
            "ray kuberay-autoscaler --cluster-name $(RAY_CLUSTER_NAME) --cluster-namespace $(RAY_CLUSTER_NAMESPACE)"
        ],
        "env": [
            *({"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}} for key, path in fields),
            {"name": "KUBERAY_CRD_VER", "value": "v1"},
            *_token(name),
        ],
        "resources": copy.deepcopy(options["resources"]),
        "securityContext": copy.deepcopy(options["securityContext"]),
        "volumeMounts": [{"name": "ray-logs", "mountPath": "/tmp/ray"}],
    }
