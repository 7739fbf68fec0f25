"""Contests, stretches of days and gates that act on single models, on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small_fleet import Shell

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: judged
owner: me
data: {bars: {from: bars.csv, key: name, time: date, returns: r}}
universes: {main: {data: bars, calendar: XNYS, bar: 1 session}}
horizons: [1 bar]
features: {tech: [momentum(1), momentum(5), volatility(10)]}
models:
  alpha: {families: [ridge, lasso], target: return, features: tech, train: 250 bars, refit: 5 sessions}
  vol:   {families: [garch, gjr], target: variance, train: 250 bars, refit: 5 sessions}
fleet: [{universes: main, models: [alpha, vol]}]
backtest: {scheme: walk-forward, models: [alpha, vol], step: 100 bars, tests: [diebold_mariano, model_confidence_set],
           stress: [1987], windows: {spring: {from: 2020-03-02, to: 2020-03-31}}, within: 1h}
gates:
  - {models: alpha, test: diebold_mariano, shows: better, fdr: 5%, min_obs: 100}
  - {models: vol, test: model_confidence_set, fdr: 5%, on_fail: warn}
publish: {to: out}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 1 USD}
hardware: {laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}}
"""


@pytest.fixture
def judged(shell: Shell) -> Shell:
    """Two series of which the next return can be told a third, and two of which it cannot."""
    rng = np.random.default_rng(8)
    days = np.arange(np.datetime64("2018-01-01"), np.datetime64("2022-01-01"))
    days = days[np.is_busday(days)][:700]
    lines = ["name,date,r"]
    for name, memory in {"told-1": 0.35, "told-2": 0.35, "noise-1": 0.0, "noise-2": 0.0}.items():
        value = 0.0
        for day in days:
            value = memory * value + 0.01 * rng.standard_t(5)
            lines.append(f"{name},{day},{value:.8f}")
    shell.write("bars.csv", "\n".join(lines) + "\n")
    shell.write("fleet.yaml", SPEC)
    shell.good("lock", "fleet.yaml")
    return shell


def test_contests_hold_single_models(judged: Shell) -> None:
    apply = ("apply", "fleet.yaml", "--yes", "--executor", "inline")
    backtest = judged(*apply, "--run", "backtest")
    assert backtest.code == 0, backtest.err
    assert "FS418" in backtest.err
    assert "nothing is judged in '1987'" in backtest.err
    asked = ("results", "fleet.yaml", "--run", "backtest", "--format", "json", "--limit", "5000")
    answer = json.loads(judged.good(*asked))
    assert answer["columns"][0] == "period"
    rows = answer["rows"]
    assert {row["period"] for row in rows} == {None, "spring"}
    spring = {row["metric"]: row["n"] for row in rows if row["period"] and "/vol/garch/told-1" in row["address"]}
    # March 2020 has 22 weekdays, and a file has no holidays.
    assert spring == dict.fromkeys(("qlike", "mse", "crps", "mase", "smape"), 22)
    better = {row["address"]: row["value"] for row in rows if row["metric"] == "dm_better_p_value"}
    told = {address for address in better if "/alpha/" in address and "/told-" in address}
    assert len(told) == 4
    assert all(better[address] < 0.01 for address in told)
    night = judged(*apply)
    assert night.code == 0, night.err
    assert "FS419" in night.err
    assert "diebold_mariano does not show to be better 4 of 8 models" in night.err
    published = json.loads(
        judged.good("results", "fleet.yaml", "--table", "published", "--format", "json", "--limit", "5000")
    )
    alphas = {row["address"]: row["state"] for row in published["rows"] if "/alpha/" in row["address"]}
    assert alphas == dict.fromkeys(told, "current")
    assert {row["state"] for row in published["rows"] if "/vol/" in row["address"]} == {"current"}


def test_another_baseline_is_another_contest_and_the_rest_is_reused(judged: Shell) -> None:
    apply = ("apply", "fleet.yaml", "--yes", "--executor", "inline", "--run", "backtest", "--format", "json")
    first = json.loads(judged.good(*apply))
    judged.write("fleet.yaml", SPEC.replace("stress: [1987]", "baseline: vol/garch, stress: [1987]"))
    second = json.loads(judged.good(*apply))
    # Contests of the four alphas' series are gone, those of the volatilities are held anew: eight models.
    assert (second["jobs"], second["done"]) == (first["jobs"] - 8, 8)
    rows = json.loads(judged.good("results", "fleet.yaml", "--run", "backtest", "--format", "json", "--limit", "5000"))
    contests = [row for row in rows["rows"] if row["metric"].startswith("dm_")]
    assert {row["address"].split("/")[-3] for row in contests} == {"gjr"}
