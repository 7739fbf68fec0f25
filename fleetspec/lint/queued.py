"""Ray objects that wait in a Kueue queue: the rules of Kueue's webhooks on them (Kueue 0.19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetspec.lint.clusters import cluster_of
from fleetspec.lint.manifest import table, text
from fleetspec.rules import lint_kueue as rules

if TYPE_CHECKING:
    from fleetspec.lint.clusters import Cluster
    from fleetspec.lint.manifest import Findings, Manifest

QUEUE = "kueue.x-k8s.io/queue-name"
ELASTIC = "kueue.x-k8s.io/elastic-job"
MOST_GROUPS = 17
"""A workload has at most 18 sets of pods, of them one for the head; a submitter pod takes another."""


def queue_of(manifest: Manifest) -> str:
    """The local queue that an object waits in, "" for none."""
    return text(manifest.value, "metadata", "labels", QUEUE) or text(manifest.value, "metadata", "annotations", QUEUE)


def check(say: Findings) -> None:
    """Add the rules of Kueue that a Ray object breaks; nothing where it waits in no queue."""
    manifest = say.manifest
    if not queue_of(manifest):
        return
    if manifest.kind == "RayCronJob":
        message = "a queue on a RayCronJob does nothing: its labels are not those of the jobs it makes"
        help = "let something else create the RayJobs, each with the label"
        say(rules.QUEUE_ON_CRON, message, "metadata", "labels", QUEUE, help=help, key=True)
        return
    spec = table(manifest.value, "spec")
    if manifest.kind == "RayJob":
        if table(spec, "clusterSelector"):
            if spec.get("rayClusterSpec") is not None:
                message = "a job in a queue brings its own cluster, and this one also names another"
                say(rules.QUEUED_JOB, message, "spec", "clusterSelector", help="leave clusterSelector out", key=True)
            return
        if spec.get("shutdownAfterJobFinishes") is not True:
            message = "a job in a queue must give its cluster back: shutdownAfterJobFinishes is not true"
            say(
                rules.QUEUED_JOB,
                message,
                "spec",
                "shutdownAfterJobFinishes",
                help="write shutdownAfterJobFinishes: true",
            )
    if "suspend" in spec:
        message = "suspend belongs to Kueue while the object waits in a queue"
        help = "leave it out: whoever applies the manifest again would undo what Kueue decided"
        say(rules.QUEUED_SUSPEND, message, "spec", "suspend", help=help, key=True)
    cluster = cluster_of(manifest)
    if cluster is not None:
        _groups(cluster, say)
        _elastic(cluster, say)


def _groups(cluster: Cluster, say: Findings) -> None:
    groups = list(cluster.workers())
    has_submitter = say.manifest.kind == "RayJob" and text(say.manifest.value, "spec", "submissionMode") in (
        "",
        "K8sJobMode",
    )
    most = MOST_GROUPS - has_submitter
    if len(groups) > most:
        message = f"the cluster has {len(groups)} worker groups, Kueue takes {most}"
        help = (
            "the head"
            + (" and the submitter count" if has_submitter else " counts")
            + ", 18 in all: put groups together"
        )
        say(rules.QUEUED_GROUPS, message, *cluster.route, "workerGroupSpecs", help=help, key=True)
    for group in groups:
        if text(group.value, "groupName") == "head":
            message = "'head' is what Kueue calls the head group"
            say(rules.QUEUED_GROUPS, message, *group.route, "groupName", help="give the worker group another name")


def _elastic(cluster: Cluster, say: Findings) -> None:
    if not cluster.autoscales:
        return
    noted = table(say.manifest.value, "metadata", "annotations").get(ELASTIC)
    if noted != "true":
        message = "the autoscaler in a queue needs the annotation kueue.x-k8s.io/elastic-job"
        if isinstance(noted, str):
            message = f"the annotation kueue.x-k8s.io/elastic-job is '{noted}', so the autoscaler is refused"
        route = (
            ("metadata", "annotations", ELASTIC) if noted is not None else (*cluster.route, "enableInTreeAutoscaling")
        )
        say(rules.QUEUED_AUTOSCALER, message, *route, help='write kueue.x-k8s.io/elastic-job: "true", exactly so')
