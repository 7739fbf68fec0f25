"""The objects of a small run, by hand: what a rendered one has, as far as a cluster can see it."""

from __future__ import annotations

import copy
from typing import Any

from fake_store import Key, Store

from fleetspec.renderer.ownership import FLEET, MANAGED_BY, MANAGER, PLAN, RUN, SCOPE

JOB = "demo-nightly-1e6d0858"
JOB_KEY: Key = ("/apis/ray.io/v1", "rayjobs", "quant", JOB)
CONFIG_KEY: Key = ("/api/v1", "configmaps", "quant", "demo-config-0a1b2c3d")
SUBMITTER = f"{JOB}-submitter-x7"


def labels(scope: str, fleet: str = "demo") -> dict[str, str]:
    return {MANAGED_BY: MANAGER, FLEET: fleet, RUN: "nightly", SCOPE: scope}


def group(name: str, replicas: int, resources: dict[str, str]) -> dict[str, Any]:
    container = {"name": "ray-worker", "resources": {"requests": resources, "limits": resources}}
    return {
        "groupName": name,
        "minReplicas": 0,
        "maxReplicas": replicas,
        "template": {"spec": {"nodeSelector": {"fleetspec.dev/pool": name}, "containers": [container]}},
    }


def values(job: str = JOB) -> list[dict[str, Any]]:
    """A policy, a configuration and a RayJob, in the order of applying."""
    head = {"cpu": "2", "memory": "8Gi"}
    made = [
        ("networking.k8s.io/v1", "NetworkPolicy", "demo-pods", "fleet", {"spec": {"podSelector": {}}}),
        ("v1", "ConfigMap", CONFIG_KEY[3], "run", {"data": {"fleet.yaml": "name: demo\n"}}),
        (
            "ray.io/v1",
            "RayJob",
            job,
            "run",
            {
                "spec": {
                    "entrypoint": "python -m fleetspec.runtime",
                    "rayClusterSpec": {
                        "headGroupSpec": {"template": {"spec": {"containers": [{"resources": {"requests": head}}]}}},
                        "workerGroupSpecs": [
                            group("cpu", 3, {"cpu": "16", "memory": "64Gi"}),
                            group("gpu", 2, {"cpu": "8", "memory": "32Gi", "nvidia.com/mig-1g.10gb": "1"}),
                        ],
                    },
                }
            },
        ),
    ]
    return [
        {
            "apiVersion": version,
            "kind": kind,
            "metadata": {
                "name": name,
                "namespace": "quant",
                "labels": labels(scope),
                "annotations": {"fleetspec.dev/session": "2026-11-23", PLAN: f"plan of {job}"},
            },
            **copy.deepcopy(rest),
        }
        for version, kind, name, scope, rest in made
    ]


def operator(store: Store, key: Key, value: dict[str, Any]) -> None:
    """KubeRay, as far as it matters: a RayJob gets a RayCluster, a Job's submitter pod, and pods."""
    if key[1] != "rayjobs":
        return
    owner = [{"apiVersion": "ray.io/v1", "kind": "RayJob", "name": key[3], "uid": value["metadata"]["uid"]}]
    cluster = f"{key[3]}-abcde"
    space = {"namespace": key[2], "ownerReferences": owner}
    store.add({"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": cluster, **space}}, "manager")
    meta = {"name": SUBMITTER, **space, "labels": {**labels("run"), "job-name": key[3]}}
    store.add({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": {"phase": "Running"}}, "manager")
    store.edit(key, ("status",), {"rayClusterName": cluster, "jobDeploymentStatus": "Initializing"}, "manager")


def pod(name: str, group_name: str, status: dict[str, Any], cluster: str = f"{JOB}-abcde") -> dict[str, Any]:
    meta = {"name": name, "namespace": "quant", "labels": {"ray.io/cluster": cluster, "ray.io/group": group_name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status}
