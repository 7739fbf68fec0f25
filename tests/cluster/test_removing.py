"""Removing: what is ours and nothing else, each until it is gone, whatever is lost on the way."""

from __future__ import annotations

from itertools import count

import pytest
from fake_cluster import FakeCluster
from small_run import CONFIG_KEY, JOB, JOB_KEY, labels, operator, values

from fleetspec.cluster.applying import carry_out, preview
from fleetspec.cluster.objects import Objects, Ref
from fleetspec.cluster.record import inventory
from fleetspec.cluster.removing import Removal, removal, remove
from fleetspec.diagnostics import Rejected


def apply(objects: Objects, job: str = JOB) -> None:
    carry_out(objects, preview(objects, values(job)))


def going(objects: Objects, **how: bool) -> Removal:
    held = inventory(objects, "demo", "quant")
    return removal(objects, held, held.records, strays=True, **{"platform": False, **how})


def test_what_the_operator_made_goes_with_the_job(fake: FakeCluster, objects: Objects) -> None:
    fake.store.created = operator
    apply(objects)
    assert len(fake.store.names()) == 6
    what = going(objects)
    assert what.refs[0].kind == "RayJob"
    remove(objects, what, 60)
    assert fake.store.names() == set()
    assert not inventory(objects, "demo", "quant")


def test_what_is_lost_of_a_record_is_found_by_its_labels(fake: FakeCluster, objects: Objects) -> None:
    apply(objects)
    fake.store.delete(("/api/v1", "configmaps", "quant", f"{JOB}-record"), None, "Background")
    held = inventory(objects, "demo", "quant")
    assert ([one.job for one in held.records], len(held.strays)) == ([JOB], 2)
    remove(objects, going(objects), 60)
    assert fake.store.names() == set()


def test_a_record_that_somebody_broke_is_a_stray(fake: FakeCluster, objects: Objects) -> None:
    apply(objects)
    fake.store.edit(("/api/v1", "configmaps", "quant", f"{JOB}-record"), ("data", "record.json"), "{", "x")
    assert len(inventory(objects, "demo", "quant").strays) == 3
    remove(objects, going(objects), 60)
    assert fake.store.names() == set()


def test_what_lost_its_labels_and_what_is_shared_stays(fake: FakeCluster, objects: Objects) -> None:
    apply(objects)
    fake.store.edit(CONFIG_KEY, ("metadata", "labels"), {"app": "theirs"}, "x")
    meta = {"name": "shared", "namespace": "quant", "labels": labels("platform")}
    fake.store.add({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    what = going(objects)
    assert {ref.name for ref, _ in what.kept} == {CONFIG_KEY[3], "shared"}
    remove(objects, what, 60)
    assert fake.store.names() == {f"configmaps/{CONFIG_KEY[3]}", "serviceaccounts/shared"}
    remove(objects, going(objects, platform=True), 60)
    assert fake.store.names() == {f"configmaps/{CONFIG_KEY[3]}"}


def test_what_another_run_uses_stays_with_it(fake: FakeCluster, objects: Objects) -> None:
    apply(objects)
    apply(objects, "demo-nightly-2f2f2f2f")
    held = inventory(objects, "demo", "quant")
    first = [one for one in held.records if one.job == JOB]
    remove(objects, removal(objects, held, first, strays=False, platform=False), 60)
    assert f"rayjobs/{JOB}" not in fake.store.names()
    assert {"networkpolicies/demo-pods", "rayjobs/demo-nightly-2f2f2f2f"} <= fake.store.names()
    remove(objects, going(objects), 60)
    assert fake.store.names() == set()


def test_a_finalizer_is_waited_for_and_never_taken_off(fake: FakeCluster, objects: Objects) -> None:
    apply(objects)
    fake.store.edit(JOB_KEY, ("metadata", "finalizers"), ["ray.io/gcs"], "manager")
    ticks = count()
    with pytest.raises(Rejected, match=r"waits for ray\.io/gcs"):
        remove(objects, going(objects), 5, clock=lambda: float(next(ticks)))
    assert fake.store.names() == {f"rayjobs/{JOB}", f"configmaps/{JOB}-record"}
    fake.store.release(JOB_KEY, "ray.io/gcs")
    remove(objects, going(objects), 60)
    assert fake.store.names() == set()


def test_what_is_made_again_meanwhile_is_said(fake: FakeCluster, objects: Objects) -> None:
    apply(objects)
    what = going(objects)
    real = objects.delete

    def healed(ref: Ref, uid: str) -> None:
        real(ref, uid)
        if ref.kind == "RayJob":
            fake.store.add(values()[2], "argocd-controller")

    objects.delete = healed  # type: ignore[method-assign]
    with pytest.raises(Rejected, match="made again by argocd-controller"):
        remove(objects, what, 60)


def test_gone_under_the_hand_is_fine(fake: FakeCluster, objects: Objects) -> None:
    apply(objects)
    what = going(objects)
    fake.store.delete(JOB_KEY, None, "Background")
    fake.store.add(values()[2] | {"metadata": values()[2]["metadata"] | {"labels": {"app": "theirs"}}})
    remove(objects, what, 60)
    assert fake.store.names() == {f"rayjobs/{JOB}"}


@pytest.mark.parametrize("fault", ["before", "after"])
def test_the_connection_ends_at_any_request_and_the_same_command_finishes(
    fake: FakeCluster, objects: Objects, fault: str
) -> None:
    fake.store.created = operator
    for k in count():
        apply(objects)
        fake.requests.clear()
        fake.fault = lambda number, request, k=k: (fault if number == k else "before") if number >= k else None
        try:
            remove(objects, going(objects), 60)
            whole = True
        except Rejected:
            whole = False
        fake.fault = lambda number, request: None
        remove(objects, going(objects), 60)
        assert fake.store.names() == set()
        if whole:
            break
    assert k > 10


def test_lists_come_in_pages_and_are_read_again_when_they_grew_old(fake: FakeCluster, objects: Objects) -> None:
    for number in range(7):
        meta = {"name": f"m{number}", "namespace": "quant"}
        fake.store.add({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    fake.page = 3
    once = count()

    def compact(number: int, request: object) -> None:
        if "continue" in fake.requests[number] and next(once) == 0:
            fake.store.forget()

    fake.fault = compact
    assert len(objects.every("v1", "ConfigMap", "quant")) == 7
    assert sum("configmaps" in one for one in fake.requests) == 5


def test_a_run_that_somebody_else_created_is_a_run(fake: FakeCluster, objects: Objects) -> None:
    """As Argo CD or a schedule leaves it: no record, but the labels and what it mounts."""
    _, config, job = values()
    volume = {"name": "config", "configMap": {"name": CONFIG_KEY[3]}}
    job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["volumes"] = [volume]
    for value in (config, job):
        fake.store.add(value, "argocd-controller")
    held = inventory(objects, "demo", "quant")
    (record,) = held.records
    assert (record.job, record.run, record.session, held.strays) == (JOB, "nightly", "2026-11-23", ())
    remove(objects, going(objects), 60)
    assert fake.store.names() == set()


def test_what_would_make_another_run_goes_first(fake: FakeCluster, objects: Objects) -> None:
    apply(objects)
    meta = {"name": "launcher", "namespace": "quant", "labels": labels("fleet")}
    fake.store.add({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta})
    assert [ref.kind for ref in going(objects).refs][:2] == ["CronJob", "RayJob"]


def test_kinds_that_may_not_be_listed_are_told(fake: FakeCluster, objects: Objects) -> None:
    apply(objects)
    fake.denied = {("list", "networkpolicies"), ("list", "cronjobs")}
    held = inventory(objects, "demo", "quant")
    assert held.unseen == ("CronJob", "NetworkPolicy")
    # The record names what the sweep did not see.
    assert "NetworkPolicy" in {ref.kind for ref in going(objects).refs}
    fake.denied = {("list", "rayjobs")}
    with pytest.raises(Rejected, match="list RayJob"):
        inventory(objects, "demo", "quant")
