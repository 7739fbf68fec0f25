"""Spec to job graph from a thousand to ten million jobs: seconds, peak memory and growth, per stage.

Peer of the same run: the same graph as Python objects, one dictionary and one SHA-256 per job, as graph tools that keep
an object per job build it. Each size runs in a process of its own, so that peaks are its own.

    python bench/compile.py            # up to a million jobs
    python bench/compile.py 10000000   # up to ten million
"""

from __future__ import annotations

import hashlib
import json
import math
import resource
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
PEER_LIMIT = 100_000
"""The peer is linear; above this it is extrapolated from here, and said so."""

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: bench
owner: bench
data:
  bars: {{from: "synthetic:market", series: {series}, length: 1250 sessions}}
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
budget: {{nightly: 5 USD}}
hardware:
  pool: {{cpu: 16, memory: 64Gi, price: 0.80 USD/h, max: 20}}
"""
JOBS_PER_SERIES = 3 * 2 + 4 + 4 * 2


def measured(jobs: int) -> dict[str, float]:
    """Stages of one compilation in this process. The lock is made up: reading data is not what is measured."""
    from fleetspec.catalog.loading import shipped
    from fleetspec.compiler.checks import check
    from fleetspec.compiler.compose import compose_text
    from fleetspec.compiler.decode import decode
    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.compiler.lock import Lock, LockedSeries, declared
    from fleetspec.compiler.lower import lower
    from fleetspec.diagnostics import Report, Source
    from fleetspec.families import registry

    series = max(jobs // JOBS_PER_SERIES, 1)
    known, catalog, report = registry(), shipped(), Report()
    begun = time.perf_counter()
    document = compose_text(Source("bench.yaml", SPEC.format(series=series)), report)
    assert document is not None
    spec = decode(document, report)
    assert spec is not None, report.findings
    check(spec, known, catalog, report)
    read = time.perf_counter()
    first, last = date(2021, 3, 18), date(2025, 12, 31)
    names = [f"S{number:07d}" for number in range(series)]
    digests = [hashlib.blake2b(name.encode(), digest_size=16).hexdigest() for name in names]
    rows = {n: LockedSeries(n, 1250, 0, first, last, d, {"1000/5": d}) for n, d in zip(names, digests, strict=True)}
    lock = Lock({"bars": rows}, {"all": tuple(names)}, declared(spec))
    locked = time.perf_counter()
    graph = lower(spec, lock, known, RunKind.NIGHTLY, last)
    lowered = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"jobs": len(graph), "read": read - begun, "lower": lowered - locked, "peak MiB": peak}


def peer(jobs: int) -> float:
    """Seconds for the same number of jobs as objects: a dictionary, a canonical JSON text and a digest each."""
    begun = time.perf_counter()
    made: dict[str, dict[str, object]] = {}
    for number in range(jobs // JOBS_PER_SERIES):
        for position in range(JOBS_PER_SERIES):
            job = {
                "series": f"S{number:07d}",
                "position": position,
                "train": 1000,
                "parents": [f"{number}/{position - 1}"],
            }
            made[f"{number}/{position}"] = job | {
                "digest": hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()
            }
    return time.perf_counter() - begun


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--one":
        print(json.dumps(measured(int(sys.argv[2]))))
        return
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    sizes = [size for size in SIZES if size <= largest]
    rows = []
    for size in sizes:
        command = [sys.executable, str(Path(__file__)), "--one", str(size)]
        rows.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    per_job = peer(PEER_LIMIT) / PEER_LIMIT
    print(f"{'jobs':>12} {'read s':>8} {'lower s':>8} {'us/job':>7} {'peak MiB':>9} {'objects/columns':>16}")
    for row in rows:
        jobs, lower = row["jobs"], row["lower"]
        ratio = per_job * jobs / lower
        mark = "" if jobs <= PEER_LIMIT else " *"
        print(
            f"{jobs:>12,.0f} {row['read']:>8.3f} {lower:>8.3f} {lower / jobs * 1e6:>7.2f} {row['peak MiB']:>9.0f} "
            f"{ratio:>14.1f} x{mark}"
        )
    print("* the peer's time is extrapolated: it is linear in the jobs")
    if len(rows) > 1:
        a, b = rows[-2], rows[-1]
        grown = math.log(b["lower"] / a["lower"]) / math.log(b["jobs"] / a["jobs"])
        print(f"growth of lowering between the last two sizes: jobs^{grown:.2f}")


if __name__ == "__main__":
    main()
