"""Every rendered object and pod says whose it is, and objects come in the order they are applied in."""

from __future__ import annotations

from typing import Any

from handmade import Made, parsed

from fleetspec.renderer import ownership
from fleetspec.renderer.manifests import Manifests


def test_every_object_is_owned(manifests: Manifests) -> None:
    objects = manifests.objects()
    assert {value["kind"] for value in objects} >= {"ConfigMap", "RayJob"}
    for value in objects:
        assert ownership.is_owned(value, "demo"), value["kind"]
        assert not ownership.is_owned(value, "other")
        assert ownership.scope_of(value) in ("platform", "fleet", "run")


def test_what_belongs_to_a_run_says_which(made: Made, manifests: Manifests) -> None:
    of_run = [value["metadata"] for value in manifests.objects() if ownership.scope_of(value) == "run"]
    plan = parsed(manifests, "rayjob.yaml")["metadata"]["annotations"][ownership.PLAN]
    assert len(of_run) == 2
    for meta in of_run:
        assert meta["labels"][ownership.RUN] == made.graph.run.value
        assert meta["annotations"][ownership.PLAN] == plan


def test_pods_carry_the_labels_of_their_run(manifests: Manifests) -> None:
    spec: dict[str, Any] = parsed(manifests, "rayjob.yaml")["spec"]
    cluster = spec["rayClusterSpec"]
    templates = [spec["submitterPodTemplate"], cluster["headGroupSpec"]["template"]]
    templates += [group["template"] for group in cluster["workerGroupSpecs"]]
    wanted = {ownership.MANAGED_BY: "fleetspec", ownership.FLEET: "demo", ownership.RUN: "nightly"}
    assert all(template["metadata"]["labels"].items() >= wanted.items() for template in templates)


def test_the_job_comes_last(manifests: Manifests) -> None:
    objects = manifests.objects()
    waves = [ownership.wave_of(value) for value in objects]
    assert waves == sorted(waves)
    assert objects[-1]["kind"] == "RayJob"
