"""What every tool accepts and no run survives: a cluster that idles, pods that never start, drivers that never run."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from fleetspec.lint.amounts import is_device
from fleetspec.lint.clusters import cluster_of
from fleetspec.lint.jobs import MODES
from fleetspec.lint.manifest import at, meant, table, text
from fleetspec.lint.words import LABEL_LENGTH, image_version, is_label_1123, quantity, version
from fleetspec.rules import lint_traps as rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleetspec.diagnostics import Route
    from fleetspec.lint.clusters import Cluster, Group
    from fleetspec.lint.manifest import Findings, Manifest

SAFE_RAY = (2, 54, 0)
"""The first Ray release without CVE-2026-27482."""
_SERVICES = ("ClusterIP", "NodePort", "LoadBalancer")
_POD_SUFFIX = len("-worker-") + 5
"""Characters that the operator and the API server put behind a group's name in that of a pod."""


def check(say: Findings) -> None:
    """Add the traps that an object of ray.io walks into."""
    manifest = say.manifest
    for spec, route in _jobs(manifest):
        _job(spec, route, say)
    cluster = cluster_of(manifest)
    if cluster is None:
        return
    _service_type(cluster, say)
    _group_names(cluster, say)
    _releases(cluster, say)
    for group in cluster.groups():
        _visible(group, cluster, say)
        _cores(group, cluster, say)


def _jobs(manifest: Manifest) -> Iterator[tuple[dict[str, Any], Route]]:
    route: Route = {"RayJob": ("spec",), "RayCronJob": ("spec", "jobTemplate")}.get(manifest.kind, ())
    if route:
        yield table(manifest.value, *route), route


def _job(spec: dict[str, Any], route: Route, say: Findings) -> None:
    mode = spec.get("submissionMode")
    if isinstance(mode, str) and mode and mode not in MODES:
        help = meant(mode, MODES)
        message = f"'{mode[:40]}' is no submissionMode: nothing is submitted, and the cluster idles until its deadline"
        say(rules.SUBMISSION_MODE, message, *route, "submissionMode", help=help)
    entrypoint = text(spec, "entrypoint")
    if (
        not entrypoint.strip()
        and mode != "InteractiveMode"
        and spec
        and not isinstance(spec.get("entrypoint"), list | dict)
    ):
        message = "the job has no entrypoint: the cluster starts and runs nothing"
        say(rules.ENTRYPOINT, message, *route, "entrypoint", help="write the command of the driver")
    elif mode in (None, "", "K8sJobMode", "SidecarMode") and (fault := _shell_fault(entrypoint)) is not None:
        message = f"the entrypoint becomes part of a shell line, and {fault}"
        say(rules.ENTRYPOINT, message, *route, "entrypoint", help="close the quote, or escape it")
    resources = text(spec, "entrypointResources")
    if resources:
        _entrypoint_resources(resources, route, say)


def _shell_fault(line: str) -> str | None:
    try:
        shlex.split(line)
    except ValueError as error:
        return "it has an open quote" if "quotation" in str(error) else "it ends in a backslash"
    return None


def _entrypoint_resources(written: str, route: Route, say: Findings) -> None:
    try:
        found = json.loads(written)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, int | float) for value in found.values()):
        message = "entrypointResources is no JSON map of numbers: the submitter ends before it submits"
        help = "write " + """'{"custom": 1}'"""
        say(rules.ENTRYPOINT_RESOURCES, message, *route, "entrypointResources", help=help)


def _service_type(cluster: Cluster, say: Findings) -> None:
    named = cluster.value.get("headGroupSpec")
    kind = table(named).get("serviceType")
    if isinstance(kind, str) and kind and kind not in _SERVICES:
        message = f"'{kind[:40]}' is no type of a Service: the head never gets one"
        help = meant(kind, _SERVICES)
        say(rules.SERVICE_TYPE, message, *cluster.route, "headGroupSpec", "serviceType", help=help)


def _group_names(cluster: Cluster, say: Findings) -> None:
    seen: dict[str, Route] = {}
    for group in cluster.workers():
        name, here = text(group.value, "groupName"), (*group.route, "groupName")
        if not name:
            continue
        if name in seen:
            related = [(say.manifest.place(seen[name]), "first here")]
            message = f"two worker groups are named '{name}': the operator counts their pods as one group's"
            say(rules.GROUP_TWICE, message, *here, help="give each a name of its own", related=related)
        elif not is_label_1123(name.lower()):
            message = f"'{name[:70]}' cannot stand in the name of a pod: {group.what[:80]} never gets one"
            say(rules.GROUP_NAME, message, *here, help="use letters, digits and '-', at most 63")
        elif len(name) > LABEL_LENGTH - _POD_SUFFIX:
            message = f"the group's name leaves no room for the cluster's in the names of pods ({len(name)} characters)"
            say(rules.GROUP_NAME, message, *here, help=f"use at most {LABEL_LENGTH - _POD_SUFFIX}")
        seen.setdefault(name, here)


def _releases(cluster: Cluster, say: Findings) -> None:
    stated = text(cluster.value, "rayVersion")
    release = version(stated)
    images = [(group, text(group.ray_container, "image")) for group in cluster.groups()]
    # An image may be tagged by its application's release: the tag is Ray's where the name or another tag says so.
    lines = {_repository(image) for _, image in images if release is not None and image_version(image) == release}
    for group, image in images:
        tagged, name = image_version(image), _repository(image)
        of_ray = name in lines or "ray" in re.split(r"[^a-z]+", name.rpartition("/")[2])
        if release is None or tagged is None or tagged == release or not of_ray:
            continue
        related = [(say.manifest.place((*cluster.route, "rayVersion")), "the cluster's release")]
        message = f"{group.what} has Ray {'.'.join(map(str, tagged))} in its image, rayVersion is {stated}"
        help = "Ray refuses to join nodes of another release: use one image, or images of one release"
        say(rules.RELEASES_DIFFER, message, *group.pod, "containers", 0, "image", help=help, related=related)
    _holes(cluster, release, say)


def _repository(image: str) -> str:
    folder, slash, name = image.partition("@")[0].rpartition("/")
    return folder + slash + name.partition(":")[0]


def _holes(cluster: Cluster, release: tuple[int, ...] | None, say: Findings) -> None:
    if release is not None and release < SAFE_RAY:
        message = f"Ray {'.'.join(map(str, release))} has a known hole: CVE-2026-27482"
        say(rules.OLD_RAY, message, *cluster.route, "rayVersion", help="use Ray 2.54 or later")
    elif at(cluster.value, "authOptions", "mode") in (None, "disabled"):
        message = "whoever reaches the dashboard can run code: the cluster asks for no token (CVE-2023-48022)"
        help = "write authOptions: {mode: token}; Ray has known it since 2.52"
        say(rules.NO_TOKEN, message, *cluster.route, "authOptions", help=help)


def _visible(group: Group, cluster: Cluster, say: Findings) -> None:
    """Devices of a pod that Ray does not offer as GPUs, so that tasks which ask for one wait for ever."""
    if group.value.get("resources") or group.is_head or table(group.value, "rayStartParams").get("num-gpus"):
        return
    limits = table(group.ray_container, "resources", "limits")
    for name in limits:
        if not is_device(name) or name in _SEEN:
            continue
        domain, _, device = name.partition("/")
        if domain in ("nvidia.com", "amd.com") and (cluster.autoscales or not _OPERATOR_SEES.fullmatch(device)):
            custom = re.sub(r"[^a-z0-9]+", "_", device)
            message = f"{'the autoscaler' if cluster.autoscales else 'Ray'} does not see {name} in {group.what}"
            help = f'say it: resources: {{GPU: "{limits[name]}", {custom}: "{limits[name]}"}} in the group'
            say(
                rules.UNSEEN_DEVICE,
                message,
                *group.pod,
                "containers",
                0,
                "resources",
                "limits",
                name,
                help=help,
                key=True,
            )


_SEEN = ("nvidia.com/gpu", "amd.com/gpu")
_OPERATOR_SEES = re.compile(r"mig-\d+g\.\d+gb")


def _cores(group: Group, cluster: Cluster, say: Findings) -> None:
    if not cluster.autoscales or not group.ray_container:
        return
    stated = table(group.value, "rayStartParams").get("num-cpus") or table(group.value, "resources").get("CPU")
    amounts = table(group.ray_container, "resources")
    asked = table(amounts, "limits").get("cpu", table(amounts, "requests").get("cpu"))
    if stated is None and quantity(asked) is None:
        message = f"{group.what} says nowhere how many cores it has, and the autoscaler ends over that"
        help = "write a CPU request or limit for its first container"
        say(rules.NO_CORES, message, *group.pod, "containers", 0, "resources", help=help)
