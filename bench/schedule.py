"""The bundles of a shipped fleet's night on 2 to 256 workers: when the last ends, over the least there could be.

    python bench/schedule.py [specs/prod.yaml] [--error 0.3]

The bundles are those that a run would hand out, for that many workers, stage by stage. The least is an even share of
the work, or the longest job. ``--error`` adds log-normal error to every bundle's seconds (standard deviation of their
logarithm), a hundred draws: plans are predictions. Fixed bundles of a second are the other column. CPU stages alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from fleetspec import pipeline
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.diagnostics import Report
from fleetspec.runtime.bundles import TARGET_SECONDS, Bundle, cut, makespan
from fleetspec.runtime.ledger import Ledger
from fleetspec.runtime.store import Store

WORKERS = (2, 16, 64, 256)


def fixed(bundles: list[Bundle]) -> list[float]:
    """The same work in bundles of a second, or of one job where that is longer, heaviest jobs first."""
    classes: dict[tuple[int, float], int] = {}
    for bundle in bundles:
        key = bundle.klass, round(bundle.seconds / len(bundle), 9)
        classes[key] = classes.get(key, 0) + len(bundle)
    pieces: list[float] = []
    for (_, each), jobs in sorted(classes.items(), key=lambda item: -item[0][1]):
        size = max(int(TARGET_SECONDS / each), 1)
        pieces += [each * size] * (jobs // size) + [each * (jobs % size)] * bool(jobs % size)
    return pieces


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", type=Path, nargs="?", default=Path("specs/prod.yaml"))
    parser.add_argument("--error", type=float, default=0.0)
    arguments = parser.parse_args()
    planned = pipeline.planned(arguments.spec, RunKind.NIGHTLY, None, None, Report())
    graph = planned.compiled.graph
    ledger = Ledger.load(Store.of(Path("/nonexistent"), graph.fleet), graph)
    stage_of = np.array([klass.stage for klass in graph.classes])[graph.klass]
    missing = ledger.missing()
    rng = np.random.default_rng(1)
    print(f"{arguments.spec}: {len(missing):,d} jobs, error {arguments.error:g}")
    print("workers  bundles    least s      end s  over   one second")
    for workers in WORKERS:
        least = end = even = 0.0
        count = 0
        for stage in range(int(stage_of.max()) + 1):
            jobs = missing[stage_of[missing] == stage]
            bundles = [b for b in cut(ledger, planned.plan, jobs, lambda need, n=workers: n) if not b.need.on_gpu]
            if not bundles:
                continue
            count += len(bundles)
            whole = fixed(bundles)
            for _ in range(100 if arguments.error else 1):
                noise = np.exp(arguments.error * rng.standard_normal(len(bundles)))
                seconds = np.array([bundle.seconds for bundle in bundles]) * noise
                longest = max(s / len(b) for s, b in zip(seconds, bundles, strict=True))
                least += max(seconds.sum() / workers, longest)
                end += makespan(seconds.tolist(), workers)
                noisy = np.array(whole) * np.exp(arguments.error * rng.standard_normal(len(whole)))
                even += makespan(noisy.tolist(), workers) * seconds.sum() / noisy.sum()
        draws = 100 if arguments.error else 1
        print(
            f"{workers:7d} {count:8d} {least / draws:10.2f} {end / draws:10.2f} {end / least - 1:+6.1%} "
            f"{even / least - 1:+9.1%}"
        )


if __name__ == "__main__":
    main()
