"""Where needs are met on clusters of different shapes; no Ray involved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import toy_fleet

from fleetspec.catalog.types import Slice
from fleetspec.compiler.lock import LockedSeries
from fleetspec.diagnostics import Rejected
from fleetspec.planner.plans import PoolLine, WorkerLine
from fleetspec.runtime.bundles import Need
from fleetspec.runtime.placing import ClusterNode, Placing, mig_resource

CPU = Need("cpu-std", "cpu", "", 2, 1024)
MIG = Need("gpu-h100-mig", "mig-1g.10gb", "H100-80GB", 1, 2048)
GPU = Need("gpu-h100", "gpu", "H100-80GB", 4, 2048)
GIB = 2**30


def placing(nodes: list[ClusterNode], cpu_instead: bool = False, pools: tuple[PoolLine, ...] = ()) -> Placing:
    lock = toy_fleet.lock_of({"A": LockedSeries("A", 60, 0, None, None, "")})
    plan = replace(toy_fleet.toy_plan(toy_fleet.toy_graph(lock, Path())), pools=pools)
    return Placing(plan, lambda: nodes, cpu_instead, patience_seconds=6.0, sleep=lambda seconds: None)


def node(labels: dict[str, str] | None = None, **resources: float) -> ClusterNode:
    return ClusterNode(resources, labels or {})


def test_own_machine_fits_workers_by_cores_and_memory() -> None:
    made = placing([node(CPU=16, memory=4 * GIB)], cpu_instead=True)
    assert made.cores == 16
    assert made.width(CPU) == 4
    assert made.width(replace(CPU, memory_mib=100)) == 8
    assert made.options(CPU) == {"num_cpus": 2}
    assert made.station(replace(CPU, cores=64)).cores == 16


def test_gpu_jobs_run_on_the_cpu_of_an_own_machine_without_gpu() -> None:
    made = placing([node(CPU=2)], cpu_instead=True)
    assert (made.station(MIG).device, made.station(MIG).slot) == ("cpu", "cpu")
    assert "num_gpus" not in made.options(MIG)


def test_slice_becomes_the_whole_gpu_of_an_own_machine() -> None:
    made = placing([ClusterNode({"CPU": 16, "GPU": 1, "accelerator_type:H200": 1}, {})], cpu_instead=True)
    station = made.station(MIG)
    assert (station.device, station.slot, station.label) == ("cuda", "gpu", "H200")
    assert made.options(MIG) == {"num_cpus": 0, "num_gpus": 1.0}


def test_a_partition_is_held_by_its_mode() -> None:
    need = Need("amd", "cpx-nps4", "MI300X", 1, 2048)
    made = placing([node(CPU=4), node(CPU=8, GPU=1, cpx_nps4=8)])
    assert (made.width(need), made.options(need)["resources"]) == (8, {"cpx_nps4": 1})
    labels = {"fleetspec.dev/pool": "amd", "fleetspec.dev/slot": "cpx-nps4"}
    rendered = placing([node(labels, CPU=1, GPU=1, cpx_nps4=1)])
    assert rendered.options(need) == {
        "num_cpus": 1,
        "num_gpus": 1.0,
        "resources": {"cpx_nps4": 1},
        "label_selector": labels,
    }


def test_declared_slices_are_held_one_by_one() -> None:
    made = placing([node(CPU=4), node(CPU=8, GPU=1, mig_1g_10gb=7)])
    assert made.station(MIG).slot == "mig-1g.10gb"
    assert made.width(MIG) == 7
    assert made.options(MIG) == {"num_cpus": 0, "num_gpus": 0.1429, "resources": {"mig_1g_10gb": 1}}
    one = placing([node(CPU=4), node(CPU=8, GPU=1, mig_1g_10gb=1)])
    assert one.options(MIG)["num_gpus"] == 1.0


def test_missing_resource_is_named_after_a_bounded_wait() -> None:
    made = placing([node(CPU=4, memory=GIB)])
    with pytest.raises(
        Rejected, match=r"jobs on gpu-h100-mig mig-1g\.10gb and the cluster has no resource mig_1g_10gb"
    ) as no:
        made.station(MIG)
    assert no.value.report.findings[0].rule.code == "FS503"
    assert "it has CPU, memory" in (no.value.report.findings[0].help or "")
    with pytest.raises(Rejected, match="no resource GPU"):
        made.station(GPU)


def test_resource_that_appears_while_waiting_is_used() -> None:
    nodes = [node(CPU=4)]
    made = placing(nodes)
    made._sleep = lambda seconds: nodes.append(node(CPU=4, GPU=1)) if len(nodes) == 1 else None
    assert made.station(GPU).device == "cuda"


def pool(name: str, slot: str, gpu: str | None, workers: int, cores: int) -> PoolLine:
    line = WorkerLine("", slot, workers, 1, cores, 8192)
    return PoolLine(name, gpu, 1 if gpu else 0, 16, 65536, 1.0, "", 9, workers, 60, (line,))


def test_rendered_cluster_is_asked_for_what_is_planned_before_it_exists() -> None:
    pools = (pool("cpu-std", "cpu", None, 3, 15), pool("gpu-h100-mig", "mig-1g.10gb", "H100-80GB", 7, 3))
    made = placing([node(CPU=0, fleetspec_driver=1)], pools=pools)
    assert made.rendered
    assert made.cores == 3 * 15 + 7 * 3
    # Seven cores' worth of pairs and eight times 1 GiB on each of three nodes.
    assert made.width(CPU) == 21
    assert made.width(MIG) == 7
    labels = {"fleetspec.dev/pool": "gpu-h100-mig", "fleetspec.dev/slot": "mig-1g.10gb"}
    assert made.options(MIG) == {
        "num_cpus": 1,
        "num_gpus": 1.0,
        "resources": {"mig_1g_10gb": 1},
        "label_selector": labels,
    }
    assert made.station(MIG).label == "H100-80GB"
    assert made.station(CPU).pool == "cpu-std"


def test_labelled_nodes_show_a_rendered_cluster() -> None:
    assert placing([node({"fleetspec.dev/pool": "cpu-std"}, CPU=15)]).rendered
    assert not placing([node({"ray.io/node-id": "x"}, CPU=15)]).rendered


@pytest.mark.parametrize("name", ["1g.10gb", "1g.10gb+me", "7g.80gb"])
def test_resource_of_a_slot_is_the_catalogs(name: str) -> None:
    assert mig_resource(f"mig-{name}") == Slice(name, 1, 1, (0,), 1, 1).ray_resource
