"""Partitions of AMD's GPUs as manifests: pods, node labels, and what the AMD GPU operator is told.

What the operator takes is from ROCm/gpu-operator v1.5.1: docs/dcm and config/crd/bases/amd.com_deviceconfigs.yaml.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from handmade import PARTITIONED, POOLS, Made, make, make_plan, make_spec, parsed
from test_autoscaler import MIB, ray_cluster

from fleetspec.diagnostics import Rejected, Report
from fleetspec.planner.plans import WorkerLine
from fleetspec.renderer.context import make_context
from fleetspec.renderer.manifests import Manifests
from fleetspec.renderer.readback import check_rendered

TOLERATIONS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {key: {"type": "string"} for key in ("key", "operator", "value", "effect")},
        "additionalProperties": False,
    },
}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
DEVICE_CONFIG: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "selector": TEXTS,
        "driver": {"type": "object", "properties": {"enable": {"type": "boolean"}}, "additionalProperties": False},
        "devicePlugin": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "devicePluginArguments": TEXTS,
                "devicePluginTolerations": TOLERATIONS,
                "enableNodeLabeller": {"type": "boolean"},
                "nodeLabellerArguments": {"type": "array", "items": {"type": "string"}},
                "nodeLabellerTolerations": TOLERATIONS,
            },
        },
        "configManager": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "enable": {"type": "boolean"},
                "config": {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False},
                "configManagerTolerations": TOLERATIONS,
                "selector": TEXTS,
            },
        },
    },
}
"""The part of a DeviceConfig's spec that is rendered."""


@pytest.fixture(scope="module")
def split() -> Made:
    return replace(make(), plan=make_plan(pools=(*POOLS[:2], PARTITIONED)))


@pytest.fixture(scope="module")
def manifests(split: Made) -> Manifests:
    return split.render()


def groups(manifests: Manifests) -> dict[str, dict[str, Any]]:
    listed = parsed(manifests, "rayjob.yaml")["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    return {group["groupName"]: group for group in listed if "gpu-amd" in group["groupName"]}


def test_a_worker_has_one_partition_and_ray_is_told(manifests: Manifests) -> None:
    found = groups(manifests)
    assert {name: group["maxReplicas"] for name, group in found.items()} == {
        "gpu-amd-cpx-nps4": 128,
        "gpu-amd-spx-nps1": 8,
    }
    cut = found["gpu-amd-cpx-nps4"]
    assert cut["resources"] == {"CPU": "1", "memory": "26624Mi", "GPU": "1", "cpx_nps4": "1"}
    assert cut["labels"] == {"fleetspec.dev/pool": "gpu-amd", "fleetspec.dev/slot": "cpx-nps4"}
    pod = cut["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "26624Mi", "amd.com/cpx_nps4": "1"}
    assert pod["nodeSelector"] == {
        "fleetspec.dev/pool": "gpu-amd",
        "dcm.amd.com/gpu-config-profile": "fleetspec-8x-cpx-nps4",
    }
    assert pod["tolerations"] == [{"key": "amd.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    whole = found["gpu-amd-spx-nps1"]["template"]["spec"]
    assert whole["containers"][0]["resources"]["limits"]["amd.com/spx_nps1"] == "1"
    assert whole["nodeSelector"]["dcm.amd.com/gpu-config-profile"] == "fleetspec-8x-spx-nps1"


def test_the_config_manager_reads_the_profiles_its_page_shows(manifests: Manifests) -> None:
    value = parsed(manifests, "platform/partition-config.yaml")
    assert (value["kind"], value["metadata"]["namespace"], set(value["data"])) == (
        "ConfigMap", "kube-amd-gpu", {"config.json"}
    )  # fmt: skip
    assert json.loads(value["data"]["config.json"]) == {
        "gpu-config-profiles": {
            f"fleetspec-8x-{compute.lower()}-{memory.lower()}": {
                "skippedGPUs": {"ids": []},
                "profiles": [{"computePartition": compute, "memoryPartition": memory, "numGPUsAssigned": 8}],
            }
            for compute, memory in (("CPX", "NPS4"), ("SPX", "NPS1"))
        }
    }


@pytest.mark.parametrize("purchase", ["on-demand", "spot"])
def test_the_operator_is_told_of_the_pools_nodes(split: Made, purchase: Any) -> None:
    pools = (replace(PARTITIONED, purchase=purchase),)
    value = parsed(replace(split, plan=make_plan(pools=pools)).render(), "platform/deviceconfig-gpu-amd.yaml")
    spec = value["spec"]
    jsonschema.validate(spec, DEVICE_CONFIG)
    assert (value["apiVersion"], value["kind"]) == ("amd.com/v1alpha1", "DeviceConfig")
    assert spec["selector"] == {"fleetspec.dev/pool": "gpu-amd"}
    assert spec["devicePlugin"]["devicePluginArguments"] == {"resource_naming_strategy": "mixed"}
    assert spec["configManager"] | {"configManagerTolerations": []} == {
        "enable": True, "config": {"name": "demo-config-manager"}, "configManagerTolerations": []
    }  # fmt: skip
    # Whatever keeps other pods from the nodes must not keep the operator's.
    taints = {"amd.com/gpu"} | ({"fleetspec.dev/capacity"} if purchase == "spot" else set())
    part = spec["devicePlugin"]
    for listed in (
        part["devicePluginTolerations"],
        part["nodeLabellerTolerations"],
        spec["configManager"]["configManagerTolerations"],
    ):
        assert {each["key"] for each in listed} == taints


def test_nodes_are_counted_by_profile_and_nothing_applies_the_operators_part(manifests: Manifests) -> None:
    text = manifests.files["platform/kustomization.yaml"]
    listed = [line for line in text.splitlines() if "gpu-config-profile" in line]
    assert [(line.split()[1], line.rpartition("=")[2]) for line in listed] == [
        ("1", '"fleetspec-8x-spx-nps1"'),
        ("2", '"fleetspec-8x-cpx-nps4"'),
    ]
    assert parsed(manifests, "platform/kustomization.yaml")["resources"] == ["namespace.yaml"]


def test_a_whole_gpu_of_a_pool_that_is_not_partitioned_needs_none_of_it() -> None:
    made = make().render()
    assert "amd.com/gpu" in made.files["rayjob.yaml"]
    assert not [name for name in made.files if "partition" in name or "deviceconfig" in name]


def test_long_names_leave_room_for_what_the_operator_adds(split: Made) -> None:
    pool = replace(PARTITIONED, pool="p" * 60)
    spec = make_spec().model_copy(update={"hardware": {}})
    rendered = replace(split, plan=make_plan(pools=(pool,)), spec=spec).render()
    name = parsed(rendered, f"platform/deviceconfig-{'p' * 60}.yaml")["metadata"]["name"]
    assert len(name + "-device-config-manager") <= 63


def test_quotas_of_a_queue_count_partitions(split: Made) -> None:
    rendered = replace(split, spec=make_spec(queue={"kueue": "q"})).render()
    (group,) = parsed(rendered, "platform/clusterqueue.yaml")["spec"]["resourceGroups"]
    assert {"amd.com/cpx_nps4", "amd.com/spx_nps1"} <= set(group["coveredResources"])
    (flavor,) = [each for each in group["flavors"] if each["name"] == "demo-gpu-amd"]
    quotas = {each["name"]: each["nominalQuota"] for each in flavor["resources"]}
    assert (quotas["amd.com/cpx_nps4"], quotas["amd.com/spx_nps1"], quotas["cpu"]) == ("128", "8", str(128 + 88))


def test_rays_reader_sees_partitions(shared: Path, manifests: Manifests) -> None:
    reader = pytest.importorskip(
        "ray.autoscaler._private.kuberay.autoscaling_config", reason="NOT CHECKED WITH RAY'S READER: ray is absent"
    )
    cluster = ray_cluster(shared / "crds", parsed(manifests, "rayjob.yaml"))
    nodes = reader._derive_autoscaling_config_from_ray_cr(cluster)["available_node_types"]
    seen = {name: (node["max_workers"], node["resources"]) for name, node in nodes.items() if "gpu-amd" in name}
    assert seen == {
        "gpu-amd-cpx-nps4": (128, {"CPU": 1, "GPU": 1, "cpx_nps4": 1, "memory": 26624 * MIB}),
        "gpu-amd-spx-nps1": (8, {"CPU": 11, "GPU": 1, "spx_nps1": 1, "memory": 212992 * MIB}),
    }


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("rayjob.yaml", '          "cpx_nps4": "1"\n', "", "partition that Ray does not see"),
        ("rayjob.yaml", '"amd.com/cpx_nps4": "1"', '"amd.com/gpu": "1"', "partition that Ray does not see"),
        ("platform/partition-config.yaml", '"fleetspec-8x-cpx-nps4"', '"cpx"', "which is not defined"),
        ("platform/partition-config.yaml", '"CPX"', '"EPX"', "none that a node can be set to"),
        ("platform/partition-config.yaml", '"numGPUsAssigned": 8', '"numGPUsAssigned": 0', "none that a node can be"),
        ("platform/deviceconfig-gpu-amd.yaml", '"demo-config-manager"', '"other"', "reads another ConfigMap"),
        ("platform/deviceconfig-gpu-amd.yaml", 'pool: "gpu-amd"', 'pool: "cpu-std"', "no worker waits"),
    ],
)  # fmt: skip
def test_a_part_that_does_not_fit_the_others_is_found(split: Made, file: str, old: str, new: str, said: str) -> None:
    files = dict(split.render().files)
    assert old in files[file]
    files[file] = files[file].replace(old, new)
    report = Report()
    check_rendered(files, make_context(split.plan, split.graph, split.spec, split.resolved, split.lock), report)
    assert any(said in each.message for each in report.findings), [each.message for each in report.findings]


def test_a_slot_of_no_mode_is_refused(split: Made) -> None:
    pool = replace(PARTITIONED, workers=(WorkerLine("8xepx-nps4", "epx-nps4", 8, 8, 1, 1024),))
    with pytest.raises(Rejected, match="epx-nps4"):
        replace(split, plan=make_plan(pools=(pool,))).render()
