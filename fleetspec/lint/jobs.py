"""RayJobs, RayServices and RayCronJobs: KubeRay's rules around their cluster.

Those of the operator's ``ValidateRayJobSpec``, ``ValidateRayServiceSpec`` and ``ValidateRayCronJobSpec`` (KubeRay
1.7), with the names it can derive from an object's own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fleetspec.lint import clusters, deletion
from fleetspec.lint.manifest import at, number, table, text
from fleetspec.lint.schedule import fault_of_schedule, fault_of_zone
from fleetspec.lint.words import is_label_1035
from fleetspec.rules import lint_operator as rules
from fleetspec.rules.lint_schema import MISSING_FIELD

if TYPE_CHECKING:
    from fleetspec.diagnostics import Route
    from fleetspec.lint.manifest import Findings

LONGEST_NAMES = {"RayJob": 47, "RayService": 47, "RayCluster": 53, "RayCronJob": 36}
"""Characters of a name, so that what the operator makes of it (a suffix for each pod and service) still fits."""
MODES = ("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode")
TIMEOUT = "ray.io/initializing-timeout"
_TIMEOUT = re.compile(r"(?=.*[1-9])\+?([0-9]{1,9}|([0-9]{1,9}(\.[0-9]{0,9})?(ns|us|µs|ms|s|m|h))+)")
_UPGRADES = ("NewClusterWithIncrementalUpgrade", "NewCluster", "None")


def check(say: Findings) -> None:
    """Add every rule of the operator that an object of ray.io breaks."""
    manifest = say.manifest
    _name(say)
    if "spec" not in manifest.value:
        # No schema asks for it; the operator, which finds no container in it, does.
        help = f"write what the {manifest.kind} is to run"
        say(MISSING_FIELD, "the object has no 'spec'", "spec", help=help)
        return
    cluster = clusters.cluster_of(manifest)
    if manifest.kind == "RayJob":
        check_job(table(manifest.value, "spec"), ("spec",), say)
    elif manifest.kind == "RayCronJob":
        if isinstance(at(manifest.value, "spec", "jobTemplate"), dict):
            check_job(table(manifest.value, "spec", "jobTemplate"), ("spec", "jobTemplate"), say)
        _cron(say)
    elif manifest.kind == "RayService":
        _service(say)
    if cluster is not None:
        clusters.check(cluster, say)


def _name(say: Findings) -> None:
    manifest, longest = say.manifest, LONGEST_NAMES[say.manifest.kind]
    if not manifest.name:
        return
    if len(manifest.name) > longest:
        message = f"the name has {len(manifest.name)} characters, a {manifest.kind} may have {longest}"
        help = "shorten it: the operator appends to it for pods and services"
        say(rules.OPERATOR_NAME, message, "metadata", "name", help=help)
    elif not is_label_1035(manifest.name):
        message = f"'{manifest.name}' cannot be the name of a {manifest.kind}"
        help = "use small letters, digits and '-', and begin with a letter"
        say(rules.OPERATOR_NAME, message, "metadata", "name", help=help)


def check_job(spec: dict[str, Any], route: Route, say: Findings) -> None:
    """Add the rules that the spec of a RayJob at a route breaks."""
    _amounts(spec, route, say)
    _end(spec, route, say)
    _cluster(spec, route, say)
    _mode(spec, route, say)
    deletion.check(spec, route, say)
    _runtime_env(spec, route, say)
    if at(spec, "rayClusterSpec", "upgradeStrategy") is not None:
        message = "a cluster that a RayJob makes has no upgradeStrategy"
        here = (*route, "rayClusterSpec", "upgradeStrategy")
        say(
            rules.UPGRADE_IN_JOB,
            message,
            *here,
            help="leave it out: a job's cluster lives as long as the job",
            key=True,
        )


def _amounts(spec: dict[str, Any], route: Route, say: Findings) -> None:
    for name, least in (("backoffLimit", 0), ("ttlSecondsAfterFinished", 0)):
        found = number(spec, name)
        if found is not None and found < least:
            say(rules.JOB_AMOUNTS, f"{name} is {found}", *route, name, help="0 is the least")
    for name in ("activeDeadlineSeconds", "preRunningDeadlineSeconds"):
        found = number(spec, name)
        if found is not None and found <= 0:
            say(rules.JOB_AMOUNTS, f"{name} is {found}", *route, name, help="write seconds above 0, or leave it out")


def _end(spec: dict[str, Any], route: Route, say: Findings) -> None:
    if spec.get("shutdownAfterJobFinishes") is True:
        return
    seconds = number(spec, "ttlSecondsAfterFinished")
    if seconds is not None and seconds > 0:
        message = "ttlSecondsAfterFinished has nothing to end: shutdownAfterJobFinishes is not true"
        help = "write shutdownAfterJobFinishes: true, or leave it out"
        say(rules.JOB_END, message, *route, "ttlSecondsAfterFinished", help=help)
    if spec.get("suspend") is True:
        message = "suspend needs shutdownAfterJobFinishes: true"
        say(rules.JOB_END, message, *route, "suspend", help="the operator refuses the job otherwise")


def _cluster(spec: dict[str, Any], route: Route, say: Findings) -> None:
    selector = table(spec, "clusterSelector")
    if not selector:
        if spec.get("rayClusterSpec") is None:
            message = "the job has neither rayClusterSpec nor clusterSelector"
            help = "describe the cluster in rayClusterSpec, or name one in clusterSelector"
            say(rules.JOB_CLUSTER, message, *route, "rayClusterSpec", help=help)
        return
    here = (*route, "clusterSelector")
    if not selector.get("ray.io/cluster"):
        say(
            rules.JOB_CLUSTER,
            "clusterSelector names no cluster",
            *here,
            help="write ray.io/cluster: its name",
            key=True,
        )
    if spec.get("suspend") is True:
        message = "a job on a cluster that is there already cannot be suspended"
        say(rules.JOB_CLUSTER, message, *route, "suspend", help="leave it out")
    if (number(spec, "backoffLimit") or 0) > 0:
        message = "a job on a cluster that is there already has no retries: a retry is a new cluster"
        say(rules.JOB_CLUSTER, message, *route, "backoffLimit", help="write backoffLimit: 0")
    if text(spec, "submissionMode") == "SidecarMode":
        message = "SidecarMode needs a cluster of its own"
        say(rules.JOB_CLUSTER, message, *route, "submissionMode", help="leave clusterSelector out, or use K8sJobMode")


def _mode(spec: dict[str, Any], route: Route, say: Findings) -> None:
    mode = text(spec, "submissionMode")
    if mode == "InteractiveMode" and (number(spec, "backoffLimit") or 0) > 0:
        message = "InteractiveMode knows no retries"
        say(rules.JOB_MODE, message, *route, "backoffLimit", help="write backoffLimit: 0")
    if mode != "SidecarMode":
        return
    for name in ("submitterPodTemplate", "submitterConfig"):
        if spec.get(name) is not None:
            message = f"SidecarMode has no submitter pod, so no {name}"
            say(rules.JOB_MODE, message, *route, name, help="leave it out, or use K8sJobMode", key=True)
    pod = ("rayClusterSpec", "headGroupSpec", "template", "spec", "restartPolicy")
    if text(spec, *pod) not in ("", "Never"):
        message = "in SidecarMode the head must not restart its containers"
        say(rules.JOB_MODE, message, *route, *pod, help="write Never, or leave it out")


def _runtime_env(spec: dict[str, Any], route: Route, say: Findings) -> None:
    import yaml

    from fleetspec.compiler.document import MAX_DEPTH

    written = text(spec, "runtimeEnvYAML")
    if not written:
        return
    problem, deep, root = "", 0, None
    try:
        # Events only: nothing is built, and no alias is followed.
        for event in yaml.parse(written, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.NodeEvent) and root is None:
                root = event
            deep += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if deep > MAX_DEPTH:
                problem = f"more than {MAX_DEPTH} levels deep"
                break
    except yaml.YAMLError as error:
        problem = str(getattr(error, "problem", error)).partition("\n")[0]
    if not problem and root is not None and not isinstance(root, yaml.MappingStartEvent):
        problem = "it is no map"
    if problem:
        message = f"runtimeEnvYAML is no YAML map: {problem}"
        say(rules.RUNTIME_ENV, message, *route, "runtimeEnvYAML", help="begin it with `|` and write a map below")


def _service(say: Findings) -> None:
    spec = table(say.manifest.value, "spec")
    timeout = table(say.manifest.value, "metadata", "annotations").get(TIMEOUT)
    if isinstance(timeout, str) and timeout and not _TIMEOUT.fullmatch(timeout):
        message = f"'{timeout[:40]}' is no time to wait for a RayService"
        say(rules.SERVICE, message, "metadata", "annotations", TIMEOUT, help="write 30m, 1h30m or seconds above 0")
    kind = at(spec, "upgradeStrategy", "type")
    if isinstance(kind, str) and kind not in _UPGRADES:
        message = f"a RayService cannot be upgraded by '{kind}'"
        say(rules.SERVICE, message, "spec", "upgradeStrategy", "type", help=f"one of: {', '.join(_UPGRADES)}")
    delay = number(spec, "rayClusterDeletionDelaySeconds")
    if delay is not None and delay < 0:
        message = f"rayClusterDeletionDelaySeconds is {delay}"
        say(rules.SERVICE, message, "spec", "rayClusterDeletionDelaySeconds", help="0 is the least")
    named = ("spec", "rayClusterConfig", "headGroupSpec", "headService", "metadata", "name")
    if text(say.manifest.value, *named):
        say(rules.SERVICE, "the head's service gets its name from the operator", *named, help="leave the name out")
    if kind == "NewClusterWithIncrementalUpgrade":
        _incremental(spec, say)


def _incremental(spec: dict[str, Any], say: Findings) -> None:
    route = ("spec", "upgradeStrategy", "clusterUpgradeOptions")
    if at(spec, "rayClusterConfig", "enableInTreeAutoscaling") is not True:
        message = "an incremental upgrade needs the autoscaler"
        here = ("spec", "rayClusterConfig", "enableInTreeAutoscaling")
        say(rules.SERVICE, message, *here, help="write enableInTreeAutoscaling: true")
    options = table(spec, "upgradeStrategy", "clusterUpgradeOptions")
    step, surge = number(options, "stepSizePercent"), number(options, "maxSurgePercent")
    if step is not None and step > (100 if surge is None else surge):
        message = f"stepSizePercent ({step}) is above maxSurgePercent"
        say(rules.SERVICE, message, *route, "stepSizePercent", help="a step is at most the surge")
    for name, low, high in (("maxSurgePercent", 0, 100), ("stepSizePercent", 0, 100), ("intervalSeconds", 1, None)):
        found = number(options, name)
        missing = found is None and name != "maxSurgePercent"
        if missing or (found is not None and (found < low or (high is not None and found > high))):
            bounds = f"from {low} to {high}" if high else f"of at least {low}"
            message = f"an incremental upgrade needs {name} {bounds}"
            say(rules.SERVICE, message, *route, name, help="write it in clusterUpgradeOptions")
    if not text(options, "gatewayClassName"):
        message = "an incremental upgrade needs a gatewayClassName"
        say(rules.SERVICE, message, *route, "gatewayClassName", help="write the class of the cluster's gateway")


def _cron(say: Findings) -> None:
    schedule = at(say.manifest.value, "spec", "schedule")
    if isinstance(schedule, str) and (fault := fault_of_schedule(schedule)) is not None:
        say(rules.SCHEDULE, f"the schedule '{schedule[:60]}' {fault[0]}", "spec", "schedule", help=fault[1])
    zone = at(say.manifest.value, "spec", "timeZone")
    if isinstance(zone, str) and (fault := fault_of_zone(zone)) is not None:
        say(rules.SCHEDULE, f"the time zone '{zone[:60]}' {fault[0]}", "spec", "timeZone", help=fault[1])
