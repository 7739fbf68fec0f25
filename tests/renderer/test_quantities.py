"""Laws over random plans: what the manifests ask for is what the plan counts, added up here from the YAML alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from handmade import make, make_plan, make_spec, parsed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetspec.planner.plans import PoolLine, WorkerLine
from fleetspec.renderer.manifests import Manifests

HEAD, SUBMITTER, AUTOSCALER = (2000, 8192), (250, 256), (500, 1024)
"""Thousandths of a core and MiB, as docs/adr and the manifests have them."""
MIG = {"mig-1g.10gb": 7, "mig-2g.20gb": 3, "mig-3g.40gb": 2, "mig-1g.10gb+me": 1}
MODES = {"spx-nps1": 1, "dpx-nps1": 2, "qpx-nps1": 4, "cpx-nps1": 8, "cpx-nps4": 8}
MANY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def pool_lines(draw: st.DrawFn, name: str) -> PoolLine:
    kind = draw(st.sampled_from(["cpu", "nvidia", "amd", "partitions", "mig", "shared"]))
    nodes, cores = draw(st.integers(1, 5)), draw(st.integers(1, 32))
    memory = draw(st.integers(256, 400_000))
    gpus = draw(st.sampled_from([1, 2, 8]))
    if kind == "cpu":
        workers: tuple[WorkerLine, ...] = (WorkerLine("node", "cpu", nodes, 1, cores, memory),)
    elif kind == "mig":
        slots = draw(st.lists(st.sampled_from(sorted(MIG)), min_size=1, max_size=3, unique=True))
        per_node = {slot: gpus * draw(st.integers(1, MIG[slot])) for slot in slots}
        workers = tuple(
            WorkerLine(f"p-{slot}", slot, nodes * count, count, cores, memory) for slot, count in per_node.items()
        )
    elif kind == "partitions":
        modes = draw(st.lists(st.sampled_from(sorted(MODES)), min_size=1, max_size=3, unique=True))
        workers = tuple(
            WorkerLine(f"{MODES[mode]}x{mode}", mode, nodes * gpus * MODES[mode], gpus * MODES[mode], cores, memory)
            for mode in modes
        )
    elif kind == "shared":
        many = draw(st.integers(2, 16))
        workers = (WorkerLine(f"{many}xshared-{many}", f"shared-{many}", nodes * many, many, cores, memory),)
    else:
        workers = (WorkerLine(f"{gpus}xgpu", "gpu", nodes * gpus, gpus, cores, memory),)
    gpu = {"cpu": None, "nvidia": "RTX-4090", "mig": "H100-80GB", "shared": "RTX-4090"}.get(kind, "MI300X")
    sharing = draw(st.sampled_from(["mps", "time-slice"])) if kind == "shared" else ""
    purchase: Any = draw(st.sampled_from(["on-demand", "spot", "owned"]))
    return PoolLine(
        name, gpu, 0 if gpu is None else gpus, 64, 500_000, 1.0, "spec", 9, nodes, 60, workers,
        purchase=purchase, sharing=sharing,
    )  # fmt: skip


plans = st.lists(st.sampled_from(["a", "b-2", "gpu-h100-mig", "x" * 40]), min_size=1, max_size=4, unique=True).flatmap(
    lambda names: st.tuples(*[pool_lines(name) for name in names])
)


def milli_and_mib(requests: dict[str, str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, text in requests.items():
        if name == "cpu":
            found[name] = int(text[:-1]) if text.endswith("m") else 1000 * int(text)
        elif name == "memory":
            found[name] = int(text[:-2]) * (1024 if text.endswith("Gi") else 1)
        else:
            found[name] = int(text)
    return found


def asked(manifests: Manifests) -> Counter[str]:
    """Replicas times requests of every group; head, autoscaler and submitter once."""
    spec = parsed(manifests, "rayjob.yaml")["spec"]
    cluster = spec["rayClusterSpec"]
    single: list[dict[str, Any]] = [
        *spec["submitterPodTemplate"]["spec"]["containers"],
        *cluster["headGroupSpec"]["template"]["spec"]["containers"],
    ]
    if cluster["enableInTreeAutoscaling"]:
        single.append(cluster["autoscalerOptions"])
    total: Counter[str] = Counter()
    for container in single:
        total += milli_and_mib(container["resources"]["requests"])
    for group in cluster["workerGroupSpecs"]:
        (container,) = group["template"]["spec"]["containers"]
        for name, amount in milli_and_mib(container["resources"]["requests"]).items():
            total[name] += amount * group["maxReplicas"]
    return total


def planned(pools: tuple[PoolLine, ...], autoscaled: bool) -> Counter[str]:
    beside = [HEAD, SUBMITTER] + ([AUTOSCALER] if autoscaled else [])
    total = Counter({"cpu": sum(cpu for cpu, _ in beside), "memory": sum(memory for _, memory in beside)})
    for pool in pools:
        for line in pool.workers:
            total["cpu"] += 1000 * line.workers * line.cores
            total["memory"] += line.workers * line.memory_mib
            if line.slot.startswith("mig-"):
                total["nvidia.com/" + line.slot.replace("+", ".")] += line.workers
            elif "-nps" in line.slot:
                total["amd.com/" + line.slot.replace("-", "_")] += line.workers
            elif line.slot.startswith("shared-"):
                total["nvidia.com/gpu.shared"] += line.workers
            elif line.slot == "gpu":
                total["amd.com/gpu" if pool.gpu == "MI300X" else "nvidia.com/gpu"] += line.workers
    return total


@given(queued=st.booleans(), pools=plans)
@MANY
def test_the_sum_of_requests_is_the_plans(queued: bool, pools: tuple[PoolLine, ...]) -> None:
    spec = make_spec(queue={"kueue": "q"} if queued else None)
    rendered = replace(make(), plan=make_plan(pools=pools), spec=spec).render()
    assert asked(rendered) == planned(pools, autoscaled=not queued)
    from_pods: Counter[str] = Counter()
    for row in rendered.requests():
        amounts = {"cpu": round(1000 * row["cpu"]), "memory": row["memory_mib"], **row["devices"]}
        from_pods += Counter({name: amount * row["count"] for name, amount in amounts.items()})
    assert from_pods == asked(rendered)
    if queued:
        (group,) = parsed(rendered, "platform/clusterqueue.yaml")["spec"]["resourceGroups"]
        quotas: Counter[str] = Counter()
        for flavor in group["flavors"]:
            quotas += milli_and_mib({each["name"]: each["nominalQuota"] for each in flavor["resources"]})
        assert quotas == asked(rendered)
