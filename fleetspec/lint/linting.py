"""Manifests → findings: every object by itself, then all of them together.

``read`` makes objects of texts, ``check`` says what is wrong with them. Objects of other projects are only checked for
what the API server asks of every object: names, labels, keys said twice.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from fleetspec.lint import beside, jobs, metadata, pods, queued, queues, schema, security, together, traps
from fleetspec.lint.facts import FURTHER, PROJECTS, Facts, facts
from fleetspec.lint.manifest import Findings, Manifest, meant, text
from fleetspec.lint.reading import Node, documents
from fleetspec.rules import lint_schema as rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fleetspec.diagnostics import Report, Source

LEVEL = "restricted"
"""The Pod Security level of a namespace of which nothing is known."""


MAX_FAULTS_OF_FILE = 1_000
"""Faults told of the objects of one file, before the rest of it is left alone."""


class Linted(Struct):
    """What was looked at: texts, objects by kind, and how many objects are of kinds whose fields are not known here."""

    files: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    unknown: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain data; views render from this alone."""
        objects = sum(self.kinds.values())
        return {"files": self.files, "objects": objects, "kinds": self.kinds, "unknown": self.unknown}


def lint(named: Sequence[Source], searched: Sequence[Source], report: Report, *, level: str = LEVEL) -> Linted:
    """Check the manifests of several texts together, and say what was looked at.

    ``searched`` texts were found in a folder: what in them is no object at all is passed over. ``level`` is the Pod
    Security of namespaces that say none themselves.
    """
    manifests = [manifest for source in named for manifest in read(source, report)]
    manifests += [manifest for source in searched for manifest in read(source, report, searched=True)]
    check(manifests, report, level=level)
    counted = Linted(len(named) + len(searched))
    for manifest in manifests:
        counted.kinds[manifest.kind] = counted.kinds.get(manifest.kind, 0) + 1
        counted.unknown += _known(manifest) is None
    return counted


def read(source: Source, report: Report, *, searched: bool = False) -> list[Manifest]:
    """The objects of a text, those inside of Lists too."""
    found: list[Manifest] = []
    for node in documents(source, report):
        found += _objects(node, source, report, searched)
    return found


def _objects(node: Node, source: Source, report: Report, searched: bool) -> Iterator[Manifest]:
    value = node.value
    stated = {key: value.get(key) for key in ("apiVersion", "kind")} if isinstance(value, dict) else {}
    if not any(stated.values()) and searched:
        return
    made = Manifest(source, node, value if isinstance(value, dict) else {}, "", "")
    say = Findings(report, made)
    if not isinstance(value, dict):
        say(rules.UNKNOWN_KIND, "this is no object", help="an object has apiVersion, kind and metadata")
        return
    for key, named in stated.items():
        if not isinstance(named, str) or not named:
            say(
                rules.UNKNOWN_KIND, f"the object has no {key}", key, help="write apiVersion: ray.io/v1 and kind: RayJob"
            )
    made.api, made.kind = text(value, "apiVersion"), text(value, "kind")
    if not (made.api and made.kind):
        return
    if made.kind.endswith("List") and isinstance(value.get("items"), list):
        assert node.entries is not None
        for item in node.entries["items"][2].items or ():
            yield from _objects(item, source, report, False)
        return
    made.name, made.namespace = text(value, "metadata", "name"), text(value, "metadata", "namespace")
    yield made


def check(manifests: Sequence[Manifest], report: Report, *, level: str = LEVEL) -> None:
    """Add everything that is wrong with objects, each by itself and all together."""
    objects = together.Objects(manifests)
    told: Counter[str] = Counter()
    for manifest in manifests:
        if told[manifest.source.name] < MAX_FAULTS_OF_FILE:
            before = len(report)
            _check_one(Findings(report, manifest), objects.level(manifest, level))
            told[manifest.source.name] += len(report) - before
    together.check(objects, report)


def _check_one(say: Findings, level: str) -> None:
    manifest = say.manifest
    if manifest.api.startswith("kustomize.config.k8s.io/"):
        # Read by kubectl, never sent: it needs no name.
        return
    known = _known(manifest)
    if known is None:
        _strange(manifest, say)
    metadata.check(say)
    if known is not None:
        shape = known.versions(manifest.kind)[manifest.api]
        schema.check(manifest.value, shape, known, say, core=known.group == "")
    if manifest.group == "kueue.x-k8s.io":
        queues.check(say)
    elif manifest.group != "ray.io":
        beside.check(say)
    elif known is not None:
        jobs.check(say)
        pods.check(say)
        security.check(level, say)
        queued.check(say)
        traps.check(say)


def _known(manifest: Manifest) -> Facts | None:
    """The facts that hold the shape of an object."""
    found = facts().get(manifest.group) or facts()[""]
    return found if manifest.kind in found.kinds and manifest.api in found.versions(manifest.kind) else None


def _strange(manifest: Manifest, say: Findings) -> None:
    """Add a finding on an object whose kind or version no server has."""
    group, kind = manifest.group, manifest.kind
    found = facts().get(group) if group else facts()[""]
    if kind in FURTHER.get(group, ()):
        return
    if found is not None and kind in found.kinds:
        _say_version(manifest, found, say)
    elif group in ("ray.io", "kueue.x-k8s.io") and found is not None:
        help = meant(kind, sorted(found.kinds))
        say(rules.UNKNOWN_KIND, f"{PROJECTS[group]} has no kind '{kind[:60]}'", "kind", help=help)
    else:
        _say_group(manifest, say)


def _say_version(manifest: Manifest, found: Facts, say: Findings) -> None:
    served = sorted(found.versions(manifest.kind))
    message = f"{manifest.kind} has no version '{manifest.api[:60]}'"
    say(rules.UNKNOWN_KIND, message, "apiVersion", help=f"served are: {', '.join(served)}")


def _say_group(manifest: Manifest, say: Findings) -> None:
    """A kind that is ours, in a group that is not; or one that differs from a core kind in the case of its letters."""
    folded: dict[str, tuple[str, Any]] = {
        kind.casefold(): (kind, sorted(each.versions(kind))) for each in facts().values() for kind in each.kinds
    }
    kind, versions = folded.get(manifest.kind.casefold(), ("", []))
    if not kind:
        return
    groups = {version.rpartition("/")[0] for version in versions}
    if manifest.group in groups or manifest.api.split("/")[0] in ("ray.io", "kueue.x-k8s.io", "ray", "kueue"):
        message = f"no server has the kind '{manifest.kind}' of '{manifest.api[:60]}'"
        say(rules.UNKNOWN_KIND, message, "kind", help=f"write apiVersion: {versions[0]} and kind: {kind}")
