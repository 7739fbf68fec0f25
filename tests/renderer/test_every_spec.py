"""Every manifest of every shipped fleet and kind of run: CRDs, Kubernetes 1.25 to 1.37, our linter, Ray's reader."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from crd_schema import PLURALS, crd_errors
from handmade import parsed
from kube_schema import RELEASES, core_errors
from shipped import CASES, every_rendering, objects_of
from test_autoscaler import MIB, ray_cluster
from test_schemas import NO_SCHEMA, restricted_faults

from fleetspec.diagnostics import Report, Source
from fleetspec.lint.linting import lint
from fleetspec.planner.problem import CPU_SLOT, GPU_SLOT


@pytest.fixture(scope="module")
def values() -> list[dict[str, Any]]:
    """Each object once, whichever fleets have it."""
    found = {json.dumps(value): value for _, made in every_rendering() for value in objects_of(made)}
    return list(found.values())


def test_all_fleets_are_there() -> None:
    names = {name for name, _ in CASES}
    assert {"quickstart", "prod", "volatility", "alphas"} <= names
    runs = Counter(made.plan.run for made, _ in every_rendering())
    assert runs["nightly"] == runs["change"] == len(names)
    assert runs["backtest"] >= 3


def test_kuberay_and_kueue_take_them(shared: Path, values: list[dict[str, Any]]) -> None:
    theirs = [value for value in values if value["kind"] in PLURALS]
    assert len([value for value in theirs if value["kind"] == "RayJob"]) == len(every_rendering())
    assert [error for value in theirs for error in crd_errors(shared / "crds", value)] == []


@pytest.mark.parametrize("release", RELEASES)
def test_every_release_of_kubernetes_takes_the_rest(values: list[dict[str, Any]], release: str) -> None:
    pytest.importorskip("kubernetes_validate", reason="NOT CHECKED AGAINST KUBERNETES: it is absent")
    core = [value for value in values if value["kind"] not in PLURALS and value["kind"] not in NO_SCHEMA]
    assert len([value for value in core if value["kind"] == "Pod"]) >= 3 * len(every_rendering())
    assert [error for value in core for error in core_errors(value, release)] == []


def test_pods_pass_pod_security_restricted(values: list[dict[str, Any]]) -> None:
    assert [fault for value in values for fault in restricted_faults(value)] == []


def test_our_linter_has_nothing_to_say_of_them() -> None:
    for made, manifests in every_rendering():
        report = Report()
        lint([Source(file, text) for file, text in manifests.files.items()], [], report)
        assert [f"{made.plan.fleet} {each.rule.code} {each.message}" for each in report] == []


def test_rays_reader_sees_every_plan(shared: Path) -> None:
    """Workers, cores, memory, GPUs and custom resources by pool, of every fleet and run."""
    reader = pytest.importorskip(
        "ray.autoscaler._private.kuberay.autoscaling_config", reason="NOT CHECKED WITH RAY'S READER: ray is absent"
    )
    for made, manifests in every_rendering():
        cluster = ray_cluster(shared / "crds", parsed(manifests, "rayjob.yaml"))
        nodes = reader._derive_autoscaling_config_from_ray_cr(cluster)["available_node_types"]
        seen: Counter[tuple[str, str]] = Counter()
        for kind, node in nodes.items():
            for name, amount in node["resources"].items() if kind != "headgroup" else ():
                seen[node["labels"]["fleetspec.dev/pool"], name] += node["max_workers"] * amount
        planned: Counter[tuple[str, str]] = Counter()
        for pool in made.plan.pools:
            for line in pool.workers:
                planned[pool.pool, "CPU"] += line.workers * line.cores
                planned[pool.pool, "memory"] += line.workers * line.memory_mib * MIB
                if line.slot != CPU_SLOT:
                    planned[pool.pool, "GPU"] += line.workers
                if line.slot not in (CPU_SLOT, GPU_SLOT):
                    planned[pool.pool, line.slot.replace("-", "_").replace(".", "_")] += line.workers
        assert seen == planned
        assert seen
