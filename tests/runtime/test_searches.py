"""Searches from spec text to the store: what is tried, what is chosen, what is never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import search_fleet
from search_fleet import SEEN, Fleet, returns_of, write

from fleetspec.compiler.jobgraph import RunKind, Task
from fleetspec.compiler.spaces import candidate, parse_space
from fleetspec.runtime import store as stored

RANDOM = (
    "  one: {family: level, target: return, train: 40 bars, refit: 5 sessions, search: {every: 10 sessions, TRIED}}"
)
NIGHTLY, BACKTEST = RunKind.NIGHTLY, RunKind.BACKTEST


def fleet(folder: Path, tried: str, family: str = "level", per: str = "series") -> Fleet:
    text = RANDOM.replace("TRIED", tried).replace("family: level", f"family: {family}, per: {per}")
    return Fleet(folder, text)


@pytest.fixture(autouse=True)
def _forget() -> None:
    SEEN.clear()


def trials_of(folder: Path, graph) -> list[dict]:
    return stored.read_trials(folder / "store", graph).to_pylist()


def notes(folder: Path, graph, task: str) -> list[str]:
    rows = stored.read_jobs(folder / "store", graph).to_pylist()
    return [row["note"] for row in rows if row["task"] == task]


def test_candidates_are_scored_on_what_follows_the_training_part(tmp_path: Path) -> None:
    returns = returns_of({"A": 57})
    write(tmp_path, returns)
    tried = "trials: 6, metric: mae, validation: 25%, space: {level: -0.5..0.7}"
    graph, summary = fleet(tmp_path, tried).run(NIGHTLY)
    assert (summary.failed, summary.quarantined) == (0, 0)
    values = np.array([value for _, value in sorted(returns["A"].items())])
    # 57 bars, 40 of training, searched every 10: the window is bars 10 to 49, its last 10 are judged.
    rows = trials_of(tmp_path, graph)
    assert [(row["horizon"], row["candidate"]) for row in rows] == [(h, n) for h in (1, 3) for n in range(6)]
    for row in rows:
        level, h = float(dict(row["params"])["level"]), row["horizon"]
        origins = range(39, 50 - h)
        errors = [level * values[t - 2 : t + 1].mean() - values[t + 1 : t + 1 + h].sum() for t in origins]
        assert row["value"] == pytest.approx(np.mean(np.abs(errors)))
        # Equal spaces of a fleet share candidates, whatever the model.
        drawn = candidate({"level": parse_space("-0.5..0.7")}, row["candidate"], 5, frozenset())
        assert dict(row["params"]) == drawn
    # The fits themselves see all 40 bars of their own window, which is renewed every 5.
    assert sorted({len(request.windows[0]) for request in SEEN}) == [30, 40]


def test_the_best_is_fitted_noted_and_forecasts(tmp_path: Path) -> None:
    write(tmp_path, returns_of({"A": 60, "B": 60}))
    graph, _ = fleet(tmp_path, "trials: 7, metric: rmse, space: {level: -0.5..0.7}").run(NIGHTLY)
    tried: dict[str, list] = {}
    for row in trials_of(tmp_path, graph):
        tried.setdefault(row["address"], []).append((row["value"], row["candidate"], dict(row["params"])))
    fits = stored.read_fits(tmp_path / "store", graph).to_pylist()
    assert len(fits) == 4
    for row, note in zip(fits, notes(tmp_path, graph, "fit"), strict=True):
        value, _, params = min(tried[row["address"]], key=lambda one: one[:2])
        assert dict(row["params"]) == params
        assert dict(row["estimates"])["level"] == float(params["level"])
        assert note == f"search: level={params['level']}, rmse {value:.6g}, best of 7"
    assert len(stored.read_forecasts(tmp_path / "store", graph)) == 4


def test_of_equal_candidates_the_first_is_taken(tmp_path: Path) -> None:
    write(tmp_path, returns_of({"A": 60}))
    # Both choices are zero, so every candidate has one score.
    graph, _ = fleet(tmp_path, 'trials: 8, metric: rmse, space: {level: ["0.0", "-0.0"]}').run(NIGHTLY)
    rows = trials_of(tmp_path, graph)
    assert len({row["value"] for row in rows if row["horizon"] == 1}) == 1
    first = [dict(row["params"]) for row in rows if row["candidate"] == 0]
    assert len({str(dict(row["params"])) for row in rows}) == 2
    fits = stored.read_fits(tmp_path / "store", graph)["params"].to_pylist()
    assert [dict(params) for params in fits] == first


def test_a_candidate_that_fails_loses(tmp_path: Path) -> None:
    write(tmp_path, returns_of({"A": 60}))
    graph, summary = fleet(tmp_path, 'trials: 12, metric: rmse, space: {level: ["0.1", "0.85", "0.95"]}').run(NIGHTLY)
    assert summary.quarantined == 0
    reasons = {dict(row["params"])["level"]: row["reason"] for row in trials_of(tmp_path, graph)}
    assert reasons == {
        "0.1": None,
        "0.85": "ZeroDivisionError: no such level",
        "0.95": "the level is out of this world",
    }
    assert all(np.isnan(row["value"]) == (row["reason"] is not None) for row in trials_of(tmp_path, graph))


def test_where_all_lose_the_model_is_quarantined_with_the_reasons(tmp_path: Path) -> None:
    write(tmp_path, returns_of({"A": 60}))
    _, summary = fleet(tmp_path, 'trials: 9, metric: rmse, space: {level: ["0.85", "0.95"]}').run(NIGHTLY)
    assert summary.quarantined_models == 2
    (cause,) = summary.causes
    assert cause.reason.startswith("no candidate of 9 has a score (candidate 0: ")
    assert "the level is out of this world" in cause.reason
    assert "ZeroDivisionError: no such level" in cause.reason


HALVING = "method: halving, trials: 10, metric: rmse, space: {level: -0.9..1}"


@pytest.mark.parametrize("family", ["level", "level-apart"])
def test_halving_keeps_the_best_third_for_more_bars(tmp_path: Path, family: str) -> None:
    write(tmp_path, returns_of({"A": 230}))
    made = fleet(tmp_path, HALVING, family)
    graph, summary = Fleet(tmp_path, made.models.replace("40 bars", "180 bars")).run(NIGHTLY)
    assert summary.quarantined_models == 0
    rungs: dict[tuple[int, int], list[dict]] = {}
    for row in trials_of(tmp_path, graph):
        rungs.setdefault((row["horizon"], row["end"] - row["start"]), []).append(row)
    # Of 180 bars a third is 60 and a ninth is 20, of which 16 to learn from and 4 to judge; a 27th would leave 5 of 10.
    assert [(key, len(rows)) for key, rows in rungs.items() if key[0] == 1][1:] == [((1, 60), 4), ((1, 180), 2)]
    for horizon in (1, 3):
        before = None
        for length in (20, 60, 180):
            rows = rungs[horizon, length]
            if before is not None:
                finite = sorted((r["value"], r["candidate"]) for r in before if np.isfinite(r["value"]))
                assert [r["candidate"] for r in rows] == [number for _, number in finite[: len(rows)]]
            before = rows
        best = min((r for r in before if np.isfinite(r["value"])), key=lambda r: (r["value"], r["candidate"]))
        fits = [r for r in stored.read_fits(tmp_path / "store", graph).to_pylist() if r["horizon"] == horizon]
        assert dict(fits[0]["params"]) == dict(best["params"])


def test_candidates_apart_that_all_lose(tmp_path: Path) -> None:
    write(tmp_path, returns_of({"A": 230}))
    made = fleet(tmp_path, 'method: halving, trials: 9, metric: rmse, space: {level: ["0.95", "0.99"]}', "level-apart")
    graph, summary = Fleet(tmp_path, made.models.replace("40 bars", "180 bars")).run(NIGHTLY)
    assert summary.quarantined_models == 2
    assert [cause.reason for cause in summary.causes] == [
        "no candidate of 9 has a score (candidate 0: the level is out of this world)"
    ]
    assert {row["reason"] for row in trials_of(tmp_path, graph)} == {"the level is out of this world"}


def test_a_rung_with_fewer_left_than_it_has_jobs(tmp_path: Path) -> None:
    write(tmp_path, returns_of({"A": 230}))
    levels = ", ".join(['"0.5"', *(f'"0.9{n}"' for n in range(1, 10))])
    tried = f"method: halving, trials: 18, metric: rmse, space: {{level: [{levels}]}}"
    made = fleet(tmp_path, tried, "level-apart")
    graph, summary = Fleet(tmp_path, made.models.replace("40 bars", "180 bars")).run(NIGHTLY)
    assert (summary.quarantined, summary.failed) == (0, 0)
    fits = stored.read_fits(tmp_path / "store", graph)["params"].to_pylist()
    assert [dict(params) for params in fits] == [{"level": "0.5"}] * 2


def test_more_trials_of_a_family_with_trials_apart_run_the_new_ones_only(tmp_path: Path) -> None:
    write(tmp_path, returns_of({"A": 60}))
    tried = "trials: {}, metric: rmse, space: {{level: -0.9..0.7}}"
    fleet(tmp_path, tried.format(4), "level-apart").run(NIGHTLY)
    SEEN.clear()
    _, summary = fleet(tmp_path, tried.format(4), "level-apart").run(NIGHTLY)
    assert summary.run is None
    graph, summary = fleet(tmp_path, tried.format(7), "level-apart").run(NIGHTLY)
    # Two horizons: three new trials and one fit each.
    assert len(SEEN) == 2 * (3 + 1)
    assert summary.reused == 2 * 4
    once = {(r["horizon"], r["candidate"]): r["value"] for r in trials_of(tmp_path, graph)}
    fleet(tmp_path, tried.format(7), "level-apart").run(NIGHTLY, store="fresh")
    fresh = stored.read_trials(tmp_path / "fresh", graph).to_pylist()
    assert {(r["horizon"], r["candidate"]): r["value"] for r in fresh} == once


def test_a_lost_table_of_trials_is_no_smaller_search(tmp_path: Path) -> None:
    write(tmp_path, returns_of({"A": 60}))
    made = fleet(tmp_path, "trials: 4, metric: rmse, space: {level: -0.9..0.7}", "level-apart")
    made.run(NIGHTLY)
    for path in (tmp_path / "store" / "toys" / "fits").glob("*.parquet"):
        stem = path.stem
        (tmp_path / "store" / "toys" / "ledger").joinpath(f"{stem}.parquet").unlink(missing_ok=True)
    ledger = stored.read_ledger(tmp_path / "store", "toys")
    kept = ledger.filter([task == "trial" for task in ledger["task"].to_pylist()])
    for path in (tmp_path / "store" / "toys" / "ledger").glob("*.parquet"):
        path.unlink()
    from fleetspec.runtime.segments import write_segment

    write_segment(tmp_path / "store" / "toys" / "ledger" / "all.parquet", kept)
    next((tmp_path / "store" / "toys" / "trials").glob("*.parquet")).unlink()
    _, summary = made.run(NIGHTLY)
    assert summary.failed > 0
    assert "trials, which its ledger says are done" in summary.failures[0].reason


def test_a_search_serves_the_windows_until_the_next_one(tmp_path: Path) -> None:
    write(tmp_path, returns_of({"A": 90}))
    made = fleet(tmp_path, "trials: 3, metric: rmse, space: {level: -0.9..0.7}")
    text = made.models.replace("every: 10 sessions", "every: 20 sessions")
    graph, summary = Fleet(tmp_path, text).run(BACKTEST)
    assert (summary.failed, summary.quarantined) == (0, 0)
    searches = np.flatnonzero((graph.task == Task.TRIAL) & (graph.models.horizon[graph.model] == 0))
    fits = np.flatnonzero((graph.task == Task.FIT) & (graph.models.horizon[graph.model] == 0))
    # Windows end at 40, 50, 60, 70 and 80; searches at 40, 60 and 80.
    assert graph.end[searches].tolist() == [40, 60, 80]
    assert [graph.end[graph.parents(job)[0]] for job in fits] == [40, 40, 60, 60, 80]


def test_trials_are_measured_beside_fits(tmp_path: Path) -> None:
    from fleetspec.runtime.measured import load_measured

    write(tmp_path, returns_of({"A": 60, "B": 60}))
    fleet(tmp_path, "trials: 5, metric: rmse, space: {level: -0.9..0.7}").run(NIGHTLY)
    rows = {row.task: row for row in load_measured(tmp_path / "store", "toys")}
    # A trial's work is that of its five fits of 40 bars.
    assert (rows["trial"].work, rows["fit"].work) == (200.0, 40.0)
    assert (rows["trial"].n, rows["fit"].n) == (4, 4)


def test_toys_are_a_registry_of_families() -> None:
    assert {family.name for family in search_fleet.TOYS.families.values()} == {"level", "level-apart", "average"}
