"""What a store says of each group and family for a model inventory: when it was last fitted, used and tested."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from fleetspec.runtime import store as stored

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import JobGraph

Key = tuple[str, str, str]
"""Universe, group and family."""
REJECTED_BELOW = 0.05
"""The p-value under which a test rejects a model, as in reports of backtests."""


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest run with results of a task: its name, the session it was for, and when it ended (UTC; empty where it
    was killed or an earlier version wrote it)."""

    run: str
    session: str
    ended: str

    def to_json(self) -> dict[str, Any]:
        return {"run": self.run, "session": self.session, "ended": self.ended}


def last_runs(store: Path, fleet: str) -> dict[tuple[Key, str], LastRun]:
    """By key and task, the newest run of the fleet that computed a result, whatever has become of its spec since."""
    records = {record["run"]: record for record in stored.read_records(store, fleet)}
    ledger = stored.read_ledger(store, fleet)
    done = ledger.filter(pc.equal(ledger["state"], stored.DONE))
    newest: dict[tuple[Key, str], str] = {}
    for row in done.select(["klass", "task", "run"]).group_by(["klass", "task", "run"]).aggregate([]).to_pylist():
        universe, group, family = row["klass"].split("/")[:3]
        at = (universe, group.partition("~")[0], family), row["task"]
        newest[at] = max(newest.get(at, ""), row["run"], key=stored.run_number)
    return {at: _last(run, records.get(run, {})) for at, run in newest.items()}


def _last(run: str, record: dict[str, Any]) -> LastRun:
    return LastRun(run, str(record.get("session", "")), str(record.get("ended") or ""))


def tested(store: Path, graph: JobGraph) -> dict[Key, str]:
    """By key, how a backtest ended: models judged, and of each test how many it did not reject."""
    rows = stored.read_evaluations(store, graph)
    rows = rows.filter(pc.is_null(rows["period"]))
    models: dict[Key, set[str]] = defaultdict(set)
    tests: dict[Key, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    names = ("universe", "group", "family")
    for row in rows.select(["address", *names, "metric", "value"]).to_pylist():
        universe, group, family = (row[name] for name in names)
        key = universe, group.partition("~")[0], family
        models[key].add(row["address"])
        # Not to be shown better is no failure: the two-sided test says what there is to say.
        if (
            row["metric"] != "dm_better_p_value"
            and row["metric"].endswith("_p_value")
            and row["value"] is not None
            and math.isfinite(row["value"])
        ):
            tests[key][row["metric"].removesuffix("_p_value")].append(row["value"])
    return {key: _outcome(len(found), tests[key]) for key, found in models.items()}


def _outcome(models: int, tests: dict[str, list[float]]) -> str:
    passed = [
        f"{name} {sum(value >= REJECTED_BELOW for value in values)} of {len(values)} not rejected at 5 %"
        for name, values in sorted(tests.items())
    ]
    return "; ".join([f"{models:,} models judged", *passed])
