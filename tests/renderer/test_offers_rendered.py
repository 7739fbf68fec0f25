"""Worker groups on spot nodes, and on shares of GPUs."""

from __future__ import annotations

from dataclasses import replace

import handmade
import pytest
import yaml

from fleetspec.planner.plans import PoolLine, WorkerLine
from fleetspec.renderer.manifests import Manifests

SPOT = PoolLine(
    "cpu-std-spot", None, 0, 16, 65536, 0.31, "spec: spot", 20, 3, 240, (WorkerLine("node", "cpu", 3, 1, 15, 57344),),
    purchase="spot", pool_of="cpu-std", preempt_per_hour=0.04,
)  # fmt: skip
SHARED = PoolLine(
    "desk", "RTX-4090", 2, 31, 120000, 0.13, "spec", 1, 1, 0, (WorkerLine("4xshared-4", "shared-4", 8, 8, 3, 15000),),
    purchase="owned", pool_of="desk", capex_per_hour=0.34, sharing="mps",
)  # fmt: skip


def rendered(*pools: PoolLine) -> Manifests:
    made = handmade.make()
    return replace(made, plan=replace(made.plan, pools=(*made.plan.pools, *pools))).render()


def test_spot_is_a_group_of_its_own_that_workers_alone_may_run_on() -> None:
    spec = handmade.parsed(rendered(SPOT), "rayjob.yaml")["spec"]["rayClusterSpec"]
    groups = {group["groupName"]: group for group in spec["workerGroupSpecs"]}
    pod = groups["cpu-std-spot-cpu"]["template"]["spec"]
    assert pod["nodeSelector"] == {"fleetspec.dev/pool": "cpu-std-spot"}
    assert pod["tolerations"] == [
        {"key": "fleetspec.dev/capacity", "operator": "Equal", "value": "spot", "effect": "NoSchedule"}
    ]
    assert groups["cpu-std-spot-cpu"]["maxReplicas"] == 3
    assert groups["cpu-std-spot-cpu"]["labels"]["fleetspec.dev/pool"] == "cpu-std-spot"
    others = [group["template"]["spec"] for name, group in groups.items() if name != "cpu-std-spot-cpu"]
    for pod in [*others, spec["headGroupSpec"]["template"]["spec"]]:
        assert all(one["key"] != "fleetspec.dev/capacity" for one in pod.get("tolerations", []))


@pytest.mark.parametrize(("how", "key", "more"), [
    ("mps", "mps", {}),
    ("time-slice", "timeSlicing", {"failRequestsGreaterThanOne": True}),
])  # fmt: skip
def test_a_share_is_asked_for_by_the_name_that_the_device_plugin_gives_it(how: str, key: str, more: dict) -> None:
    made = rendered(replace(SHARED, sharing=how))
    spec = handmade.parsed(made, "rayjob.yaml")["spec"]["rayClusterSpec"]
    (group,) = [group for group in spec["workerGroupSpecs"] if group["groupName"] == "desk-shared-4"]
    pod = group["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu.shared"] == "1"
    assert "nvidia.com/gpu" not in pod["containers"][0]["resources"]["limits"]
    assert pod["nodeSelector"] == {
        "fleetspec.dev/pool": "desk", "nvidia.com/device-plugin.config": f"fleetspec-{how}-4"
    }  # fmt: skip
    # Ray sees one GPU of the worker's own, and the share by the name its jobs ask for.
    assert (group["resources"]["GPU"], group["resources"]["shared_4"]) == ("1", "1")
    config = handmade.parsed(made, "platform/sharing-config.yaml")
    assert yaml.safe_load(config["data"][f"fleetspec-{how}-4"]) == {
        "version": "v1",
        "sharing": {key: {"renameByDefault": True, "resources": [{"name": "nvidia.com/gpu", "replicas": 4}]} | more},
    }
    assert "sharing-config.yaml" not in handmade.parsed(made, "platform/kustomization.yaml")["resources"]
