"""Real families on a small synthetic market, from spec text to results; the plan is the toys' hand-made one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import toy_fleet

from fleetspec.catalog.loading import shipped
from fleetspec.compiler.compose import compose_text
from fleetspec.compiler.decode import decode
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.lower import lower
from fleetspec.compiler.pinning import make_lock
from fleetspec.diagnostics import Report, Source
from fleetspec.families import registry
from fleetspec.panel.series import stamp_text
from fleetspec.panel.sources import SourceRequest, load
from fleetspec.runtime import store as stored
from fleetspec.runtime.driver import run
from fleetspec.runtime.reproducing import reproduce
from fleetspec.runtime.request import RunRequest

pytest.importorskip("arch")

BARS, TRAIN, REFIT, STEP = 620, 500, 20, 60
SPEC = f"""\
apiVersion: fleetspec/v1
kind: Fleet
name: small
owner: me
seed: 3
data:
  market: {{from: "synthetic:market", series: 3, length: {BARS + 1} sessions, seed: 5}}
quality: {{max_missing: 5%, max_quarantined: 0%}}
universes:
  main: {{data: market, calendar: XNYS, bar: 1 session}}
horizons: [1 bar, 5 bars]
features:
  tech: [momentum(5), rsi(14)]
models:
  vol:    {{families: [garch, gjr], target: variance, train: {TRAIN} bars, refit: {REFIT} sessions}}
  var:    {{family: vol-scaled, over: vol, target: value_at_risk, levels: [99%, 95%]}}
  linear: {{family: elasticnet, target: return, features: tech, train: {TRAIN} bars, refit: {REFIT} sessions}}
  trees:  {{family: xgboost, per: universe, target: return, features: tech,
           train: {TRAIN} bars, refit: {REFIT} sessions}}
fleet:
  - {{universes: main, models: [vol, var, linear, trees]}}
backtest: {{scheme: walk-forward, models: [vol, var], step: {STEP} bars, tests: [kupiec], within: 12h}}
schedule: {{calendar: XNYS, start: close + 45m, deadline: open - 90m}}
budget: {{nightly: 5 USD, backtest: 20 USD}}
hardware:
  laptop: {{cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1, boot: 10s}}
"""


def request(root: Path, kind: RunKind) -> RunRequest:
    report = Report()
    document = compose_text(Source("fleet.yaml", SPEC), report)
    report.require()
    assert document is not None
    spec = decode(document, report)
    report.require()
    assert spec is not None
    lock = make_lock(spec, root, shipped())
    graph = lower(spec, lock, registry(), kind, date(2025, 12, 31))
    return RunRequest(spec, graph, toy_fleet.toy_plan(graph), lock, root, root / "store", "inline")


def test_a_night_of_real_models(tmp_path: Path) -> None:
    made = request(tmp_path, RunKind.NIGHTLY)
    summary = run(made)
    assert (summary.failed, summary.quarantined, summary.remaining) == (0, 0, 0), summary.causes
    assert int(summary.exit_code) == 0
    # Oracle: arch called directly, on the series as the source gives it, with one thread as workers have.
    from arch import arch_model
    from threadpoolctl import threadpool_limits

    series = load(SourceRequest("synthetic:market", tmp_path, series=3, length=BARS + 1, seed=5))
    bars = len(series["SYN0001"])
    end = TRAIN + (bars - TRAIN) // REFIT * REFIT
    model = arch_model(series["SYN0001"].returns[end - TRAIN : end] * 100, dist="t", rescale=False)
    with threadpool_limits(1):
        expected = model.fit(disp="off")
    fits = {row["address"]: row for row in stored.read_fits(made.store, made.graph).to_pylist()}
    found = fits["small/main/vol/garch/syn0001/_"]
    # The engine may stop a little nearer to the optimum than arch does.
    assert found["log_likelihood"] == pytest.approx(expected.loglikelihood, abs=1e-3)
    for name, value in dict(found["estimates"]).items():
        # With so many degrees of freedom as here, the likelihood hardly knows them. Where arch stops depends on the
        # processor's arithmetic: a twentieth of a standard error is below what the likelihood can tell apart.
        near = 0.05 * float(expected.std_err[name])
        assert value == pytest.approx(expected.params[name], rel=0.1 if name == "nu" else 1e-3, abs=near), name
    assert found["observations"] == TRAIN
    forecasts = stored.read_forecasts(made.store, made.graph)
    assert {str(day) for day in forecasts["origin"].to_pylist()} == {stamp_text(series["SYN0001"].dates[-1])}
    rows = forecasts.to_pylist()
    mine = [r for r in rows if r["address"] == "small/main/var/vol-scaled/syn0002/1"]
    at_risk = {r["level"]: r["value"] for r in mine if r["quantity"] == "value_at_risk"}
    beyond = {r["level"]: r["value"] for r in mine if r["quantity"] == "expected_shortfall"}
    assert set(at_risk) == set(beyond) == {0.95, 0.99}
    assert all(0.005 < at_risk[level] < beyond[level] < 0.3 for level in at_risk)
    pooled = {r["series"] for r in rows if r["address"] == "small/main/trees/xgboost/_/5"}
    assert pooled == set(series)
    assert run(made).done == 0
    # One model of each family, made again alone: the bits that came out of its bundle.
    of_family = {address.split("/")[3]: m for m in range(len(made.graph.models)) if (address := made.graph.address(m))}
    for family, model in of_family.items():
        again = reproduce(made.spec, made.graph, made.lock, tmp_path, made.store, model)
        assert (again["verdict"], again["differences"]) == ("same", []), family
    assert set(of_family) == {"garch", "gjr", "vol-scaled", "elasticnet", "xgboost"}


def test_a_backtest_ends_in_scores(tmp_path: Path) -> None:
    made = request(tmp_path, RunKind.BACKTEST)
    summary = run(made)
    assert (summary.failed, summary.quarantined, summary.remaining) == (0, 0, 0), summary.causes
    series = load(SourceRequest("synthetic:market", tmp_path, series=3, length=BARS + 1, seed=5))
    returns = series["SYN0001"].returns
    forecasts = stored.read_forecasts(made.store, made.graph).to_pylist()
    mine = [r for r in forecasts if r["address"] == "small/main/var/vol-scaled/syn0001/1" and r["level"] == 0.95]
    mine = [r for r in mine if r["quantity"] == "value_at_risk"]
    # Oracle: violations counted by hand over every origin from the first full window to the last bar but one.
    dates = [stamp_text(day) for day in series["SYN0001"].dates]
    by_origin = {str(r["origin"]): r["value"] for r in mine}
    assert sorted(by_origin) == dates[TRAIN - 1 : -1]
    violations = sum(returns[dates.index(day) + 1] < -value for day, value in by_origin.items())
    scores = stored.read_evaluations(made.store, made.graph).to_pylist()
    found = {(r["metric"], r["level"]): r for r in scores if r["address"] == "small/main/var/vol-scaled/syn0001/1"}
    assert found["violations", 0.95]["value"] == violations
    assert found["violations", 0.95]["n"] == len(returns) - TRAIN
    assert 0 <= found["kupiec_p_value", 0.95]["value"] <= 1


def test_ray_gives_the_same_bytes_of_results(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    inline = request(tmp_path, RunKind.NIGHTLY)
    on_ray = replace(inline, executor="ray", store=tmp_path / "ray")
    run(inline)
    summary = run(on_ray)
    assert (summary.failed, summary.quarantined) == (0, 0)
    for read in (stored.read_fits, stored.read_forecasts):
        ours, theirs = (read(r.store, r.graph).to_pylist() for r in (inline, on_ray))
        assert [row["address"] for row in ours] == [row["address"] for row in theirs]
        assert str(ours) == str(theirs)


def test_changed_seed_changes_every_digest(tmp_path: Path) -> None:
    made = request(tmp_path, RunKind.NIGHTLY)
    other = lower(made.spec.model_copy(update={"seed": 4}), made.lock, registry(), RunKind.NIGHTLY, date(2025, 12, 31))
    assert not np.isin(other.keys, made.graph.keys).any()
