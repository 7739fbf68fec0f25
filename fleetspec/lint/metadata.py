"""Names, labels and annotations of objects, by the rules of the API server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetspec.lint import schema
from fleetspec.lint.facts import facts, is_namespaced
from fleetspec.lint.manifest import at, table, text
from fleetspec.lint.words import is_label_1123, is_label_key, is_label_value, is_subdomain
from fleetspec.rules import lint_schema as rules

if TYPE_CHECKING:
    from fleetspec.lint.manifest import Findings

ANNOTATIONS_BYTES = 256 * 1024
_NAME_HELP = "use small letters, digits, '-' and '.', and begin and end with a letter or digit"
_KEY_HELP = "a key is a name, before it perhaps a domain and one '/': team.example.com/desk"
_VALUE_HELP = "use at most 63 letters, digits, '-', '_' and '.', and begin and end with a letter or digit"


def check(say: Findings) -> None:
    """Add what is wrong with an object's metadata, and with its apiVersion where that needs a namespace."""
    manifest = say.manifest
    value = manifest.value
    if not isinstance(at(value, "metadata"), dict):
        say(
            rules.MISSING_FIELD,
            "the object has no 'metadata' with a name in it",
            "metadata",
            help="write metadata: {name: ...}",
        )
        return
    schema.check(value["metadata"], "objectMeta", facts()[""], say, core=True, route=("metadata",))
    name = at(value, "metadata", "name")
    if name is None and not at(value, "metadata", "generateName"):
        say(rules.MISSING_FIELD, "the object has no name", "metadata", "name", help="write metadata: {name: ...}")
    elif isinstance(name, str):
        fits = is_label_1123 if manifest.kind == "Namespace" and manifest.api == "v1" else is_subdomain
        if not fits(name):
            say(
                rules.OBJECT_NAME,
                f"'{_short(name)}' cannot be the name of an object",
                "metadata",
                "name",
                help=_NAME_HELP,
            )
    namespace = text(value, "metadata", "namespace")
    if namespace and not is_label_1123(namespace):
        message = f"'{_short(namespace)}' cannot be a namespace"
        say(rules.OBJECT_NAME, message, "metadata", "namespace", help=_NAME_HELP)
    elif namespace and not is_namespaced(manifest.api, manifest.kind):
        message = f"a {manifest.kind} belongs to the whole cluster and has no namespace"
        say(rules.OBJECT_NAME, message, "metadata", "namespace", help="leave it out", key=True)
    check_labels(say, "metadata")


def check_labels(say: Findings, *route: str | int) -> None:
    """Add what is wrong with the labels and annotations of the metadata at a route."""
    value = say.manifest.value
    for key, label in table(value, *route, "labels").items():
        check_key(say, key, *route, "labels", key)
        if isinstance(label, str) and not is_label_value(label):
            message = f"the label '{_short(key)}' cannot be '{_short(label)}'"
            say(rules.LABEL, message, *route, "labels", key, help=_VALUE_HELP)
    annotations = table(value, *route, "annotations")
    for key in annotations:
        check_key(say, key.lower(), *route, "annotations", key)
    size = sum(len(key.encode()) + len(str(note).encode()) for key, note in annotations.items())
    if size > ANNOTATIONS_BYTES:
        message = f"the annotations hold {size:,} bytes, {ANNOTATIONS_BYTES:,} are allowed"
        say(rules.LABEL, message, *route, "annotations", help="put large texts into a ConfigMap")


def check_key(say: Findings, key: str, *route: str | int) -> None:
    """Add a finding on a key of labels, annotations or node labels that is none."""
    if not is_label_key(key):
        say(
            rules.LABEL, f"'{_short(key)}' cannot be the key of a label or annotation", *route, help=_KEY_HELP, key=True
        )


def _short(name: str) -> str:
    return name if len(name) <= 60 else name[:57] + "..."
