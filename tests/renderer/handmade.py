"""One hand-made plan of two CPU nodes, a MIG node and two whole-GPU nodes, and what it was made of.

The figures are chosen for the manifests, not by a solver: every expected number in this folder can be read here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import networkx as nx
import numpy as np
import yaml

from fleetspec.compiler.jobgraph import GroupFamily, JobClass, JobGraph, Models, RunKind, Task
from fleetspec.compiler.spec import FleetSpec
from fleetspec.family import Family, Params, Profile
from fleetspec.planner.plans import Inputs, Plan, PoolLine, WorkerLine
from fleetspec.renderer.manifests import Manifests, render

SPEC = """
apiVersion: fleetspec/v1
kind: Fleet
name: demo
owner: quant-platform
data: {market: {from: "synthetic:market", series: "2", length: "1200 sessions", seed: "7"}}
universes: {market: {data: market, calendar: XNYS, bar: 1 session}}
horizons: [1 bar]
models:
  deep: {family: toy, target: return, train: 1000 bars, refit: 5 sessions}
fleet: [{universes: market, models: deep}]
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 60 USD}
hardware:
  cpu-std: {cpu: "16", memory: 64Gi, price: 0.80 USD/h, max: "20"}
  gpu-h100-mig: {gpu: H100-80GB, per_node: "1", cpu: "26", memory: 234Gi, mig: auto, price: 9.98 USD/h, max: "2"}
  gpu-amd: {gpu: MI300X, per_node: "8", cpu: "96", memory: 1800Gi, price: 20 USD/h, max: "1"}
cluster:
  namespace: quant
  image: registry.example.com/quant/worker:0.1.0@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
  store: /srv/fleetspec
"""


def _no_forecast(request: Any) -> Any:
    raise AssertionError("nothing is forecast here")


def _strings(value: Any) -> Any:
    """YAML scalars as the strings the language reads."""
    if isinstance(value, dict):
        return {key: _strings(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_strings(item) for item in value)
    return value if isinstance(value, str) else str(value)


def make_spec(queue: dict[str, str] | None = None, **cluster: str) -> FleetSpec:
    value = _strings(yaml.safe_load(SPEC))
    value["cluster"] |= cluster
    if queue is not None:
        value["queue"] = queue
    return FleetSpec.model_validate(value)


def make_graph() -> JobGraph:
    toy = Family(
        name="toy",
        version="1",
        summary="a family that only stands in a graph",
        params=Params,
        targets=frozenset({"return"}),
        per=frozenset({"series"}),
        horizon_free=False,
        uses_features=False,
        min_bars=10,
        profile=Profile(512, "made up"),
        forecast=_no_forecast,
    )
    setting = GroupFamily("deep", toy, "return", "series", {}, (), (), 1000, 5, (), None)
    models = Models(
        universes=("market",),
        settings=(setting,),
        series_names=(("SYN0001", "SYN0002"),),
        horizons=(1,),
        universe=np.zeros(2, np.int32),
        setting=np.zeros(2, np.int32),
        series=np.array([0, 1], np.int32),
        horizon=np.zeros(2, np.int32),
        digest=np.arange(32, dtype=np.uint8).reshape(2, 16),
    )
    fit, forecast = (JobClass("market", "deep", "toy", task, int(task), 1000.0) for task in (Task.FIT, Task.FORECAST))
    stages = nx.DiGraph([(fit.name, forecast.name)])
    return JobGraph(
        fleet="demo",
        run=RunKind.NIGHTLY,
        session=date(2026, 11, 23),
        seed=0,
        models=models,
        classes=(fit, forecast),
        task=np.array([0, 0, 1, 1], np.uint8),
        model=np.array([0, 1, 0, 1], np.int32),
        window=np.zeros(4, np.int32),
        start=np.array([200, 200, 1199, 1199], np.int32),
        end=np.array([1200] * 4, np.int32),
        klass=np.array([0, 0, 1, 1], np.int32),
        rung=np.zeros(4, np.int8),
        part=np.zeros(4, np.int32),
        digest=np.arange(64, dtype=np.uint8).reshape(4, 16),
        parent_ptr=np.array([0, 0, 0, 1, 2], np.int64),
        parent_index=np.array([0, 1], np.int32),
        stages=stages,
        content="5eed" * 8,
    )


POOLS = (
    PoolLine("cpu-std", None, 0, 16, 65536, 0.80, "spec", 20, 2, 240, (WorkerLine("node", "cpu", 2, 1, 15, 57344),)),
    PoolLine(
        "gpu-h100-mig",
        "H100-80GB",
        1,
        26,
        239616,
        9.98,
        "catalog",
        2,
        2,
        240,
        (
            WorkerLine("7x1g.10gb", "mig-1g.10gb", 7, 7, 3, 30720),
            WorkerLine("1x3g.40gb+4x1g.10gb", "mig-1g.10gb", 4, 4, 5, 43008),
            WorkerLine("1x3g.40gb+4x1g.10gb", "mig-3g.40gb", 1, 1, 5, 43008),
        ),
    ),
    PoolLine(
        "gpu-amd", "MI300X", 8, 96, 1843200, 20.0, "spec", 1, 1, 240, (WorkerLine("8xgpu", "gpu", 8, 8, 11, 212992),)
    ),
)


PARTITIONED = PoolLine(
    "gpu-amd", "MI300X", 8, 96, 1843200, 20.0, "spec", 3, 3, 240,
    (
        WorkerLine("8xcpx-nps4", "cpx-nps4", 128, 64, 1, 26624),
        WorkerLine("1xspx-nps1", "spx-nps1", 8, 8, 11, 212992),
    ),
)  # fmt: skip
"""Two nodes of eight GPUs in eight partitions each, and one whose GPUs are whole."""


def make_plan(**changes: Any) -> Plan:
    plan = Plan(
        fleet="demo",
        run="nightly",
        session="2026-11-23",
        night="2026-11-23 21:45 to 2026-11-24 13:00 UTC",
        inputs=Inputs("spec", "lock", "5eed" * 8, "catalog", "measured", "solver"),
        verdict="feasible",
        deadline_seconds=54900,
        overhead_seconds=60,
        end_seconds=54000.0,
        budget_usd=60.0,
        cost_usd=3.2,
        bound_usd=3.0,
        gap=0.066667,
        method="made by hand",
        rounds=1,
        models=2,
        jobs=4,
        reused=0,
        measured_share=0.0,
        stages=(),
        lanes=(),
        classes=(),
        pools=POOLS,
        binding=(),
        suggestions=(),
        assumptions=(),
    )
    return replace(plan, **changes)


RESOLVED = "".join(line + "\n" for line in SPEC.strip().splitlines())
LOCK = b'{"version":1,\n"series":[]}\n'


@dataclass(frozen=True)
class Made:
    """A plan and all that :func:`fleetspec.renderer.manifests.render` takes beside it."""

    plan: Plan
    graph: JobGraph
    spec: FleetSpec
    resolved: str
    lock: bytes

    def render(self) -> Manifests:
        return render(self.plan, self.graph, self.spec, self.resolved, self.lock)


def make() -> Made:
    return Made(make_plan(), make_graph(), make_spec(), RESOLVED, LOCK)


def parsed(manifests: Manifests, name: str) -> Any:
    """A rendered file read by plain YAML, without the renderer's own reader."""
    return yaml.load(manifests.files[name], Loader=yaml.CSafeLoader)
