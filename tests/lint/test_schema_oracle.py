"""Shapes against JSON Schema: on objects with one thing changed at random, both find a fault or neither does."""

from __future__ import annotations

import copy
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import sound

from fleetspec.diagnostics import Report, Source
from fleetspec.lint import schema
from fleetspec.lint.facts import facts
from fleetspec.lint.manifest import Findings, Manifest
from fleetspec.lint.reading import Node

sys.path.append(str(Path(__file__).resolve().parents[1] / "renderer"))
from crd_schema import _filled, strict

FILES = {"RayJob": "ray.io_rayjobs", "RayCluster": "ray.io_rayclusters", "ClusterQueue": "kueue.x-k8s.io_clusterqueues"}
QUEUE = {
    "apiVersion": "kueue.x-k8s.io/v1beta2",
    "kind": "ClusterQueue",
    "metadata": {"name": "forecast"},
    "spec": {
        "cohortName": "quant",
        "namespaceSelector": {"matchLabels": {"team": "quant"}},
        "queueingStrategy": "StrictFIFO",
        "preemption": {"reclaimWithinCohort": "Any"},
        "resourceGroups": [
            {"coveredResources": ["cpu"], "flavors": [{"name": "a", "resources": [{"name": "cpu", "nominalQuota": 8}]}]}
        ],
    },
}
OTHERS: list[Any] = [
    0,
    -1,
    2**31,
    2**63,
    1.5,
    4.0,
    True,
    "",
    "12Gi",
    "20GB",
    "Never",
    "a" * 300,
    [],
    ["x"],
    {},
    {"x": "y"},
    [{}],
]


@cache
def oracle(folder: Path, kind: str, version: str) -> tuple[jsonschema.Draft202012Validator, dict[str, Any]]:
    crd = yaml.load((folder / f"{FILES[kind]}.yaml").read_text(), Loader=yaml.CSafeLoader)
    (found,) = [each["schema"]["openAPIV3Schema"] for each in crd["spec"]["versions"] if each["name"] == version]
    made = strict(found)
    made["properties"] |= {"metadata": {"type": "object"}, "status": {}}
    return jsonschema.Draft202012Validator(made), found


def routes(value: Any, route: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [route, *(each for key, inner in below for each in routes(inner, (*route, key)))]


def changed(value: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """A copy with one entry under spec renamed, left out or replaced."""
    made = copy.deepcopy(value)
    route = data.draw(st.sampled_from([each for each in routes(made["spec"]) if each]))
    parent: Any = made["spec"]
    for step in route[:-1]:
        parent = parent[step]
    last: Any = route[-1]
    what = data.draw(st.sampled_from(["rename", "leave out", "replace", "replace", "replace"]))
    if what == "replace":
        parent[last] = data.draw(st.sampled_from(OTHERS))
    else:
        held = parent.pop(last)
        if what == "rename" and isinstance(last, str):
            parent[last + data.draw(st.sampled_from(["s", "X", "-"]))] = held
    return made


def said(value: dict[str, Any]) -> list[str]:
    """Messages of the linter about shape alone."""
    known = facts()[value["apiVersion"].partition("/")[0]]
    manifest = Manifest(Source("object", ""), Node(0, 0), value, value["apiVersion"], value["kind"])
    report = Report()
    schema.check(value, known.versions(value["kind"])[value["apiVersion"]], known, Findings(report, manifest))
    return [f"{d.route}: {d.message}" for d in report if d.rule.code not in ("FS437", "FS438")]


@pytest.mark.parametrize("kind", sorted(FILES))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_both_find_a_fault_or_neither(kind: str, shared: Path, data: st.DataObject) -> None:
    start = QUEUE if kind == "ClusterQueue" else sound(kind)
    value = changed(start, data)
    validator, openapi = oracle(shared / "crds", kind, value["apiVersion"].partition("/")[2])
    wrong = [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(_filled(openapi, value))]
    assert bool(said(value)) == bool(wrong), (said(value), wrong)


@pytest.mark.parametrize("kind", sorted(FILES))
def test_both_find_nothing_in_what_is_sound(kind: str, shared: Path) -> None:
    value = QUEUE if kind == "ClusterQueue" else sound(kind)
    validator, _ = oracle(shared / "crds", kind, value["apiVersion"].partition("/")[2])
    assert said(value) == []
    assert list(validator.iter_errors(value)) == []
