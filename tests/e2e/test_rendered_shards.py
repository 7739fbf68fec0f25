"""Two shards of one night, each rendered by itself and run by its own entrypoint on a cluster of exactly its groups:
together they are the whole night, and nothing is run twice. One of the groups holds partitions of an AMD GPU."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from small_fleet import Shell, write_prices

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "renderer"))
from rendered_entrypoint import config_entry, local_command, unpack_config

pytest.importorskip("ray", reason="NO SHARD WAS RUN: the run extra is absent")
pytest.importorskip("pytorch_forecasting", reason="NO SHARD WAS RUN: the neural extra is absent")

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: split
owner: me
data:
  bars: {from: bars.csv, key: ticker, time: date, price: close}
universes:
  main: {data: bars, calendar: XNYS, bar: 1 session}
horizons: [1 bar]
models:
  vol:  {family: garch, target: variance, train: 300 bars, refit: 5 sessions}
  risk: {family: vol-scaled, over: vol, target: value_at_risk, levels: [99%]}
  deep: {family: nbeats, target: return, train: 300 bars, refit: 5 sessions, gpu_memory: 9 GiB, params: {epochs: 1}}
fleet:
  - {universes: main, models: [vol, risk, deep]}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 50 USD}
publish: {to: published}
hardware:
  cpu-std: {cpu: 4, memory: 16Gi, price: 0.20 USD/h, max: 1}
  gpu-amd: {gpu: MI300X, per_node: 1, cpu: 9, memory: 64Gi, price: 3 USD/h, partition: cpx-nps4, max: 1}
"""


def run_on_its_groups(shell: Shell, folder: Path, store: Path) -> dict[str, Any]:
    """The summary of a rendered run on embedded Ray, whose nodes have what the manifest gives each group."""
    from ray.cluster_utils import Cluster

    rayjob = (folder / "rayjob.yaml").read_text()
    unpack_config((folder / "configmap.yaml").read_text(), folder / "config")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "resources": {"fleetspec_driver": 1}})
    try:
        for group in yaml.safe_load(rayjob)["spec"]["rayClusterSpec"]["workerGroupSpecs"]:
            amounts = {name: float(amount) for name, amount in group["resources"].items() if name != "memory"}
            cpus, gpus = amounts.pop("CPU"), amounts.pop("GPU", 0)
            # A partition more or less is the same to a test: two of the eight are enough to run on.
            for _ in range(min(group["maxReplicas"], 2)):
                cluster.add_node(num_cpus=int(cpus), num_gpus=int(gpus), resources=amounts, labels=group["labels"])
        command = local_command(rayjob, sys.executable, folder / "config", store)
        environment = shell.environment(RAY_ADDRESS=cluster.address)
        run = subprocess.run(command, cwd=shell.folder, env=environment, capture_output=True, text=True)
    finally:
        cluster.shutdown()
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def rows(store: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in (store / "split" / "ledger").glob("*.parquet")])


def test_two_shards_are_the_whole_night(shell: Shell) -> None:
    write_prices(shell.folder / "bars.csv", ["AAA", "BBB", "CCC", "DDD"], 420)
    shell.write("fleet.yaml", SPEC)
    shell.good("lock", "fleet.yaml")
    for number in (1, 2):
        shell.good("render", "fleet.yaml", "--shard", f"{number}/2", "--to", f"out{number}")
    store = shell.folder / "store"
    (store / "data").mkdir(parents=True)
    (shell.folder / "bars.csv").rename(store / "data" / "bars.csv")
    plans = [
        json.loads(config_entry((shell.folder / f"out{number}" / "configmap.yaml").read_text(), "plan.json"))
        for number in (1, 2)
    ]
    assert all("cpx-nps4" in {lane["slot"] for lane in plan["lanes"]} for plan in plans)
    planned: list[Counter[tuple[str, str]]] = [Counter() for _ in plans]
    for counts, plan in zip(planned, plans, strict=True):
        for lane in plan["lanes"]:
            counts[lane["klass"], lane["slot"]] += lane["jobs"]
    deployed = store / "split" / "deployed" / "nightly.json"

    first = run_on_its_groups(shell, shell.folder / "out1", store)
    after_first = Counter(zip(rows(store)["klass"].to_pylist(), rows(store)["slot"].to_pylist(), strict=True))
    assert after_first == planned[0]
    assert first["remaining"] == sum(planned[1].values())
    # A night of which a part is missing is neither deployed nor published.
    assert not deployed.exists()
    assert first["publication"]["to"] is None

    second = run_on_its_groups(shell, shell.folder / "out2", store)
    whole = rows(store)
    assert Counter(zip(whole["klass"].to_pylist(), whole["slot"].to_pylist(), strict=True)) == planned[0] + planned[1]
    jobs = [bytes(digest) for digest in whole["digest"].to_pylist()]
    # 4 series: a fit and a forecast of garch and of N-BEATS, and a forecast of the risk.
    assert len(jobs) == len(set(jobs)) == 4 * 5
    assert (first["done"], second["done"]) == tuple(sum(each.values()) for each in planned)
    assert second["remaining"] == second["failed"] == second["quarantined"] == 0
    assert deployed.is_file()
    assert second["publication"]["to"].endswith("published")
    used = {row["planned_on"] for row in second["classes"] if "nbeats" in row["name"]}
    assert any("cpx-nps4" in each for each in used)

    # The night as a whole has nothing left to do.
    shell.good("render", "fleet.yaml", "--to", "out3")
    third = run_on_its_groups(shell, shell.folder / "out3", store)
    assert (third["done"], third["reused"]) == (0, 20)
