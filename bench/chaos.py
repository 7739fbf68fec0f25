"""A fleet of toy models while its workers and its driver are killed at random: nothing lost, nothing doubled.

    python bench/chaos.py [--jobs 300] [--kills 50] [--drivers 5] [--seed 1]

One series of a hundred raises, one hangs, one runs out of memory, one kills its worker whenever it is fitted. A run
without disturbance comes first. Then SIGKILL hits a random worker, or the driver, until there were so many; whenever
the run ends or its driver is dead, the same command begins again. At the end every job must have been settled once, as
done or quarantined with its reason, and all that is done must be what the undisturbed run has.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TOYS = Path(__file__).resolve().parents[1] / "tests" / "runtime"
sys.path.insert(0, str(TOYS))

STUCK_SECONDS = 10.0
RUN = f"""
import sys
import fleetspec.runtime.on_ray as on_ray
on_ray._STUCK_SECONDS, on_ray._STUCK_TIMES = {STUCK_SECONDS}, 1.0
import run_toys
sys.exit(run_toys.main())
"""


def start(root: Path) -> subprocess.Popen[bytes]:
    repository = str(TOYS.parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TOYS), repository])}
    environment.pop("RAY_ADDRESS", None)
    command = [sys.executable, "-c", RUN, str(root), "ray", "0.15"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def workers_of(driver: int) -> list[int]:
    """Processes below the driver that run our actor: others' on this machine are left alone."""
    parents: dict[int, int] = {}
    ours: list[int] = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if b"ray::_Worker" in (entry / "cmdline").read_bytes():
                ours.append(int(entry.name))
    return [process for process in ours if driver in _above(process, parents)]


def _above(process: int, parents: dict[int, int]) -> list[int]:
    line = []
    while process in parents and process > 1:
        process = parents[process]
        line.append(process)
    return line


def disturbed(root: Path, kills: int, drivers: int, rng: random.Random) -> tuple[int, int, int]:
    """Run to the end; how many workers and drivers were killed, and how many times the command was begun."""
    hit, gone, begun, last = 0, 0, 0, 0
    trace = root / "trace.txt"
    while True:
        process, begun = start(root), begun + 1
        while process.poll() is None:
            time.sleep(rng.uniform(0.2, 1.2))
            found, fits = workers_of(process.pid), len(trace.read_bytes().split()) if trace.exists() else 0
            # Between two kills something must happen, or on a busy machine no worker would ever be ready.
            if not found or hit + gone >= kills or fits < last + 2:
                continue
            last = fits
            if gone < drivers and rng.random() < drivers / kills:
                process.kill()
                process.wait()
                gone += 1
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(found), signal.SIGKILL)
                hit += 1
        # Exit code 1: jobs failed for no fault of theirs, or a store that dead workers still hold for a moment.
        if process.returncode == 0:
            return hit, gone, begun


def outcome(root: Path) -> tuple[dict[str, str], dict[tuple[str, int], float], Counter[str]]:
    """Reasons of what is quarantined and values of what is done, by address; how many rows each address has."""
    import toy_fleet

    from fleetspec.runtime import store as stored

    graph = toy_fleet.toy_graph(toy_fleet.toy_lock(root), root)
    jobs = stored.read_jobs(root / "store", graph).to_pylist()
    assert all(job["state"] in ("done", "quarantined") for job in jobs), "a job was lost"
    assert all(job["reason"] for job in jobs if job["state"] == "quarantined")
    rows = stored.read_forecasts(root / "store", graph).to_pylist()
    values = {(row["address"], row["horizon"]): row["value"] for row in rows}
    ledger = stored.Store.of(root / "store", "toys").ledger_rows()
    assert len(ledger) == len(set(ledger["digest"].to_pylist())) == len(jobs), "a job has two verdicts or none"
    assert len(values) == len(rows), "a forecast is there twice"
    reasons = {job["address"]: job["reason"] for job in jobs if job["state"] == "quarantined" and job["task"] == "fit"}
    return reasons, values, Counter(job["state"] for job in jobs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=300, help="series, each with a fit of 0.15 s and three forecasts")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--drivers", type=int, default=5, help="how many of the kills hit the driver")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    import toy_fleet

    poisoned = [f"RAISE{i:03d}" for i in range(max(arguments.jobs // 100, 1))]
    names = (*(f"SLEEP{i:04d}" for i in range(arguments.jobs)), *poisoned, "HANG", "EAT", "DIE")
    with tempfile.TemporaryDirectory() as folder:
        calm, wild = Path(folder) / "calm", Path(folder) / "wild"
        for root in (calm, wild):
            root.mkdir()
            toy_fleet.write_prices(root / "prices.csv", names)
        begun = time.perf_counter()
        disturbed(calm, 0, 0, random.Random(0))
        undisturbed = time.perf_counter() - begun
        begun = time.perf_counter()
        hit, gone, times = disturbed(wild, arguments.kills, arguments.drivers, random.Random(arguments.seed))
        seconds = time.perf_counter() - begun
        reasons, values, states = outcome(wild)
        expected, right, _ = outcome(calm)
        fits, once = (len((root / "trace.txt").read_bytes().split()) for root in (wild, calm))
    print(
        f"{sum(states.values())} jobs of {len(names)} series; {hit} workers and {gone} drivers killed, begun {times} x"
    )
    print(f"{seconds:.0f} s, undisturbed {undisturbed:.0f} s; {dict(states)}")
    struck = sorted(set(reasons) - set(expected))
    print(f"quarantined as without disturbance: {set(expected) <= set(reasons)}; hit twice by chance: {struck}")
    same = all(values[key] == right[key] for key in values)
    print(f"every forecast is that of the undisturbed run: {same}; missing: {len(right) - len(values)}")
    print(f"fits begun {fits}, undisturbed {once}: {fits - once} begun again for {hit + gone} kills")
    assert hit + gone >= arguments.kills, "the run was over before its kills were: ask for more jobs"
    assert same
    assert set(expected) <= set(reasons)
    assert len(right) - len(values) == 4 * len(struck)


if __name__ == "__main__":
    main()
