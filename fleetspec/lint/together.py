"""What only several objects together say: one written twice, a queue that lends nothing of what its jobs ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleetspec.lint.facts import is_namespaced
from fleetspec.lint.manifest import Findings, table, tables, text, texts
from fleetspec.lint.pods import CONTAINERS, Pod, pods_of
from fleetspec.lint.queued import QUEUE, queue_of
from fleetspec.lint.security import ENFORCE, LEVELS
from fleetspec.rules import lint_kueue, lint_traps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fleetspec.diagnostics import Report
    from fleetspec.lint.manifest import Manifest


def check(manifests: Sequence[Manifest], report: Report) -> None:
    """Add what is wrong between objects of one call."""
    _twice(manifests, report)
    flavors = _named(manifests, "ResourceFlavor")
    queues = _named(manifests, "ClusterQueue")
    locals_ = {(each.namespace, each.name): each for each in manifests if each.kind == "LocalQueue"}
    for queue in queues.values():
        _colliding(queue, flavors, report)
    for manifest in manifests:
        name = queue_of(manifest) if manifest.kind in ("RayJob", "RayCluster", "RayService") else ""
        local = locals_.get((manifest.namespace, name)) if name else None
        queue_ = queues.get(text(local.value, "spec", "clusterQueue")) if local is not None else None
        if queue_ is not None:
            _covered(manifest, queue_, report)


def levels(manifests: Sequence[Manifest]) -> dict[str, str]:
    """The Pod Security level that each namespace among the objects enforces, where it says one."""
    found = (
        (each.name, table(each.value, "metadata", "labels").get(ENFORCE))
        for each in manifests
        if each.kind == "Namespace"
    )
    return {name: level for name, level in found if level in LEVELS}


def _named(manifests: Sequence[Manifest], kind: str) -> dict[str, Manifest]:
    return {each.name: each for each in manifests if each.kind == kind and each.group == "kueue.x-k8s.io"}


def _twice(manifests: Sequence[Manifest], report: Report) -> None:
    seen: dict[tuple[str, ...], Manifest] = {}
    for manifest in manifests:
        if not manifest.name:
            continue
        namespace = manifest.namespace if is_namespaced(manifest.api, manifest.kind) else ""
        identity = (manifest.group, manifest.kind, namespace, manifest.name)
        first = seen.setdefault(identity, manifest)
        # The same file written out for two environments is no clash: one object replaces the other by design.
        if first is not manifest and (first.source is manifest.source or first.value != manifest.value):
            message = f"the {manifest.kind} '{manifest.name}' is already in {first.source.name}"
            related = [(first.place(("metadata", "name")), "first here")]
            help = "keep one of the two: the second would overwrite the first"
            say = Findings(report, manifest)
            say(lint_traps.OBJECT_TWICE, message, "metadata", "name", help=help, related=related)


def _colliding(queue: Manifest, flavors: dict[str, Manifest], report: Report) -> None:
    """Flavors of two resource groups that set one node label to different values: a pod that takes from both gets one
    of them at random."""
    groups = tables(queue.value, "spec", "resourceGroups")
    names = [(number, n, text(flavor, "name")) for number, group in groups for n, flavor in tables(group, "flavors")]
    say = Findings(report, queue)
    for position, (group, index, name) in enumerate(names):
        for other_group, _, other in names[:position]:
            if group == other_group or name not in flavors or other not in flavors:
                continue
            mine, theirs = (table(flavors[each].value, "spec", "nodeLabels") for each in (name, other))
            for label in sorted(mine.keys() & theirs.keys()):
                if mine[label] != theirs[label]:
                    message = f"the flavors '{other}' and '{name}' send one pod to nodes with different {label}"
                    here = ("spec", "resourceGroups", group, "flavors", index, "name")
                    help = "put the resources of one pod into one resource group, or give one flavor no such label"
                    places = [(flavors[each].place(("spec", "nodeLabels", label)), each) for each in (other, name)]
                    say(lint_kueue.FLAVORS_COLLIDE, message, *here, help=help, related=places)


def _covered(manifest: Manifest, queue: Manifest, report: Report) -> None:
    groups = tables(queue.value, "spec", "resourceGroups")
    covered = {name for _, group in groups for _, name in texts(group, "coveredResources")}
    say = Findings(report, manifest)
    missing: set[str] = set()
    for pod in pods_of(manifest):
        for name, route in _asked(pod):
            if name not in covered and name not in missing:
                missing.add(name)
                message = (
                    f"{pod.what} asks for {name}, which the queue '{queue.name}' does not cover: it is never admitted"
                )
                related = [
                    (queue.place(("spec", "resourceGroups"), key=True), "what it covers"),
                    (manifest.place(("metadata", "labels", QUEUE)), "the queue"),
                ]
                help = f"add {name} to coveredResources with a quota, or do not ask for it"
                say(lint_kueue.NOT_COVERED, message, *route, help=help, key=True, related=related)


def _asked(pod: Pod) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    for key in CONTAINERS:
        for index, container in tables(pod.value, key):
            for kind in ("requests", "limits"):
                amounts: dict[str, Any] = table(container, "resources", kind)
                for name in amounts:
                    yield name, (*pod.route, key, index, "resources", kind, name)
