"""Spec and lock to job graph, from a thousand to ten million jobs: seconds and peak memory of every stage, how they
grow, and the same fleet of 10,000 and 100,000 jobs through tools that expand DAGs.

    python bench/compile.py                          # up to a million jobs
    python bench/compile.py 10000000                 # up to ten million
    python bench/compile.py --make-peers             # makes .venv-peers with Dask, doit, Luigi and Snakemake first
    python bench/compile.py --peers /path/to/python  # an interpreter that has them

Each size and each peer runs in a process of its own, so that peaks are its own. Peers are given `--limit` seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
PEER_SIZES = (10_000, 100_000)
PEERS = ("doit", "luigi", "dask", "snakemake")
HERE = Path(__file__).resolve().parent
PEER_VENV = HERE.parent / ".venv-peers"
STAGES = ("read spec", "read lock", "check", "session", "lower", "classes", "artifacts")
GRAPH = STAGES[:5]
"""From files to graph with digests and classes: what peers are compared with."""
SHORTEST = 0.005
"""Seconds below which a stage's growth says nothing."""

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: bench
owner: bench
data:
  bars: {{from: synthetic:market, series: {series}, length: 1250 sessions}}
universes:
  all: {{data: bars, calendar: XNYS, bar: 1 session}}
horizons: [1 bar, 5 bars, 10 bars, 20 bars]
features:
  tech: [momentum(5), rsi(14)]
models:
  vol:    {{families: [garch, egarch, gjr], target: variance, train: 1000 bars, refit: 5 sessions}}
  var:    {{family: vol-scaled, over: vol, target: value_at_risk, levels: [99%]}}
  linear: {{family: elasticnet, target: return, features: tech, train: 1000 bars, refit: 5 sessions}}
fleet:
  - {{universes: all, models: [vol, var, linear]}}
schedule: {{calendar: XNYS, start: close + 45m, deadline: open - 90m}}
budget: {{nightly: 5000 USD}}
hardware:
  pool: {{cpu: 16, memory: 64Gi, price: 0.80 USD/h, max: 100000}}
"""
JOBS_PER_SERIES = 3 * 2 + 4 + 4 * 2


class Stages:
    """Seconds and peak MiB by stage. The peak is the process's since the stage began, where Linux can tell."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self.peaks: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        _forget_peak()
        begun, used = time.perf_counter(), time.process_time()
        yield
        self.seconds[name] = time.perf_counter() - begun
        self.cpu[name] = time.process_time() - used
        self.peaks[name] = _peak()


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak() -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(jobs: int, folder: Path) -> dict[str, Any]:
    """One compilation in this process, from a spec and a lock that lie in a folder."""
    # Imports are not counted, the peers' neither: this one takes longest.
    import exchange_calendars  # noqa: F401
    import numpy as np

    from fleetspec.catalog.loading import shipped
    from fleetspec.compiler.checks import check, check_against_lock
    from fleetspec.compiler.compose import compose
    from fleetspec.compiler.decode import decode
    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.compiler.lock import lock_path, read_lock
    from fleetspec.compiler.lower import default_session, lower
    from fleetspec.diagnostics import Report
    from fleetspec.families import registry
    from fleetspec.planfile import _jobs, _models, _parquet
    from fleetspec.planner.pose import pose

    path = folder / "bench.yaml"
    _write_fleet(path, max(jobs // JOBS_PER_SERIES, 1))
    known, catalog, report, stages = registry(), shipped(), Report(), Stages()
    with stages.stage("read spec"):
        document = compose(path, report)
        assert document is not None, report.findings
        spec = decode(document, report)
        assert spec is not None, report.findings
    with stages.stage("read lock"):
        lock = read_lock(lock_path(path), report)
        assert lock is not None, report.findings
    with stages.stage("check"):
        check(spec, known, catalog, report)
        check_against_lock(spec, lock, report)
        report.require()
    with stages.stage("session"):
        session = default_session(spec, lock)
    with stages.stage("lower"):
        graph = lower(spec, lock, known, RunKind.NIGHTLY, session)
    with stages.stage("classes"):
        problem = pose(graph, spec, catalog, np.zeros(len(graph), dtype=bool))
    with stages.stage("artifacts"):
        written = sum(len(_parquet(table)) for table in (_jobs(graph), _models(graph)))
    return {
        "jobs": len(graph),
        "edges": len(graph.parent_index),
        "classes": len(problem.classes),
        "lock MB": lock_path(path).stat().st_size / 1e6,
        "artifacts MB": written / 1e6,
        "seconds": stages.seconds,
        "cpu": stages.cpu,
        "peaks": stages.peaks,
    }


def _write_fleet(path: Path, series: int) -> None:
    """The spec and its lock. The data are made up in the lock: reading them is not what is measured.

    In a process of its own, so that making the lock leaves nothing in the memory that is measured.
    """
    path.write_text(SPEC.format(series=series))
    subprocess.run([sys.executable, __file__, "--lock", str(path), str(series)], check=True)


def write_lock(path: Path, series: int) -> None:
    from fleetspec.catalog.loading import shipped
    from fleetspec.compiler.compose import compose
    from fleetspec.compiler.decode import decode
    from fleetspec.compiler.lock import Lock, LockedSeries, declared, lock_path
    from fleetspec.diagnostics import Report

    report = Report()
    document = compose(path, report)
    spec = decode(document, report) if document is not None else None
    assert spec is not None, report.findings
    first, last = date(2021, 3, 18), date(2025, 12, 31)
    names = [f"S{number:07d}" for number in range(series)]
    digests = [hashlib.blake2b(name.encode(), digest_size=16).hexdigest() for name in names]
    rows = {n: LockedSeries(n, 1250, 0, first, last, d, {"1000/5": d}) for n, d in zip(names, digests, strict=True)}
    lock = Lock({"bars": rows}, {"all": tuple(names)}, declared(spec), shipped().digest)
    lock_path(path).write_bytes(lock.to_bytes())


def growth(before: dict[str, Any], after: dict[str, Any], stage: str) -> str:
    """The exponent e of jobs^e with which a stage's time grew, empty where it is too short to say."""
    a, b = before["seconds"][stage], after["seconds"][stage]
    if a < SHORTEST or b < SHORTEST:
        return ""
    return f"{math.log(b / a) / math.log(after['jobs'] / before['jobs']):.2f}"


def show_sizes(rows: list[dict[str, Any]]) -> None:
    print("seconds by stage (session: loads the market's calendar; lower: jobs, digests, parents, classes and stages;")
    print(
        "classes: the planner's problem; artifacts: jobs and models as Parquet), e: grown as jobs^e since the row above"
    )
    print(
        f"{'jobs':>12} {'lock MB':>8}"
        + "".join(f"{stage:>18}" for stage in STAGES)
        + f"{'graph in all':>14}{'of it CPU':>11}"
    )
    for index, row in enumerate(rows):
        cells = []
        for stage in STAGES:
            exponent = growth(rows[index - 1], row, stage) if index else ""
            cells.append(f"{row['seconds'][stage]:>11.3f}{f'  e={exponent}' if exponent else '':<7}")
        print(
            f"{row['jobs']:>12,} {row['lock MB']:>8.1f}"
            + "".join(cells)
            + f"{total(row):>14.3f}{total(row, 'cpu'):>11.3f}"
        )
    for title, what, digits in (("CPU seconds", "cpu", 3), ("peak MiB", "peaks", 0)):
        print(f"\n{title} by stage")
        print(f"{'jobs':>12} {'art. MB':>8}" + "".join(f"{stage:>18}" for stage in STAGES))
        for row in rows:
            cells = [f"{row[what][stage]:>11.{digits}f}{'':<7}" for stage in STAGES]
            print(f"{row['jobs']:>12,} {row['artifacts MB']:>8.1f}" + "".join(cells))


def total(row: dict[str, Any], clock: str = "seconds") -> float:
    """Seconds from files to a graph with digests and classes, by the wall's clock or the processor's (``cpu``)."""
    return sum(row[clock][stage] for stage in GRAPH)


def show_peers(rows: list[dict[str, Any]], python: str | None, limit: float) -> None:
    print("\nthe same fleet through tools that expand DAGs: nothing is run, every job has its parameters and parents")
    if python is None:
        print(f"ABSENT: {', '.join(PEERS)}. No peer was measured: run with --make-peers, or --peers PYTHON.")
        return
    print(
        f"{'jobs':>12} {'peer':>10} {'seconds':>10} {'CPU s':>8} {'peak MiB':>9} {'fleetspec s':>12} {'CPU s':>8} "
        f"{'peer/fleetspec':>15} {'by CPU':>9}"
    )
    for row in (row for row in rows if row["asked"] in PEER_SIZES):
        for name in PEERS:
            told = _peer(python, name, row["jobs"] // JOBS_PER_SERIES, limit)
            if isinstance(told, str):
                print(f"{row['jobs']:>12,} {name:>10} {told}")
                continue
            if (told["jobs"], told["edges"]) != (row["jobs"], row["edges"]):
                raise SystemExit(f"{name} made another graph: {told}, not {row['jobs']} jobs and {row['edges']} edges")
            wall, cpu = told["seconds"] / total(row), told["cpu"] / total(row, "cpu")
            print(
                f"{told['jobs']:>12,} {name:>10} {told['seconds']:>10.2f} {told['cpu']:>8.2f} {told['peak']:>9.0f} "
                f"{total(row):>12.3f} {total(row, 'cpu'):>8.3f} {wall:>13.1f} x {cpu:>7.1f} x"
            )


def _peer(python: str, name: str, series: int, limit: float) -> dict[str, Any] | str:
    """What a peer measured, or why there is nothing."""
    if not Path(python).exists() or subprocess.run([python, "-c", f"import {name}"], capture_output=True).returncode:
        return f"ABSENT: {python} has no {name}; python bench/compile.py --make-peers"
    command = [python, str(HERE / "peers" / "expand.py"), name, str(series)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return f"not done after {limit:.0f} s"
    if done.returncode:
        return f"FAILED: {done.stderr.strip().splitlines()[-1:] or done.returncode}"
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def make_peers() -> None:
    """A venv with the peers: their dependencies would move pins of the project's own."""
    subprocess.run([sys.executable, "-m", "venv", str(PEER_VENV)], check=True)
    pip = [str(PEER_VENV / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "-r", str(HERE / "peers" / "requirements.txt")], check=True)


def main() -> None:
    if sys.argv[1:2] == ["--lock"]:
        write_lock(Path(sys.argv[2]), int(sys.argv[3]))
        return
    if sys.argv[1:2] == ["--one"]:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measured(int(sys.argv[2]), Path(folder))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("largest", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has the peers [default: .venv-peers]")
    parser.add_argument("--make-peers", action="store_true", help="make .venv-peers first")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds a peer may take for one graph [600]")
    arguments = parser.parse_args()
    if arguments.make_peers:
        make_peers()
    standing = PEER_VENV / "bin" / "python"
    python = arguments.peers or (str(standing) if standing.exists() else None)
    rows = []
    for size in (size for size in SIZES if size <= arguments.largest):
        done = subprocess.run([sys.executable, __file__, "--one", str(size)], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        rows.append({"asked": size, **json.loads(done.stdout)})
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores:
        print(f"BUSY: a load of {load:.1f} on {cores} cores. Seconds are too long; CPU seconds and ratios say more.\n")
    show_sizes(rows)
    show_peers(rows, python, arguments.limit)


if __name__ == "__main__":
    main()
