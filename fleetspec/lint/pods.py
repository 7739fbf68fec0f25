"""The pods that an object will run, checked as the API server checks a pod.

A custom resource holds pod templates that nobody looks at until the operator makes pods of them: a fault in one is a
cluster that never comes up.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from fleetspec.lint import amounts, metadata
from fleetspec.lint.clusters import cluster_of
from fleetspec.lint.manifest import at, meant, number, table, tables, text
from fleetspec.lint.words import is_label_1123, is_label_key, is_label_value
from fleetspec.rules import lint_pods as rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleetspec.diagnostics import Route
    from fleetspec.lint.manifest import Findings, Manifest

CONTAINERS = ("initContainers", "containers")
_CHOICES = {
    "restartPolicy": ("Always", "OnFailure", "Never"),
    "dnsPolicy": ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"),
    "preemptionPolicy": ("PreemptLowerPriority", "Never"),
}
_PULL = ("Always", "IfNotPresent", "Never")
_TERMINATION = ("File", "FallbackToLogsOnError")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_PORT_NAME = re.compile(r"(?!.*--)(?=.*[a-z])[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_ENV_NAME = re.compile(r"[\x20-\x3c\x3e-\x7e]+")


class Pod(Struct, frozen=True):
    """A pod template's spec: its fields, its route, and what a person calls it."""

    value: dict[str, Any]
    route: Route
    what: str
    of_job: bool = False

    def containers(self) -> Iterator[tuple[dict[str, Any], Route, bool]]:
        """Every container with its route, and whether it starts before the others."""
        for key in CONTAINERS:
            for index, container in tables(self.value, key):
                yield container, (*self.route, key, index), key == "initContainers"


def pods_of(manifest: Manifest) -> Iterator[Pod]:
    """The pods whose templates an object holds."""
    cluster = cluster_of(manifest)
    for group in cluster.groups() if cluster is not None else ():
        spec = at(group.value, "template", "spec")
        if isinstance(spec, dict):
            yield Pod(spec, group.pod, group.what)
    for job in (("spec",), ("spec", "jobTemplate")) if manifest.group == "ray.io" else ():
        route: Route = (*job, "submitterPodTemplate", "spec")
        spec = at(manifest.value, *route)
        if isinstance(spec, dict):
            yield Pod(spec, route, "the submitter", of_job=True)


def check(say: Findings) -> None:
    """Add the rules of Kubernetes that the pods of an object break."""
    for pod in pods_of(say.manifest):
        metadata.check_labels(say, *pod.route[:-1], "metadata")
        _choices(pod, say)
        _containers(pod, say)
        _volumes(pod, say)
        _placement(pod, say)
        amounts.check(pod, say)


def _choice(pod: Pod, value: Any, choices: tuple[str, ...], say: Findings, *route: str | int) -> None:
    if isinstance(value, str) and value not in choices:
        say(rules.POD_CHOICE, f"in {pod.what}, '{route[-1]}' cannot be '{value}'", *route, help=meant(value, choices))


def _choices(pod: Pod, say: Findings) -> None:
    for name, choices in _CHOICES.items():
        _choice(pod, pod.value.get(name), choices, say, *pod.route, name)
    if pod.of_job and text(pod.value, "restartPolicy") not in ("Never", "OnFailure"):
        message = "the submitter is a Kubernetes Job, whose pods have the restartPolicy Never or OnFailure"
        say(rules.SUBMITTER_RESTARTS, message, *pod.route, "restartPolicy", help="write restartPolicy: Never")
    grace = number(pod.value, "terminationGracePeriodSeconds")
    if grace is not None and grace < 0:
        message = f"{pod.what} has terminationGracePeriodSeconds {grace}"
        say(rules.POD_AMOUNT, message, *pod.route, "terminationGracePeriodSeconds", help="0 is the least")


def _containers(pod: Pod, say: Findings) -> None:
    names: dict[str, Route] = {}
    if pod.of_job and isinstance(pod.value.get("containers"), list) and not pod.value["containers"]:
        say(rules.CONTAINER, f"{pod.what} has no container", *pod.route, "containers", help="give it one")
    for container, route, first in pod.containers():
        name, image = container.get("name"), container.get("image")
        if isinstance(name, str):
            if not is_label_1123(name):
                message = f"'{name[:70]}' cannot be the name of a container"
                say(rules.CONTAINER, message, *route, "name", help="use at most 63 small letters, digits and '-'")
            elif name in names:
                related = [(say.manifest.place((*names[name], "name")), "first here")]
                message = f"two containers of {pod.what} are named '{name}'"
                say(rules.CONTAINER, message, *route, "name", help="give each a name of its own", related=related)
            names.setdefault(name, route)
        if image is None or image == "":
            say(
                rules.CONTAINER,
                f"a container of {pod.what} has no image",
                *route,
                "image",
                help="write image: name:tag",
            )
        elif isinstance(image, str) and image != image.strip():
            message = f"the image '{image[:60]}' begins or ends with a space"
            say(rules.CONTAINER, message, *route, "image", help="leave the space out")
        _choice(pod, container.get("imagePullPolicy"), _PULL, say, *route, "imagePullPolicy")
        _choice(pod, container.get("terminationMessagePolicy"), _TERMINATION, say, *route, "terminationMessagePolicy")
        if first:
            _choice(pod, container.get("restartPolicy"), ("Always", "OnFailure", "Never"), say, *route, "restartPolicy")
        _ports(pod, container, route, say)
        _environment(pod, container, route, say)


def _ports(pod: Pod, container: dict[str, Any], route: Route, say: Findings) -> None:
    names: set[str] = set()
    for index, port in tables(container, "ports"):
        here = (*route, "ports", index)
        for key in ("containerPort", "hostPort"):
            found = number(port, key)
            if found is not None and not 0 < found < 65536:
                say(rules.PORT, f"{pod.what} has the port {found}", *here, key, help="a port is from 1 to 65535")
        name = text(port, "name")
        if name and (len(name) > 15 or not _PORT_NAME.fullmatch(name)):
            message = f"'{name[:70]}' cannot be the name of a port"
            help = "use at most 15 small letters, digits and '-', and at least one letter"
            say(rules.PORT, message, *here, "name", help=help)
        elif name and name in names:
            say(rules.PORT, f"two ports of one container are named '{name}'", *here, "name", help="keep one")
        names.add(name)
        _choice(pod, port.get("protocol"), _PROTOCOLS, say, *here, "protocol")


def _environment(pod: Pod, container: dict[str, Any], route: Route, say: Findings) -> None:
    for index, entry in tables(container, "env"):
        name = entry.get("name")
        here = (*route, "env", index)
        if isinstance(name, str) and not _ENV_NAME.fullmatch(name):
            message = (
                f"'{name[:60]}' cannot be the name of a variable" if name else f"a variable of {pod.what} has no name"
            )
            say(rules.VARIABLE, message, *here, "name", help="use letters, digits and '_'")
        if entry.get("value") and entry.get("valueFrom"):
            message = f"the variable '{name}' has a value and a valueFrom"
            say(rules.VARIABLE, message, *here, "valueFrom", help="keep one of the two", key=True)
        sources = table(entry, "valueFrom")
        if "valueFrom" in entry and isinstance(entry["valueFrom"], dict) and len(sources) != 1:
            message = f"the variable '{name}' comes from {len(sources)} places"
            say(rules.VARIABLE, message, *here, "valueFrom", help="one is needed, and no more", key=True)


def _volumes(pod: Pod, say: Findings) -> None:
    volumes: dict[str, int] = {}
    for index, volume in tables(pod.value, "volumes"):
        name = text(volume, "name")
        here = (*pod.route, "volumes", index)
        if name in volumes:
            say(rules.VOLUME, f"{pod.what} names the volume '{name}' twice", *here, "name", help="keep one of the two")
        volumes.setdefault(name, index)
        if name and not is_label_1123(name):
            message = f"'{name[:70]}' cannot be the name of a volume"
            say(rules.VOLUME, message, *here, "name", help="use at most 63 small letters, digits and '-'")
        kinds = [key for key in volume if key != "name"]
        if len(kinds) > 1:
            message = f"the volume '{name}' is of two kinds: {' and '.join(kinds[:3])}"
            say(rules.VOLUME, message, *here, help="keep one of them")
    for container, route, _ in pod.containers():
        _mounts(pod, container, route, volumes, say)


def _mounts(pod: Pod, container: dict[str, Any], route: Route, volumes: dict[str, int], say: Findings) -> None:
    paths: set[str] = set()
    for index, mount in tables(container, "volumeMounts"):
        here = (*route, "volumeMounts", index)
        name, path = text(mount, "name"), text(mount, "mountPath")
        if name and name not in volumes:
            help = meant(name, volumes, "declare it under volumes")
            say(rules.VOLUME, f"{pod.what} has no volume '{name}'", *here, "name", help=help)
        if path and path in paths:
            say(rules.VOLUME, f"two volumes are mounted at {path}", *here, "mountPath", help="give each its own path")
        elif ":" in path:
            say(rules.VOLUME, f"a volume cannot be mounted at '{path}'", *here, "mountPath", help="no ':' in it")
        paths.add(path)
        if mount.get("subPath") and mount.get("subPathExpr"):
            say(
                rules.VOLUME, "a mount has a subPath and a subPathExpr", *here, "subPathExpr", help="keep one", key=True
            )
        for key in ("subPath", "subPathExpr"):
            sub = text(mount, key)
            if sub.startswith("/") or ".." in sub.split("/"):
                say(rules.VOLUME, f"the {key} '{sub}' leaves its volume", *here, key, help="write a path inside of it")


def _placement(pod: Pod, say: Findings) -> None:
    for key, value in table(pod.value, "nodeSelector").items():
        if not is_label_key(key) or (isinstance(value, str) and not is_label_value(value)):
            message = f"no node can have the label {key}: {value}"
            say(rules.PLACEMENT, message, *pod.route, "nodeSelector", key, help="it has the form of a label")
    for index, each in tables(pod.value, "tolerations"):
        here = (*pod.route, "tolerations", index)
        operator, effect = text(each, "operator"), text(each, "effect")
        _choice(pod, each.get("operator") or None, ("Equal", "Exists", "Lt", "Gt"), say, *here, "operator")
        _choice(pod, effect or None, _EFFECTS, say, *here, "effect")
        key = text(each, "key")
        if operator == "Exists" and each.get("value"):
            message = "a toleration with the operator Exists has no value"
            say(rules.PLACEMENT, message, *here, "value", help="leave the value out, or use the operator Equal")
        if not key and operator != "Exists":
            message = "a toleration without a key needs the operator Exists"
            say(rules.PLACEMENT, message, *here, help="name the taint's key, or write operator: Exists for all taints")
        elif key and not is_label_key(key):
            say(rules.PLACEMENT, f"no taint can have the key '{key}'", *here, "key", help="it has the form of a label")
        if each.get("tolerationSeconds") is not None and effect != "NoExecute":
            message = "tolerationSeconds needs the effect NoExecute"
            say(rules.PLACEMENT, message, *here, "tolerationSeconds", help="only NoExecute ends a running pod")
