"""Universes whose members change: a night has those of its session, a backtest the windows they were members in."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
from data_specs import spec_with, write_bars
from toy_specs import TOYS

from fleetspec.catalog.loading import shipped
from fleetspec.compiler.jobgraph import JobGraph, RunKind, Task
from fleetspec.compiler.lower import lower
from fleetspec.compiler.pinning import make_lock

DAYS = 120
MEMBERS = {
    "STAYS": ["SPX"] * DAYS,
    "LEAVES": ["SPX"] * 60 + ["OUT"] * (DAYS - 60),
    "JOINS": ["OUT"] * 60 + ["SPX"] * (DAYS - 60),
    "NEVER": ["OUT"] * DAYS,
}


def graph_of(folder: Path, run: RunKind) -> JobGraph:
    write_bars(folder, list(MEMBERS), DAYS, MEMBERS)
    spec = spec_with(
        ("bar: 1 session}", "bar: 1 session, where: \"index = 'SPX'\", as_of: point-in-time}"),
        (
            "schedule:",
            "backtest: {scheme: walk-forward, models: [vol], step: 10 bars, within: 1h}\nschedule:",
        ),
    )
    lock = make_lock(spec, folder, shipped())
    return lower(spec, lock, TOYS, run, date(2025, 6, 17))


def windows_of(graph: JobGraph, series: str) -> np.ndarray:
    """Last bars of the fits of a series."""
    (code,) = [i for i, name in enumerate(graph.models.series_names[0]) if name == series]
    mine = (graph.models.series[graph.model] == code) & (graph.task == Task.FIT)
    return graph.end[mine] - 1


def test_a_night_has_the_members_of_its_session(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, RunKind.NIGHTLY)
    assert graph.models.series_names == (("JOINS", "STAYS"),)
    assert sorted(graph.address(m).split("/")[4] for m in range(len(graph.models))) == ["joins", "stays"]


def test_a_backtest_has_the_windows_in_which_a_series_was_a_member(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, RunKind.BACKTEST)
    stays, leaves, joins = (windows_of(graph, name) for name in ("STAYS", "LEAVES", "JOINS"))
    assert stays.tolist() == list(range(19, DAYS - 1, 10))
    # 60 days of prices make 59 returns.
    assert leaves.tolist() == [end for end in stays if end < 59]
    assert joins.tolist() == [end for end in stays if end >= 59]
    assert "NEVER" not in graph.models.series_names[0]


def test_only_what_was_forecast_is_judged(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, RunKind.BACKTEST)
    judged = graph.model[graph.task == Task.EVALUATE]
    fitted = np.unique(graph.model[graph.task == Task.FIT])
    assert sorted(judged) == sorted(fitted)
    for job in np.flatnonzero(graph.task == Task.EVALUATE):
        parents = graph.parents(job)
        assert (graph.model[parents] == graph.model[job]).all()
        assert len(parents) == ((graph.model == graph.model[job]) & (graph.task == Task.FORECAST)).sum()
