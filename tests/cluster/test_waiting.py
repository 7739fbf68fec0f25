"""Why a run waits, in words; and following one to its end over watches that break, forget and hang up."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from fake_cluster import FakeCluster
from small_run import JOB, JOB_KEY, SUBMITTER, operator, pod, values

from fleetspec.cluster.applying import carry_out, preview
from fleetspec.cluster.following import follow_run
from fleetspec.cluster.objects import Objects
from fleetspec.cluster.reasons import cluster_reason, job_words, pod_reason, workload_reason
from fleetspec.cluster.record import Record
from fleetspec.cluster.state import RunState, job_ref, state_of, summary
from fleetspec.diagnostics import Rejected

SUMMARY = {"fleet": "demo", "kind": "nightly", "session": "2026-11-23", "exit_code": 6, "classes": []}


def unscheduled(message: str) -> dict[str, Any]:
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod("w", "gpu", {"phase": "Pending", "conditions": [scheduled]})


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            "0/5 nodes are available: 2 Insufficient nvidia.com/mig-1g.10gb, 3 node(s) didn't match Pod's node "
            "affinity/selector. preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling.",
            ["the other nodes are not labelled fleetspec.dev/pool=gpu-h100", "mig-1g.10gb: no GPU is cut that way"],
        ),
        ("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", ["no GPU node is up"]),
        ("0/3 nodes are available: 3 Insufficient amd.com/gpu.", ["no GPU node is up"]),
        ("0/3 nodes are available: 3 Insufficient amd.com/cpx_nps4.", ["amd.com/cpx_nps4", "partitioned that way"]),
        ("0/3 nodes are available: 3 Insufficient cpu, 2 Insufficient memory.", ["free cpu", "free memory"]),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {nvidia.com/gpu: present}.", ["tainted"]),
        ("pod has unbound immediate PersistentVolumeClaims.", ["its volume is not there"]),
        ('0/2 nodes are available: persistentvolumeclaim "demo-store" not found.', ["demo-store"]),
        ("0/2 nodes are available: 2 node(s) were unschedulable.", ["cordoned"]),
        ("something new", ["no node takes it: something new"]),
    ],
)
def test_what_the_scheduler_says(message: str, words: list[str]) -> None:
    value = unscheduled(message)
    value["spec"] = {"nodeSelector": {"fleetspec.dev/pool": "gpu-h100"}}
    told = pod_reason(value) or ""
    assert all(word in told for word in words), told
    assert "preemption" not in told.lower()


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    return pod("w", "cpu", {"phase": "Pending", "containerStatuses": [{"image": "x:1", "state": state}]})


def test_what_the_kubelet_says() -> None:
    assert pod_reason(waiting("ImagePullBackOff", "not found")) == "its image cannot be pulled: not found"
    assert pod_reason(waiting("ErrImagePull")) == "its image cannot be pulled: x:1"
    assert pod_reason(waiting("ContainerCreating")) is None
    killed = {"containerStatuses": [{"lastState": {"terminated": {"reason": "OOMKilled"}}}], "phase": "Running"}
    assert pod_reason(pod("w", "cpu", killed)) == "it ran out of memory and was killed"
    evicted = {"phase": "Failed", "reason": "Evicted", "message": "low on disk"}
    assert pod_reason(pod("w", "cpu", evicted)) == "its node evicted it: low on disk"
    gated = {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}
    assert pod_reason(pod("w", "cpu", gated)) == "Kueue holds it until it is admitted"
    assert pod_reason(pod("w", "cpu", {"phase": "Running"})) is None


def workload(*conditions: tuple[str, str, str]) -> dict[str, Any]:
    listed = [{"type": kind, "status": state, "reason": "r", "message": text} for kind, state, text in conditions]
    return {"metadata": {}, "spec": {"queueName": "night"}, "status": {"conditions": listed}}


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ([], "has not looked at it yet"),
        ([("Admitted", "True", "")], None),
        ([("QuotaReserved", "False", "couldn't assign flavors: insufficient unused quota for gpu")], "no quota left"),
        ([("QuotaReserved", "False", "insufficient quota for cpu in flavor x, request > maximum")], "too small for it"),
        ([("QuotaReserved", "False", "LocalQueue night doesn't exist")], "there is no queue night"),
        ([("QuotaReserved", "False", "ClusterQueue c is inactive")], "is not active"),
        ([("QuotaReserved", "True", "")], "waits for its checks"),
        ([("Evicted", "True", "preempted"), ("QuotaReserved", "False", "x")], "took it off its nodes"),
    ],
)
def test_what_kueue_says(conditions: list[tuple[str, str, str]], words: str | None) -> None:
    told = workload_reason(workload(*conditions))
    assert (told is None) if words is None else (words in (told or ""))


def test_what_the_operator_says() -> None:
    def cluster(text: str) -> dict[str, Any]:
        failing = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreateWorkerPod", "message": text}
        return {"metadata": {}, "status": {"conditions": [failing]}}

    assert "ResourceQuota has no room: night, requested" in str(
        cluster_reason(cluster('pods "w" is forbidden: exceeded quota: night, requested: pods=1'))
    )
    assert "Pod Security refuses" in str(cluster_reason(cluster('pods "w" is forbidden: violates PodSecurity "r"')))
    assert cluster_reason({"metadata": {}}) is None
    late = {"jobDeploymentStatus": "Failed", "reason": "DeadlineExceeded", "message": "m"}
    assert job_words({"metadata": {}, "status": late}) == "failed (its deadline passed: m)"
    assert "no operator" in job_words({"metadata": {}})


@pytest.fixture
def record(fake: FakeCluster, objects: Objects) -> Record:
    fake.store.created = operator
    asked = preview(objects, values())
    carry_out(objects, asked)
    return asked.record


def play(fake: FakeCluster, *states: tuple[str, str]) -> threading.Thread:
    """Let the operator report states one after another, each once the client watches."""

    def run() -> None:
        for deployment, job in states:
            seen = len(fake.requests)
            while not any("watch=true" in one for one in fake.requests[seen:]):
                fake.store.changed.acquire()
                fake.store.changed.wait(0.005)
                fake.store.changed.release()
            status = {"jobDeploymentStatus": deployment, "jobStatus": job, "rayClusterName": f"{JOB}-abcde"}
            fake.store.edit(JOB_KEY, ("status",), status, "manager")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def followed(objects: Objects, record: Record, **how: Any) -> tuple[RunState, list[str]]:
    told: list[str] = []
    state = follow_run(objects, record, how.pop("seconds", None), lambda now: told.append(now.words), tick=1, **how)
    return state, told


def test_a_run_is_followed_to_its_end(fake: FakeCluster, objects: Objects, record: Record) -> None:
    play(fake, ("Running", "RUNNING"), ("Complete", "SUCCEEDED"))
    state, told = followed(objects, record)
    assert (state.ended, state.succeeded) == (True, True)
    assert told == ["its Ray cluster is coming up", "running", "finished"]


def test_a_forgotten_version_begins_the_watch_anew(fake: FakeCluster, objects: Objects, record: Record) -> None:
    def compact(number: int, request: Any) -> None:
        if sum("watch=true" in one for one in fake.requests) in (1, 2) and "watch=true" in request.path_qs:
            fake.store.forget()

    fake.fault = compact
    thread = play(fake, ("Complete", "SUCCEEDED"))
    state, _ = followed(objects, record)
    thread.join(5)
    assert state.succeeded
    assert sum("watch=true" in one for one in fake.requests) >= 1


@pytest.mark.parametrize("fault", ["before", 410, 429, 503])
def test_watches_that_break_are_begun_again(fake: FakeCluster, objects: Objects, record: Record, fault: Any) -> None:
    broken: list[int] = []

    def one_in_two(number: int, request: Any) -> Any:
        if "watch=true" not in request.path_qs or len(broken) >= 3:
            return None
        broken.append(number)
        return fault

    fake.fault = one_in_two
    play(fake, ("Running", "RUNNING"), ("Complete", "SUCCEEDED"))
    state, _ = followed(objects, record)
    assert state.succeeded
    assert len(broken) >= 2


def test_an_api_server_away_for_minutes_does_not_end_the_wait(
    fake: FakeCluster, objects: Objects, record: Record, waits: list[float]
) -> None:
    begun = len(fake.requests)
    fake.store.edit(JOB_KEY, ("status",), {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}, "manager")
    fake.fault = lambda number, request: "before" if number < begun + 20 else None
    assert followed(objects, record)[0].succeeded
    assert sum(waits) > 300


def test_no_leave_to_watch_is_said(fake: FakeCluster, objects: Objects, record: Record) -> None:
    fake.denied = {("list", "rayjobs")}
    with pytest.raises(Rejected, match="watch RayJob"):
        followed(objects, record)


def test_waiting_ends_in_time_and_says_why(fake: FakeCluster, objects: Objects, record: Record) -> None:
    running, lost = {"phase": "Running"}, unscheduled("0/1 nodes are available: 1 Insufficient cpu.")["status"]
    for value in (pod("h", "headgroup", running), pod("w1", "cpu", running), pod("w2", "cpu", lost)):
        fake.store.add(value)
    clock = iter(range(0, 1000, 3))
    state, _ = followed(objects, record, seconds=5, clock=lambda: float(next(clock)))
    assert (state.ended, state.goes_on) == (False, True)
    assert [(one.name, one.planned, one.running, one.pending) for one in state.groups] == [
        ("the head", 1, 1, 0),
        ("cpu", 3, 1, 1),
        ("gpu", 2, 0, 0),
    ]
    assert state.why == ("1 of cpu: the nodes have too little free cpu",)


def test_a_job_that_somebody_removes_ends_the_wait(fake: FakeCluster, objects: Objects, record: Record) -> None:
    def drop() -> None:
        while not any("watch=true" in one for one in fake.requests):
            pass
        fake.store.delete(JOB_KEY, None, "Background")

    thread = threading.Thread(target=drop, daemon=True)
    thread.start()
    state, _ = followed(objects, record)
    thread.join(5)
    assert (state.there, state.goes_on) == (False, False)


def test_the_summary_is_the_last_line_that_is_one(fake: FakeCluster, objects: Objects, record: Record) -> None:
    assert summary(objects, record) is None
    line = json.dumps(SUMMARY)
    fake.logs[SUBMITTER] = f'stage 1\n{{"other": 1}}\n{line}\n2026-11-24 01:00:00 SUCC cli.py:65 -- Job succeeded\n'
    assert summary(objects, record) == SUMMARY
    fake.logs[SUBMITTER] = "Traceback\n{broken}\n"
    assert summary(objects, record) is None


def test_a_suspended_run_says_what_its_queue_says(fake: FakeCluster, objects: Objects, record: Record) -> None:
    job = objects.get(job_ref(record))
    assert job is not None
    owner = [{"kind": "RayJob", "name": JOB, "uid": job["metadata"]["uid"]}]
    held = workload(("QuotaReserved", "False", "insufficient unused quota for nvidia.com/gpu"))
    meta = {"name": "w", "namespace": "quant", "ownerReferences": owner}
    fake.store.add({**held, "apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "Workload", "metadata": meta})
    state = state_of(objects, record, job)
    assert "queue night has no quota left" in state.why[0]
