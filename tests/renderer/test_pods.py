"""``--as-pods``: one pod for each that the operator makes, with what it adds; Ray's reader of every variant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from handmade import POOLS, parsed
from test_autoscaler import MIB, ray_cluster
from variants import variants

from fleetspec.renderer.manifests import Manifests
from fleetspec.renderer.pods import COUNT, as_text


@pytest.fixture(scope="module")
def pods(manifests: Manifests) -> dict[str, dict[str, Any]]:
    stream = yaml.safe_load_all(as_text(manifests.pods()))
    return {made.what: value for made, value in zip(manifests.pods(), stream, strict=True)}


def test_there_is_one_for_head_submitter_and_every_group(manifests: Manifests, pods: dict[str, Any]) -> None:
    groups = parsed(manifests, "rayjob.yaml")["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    assert pods.keys() == {"head", "submitter", *(group["groupName"] for group in groups)}
    counts = {what: int(pod["metadata"]["annotations"][COUNT]) for what, pod in pods.items()}
    assert counts == {"head": 1, "submitter": 1} | {group["groupName"]: group["maxReplicas"] for group in groups}
    assert sum(counts.values()) == 2 + sum(line.workers for pool in POOLS for line in pool.workers)


def test_names_are_those_a_pod_may_have(pods: dict[str, Any]) -> None:
    names = [pod["metadata"]["name"] for pod in pods.values()]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 63 and name[0].isalnum() for name in names)


def test_what_the_operator_adds_is_there(pods: dict[str, Any]) -> None:
    head = pods["head"]["spec"]
    assert [container["name"] for container in head["containers"]] == ["ray-head", "autoscaler"]
    assert pods["head"]["metadata"]["labels"]["ray.io/node-type"] == "head"
    worker = pods["cpu-std-cpu"]["spec"]
    (wait,) = worker["initContainers"]
    assert wait["resources"]["requests"] == {"cpu": "200m", "memory": "256Mi"}
    assert wait["securityContext"] == worker["containers"][0]["securityContext"]
    shared = {volume["name"]: volume for volume in worker["volumes"]}["shared-mem"]
    limit = worker["containers"][0]["resources"]["limits"]["memory"]
    assert shared["emptyDir"] == {"medium": "Memory", "sizeLimit": limit}
    (submitter,) = pods["submitter"]["spec"]["containers"]
    assert "python -m fleetspec.runtime --config /etc/fleetspec" in submitter["args"][0]


def test_policies_and_budget_select_the_pods_they_mean(manifests: Manifests, pods: dict[str, Any]) -> None:
    labels = {what: pod["metadata"]["labels"] for what, pod in pods.items()}
    everyone = parsed(manifests, "fleet/networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"]
    assert all(everyone.items() <= held.items() for held in labels.values())
    budget = parsed(manifests, "fleet/poddisruptionbudget.yaml")["spec"]["selector"]["matchLabels"]
    assert [what for what, held in labels.items() if budget.items() <= held.items()] == ["head"]
    choices = parsed(manifests, "fleet/networkpolicy-api.yaml")["spec"]["podSelector"]["matchExpressions"]
    chosen = [what for what, held in labels.items() if all(held.get(c["key"]) in c["values"] for c in choices)]
    assert chosen == ["head"]


@pytest.mark.parametrize("name", sorted(variants()))
def test_rays_reader_sees_the_plan_however_it_is_rendered(shared: Path, name: str) -> None:
    reader = pytest.importorskip(
        "ray.autoscaler._private.kuberay.autoscaling_config", reason="NOT CHECKED WITH RAY'S READER: ray is absent"
    )
    made = variants()[name]
    cluster = ray_cluster(shared / "crds", parsed(made.render(), "rayjob.yaml"))
    nodes = reader._derive_autoscaling_config_from_ray_cr(cluster)["available_node_types"]
    seen = sorted(
        (node["max_workers"], node["resources"]["CPU"], node["resources"]["memory"], node["resources"].get("GPU", 0))
        for kind, node in nodes.items()
        if kind != "headgroup"
    )
    assert seen == sorted(
        (line.workers, line.cores, line.memory_mib * MIB, int(line.slot != "cpu"))
        for pool in made.plan.pools
        for line in pool.workers
    )
