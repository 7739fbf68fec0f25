"""N GARCH fits with arch inside: a plain loop, joblib, one Ray task per model, and fleetspec, as speed-ups of the loop.

    python bench/runtime.py [--models 2000] [--bars 1000] [--engine]

The others fit and forecast in memory; fleetspec also verifies the data, quarantines, and commits every result to its
store. All four call the same functions. Workers are warm everywhere, and fleetspec has measured the family in a small
run before, as on any second night. Start-up (importing libraries, starting Ray) is timed apart: it does not grow with
N. ``--engine`` adds a line with the batched engine in place of arch.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}
# The folder of this file is on the path here, and must be in the workers too.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (sys.path[0], os.environ.get("PYTHONPATH", ""))))

import arch_garch
import joblib
import ray

from fleetspec import pipeline
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.diagnostics import Report
from fleetspec.families import garch
from fleetspec.family import Family, Registry
from fleetspec.panel.series import Series
from fleetspec.panel.synthetic import market
from fleetspec.stages import World

SEED, WARM = 11, 64
CORES = len(os.sched_getaffinity(0))

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


def loop(panel: list[Series]) -> None:
    for series in panel:
        arch_garch.fit_one(series)


def by_joblib(panel: list[Series]) -> None:
    joblib.Parallel(n_jobs=CORES)(joblib.delayed(arch_garch.fit_one)(series) for series in panel)


def task_per_model(panel: list[Series]) -> None:
    remote = ray.remote(arch_garch.fit_one)
    ray.get([remote.remote(series) for series in panel])


def timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def applied(family: Family, models: int, bars: int, seed: int, folder: Path) -> tuple[float, float, float]:
    """Wall seconds after start-up, start-up seconds, and seconds inside jobs of one apply of ``family``."""
    path, report, store = folder / f"bench-{seed}.yaml", Report(), folder / "store"
    path.write_text(SPEC.format(models=models, bars=bars, seed=seed, train=arch_garch.TRAIN))
    around = pipeline.world(store, "bench")
    families = Registry.of([family if one == family.name else around.registry[one] for one in around.registry])
    around = World(families, around.catalog)
    source = pipeline.read(path, around, report)
    path.with_suffix(".lock").write_bytes(pipeline.lock(source, around).to_bytes())
    planned = pipeline.plan(pipeline.compile(source, around, report, RunKind.NIGHTLY), around, store)
    summary = pipeline.run(planned, store)
    # A fit that arch does not vouch for is set aside, its forecast with it; the loop forecasts from it too.
    ended = summary.done + summary.newly_quarantined
    assert (ended, summary.failed) == (2 * models, 0), (summary.done, summary.causes, summary.failures)
    return summary.wall_seconds - summary.startup_seconds, summary.startup_seconds, summary.fit_seconds


def fleet(family: Family, models: int, bars: int) -> tuple[float, float, float]:
    """:func:`applied` on the second night of a store: the first, of a few models, has measured the family."""
    with tempfile.TemporaryDirectory() as folder:
        applied(family, WARM, bars, SEED + 1, Path(folder))
        return applied(family, models, bars, SEED, Path(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=2000)
    parser.add_argument("--bars", type=int, default=1000)
    parser.add_argument("--engine", action="store_true", help="also with the batched engine in place of arch")
    arguments = parser.parse_args()
    models, bars = arguments.models, arguments.bars
    panel = list(market(models, bars, SEED, None).values())
    load = os.getloadavg()[0]
    print(f"{models} GARCH fits and forecasts, {arch_garch.TRAIN} bars each, {CORES} cores, load {load:.1f} when begun")
    print("                   seconds  speed-up  of ideal  us/model beyond the loop's")
    loop(panel[:WARM])
    alone = timed(lambda: loop(panel))

    def line(name: str, wall: float) -> None:
        beyond = 1e6 * (wall * CORES - alone) / models if name != "plain loop" else 0.0
        print(f"{name:17s} {wall:9.2f} {alone / wall:8.2f}x {alone / wall / CORES:9.1%} {beyond:9.0f}", flush=True)

    line("plain loop", alone)
    by_joblib(panel[: 8 * CORES])
    line("joblib", timed(lambda: by_joblib(panel)))
    wall, startup, inside = fleet(arch_garch.FAMILY, models, bars)
    line("fleetspec", wall)
    print(f"  start-up       {startup:9.2f} s  data against the lock, Ray, workers and their imports")
    print(f"  beyond jobs    {1e6 * (wall * CORES - inside) / models:9.0f} us of a core a model, after start-up")
    if arguments.engine:
        line("  with its engine", fleet(garch.FAMILY, models, bars)[0])
    ray.init(include_dashboard=False, log_to_driver=False, num_cpus=CORES)
    # Two rounds: the first one starts the worker processes and imports arch in each.
    task_per_model(panel[: 8 * CORES])
    line("task per model", timed(lambda: task_per_model(panel)))
    ray.shutdown()


if __name__ == "__main__":
    main()
