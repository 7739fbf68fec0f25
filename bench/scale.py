"""From a spec to a store full of fits, at the sizes of the table this project set out from: 1,000 to 100,000 models.

    python bench/scale.py [--models 1000 10000 50000 100000] [--executor ray]

A model is a GARCH(1,1) with Student-t innovations on 1,000 days: a hundred walk-forward windows of each series, so that
the data fit into memory and are read once. Every fit is followed by a forecast of the days up to the next window and
every series by its evaluation; all of them are committed to the store. ``--executor inline`` runs all in this process,
whose seconds of the processor are then those of the whole, also on a busy machine. The last column is arch, fitted on
twelve windows of the same market in this process: seconds of the processor for as many fits, without any overhead.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}

from fleetspec import pipeline
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.diagnostics import Report
from fleetspec.kernels import arch_fit
from fleetspec.kernels.garch import Specification
from fleetspec.kernels.garch.fitting import engine_for
from fleetspec.panel.synthetic import market

TRAIN, STEP, WINDOWS, SEED = 1000, 5, 100, 11
SPECIFICATION = Specification("garch", distribution="t")

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: scale
owner: me
seed: 1
data: {{market: {{from: "synthetic:market", series: {series}, length: {bars} sessions, seed: {seed}}}}}
universes: {{main: {{data: market, calendar: XNYS, bar: 1 session}}}}
horizons: [1 bar]
models:
  vol: {{family: garch, target: variance, train: {train} bars, refit: {step} sessions, params: {{distribution: t}}}}
fleet: [{{universes: main, models: vol}}]
backtest: {{scheme: walk-forward, models: [vol], step: {step} bars, within: 12h}}
schedule: {{calendar: XNYS, start: close + 45m, deadline: open - 90m}}
budget: {{nightly: 1000 USD, backtest: 1000 USD}}
hardware: {{here: {{cpu: 4, memory: 8Gi, price: 0.10 USD/h, max: 50, boot: 10s}}}}
"""


def applied(models: int, executor: str, folder: Path) -> None:
    path, store = folder / "scale.yaml", folder / "store"
    series = models // WINDOWS
    path.write_text(SPEC.format(series=series, bars=TRAIN + STEP * WINDOWS, seed=SEED, train=TRAIN, step=STEP))
    report = Report()
    begun, spent = time.perf_counter(), time.process_time()
    around = pipeline.world()
    source = pipeline.read(path, around, report)
    (folder / "scale.lock").write_bytes(pipeline.lock(source, around).to_bytes())
    planned = pipeline.planned(path, RunKind.BACKTEST, None, store, report)
    ready = time.perf_counter() - begun
    summary = pipeline.run(planned, store, executor)
    spent = time.process_time() - spent
    assert summary.failed == 0, summary.failures
    (fits,) = [line for line in summary.classes if line.task == "fit"]
    assert fits.jobs == series * WINDOWS, fits.jobs
    size = sum(f.stat().st_size for f in store.rglob("*") if f.is_file()) / 2**20
    each = 1e6 * fits.actual_seconds / max(fits.ran, 1)
    reference = arch_seconds() * fits.jobs
    columns = (
        f"{fits.jobs:8,d}",
        f"{ready:9.1f}",
        f"{summary.wall_seconds:9.1f}",
        f"{summary.startup_seconds:9.1f}",
        f"{spent:9.1f}",
        f"{each:10.0f}",
        f"{fits.jobs / summary.wall_seconds:9.0f}",
        f"{summary.newly_quarantined:6d}",
        f"{size:8.1f}",
        f"{reference:11.0f}",
    )
    print(" ".join(columns), flush=True)


def arch_seconds(count: int = 12) -> float:
    """Seconds per fit of arch, on windows of the same market."""
    windows = [100 * series.returns[-TRAIN:] for series in market(count, TRAIN + STEP * WINDOWS, SEED).values()]
    arch_fit.estimate(windows[0], SPECIFICATION)
    begun = time.process_time()
    for window in windows:
        arch_fit.estimate(window, SPECIFICATION)
    return (time.process_time() - begun) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--executor", choices=["ray", "inline"], default="ray")
    arguments = parser.parse_args()
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"engine {engine_for(SPECIFICATION).name}, {cores} cores, load {load:.1f} when begun")
    print("  models   ready s   apply s  start-up     cpu s us per fit    fits/s no fit      MiB  arch cpu s")
    for models in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            applied(models, arguments.executor, Path(folder))


if __name__ == "__main__":
    main()
