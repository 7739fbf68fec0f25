"""Features, metrics and targets of others: found, held to their contracts, and told of when they are broken."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from installed_packages import EXAMPLES, PACKAGES, install
from msgspec.structs import replace

from fleetspec.evaluation.plugins import METRICS, Metric, Target
from fleetspec.panel.features import FEATURES, Feature, FeatureError, compute, parse, plugged_versions
from fleetspec.plugins import Plugged, PluginError
from fleetspec.testing import NonConformance, check_feature, check_metric, check_target

DRAWDOWN, HIT_RATE, WORST_DAY = "fleetspec_drawdown", "fleetspec_hit_rate", "fleetspec_worst_day"


@pytest.fixture
def examples(monkeypatch):
    for package in PACKAGES:
        monkeypatch.syspath_prepend(str(EXAMPLES / package / "src"))
    yield import_module
    for name in (DRAWDOWN, HIT_RATE, WORST_DAY):
        sys.modules.pop(name, None)


def test_the_examples_conform(examples):
    check_feature(examples(DRAWDOWN).FEATURE)
    check_metric(examples(HIT_RATE).METRIC)
    check_target(examples(WORST_DAY).TARGET)


@pytest.mark.parametrize("name", sorted(FEATURES.shipped))
def test_shipped_features_conform(name):
    check_feature(FEATURES.shipped[name])


def whole(windows):
    return windows.sum(axis=1) + windows.sum()


def last(windows):
    return np.roll(windows, -1, axis=0).sum(axis=1)


def overwriting(windows):
    windows *= 2
    return windows.sum(axis=1)


FEATURE = Feature("mine", "the sum", lambda windows: windows.sum(axis=1))


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"compute": whole}, "nothing but the look-back counts"),
        ({"compute": last}, "no look at later bars"),
        ({"compute": lambda windows: windows}, "one value for each window"),
        ({"compute": lambda windows: windows[:, 0] * np.nan}, "one value for each window"),
        ({"compute": overwriting}, "windows are left alone"),
        ({"name": "not a name"}, "says what it is"),
    ],
)
def test_each_breach_of_a_feature_is_named(change, check):
    check_feature(FEATURE)
    with pytest.raises(NonConformance, match=f"- {check}: "):
        check_feature(replace(FEATURE, **change))


MEAN = Metric("mine", "1", "mean error", frozenset({"return"}), lambda p, o: float(np.mean(np.abs(p - o))))


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"compute": lambda p, o: p - o}, "a number for any count of forecasts"),
        ({"compute": lambda p, o: np.nan}, "a number for any count of forecasts"),
        ({"compute": lambda p, o: float(np.random.rand())}, "the same forecasts give the same"),
        ({"compute": lambda p, o: float(o.mean())}, "forecasts decide it"),
        ({"targets": frozenset()}, "says what it is"),
    ],
)
def test_each_breach_of_a_metric_is_named(change, check):
    check_metric(MEAN)
    with pytest.raises(NonConformance, match=f"- {check}: "):
        check_metric(replace(MEAN, **change))


LOWEST = Target("mine", "1", "the lowest", lambda r: r.min(axis=1), lambda p, o: (p - o) ** 2)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"name": "variance"}, "says what it is"),
        ({"observe": lambda r: r.min()}, "one outcome for each row"),
        ({"observe": lambda r: r.min(axis=1) - r.mean()}, "rows do not meet"),
        ({"loss": lambda p, o: -np.abs(p - o)}, "the truth has the least loss"),
        ({"loss": lambda p, o: o * 0}, "the truth has the least loss"),
    ],
)
def test_each_breach_of_a_target_is_named(change, check):
    check_target(LOWEST)
    with pytest.raises(NonConformance, match=f"- {check}: "):
        check_target(replace(LOWEST, **change))


def entry(monkeypatch, group: str, *points: tuple[str, str]) -> None:
    made = [EntryPoint(name, value, group) for name, value in points]
    monkeypatch.setattr(metadata, "entry_points", lambda group: [one for one in made if one.group == group])


def test_a_feature_of_a_package(monkeypatch, examples):
    entry(monkeypatch, "fleetspec.features", ("drawdown", DRAWDOWN))
    assert parse("drawdown(3)") == ("drawdown", (3,))
    assert list(FEATURES)[-1] == "drawdown"
    returns = np.array([0.01, 0.02, -0.01, -0.03, 0.05])
    values = compute(["drawdown(3)"], returns, None)[:, 0]
    # Levels 1, 3, 2 %; then 2, 1, -2; then -1, -4, 1: below the highest by 1, 4 and 0.
    np.testing.assert_allclose(values[2:], [-0.01, -0.04, 0.0], atol=1e-15)
    assert plugged_versions(["momentum(5)", "drawdown(3)"]) == {"drawdown": "1"}


def test_shipped_features_need_no_search(monkeypatch):
    monkeypatch.setattr(metadata, "entry_points", lambda group: pytest.fail("rsi is shipped"))
    assert parse("rsi(14)")
    assert plugged_versions(["rsi(14)"]) == {}


@dataclass
class Thing:
    name: str
    version: str = "1"


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([("mine", "no_such_module")], "no_such_module cannot be loaded: ModuleNotFoundError"),
        ([("mine", "json")], "json exposes no THING"),
        ([("mine", "json:loads")], "exposes no THING"),
        ([("mine", "one"), ("mine", "other")], "'mine' is defined twice: in one and in other"),
        ([("ours", "one")], "'ours' is shipped, and one has that name too"),
    ],
)
def test_what_cannot_be_used_is_told(monkeypatch, points, message):
    things = Plugged("fleetspec.things", "THING", Thing, {"ours": Thing("ours")})
    entry(monkeypatch, "fleetspec.things", *points)
    with pytest.raises(PluginError, match=message):
        things["mine"]


def test_a_value_that_calls_itself_otherwise(monkeypatch, examples):
    entry(monkeypatch, "fleetspec.metrics", ("hits", HIT_RATE))
    with pytest.raises(PluginError, match="installed as 'hits' and calls itself 'hit-rate'"):
        METRICS["hits"]


def test_a_broken_feature_is_a_finding_and_not_a_traceback(monkeypatch):
    entry(monkeypatch, "fleetspec.features", ("mine", "json"))
    with pytest.raises(FeatureError, match="feature 'mine': json exposes no FEATURE"):
        parse("mine(5)")


SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: others
owner: me
data: {market: {from: "synthetic:market", series: 2, length: 420 sessions, seed: 1}}
universes: {main: {data: market, calendar: XNYS, bar: 1 session}}
horizons: [1 bar, 5 bars]
features: {tech: [momentum(5), drawdown(60)]}
models:
  linear: {family: elasticnet, target: return, features: tech, train: 300 bars, refit: 5 sessions}
  worst:  {family: worst-day-mean, target: worst_day, train: 300 bars, refit: 5 sessions}
  vol:    {family: ewma, target: variance, train: 300 bars, refit: 5 sessions}
fleet: [{universes: main, models: [linear, worst, vol]}]
backtest: {scheme: walk-forward, models: [linear, worst, vol], step: 60 bars, tests: [diebold_mariano],
           metrics: [hit-rate], windows: {end: {from: 2025-11-03, to: 2025-11-28}}, within: 1h}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 1 USD}
hardware: {laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}}
"""


def cli(folder: Path, *arguments: str, path: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120"}
    environment["PYTHONPATH"] = os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "fleetspec", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def test_all_four_kinds_from_spec_to_results(tmp_path):
    """Installed by their metadata alone, through lock, backtest and results."""
    import pyarrow.parquet as pq

    path = install(tmp_path / "site", *PACKAGES)
    (tmp_path / "fleet.yaml").write_text(SPEC)
    without = cli(tmp_path, "validate", "fleet.yaml", path=[])
    assert without.returncode == 1
    for told in ("no feature 'drawdown'", "no family 'ewma'", "no target 'worst_day'", "no metric 'hit-rate'"):
        assert told in without.stdout + without.stderr
    for command in (
        ["lock", "fleet.yaml"],
        ["apply", "fleet.yaml", "--run", "backtest", "--yes", "--executor", "inline"],
        ["results", "fleet.yaml", "--run", "backtest", "--out", "scores.parquet"],
    ):
        done = cli(tmp_path, *command, path=path)
        assert done.returncode == 0, done.stdout + done.stderr
    rows = pq.read_table(tmp_path / "scores.parquet").to_pylist()
    found = {(row["group"], row["metric"], row["period"]) for row in rows}
    for group, metrics in {
        "linear": {"hit-rate", "rmse", "mase", "dm_p_value"},
        "worst": {"loss", "rmse", "mae", "dm_p_value"},
        "vol": {"qlike", "crps", "dm_p_value"},
    }.items():
        assert {(group, metric, None) for metric in metrics} <= found
    assert ("linear", "hit-rate", "end") in found
    assert ("worst", "loss", "end") in found
    assert not {one for one in found if one[0] != "linear" and one[1] == "hit-rate"}
    assert not {one for one in found if one[1].startswith("dm_") and one[2] is not None}


def test_a_module_that_breaks_is_an_error_at_its_place(tmp_path):
    path = install(tmp_path / "site", "metric-hit-rate", "target-worst-day", "family-ewma", "feature-drawdown")
    (tmp_path / "site" / "fleetspec_hit_rate.py").write_text("raise OSError('no licence')\n")
    (tmp_path / "fleet.yaml").write_text(SPEC)
    told = cli(tmp_path, "validate", "fleet.yaml", path=path)
    assert told.returncode == 1
    assert "FS416" in told.stderr + told.stdout
    assert "metric 'hit-rate': fleetspec_hit_rate cannot be loaded: OSError: no licence" in told.stderr + told.stdout
