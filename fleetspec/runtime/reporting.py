"""What the report page shows, gathered from plans, run records and the store as one JSON value."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fleetspec.compiler.census import census
from fleetspec.compiler.jobgraph import JobGraph
from fleetspec.compiler.lock import Lock
from fleetspec.compiler.spec import FleetSpec
from fleetspec.planner.plans import Plan
from fleetspec.runtime import store as stored

_SHOWN_QUARANTINE = 40
SIGNIFICANCE = 0.05
"""The test size at which the report counts rejections of Kupiec's test."""

_READINGS = {
    "qlike": "mean of log v + r²/v at 1 bar, lower is better",
    "rmse_ratio_to_zero": "RMSE over that of forecasting 0, below 1 is skill",
    "violations": "losses beyond the value at risk",
}


def report_data(file: str, spec: FleetSpec, lock: Lock, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole page: the fleet, where its data come from, and one section per run (see :func:`run_section`)."""
    return {
        "fleet": spec.name,
        "owner": spec.owner,
        "file": file,
        "data": [_source(name, spec.data[name].from_, lock) for name in spec.data],
        "runs": runs,
    }


def run_section(store: Path, graph: JobGraph, plan: Plan) -> dict[str, Any]:
    """One run: the plan it was run with (or ``plan``, where it never ran), its summary, results and quarantine."""
    records = [
        record
        for record in stored.read_records(store, graph.fleet)
        if record["kind"] == str(graph.run) and record["graph"] == graph.content and record["summary"]
    ]
    record = records[-1] if records else None
    quarantine = stored.read_quarantine(store, graph).select(["address", "task", "reason"]).to_pylist()
    summary = None if record is None else _with_totals(record["summary"])
    return {
        "run_id": None if record is None else record["run"],
        "plan": plan.to_json() if record is None else record["plan"],
        "words": census(graph),
        "summary": summary,
        "families": [] if summary is None else _families(summary),
        "evaluations": _evaluations(stored.read_evaluations(store, graph)),
        "quarantine": quarantine[:_SHOWN_QUARANTINE],
        "quarantine_more": max(len(quarantine) - _SHOWN_QUARANTINE, 0),
    }


def _with_totals(summary: dict[str, Any]) -> dict[str, Any]:
    return summary | {"quarantined_total": summary["quarantined_models"], "threshold": summary["max_quarantined"]}


def _source(name: str, location: str, lock: Lock) -> dict[str, Any]:
    series = lock.data[name].values()
    bars = [one.bars for one in series] or [0]
    first = [one.first for one in series if one.first is not None]
    last = [one.last for one in series if one.last is not None]
    kind = {"sample": "real, shipped with arch", "synthetic": "synthetic, made from its seed"}
    return {
        "name": name,
        "kind": kind.get(location.split(":")[0], "your file"),
        "location": location,
        "series": len(bars),
        "shortest": min(bars),
        "longest": max(bars),
        "first": min(first).isoformat() if first else "-",
        "last": max(last).isoformat() if last else "-",
    }


def _families(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Jobs and seconds per job by family and task, over universes and groups."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for klass in summary["classes"]:
        row = rows.setdefault(
            (klass["family"], klass["task"]),
            {"ran": 0, "done": 0, "reused": 0, "quarantined": 0, "predicted": 0.0, "actual": 0.0},
        )
        row["ran"] += klass["ran"]
        row["reused"] += klass["reused"]
        row["quarantined"] += klass["quarantined"]
        row["done"] += klass["jobs"] - klass["reused"] - klass["quarantined"]
        row["predicted"] += klass["predicted_seconds"]
        row["actual"] += klass["actual_seconds"]
    return [
        {
            "family": family,
            "task": task,
            "done": max(row["done"], 0),
            "reused": row["reused"],
            "quarantined": row["quarantined"],
            "predicted_seconds": row["predicted"] / row["ran"] if row["ran"] else None,
            "actual_seconds": row["actual"] / row["ran"] if row["ran"] else None,
        }
        for (family, task), row in sorted(rows.items())
    ]


def _evaluations(table: pa.Table) -> list[dict[str, Any]]:
    """Medians over models by universe, group, family, metric, horizon and level; a share of rejections for tests."""
    groups: dict[tuple[Any, ...], list[tuple[float, int]]] = {}
    for row in table.to_pylist():
        level = None if math.isnan(row["level"]) else row["level"]
        key = (row["universe"], row["group"], row["family"], row["metric"], row["horizon"], level)
        groups.setdefault(key, []).append((row["value"], row["n"]))
    expected = {key: values for key, values in groups.items() if key[3] == "expected_violations"}
    rows = []
    for key, values in sorted(groups.items(), key=lambda item: tuple(str(part) for part in item[0])):
        universe, group, family, metric, horizon, level = key
        if metric in ("expected_violations", "kupiec_statistic", "mse"):
            continue
        figures = np.array([value for value, _ in values])
        rows.append(
            {
                "universe": universe,
                "group": group,
                "family": family,
                "metric": f"{metric}, {horizon} bar" + ("" if horizon == 1 else "s"),
                "level": "" if level is None else f"{level * 100:g}%",
                "models": len(values),
                "median": f"{float(np.median(figures)):.4g}",
                "reading": _reading(metric, figures, values, expected.get((*key[:3], "expected_violations", *key[4:]))),
            }
        )
    return rows


def _reading(
    metric: str, figures: Any, values: list[tuple[float, int]], expected: list[tuple[float, int]] | None
) -> str:
    if metric == "kupiec_p_value":
        rejected = float((figures < SIGNIFICANCE).mean())
        return f"{rejected * 100:.1f} % of the models rejected at 5 %; about 5 % would be if all were right"
    if metric == "violations" and expected:
        n = sum(count for _, count in values)
        share, wanted = figures.sum() / n, sum(value for value, _ in expected) / n
        return f"{share * 100:.2f} % of {n:,} forecasts, {wanted * 100:.2f} % expected"
    return _READINGS.get(metric, "")
