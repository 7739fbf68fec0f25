"""Which jobs a pilot takes, what it leaves out of the figures, and how runs are held against their plans."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fleetspec.diagnostics import Rejected
from fleetspec.runtime import store as stored
from fleetspec.runtime.coverage import BAND, coverage
from fleetspec.runtime.driver import run
from fleetspec.runtime.ledger import Ledger
from fleetspec.runtime.measured import load_measured, write_measured
from fleetspec.runtime.piloting import choose, sample_of
from fleetspec.runtime.store import Store


def ledger_of(request) -> Ledger:
    return Ledger.load(Store.of(request.store, request.graph.fleet), request.graph)


def everything(ledger: Ledger) -> np.ndarray:
    return np.ones(len(ledger.graph.models), dtype=bool)


def test_a_sample_has_the_largest_and_what_it_rests_on(toys) -> None:
    ledger = ledger_of(toys.request("A", "B", "C", "D", "E", "F"))
    graph = ledger.graph
    pilot = choose(ledger, everything(ledger), lambda code: 3, ())
    for code, jobs in pilot.sampled.items():
        every = np.flatnonzero(graph.klass == code)
        assert len(jobs) == min(3, len(every))
        assert (graph.end - graph.start)[jobs].max() == (graph.end - graph.start)[every].max()
    chosen = set(pilot.jobs.tolist())
    for job in pilot.jobs:
        assert set(graph.parents(int(job)).tolist()) <= chosen
    assert not set(pilot.warming.tolist()) & {int(job) for jobs in pilot.sampled.values() for job in jobs}


def test_what_rests_on_a_class_left_out_is_left_out(toys) -> None:
    ledger = ledger_of(toys.request("A", "B"))
    fits = next(code for code, klass in enumerate(ledger.graph.classes) if klass.task.label == "fit")
    pilot = choose(ledger, everything(ledger), lambda code: 2, {fits})
    assert pilot.sampled == {}


def test_quick_jobs_are_sampled_more() -> None:
    assert (sample_of(3, 10.0), sample_of(3, 0.01), sample_of(3, 1e-9)) == (3, 20, 500)


def test_a_run_of_some_jobs_leaves_the_others_missing(toys) -> None:
    request = toys.request("A", "B", "C")
    ledger = ledger_of(request)
    pilot = choose(ledger, everything(ledger), lambda code: 1, ())
    only = np.zeros(len(request.graph), dtype=bool)
    only[pilot.jobs] = True
    request = replace(request, only=only)
    summary = run(request)
    assert summary.done == len(pilot.jobs)
    assert len(ledger_of(request).missing()) == len(request.graph) - len(pilot.jobs)


def test_seconds_of_a_warm_up_do_not_count(toys) -> None:
    request = toys.request("A", "B")
    run(replace(request, warm_up=True))
    assert len(stored.read_ledger(request.store, "toys")) == len(request.graph)
    assert load_measured(request.store, "toys") == ()


@pytest.mark.parametrize(("p95", "alarm"), [(1e9, True), (1e-12, True), (None, False)])
def test_coverage_alarms_on_either_side(toys, p95: float | None, alarm: bool) -> None:
    """Sixty jobs against a p95 above all of them, below all of them, and not stated at all."""
    request = toys.request(*(f"S{i}" for i in range(60)))
    run(request)
    write_p95(Store.of(request.store, "toys").record("run-0001"), p95)
    rows = [row for row in coverage(request.store, "toys") if row["n"] >= 30]
    assert any(row["alarm"] for row in rows) == alarm
    if p95 == 1e9:
        assert all(row["below"] == 1.0 > BAND[1] for row in rows)


def write_p95(path: Path, p95: float | None) -> None:
    """Let the run's plan have predicted so, of every class."""
    record = json.loads(path.read_text())
    lanes = record["plan"]["lanes"]
    record["plan"]["classes"] = [
        {"name": name, "family": name.split("/")[2], "task": name.split("/")[3], "p50": 0.01, "p95": p95}
        for name in sorted({lane["klass"] for lane in lanes})
    ]
    path.write_text(json.dumps(record))


def test_measurements_cut_short_are_said_and_made_again(toys) -> None:
    request = toys.request("A", "B")
    run(request)
    store = Store.of(request.store, request.graph.fleet)
    whole = load_measured(request.store, request.graph.fleet)
    assert whole
    full = store.measured.read_bytes()
    for cut in (b"", full[:40], b"[]", b"{}"):
        store.measured.write_bytes(cut)
        with pytest.raises(Rejected) as raised:
            load_measured(request.store, request.graph.fleet)
        (finding,) = raised.value.report
        assert finding.rule.code == "FS508"
        assert "delete it" in finding.help
        write_measured(store)
        assert load_measured(request.store, request.graph.fleet) == whole
