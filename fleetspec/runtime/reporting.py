"""What the report page shows, gathered from plans, run records and the store as one JSON value."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleetspec.compiler.census import census, describe_data
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.panel.series import stamp_text
from fleetspec.runtime import segments
from fleetspec.runtime import store as stored
from fleetspec.runtime.covariances import with_correlations
from fleetspec.runtime.ledger import PARENT
from fleetspec.runtime.readings import evaluation_rows, p_value_rows, stretch_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.planner.plans import Plan

_SHOWN_QUARANTINE = 40
SESSIONS_A_YEAR = 252
"""What the report annualises variances with: bars are sessions, and a year is taken to have this many."""

# Words with the unit, and the digits that unit needs. A value at risk is a loss in log return, as the evaluation
# takes it: figures here are those of the store times 100.
_SHOWN = {
    "variance": (f"volatility, % a year of {SESSIONS_A_YEAR} sessions", 1),
    "mean": ("mean log return over the horizon, %", 3),
    "return": ("log return over the horizon, %", 3),
    "value_at_risk": ("value at risk, loss of value in % (log return)", 2),
    "correlation": ("correlation of two series, %", 1),
    "expected_shortfall": ("expected shortfall, mean loss beyond the value at risk in % (log return)", 2),
}
_FORECAST_KEYS = ("universe", "group", "family", "quantity", "horizon", "level")


def report_data(file: str, spec: FleetSpec, lock: Lock, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole page: the fleet, where its data come from, and one section per run (see :func:`run_section`)."""
    return {
        "fleet": spec.name,
        "owner": spec.owner,
        "file": file,
        "data": describe_data(spec, lock),
        "runs": runs,
    }


def run_section(store: Path, graph: JobGraph, plan: Plan, spec: FleetSpec) -> dict[str, Any]:
    """One run: the plan it was run with (or ``plan``, where it never ran), its summary, results and quarantine."""
    records = [
        record
        for record in stored.read_records(store, graph.fleet)
        if record["kind"] == str(graph.run) and record["graph"] == graph.content and record["summary"]
    ]
    record = records[-1] if records else None
    quarantine = _causes_first(stored.read_quarantine(store, graph).select(["address", "task", "reason"]))
    nightly = graph.run == RunKind.NIGHTLY
    summary = None if record is None else _with_totals(record["summary"])
    scores = stored.read_evaluations(store, graph)
    return {
        "run_id": None if record is None else record["run"],
        "plan": plan.to_json() if record is None else record["plan"],
        "words": census(graph),
        "summary": summary,
        "families": [] if summary is None else _families(summary),
        # A backtest's forecasts are a means to its evaluations, and many: they are not even read.
        "forecasts": forecast_summary(stored.read_forecasts(store, graph)) if nightly else [],
        "evaluations": evaluation_rows(scores),
        "p_values": p_value_rows(scores),
        "stretches": stretch_rows(scores, spec.backtest) if graph.run is RunKind.BACKTEST else [],
        "quarantine": quarantine.slice(0, _SHOWN_QUARANTINE).to_pylist(),
        "quarantine_more": max(len(quarantine) - _SHOWN_QUARANTINE, 0),
    }


def forecast_summary(table: pa.Table) -> list[dict[str, Any]]:
    """Tonight's forecasts over series: one row per universe, group, family, quantity, horizon and level.

    ``table`` has the columns of :func:`fleetspec.runtime.store.read_forecasts`. Every series counts with its newest
    origin; ``low``, ``median`` and ``high`` are the 5 %, 50 % and 95 % points over series (numpy's linear
    interpolation) in the unit that ``shown`` names: variances as ``sqrt(variance / horizon * 252)``, all in percent.
    Tails (``nu``) are left out. Covariances are shown as correlations, every pair counting as a series.
    """
    table = _correlated(table)
    table = table.filter(pc.is_in(table["quantity"], value_set=pa.array(list(_SHOWN))))
    if len(table) == 0:
        return []
    codes = [_codes(table[name]) for name in _FORECAST_KEYS]
    keys = [code for code, _ in codes]
    series, origin = _codes(table["series"])[0], np.asarray(table["origin"]).astype("datetime64[s]")
    order = np.lexsort((origin, series, *reversed(keys)))
    same_group = np.all([key[order][1:] == key[order][:-1] for key in keys], axis=0)
    same_series = same_group & (series[order][1:] == series[order][:-1])
    newest = order[np.append(~same_series, True)]
    starts = np.flatnonzero(np.append(True, np.any([key[newest][1:] != key[newest][:-1] for key in keys], axis=0)))
    values = np.asarray(table["value"], dtype=np.float64)
    rows = []
    for members in np.split(newest, starts[1:]):
        named = dict(zip(_FORECAST_KEYS, (kinds[code[members[0]]] for code, kinds in codes), strict=True))
        rows.append(_forecast_row(named, values[members], origin[members]))
    return rows


def _correlated(table: pa.Table) -> pa.Table:
    """Forecasts with a correlation in the place of each covariance, and a name for each pair."""
    if not segments.paired(table):
        return table
    rows = with_correlations(table)
    rows = rows.filter(pc.not_equal(rows["series"], rows["other"]))
    columns = {name: rows[name] for name in (*_FORECAST_KEYS, "series", "origin") if name in rows.column_names}
    pairs = {
        **columns,
        "quantity": pa.array(["correlation"] * len(rows), pa.string()),
        "series": pc.binary_join_element_wise(rows["series"], rows["other"], "|"),
        "value": rows["correlation"],
    }
    plain = table.filter(pc.not_equal(table["quantity"], "covariance")).select(list(pairs))
    return pa.concat_tables([plain, pa.table(pairs).select(list(pairs)).cast(plain.schema)])


def _codes(column: pa.ChunkedArray) -> tuple[NDArray[np.intp], list[Any]]:
    """A column as codes in the order of its sorted values, and those values; NaN is one value, the last."""
    kinds, codes = np.unique(np.asarray(column), return_inverse=True)
    return codes, kinds.tolist()


def _forecast_row(
    named: dict[str, Any], values: NDArray[np.float64], origins: NDArray[np.datetime64]
) -> dict[str, Any]:
    shown, digits = _SHOWN[named["quantity"]]
    if named["quantity"] == "variance":
        values = np.sqrt(values / named["horizon"] * SESSIONS_A_YEAR)
    low, median, high = (round(float(point) * 100, digits) for point in np.quantile(values, (0.05, 0.5, 0.95)))
    return named | {
        "level": "" if math.isnan(named["level"]) else f"{named['level'] * 100:g}%",
        "shown": shown,
        "digits": digits,
        "series": len(values),
        "low": low,
        "median": median,
        "high": high,
        "first_origin": stamp_text(origins.min()),
        "last_origin": stamp_text(origins.max()),
    }


def _causes_first(quarantine: pa.Table) -> pa.Table:
    """Jobs with a reason of their own before those that only lack a quarantined parent."""
    inherited = pc.cast(pc.starts_with(quarantine["reason"], PARENT), pa.int8())
    ranked = pa.table({"inherited": inherited, "place": np.arange(len(quarantine))})
    return quarantine.take(pc.sort_indices(ranked, sort_keys=[("inherited", "ascending"), ("place", "ascending")]))


def _with_totals(summary: dict[str, Any]) -> dict[str, Any]:
    return summary | {"quarantined_total": summary["quarantined_models"], "threshold": summary["max_quarantined"]}


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
