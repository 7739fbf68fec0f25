"""Models of a whole universe: which bars of which member each window sees, and what is forecast and judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from search_fleet import SEEN, Fleet, returns_of, write

from fleetspec.compiler.jobgraph import RunKind, Task
from fleetspec.runtime import store as stored

POOL = "  pool: {family: level, per: universe, target: return, train: 40 bars, refit: 5 sessions, params: {level: 0.5}}"
SEARCHED = (
    "  pool: {family: level, per: universe, target: return, train: 40 bars, refit: 5 sessions, "
    "search: {every: 10 sessions, trials: 4, metric: mase, space: {level: -0.9..0.7}}}"
)
# LATE begins later, STALE ends earlier, HOLES lacks every third day.
MEMBERS = {"LONG": 100, "LATE": 64, "STALE": 90, "HOLES": 96}
NIGHTLY, BACKTEST = RunKind.NIGHTLY, RunKind.BACKTEST


def data() -> dict[str, dict[str, float]]:
    returns = returns_of(MEMBERS)
    stale = sorted(returns["STALE"])
    returns["STALE"] = {day: returns["STALE"][day] for day in stale[:-15]}
    returns["HOLES"] = {day: value for i, (day, value) in enumerate(sorted(returns["HOLES"].items())) if i % 3}
    return returns


@pytest.fixture(autouse=True)
def _forget() -> None:
    SEEN.clear()


def forecasts(folder: Path, graph) -> list[tuple]:
    rows = stored.read_forecasts(folder / "store", graph).to_pylist()
    return [(row["window"], row["series"], str(row["origin"]), row["horizon"], row["value"]) for row in rows]


def test_windows_of_a_backtest_are_cut_by_date(tmp_path: Path) -> None:
    returns = data()
    write(tmp_path, returns)
    graph, summary = Fleet(tmp_path, POOL).run(BACKTEST)
    assert (summary.failed, summary.quarantined) == (0, 0)
    days = sorted(returns["LONG"])
    fits = [request for request in SEEN if request.horizon == 1]
    assert len(fits) == len(np.unique(graph.window[graph.task == Task.FIT])) == 6
    for window, request in enumerate(fits):
        end = days[39 + 10 * window]
        expected = {}
        for name, values in returns.items():
            there = [day for day in sorted(values) if day <= end]
            if len(there) >= 40:
                expected[name] = (there[-40], there[-1])
        seen = {w.series: (str(w.dates[0])[:10], str(w.dates[-1])[:10]) for w in request.windows}
        assert seen == expected
    # The longest alone at first; 40 bars of STALE are there on day 49, of HOLES on day 64, of LATE on day 75.
    assert [len(request.windows) for request in fits] == [1, 2, 2, 3, 4, 4]


def test_every_origin_of_a_window_is_forecast_once(tmp_path: Path) -> None:
    returns = data()
    write(tmp_path, returns)
    graph, _ = Fleet(tmp_path, POOL).run(BACKTEST)
    days = sorted(returns["LONG"])
    found = [row[:3] for row in forecasts(tmp_path, graph) if row[3] == 1]
    assert len(set(found)) == len(found)
    for window in range(6):
        first, after = days[39 + 10 * window], days[min(49 + 10 * window, 99)]
        members = {w.series for w in [r for r in SEEN if r.horizon == 1][window].windows}
        expected = {(window, n, day) for n in members for day in returns[n] if first <= day < after}
        assert {row for row in found if row[0] == window} == expected


def test_a_forecast_is_made_from_the_bars_of_its_own_series(tmp_path: Path) -> None:
    returns = data()
    write(tmp_path, returns)
    graph, _ = Fleet(tmp_path, POOL).run(BACKTEST)
    for _, name, origin, _, value in forecasts(tmp_path, graph):
        days = [day for day in sorted(returns[name]) if day <= origin]
        assert value == pytest.approx(0.5 * np.mean([returns[name][day] for day in days[-3:]]))


@pytest.mark.parametrize("models", [POOL, SEARCHED], ids=["plain", "searched"])
def test_what_comes_later_changes_nothing(tmp_path: Path, models: str) -> None:
    """All bars after a date are other ones: what was fitted, tried and forecast up to it stays to the last bit."""
    returns = data()
    cut = sorted(returns["LONG"])[69]
    results = []
    for case in ("as it was", "otherwise"):
        folder = tmp_path / case
        folder.mkdir()
        if case == "otherwise":
            for values in returns.values():
                for day in values:
                    if day > cut:
                        values[day] = 0.5 - values[day]
        write(folder, returns)
        SEEN.clear()
        graph, summary = Fleet(folder, models).run(BACKTEST)
        assert summary.quarantined == 0
        before = [row for row in forecasts(folder, graph) if row[2] <= cut]
        fits = stored.read_fits(folder / "store", graph).to_pylist()
        trials = stored.read_trials(folder / "store", graph).to_pylist()
        # Windows 0 to 3 end with bars 40 to 70: on the day of the cut at the latest.
        results.append(
            (
                before,
                [(r["window"], r["horizon"], r["params"], r["estimates"]) for r in fits if r["window"] <= 3],
                [(r["end"], r["horizon"], r["candidate"], r["params"], r["value"]) for r in trials if r["end"] <= 70],
                [row for row in forecasts(folder, graph) if row[2] > cut],
            )
        )
    assert results[0][:3] == results[1][:3]
    assert len(results[0][0]) > 100
    assert len(results[0][1]) == 8
    assert (len(results[0][2]) == 32) == (models == SEARCHED)
    # The change is one that a forecast can see, or the test would prove nothing.
    assert results[0][3] != results[1][3]


def test_a_search_learns_of_no_member_after_the_day_its_judgement_begins(tmp_path: Path) -> None:
    returns = data()
    write(tmp_path, returns)
    Fleet(tmp_path, SEARCHED).run(BACKTEST)
    days = sorted(returns["LONG"])
    learned = []
    for request in SEEN:
        windows = {window.series: window for window in request.windows}
        # 8 of 40 bars are judged.
        if len(windows["LONG"]) == 32:
            learned.append(request)
            last = str(windows["LONG"].dates[-1])[:10]
            assert days.index(last) % 10 == 1
            assert all(str(window.dates[-1])[:10] <= last for window in request.windows)
    assert len(learned) == 6 * 4 * 2


def test_a_night_sees_every_members_newest_bars(tmp_path: Path) -> None:
    returns = data()
    write(tmp_path, returns)
    graph, _ = Fleet(tmp_path, POOL).run(NIGHTLY)
    newest = {name: max(values) for name, values in returns.items()}
    assert {(name, origin) for _, name, origin, *_ in forecasts(tmp_path, graph)} == set(newest.items())
    fit = next(request for request in SEEN if request.horizon == 1)
    for window in fit.windows:
        days = sorted(returns[window.series])
        end = 40 + (len(days) - 40) // 5 * 5
        assert [str(day)[:10] for day in window.dates[[0, -1]]] == [days[end - 40], days[end - 1]]


def test_members_that_are_too_short_are_left_out_and_named(tmp_path: Path) -> None:
    write(tmp_path, returns_of({"LONG": 100, "SHORT": 30}))
    graph, summary = Fleet(tmp_path, POOL).run(BACKTEST)
    assert summary.quarantined == 0
    rows = stored.read_jobs(tmp_path / "store", graph).to_pylist()
    notes = {row["note"] for row in rows if row["task"] == "fit"}
    assert notes == {"without 1 of 2 members (SHORT: 30 bars, train needs 40)"}


REBALANCED = POOL.replace("params:", "axes: {hold: {every: [1 session, 5 sessions], effect: evaluates}}, params:")


def test_scores_are_pooled_and_one_set_for_each_cadence(tmp_path: Path) -> None:
    returns = data()
    write(tmp_path, returns)
    graph, _ = Fleet(tmp_path, REBALANCED).run(BACKTEST)
    rows = stored.read_evaluations(tmp_path / "store", graph).to_pylist()
    scores = {(row["metric"], row["horizon"]): (row["value"], row["n"]) for row in rows}
    assert len(rows) == len(scores)
    names = ("rmse", "mae", "rmse_ratio_to_zero", "mase", "smape", "rank_ic", "turnover", "mean_return")
    assert set(scores) == {(f"{name}@{every}", h) for name in names for every in (1, 5) for h in (1, 3)}
    # RMSE over all series and origins whose next bar exists, from the forecasts as they are stored.
    errors = []
    for _, name, origin, horizon, value in forecasts(tmp_path, graph):
        days = sorted(returns[name])
        at = days.index(origin)
        if horizon == 1 and at + 1 < len(days):
            errors.append(value - returns[name][days[at + 1]])
    assert scores["rmse@1", 1] == (pytest.approx(np.sqrt(np.mean(np.square(errors)))), len(errors))


MIXED = (
    POOL
    + """
  one: {family: level, target: return, train: 40 bars, refit: 5 sessions, params: {level: -0.2}}
  both: {family: average, over: [pool, one], target: return}"""
)


@pytest.mark.parametrize("kind", [NIGHTLY, BACKTEST])
def test_a_series_average_over_a_universe_has_the_right_days(tmp_path: Path, kind: RunKind) -> None:
    write(tmp_path, data())
    graph, summary = Fleet(tmp_path, MIXED).run(kind)
    assert (summary.failed, summary.quarantined) == (0, 0)
    rows = stored.read_forecasts(tmp_path / "store", graph).to_pylist()
    found: dict[str, dict] = {"pool": {}, "one": {}, "both": {}}
    for row in rows:
        found[row["group"]][row["series"], str(row["origin"]), row["horizon"]] = row["value"]
    assert set(found["both"]) == set(found["pool"]) & set(found["one"])
    assert len(found["both"]) >= (8 if kind is NIGHTLY else 150)
    for key, value in found["both"].items():
        assert value == pytest.approx((found["pool"][key] + found["one"][key]) / 2)


def test_an_average_of_a_universe(tmp_path: Path) -> None:
    write(tmp_path, data())
    models = POOL + "\n" + POOL.replace("pool:", "other:").replace("level: 0.5", "level: 0.1")
    models += "\n  both: {family: average, per: universe, over: [pool, other], target: return}"
    graph, summary = Fleet(tmp_path, models).run(BACKTEST)
    assert (summary.failed, summary.quarantined) == (0, 0)
    rows = stored.read_forecasts(tmp_path / "store", graph).to_pylist()
    by_group = {
        group: {(r["series"], str(r["origin"]), r["horizon"]): r["value"] for r in rows if r["group"] == group}
        for group in ("pool", "other", "both")
    }
    assert by_group["both"].keys() == by_group["pool"].keys()
    for key, value in by_group["both"].items():
        assert value == pytest.approx((by_group["pool"][key] + by_group["other"][key]) / 2)
