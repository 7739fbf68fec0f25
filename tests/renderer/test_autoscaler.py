"""Ray's own reader of a RayCluster, the one the autoscaler sidecar runs, sees what was planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from crd_schema import with_defaults
from handmade import POOLS, parsed

from fleetspec.renderer.manifests import Manifests

MIB = 1024 * 1024


def ray_cluster(crds: Path, rayjob: dict[str, Any]) -> dict[str, Any]:
    """The RayCluster the operator makes of a RayJob: its rayClusterSpec, with the API server's defaults."""
    meta = rayjob["metadata"]
    cluster = {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": meta["name"] + "-x7k2p", "namespace": meta["namespace"]},
        "spec": rayjob["spec"]["rayClusterSpec"],
    }
    return with_defaults(crds, "rayclusters", cluster)


@pytest.fixture(scope="module")
def node_types(shared: Path, manifests: Manifests) -> dict[str, Any]:
    reader = pytest.importorskip(
        "ray.autoscaler._private.kuberay.autoscaling_config", reason="NOT CHECKED WITH RAY'S READER: ray is absent"
    )
    cluster = ray_cluster(shared / "crds", parsed(manifests, "rayjob.yaml"))
    return reader._derive_autoscaling_config_from_ray_cr(cluster)["available_node_types"]


def test_every_worker_group_has_the_planned_resources(node_types: dict[str, Any]) -> None:
    gpu = {"cpu": {}, "gpu": {"GPU": 1}}
    slices = {"mig-1g.10gb": {"GPU": 1, "mig_1g_10gb": 1}, "mig-3g.40gb": {"GPU": 1, "mig_3g_40gb": 1}}
    planned = sorted(
        (
            line.workers,
            sorted({"CPU": line.cores, "memory": line.memory_mib * MIB, **(gpu | slices)[line.slot]}.items()),
        )
        for pool in POOLS
        for line in pool.workers
    )
    seen = sorted(
        (node["max_workers"], sorted(node["resources"].items()))
        for name, node in node_types.items()
        if name != "headgroup"
    )
    assert seen == planned


def test_groups_start_empty_and_carry_pool_and_slot(node_types: dict[str, Any]) -> None:
    workers = {name: node for name, node in node_types.items() if name != "headgroup"}
    assert {node["min_workers"] for node in workers.values()} == {0}
    labels = {(node["labels"]["fleetspec.dev/pool"], node["labels"]["fleetspec.dev/slot"]) for node in workers.values()}
    assert labels == {(pool.pool, line.slot) for pool in POOLS for line in pool.workers}


def test_the_head_takes_the_driver_and_no_job(node_types: dict[str, Any]) -> None:
    head = node_types["headgroup"]["resources"]
    assert (head["CPU"], head["fleetspec_driver"]) == (0, 1)
    assert "GPU" not in head
