"""Runs the toy fleet of a folder in a process of its own: ``run_toys.py FOLDER EXECUTOR SECONDS_PER_JOB [SLOT]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import toy_fleet

from fleetspec.runtime.driver import run
from fleetspec.runtime.request import RunRequest


def main() -> int:
    root, executor, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    lock = toy_fleet.toy_lock(root)
    graph = toy_fleet.toy_graph(lock, root)
    plan = toy_fleet.toy_plan(graph, seconds, *((sys.argv[4], "H100-80GB") if sys.argv[4:] else ()))
    summary = run(RunRequest(toy_fleet.toy_spec(), graph, plan, lock, root, root / "store", executor))
    print(json.dumps(summary.to_json()))
    return int(summary.exit_code)


if __name__ == "__main__":
    raise SystemExit(main())
