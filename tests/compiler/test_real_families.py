"""The specs of the repository through the real families: counts by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fleetspec.catalog.loading import shipped
from fleetspec.compiler.census import census
from fleetspec.compiler.checks import check, check_against_lock
from fleetspec.compiler.compose import compose, compose_text, resolved_text
from fleetspec.compiler.decode import decode
from fleetspec.compiler.jobgraph import JobGraph, RunKind
from fleetspec.compiler.lock import Lock, lock_path, read_lock
from fleetspec.compiler.lower import default_session, lower
from fleetspec.compiler.pinning import make_lock
from fleetspec.compiler.spec import FleetSpec
from fleetspec.diagnostics import Report, Source
from fleetspec.families import registry

SPECS = Path(__file__).resolve().parents[2] / "specs"
TEXT = """\
apiVersion: fleetspec/v1
kind: Fleet
name: real
owner: research
seed: 7
data:
  market: {from: "synthetic:market", series: 12, length: 700 sessions, seed: 11}
universes:
  equities: {data: market, calendar: XNYS, bar: 1 session}
  few: {data: market, series: [SYN0003, SYN0001], calendar: XNYS, bar: 1 session}
horizons: [1 bar, 5 bars]
features:
  tech: [momentum(5), rsi(14), volume_ratio(20)]
models:
  vol:    {families: [garch, egarch, gjr], target: variance, train: 500 bars, refit: 5 sessions,
           params: {distribution: t}}
  var:    {family: vol-scaled, over: vol, target: value_at_risk, levels: [99%, 97.5%]}
  linear: {family: elasticnet, target: return, features: tech, train: 500 bars, refit: 5 sessions}
  trees:  {family: xgboost, per: universe, target: return, features: tech, train: 500 bars, refit: 5 sessions}
  deep:   {family: nbeats, target: return, train: 600 bars, refit: 20 sessions, gpu_memory: 9 GiB}
fleet:
  - {universes: [equities, few], models: [vol, var, linear, trees]}
  - {universes: few, models: deep, horizons: [20 bars]}
backtest: {scheme: walk-forward, models: [var], step: 50 bars, tests: [kupiec], within: 12h}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 5 USD, backtest: 20 USD}
hardware:
  laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}
  gpu: {offer: gcp/a3-highgpu-1g, mig: auto, max: 1}
"""


def sound(text: str) -> FleetSpec:
    report = Report()
    document = compose_text(Source("fleet.yaml", text), report)
    assert document is not None
    spec = decode(document, report)
    assert spec is not None
    check(spec, registry(), shipped(), report)
    assert not report.errors
    return spec


@pytest.fixture(scope="module")
def locked() -> tuple[FleetSpec, Lock]:
    spec = sound(TEXT)
    return spec, make_lock(spec, Path("."), shipped())


def graph_of(locked: tuple[FleetSpec, Lock], run: RunKind) -> JobGraph:
    spec, lock = locked
    return lower(spec, lock, registry(), run, default_session(spec, lock))


def test_a_night_of_real_families(locked: tuple[FleetSpec, Lock]) -> None:
    graph = graph_of(locked, RunKind.NIGHTLY)
    total = census(graph)["total"]
    # 14 series: 3 volatility models each, 2 value-at-risk, 2 linear; 2 universes × 2 horizons of trees; 2 networks.
    assert total["models"] == 14 * (3 + 2 + 2) + 4 + 2
    assert total["fits"] == 14 * (3 + 2) + 4 + 2
    assert total["forecasts"] == total["models"]
    assert len(graph.parent_index) == 14 * (3 + 2 + 3 * 2) + 4 + 2
    # Every volatility model knows the horizons of the whole run.
    assert graph.models.horizons == (1, 5, 20)


def test_the_same_series_in_two_universes_is_fitted_once(locked: tuple[FleetSpec, Lock]) -> None:
    graph = graph_of(locked, RunKind.NIGHTLY)
    # 2 series × (5 fits + 7 forecasts) are the same jobs in both universes.
    assert len(graph) - len(np.unique(graph.keys)) == 2 * (5 + 7)


def test_a_backtest_holds_what_its_groups_are_over(locked: tuple[FleetSpec, Lock]) -> None:
    graph = graph_of(locked, RunKind.BACKTEST)
    total = census(graph)["total"]
    # 700 bars, 500 of training, every 50: windows end at 500, 550, 600 and 650.
    assert total["models"] == 14 * (3 + 2)
    assert total["fits"] == 14 * 3 * 4
    # From bars 499 to 698: every one that has a bar after it.
    assert total["forecasts"] == 14 * (3 + 2) * 200
    assert total["evaluations"] == 14 * 2


def test_the_pod_compiles_the_same_graph_from_the_resolved_text(locked: tuple[FleetSpec, Lock]) -> None:
    report = Report()
    document = compose_text(Source("fleet.yaml", TEXT), report)
    assert document is not None
    again = sound(resolved_text(document))
    for run in RunKind:
        assert graph_of((again, locked[1]), run).content == graph_of(locked, run).content


@pytest.mark.parametrize("name", ["quickstart", "prod"])
def test_the_shipped_specs_and_their_locks_leave_nothing_to_say(name: str) -> None:
    if name == "quickstart":
        pytest.importorskip("arch", reason="quickstart reads series shipped with arch, which is not installed")
    report = Report()
    path = SPECS / f"{name}.yaml"
    document = compose(path, report)
    spec = decode(document, report) if document is not None else None
    assert spec is not None, report.to_json()
    check(spec, registry(), shipped(), report)
    lock = read_lock(lock_path(path), report)
    assert lock is not None
    check_against_lock(spec, lock, report)
    assert report.to_json() == []
    made = make_lock(spec, SPECS, shipped())
    assert (made.data, made.universes, made.declared) == (lock.data, lock.universes, lock.declared)
