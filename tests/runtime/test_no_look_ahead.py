"""Nothing sees the future: whatever happens from a day on, earlier features, fits and forecasts are what they were.

One walk-forward over every family that is registered, per series and per universe, with every feature, and one with a
search, on two histories that part on one day. What is registered later is covered by being there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from fleetspec import pipeline
from fleetspec.compiler.jobgraph import JobGraph, RunKind
from fleetspec.compiler.lock import lock_path
from fleetspec.diagnostics import Report
from fleetspec.families import registry
from fleetspec.panel import synthetic
from fleetspec.panel.features import FEATURES, compute
from fleetspec.panel.series import Rows
from fleetspec.panel.shuffling import rows_of, write_rows
from fleetspec.runtime.store import Store, read_fits, read_forecasts

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PLUGGED = {
    "fleetspec.families": {"ewma": "fleetspec_ewma", "worst-day-mean": "fleetspec_worst_day"},
    "fleetspec.targets": {"worst_day": "fleetspec_worst_day"},
    "fleetspec.features": {"drawdown": "fleetspec_drawdown"},
}
"""Packages of examples/, as they would be installed."""
SMALL = {
    "nbeats": "{backcast: 20, hidden: 8, blocks: 1, layers: 1, epochs: 1}",
    "xgboost": "{n_estimators: 5}",
    "lightgbm": "{n_estimators: 5}",
    "catboost": "{n_estimators: 5}",
}
BARS, TRAIN, STEP, CUT = 350, 260, 40, 310
"""Windows end at bars 260, 300 and 340; the histories part at bar 310, among the forecasts of the second."""
FAMILIES = (*registry(), *PLUGGED["fleetspec.families"])
PERS = ("series", "universe")


def groups_of(name: str) -> Iterator[tuple[str, str]]:
    """Groups by name, one for each kind of model that the family has, as a spec writes them."""
    family = registry()[name]
    for per in PERS:
        if per not in family.per:
            continue
        targets = sorted(family.targets)
        target = "variance" if "variance" in targets else targets[0]
        said = [f"family: {name}", f"per: {per}", f"target: {target}"]
        if family.transforms:
            over = "base" if per == "series" or target != "return" else "pooled"
            if per == "universe":
                target, over = "return", "pooled"
                said[2] = "target: return"
            said.append(f"over: {over}")
        else:
            said += [f"train: {TRAIN} bars", "refit: 5 sessions"]
        if target == "value_at_risk":
            said.append("levels: [99%]")
        if family.uses_features:
            said.append("features: every")
        if "returns" not in family.measures:
            said.append(f"measure: {min(family.measures)}")
        if name in SMALL:
            said.append(f"params: {SMALL[name]}")
        yield f"{name}-{per}", "{" + ", ".join(said) + "}"


def missing(name: str) -> str | None:
    """The module that a family needs and that is not installed."""
    from importlib.util import find_spec

    return next((module for module in registry()[name].needs if find_spec(module) is None), None)


def spec(named: dict[str, str], data: dict[str, str]) -> str:
    every = ", ".join(f"{name}({max(FEATURES[name].smallest, 5)})" for name in FEATURES)
    models = "".join(f"  {name}: {text}\n" for name, text in named.items())
    source = ", ".join(f"{key}: {value}" for key, value in data.items())
    return (
        "apiVersion: fleetspec/v1\nkind: Fleet\nname: ahead\nowner: me\nseed: 1\n"
        f"data: {{market: {{{source}}}}}\n"
        "universes: {main: {data: market, calendar: XNYS, bar: 1 session}}\n"
        f"horizons: [2 bars]\nfeatures: {{every: [{every}]}}\nmodels:\n{models}"
        f"fleet: [{{universes: main, models: [{', '.join(named)}]}}]\n"
        f"backtest: {{scheme: walk-forward, models: [{', '.join(named)}], step: {STEP} bars, within: 24h}}\n"
        "schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}\nbudget: {nightly: 1 USD}\n"
        "quality: {max_quarantined: 100%}\n"
        "hardware: {here: {cpu: 4, memory: 64Gi, gpu: H100-80GB, per_node: 1, price: 1 USD/h, max: 4},\n"
        "  cores: {cpu: 4, memory: 64Gi, price: 1 USD/h, max: 4}}\n"
    )


@dataclass
class History:
    """A run of the fleet on one history, and what it has stored."""

    graph: JobGraph
    store: Path

    def fits(self) -> dict[tuple, tuple]:
        """Estimates and artifacts by address and window."""
        found = {}
        place = Store.of(self.store, "ahead")
        for row in read_fits(self.store, self.graph).to_pylist():
            artifact = place.artifact(row["digest"].hex()).read_bytes() if row["artifact_bytes"] else None
            told = (sorted(row["estimates"]), row["log_likelihood"], row["params"], artifact)
            found[row["address"], row["start"], row["end"]] = repr(told)
        return found

    def forecasts(self) -> dict[tuple, float]:
        rows = read_forecasts(self.store, self.graph).to_pylist()
        keys = ("address", "series", "origin", "horizon", "quantity", "level")
        return {tuple(str(row[key]) for key in keys): row["value"] for row in rows}


@pytest.fixture(scope="module")
def packages() -> Iterator[None]:
    found = {group: [EntryPoint(n, v, group) for n, v in points.items()] for group, points in PLUGGED.items()}
    with pytest.MonkeyPatch.context() as patch:
        for package in ("family-ewma", "target-worst-day", "feature-drawdown"):
            patch.syspath_prepend(str(EXAMPLES / package / "src"))
        patch.setattr(metadata, "entry_points", lambda group: found.get(group, []))
        yield
    for name in {value for points in PLUGGED.values() for value in points.values()}:
        sys.modules.pop(name, None)


def parted(rows: Rows) -> Rows:
    """The same until bar ``CUT``, and nothing like it from there on."""
    returns = rows.returns.copy()
    returns[CUT:] = np.where(np.arange(BARS - CUT) % 2, -0.06, 0.09)
    beside = {name: values.copy() for name, values in rows.beside.items()}
    for name in beside.keys() - {"low"}:
        beside[name][CUT:] *= 3
    return Rows(rows.name, rows.stamps, returns, beside, rows.missing)


@pytest.fixture(scope="module")
def histories(packages: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[History, History]:
    named = {
        "base": f"{{family: garch, target: variance, train: {TRAIN} bars, refit: 5 sessions}}",
        "pooled": f"{{family: ridge, per: universe, target: return, features: every, train: {TRAIN} bars, "
        "refit: 5 sessions}",
        "searched": f"{{family: lasso, target: return, features: every, train: {TRAIN} bars, refit: 5 sessions, "
        "search: {every: 5 sessions, trials: 3, metric: rmse, space: {alpha: 1e-6..1e-3 log}}}",
    }
    for name in FAMILIES:
        if missing(name) is None:
            named |= dict(groups_of(name))
    made = synthetic.market(2, BARS, seed=7)
    rows = {name: rows_of(series) for name, series in made.items()}
    found = []
    for kind, change in (("before", lambda one: one), ("after", parted)):
        folder = tmp_path_factory.mktemp(kind)
        data = write_rows(folder / "market.parquet", {name: change(one) for name, one in rows.items()})
        path = folder / "fleet.yaml"
        path.write_text(spec(named, data))
        around, report = pipeline.world(), Report()
        read = pipeline.read(path, around, report)
        lock_path(path).write_bytes(pipeline.lock(read, around).to_bytes())
        compiled = pipeline.compile(read, around, report, RunKind.BACKTEST)
        pipeline.run(pipeline.plan(compiled, around), folder / "store", "inline")
        found.append(History(compiled.graph, folder / "store"))
    return found[0], found[1]


@pytest.fixture(scope="module")
def stored(histories: tuple[History, History]) -> list[tuple[dict, dict]]:
    return [(history.fits(), history.forecasts()) for history in histories]


@pytest.mark.parametrize("name", FAMILIES)
def test_families(name: str, packages: None, stored: list[tuple[dict, dict]]) -> None:
    if missing(name) is not None:
        pytest.skip(f"{name} needs {missing(name)}")
    for group, _ in groups_of(name):
        same_before_and_other_after(group, name, stored, fitted=not registry()[name].transforms)


def test_a_search(stored: list[tuple[dict, dict]]) -> None:
    same_before_and_other_after("searched", "lasso", stored, fitted=True)


def same_before_and_other_after(group: str, family: str, stored: list[tuple[dict, dict]], fitted: bool) -> None:
    place = f"/{group}/{family}/"
    (fits, forecasts), (later_fits, later) = stored
    if fitted:
        mine = {key: told for key, told in fits.items() if place in key[0]}
        early = {key for key in mine if key[2] <= CUT}
        assert len({key[1:] for key in early}) >= 2, "nothing was fitted before the day"
        assert {key: mine[key] for key in early} == {key: later_fits.get(key) for key in early}
        assert any(mine[key] != later_fits.get(key) for key in mine.keys() - early), "no fit sees the later bars"
    cut = str(synthetic.market(1, BARS, seed=7)["SYN0001"].dates[CUT])[:10]
    mine = {key: value for key, value in forecasts.items() if place in key[0]}
    early = {key for key in mine if key[2] < cut}
    assert len({key[2] for key in early}) >= CUT - TRAIN - 1
    assert {key: mine[key] for key in early} == {key: later.get(key) for key in early}
    assert any(value != later.get(key) for key, value in mine.items() if key not in early), (
        "no forecast sees later bars"
    )


def test_features(packages: None) -> None:
    (series,) = synthetic.market(1, BARS, seed=7).values()
    other = parted(rows_of(series))
    names = [f"{name}({max(FEATURES[name].smallest, 5)})" for name in FEATURES]
    assert "drawdown(5)" in names
    before = compute(names, series.returns, series.volume)
    after = compute(names, other.returns, other.beside["volume"])
    np.testing.assert_array_equal(before[:CUT], after[:CUT])
    assert (before[CUT:] != after[CUT:]).any(axis=0).all()
