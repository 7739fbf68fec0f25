"""A Ray cluster's part of a manifest: where its pods stand, and KubeRay's rules on it.

The rules are those of the operator's ``ValidateRayClusterSpec`` (KubeRay 1.7), which no schema holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from fleetspec.lint.manifest import at, number, table, tables, text
from fleetspec.lint.words import is_label_key, is_label_value, version
from fleetspec.rules import lint_operator as rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleetspec.diagnostics import Route
    from fleetspec.lint.manifest import Findings, Manifest

TOKEN_RAY = (2, 52, 0)
PRIORITY_RAY = (2, 56, 0)
CLUSTER_TOKEN_RAY = (2, 55, 0)
V2_ENV = "RAY_enable_autoscaler_v2"
_COMMAND_ENV = "KUBERAY_GEN_AUTOSCALER_START_CMD"
_GATED = {
    "networkPolicy": "RayClusterNetworkPolicy",
    "tlsOptions": "RayClusterMTLS",
    "historyServerOptions": "RayClusterHistoryServer",
}
_STATED = ("num-cpus", "num-gpus", "memory", "resources")
_CLUSTERS: dict[str, Route] = {
    "RayCluster": ("spec",),
    "RayJob": ("spec", "rayClusterSpec"),
    "RayService": ("spec", "rayClusterConfig"),
    "RayCronJob": ("spec", "jobTemplate", "rayClusterSpec"),
}


class Group(Struct, frozen=True):
    """The head or a worker group: its fields, its route, and what a person calls it."""

    value: dict[str, Any]
    route: Route
    what: str
    is_head: bool

    @property
    def pod(self) -> Route:
        return (*self.route, "template", "spec")

    @property
    def ray_container(self) -> dict[str, Any]:
        """The container that Ray runs in: the first."""
        return table(self.value, "template", "spec", "containers", 0)

    def environment(self) -> dict[str, Any]:
        """The variables of the Ray container by name; None where the value comes from elsewhere."""
        return {text(entry, "name"): entry.get("value") for _, entry in tables(self.ray_container, "env")}


class Cluster(Struct, frozen=True):
    """A cluster spec inside an object."""

    value: dict[str, Any]
    route: Route

    def groups(self) -> Iterator[Group]:
        """The head, then the worker groups."""
        yield Group(table(self.value, "headGroupSpec"), (*self.route, "headGroupSpec"), "the head", True)
        yield from self.workers()

    def workers(self) -> Iterator[Group]:
        for index, group in tables(self.value, "workerGroupSpecs"):
            what = f"worker group '{text(group, 'groupName')}'"
            yield Group(group, (*self.route, "workerGroupSpecs", index), what, False)

    @property
    def autoscales(self) -> bool:
        return self.value.get("enableInTreeAutoscaling") is True

    @property
    def autoscales_v2(self) -> bool:
        named = text(self.value, "autoscalerOptions", "version")
        asked = next(self.groups()).environment().get(V2_ENV) in ("1", "true")
        return self.autoscales and (named == "v2" or asked)


def cluster_of(manifest: Manifest) -> Cluster | None:
    """The cluster that an object makes, None where it makes none."""
    route = _CLUSTERS.get(manifest.kind)
    found = at(manifest.value, *route) if route is not None and manifest.group == "ray.io" else None
    return Cluster(found, route) if route is not None and isinstance(found, dict) else None


def check(cluster: Cluster, say: Findings) -> None:
    """Add every rule of the operator that a cluster spec breaks."""
    for group in cluster.groups():
        _containers(group, say)
        _stated_twice(group, say)
        _labels(group, say)
    for group in cluster.workers():
        _counts(group, cluster, say)
    _fault_tolerance(cluster, say)
    _autoscaler(cluster, say)
    _tokens(cluster, say)
    _gates(cluster, say)


def _containers(group: Group, say: Findings) -> None:
    if isinstance(at(say.manifest.value, *group.pod, "containers"), list) and not group.ray_container:
        say(
            rules.NO_CONTAINER,
            f"{group.what} has no container",
            *group.pod,
            "containers",
            help="Ray runs in the first one",
        )


def _stated_twice(group: Group, say: Findings) -> None:
    twice = [name for name in _STATED if table(group.value, "rayStartParams").get(name)]
    if twice and group.value.get("resources"):
        message = f"{group.what} says what it offers in 'resources' and in rayStartParams ({', '.join(twice)})"
        place = say.manifest.place((*group.route, "resources"), key=True)
        route = (*group.route, "rayStartParams", twice[0])
        say(
            rules.STATED_TWICE,
            message,
            *route,
            help="keep one of the two",
            key=True,
            related=[(place, "said here, too")],
        )


def _labels(group: Group, say: Findings) -> None:
    if "labels" in table(group.value, "rayStartParams"):
        message = f"{group.what} has labels in rayStartParams"
        say(
            rules.GROUP_LABELS,
            message,
            *group.route,
            "rayStartParams",
            "labels",
            help="move them to 'labels' of the group",
        )
    for key, value in table(group.value, "labels").items():
        if not is_label_key(key) or (isinstance(value, str) and not is_label_value(value)):
            message = f"{group.what} has a label that is none: {key}={value}"
            say(
                rules.GROUP_LABELS,
                message,
                *group.route,
                "labels",
                key,
                help="labels of Ray nodes have Kubernetes' form",
            )


def _counts(group: Group, cluster: Cluster, say: Findings) -> None:
    least, most = number(group.value, "minReplicas"), number(group.value, "maxReplicas")
    replicas = number(group.value, "replicas")
    for name, count in (("minReplicas", least), ("maxReplicas", most), ("replicas", replicas)):
        if count is not None and count < 0:
            say(rules.GROUP_COUNTS, f"{group.what} has {name} {count}", *group.route, name, help="0 is the least")
    if least is not None and most is not None and 0 <= most < least:
        message = f"{group.what} has more minReplicas ({least}) than maxReplicas ({most})"
        say(rules.GROUP_COUNTS, message, *group.route, "minReplicas", help="minReplicas is at most maxReplicas")
    suspended = group.value.get("suspend") is True
    if suspended and cluster.autoscales:
        message = f"{group.what} is suspended, which the autoscaler does not know"
        say(rules.AUTOSCALER, message, *group.route, "suspend", help="drop it, or turn enableInTreeAutoscaling off")


def _fault_tolerance(cluster: Cluster, say: Findings) -> None:
    head = next(cluster.groups())
    environment, parameters = head.environment(), table(head.value, "rayStartParams")
    notes = table(say.manifest.value, "metadata", "annotations")
    options = cluster.value.get("gcsFaultToleranceOptions") is not None
    containers = (*head.pod, "containers", 0, "env")
    help = "say it in gcsFaultToleranceOptions"
    if options:
        if parameters.get("redis-password"):
            message = "redis-password stands beside gcsFaultToleranceOptions"
            say(rules.FAULT_TOLERANCE, message, *head.route, "rayStartParams", "redis-password", help=help)
        for name in ("REDIS_PASSWORD", "RAY_REDIS_ADDRESS"):
            if name in environment:
                message = f"the head's variable {name} stands beside gcsFaultToleranceOptions"
                say(rules.FAULT_TOLERANCE, message, *containers, help=help, key=True)
        for name in ("ray.io/external-storage-namespace", "ray.io/ft-enabled"):
            if notes.get(name):
                message = f"the annotation {name} stands beside gcsFaultToleranceOptions"
                say(rules.FAULT_TOLERANCE, message, "metadata", "annotations", name, help=help)
    elif "RAY_REDIS_ADDRESS" in environment and notes.get("ray.io/ft-enabled") != "true":
        message = "RAY_REDIS_ADDRESS turns fault tolerance on, and gcsFaultToleranceOptions is missing"
        say(rules.FAULT_TOLERANCE, message, *containers, help=help, key=True)
    if parameters.get("redis-username") or "REDIS_USERNAME" in environment:
        message = "the user name of Redis is only read from gcsFaultToleranceOptions"
        say(rules.FAULT_TOLERANCE, message, *head.route, "rayStartParams", help=help, key=True)


def _autoscaler(cluster: Cluster, say: Findings) -> None:
    head = next(cluster.groups())
    asked = head.environment().get(V2_ENV)
    env = (*head.pod, "containers", 0, "env")
    options = table(cluster.value, "autoscalerOptions")
    if not cluster.autoscales:
        if asked in ("1", "true"):
            message = f"{V2_ENV} asks for an autoscaler that enableInTreeAutoscaling leaves off"
            say(rules.AUTOSCALER, message, *env, help="write enableInTreeAutoscaling: true", key=True)
    elif options.get("version") is not None and V2_ENV in head.environment():
        message = f"the autoscaler's version is said by {V2_ENV} and by autoscalerOptions.version"
        say(rules.AUTOSCALER, message, *env, help="keep autoscalerOptions.version", key=True)
    for index, entry in tables(options, "env"):
        if entry.get("name") == _COMMAND_ENV:
            message = f"{_COMMAND_ENV} is the operator's own"
            here = (*cluster.route, "autoscalerOptions", "env", index)
            say(rules.AUTOSCALER, message, *here, "name", help="leave it out")
    _idle(options, (*cluster.route, "autoscalerOptions"), "autoscalerOptions", say)
    for group in cluster.workers():
        _idle(group.value, group.route, group.what, say)
        for name in ("idleTimeoutSeconds", "priority"):
            if group.value.get(name) is not None and not cluster.autoscales_v2:
                message = f"{group.what} has {name}, which only autoscaler v2 reads"
                help = "write enableInTreeAutoscaling: true and autoscalerOptions: {version: v2}"
                say(rules.AUTOSCALER, message, *group.route, name, help=help)
        release = version(text(cluster.value, "rayVersion"))
        if group.value.get("priority") and (release is None or release < PRIORITY_RAY):
            message = f"{group.what} has a priority, which Ray knows from 2.56 on"
            say(rules.AUTOSCALER, message, *group.route, "priority", help="leave it out, or use a later Ray")
    for group in cluster.groups() if cluster.autoscales_v2 else ():
        if text(say.manifest.value, *group.pod, "restartPolicy") not in ("", "Never"):
            message = f"{group.what} restarts its containers, which autoscaler v2 forbids"
            say(rules.AUTOSCALER, message, *group.pod, "restartPolicy", help="write Never, or leave it out")


def _idle(value: dict[str, Any], route: Route, what: str, say: Findings) -> None:
    seconds = number(value, "idleTimeoutSeconds")
    if seconds is not None and seconds < 0:
        message = f"{what} has idleTimeoutSeconds {seconds}"
        say(rules.AUTOSCALER, message, *route, "idleTimeoutSeconds", help="0 is the least")


def _tokens(cluster: Cluster, say: Findings) -> None:
    options = table(cluster.value, "authOptions")
    tokens, of_cluster = options.get("mode") == "token", options.get("enableK8sTokenAuth") is True
    here = (*cluster.route, "authOptions", "enableK8sTokenAuth")
    named = cluster.value.get("rayVersion")
    if tokens and (named is None or named == ""):
        message = "authOptions.mode is token, and rayVersion is missing"
        help = "write the release that is in the image: rayVersion: 2.60.0"
        say(rules.TOKENS, message, *cluster.route, "rayVersion", help=help)
    elif tokens and isinstance(named, str):
        release, needed = version(named), CLUSTER_TOKEN_RAY if of_cluster else TOKEN_RAY
        if release is None or release < needed:
            message = f"authOptions asks for what Ray {named[:30]} does not know"
            help = f"this needs Ray {needed[0]}.{needed[1]} or later"
            say(rules.TOKENS, message, *cluster.route, "rayVersion", help=help)
    if of_cluster and say.manifest.kind != "RayCluster":
        say(rules.TOKENS, f"a {say.manifest.kind} has no enableK8sTokenAuth", *here, help="leave it out")
    elif of_cluster and not tokens:
        say(rules.TOKENS, "enableK8sTokenAuth needs mode: token", *here, help="write mode: token beside it")
    elif of_cluster and options.get("secretName"):
        say(rules.TOKENS, "enableK8sTokenAuth and secretName exclude each other", *here, help="keep one of the two")


def _gates(cluster: Cluster, say: Findings) -> None:
    for name, gate in _GATED.items():
        if cluster.value.get(name) is not None:
            message = f"{name} is refused unless the operator's gate {gate} is on, which it is not by default"
            help = "turn the gate on, or do without"
            if name == "networkPolicy":
                help = "write a NetworkPolicy of networking.k8s.io/v1 instead, or turn the gate on"
            say(rules.GATED, message, *cluster.route, name, help=help, key=True)
