"""DCC-GARCH on the command line: from data to covariances, correlations, scores and what is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from small_fleet import Shell, write_prices

NAMES = ["ABC", "BRK.B", "XYZ"]
SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: joint
owner: me
seed: 3
data:
  bars: {from: bars.csv, key: ticker, time: date, price: close, volume: volume}
quality: {max_quarantined: 0%}
universes:
  main: {data: bars, calendar: XNYS, bar: 1 session}
horizons: [1 bar, 5 bars]
models:
  vol:  {family: garch, target: variance, train: 300 bars, refit: 5 sessions, params: {distribution: normal}}
  corr: {family: dcc, per: universe, target: covariance, train: 300 bars, refit: 5 sessions}
fleet:
  - {universes: main, models: [vol, corr]}
backtest: {scheme: walk-forward, models: [corr], step: 40 bars, within: 2h}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 1 USD, backtest: 1 USD}
publish: {to: out/}
hardware:
  laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1, boot: 10s}
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    pytest.importorskip("numba", reason="dcc needs the runtime extra: pip install 'fleetspec[run]'")
    shell = Shell(tmp_path_factory.mktemp("joint"))
    write_prices(shell.folder / "bars.csv", NAMES, 400)
    shell.write("fleet.yaml", SPEC)
    shell.good("lock", "fleet.yaml")
    for run in ("nightly", "backtest"):
        shell.good("apply", "fleet.yaml", "--run", run, "--executor", "inline", "--yes")
    return shell


def table(shell: Shell, name: str, selector: str, run: str = "nightly") -> list[dict[str, Any]]:
    out = Path(shell.folder / f"{name}.parquet")
    shell.good("results", "fleet.yaml", selector, "--run", run, "--table", name, "--out", str(out))
    return pq.read_table(out).to_pylist()


def test_plan_has_no_assumed_figure(shell: Shell) -> None:
    assert "ASSUMED" not in shell.good("plan", "fleet.yaml", "--run", "backtest")


def test_every_pair_and_its_correlation(shell: Shell) -> None:
    rows = table(shell, "covariances", "group:corr")
    assert len(rows) == 2 * 6
    assert {(r["series"], r["other"]) for r in rows} == {(a, b) for i, a in enumerate(NAMES) for b in NAMES[i:]}
    for horizon in (1, 5):
        own = {r["series"]: r["covariance"] for r in rows if r["series"] == r["other"] and r["horizon"] == horizon}
        for row in (r for r in rows if r["horizon"] == horizon):
            scale = np.sqrt(own[row["series"]] * own[row["other"]])
            assert row["correlation"] == pytest.approx(row["covariance"] / scale)
    variances = {(r["series"], r["horizon"]): r["value"] for r in table(shell, "forecasts", "group:vol")
                 if r["quantity"] == "variance"}  # fmt: skip
    for row in rows:
        if row["series"] == row["other"]:
            assert row["correlation"] == 1
            assert row["covariance"] == pytest.approx(variances[row["series"], row["horizon"]], rel=1e-9)


def test_both_tables_name_both_series(shell: Shell) -> None:
    text = shell.good("results", "fleet.yaml", "group:corr", "--table", "covariances")
    assert "correlation" in text
    assert "BRK.B" in text
    said = json.loads(shell.good("results", "fleet.yaml", "--table", "forecasts", "--format", "json", "--limit", "99"))
    assert said["columns"][:2] == ["series", "other"]
    assert {row["other"] for row in said["rows"] if row["quantity"] != "covariance"} == {None}
    alone = json.loads(shell.good("results", "fleet.yaml", "group:vol", "--table", "forecasts", "--format", "json"))
    assert "other" not in alone["columns"]


def test_a_backtest_is_scored_by_matrices(shell: Shell) -> None:
    rows = table(shell, "covariances", "group:corr", "backtest")
    origins = {(row["horizon"], row["origin"]) for row in rows}
    assert len(rows) == 6 * len(origins)
    for horizon, origin in sorted(origins, key=str)[::20]:
        matrix = np.zeros((3, 3))
        for row in (r for r in rows if (r["horizon"], r["origin"]) == (horizon, origin)):
            i, j = NAMES.index(row["series"]), NAMES.index(row["other"])
            matrix[i, j] = matrix[j, i] = row["covariance"]
        assert np.linalg.eigvalsh(matrix)[0] > 0
    scores = {(r["metric"], r["horizon"]): r for r in table(shell, "evaluations", "group:corr", "backtest")}
    assert {m for m, _ in scores} == {"matrix_qlike", "matrix_mse", "portfolio_qlike", "least_variance"}
    # Of 400 bars those from the 300th on are origins: 100 have a bar after them, 96 have five.
    assert [scores["matrix_qlike", h]["n"] for h in (1, 5)] == [100, 96]


def test_what_is_published_names_both_series(shell: Shell) -> None:
    pointer = json.loads((shell.folder / "out/joint/corr/current.json").read_text())
    rows = pq.read_table(shell.folder / f"out/joint/corr/{pointer['edition']}").to_pylist()
    assert {(r["series"], r["other"]) for r in rows} == {(a, b) for i, a in enumerate(NAMES) for b in NAMES[i:]}
    assert {r["state"] for r in rows} == {"held"} or {r["state"] for r in rows} == {"current"}


def test_it_runs_again_to_the_last_bit(shell: Shell) -> None:
    said = shell.good("reproduce", "fleet.yaml", "joint/main/corr/dcc/_/_")
    assert "differ" not in said.lower().replace("no difference", "")
    assert "nothing to do" in shell.good("apply", "fleet.yaml", "--executor", "inline", "--yes")
    page = shell.folder / "report.html"
    shell.good("report", "fleet.yaml", "--out", str(page))
    assert "correlation of two series" in page.read_text()
