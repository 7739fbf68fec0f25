"""The ensemble of volatility variants by Akaike weights, on the command line, held against its own fits."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_fleet import Shell, write_prices

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: weighed
owner: me
seed: 3
data:
  bars: {from: bars.csv, key: ticker, time: date, price: close, volume: volume}
universes:
  main: {data: bars, calendar: XNYS, bar: 1 session}
horizons: [1 bar, 5 bars]
models:
  vol:
    target: variance
    train: 300 bars
    refit: 5 sessions
    axes:
      kind:
        normal: {family: garch, params: {distribution: normal}}
        student: {family: garch}
        leverage: {family: gjr, params: {distribution: normal}}
  ensemble: {family: average, over: vol, target: variance, params: {weights: aic}}
  var: {family: vol-scaled, over: ensemble, target: value_at_risk, levels: [99%]}
fleet:
  - {universes: main, models: [vol, ensemble, var]}
backtest: {scheme: walk-forward, models: [ensemble, var], step: 40 bars, tests: [kupiec], within: 2h}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 1 USD, backtest: 1 USD}
hardware:
  laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1, boot: 10s}
"""
PARAMETERS = {"normal": 4, "student": 5, "leverage": 5}
"""mu, omega, alpha and beta; nu; gamma."""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    pytest.importorskip("arch", reason="volatility needs the runtime extra: pip install 'fleetspec[run]'")
    shell = Shell(tmp_path_factory.mktemp("weighed"))
    write_prices(shell.folder / "bars.csv", ["ABC", "XYZ"], 400)
    shell.write("fleet.yaml", SPEC)
    shell.good("lock", "fleet.yaml")
    for run in ("nightly", "backtest"):
        shell.good("apply", "fleet.yaml", "--run", run, "--executor", "inline", "--yes")
    return shell


def table(shell: Shell, name: str, selector: str, run: str) -> list[dict]:
    out = Path(shell.folder / f"{name}.parquet")
    shell.good("results", "fleet.yaml", selector, "--run", run, "--table", name, "--out", str(out))
    return pq.read_table(out).to_pylist()


def kind_of(row: dict) -> str:
    return row["address"].split("~")[1].split("/")[0]


@pytest.mark.parametrize("run", ["nightly", "backtest"])
def test_weights_are_those_of_the_fits(shell: Shell, run: str) -> None:
    fits = table(shell, "fits", "group:vol", run)
    aic: dict[tuple, dict[str, float]] = {}
    for fit in fits:
        kind = kind_of(fit)
        assert len(fit["estimates"]) == PARAMETERS[kind]
        own = aic.setdefault((fit["series"], fit["window"]), {})
        own[kind] = 2 * PARAMETERS[kind] - 2 * fit["log_likelihood"]
    assert len(aic) == 2 * (1 if run == "nightly" else 3)
    assert all(set(own) == set(PARAMETERS) for own in aic.values())
    singles: dict[tuple, dict[str, float]] = {}
    for one in table(shell, "forecasts", "group:vol", run):
        if one["quantity"] == "variance":
            singles.setdefault(place_of(one), {})[kind_of(one)] = one["value"]
    blends = [r for r in table(shell, "forecasts", "group:ensemble", run) if r["quantity"] == "variance"]
    assert len(blends) == len(singles)
    for row in blends:
        own = aic[row["series"], row["window"]]
        raw = {kind: math.exp(-0.5 * (value - min(own.values()))) for kind, value in own.items()}
        expected = sum(raw[kind] * singles[place_of(row)][kind] for kind in raw) / sum(raw.values())
        assert row["value"] == pytest.approx(expected, rel=1e-12)
        # Not one model alone, nor the plain mean.
        assert 0.35 < max(raw.values()) / sum(raw.values()) < 0.9999


def place_of(row: dict) -> tuple:
    return tuple(row[key] for key in ("series", "window", "origin", "horizon"))


def test_a_value_at_risk_rests_on_it(shell: Shell) -> None:
    losses = table(shell, "forecasts", "group:var", "nightly")
    assert {row["quantity"] for row in losses} == {"value_at_risk", "expected_shortfall"}
    assert all(row["value"] > 0 for row in losses)
    assert "nothing to do" in shell.good("apply", "fleet.yaml", "--executor", "inline", "--yes")
