"""Nights on the command line: gate, backtest, publication, and a night between two fits that only forecasts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from small_fleet import Shell

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: nights
owner: me
data: {bars: {from: bars.csv, key: ticker, time: date, price: close, available: close + 40m}}
universes: {main: {data: bars, calendar: XNYS, bar: 1 session}}
horizons: [1 bar]
models:
  vol: {family: garch, target: variance, train: 300 bars, refit: 5 sessions}
  var: {family: vol-scaled, over: vol, target: value_at_risk, levels: [90%]}
fleet: [{universes: main, models: [vol, var]}]
backtest: {scheme: walk-forward, models: [vol, var], step: 100 bars, tests: [kupiec], within: 1h}
gates: [{models: var, test: kupiec, fdr: 1%, min_obs: 50, max_age: 5 sessions}]
schedule: {calendar: XNYS, start: close + 1h, deadline: open - 1h}
budget: {nightly: 5 USD, backtest: 5 USD}
hardware: {laptop: {cpu: 2, memory: 8 GiB, price: 0.1 USD/h, max: 1}}
publish: {to: lake}
"""


def grow(folder: Path, bars: int) -> None:
    """Closes of two series with Gaussian returns, the same ones however many bars."""
    days = np.arange(np.datetime64("2018-01-01"), np.datetime64("2020-01-01"))
    days = days[np.is_busday(days)][: bars + 1]
    lines = ["ticker,date,close"]
    for k, name in enumerate(("a", "b")):
        returns = 0.01 * np.random.default_rng(k).standard_normal(600)[: bars + 1]
        closes = 100 * np.exp(np.cumsum(returns))
        lines += [f"{name},{day},{close:.6f}" for day, close in zip(days, closes, strict=True)]
    (folder / "bars.csv").write_text("\n".join(lines) + "\n")


def pointer(folder: Path, group: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "lake" / "nights" / group / "current.json").read_text())
    return told


def test_a_gate_opens_with_the_backtest_and_closes_with_its_age(shell: Shell) -> None:
    shell.write("fleet.yaml", SPEC)
    grow(shell.folder, 420)
    shell.good("lock", "fleet.yaml")
    apply = ("apply", "fleet.yaml", "--yes", "--executor", "inline")

    held = shell(*apply)
    assert held.code == 4
    assert "FS530" in held.err
    assert "no backtest has run" in held.err
    assert pointer(shell.folder, "vol")["state"] == "current"
    assert pointer(shell.folder, "var")["edition"] is None

    shell.good(*apply, "--run", "backtest")
    shell.good(*apply)
    first = pointer(shell.folder, "var")
    assert (first["state"], first["current"], first["models"]) == ("current", 2, 2)

    grow(shell.folder, 421)
    shell.good("lock", "fleet.yaml")
    plan = json.loads(shell.good("plan", "fleet.yaml", "--format", "json"))
    # 420 bars are 300 and 24 times 5: the window of 421 bars is the same, so no fit is planned or paid for.
    assert {lane["klass"].rsplit("/", 1)[1] for lane in plan["plan"]["lanes"]} == {"forecast"}
    shell.good(*apply)
    second = pointer(shell.folder, "var")
    assert second["session"] > first["session"]

    grow(shell.folder, 427)
    shell.good("lock", "fleet.yaml")
    old = shell(*apply)
    assert old.code == 4
    assert "sessions old, max_age is 5 sessions" in old.err
    third = pointer(shell.folder, "var")
    assert (third["state"], third["edition"], third["age"]) == ("held", second["edition"], 6)
    shown = json.loads(shell.good("results", "fleet.yaml", "group:var", "--table", "published", "--format", "json"))
    assert {row["session"] for row in shown["rows"]} == {second["made_for"]}
