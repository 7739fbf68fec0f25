"""Journals on the disks of other nodes: asked for where they lie, and a job that kills its worker there is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import toy_fleet

from fleetspec.objects import ObjectPath
from fleetspec.runtime import store as stored
from fleetspec.runtime.store import Store
from fleetspec.runtime.witnesses import Witness, Witnesses
from fleetspec.runtime.worker import TOGETHER, Journal

NAME = "b" * 24


class Nodes:
    """Other nodes' disks, as folders; ``gone`` ones do not answer."""

    def __init__(self, **disks: Path) -> None:
        self.asked: list[tuple[str, str]] = []
        self.gone: set[str] = set()
        self._there = {node: Witness(Store(disk)) for node, disk in disks.items()}

    def __call__(self, node: str, method: str, argument: Any, wait: bool) -> Any:
        self.asked.append((node, method))
        return None if node in self.gone else getattr(self._there[node], method)(argument)


def journal(folder: Path, name: str, position: int) -> None:
    kept = Journal(folder / "journal" / name)
    kept.at(NAME, position)
    kept.close()


def test_a_journal_is_read_on_its_own_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "here"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "here").mkdir()
    nodes = Nodes(far=tmp_path / "far", lost=tmp_path / "lost")
    found = Witnesses(Store(ObjectPath("s3://lake/store/toys")), "driver", nodes)
    for node in ("driver", "far", "far", "lost"):
        found.met(node)
    assert nodes.asked == [("far", "remove"), ("lost", "remove")]
    journal(tmp_path / "far", "w2", 7)
    journal(tmp_path / "lost", "w3", 3)
    nodes.gone.add("lost")
    read = found.read([("driver", "w1"), ("far", "w2"), ("lost", "w3")])
    assert {name: Journal.told(content, NAME) for name, content in read.items()} == {"w2": 7}
    found.tell("stop")
    assert (tmp_path / "far" / "journal" / "stop").exists()
    found.remove("far", "w2")
    found.close("stop")
    assert list((tmp_path / "far" / "journal").iterdir()) == []


def test_a_store_in_a_folder_asks_nobody(tmp_path: Path) -> None:
    nodes = Nodes()
    found = Witnesses(Store(tmp_path), "driver", nodes)
    found.met("far")
    journal(tmp_path, "w1", TOGETHER)
    assert Journal.told(found.read([("far", "w1")])["w1"], NAME) == TOGETHER
    assert nodes.asked == []


def test_a_journal_of_another_bundle_or_cut_short_says_nothing(tmp_path: Path) -> None:
    journal(tmp_path, "w1", 4)
    content = (tmp_path / "journal" / "w1").read_bytes()
    assert Journal.told(content, NAME) == 4
    assert Journal.told(content, "c" * 24) is None
    assert Journal.told(content[:-1], NAME) is None
    assert Journal.told(b"", NAME) is None


TWO_NODES = """
import json, logging, os, sys
from dataclasses import replace
from pathlib import Path
logging.getLogger("ray").setLevel(logging.ERROR)
import ray
from ray.cluster_utils import Cluster
root, store, far = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
try:
    # The other node has a disk of its own: nothing that lies in its temporary folder is in the driver's.
    cluster.add_node(num_cpus=1, env_vars={"TMPDIR": far})
    os.environ["RAY_ADDRESS"] = cluster.address
    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    import toy_fleet
    from fleetspec.objects import as_path
    from fleetspec.runtime.driver import run
    from fleetspec.runtime.request import RunRequest
    lock = toy_fleet.toy_lock(root)
    graph = toy_fleet.toy_graph(lock, root)
    request = RunRequest(toy_fleet.toy_spec(), graph, toy_fleet.toy_plan(graph), lock, root, as_path(store), "ray")
    found = [run(request).to_json()]
    # A node that goes away while its workers are at work: nobody is to blame, and another node does its jobs.
    going = cluster.add_node(num_cpus=1)
    names = tuple(f"SLEEP{i:02d}" for i in range(40))
    toy_fleet.write_prices(root / "prices.csv", names)
    lock = toy_fleet.toy_lock(root)
    graph = toy_fleet.toy_graph(lock, root)
    request = replace(request, graph=graph, lock=lock, plan=toy_fleet.toy_plan(graph, 0.15))
    gone = []
    def leave(event):
        if type(event).__name__ == "BundleDone" and not gone:
            gone.append(cluster.remove_node(going))
    found.append(run(replace(request, store=as_path(f"{store}-2"), events=leave)).to_json())
    (root / "summary.json").write_text(json.dumps(found))
finally:
    ray.shutdown()
    cluster.shutdown()
"""


def test_with_a_store_in_a_bucket_killers_on_other_nodes_are_found_and_nodes_may_go(
    toys, bucket, trace, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    toy_fleet.write_prices(toys.root / "prices.csv", ("A", "B", "DIE"))
    far = tmp_path / "far"
    far.mkdir()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment.pop("RAY_ADDRESS", None)
    command = [sys.executable, "-c", TWO_NODES, str(toys.root), str(bucket), str(far)]
    ended = subprocess.run(command, capture_output=True, timeout=300, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr[-2000:]
    summary, after = json.loads((toys.root / "summary.json").read_text())
    assert (summary["done"], summary["quarantined"], summary["failed"]) == (8, 4, 0)
    (cause,) = summary["causes"]
    assert cause["reason"].startswith("worker died twice at this job: ")
    assert trace().count("DIE") == 2
    # The workers' journals were there, and nothing of theirs is left.
    assert [path.name for path in far.glob("fleetspec-*")] != []
    assert list(far.glob("fleetspec-*/journal/*")) == []
    assert len(stored.done_keys(bucket, "toys")) == 12
    assert (after["done"], after["quarantined"], after["failed"]) == (160, 0, 0)
