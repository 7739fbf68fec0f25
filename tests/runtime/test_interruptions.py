"""Runs that end before their time: the same command later does what is missing, and nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import toy_fleet

from fleetspec.runtime import store as stored
from fleetspec.runtime.driver import run
from fleetspec.runtime.store import Store

NAMES = tuple(f"SLEEP{i:02d}" for i in range(24))
EXECUTORS = ["inline", "ray"]
HERE = Path(__file__).parent


def start(root: Path, executor: str) -> subprocess.Popen[bytes]:
    if executor == "ray":
        pytest.importorskip("ray")
    paths = [str(HERE), str(HERE.parent.parent)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    environment.pop("RAY_ADDRESS", None)
    command = [sys.executable, str(HERE / "run_toys.py"), str(root), executor, "0.3"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_until(true: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if true():
            return
        if process.poll() is not None:
            pytest.fail(f"the run ended early: {process.communicate()[1].decode()[-2000:]}")
        time.sleep(0.05)
    pytest.fail("nothing happened for a minute")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_kill_9_loses_only_what_was_not_committed(toys, trace, executor: str) -> None:
    toy_fleet.write_prices(toys.root / "prices.csv", NAMES)
    process = start(toys.root, executor)
    wait_until(lambda: bool(Store.of(toys.root / "store", "toys").ledger_files()), process)
    process.kill()
    process.wait()
    # Workers of a killed driver end with it: the trace stands still, and so does the ledger.
    wait_until_still(lambda: trace())
    request = toys.request()
    held = stored.read_jobs(request.store, request.graph)
    kept = [row["series"] for row in held.to_pylist() if row["state"] == "done" and row["task"] == "fit"]
    assert 0 < len(kept) < len(NAMES)
    assert stored.read_records(request.store, "toys")[0]["state"] == "running"
    summary = run(request)
    assert summary.reused == sum(state == "done" for state in held["state"].to_pylist())
    assert summary.done == 4 * len(NAMES) - summary.reused
    runs = Counter(trace())
    assert {name for name in NAMES if runs[name] == 1} >= set(kept)
    assert set(runs) == set(NAMES)
    assert len(stored.read_fits(request.store, request.graph)) == len(NAMES)


def wait_until_still(look: Callable[[], object]) -> None:
    before, since = look(), time.monotonic()
    while time.monotonic() - since < 1.0:
        time.sleep(0.1)
        if look() != before:
            before, since = look(), time.monotonic()


@pytest.mark.parametrize(
    ("executor", "number"), [("inline", signal.SIGINT), ("inline", signal.SIGTERM), ("ray", signal.SIGINT)]
)
def test_ctrl_c_keeps_what_is_done_and_exits_130(toys, trace, executor: str, number: int) -> None:
    toy_fleet.write_prices(toys.root / "prices.csv", NAMES)
    process = start(toys.root, executor)
    wait_until(lambda: len(trace()) >= 2, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err.decode()[-2000:]
    said = json.loads(out)
    assert said["interrupted"] is True
    assert 0 < said["remaining"] < said["jobs"]
    request = toys.request()
    (record,) = stored.read_records(request.store, "toys")
    assert record["state"] == "interrupted"
    summary = run(request)
    assert summary.reused == said["done"] > 0
    assert summary.remaining == 0
    # Jobs that had begun were finished and kept, so not one ran twice.
    assert sorted(trace()) == sorted(NAMES)


def test_ray_says_nothing_on_stdout(toys) -> None:
    toy_fleet.write_prices(toys.root / "prices.csv", ("A", "DIE"))
    process = start(toys.root, "ray")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()[-2000:]
    assert json.loads(out)["causes"][0]["address"] == "toys/main/mean/toy-mean/die/_"
    assert err == b""
