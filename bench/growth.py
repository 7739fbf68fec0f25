"""How every stage grows from a thousand models to a million: wall time, seconds of the processor, peak memory.

    python bench/growth.py [--models 1000 10000 100000 1000000]

A model is one of a hundred parameters on one of so many series, fitted and forecast by a family that costs next to
nothing (:mod:`cheap`), so that what is seen is the compiler's, the planner's and the runtime's own cost. A small run
has measured the family before, as on any second night. All runs in one process, each size in one of its own: seconds of
the processor are those of the whole, also on a busy machine. ``again`` is a second apply, which finds nothing to do.
Exponents compare each size with the one before: 1 is linear.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cheap

from fleetspec import looking, pipeline
from fleetspec.catalog.loading import shipped, with_measured
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.diagnostics import Report
from fleetspec.family import Registry
from fleetspec.runtime.measured import load_measured
from fleetspec.stages import World
from fleetspec.views import as_html

VARIANTS, BARS = 100, 60

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: growth
owner: me
seed: 1
data: {{market: {{from: "synthetic:market", series: {series}, length: {bars} sessions, seed: 3}}}}
universes: {{main: {{data: market, calendar: XNYS, bar: 1 session}}}}
horizons: [1 bar]
models:
  cheap: {{family: cheap, target: return, train: 40 bars, refit: 1 sessions, axes: {{scale: [{scales}]}}}}
fleet: [{{universes: main, models: cheap}}]
schedule: {{calendar: XNYS, start: close + 45m, deadline: open - 90m}}
budget: {{nightly: 1000 USD}}
publish: {{to: lake}}
hardware: {{here: {{cpu: 4, memory: 8Gi, price: 0.10 USD/h, max: 50, boot: 10s}}}}
"""


def peak_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return math.nan


class Clock:
    """Wall, processor and peak memory of each step, by name."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[float, float, float]] = {}

    def __call__(self, name: str, call: Callable[[], Any]) -> Any:
        # Resets the peak to what is held now.
        Path("/proc/self/clear_refs").write_text("5")
        wall, spent = time.perf_counter(), time.process_time()
        answer = call()
        self.rows[name] = time.perf_counter() - wall, time.process_time() - spent, peak_mib()
        return answer


def written(path: Path, models: int) -> None:
    scales = ", ".join(f"{1 + i / VARIANTS:g}" for i in range(VARIANTS))
    path.write_text(SPEC.format(series=models // VARIANTS, bars=BARS, scales=scales))


def warmed(folder: Path, around: World) -> None:
    """A night of a thousand models."""
    folder.mkdir()
    path, report = folder / "growth.yaml", Report()
    written(path, 1000)
    source = pipeline.read(path, around, report)
    path.with_suffix(".lock").write_bytes(pipeline.lock(source, around).to_bytes())
    compiled = pipeline.compile(source, around, report, RunKind.NIGHTLY)
    pipeline.run(pipeline.plan(compiled, around, folder / "store"), folder / "store", "inline")


def measure(models: int) -> dict[str, Any]:
    """The rows of one size, and what one model costs beyond the family's own code, in microseconds."""
    families, clock, report = Registry.of([cheap.FAMILY]), Clock(), Report()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        path, store = root / "growth.yaml", root / "store"
        warmed(root / "before", World(families, shipped()))
        around = World(families, with_measured(shipped(), load_measured(root / "before" / "store", "growth")))
        pipeline.world = lambda *_: around
        cheap.SPENT[0] = 0.0
        written(path, models)
        source = pipeline.read(path, around, report)
        lock = clock("lock", lambda: pipeline.lock(source, around))
        path.with_suffix(".lock").write_bytes(lock.to_bytes())
        compiled = clock("compile", lambda: pipeline.compile(source, around, report, RunKind.NIGHTLY))
        assert len(compiled.graph.models) == models
        planned = clock("plan", lambda: pipeline.plan(compiled, around, store))
        summary = clock("run", lambda: pipeline.run(planned, store, "inline"))
        assert (summary.done, summary.failed) == (2 * models, 0), summary
        again = clock("again", lambda: pipeline.run(pipeline.plan(compiled, around, store), store, "inline"))
        assert again.run is None
        clock("status", lambda: looking.status(path, None, store, Report()))
        page = clock("report", lambda: as_html.report(looking.report_page(path, None, store, Report()), None))
        size = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
        files = sum(1 for file in store.rglob("*") if file.is_file())
        record = max(file.stat().st_size for file in store.rglob("run-*.json"))
    inside = cheap.SPENT[0]
    return {
        "models": models,
        "rows": clock.rows,
        "beyond": 1e6 * (clock.rows["run"][1] - inside) / models,
        "inside": 1e6 * inside / models,
        "store": size,
        "files": files,
        "page": len(page),
        "record": record,
    }


def exponent(before: float, now: float, ratio: float) -> str:
    return "" if before <= 0 or now <= 0 else f"{math.log(now / before) / math.log(ratio):.2f}"


def show(found: dict[str, Any], before: dict[str, Any] | None) -> None:
    print(f"\n{found['models']:,d} models, {2 * found['models']:,d} jobs")
    print("           wall s    cpu s  peak MiB   exponents of wall, cpu, memory")
    ratio = 0.0 if before is None else found["models"] / before["models"]
    for name, row in found["rows"].items():
        grown = (
            [] if before is None else [exponent(b, n, ratio) for b, n in zip(before["rows"][name], row, strict=True)]
        )
        print(f"{name:9s} {row[0]:8.2f} {row[1]:8.2f} {row[2]:9.0f}   {'  '.join(f'{one:>5s}' for one in grown)}")
    print(
        f"a model: {found['beyond']:.0f} us of the processor beyond the family's {found['inside']:.0f}; "
        f"store {found['store'] / 2**20:.1f} MiB in {found['files']} files; "
        f"page {found['page'] / 2**10:.0f} KiB, record {found['record'] / 2**10:.0f} KiB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one)))
        return
    before = None
    print(f"load {os.getloadavg()[0]:.1f} when begun")
    for models in arguments.models:
        command = [sys.executable, __file__, "--one", str(models)]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(ended.stdout.splitlines()[-1])
        show(found, before)
        before = found


if __name__ == "__main__":
    main()
