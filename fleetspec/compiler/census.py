"""The counts of a job graph by group: models, fits, trials, windows, forecasts, and what else a person asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec.compiler.jobgraph import Task
from fleetspec.compiler.lock import cadences, panel_key
from fleetspec.units import BarSize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.spec import DataSource, FleetSpec

_KEYS = ("models", "variants", "fits", "trials", "windows", "forecasts", "evaluations", "reused")
_LARGEST = ("variants", "windows")
"""Counts that a total of says nothing."""


def census(graph: JobGraph, reused: NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """``{"rows": [...], "total": {...}}``: one row per universe × group × family that has models, variants of a group
    together.

    ``trials`` counts fits of candidates, not the jobs that make them; ``forecasts`` counts the origins that models
    forecast from; ``windows`` is the largest number of walk-forward windows of a model; ``reused`` counts jobs whose
    result the store already holds (``reused`` is a mask over jobs).
    """
    models, settings = graph.models, graph.models.settings
    names = list(dict.fromkeys((setting.group, setting.family.name) for setting in settings))
    place = np.array([names.index((s.group, s.family.name)) for s in settings], dtype=np.int64)
    width = max(len(names), 1)
    row = models.universe.astype(np.int64) * width + place[models.setting]
    of_job = row[graph.model]
    size = max(len(models.universes), 1) * width

    def summed(jobs: NDArray[np.bool_], each: NDArray[Any] | None = None) -> NDArray[np.int64]:
        weights = None if each is None else each[jobs]
        return np.bincount(of_job[jobs], weights=weights, minlength=size).astype(np.int64)

    windows = np.zeros(size, dtype=np.int64)
    walked = graph.task == Task.FORECAST
    np.maximum.at(windows, of_job[walked], graph.window[walked].astype(np.int64) + 1)
    held = np.unique(models.universe.astype(np.int64) * max(len(settings), 1) + models.setting)
    per_row = (held // max(len(settings), 1)) * width + place[held % max(len(settings), 1)]
    counted = {
        "models": np.bincount(row, minlength=size),
        "variants": np.bincount(per_row, minlength=size),
        "fits": summed(graph.task == Task.FIT),
        "trials": summed(graph.task == Task.TRIAL, fits_of_trials(graph)),
        "windows": windows,
        "forecasts": summed(walked, graph.end - graph.start),
        "evaluations": summed(graph.task == Task.EVALUATE),
        "reused": summed(reused) if reused is not None else np.zeros(size, dtype=np.int64),
    }
    rows = []
    for code in map(int, np.flatnonzero(counted["models"])):
        group, family = names[code % width]
        counts = {key: int(counted[key][code]) for key in _KEYS}
        rows.append({"universe": models.universes[code // width], "group": group, "family": family} | counts)
    total = {key: int(counted[key].sum()) for key in _KEYS if key not in _LARGEST}
    return {"rows": rows, "total": total}


def fits_of_trials(graph: JobGraph) -> NDArray[np.int64]:
    """(jobs,) how many candidates a job fits: those of a rung, shared out over its jobs; 1 where it is no trial."""
    searches = [setting.search for setting in graph.models.settings]
    depth = max((len(search.rungs) for search in searches if search is not None), default=0)
    each = np.ones((max(len(searches), 1), max(depth, 1)), dtype=np.int64)
    for code, search in enumerate(searches):
        for number, rung in enumerate(search.rungs if search is not None else ()):
            each[code, number] = rung.trials // rung.jobs
    trial = graph.task == Task.TRIAL
    fits = np.ones(len(graph), dtype=np.int64)
    fits[trial] = each[graph.models.setting[graph.model[trial]], graph.rung[trial]]
    return fits


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
