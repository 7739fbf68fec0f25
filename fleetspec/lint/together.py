"""What only several objects together say: one written twice, a queue that lends nothing of what its jobs ask for."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from fleetspec.compiler.document import MAX_FAULTS
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

MOST_GROUPS = 16
"""Resource groups of a ClusterQueue; the schema takes no more."""


class Objects:
    """The objects of one call, found by name. A folder for each environment holds objects of the same names: of those
    the one beside whoever asks is meant, and none where that leaves several."""

    def __init__(self, manifests: Sequence[Manifest]) -> None:
        self.all = manifests
        self._named: dict[tuple[str, str, str], list[Manifest]] = {}
        for each in manifests:
            namespace = each.namespace if is_namespaced(each.api, each.kind) else ""
            self._named.setdefault((each.kind, namespace, each.name), []).append(each)

    def near(self, asking: Manifest, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """The object of a kind that another one means by a name."""
        found = self._named.get((kind, namespace, name), [])
        beside = [each for each in found if _folder(each) == _folder(asking)]
        return beside[0] if beside else found[0] if len(found) == 1 else None

    def level(self, manifest: Manifest, otherwise: str) -> str:
        """The Pod Security level that the namespace of an object enforces, where that is among the objects and says."""
        space = self.near(manifest, "Namespace", manifest.namespace)
        said = text(space.value, "metadata", "labels", ENFORCE) if space is not None else ""
        return said if said in LEVELS else otherwise

    def twice(self) -> Iterator[tuple[Manifest, Manifest]]:
        """Objects that are applied together and have one name: in one file, or unlike each other in one folder."""
        for (_, _, name), each in self._named.items():
            first: dict[tuple[PurePath, str], Manifest] = {}
            for manifest in each if name and len(each) > 1 else ():
                before = first.setdefault((_folder(manifest), manifest.group), manifest)
                same_file = before.source is manifest.source
                if before is not manifest and (same_file or before.value != manifest.value):
                    yield before, manifest


def _folder(manifest: Manifest) -> PurePath:
    return PurePath(manifest.source.name).parent


def check(objects: Objects, report: Report) -> None:
    """Add what is wrong between objects of one call."""
    for told, (first, second) in enumerate(objects.twice()):
        if told >= MAX_FAULTS:
            break
        message = f"the {second.kind} '{second.name}' is already in {first.source.name}"
        related = [(first.place(("metadata", "name")), "first here")]
        help = "keep one of the two: the second would overwrite the first"
        say = Findings(report, second)
        say(lint_traps.OBJECT_TWICE, message, "metadata", "name", help=help, related=related)
    for manifest in objects.all:
        if manifest.group == "kueue.x-k8s.io" and manifest.kind == "ClusterQueue":
            _colliding(manifest, objects, report)
        elif manifest.group == "ray.io" and (name := queue_of(manifest)):
            local = objects.near(manifest, "LocalQueue", name, manifest.namespace)
            wanted = text(local.value, "spec", "clusterQueue") if local is not None else ""
            queue = objects.near(local, "ClusterQueue", wanted) if local is not None else None
            if queue is not None and manifest.kind != "RayCronJob":
                _covered(manifest, queue, report)


def _colliding(queue: Manifest, objects: Objects, report: Report) -> None:
    """Flavors of two resource groups that set one node label to different values: a pod that takes from both gets one
    of them at random."""
    say = Findings(report, queue)
    seen: dict[str, dict[int, tuple[Any, Manifest]]] = {}
    for number, group in tables(queue.value, "spec", "resourceGroups")[:MOST_GROUPS]:
        for index, listed in tables(group, "flavors"):
            flavor = objects.near(queue, "ResourceFlavor", text(listed, "name"))
            labels = table(flavor.value, "spec", "nodeLabels") if flavor is not None else {}
            for label, value in labels.items():
                groups = seen.setdefault(label, {})
                others = [other for n, (held, other) in groups.items() if n != number and held != value]
                if others and flavor is not None:
                    route = ("spec", "resourceGroups", number, "flavors", index, "name")
                    message = f"the flavors '{others[0].name}' and '{flavor.name}' send one pod to different {label}"
                    help = "put the resources of one pod into one resource group, or give one flavor no such label"
                    where = ("spec", "nodeLabels", label)
                    places = [(each.place(where), each.name) for each in (others[0], flavor)]
                    say(lint_kueue.FLAVORS_COLLIDE, message, *route, help=help, related=places)
                elif flavor is not None:
                    groups.setdefault(number, (value, flavor))


def _covered(manifest: Manifest, queue: Manifest, report: Report) -> None:
    groups = tables(queue.value, "spec", "resourceGroups")
    covered = {name for _, group in groups for _, name in texts(group, "coveredResources")}
    say = Findings(report, manifest)
    missing: set[str] = set()
    for pod in pods_of(manifest):
        for name, route in _asked(pod):
            if name not in covered and name not in missing:
                missing.add(name)
                message = f"{pod.what} asks for {name}, which the queue '{queue.name}' does not cover: it never starts"
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
