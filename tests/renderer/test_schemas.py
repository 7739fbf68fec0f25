"""Everything rendered, against the published schemas: KubeRay's and Kueue's CRDs, and Kubernetes from 1.25 to 1.37."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from crd_schema import PLURALS, crd_errors
from variants import variants

from fleetspec.diagnostics import Report, Source
from fleetspec.lint.linting import lint
from fleetspec.renderer.manifests import Manifests
from fleetspec.renderer.pods import as_text

RELEASES = [f"1.{minor}" for minor in range(25, 38)]
NO_SCHEMA = {"DeviceConfig", "PodMonitor"}
"""Kinds of projects whose schemas are not at hand: names and labels are all that is checked of them here. The fields of
a DeviceConfig are held against a copy of its schema in test_partitions."""

VOLUMES = {"configMap", "persistentVolumeClaim", "emptyDir", "projected"}


@pytest.fixture(scope="module")
def rendered() -> dict[str, Manifests]:
    return {name: made.render() for name, made in variants().items()}


def distinct(rendered: dict[str, Manifests]) -> list[dict[str, Any]]:
    """Every object of every variant once, the pods that the operator makes among them."""
    texts = {text for made in rendered.values() for name, text in made.files.items() if "kustomization" not in name}
    objects = [yaml.load(text, Loader=yaml.CSafeLoader) for text in sorted(texts)]
    streams = {as_text(made.pods()) for made in rendered.values()}
    return objects + [pod for stream in sorted(streams) for pod in yaml.load_all(stream, Loader=yaml.CSafeLoader)]


@pytest.fixture(scope="module")
def core(rendered: dict[str, Manifests]) -> list[dict[str, Any]]:
    """The objects of the two variants that together hold every kind, and their pods."""
    return distinct({name: rendered[name] for name in ("plain", "everything")})


def test_ray_and_kueue_take_what_is_theirs(shared: Path, rendered: dict[str, Manifests]) -> None:
    theirs = [value for value in distinct(rendered) if value["kind"] in PLURALS]
    assert {value["kind"] for value in theirs} == {"RayJob", "ClusterQueue", "LocalQueue", "ResourceFlavor"}
    assert [error for value in theirs for error in crd_errors(shared / "crds", value)] == []


@pytest.mark.parametrize("release", RELEASES)
def test_kubernetes_takes_the_rest(core: list[dict[str, Any]], release: str) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="NOT CHECKED AGAINST KUBERNETES: it is absent")
    kinds = set()
    for value in core:
        if value["kind"] in PLURALS or value["kind"] in NO_SCHEMA:
            continue
        kinds.add(value["kind"])
        validator.validate(value, release, strict=True)
    assert {"Namespace", "NetworkPolicy", "PodDisruptionBudget", "CronJob", "Role", "PriorityClass", "Pod"} <= kinds


def test_our_linter_has_nothing_to_say(rendered: dict[str, Manifests]) -> None:
    for name, made in rendered.items():
        report = Report()
        lint([Source(file, text) for file, text in made.files.items()], [], report)
        assert [f"{name} {each.rule.code} {each.message}" for each in report] == []


def test_every_pod_passes_pod_security_restricted(rendered: dict[str, Manifests]) -> None:
    """The profile said in full: https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    for value in distinct(rendered):
        spec = value["spec"] if value["kind"] == "Pod" else None
        if value["kind"] == "CronJob":
            spec = value["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        if spec is None:
            continue
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert all(
            v.keys() & {"configMap", "persistentVolumeClaim", "emptyDir", "projected"} for v in spec.get("volumes", ())
        )
        for container in [*spec["containers"], *spec.get("initContainers", ())]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}


def test_only_the_head_and_the_launcher_hold_a_token(rendered: dict[str, Manifests]) -> None:
    for name, made in rendered.items():
        autoscaled = name in ("plain", "elastic", "remote", "in pieces")
        for pod in made.pods():
            mounted = pod.value["spec"].get("automountServiceAccountToken", True)
            assert mounted is (pod.what == "head" and autoscaled), (name, pod.what)


def test_an_account_of_ours_is_rendered_wherever_a_pod_names_one(rendered: dict[str, Manifests]) -> None:
    for made in rendered.values():
        named = set(re.findall(r'serviceAccountName: "([^"]+)"', "".join(made.files.values())))
        accounts = {value["metadata"]["name"] for value in made.objects() if value["kind"] == "ServiceAccount"}
        assert named == accounts
