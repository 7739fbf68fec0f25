"""The manifests against KubeRay's published CRDs, and the checker against verdicts of a real API server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from crd_schema import crd_errors
from handmade import Made, make_spec, parsed

from fleetspec.renderer.manifests import Manifests, render


def test_the_rayjob_is_valid(shared: Path, manifests: Manifests) -> None:
    assert crd_errors(shared / "crds", parsed(manifests, "rayjob.yaml")) == []


def test_a_rayjob_of_the_defaults_is_valid(shared: Path, made: Made) -> None:
    spec = make_spec().model_copy(update={"cluster": type(made.spec.cluster)()})
    rendered = render(made.plan, made.graph, spec, made.resolved, made.lock)
    assert crd_errors(shared / "crds", parsed(rendered, "rayjob.yaml")) == []


@pytest.mark.parametrize(
    ("route", "value", "word"),
    [
        (("spec", "activeDeadlineSeconds"), "4h", "integer"),
        (("spec", "rayClusterSpec", "rayVersion"), 2.6, "string"),
        (("spec", "rayClusterConfig"), {}, "rayClusterConfig"),
        (("spec", "rayClusterSpec", "authOptions", "mode"), "bearer", "bearer"),
        (("spec", "rayClusterSpec", "headGroupSpec", "rayStartParams", "block"), True, "string"),
        (("spec", "activeDeadlineSeconds"), 2**31, "maximum"),
    ],
)
def test_a_broken_rayjob_is_not(
    shared: Path, manifests: Manifests, route: tuple[str, ...], value: Any, word: str
) -> None:
    job = parsed(manifests, "rayjob.yaml")
    place = job
    for key in route[:-1]:
        place = place[key]
    place[route[-1]] = value
    errors = crd_errors(shared / "crds", job)
    assert len(errors) == 1
    assert word in errors[0]


def test_the_checker_agrees_with_the_api_server(shared: Path) -> None:
    """Oracle: the recorded verdicts of kube-apiserver 1.36 on manifests of Ray kinds.

    Left out is what stands outside a structural schema: CEL rules, label and duplicate-name syntax, YAML itself.
    """
    outside = {
        "deletion-two-statuses.yaml",  # CEL
        "rayjob-managed-by-argocd.yaml",  # CEL
        "rayjob-label-key-two-slashes.yaml",
        "rayjob-label-with-space.yaml",
        "rayjob-volume-name-twice.yaml",  # x-kubernetes-list-map-keys
        "rayjob-key-twice.yaml",
        "rayjob-kind-case.yaml",
        "rayjob-tab-indent.yaml",
        "rayjob-template-placeholder.yaml",
    }
    wrong, seen = [], 0
    for case in json.loads((shared / "lint_cases" / "index.json").read_text()):
        if case["file"] in outside:
            continue
        documents = yaml.safe_load_all((shared / "lint_cases" / case["file"]).read_text())
        known = [d for d in documents if d and d["apiVersion"] == "ray.io/v1" and d["kind"] in ("RayJob", "RayCluster")]
        if not known:
            continue
        seen += 1
        refused = any(crd_errors(shared / "crds", document) for document in known)
        if refused != ("apiserver" in case["caught_by"]):
            wrong.append(case["file"])
    assert seen > 60
    assert wrong == []
