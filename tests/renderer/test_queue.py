"""A fleet in a queue: its labels, its flavors, and quotas that are the plan's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from handmade import POOLS, Made, make_plan, make_spec, parsed

from fleetspec.diagnostics import Rejected
from fleetspec.planner.plans import PoolLine, WorkerLine
from fleetspec.renderer.manifests import Manifests

QUEUE = {"kueue": "quant-prod", "priority": "nightly"}


@pytest.fixture(scope="module")
def queued() -> Manifests:
    from handmade import make

    return replace(make(), spec=make_spec(queue=QUEUE)).render()


def quotas(manifests: Manifests) -> dict[str, dict[str, str]]:
    (group,) = parsed(manifests, "platform/clusterqueue.yaml")["spec"]["resourceGroups"]
    return {
        flavor["name"]: {
            each["name"]: each["nominalQuota"] for each in flavor["resources"] if each["nominalQuota"] != "0"
        }
        for flavor in group["flavors"]
    }


def test_golden(queued: Manifests, golden: Any) -> None:
    for name in ("platform/clusterqueue.yaml", "platform/resourceflavor-demo-gpu-amd.yaml", "fleet/localqueue.yaml"):
        golden(f"manifests-queued/{name}", queued.files[name])


def test_the_job_waits_in_the_queue_and_gives_its_cluster_back(queued: Manifests) -> None:
    job = parsed(queued, "rayjob.yaml")
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "quant-prod"
    assert job["spec"]["shutdownAfterJobFinishes"] is True
    assert "suspend" not in job["spec"]
    assert parsed(queued, "fleet/localqueue.yaml")["spec"]["clusterQueue"] == "quant-prod"


def test_quotas_are_what_the_pods_of_each_pool_request(queued: Manifests) -> None:
    """Oracle: workers x (cores, MiB) of the hand-made plan; head 2 cores and 8 GiB, submitter 250m and 256 MiB."""
    assert quotas(queued) == {
        "demo-head": {"cpu": "2250m", "memory": "8448Mi"},
        "demo-cpu-std": {"cpu": str(2 * 15), "memory": f"{2 * 57344}Mi"},
        "demo-gpu-amd": {"cpu": str(8 * 11), "memory": f"{8 * 212992}Mi", "amd.com/gpu": "8"},
        "demo-gpu-h100-mig": {
            "cpu": str(7 * 3 + 4 * 5 + 1 * 5),
            "memory": f"{7 * 30720 + 5 * 43008}Mi",
            "nvidia.com/mig-1g.10gb": "11",
            "nvidia.com/mig-3g.40gb": "1",
        },
    }


def test_a_worker_fits_only_the_flavor_of_its_pool(queued: Manifests) -> None:
    flavors = {
        name: parsed(queued, name)["spec"] for name in queued.files if name.startswith("platform/resourceflavor-")
    }
    labels = {spec.get("nodeLabels", {}).get("fleetspec.dev/pool") for spec in flavors.values()}
    assert labels == {None, *(pool.pool for pool in POOLS)}
    groups = parsed(queued, "rayjob.yaml")["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    assert all(group["template"]["spec"]["nodeSelector"]["fleetspec.dev/pool"] in labels for group in groups)


def test_workers_in_a_queue_are_fixed(queued: Manifests, manifests: Manifests) -> None:
    cluster = parsed(queued, "rayjob.yaml")["spec"]["rayClusterSpec"]
    assert cluster["enableInTreeAutoscaling"] is False
    assert "autoscalerOptions" not in cluster
    for group in cluster["workerGroupSpecs"]:
        assert group["replicas"] == group["minReplicas"] == group["maxReplicas"] >= 1
    assert parsed(manifests, "rayjob.yaml")["spec"]["rayClusterSpec"]["enableInTreeAutoscaling"] is True


def test_pods_have_the_priority_that_is_rendered(queued: Manifests) -> None:
    assert parsed(queued, "platform/priorityclass.yaml")["metadata"]["name"] == "nightly"
    spec = parsed(queued, "rayjob.yaml")["spec"]
    cluster = spec["rayClusterSpec"]
    pods = [spec["submitterPodTemplate"], cluster["headGroupSpec"]["template"]]
    pods += [group["template"] for group in cluster["workerGroupSpecs"]]
    assert {pod["spec"]["priorityClassName"] for pod in pods} == {"nightly"}


def test_autoscaled_workers_in_a_queue_are_elastic_and_said_so(made: Made) -> None:
    rendered = replace(made, spec=make_spec(queue=QUEUE, workers="autoscaled")).render()
    job = parsed(rendered, "rayjob.yaml")
    assert job["metadata"]["annotations"]["kueue.x-k8s.io/elastic-job"] == "true"
    assert [warning.rule.code for warning in rendered.warnings] == ["FS413"]
    assert quotas(rendered)["demo-head"] == {"cpu": "2750m", "memory": f"{8448 + 1024}Mi"}


def test_what_fixed_workers_cost_is_said(made: Made) -> None:
    """Oracle: (2 x 0.80 + 2 x 9.98 + 1 x 20.00) USD/h for the 53,940 s from the first boot to the end."""
    (warning,) = replace(made, spec=make_spec(workers="fixed")).render().warnings
    assert warning.rule.code == "FS414"
    assert f"{41.56 * 53940 / 3600:.2f} USD" in warning.message
    near = make_plan(cost_usd=41.56 * 53940 / 3600)
    assert replace(made, plan=near, spec=make_spec(workers="fixed")).render().warnings == ()


@pytest.mark.parametrize(("groups", "code"), [(16, None), (17, "FS412")])
def test_a_queue_admits_sixteen_groups(made: Made, groups: int, code: str | None) -> None:
    pools = tuple(
        PoolLine(f"p{n:02d}", None, 0, 4, 8192, 0.1, "spec", 1, 1, 60, (WorkerLine("node", "cpu", 1, 1, 3, 4096),))
        for n in range(groups)
    )
    asked = replace(made, plan=make_plan(pools=pools), spec=make_spec(queue=QUEUE))
    if code is None:
        assert len(parsed(asked.render(), "rayjob.yaml")["spec"]["rayClusterSpec"]["workerGroupSpecs"]) == groups
        return
    with pytest.raises(Rejected) as caught:
        asked.render()
    assert [error.rule.code for error in caught.value.report.errors] == [code]
