"""`fleetspec validate` as a whole process, on a spec of about 300 lines, against a process that only imports what it
is built on: seconds, least and median of so many runs in turns.

    python bench/validate.py [--runs 20]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GROUPS = 55
HEAD = """\
apiVersion: fleetspec/v1
kind: Fleet
name: bench
owner: bench
data:
  bars: {from: synthetic:market, series: 100, length: 1500 sessions}
universes:
  all: {data: bars, calendar: XNYS, bar: 1 session}
horizons: [1 bar, 5 bars, 10 bars, 20 bars]
features:
  tech: [momentum(5), rsi(14), volatility(20)]
models:
"""
GROUP = """\
  vol{number}:
    families: [garch, egarch, gjr]
    target: variance
    train: {train} bars
    refit: 5 sessions
"""
TAIL = """\
  linear: {{family: elasticnet, target: return, features: tech, train: 1000 bars, refit: 5 sessions}}
  trees: {{family: xgboost, target: return, features: tech, train: 1000 bars, refit: 20 sessions}}
fleet:
  - {{universes: all, models: [{names}, linear, trees]}}
schedule: {{calendar: XNYS, start: close + 45m, deadline: open - 90m}}
budget: {{nightly: 50 USD}}
hardware:
  pool: {{cpu: 16, memory: 64Gi, price: 0.80 USD/h, max: 10}}
"""


def spec() -> str:
    """A sound spec whose groups take five lines each."""
    groups = "".join(GROUP.format(number=number, train=500 + number) for number in range(GROUPS))
    return HEAD + groups + TAIL.format(names=", ".join(f"vol{number}" for number in range(GROUPS)))


def seconds(command: list[str], environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="of each command [20]")
    runs = parser.parse_args().runs
    # Without its compiled modules every run would compile the package anew.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.yaml"
        path.write_text(spec())
        commands = {
            "imports alone": [sys.executable, "-c", "import click, msgspec, pydantic, yaml"],
            "validate": [sys.executable, "-m", "fleetspec", "validate", str(path)],
        }
        seconds(commands["validate"], environment)
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(runs):
            for name, command in commands.items():
                taken[name].append(seconds(command, environment))
    print(f"a spec of {len(spec().splitlines())} lines, {runs} runs, load {os.getloadavg()[0]:.1f}")
    for name, each in taken.items():
        print(f"{name:14s} least {min(each):.3f} s   median {statistics.median(each):.3f} s")
    print(f"ratio          least {min(taken['validate']) / min(taken['imports alone']):.1f}")


if __name__ == "__main__":
    main()
