"""The check-up of clusters that lack something, each lack found with its code and a way out."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from fake_cluster import FakeCluster
from small_run import values

from fleetspec.cluster.checkup import checkup
from fleetspec.cluster.demands import Pods, pods_of, totals
from fleetspec.cluster.objects import Objects
from fleetspec.cluster.room import nodes
from fleetspec.lint.words import quantity

POOLS = {"cpu": {}, "gpu": {"nvidia.com/mig-1g.10gb": "7"}}


def wanted() -> list[dict[str, Any]]:
    made = values()
    cluster = made[2]["spec"]["rayClusterSpec"]
    volume = {"name": "store", "persistentVolumeClaim": {"claimName": "demo-store"}}
    cluster["headGroupSpec"]["template"]["spec"]["volumes"] = [volume]
    made[2]["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] = "night"
    return made


def add(fake: FakeCluster, version: str, kind: str, name: str, namespace: str = "", **rest: Any) -> None:
    meta = {"name": name, **({"namespace": namespace} if namespace else {}), **rest.pop("meta", {})}
    fake.store.add({"apiVersion": version, "kind": kind, "metadata": meta, **rest})


@pytest.fixture
def fit(fake: FakeCluster) -> FakeCluster:
    """A cluster on which the run would start."""
    key = ("/api/v1", "namespaces", "", "quant")
    fake.store.edit(key, ("metadata", "labels"), {"pod-security.kubernetes.io/enforce": "restricted"})
    operator = {"image": "quay.io/kuberay/operator:v1.7.0", "args": ["--feature-gates=RayCronJob=true"]}
    labels = {"app.kubernetes.io/name": "kuberay-operator"}
    fake.store.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kuberay"}})
    add(fake, "apps/v1", "Deployment", "kuberay-operator", "kuberay", meta={"labels": labels},
        spec={"template": {"spec": {"containers": [operator]}}}, status={"readyReplicas": 1})  # fmt: skip
    for pool, devices in POOLS.items():
        add(fake, "v1", "Node", f"node-{pool}", meta={"labels": {"fleetspec.dev/pool": pool}},
            status={"allocatable": {"cpu": "64", **devices}})  # fmt: skip
    add(fake, "v1", "PersistentVolumeClaim", "demo-store", "quant", spec={"accessModes": ["ReadWriteMany"]},
        status={"phase": "Bound"})  # fmt: skip
    hard = {"requests.cpu": "100", "requests.memory": "500Gi", "pods": "10"}
    add(
        fake, "v1", "ResourceQuota", "night", "quant", spec={"hard": hard}, status={"hard": hard, "used": {"pods": "1"}}
    )
    kueue = "kueue.x-k8s.io/v1beta2"
    add(fake, kueue, "LocalQueue", "night", "quant", spec={"clusterQueue": "all"})
    flavors = [{"name": "f", "resources": [{"name": name, "nominalQuota": most} for name, most in QUOTA.items()]}]
    add(fake, kueue, "ClusterQueue", "all", spec={"resourceGroups": [{"flavors": flavors}]})
    return fake


QUOTA = {"cpu": "80", "memory": "300Gi", "nvidia.com/mig-1g.10gb": "2"}


def found(objects: Objects) -> dict[str, tuple[str, str | None]]:
    return {
        f"{one['check']}: {one['found']}": (one["state"], one["code"])
        for one in (finding.to_json() for finding in checkup(objects, wanted(), "quant"))
    }


def faults(objects: Objects) -> dict[str, tuple[str, str | None]]:
    return {text: verdict for text, verdict in found(objects).items() if verdict[0] != "ok"}


def test_a_fit_cluster_has_no_fault(fit: FakeCluster, objects: Objects) -> None:
    assert faults(objects) == {}
    told = "\n".join(found(objects))
    assert "operator v1.7.0, feature gates RayCronJob=true" in told
    assert "1 labelled, with 7 nvidia.com/mig-1g.10gb" in told
    assert "Kubernetes v1.36.1" in told
    assert not fit.writes()


def test_an_old_operator_and_one_that_is_away(fit: FakeCluster, objects: Objects) -> None:
    key = ("/apis/apps/v1", "deployments", "kuberay", "kuberay-operator")
    fit.store.edit(key, ("status",), {})
    assert any("none of its pods is ready" in text for text in faults(objects))
    old = {"image": "kuberay/operator:v1.3.2@sha256:00"}
    fit.store.edit(key, ("spec", "template", "spec", "containers"), [old])
    (text,) = faults(objects)
    assert ("v1.3.2" in text, faults(objects)[text]) == (True, ("bad", "FS663"))


def test_no_kuberay_and_no_kueue(fit: FakeCluster, objects: Objects) -> None:
    gone = ("/apis/ray.io/v1", "/apis/kueue.x-k8s.io/v1beta2")
    fit.store.plurals = {root: kinds for root, kinds in fit.store.plurals.items() if root not in gone}
    assert set(faults(objects).values()) == {("bad", "FS653")}
    assert len(faults(objects)) == 2


def test_permissions_that_are_missing_are_all_named(fit: FakeCluster, objects: Objects) -> None:
    fit.denied = {("patch", "rayjobs"), ("delete", "rayjobs"), ("patch", "networkpolicies")}
    told = faults(objects)
    assert set(told.values()) == {("bad", "FS664")}
    assert any("patch, delete rayjobs" in text for text in told)
    assert any("patch networkpolicies" in text for text in told)


def test_what_may_not_be_looked_at_is_not_seen(fit: FakeCluster, objects: Objects) -> None:
    fit.denied = {("list", "nodes"), ("list", "deployments")}
    assert set(faults(objects).values()) == {("unseen", None)}


def test_nodes_without_label_slices_or_a_finished_cut(fit: FakeCluster, objects: Objects) -> None:
    gpu = ("/api/v1", "nodes", "", "node-gpu")
    fit.store.edit(gpu, ("metadata", "labels", "nvidia.com/mig.config.state"), "failed")
    fit.store.edit(gpu, ("status",), {"allocatable": {"nvidia.com/gpu": "1"}})
    fit.store.edit(("/api/v1", "nodes", "", "node-cpu"), ("metadata", "labels"), {})
    told = faults(objects)
    assert set(told.values()) == {("warn", "FS665")}
    text = "\n".join(told)
    assert "0 of 2 nvidia.com/mig-1g.10gb" in text
    assert "no node is labelled fleetspec.dev/pool=cpu" in text
    assert "not cut yet on node-gpu" in text


def test_nodes_of_amds_in_another_partition_mode(fit: FakeCluster, objects: Objects) -> None:
    gpu = ("/api/v1", "nodes", "", "node-gpu")
    fit.store.edit(gpu, ("metadata", "labels", "dcm.amd.com/gpu-config-profile-state"), "failure")
    fit.store.edit(gpu, ("status",), {"allocatable": {"amd.com/gpu": "8"}})
    asked = {"amd.com/cpx_nps4": Fraction(1)}
    pods = Pods("gpu", 4, asked, asked, {"fleetspec.dev/pool": "gpu"})
    told = [finding.to_json() for finding in nodes(objects, [pods])]
    assert [one["found"] for one in told] == [
        "0 of 4 amd.com/cpx_nps4 on 1 labelled nodes",
        "GPUs not cut yet on node-gpu",
    ]
    assert "dcm.amd.com/gpu-config-profile" in str(told[0]["help"])
    assert "device config manager" in str(told[1]["help"])


def test_quotas_below_the_plan(fit: FakeCluster, objects: Objects) -> None:
    fit.store.edit(("/api/v1", "resourcequotas", "quant", "night"), ("status", "hard", "requests.cpu"), "40")
    flavor = {"name": "f", "resources": [{"name": "cpu", "nominalQuota": "60"}]}
    queue = ("/apis/kueue.x-k8s.io/v1beta2", "clusterqueues", "", "all")
    fit.store.edit(queue, ("spec", "resourceGroups"), [{"flavors": [flavor]}])
    told = faults(objects)
    assert set(told.values()) == {("bad", "FS666")}
    text = "\n".join(told)
    assert "requests.cpu 66.5 cores of 40 cores free" in text
    assert "cpu 66.5 cores of 60 cores" in text
    assert "nvidia.com/mig-1g.10gb 2 of none" in text
    fit.store.edit(queue, ("spec", "cohortName"), "research")
    assert ("warn", "FS666") in faults(objects).values()


def test_namespace_store_and_queue_that_are_not_there(fit: FakeCluster, objects: Objects) -> None:
    claim = ("/api/v1", "persistentvolumeclaims", "quant", "demo-store")
    fit.store.edit(claim, ("spec", "accessModes"), ["ReadWriteOnce"])
    fit.store.edit(("/api/v1", "namespaces", "", "quant"), ("metadata", "labels"), {})
    fit.store.delete(("/apis/kueue.x-k8s.io/v1beta2", "localqueues", "quant", "night"), None, "Background")
    codes = set(faults(objects).values())
    assert codes == {("bad", "FS668"), ("warn", "FS667"), ("bad", "FS666")}
    fit.store.delete(claim, None, "Background")
    assert ("bad", "FS668") in faults(objects).values()
    for key in [key for key in fit.store.objects if key[2] == "quant"]:
        fit.store.delete(key, None, "Background")
    fit.store.delete(("/api/v1", "namespaces", "", "quant"), None, "Background")
    assert ("bad", "FS654") in faults(objects).values()


def test_all_pods_are_counted_with_head_submitter_and_sidecar() -> None:
    made = values()
    total = totals(pods_of(made))
    # Head 2, submitter 0.5, three workers of 16 and two of 8.
    assert total["requests.cpu"] == quantity("66500m")
    assert total["pods"] == 7
    assert total["requests.nvidia.com/mig-1g.10gb"] == 2
    made[2]["spec"]["rayClusterSpec"]["enableInTreeAutoscaling"] = True
    assert totals(pods_of(made))["requests.cpu"] == quantity("67")
