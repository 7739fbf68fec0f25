"""N GARCH fits with arch inside: a plain loop, joblib, one Ray task per model, and fleetspec, as speed-ups of the loop.

    python bench/runtime.py [--models 2000] [--bars 1000] [--engine]

The others fit and forecast in memory; fleetspec also verifies the data, quarantines, and commits every result to its
store. All four call the same functions. Workers are warm everywhere, and fleetspec has measured the family in a small
run before, as on any second night. Start-up (importing libraries, starting Ray) is timed apart: it does not grow with
N. ``--engine`` adds a line with the batched engine in place of arch.

The last columns are of a further model: the difference between N models and a quarter of them, in which nothing is that
does not grow with N. Seconds of the processor are those of all processes, and hold on a busy machine too; ``of ideal``
is the loop's seconds over them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}
# The folder of this file is on the path here, and must be in the workers too.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (sys.path[0], os.environ.get("PYTHONPATH", ""))))

import arch_garch
import joblib
import ray
from metering import Meter
from msgspec import structs

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


@dataclass(frozen=True)
class Cost:
    """Wall seconds, those of the processor, and of fleetspec start-up and seconds inside jobs."""

    wall: float
    cpu: float
    startup: float = 0.0
    inside: float = 0.0


def timed(call: Callable[[], object]) -> Cost:
    with Meter() as meter:
        begun = time.perf_counter()
        call()
        wall = time.perf_counter() - begun
    return Cost(wall, meter.seconds)


def applied(family: Family, models: int, bars: int, seed: int, folder: Path, executor: str = "ray") -> Cost:
    """One apply of ``family``; its wall seconds are those after start-up."""
    path, report, store = folder / f"bench-{seed}.yaml", Report(), folder / "store"
    path.write_text(SPEC.format(models=models, bars=bars, seed=seed, train=arch_garch.TRAIN))
    around = pipeline.world(store, "bench")
    families = Registry.of([family if one == family.name else around.registry[one] for one in around.registry])
    around = World(families, around.catalog)
    source = pipeline.read(path, around, report)
    path.with_suffix(".lock").write_bytes(pipeline.lock(source, around).to_bytes())
    planned = pipeline.plan(pipeline.compile(source, around, report, RunKind.NIGHTLY), around, store)
    with Meter() as meter:
        summary = pipeline.run(planned, store, executor)
    # A fit that arch does not vouch for is set aside, its forecast with it; the loop forecasts from it too.
    ended = summary.done + summary.newly_quarantined
    assert (ended, summary.failed) == (2 * models, 0), (summary.done, summary.causes, summary.failures)
    wall, startup = summary.wall_seconds, summary.startup_seconds
    return Cost(wall - startup, meter.seconds, startup, summary.fit_seconds)


def fleet(family: Family, models: int, bars: int) -> Cost:
    """:func:`applied` on the second night of a store: the first, of a few models, has measured the family."""
    with tempfile.TemporaryDirectory() as folder:
        applied(family, WARM, bars, SEED + 1, Path(folder))
        return applied(family, models, bars, SEED, Path(folder))


def beyond_the_jobs(models: int, bars: int) -> tuple[float, float]:
    """Seconds of the processor inside and beyond the family's own code, of ``models`` in this process: both sides are
    of one process and one moment, so their ratio holds on a busy machine."""
    inside = 0.0

    def clocked(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def clock(request: Any) -> Any:
            nonlocal inside
            begun = time.process_time()
            try:
                return call(request)
            finally:
                inside += time.process_time() - begun

        return clock

    whole = arch_garch.FAMILY
    assert whole.fit is not None
    family = structs.replace(whole, fit=clocked(whole.fit), forecast=clocked(whole.forecast))
    spent = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for seed, some in ((SEED + 1, WARM), (SEED, models)):
            inside = 0.0
            spent = applied(family, some, bars, seed, Path(folder), "inline").cpu
    return inside, spent - inside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=2000)
    parser.add_argument("--bars", type=int, default=1000)
    parser.add_argument("--engine", action="store_true", help="also with the batched engine in place of arch")
    arguments = parser.parse_args()
    models, bars = arguments.models, arguments.bars
    panel = list(market(models, bars, SEED, None).values())
    few = panel[: max(models // 4, 1)]
    load = os.getloadavg()[0]
    print(f"{models} GARCH fits and forecasts, {arch_garch.TRAIN} bars each, {CORES} cores, load {load:.1f} when begun")
    print("                                                         a further model")
    print("                   seconds  speed-up  of ideal    cpu s   wall ms   cpu ms  of ideal")
    loop(panel[:WARM])
    loops = [timed(lambda: loop(panel))]

    def line(name: str, whole: Cost, part: Cost | None) -> None:
        alone = sum(one.wall for one in loops) / len(loops)
        spent = sum(one.cpu for one in loops) / len(loops) / models
        faster = alone / whole.wall
        told = f"{name:17s} {whole.wall:9.2f} {faster:8.2f}x {faster / CORES:9.1%} {whole.cpu:8.1f}"
        if part is not None:
            further = models - len(few)
            wall, cpu = (whole.wall - part.wall) / further, (whole.cpu - part.cpu) / further
            told += f" {1e3 * wall:9.2f} {1e3 * cpu:8.2f} {spent / cpu:9.1%}"
        print(told, flush=True)

    by_joblib(panel[: 8 * CORES])
    joined = timed(lambda: by_joblib(few)), timed(lambda: by_joblib(panel))
    part, whole = fleet(arch_garch.FAMILY, len(few), bars), fleet(arch_garch.FAMILY, models, bars)
    engine = fleet(garch.FAMILY, models, bars) if arguments.engine else None
    ray.init(include_dashboard=False, log_to_driver=False, num_cpus=CORES)
    # Two rounds: the first one starts the worker processes and imports arch in each.
    task_per_model(panel[: 8 * CORES])
    tasks = timed(lambda: task_per_model(few)), timed(lambda: task_per_model(panel))
    ray.shutdown()
    # Once more at the end: the machine may have become another one meanwhile.
    loops.append(timed(lambda: loop(panel)))
    for one in loops:
        line("plain loop", one, Cost(one.wall / models * len(few), one.cpu / models * len(few)))
    line("joblib", joined[1], joined[0])
    line("task per model", tasks[1], tasks[0])
    line("fleetspec", whole, part)
    print(f"  start-up       {whole.startup:9.2f} s  data against the lock, Ray, workers and their imports")
    beyond = whole.wall * CORES - whole.inside - (part.wall * CORES - part.inside)
    print(f"  beyond jobs    {1e6 * beyond / (models - len(few)):9.0f} us of a core a further model, in wall time")
    few_in, few_out = beyond_the_jobs(len(few), bars)
    all_in, all_out = beyond_the_jobs(models, bars)
    further, extra = models - len(few), all_out - few_out
    share, each = extra / (all_in - few_in), 1e6 * extra / further
    print(f"  in one process {each:9.0f} us of the processor a further model beyond its jobs, {share:.1%} of theirs")
    if engine is not None:
        line("  with its engine", engine, None)


if __name__ == "__main__":
    main()
