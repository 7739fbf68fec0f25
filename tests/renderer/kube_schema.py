"""Kubernetes' own schemas of every release, as kubernetes-validate has them, each read and compiled once."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

RELEASES = [f"1.{minor}" for minor in range(25, 38)]


@cache
def _read(release: str, name: str) -> Any:
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{release}.0-local-strict"
    return json.loads((folder / f"{name}.json").read_bytes())


@cache
def _validator(release: str, name: str) -> Any:
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    registry: Any = Resource.from_contents(_read(release, "_definitions")) @ Registry()
    schema = _read(release, name)
    return Draft202012Validator(schema, registry=Resource.from_contents(schema) @ registry)


def core_errors(value: dict[str, Any], release: str) -> list[str]:
    """What a release's strict schema has against an object. FileNotFoundError for a kind that it does not have."""
    # rbac.authorization.k8s.io/v1 → rbac-v1, as the package names its files.
    api = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", value["apiVersion"])
    validator = _validator(release, f"{value['kind'].lower()}-{api}")
    return [f"{value['kind']} {error.json_path}: {error.message}" for error in validator.iter_errors(value)]
