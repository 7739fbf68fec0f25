"""What a pod would run, run here: the entrypoint out of the rendered manifest, on a Ray cluster whose nodes have
exactly the resources and labels that the manifest gives its worker groups."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from small_fleet import Shell, write_prices

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "renderer"))
from rendered_entrypoint import local_command, unpack_config

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
horizons: [1 bar]
models:
  vol:  {family: garch, target: variance, train: 300 bars, refit: 5 sessions}
  deep: {family: nbeats, target: return, train: 300 bars, refit: 5 sessions, gpu_memory: 9 GiB,
         params: {epochs: 1}}
fleet:
  - {universes: main, models: [vol, deep]}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 50 USD}
hardware:
  cpu-std: {offer: gcp/n2-standard-32, max: 2}
  gpu-mig: {offer: gcp/a3-highgpu-1g, mig: auto, max: 1}
"""


@pytest.fixture
def rendered(shell: Shell) -> Path:
    write_prices(shell.folder / "bars.csv", ["AAA", "BBB"], 420)
    shell.write("fleet.yaml", SPEC)
    shell.good("lock", "fleet.yaml")
    shell.good("render", "fleet.yaml", "--to", "out")
    return shell.folder / "out"


def test_nbeats_trains_from_the_rendered_entrypoint(shell: Shell, rendered: Path) -> None:
    from ray.cluster_utils import Cluster

    rayjob = (rendered / "rayjob.yaml").read_text()
    cluster_spec = yaml.safe_load(rayjob)["spec"]["rayClusterSpec"]
    config, store = shell.folder / "config", shell.folder / "store"
    unpack_config((rendered / "configmap.yaml").read_text(), config)
    # The manifest says where a cluster keeps the spec's own files: under the store.
    (store / "data").mkdir(parents=True)
    (shell.folder / "bars.csv").rename(store / "data" / "bars.csv")

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "resources": {"fleetspec_driver": 1}})
    try:
        for group in cluster_spec["workerGroupSpecs"]:
            amounts = {name: float(amount) for name, amount in group["resources"].items() if name != "memory"}
            cpus, gpus = amounts.pop("CPU"), amounts.pop("GPU", 0)
            cluster.add_node(num_cpus=int(cpus), num_gpus=int(gpus), resources=amounts, labels=group["labels"])
        command = local_command(rayjob, sys.executable, config, store)
        environment = shell.environment(RAY_ADDRESS=cluster.address)
        run = subprocess.run(command, cwd=shell.folder, env=environment, capture_output=True, text=True)
    finally:
        cluster.shutdown()
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout.splitlines()[-1])
    ran = {row["name"]: row for row in summary["classes"]}
    assert ran["main/deep/nbeats/fit"]["ran"] == 2
    assert "mig-1g.10gb" in ran["main/deep/nbeats/fit"]["planned_on"]
    assert summary["quarantined"] == summary["failed"] == summary["remaining"] == 0
    artifacts = list((store / "deep" / "artifacts").glob("*.bin"))
    assert len(artifacts) == 2
    # Safetensors begin with the length of their JSON header; a pickle would begin with 0x80.
    assert all(json.loads(a.read_bytes()[8 : 8 + int.from_bytes(a.read_bytes()[:8], "little")]) for a in artifacts)
