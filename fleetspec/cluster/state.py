"""What the runs of a fleet are doing on a cluster: their jobs, their pods by group, and why something waits."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleetspec.cluster.connection import Fault
from fleetspec.cluster.objects import Object, Ref
from fleetspec.cluster.reasons import ENDED, cluster_reason, job_words, pod_reason, workload_reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetspec.cluster.objects import Objects
    from fleetspec.cluster.record import Inventory, Record

_LOG_LINES = 200
_KUEUE = "kueue.x-k8s.io"


@dataclass(frozen=True, slots=True)
class Group:
    """Pods of one worker group, or of the head. ``planned`` is the most there may be."""

    name: str
    planned: int
    running: int
    pending: int
    failed: int

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "planned": self.planned,
            "running": self.running,
            "pending": self.pending,
            "failed": self.failed,
        }


@dataclass(frozen=True, slots=True)
class RunState:
    """One run. ``why`` says what keeps it, each reason with how many pods have it; empty where nothing does."""

    job: str
    run: str
    session: str
    words: str
    ended: bool
    succeeded: bool
    started: str | None
    finished: str | None
    groups: tuple[Group, ...]
    why: tuple[str, ...]
    there: bool = True

    @property
    def goes_on(self) -> bool:
        return self.there and not self.ended

    def to_json(self) -> dict[str, Any]:
        return {
            "job": self.job,
            "run": self.run,
            "session": self.session,
            "words": self.words,
            "there": self.there,
            "ended": self.ended,
            "succeeded": self.succeeded,
            "started": self.started,
            "finished": self.finished,
            "groups": [group.to_json() for group in self.groups],
            "why": list(self.why),
        }


def job_ref(record: Record) -> Ref:
    return next(ref for ref in record.objects if ref.kind == "RayJob")


def states(objects: Objects, held: Inventory) -> list[RunState]:
    """All recorded runs, the latest last."""
    return [state_of(objects, record, objects.get(job_ref(record))) for record in held.records]


def state_of(objects: Objects, record: Record, job: Object | None) -> RunState:
    """A run as it is now; ``job`` is its RayJob, None where that is not there."""
    if job is None:
        words = "not there: applying stopped before it, or somebody removed it"
        return RunState(record.job, record.run, record.session, words, False, False, None, None, (), (), there=False)
    status = job.get("status") or {}
    ended = status.get("jobDeploymentStatus") in ENDED
    groups, why = ((), ()) if ended else _below(objects, record, job, status.get("rayClusterName"))
    return RunState(
        job=record.job,
        run=record.run,
        session=record.session,
        words=job_words(job),
        ended=ended,
        succeeded=ended and status.get("jobStatus") == "SUCCEEDED",
        started=status.get("startTime"),
        finished=status.get("endTime"),
        groups=groups,
        why=why,
    )


def _below(
    objects: Objects, record: Record, job: Object, cluster: str | None
) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    why: list[str] = []
    for version in ("v1beta2", "v1beta1"):
        # Kueue names the job it stands for as the owner of a Workload.
        for workload in objects.seen(f"{_KUEUE}/{version}", "Workload", record.namespace):
            owners = workload["metadata"].get("ownerReferences") or []
            if any(owner.get("uid") == job["metadata"]["uid"] for owner in owners):
                why.append(workload_reason(workload) or "")
        if objects.kind(f"{_KUEUE}/{version}", "Workload"):
            break
    pods: list[Object] = []
    if cluster:
        listed = objects.seen("ray.io/v1", "RayCluster", record.namespace)
        why += [cluster_reason(live) or "" for live in listed if live["metadata"]["name"] == cluster]
        pods = objects.seen("v1", "Pod", record.namespace, f"ray.io/cluster={cluster}")
    why += _pod_reasons(pods + submitters(objects, record))
    return _groups(job, pods), tuple(text for text in why if text)


def submitters(objects: Objects, record: Record) -> list[Object]:
    """Pods of the Job that hands the entrypoint to Ray; the latest last."""
    found = objects.seen("v1", "Pod", record.namespace, f"job-name={record.job}")
    return sorted(found, key=lambda pod: pod["metadata"].get("creationTimestamp", ""))


def _pod_reasons(pods: Iterable[Object]) -> list[str]:
    counted = Counter((_group_of(pod), reason) for pod in pods if (reason := pod_reason(pod)))
    return [f"{number} of {name}: {reason}" for (name, reason), number in sorted(counted.items())]


def _group_of(pod: Object) -> str:
    labels = pod["metadata"].get("labels") or {}
    group = labels.get("ray.io/group", "the submitter")
    return "the head" if group == "headgroup" else str(group)


def _groups(job: Object, pods: list[Object]) -> tuple[Group, ...]:
    cluster = (job.get("spec") or {}).get("rayClusterSpec") or {}
    planned = {"the head": 1} | {
        group["groupName"]: int(group.get("maxReplicas", 0)) for group in cluster.get("workerGroupSpecs") or []
    }
    phases = Counter((_group_of(pod), (pod.get("status") or {}).get("phase", "Pending")) for pod in pods)
    return tuple(
        Group(name, number, phases[name, "Running"], phases[name, "Pending"], phases[name, "Failed"])
        for name, number in planned.items()
    )


def summary(objects: Objects, record: Record) -> dict[str, Any] | None:
    """The driver's own summary of a run, from its last line in the submitter's log; None where that is gone."""
    kind = objects.known("v1", "Pod")
    for pod in reversed(submitters(objects, record)):
        path = kind.path(record.namespace, pod["metadata"]["name"]) + "/log"
        try:
            text = objects.connection.text(path, {"tailLines": _LOG_LINES})
        except Fault:
            # The pod has gone, never began, or its log may not be read: another one may have it.
            continue
        for line in reversed(text.splitlines()):
            found = _summary_in(line)
            if found is not None:
                return found
    return None


def _summary_in(line: str) -> dict[str, Any] | None:
    start = line.find("{")
    if start < 0 or not line.rstrip().endswith("}"):
        return None
    try:
        found = json.loads(line[start:])
    except ValueError:
        return None
    wanted = {"fleet", "kind", "session", "exit_code", "classes"}
    return found if isinstance(found, dict) and wanted <= found.keys() else None
