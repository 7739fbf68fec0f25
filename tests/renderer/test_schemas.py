"""Everything rendered, against the published schemas: KubeRay's and Kueue's CRDs, and Kubernetes from 1.25 to 1.37."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from crd_schema import PLURALS, crd_errors
from kube_schema import RELEASES, core_errors
from variants import variants

from fleetspec.diagnostics import Report, Source
from fleetspec.lint.linting import lint
from fleetspec.renderer.manifests import Manifests
from fleetspec.renderer.pods import as_text

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


def test_ray_and_kueue_take_what_is_theirs(shared: Path, rendered: dict[str, Manifests]) -> None:
    theirs = [value for value in distinct(rendered) if value["kind"] in PLURALS]
    assert {value["kind"] for value in theirs} == {"RayJob", "ClusterQueue", "LocalQueue", "ResourceFlavor"}
    assert [error for value in theirs for error in crd_errors(shared / "crds", value)] == []


@pytest.fixture(scope="module")
def core(rendered: dict[str, Manifests]) -> list[dict[str, Any]]:
    return [value for value in distinct(rendered) if value["kind"] not in PLURALS and value["kind"] not in NO_SCHEMA]


@pytest.mark.parametrize("release", RELEASES)
def test_kubernetes_takes_the_rest(core: list[dict[str, Any]], release: str) -> None:
    pytest.importorskip("kubernetes_validate", reason="NOT CHECKED AGAINST KUBERNETES: it is absent")
    kinds = {value["kind"] for value in core}
    assert {"Namespace", "NetworkPolicy", "PodDisruptionBudget", "CronJob", "Role", "PriorityClass", "Pod"} <= kinds
    assert [error for value in core for error in core_errors(value, release)] == []


@pytest.mark.parametrize("release", [RELEASES[0], RELEASES[-1]])
def test_schemas_read_once_judge_as_the_package_does(core: list[dict[str, Any]], release: str) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="NOT CHECKED AGAINST KUBERNETES: it is absent")
    pod = next(value for value in core if value["kind"] == "Pod")
    broken = copy.deepcopy(pod)
    broken["spec"]["containers"][0]["imagePullPolicies"] = "Always"
    assert core_errors(pod, release) == []
    validator.validate(pod, release, strict=True)
    assert core_errors(broken, release)
    with pytest.raises(validator.ValidationError):
        validator.validate(broken, release, strict=True)


def test_our_linter_has_nothing_to_say(rendered: dict[str, Manifests]) -> None:
    for name, made in rendered.items():
        report = Report()
        lint([Source(file, text) for file, text in made.files.items()], [], report)
        assert [f"{name} {each.rule.code} {each.message}" for each in report] == []


def restricted_faults(value: dict[str, Any]) -> list[str]:
    """The profile said in full: https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    spec = value["spec"] if value["kind"] == "Pod" else None
    if value["kind"] == "CronJob":
        spec = value["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    if spec is None:
        return []
    inner = [each["securityContext"] for each in (*spec["containers"], *spec.get("initContainers", ()))]
    passes = {
        "runs as somebody else than root": spec["securityContext"]["runAsNonRoot"] is True
        and spec["securityContext"]["runAsUser"] > 0,
        "seccomp": spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault",
        "no namespace of the host": not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(),
        "volumes": all(v.keys() & VOLUMES for v in spec.get("volumes", ())),
        "no escalation": all(each["allowPrivilegeEscalation"] is False for each in inner),
        "no capabilities": all(each["capabilities"] == {"drop": ["ALL"]} for each in inner),
    }
    return [f"{value['metadata']['name']}: {what}" for what, held in passes.items() if not held]


def test_every_pod_passes_pod_security_restricted(rendered: dict[str, Manifests]) -> None:
    assert [fault for value in distinct(rendered) for fault in restricted_faults(value)] == []


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
