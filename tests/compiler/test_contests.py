"""Contests in the graph: whose forecasts a job reads, what its digest covers, and that they are counted beforehand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fleetspec import pipeline
from fleetspec.compiler.jobgraph import NONE, JobGraph, RunKind, Task
from fleetspec.compiler.limits import sizes
from fleetspec.compiler.lock import lock_path
from fleetspec.diagnostics import Report

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: rivals
owner: me
data: {market: {from: "synthetic:market", series: 3, length: 420 sessions, seed: 1}}
universes: {main: {data: market, calendar: XNYS, bar: 1 session}}
horizons: [1 bar, 5 bars]
features: {tech: [momentum(5), rsi(14)]}
models:
  vol:    {families: [garch, gjr], target: variance, train: 300 bars, refit: 5 sessions}
  var:    {family: vol-scaled, over: vol, target: value_at_risk, levels: [99%]}
  linear: {families: [ridge, lasso], target: return, features: tech, train: 300 bars, refit: 5 sessions}
  pooled: {family: ridge, per: universe, target: return, features: tech, train: 300 bars, refit: 5 sessions}
fleet: [{universes: main, models: [vol, var, linear, pooled]}]
backtest: {scheme: walk-forward, models: [vol, var, linear, pooled], step: 60 bars, tests: [TESTS], within: 1h}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 1 USD}
hardware: {laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}}
"""


@pytest.fixture
def graph(tmp_path: Path):
    path = tmp_path / "fleet.yaml"

    def made(tests: str = "diebold_mariano", more: str = "") -> JobGraph:
        path.write_text(SPEC.replace("TESTS", tests).replace("within:", f"{more}within:"))
        around, report = pipeline.world(), Report()
        read = pipeline.read(path, around, report)
        lock_path(path).write_bytes(pipeline.lock(read, around).to_bytes())
        compiled = pipeline.compile(read, around, report, RunKind.BACKTEST)
        counted = sizes(read.spec, compiled.lock, around.registry, RunKind.BACKTEST)
        assert sum(size.jobs for size in counted) == len(compiled.graph)
        return compiled.graph

    return made


def contests(graph: JobGraph) -> dict[str, int]:
    """The job of each contest by address, without the fleet."""
    jobs = np.flatnonzero((graph.task == Task.EVALUATE) & (graph.part == NONE))
    found = {graph.address(int(graph.model[job])).partition("/")[2]: int(job) for job in jobs}
    assert len(found) == len(jobs)
    return found


def rivals(graph: JobGraph, job: int) -> set[str]:
    return {graph.address(int(graph.model[parent])).partition("/")[2] for parent in graph.parents(job)}


def test_rivals_are_of_the_group_and_the_series(graph):
    made = graph()
    found = contests(made)
    # Six volatilities of all horizons; values at risk and alphas at two; two pooled alphas.
    assert len(found) == 6 + 6 + 12 + 2
    series = "main/vol/{}/syn0001/_"
    assert rivals(made, found[series.format("garch")]) == {series.format("garch"), series.format("gjr")}
    alpha = "main/linear/{}/syn0002/5"
    assert rivals(made, found[alpha.format("ridge")]) == {alpha.format("ridge"), alpha.format("lasso")}
    assert rivals(made, found["main/pooled/ridge/_/1"]) == {"main/pooled/ridge/_/1"}
    # Every window of every rival, before the job itself.
    parents = made.parents(found[alpha.format("ridge")])
    assert set(made.task[parents].tolist()) == {int(Task.FORECAST)}
    assert len(parents) == 2 * 2
    assert parents.max() < found[alpha.format("ridge")]


def test_a_named_baseline_takes_part_where_it_is_comparable(graph):
    found = contests(graph("model_confidence_set", "baseline: linear/ridge, "))
    assert {address.split("/")[1] for address in found} == {"linear"}
    assert len(found) == 12


def test_without_contests_there_are_none(graph):
    assert contests(graph("kupiec")) == {}


def test_a_contest_depends_on_the_question_and_on_its_rivals_alone(graph):
    before, after = graph(), graph("diebold_mariano, model_confidence_set")
    plain, wider = ({made.hex(job) for job in range(len(made))} for made in (before, after))
    changed = {before.hex(job) for job in contests(before).values()}
    assert plain - wider == changed
    other = graph("diebold_mariano, kupiec")
    kept = {other.hex(job) for job in contests(other).values()}
    assert kept == changed
