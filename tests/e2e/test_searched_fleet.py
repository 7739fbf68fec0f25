"""Axes, searches, exceptions, an average and a universe's backtest on the command line, from data to results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_fleet import Shell, write_prices

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: searched
owner: me
seed: 3
data:
  bars: {from: bars.csv, key: ticker, time: date, price: close, volume: volume}
universes:
  main: {data: bars, calendar: XNYS, bar: 1 session}
horizons: [1 bar, 5 bars]
features:
  tech: [momentum(5), rsi(14)]
models:
  linear:
    family: elasticnet
    target: return
    features: tech
    refit: 5 sessions
    axes: {train: [200 bars, 300 bars]}
    search: {every: 20 sessions, trials: 5, metric: rmse, space: {alpha: 1e-3..1 log, l1_ratio: 0..1}}
  trees:
    family: xgboost
    per: universe
    target: return
    features: tech
    train: 400 bars
    refit: 20 sessions
    params: {n_estimators: 10}
    axes: {hold: {every: [1 session, 5 sessions], effect: evaluates}}
    search: {every: 60 sessions, method: halving, trials: 4, metric: mase, space: {max_depth: 2..6}}
  blend: {family: average, over: [linear, trees], target: return}
fleet:
  - {universes: main, models: [linear, trees, blend]}
except:
  - {models: linear, horizons: [5 bars]}
  - {models: blend, horizons: [5 bars]}
backtest: {scheme: walk-forward, models: [trees, blend], step: 60 bars, within: 2h}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 1 USD, backtest: 1 USD}
hardware:
  laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1, boot: 10s}
"""
NAMES = ["ABC", "BRK.B", "ON", "XYZ"]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    pytest.importorskip("sklearn", reason="elasticnet needs scikit-learn: pip install 'fleetspec[run]'")
    pytest.importorskip("xgboost", reason="trees need xgboost: pip install 'fleetspec[run]'")
    shell = Shell(tmp_path_factory.mktemp("searched"))
    write_prices(shell.folder / "bars.csv", NAMES, 560)
    shell.write("fleet.yaml", SPEC)
    shell.good("lock", "fleet.yaml")
    return shell


def answered(shell: Shell, *arguments: str) -> dict[str, Any]:
    return json.loads(shell.good(*arguments, "--format", "json"))


@pytest.fixture(scope="module")
def applied(shell: Shell) -> dict[str, dict[str, Any]]:
    """What `apply` says of each run."""
    runs = {}
    for run in ("nightly", "backtest"):
        runs[run] = answered(shell, "apply", "fleet.yaml", "--run", run, "--executor", "inline", "--yes")
    return runs


def test_the_five_counts(shell: Shell) -> None:
    rows = {row["group"]: row for row in answered(shell, "compile", "fleet.yaml")["words"]["rows"]}
    counts = {name: [row[word] for word in ("models", "variants", "fits", "trials", "forecasts")]
              for name, row in rows.items()}  # fmt: skip
    # Four series, two windows, one horizon, five candidates; trees at two horizons, four candidates and then two.
    assert counts == {
        "linear": [8, 2, 8, 40, 8],
        "trees": [2, 1, 2, 12, 2],
        "blend": [4, 1, 0, 0, 4],
    }
    backtest = {
        row["group"]: row for row in answered(shell, "compile", "fleet.yaml", "--run", "backtest")["words"]["rows"]
    }
    # Windows end at 300, 360 and 420 of 460 bars; each fourth one would search again. Trees are judged at two cadences.
    assert [backtest["trees"][word] for word in ("windows", "fits", "evaluations")] == [3, 6, 4]
    assert [backtest["linear"][word] for word in ("fits", "evaluations")] == [24, 0]


@pytest.mark.parametrize("command", ["compile", "plan"])
def test_no_line_is_wider_than_a_terminal(shell: Shell, command: str) -> None:
    text = shell.good(command, "fleet.yaml", "--run", "backtest")
    assert all(len(line) <= 80 for line in text.splitlines())
    assert all(word in text for word in ("models", "fits", "trials", "windows", "forecasts", "variants"))


def test_both_runs_leave_nothing_out(applied: dict[str, dict[str, Any]]) -> None:
    for run in applied.values():
        assert (run["failed"], run["quarantined"], run["remaining"]) == (0, 0, 0)
    tasks = {row["task"] for row in applied["backtest"]["classes"] if row["ran"]}
    assert tasks == {"fit", "trial", "forecast", "evaluate"}


def test_a_second_apply_has_nothing_to_do(shell: Shell, applied: dict[str, dict[str, Any]]) -> None:
    for run in ("nightly", "backtest"):
        assert answered(shell, "apply", "fleet.yaml", "--run", run, "--executor", "inline", "--yes")["run"] is None


def test_results_tell_of_the_search(shell: Shell, applied: dict[str, dict[str, Any]]) -> None:
    trials = answered(shell, "results", "fleet.yaml", "--table", "trials", "--limit", "999")["rows"]
    assert len(trials) == 8 * 5 + 2 * (4 + 2)
    fits = answered(shell, "results", "fleet.yaml", "--table", "fits")["rows"]
    for fit in fits:
        own = [row for row in trials if row["address"] == fit["address"]]
        best = min(own, key=lambda row: (row["value"], row["candidate"])) if "linear" in fit["address"] else None
        assert fit["params"] == (best or fit)["params"] != {}
    text = shell.good("results", "fleet.yaml", "group:linear", "--table", "trials")
    assert "alpha=" in text
    shown = shell.good("show", "fleet.yaml", "searched/main/linear~200-bars/elasticnet/abc/1")
    assert "5 on 100 % of the window" in shown
    assert "alpha=" in shown.split("chosen")[1].splitlines()[0]


def test_scores_of_the_universe_are_by_cadence(shell: Shell, applied: dict[str, dict[str, Any]]) -> None:
    rows = answered(shell, "results", "fleet.yaml", "group:trees", "--run", "backtest", "--limit", "999")["rows"]
    metrics = {row["metric"] for row in rows}
    assert {"rank_ic@1", "turnover@5", "mean_return@5", "rmse@1"} <= metrics
    assert all(row["address"].startswith("searched/main/trees/xgboost/_/") for row in rows)


def test_the_average_is_judged_on_the_days_that_all_its_members_have(
    shell: Shell, applied: dict[str, dict[str, Any]]
) -> None:
    rows = answered(shell, "results", "fleet.yaml", "group:blend", "--run", "backtest", "--limit", "999")["rows"]
    assert {row["n"] for row in rows} == {160}


def test_the_report_page_is_made(shell: Shell, applied: dict[str, dict[str, Any]]) -> None:
    shell.good("report", "fleet.yaml", "--out", "report.html")
    assert "rank_ic@1" in Path(shell.folder / "report.html").read_text()
