"""Applying N GARCH fits: a plain loop, one Ray task per model, and fleetspec, as ratios of one core's loop.

    python bench/runtime.py [--models 200] [--bars 1000]

The loop and the tasks fit and forecast in memory; fleetspec also verifies the data, quarantines, and commits every
result to its store. Start-up (importing libraries, starting Ray) is timed apart: it does not grow with N.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}

import ray

from fleetspec import pipeline
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.diagnostics import Report
from fleetspec.families.garch import FAMILY
from fleetspec.family import FitRequest, ForecastRequest, SeriesWindow
from fleetspec.panel.series import Series
from fleetspec.panel.synthetic import market

TRAIN, SEED = 750, 11

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: bench
owner: me
seed: 1
data: {{market: {{from: "synthetic:market", series: {models}, length: {bars} sessions, seed: {seed}}}}}
universes: {{main: {{data: market, calendar: XNYS, bar: 1 session}}}}
horizons: [1 bar, 5 bars]
models:
  vol: {{family: garch, target: variance, train: {train} bars, refit: 1 sessions}}
fleet: [{{universes: main, models: vol}}]
schedule: {{calendar: XNYS, start: close + 45m, deadline: open - 90m}}
budget: {{nightly: 1000 USD}}
hardware: {{here: {{cpu: 4, memory: 8Gi, price: 0.10 USD/h, max: 50, boot: 10s}}}}
"""


def fit_one(series: Series) -> float:
    """Fit on the last bars and forecast, as the runtime does for one model."""
    start = len(series) - TRAIN
    window = SeriesWindow(series.name, series.dates[start:], series.returns[start:], None)
    params = FAMILY.params()
    assert FAMILY.fit is not None
    fit = FAMILY.fit(FitRequest((window,), params, (), None, 0))
    FAMILY.forecast(ForecastRequest(fit, (window,), len(window) - 1, (1, 5), params, ()))
    return fit.log_likelihood


def loop(panel: list[Series]) -> None:
    for series in panel:
        fit_one(series)


def task_per_model(panel: list[Series]) -> None:
    remote = ray.remote(fit_one)
    ray.get([remote.remote(series) for series in panel])


def timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def applied(models: int, bars: int, folder: Path) -> tuple[float, float, float]:
    """Wall seconds after start-up, start-up seconds, and seconds inside jobs of one apply."""
    path = folder / "bench.yaml"
    path.write_text(SPEC.format(models=models, bars=bars, seed=SEED, train=TRAIN))
    around, report = pipeline.world(), Report()
    source = pipeline.read(path, around, report)
    (folder / "bench.lock").write_bytes(pipeline.lock(source, around).to_bytes())
    planned = pipeline.planned(path, RunKind.NIGHTLY, None, folder / "store", report)
    summary = pipeline.run(planned, folder / "store")
    assert (summary.done, summary.failed) == (2 * models, 0), summary.causes
    return summary.wall_seconds - summary.startup_seconds, summary.startup_seconds, summary.fit_seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--bars", type=int, default=1000)
    arguments = parser.parse_args()
    panel = list(market(arguments.models, arguments.bars, SEED, None).values())
    fit_one(panel[0])
    alone = timed(lambda: loop(panel))
    with tempfile.TemporaryDirectory() as folder:
        wall, startup, inside = applied(arguments.models, arguments.bars, Path(folder))
    ray.init(include_dashboard=False, log_to_driver=False, num_cpus=len(os.sched_getaffinity(0)))
    # Two rounds: the first one starts the worker processes and imports arch in each.
    task_per_model(panel[: 8 * len(os.sched_getaffinity(0))])
    tasks = timed(lambda: task_per_model(panel))
    ray.shutdown()
    cores = len(os.sched_getaffinity(0))
    print(f"{arguments.models} GARCH fits and forecasts, {TRAIN} bars each, {cores} cores (ideal speed-up {cores})")
    print(f"plain loop       {alone:7.2f} s   1.00 x   {1000 * alone / arguments.models:.1f} ms per model")
    print(f"task per model   {tasks:7.2f} s   {alone / tasks:.2f} x   warm workers")
    print(f"fleetspec        {wall:7.2f} s   {alone / wall:.2f} x   start-up apart; store and shutdown included")
    print(f"  start-up       {startup:7.2f} s            data against the lock, Ray, workers and their imports")
    print(f"  overhead       {wall * cores - inside:7.2f} core-s      of {wall * cores:.2f}, after start-up")


if __name__ == "__main__":
    main()
