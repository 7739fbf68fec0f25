"""The shipped specs through compiler, planner and renderer: valid for KubeRay, seen by Ray as planned, run as such."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from crd_schema import crd_errors
from handmade import parsed
from rendered_entrypoint import config_entry, unpack_config
from test_autoscaler import MIB, ray_cluster

from fleetspec.compiler.compose import compose, resolved_text
from fleetspec.compiler.decode import decode
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.lock import lock_path, read_lock
from fleetspec.compiler.lower import default_session, lower
from fleetspec.diagnostics import Report
from fleetspec.planner.plans import Plan
from fleetspec.planner.problem import CPU_SLOT, GPU_SLOT
from fleetspec.renderer.manifests import Manifests, render
from fleetspec.runtime.__main__ import configured

SPECS = Path(__file__).resolve().parents[2] / "specs"


@pytest.fixture(scope="module", params=["quickstart", "prod"])
def shipped(request: pytest.FixtureRequest) -> tuple[Plan, Manifests]:
    import numpy as np

    from fleetspec.catalog import loading
    from fleetspec.families import registry
    from fleetspec.planner.planning import make_plan
    from fleetspec.planner.pose import header_of, pose

    path, report, catalog = SPECS / f"{request.param}.yaml", Report(), loading.shipped()
    document = compose(path, report)
    assert document is not None
    assert lock_path(path).is_file(), f"write the lock: fleetspec lock specs/{path.name}"
    spec, lock = decode(document, report), read_lock(lock_path(path), report)
    assert spec is not None
    assert lock is not None
    graph = lower(spec, lock, registry(), RunKind.NIGHTLY, default_session(spec, lock))
    text, lock_bytes = resolved_text(document), lock_path(path).read_bytes()
    problem = pose(graph, spec, catalog, np.zeros(len(graph), bool))
    plan = make_plan(problem, header_of(graph, spec, catalog, text, lock_bytes))
    manifests = render(plan, graph, spec, text, lock_bytes)
    assert config_entry(manifests.files["configmap.yaml"], "fleet.lock") == lock_bytes
    return plan, manifests


def test_the_manifests_are_valid(shared: Path, shipped: tuple[Plan, Manifests]) -> None:
    assert crd_errors(shared / "crds", parsed(shipped[1], "rayjob.yaml")) == []


def test_a_pod_compiles_what_was_planned(shipped: tuple[Plan, Manifests], tmp_path: Path) -> None:
    plan, manifests = shipped
    unpack_config(manifests.files["configmap.yaml"], tmp_path)
    found = configured(tmp_path, None)
    assert found.plan.to_bytes() == plan.to_bytes()
    assert found.graph.content == plan.inputs.graph


def test_the_autoscaler_sees_the_plan(shared: Path, shipped: tuple[Plan, Manifests]) -> None:
    """Workers, cores, memory and slots per pool, as Ray's reader counts them and as the plan does."""
    reader = pytest.importorskip(
        "ray.autoscaler._private.kuberay.autoscaling_config", reason="NOT CHECKED WITH RAY'S READER: ray is absent"
    )
    plan, manifests = shipped
    cluster = ray_cluster(shared / "crds", parsed(manifests, "rayjob.yaml"))
    nodes: dict[str, Any] = reader._derive_autoscaling_config_from_ray_cr(cluster)["available_node_types"]
    del nodes["headgroup"]
    seen: Counter[tuple[str, str]] = Counter()
    for node in nodes.values():
        for name, amount in node["resources"].items():
            seen[node["labels"]["fleetspec.dev/pool"], name] += node["max_workers"] * amount
    planned: Counter[tuple[str, str]] = Counter()
    for pool in plan.pools:
        for line in pool.workers:
            planned[pool.pool, "CPU"] += line.workers * line.cores
            planned[pool.pool, "memory"] += line.workers * line.memory_mib * MIB
            if line.slot != CPU_SLOT:
                planned[pool.pool, "GPU"] += line.workers
            if line.slot not in (CPU_SLOT, GPU_SLOT):
                planned[pool.pool, line.slot.replace("-", "_").replace(".", "_")] += line.workers
    assert seen == planned
    assert seen
