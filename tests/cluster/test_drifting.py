"""What differs on a cluster from what is rendered, and by whose hand."""

from __future__ import annotations

from typing import Any

from fake_cluster import FakeCluster
from small_run import CONFIG_KEY, JOB_KEY, labels, operator, values

from fleetspec.cluster.applying import carry_out, preview
from fleetspec.cluster.drifting import drift
from fleetspec.cluster.fields import changed, holders, said
from fleetspec.cluster.objects import Objects
from fleetspec.cluster.record import inventory


def drifted(objects: Objects) -> list[dict[str, Any]]:
    return drift(objects, values(), inventory(objects, "demo", "quant"), "demo")


def apply(objects: Objects) -> None:
    carry_out(objects, preview(objects, values()))


def test_what_was_just_applied_does_not_drift(fake: FakeCluster, objects: Objects) -> None:
    fake.store.created = operator
    apply(objects)
    fake.store.edit(JOB_KEY, ("spec", "suspend"), True, "kueue")
    fake.store.edit(JOB_KEY, ("metadata", "finalizers"), ["ray.io/x"], "manager")
    fake.store.edit(JOB_KEY, ("metadata", "labels", "kueue.x-k8s.io/managed"), "true", "kueue")
    writes = len(fake.writes())
    assert drifted(objects) == []
    assert len(fake.writes()) == writes


def test_who_changed_what(fake: FakeCluster, objects: Objects) -> None:
    apply(objects)
    fake.store.edit(JOB_KEY, ("spec", "entrypoint"), "sleep 9", "kubectl-edit")
    fake.store.edit(CONFIG_KEY, ("data", "more.yaml"), "a: b", "helm")
    fake.store.edit(CONFIG_KEY, ("data", "fleet.yaml"), None, "argocd")
    by_object = {one["object"]: one for one in drifted(objects)}
    job = by_object[f"RayJob quant/{JOB_KEY[3]}"]
    assert (job["state"], job["fields"]) == (
        "changed",
        [
            {
                "field": "spec.entrypoint",
                "live": "sleep 9",
                "rendered": "python -m fleetspec.runtime",
                "by": ["kubectl-edit"],
            }
        ],
    )
    fields = {field["field"]: field for field in by_object[f"ConfigMap quant/{CONFIG_KEY[3]}"]["fields"]}
    assert fields["data[fleet.yaml]"]["live"] is None
    assert (fields["data[more.yaml]"]["by"], fields["data[more.yaml]"]["rendered"]) == (["helm"], None)


def test_what_is_missing_foreign_or_extra(fake: FakeCluster, objects: Objects) -> None:
    apply(objects)
    fake.store.delete(JOB_KEY, None, "Background")
    fake.store.edit(CONFIG_KEY, ("metadata", "labels"), {"app": "theirs"}, "x")
    meta = {"name": "left-behind", "namespace": "quant", "labels": labels("run")}
    fake.store.add({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    states = {one["object"].rpartition("/")[2]: one["state"] for one in drifted(objects)}
    assert states == {JOB_KEY[3]: "missing", CONFIG_KEY[3]: "foreign", "left-behind": "extra"}


def test_holders_of_items_in_lists() -> None:
    """As the API server writes them: keys of list items as JSON, ``.`` for the item itself."""
    item = {"f:image": {}, ".": {}, "f:name": {}}
    containers = {"f:containers": {'k:{"name":"a"}': item}, "f:finalizers": {'v:"x/y"': {}}}
    value = {
        "metadata": {"managedFields": [{"manager": "me", "fieldsV1": {"f:spec": containers}}]},
        "spec": {"containers": [{"name": "b"}, {"name": "a", "image": "i"}], "finalizers": ["x/y"]},
    }
    assert holders(value, ("spec", "containers", 1, "image")) == ("me",)
    assert holders(value, ("spec", "containers", 0, "image")) == ()
    assert holders(value, ("spec", "finalizers", 0)) == ("me",)


def test_paths_are_told_as_they_are_written() -> None:
    before = {"spec": {"a": [{"b": 1}], "c": [1]}, "metadata": {"annotations": {"x/y": "1"}, "uid": "1"}}
    after = {"spec": {"a": [{"b": 2}], "c": [1, 2]}, "metadata": {"annotations": {"x/y": "2"}, "uid": "2"}}
    assert [said(path) for path in changed(before, after)] == ["metadata.annotations[x/y]", "spec.a[0].b", "spec.c"]
