"""Writes fleetspec/lint/data/{kuberay,kueue}.json: what the CRDs of KubeRay and Kueue say of each field, without prose.

    python scripts/crd_facts.py FOLDER --kuberay 1.7.0 --kueue 0.19.2

FOLDER holds the CustomResourceDefinitions of both, one YAML file each (KubeRay: helm-chart/kuberay-operator/crds,
Kueue: config/components/crd/bases). A shape that stands in several places is written once and named; `status`, which
nobody writes by hand, is left out. Every CEL rule that needs no earlier object is kept by its text, and
tests/lint/test_facts.py fails until fleetspec/lint/cel.py says each of them in Python.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from fleetspec.files import write_atomically

DATA = Path(__file__).resolve().parents[1] / "fleetspec" / "lint" / "data"
PROJECTS = {"ray.io": "kuberay", "kueue.x-k8s.io": "kueue"}
PLAIN = {
    "enum": "enum",
    "pattern": "pattern",
    "minimum": "min",
    "maximum": "max",
    "minLength": "shortest",
    "maxLength": "longest",
    "minItems": "fewest",
    "maxItems": "most",
    "minProperties": "fewest",
    "maxProperties": "most",
    "default": "default",
    "x-kubernetes-list-map-keys": "keys",
}
"""Words of OpenAPI that are kept, and how the shapes call them."""


def shape(schema: dict[str, Any]) -> dict[str, Any]:
    """The shape of an OpenAPI v3 schema: see `fleetspec.lint.facts.Shape` for the words."""
    made: dict[str, Any] = {"type": schema.get("type", "any")}
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = "int-or-string"
    made |= {ours: schema[theirs] for theirs, ours in PLAIN.items() if theirs in schema}
    if schema.get("format") in ("int32", "int64", "date-time"):
        made["format"] = schema["format"]
    if schema.get("nullable"):
        made["nullable"] = True
    if schema.get("x-kubernetes-list-type") == "set":
        made["set"] = True
    if "properties" in schema:
        made["fields"] = {name: shape(child) for name, child in sorted(schema["properties"].items())}
    if "required" in schema:
        made["required"] = sorted(schema["required"])
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        made["open"] = True
    if isinstance(schema.get("additionalProperties"), dict):
        made["values"] = shape(schema["additionalProperties"])
    if "items" in schema:
        made["items"] = shape(schema["items"])
    # A rule about a change needs the object as it was, which a file does not have.
    rules = [rule for rule in schema.get("x-kubernetes-validations", ()) if "oldSelf" not in rule["rule"]]
    if rules:
        made["cel"] = [" ".join(rule["rule"].split()) for rule in rules]
    return made


def root(schema: dict[str, Any]) -> dict[str, Any]:
    """The shape of a kind: its own fields; metadata is the API server's, status the controller's."""
    made = shape(schema)
    for name in ("metadata", "status"):
        made["fields"][name] = {"type": "object", "open": True}
    # Such rules speak of status, which is no part of a file.
    made["cel"] = [rule for rule in made.get("cel", ()) if "self.status" not in rule]
    if not made["cel"]:
        del made["cel"]
    return made


class Sharing:
    """Gives a name to every shape that stands in more than one place and is longer than its name."""

    def __init__(self, roots: list[dict[str, Any]]) -> None:
        self.seen: Counter[str] = Counter()
        self.names: dict[str, str] = {}
        self.shapes: dict[str, Any] = {}
        for each in roots:
            self.count(each)

    def count(self, made: dict[str, Any]) -> None:
        text = json.dumps(made, sort_keys=True)
        self.seen[text] += 1
        if self.seen[text] == 1:
            for child in children(made).values():
                self.count(child)

    def share(self, made: dict[str, Any], word: str) -> Any:
        text = json.dumps(made, sort_keys=True)
        if text in self.names:
            return self.names[text]
        lean = dict(made)
        if "fields" in made:
            lean["fields"] = {name: self.share(child, name) for name, child in made["fields"].items()}
        for key in ("values", "items"):
            if key in made:
                lean[key] = self.share(made[key], word)
        if self.seen[text] < 2 or len(text) < 30:
            return lean
        name, number = word, 1
        while name in self.shapes:
            number += 1
            name = f"{word}{number}"
        self.names[text], self.shapes[name] = name, lean
        return name


def children(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The shapes right below one."""
    inner = dict(made.get("fields", {}))
    return inner | {f"[{key}]": made[key] for key in ("values", "items") if key in made}


def facts(definitions: list[dict[str, Any]], release: str) -> str:
    """One project's CRDs as the text of its data file: one kind or shared shape a line."""
    roots: dict[tuple[str, str], dict[str, Any]] = {}
    kinds: dict[str, Any] = {}
    for definition in sorted(definitions, key=lambda each: str(each["metadata"]["name"])):
        spec = definition["spec"]
        kind = spec["names"]["kind"]
        kinds[kind] = {"namespaced": spec["scope"] == "Namespaced", "versions": {}}
        for version in spec["versions"]:
            if version["served"]:
                roots[kind, version["name"]] = root(version["schema"]["openAPIV3Schema"])
    sharing = Sharing(list(roots.values()))
    for (kind, version), made in roots.items():
        kinds[kind]["versions"][version] = sharing.share(made, kind)
    group = definitions[0]["spec"]["group"]
    lines = [f'{{"group": {json.dumps(group)},', f'"release": {json.dumps(release)},', '"kinds": {']
    lines.append(",\n".join(f"{json.dumps(kind)}: {compact(entry)}" for kind, entry in kinds.items()) + "},")
    lines.append('"shapes": {')
    lines.append(",\n".join(f"{json.dumps(name)}: {compact(made)}" for name, made in sorted(sharing.shapes.items())))
    return "\n".join(lines) + "}}\n"


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kuberay", required=True, metavar="VERSION")
    parser.add_argument("--kueue", required=True, metavar="VERSION")
    parser.add_argument("--to", type=Path, default=DATA, help="[default: fleetspec/lint/data]")
    arguments = parser.parse_args()
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    by_group: dict[str, list[dict[str, Any]]] = {group: [] for group in PROJECTS}
    for path in sorted(arguments.folder.glob("*.yaml")):
        definition = yaml.load(path.read_text(), Loader=loader)  # noqa: S506 (a safe loader, in C where there is one)
        if definition.get("kind") == "CustomResourceDefinition" and definition["spec"]["group"] in by_group:
            by_group[definition["spec"]["group"]].append(definition)
    for group, definitions in by_group.items():
        project = PROJECTS[group]
        text = facts(definitions, getattr(arguments, project))
        write_atomically(arguments.to / f"{project}.json", text.encode())
        print(f"{project}: {len(definitions)} kinds, {len(text):,} bytes")


if __name__ == "__main__":
    main()
