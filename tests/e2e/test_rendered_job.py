"""What a pod would run, run here: the entrypoint out of the rendered manifest, on a Ray cluster whose nodes have
exactly the resources and labels that the manifest gives its worker groups."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from small_fleet import Shell, write_prices

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "renderer"))
from rendered_entrypoint import config_entry, local_command, unpack_config

pytest.importorskip("ray", reason="NO RENDERED JOB WAS RUN: the run extra is absent")
pytest.importorskip("pytorch_forecasting", reason="NO RENDERED JOB WAS RUN: the neural extra is absent")

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: deep
owner: me
data:
  bars: {from: bars.csv, key: ticker, time: date, price: close}
universes:
  main: {data: bars, calendar: XNYS, bar: 1 session}
  one: {data: bars, calendar: XNYS, bar: 1 session, series: [AAA]}
horizons: [1 bar]
features: {tech: [momentum(5), rsi(14)]}
models:
  linear: {family: elasticnet, target: return, features: tech, train: 300 bars, refit: 5 sessions}
  deep:   {family: nbeats, target: return, train: 300 bars, refit: 5 sessions, gpu_memory: 9 GiB, params: {epochs: 1}}
  deeper: {family: nbeats, target: return, train: 300 bars, refit: 5 sessions, gpu_memory: 36 GiB, params: {epochs: 2}}
fleet:
  - {universes: main, models: [linear, deep]}
  - {universes: one, models: [deeper]}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 50 USD}
hardware:
  cpu-std: {offer: gcp/n2-standard-32, max: 2}
  gpu-mig: {offer: gcp/a3-highgpu-1g, mig: auto, max: 1}
"""


@pytest.fixture
def rendered(shell: Shell) -> Path:
    write_prices(shell.folder / "bars.csv", ["AAA", "BBB", "CCC", "DDD"], 420)
    shell.write("fleet.yaml", SPEC)
    shell.good("lock", "fleet.yaml")
    shell.good("render", "fleet.yaml", "--to", "out")
    return shell.folder / "out"


def slots_used(store: Path) -> Counter[tuple[str, str]]:
    """Jobs by class and by the slot they were run on, as the store's ledger has them."""
    rows = pa.concat_tables([pq.read_table(path) for path in (store / "deep" / "ledger").glob("*.parquet")])
    return Counter(zip(rows["klass"].to_pylist(), rows["slot"].to_pylist(), strict=True))


def test_every_lane_runs_on_its_worker_group(shell: Shell, rendered: Path) -> None:
    """A CPU group and two of unlike MIG slices in one RayJob, each node with what the manifest gives it."""
    from ray.cluster_utils import Cluster

    rayjob = (rendered / "rayjob.yaml").read_text()
    groups = yaml.safe_load(rayjob)["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    slots = {group["labels"]["fleetspec.dev/slot"] for group in groups}
    assert "cpu" in slots
    assert len(slots) == len(groups) == 3
    config, store = shell.folder / "config", shell.folder / "store"
    unpack_config((rendered / "configmap.yaml").read_text(), config)
    # The manifest says where a cluster keeps the spec's own files: under the store.
    (store / "data").mkdir(parents=True)
    (shell.folder / "bars.csv").rename(store / "data" / "bars.csv")

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "resources": {"fleetspec_driver": 1}})
    try:
        for group in groups:
            amounts = {name: float(amount) for name, amount in group["resources"].items() if name != "memory"}
            cpus, gpus = amounts.pop("CPU"), amounts.pop("GPU", 0)
            for _ in range(group["maxReplicas"]):
                cluster.add_node(num_cpus=int(cpus), num_gpus=int(gpus), resources=amounts, labels=group["labels"])
        command = local_command(rayjob, sys.executable, config, store)
        environment = shell.environment(RAY_ADDRESS=cluster.address)
        run = subprocess.run(command, cwd=shell.folder, env=environment, capture_output=True, text=True)
    finally:
        cluster.shutdown()
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout.splitlines()[-1])
    ran = {row["name"]: row for row in summary["classes"]}
    assert ran["main/deep/nbeats/fit"]["ran"] == 4
    assert "mig-" in ran["main/deep/nbeats/fit"]["planned_on"]
    assert summary["quarantined"] == summary["failed"] == summary["remaining"] == 0
    lanes = json.loads(config_entry((rendered / "configmap.yaml").read_text(), "plan.json"))["lanes"]
    planned = Counter({(lane["klass"], lane["slot"]): lane["jobs"] for lane in lanes})
    assert slots_used(store) == planned
    artifacts = list((store / "deep" / "artifacts").glob("*.bin"))
    assert len(artifacts) == 5
    # Safetensors begin with the length of their JSON header; a pickle would begin with 0x80.
    assert all(json.loads(a.read_bytes()[8 : 8 + int.from_bytes(a.read_bytes()[:8], "little")]) for a in artifacts)
