"""Applying to a cluster that conflicts, refuses, forgets, stalls and breaks off at every request in turn."""

from __future__ import annotations

from typing import Any

import pytest
from fake_cluster import FakeCluster
from fake_store import Refusal
from small_run import CONFIG_KEY, JOB, JOB_KEY, labels, operator, values

from fleetspec.cluster.applying import carry_out, preview
from fleetspec.cluster.objects import Objects
from fleetspec.cluster.record import inventory
from fleetspec.cluster.removing import removal, remove
from fleetspec.diagnostics import Rejected

ALL = {"networkpolicies/demo-pods", f"configmaps/{CONFIG_KEY[3]}", f"rayjobs/{JOB}", f"configmaps/{JOB}-record"}


def applied(objects: Objects, **how: Any) -> list[str]:
    asked = preview(objects, values(), **how)
    carry_out(objects, asked)
    return [step.action for step in asked.steps]


def destroyed(objects: Objects, seconds: float = 600.0) -> None:
    held = inventory(objects, "demo", "quant")
    remove(objects, removal(objects, held, held.records, strays=True, platform=False), seconds)


def codes(ending: pytest.ExceptionInfo[Rejected]) -> list[str]:
    return [finding.rule.code for finding in ending.value.report]


def test_applied_once_it_is_there_and_applied_twice_nothing_is_written(fake: FakeCluster, objects: Objects) -> None:
    assert applied(objects) == ["create", "create", "create"]
    assert fake.store.names() == ALL
    order = [one.split("?")[0].rsplit("/", 1)[1] for one in fake.writes()]
    assert order == [f"{JOB}-record", "demo-pods", CONFIG_KEY[3], JOB]
    before = fake.store.version
    assert applied(objects) == ["keep", "keep", "keep"]
    assert fake.store.version == before


def test_a_dry_run_writes_nothing(fake: FakeCluster, objects: Objects) -> None:
    preview(objects, values())
    assert fake.store.names() == set()
    assert not fake.writes()


def test_what_a_controller_sets_is_no_change(fake: FakeCluster, objects: Objects) -> None:
    fake.store.created = operator
    applied(objects)
    fake.store.edit(JOB_KEY, ("metadata", "finalizers"), ["ray.io/x"], "manager")
    fake.store.edit(JOB_KEY, ("spec", "suspend"), False, "kueue-admission")
    assert applied(objects) == ["keep", "keep", "keep"]


def test_an_object_of_somebody_else_is_not_touched(fake: FakeCluster, objects: Objects) -> None:
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}
    meta = {"name": CONFIG_KEY[3], "namespace": "quant"}
    fake.store.add({**theirs, "metadata": meta})
    with pytest.raises(Rejected) as ending:
        applied(objects)
    assert codes(ending) == ["FS655"]
    assert "kubectl-create" in str(ending.value)
    assert fake.store.names() == {f"configmaps/{CONFIG_KEY[3]}"}
    assert applied(objects, take_over=True) == ["create", "change", "create"]
    assert fake.store.get(CONFIG_KEY)["data"] == {"a": "b", "fleet.yaml": "name: demo\n"}


def test_an_object_of_another_fleet_is_named_with_it(fake: FakeCluster, objects: Objects) -> None:
    meta = {"name": "demo-pods", "namespace": "quant", "labels": labels("fleet", "other")}
    fake.store.add({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta})
    with pytest.raises(Rejected, match="fleet 'other'"):
        applied(objects)


def test_a_conflict_names_field_and_manager_and_is_taken_over_on_demand(fake: FakeCluster, objects: Objects) -> None:
    applied(objects)
    fake.store.edit(JOB_KEY, ("spec", "entrypoint"), "sleep 9", "kubectl-edit")
    with pytest.raises(Rejected) as ending:
        applied(objects)
    assert codes(ending) == ["FS656"]
    assert ".spec.entrypoint" in str(ending.value)
    assert "kubectl-edit" in str(ending.value)
    assert applied(objects, take_over=True) == ["keep", "keep", "change"]
    assert fake.store.get(JOB_KEY)["spec"]["entrypoint"] == "python -m fleetspec.runtime"


def test_without_namespace_kind_or_leave_nothing_is_written(fake: FakeCluster, objects: Objects) -> None:
    del fake.store.objects["/api/v1", "namespaces", "", "quant"]
    with pytest.raises(Rejected) as ending:
        applied(objects)
    assert set(codes(ending)) == {"FS654"}


def test_a_kind_that_nobody_brought_is_said(fake: FakeCluster, objects: Objects) -> None:
    fake.store.plurals = {root: kinds for root, kinds in fake.store.plurals.items() if root != "/apis/ray.io/v1"}
    with pytest.raises(Rejected, match="knows no RayJob") as ending:
        applied(objects)
    assert codes(ending) == ["FS653"]
    assert not fake.writes()


def test_a_webhook_that_refuses_is_quoted(fake: FakeCluster, objects: Objects) -> None:
    def refuse(value: dict[str, Any]) -> None:
        if value["kind"] == "RayJob":
            raise Refusal(422, "Invalid", "spec.backoffLimit must be positive")

    fake.store.refuse = refuse
    with pytest.raises(Rejected, match="backoffLimit must be positive") as ending:
        applied(objects)
    assert codes(ending) == ["FS652"]
    assert not fake.writes()


def test_a_missing_permission_sends_to_doctor(fake: FakeCluster, objects: Objects) -> None:
    fake.denied = {("patch", "rayjobs")}
    with pytest.raises(Rejected) as ending:
        applied(objects)
    (finding,) = ending.value.report
    assert (finding.rule.code, "doctor" in str(finding.help)) == ("FS652", True)


def requests_of_an_apply(fake: FakeCluster, objects: Objects) -> int:
    applied(objects)
    number = len(fake.requests)
    destroyed(objects)
    assert fake.store.names() == set()
    objects._kinds.clear()
    fake.requests.clear()
    return number


@pytest.mark.parametrize("fault", ["before", "after", 429, 500, 503])
def test_one_fault_at_any_request_is_not_noticed(fake: FakeCluster, objects: Objects, fault: str | int) -> None:
    for k in range(requests_of_an_apply(fake, objects)):
        fake.fault = lambda number, request, k=k: fault if number == k else None
        assert applied(objects) == ["create", "create", "create"], k
        assert fake.store.names() == ALL
        fake.fault = lambda number, request: None
        destroyed(objects)
        assert fake.store.names() == set()
        objects._kinds.clear()
        fake.requests.clear()


@pytest.mark.parametrize("fault", ["before", "after"])
def test_the_connection_ends_at_any_request_and_nothing_is_orphaned(
    fake: FakeCluster, objects: Objects, fault: str
) -> None:
    for k in range(requests_of_an_apply(fake, objects)):
        fake.fault = lambda number, request, k=k: (fault if number == k else "before") if number >= k else None
        with pytest.raises(Rejected) as ending:
            applied(objects)
        assert "FS651" in codes(ending)
        fake.fault = lambda number, request: None
        # Whatever is there is known, and either command finishes.
        held = inventory(objects, "demo", "quant")
        known = {f"{ref.kind.lower()}/{ref.name}" for one in held.records for ref in (*one.objects, one.ref)}
        assert {name.replace("policies/", "policy/").replace("s/", "/") for name in fake.store.names()} <= known
        if k % 2:
            applied(objects)
            assert fake.store.names() == ALL
        destroyed(objects) if inventory(objects, "demo", "quant") else None
        assert fake.store.names() == set()
        objects._kinds.clear()
        fake.requests.clear()


def test_bursts_are_waited_out_as_long_as_the_server_says(
    fake: FakeCluster, objects: Objects, waits: list[float]
) -> None:
    fake.retry_after = "7"
    fake.fault = lambda number, request: 429 if number < 5 else None
    assert applied(objects) == ["create", "create", "create"]
    assert waits == [7.0] * 5


def test_a_server_that_stays_broken_is_given_up_in_bounded_time(
    fake: FakeCluster, objects: Objects, waits: list[float]
) -> None:
    fake.fault = lambda number, request: 500
    with pytest.raises(Rejected, match="broken with 500"):
        applied(objects)
    assert len(waits) == 6
    assert all(wait <= 30 for wait in waits)


def test_slow_answers_are_waited_for(fake: FakeCluster, objects: Objects) -> None:
    fake.pause = 0.02
    assert applied(objects) == ["create", "create", "create"]


def test_an_answer_that_does_not_come_is_asked_for_again(
    fake: FakeCluster, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleetspec.cluster.connection.ANSWER_SECONDS", 0.05)
    fake.pause = 0.2
    with pytest.raises(Rejected, match="timed out") as ending:
        applied(objects)
    assert codes(ending)[0] == "FS651"


def test_the_token_is_in_no_message(fake: FakeCluster, objects: Objects) -> None:
    fake.fault = lambda number, request: "before"
    with pytest.raises(Rejected) as ending:
        applied(objects)
    assert "not-a-secret" not in str(ending.value) + repr(objects.connection)


def test_what_is_being_deleted_is_not_taken_for_there(fake: FakeCluster, objects: Objects) -> None:
    applied(objects)
    fake.store.edit(JOB_KEY, ("metadata", "finalizers"), ["ray.io/gcs"], "manager")
    fake.store.delete(JOB_KEY, None, "Background")
    with pytest.raises(Rejected, match=r"being deleted, and waits for ray\.io/gcs") as ending:
        applied(objects)
    assert codes(ending) == ["FS658"]


def test_a_namespace_of_the_run_itself_comes_before_its_record(fake: FakeCluster, objects: Objects) -> None:
    del fake.store.objects["/api/v1", "namespaces", "", "quant"]
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "quant", "labels": labels("platform")}}
    asked = preview(objects, [space, *values()])
    assert [step.action for step in asked.steps] == ["create"] * 4
    carry_out(objects, asked)
    order = [one.split("?")[0].rsplit("/", 1)[1] for one in fake.writes()]
    assert order[:2] == ["quant", f"{JOB}-record"]
    held = inventory(objects, "demo", "quant")
    what = removal(objects, held, held.records, strays=True, platform=True)
    assert [(ref.kind, "no namespace is removed" in why) for ref, why in what.kept] == [("Namespace", True)]


def test_what_is_refused_midway_is_named_with_the_record(fake: FakeCluster, objects: Objects) -> None:
    asked = preview(objects, values())
    fake.store.refuse = lambda value: _refuse(value, "RayJob")
    with pytest.raises(Rejected, match="2 of 3 objects are known to be written") as ending:
        carry_out(objects, asked)
    assert codes(ending) == ["FS652", "FS657"]
    assert f"RayJob quant/{JOB}" in str(ending.value)


def _refuse(value: dict[str, Any], kind: str) -> None:
    if value["kind"] == kind:
        raise Refusal(422, "Invalid", "no")
