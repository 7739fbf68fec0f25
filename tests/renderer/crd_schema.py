"""CRD schemas as the API server applies them with strict field validation: a JSON Schema, and its defaults."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
_METADATA = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"},
        "namespace": {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"},
        "labels": _STRINGS,
        "annotations": _STRINGS,
    },
}
PLURALS = {
    "RayJob": "rayjobs",
    "RayCluster": "rayclusters",
    "RayCronJob": "raycronjobs",
    "ClusterQueue": "clusterqueues",
    "LocalQueue": "localqueues",
    "ResourceFlavor": "resourceflavors",
}
_INTEGERS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """An openAPIV3Schema node as Draft 2020-12: undeclared fields are errors, integers keep to their width."""
    out: dict[str, Any] = {k: schema[k] for k in ("enum", "pattern", "minimum", "maximum", "required") if k in schema}
    for key in ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"):
        if key in schema:
            out[key] = schema[key]
    if schema.get("x-kubernetes-int-or-string"):
        return out | {"type": ["integer", "string"]}
    kind = schema.get("type")
    if kind:
        out["type"] = kind
    if kind == "integer" and schema.get("format") in _INTEGERS:
        low, high = _INTEGERS[schema["format"]]
        out["minimum"], out["maximum"] = max(low, out.get("minimum", low)), min(high, out.get("maximum", high))
    if "items" in schema:
        out["items"] = strict(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        out["additionalProperties"] = strict(schema["additionalProperties"])
    elif kind == "object" and not schema.get("x-kubernetes-preserve-unknown-fields"):
        out["additionalProperties"] = False
    if "properties" in schema:
        out["properties"] = {name: strict(item) for name, item in schema["properties"].items()}
    return out


@cache
def _openapi(path: Path, version: str) -> dict[str, Any]:
    crd = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)  # pure Python takes seconds
    (found,) = [v["schema"]["openAPIV3Schema"] for v in crd["spec"]["versions"] if v["name"] == version]
    return found


def crd_errors(crds: Path, value: dict[str, Any]) -> list[str]:
    """What the published CRD of ``value``'s kind refuses once its defaults are filled in; KeyError for other kinds."""
    group, version = value["apiVersion"].split("/")
    path = crds / f"{group}_{PLURALS[value['kind']]}.yaml"
    found = _validator(path, group, version).iter_errors(_filled(_openapi(path, version), value))
    return [f"{error.json_path}: {error.message}" for error in found]


@cache
def _validator(path: Path, group: str, version: str) -> jsonschema.Draft202012Validator:
    root = strict(_openapi(path, version))
    root["properties"] |= {"metadata": _METADATA, "apiVersion": {"const": f"{group}/{version}"}}
    root["required"] = [*root.get("required", ()), "metadata", "apiVersion", "kind"]
    return jsonschema.Draft202012Validator(root)


def with_defaults(crds: Path, plural: str, value: dict[str, Any]) -> dict[str, Any]:
    """``value`` with the defaults that the API server fills in from the v1 schema."""
    return _filled(_openapi(crds / f"ray.io_{plural}.yaml", "v1"), value)


def _filled(schema: dict[str, Any], value: Any) -> Any:
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        absent = {k: s["default"] for k, s in properties.items() if k not in value and "default" in s}
        return {k: _filled(properties.get(k, {}), item) for k, item in (value | absent).items()}
    if isinstance(value, list):
        return [_filled(schema.get("items", {}), item) for item in value]
    return value
