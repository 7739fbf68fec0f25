"""The counts of a job graph by group: models, windows, fits, forecasts, evaluations, and what is reused."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleetspec.compiler.jobgraph import JobGraph, Task
from fleetspec.compiler.lock import Lock, cadences, panel_key
from fleetspec.compiler.spec import DataSource, FleetSpec
from fleetspec.units import BarSize

_KEYS = ("models", "windows", "fits", "forecasts", "evaluations", "reused")


def census(graph: JobGraph, reused: NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """``{"rows": [...], "total": {...}}``: one row per universe × group × family that has models.

    ``forecasts`` counts predictions batches' jobs; ``windows`` is the largest number of walk-forward windows of
    a model; ``reused`` counts jobs whose result the store already holds (``reused`` is a mask over jobs).
    """
    models = graph.models
    width = max(len(models.settings), 1)
    block = models.universe.astype(np.int64) * width + models.setting
    of_job = block[graph.model] if len(graph) else np.zeros(0, dtype=np.int64)
    size = max(len(models.universes), 1) * width
    counted = {
        "models": np.bincount(block, minlength=size),
        "fits": np.bincount(of_job[graph.task == Task.FIT], minlength=size),
        "forecasts": np.bincount(of_job[graph.task == Task.FORECAST], minlength=size),
        "evaluations": np.bincount(of_job[graph.task == Task.EVALUATE], minlength=size),
        "reused": np.bincount(of_job[reused], minlength=size) if reused is not None else np.zeros(size, dtype=np.int64),
    }
    windows = np.zeros(size, dtype=np.int64)
    np.maximum.at(windows, of_job, graph.window.astype(np.int64) + 1)
    counted["windows"] = windows
    rows = []
    for code in np.flatnonzero(counted["models"]):
        setting = models.settings[int(code) % width]
        row = {key: int(counted[key][code]) for key in _KEYS}
        rows.append(
            {"universe": models.universes[int(code) // width], "group": setting.group, "family": setting.family.name}
            | row
        )
    total = {key: int(counted[key].sum()) for key in _KEYS if key != "windows"}
    return {"rows": rows, "total": total}


_KINDS = {"sample": "real, shipped with arch", "synthetic": "synthetic, made from its seed"}


def describe_data(spec: FleetSpec, lock: Lock) -> list[dict[str, Any]]:
    """Where the series come from, how many and how long they are, and which dates they cover."""
    described = []
    for key, source in _panels(spec, lock):
        series = lock.data[key].values()
        bars = [one.bars for one in series] or [0]
        first = min((one.first for one in series if one.first is not None), default=None)
        last = [one.last for one in series if one.last is not None]
        described.append(
            {
                "name": key,
                "kind": _KINDS.get(source.from_.split(":")[0], "your file"),
                "location": source.from_,
                "series": len(series),
                "shortest": min(bars),
                "longest": max(bars),
                "missing": sum(one.missing for one in series),
                "first": None if first is None else first.isoformat(),
                "last": max(last).isoformat() if last else None,
                "stalest": min(last).isoformat() if last else None,
            }
        )
    return described


def _panels(spec: FleetSpec, lock: Lock) -> list[tuple[str, DataSource]]:
    """Every source of the spec by its key in the lock, at each of its bars, the finest first."""
    found = []
    for name, source in spec.data.items():
        using = [universe for universe in spec.universes if spec.universes[universe].data == name]
        asked = {bar for universe in using for bar in cadences(spec, universe)}
        for bar in sorted(asked, key=lambda bar: BarSize.parse(bar).sessions):
            found.append((panel_key(name, bar), source))
    return [(key, source) for key, source in found if key in lock.data]


def describe_graph(graph: JobGraph) -> dict[str, Any]:
    """The JSON of ``compile``: identity, counts and stages, never one entry per job."""
    jobs_of = np.bincount(graph.klass, minlength=len(graph.classes))
    stages: dict[int, dict[str, Any]] = {}
    for code, klass in enumerate(graph.classes):
        stage = stages.setdefault(klass.stage, {"stage": klass.stage, "classes": [], "jobs": 0})
        stage["classes"].append(klass.name)
        stage["jobs"] += int(jobs_of[code])
    return {
        "fleet": graph.fleet,
        "run": str(graph.run),
        "session": graph.session.isoformat(),
        "jobs": len(graph),
        "edges": len(graph.parent_index),
        "classes": len(graph.classes),
        "graph": graph.content,
        "words": census(graph),
        "stages": [stages[stage] for stage in sorted(stages)],
    }
