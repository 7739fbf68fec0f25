"""Why something on a cluster does not run, in plain words: conditions of RayJobs, RayClusters, Workloads and pods."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fleetspec.cluster.objects import Object

_JOB = {
    "": "seen by no operator yet: is KubeRay running and watching this namespace?",
    "Initializing": "its Ray cluster is coming up",
    "Running": "running",
    "Complete": "finished",
    "Failed": "failed",
    "Suspending": "being suspended",
    "Suspended": "suspended: Kueue has not admitted it",
    "Retrying": "failed once, and is tried again on a new cluster",
    "Waiting": "waiting for its job to be submitted",
    "ValidationFailed": "refused by the operator",
}
ENDED = ("Complete", "Failed", "ValidationFailed")

_WAITING = {
    "ErrImagePull": "its image cannot be pulled",
    "ImagePullBackOff": "its image cannot be pulled",
    "InvalidImageName": "its image has no valid name",
    "ErrImageNeverPull": "its image is not on the node and must not be pulled",
    "CreateContainerConfigError": "its configuration is not there",
    "CreateContainerError": "its container cannot be made",
    "CrashLoopBackOff": "it ends again and again",
    "RunContainerError": "its container cannot be started",
}


def condition(value: Object, kind: str) -> dict[str, Any] | None:
    found = [one for one in (value.get("status") or {}).get("conditions") or [] if one.get("type") == kind]
    return found[0] if found else None


def job_words(job: Object) -> str:
    """What a RayJob is doing, with the operator's own reason where it has one."""
    status = job.get("status") or {}
    state = status.get("jobDeploymentStatus") or ""
    words = _JOB.get(state, state)
    if job["metadata"].get("deletionTimestamp"):
        words = "being deleted"
    said = ": ".join(filter(None, (_reason(status.get("reason")), _plain(status.get("message")))))
    return f"{words} ({said})" if said and state in ("Failed", "ValidationFailed", "Retrying") else words


def _reason(reason: str | None) -> str:
    known = {
        "DeadlineExceeded": "its deadline passed",
        "PreRunningDeadlineExceeded": "it had not started when starting became too late",
        "SubmissionFailed": "it could not be submitted",
        "AppFailed": "the driver ended with an error",
        "JobDeploymentStatusTransitionGracePeriodExceeded": "the operator lost sight of it",
    }
    return known.get(reason or "", reason or "")


def _plain(text: str | None) -> str:
    return " ".join((text or "").split())[:200]


def cluster_reason(cluster: Object) -> str | None:
    """Why a RayCluster makes no pods; None where it does."""
    failing = condition(cluster, "ReplicaFailure")
    if failing is None or failing.get("status") != "True":
        return None
    text = failing.get("message") or ""
    if "exceeded quota" in text:
        return f"the namespace's ResourceQuota has no room: {_after(text, 'exceeded quota: ')}"
    if "violates PodSecurity" in text:
        return f"Pod Security refuses its pods: {_after(text, 'violates PodSecurity ')}"
    return f"its pods cannot be made: {_plain(text)}"


def _after(text: str, mark: str) -> str:
    return _plain(text.partition(mark)[2])


def workload_reason(workload: Object) -> str | None:
    """Why Kueue does not admit a Workload; None once it has."""
    admitted = condition(workload, "Admitted")
    if admitted is not None and admitted.get("status") == "True":
        return None
    queue = (workload.get("spec") or {}).get("queueName", "?")
    evicted, reserved = condition(workload, "Evicted"), condition(workload, "QuotaReserved")
    if evicted is not None and evicted.get("status") == "True":
        return f"Kueue took it off its nodes ({evicted.get('reason')}): {_plain(evicted.get('message'))}"
    if reserved is None:
        return f"Kueue has not looked at it yet (queue {queue})"
    text = _plain(reserved.get("message"))
    if reserved.get("status") == "True":
        return "Kueue has the quota and waits for its checks"
    for mark, words in (
        ("doesn't exist", f"there is no queue {queue}"),
        ("inactive", f"queue {queue} is not active"),
        ("insufficient unused quota", f"queue {queue} has no quota left"),
        ("insufficient quota", f"queue {queue} is too small for it"),
    ):
        if mark in text:
            return f"{words}: {text}"
    return f"Kueue holds it back in queue {queue}: {text}"


def pod_reason(pod: Object) -> str | None:
    """Why a pod does not run; None where it does, or is merely starting."""
    status = pod.get("status") or {}
    if status.get("phase") == "Failed":
        return _ended(status) or f"it failed: {_plain(status.get('message') or status.get('reason'))}"
    scheduled = condition(pod, "PodScheduled")
    if scheduled is not None and scheduled.get("status") == "False":
        if scheduled.get("reason") == "SchedulingGated":
            return "Kueue holds it until it is admitted"
        return unschedulable(scheduled.get("message") or "", pod)
    for one in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
        waiting = (one.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _WAITING:
            return f"{_WAITING[waiting['reason']]}: {_plain(waiting.get('message')) or one.get('image', '')}"
    return _ended(status)


def _ended(status: dict[str, Any]) -> str | None:
    for one in status.get("containerStatuses") or []:
        for state in (one.get("state") or {}, one.get("lastState") or {}):
            if (state.get("terminated") or {}).get("reason") == "OOMKilled":
                return "it ran out of memory and was killed"
    if status.get("reason") == "Evicted":
        return f"its node evicted it: {_plain(status.get('message'))}"
    return None


def unschedulable(message: str, pod: Object) -> str:
    """The scheduler's message, which counts nodes by why they do not fit, in words; the largest count first."""
    if "persistentvolumeclaim" in message.lower():
        return f"its volume is not there: {_plain(message)}"
    counted = [(int(number), why) for number, why in re.findall(r"(\d+) ([^,.]+(?:\.[^,.\s]+)*)[,.]?", _body(message))]
    words = [_fit(why.strip(), pod) for _, why in sorted(counted, key=lambda one: -one[0])]
    told = list(dict.fromkeys(filter(None, words)))
    return "; ".join(told) if told else f"no node takes it: {_plain(message)}"


def _body(message: str) -> str:
    """The counts alone: without how many nodes there are, and without what preemption would do."""
    return message.partition("preemption:")[0].partition("available: ")[2]


def _fit(why: str, pod: Object) -> str | None:
    short = re.match(r"Insufficient (\S+)", why)
    if short:
        return _short_of(short[1])
    for mark, words in _NODE_FAULTS:
        if mark in why:
            return words(pod)
    return why or None


def _short_of(resource: str) -> str:
    if resource.startswith("nvidia.com/mig-"):
        return f"no node has a free {resource}: no GPU is cut that way, or all slices are taken"
    if re.fullmatch(r"amd\.com/[a-z]px_nps\d", resource):
        return f"no node has a free {resource}: no GPU is partitioned that way, or all partitions are taken"
    if resource.startswith(("nvidia.com/", "amd.com/")):
        return f"no node has a free {resource}: no GPU node is up, its device plugin is away, or all are taken"
    return f"the nodes have too little free {resource}"


def _unlabelled(pod: Object) -> str:
    chosen = (pod.get("spec") or {}).get("nodeSelector") or {}
    wanted = ", ".join(f"{key}={value}" for key, value in sorted(chosen.items()))
    return f"the other nodes are not labelled {wanted}" if wanted else "the other nodes do not match its affinity"


_NODE_FAULTS: tuple[tuple[str, Callable[[Object], str]], ...] = (
    ("node affinity/selector", _unlabelled),
    ("untolerated taint", lambda pod: "the other nodes are tainted for other work"),
    ("unschedulable", lambda pod: "nodes are cordoned"),
    ("volume node affinity", lambda pod: "its volume lies in another zone than the nodes"),
)
