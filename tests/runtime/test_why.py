"""Why a model is in its state: each state, and the chain to the job that is to blame."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fleetspec.compiler.jobgraph import RunKind
from fleetspec.runtime.driver import run
from fleetspec.runtime.ledger import Ledger
from fleetspec.runtime.remedies import _ELSE, remedy
from fleetspec.runtime.request import RunRequest
from fleetspec.runtime.store import Store
from fleetspec.runtime.why import explain, not_asked


def why(request: RunRequest, *ends: str, limit: int = 100) -> dict[str, Any]:
    graph = request.graph
    mask = np.array([any(graph.address(m).endswith(end) for end in ends) for m in range(len(graph.models))])
    return explain(request.store, graph, mask, limit)


def test_before_the_first_run_every_model_waits_for_it(toys) -> None:
    request = toys.request("A", "B")
    data = why(request, "toy-double/a/5")
    (model,) = data["models"]
    assert (data["last"], data["counts"]["missing"], model["state"]) == (None, 1, "missing")
    assert model["why"] == "no run of this graph has begun"
    links = [(link["address"].split("/")[2], link["task"], link["state"]) for link in model["causes"][0]["chain"]]
    assert links == [("double", "forecast", "missing"), ("mean", "forecast", "missing"), ("mean", "fit", "missing")]
    assert not request.store.exists()


def test_done_says_when_where_and_how_long(toys) -> None:
    request = toys.request("SLEEPY")
    run(request)
    data = why(request, "toy-mean/sleepy/_")
    (model,) = data["models"]
    (part,) = model["computed"]
    assert model["state"] == "done"
    assert data["last"] == {"run": "run-0001", "state": "done"}
    assert (part["run"], part["device"], part["slot"], part["jobs"]) == ("run-0001", "cpu", "cpu", 2)
    assert part["began"].endswith("Z")
    assert part["seconds"] >= 0.15
    assert [(job["task"], job["state"]) for job in model["jobs"]] == [("fit", "done"), ("forecast", "done")]


def test_what_an_earlier_run_gave_is_reused(toys) -> None:
    run(toys.request("A"))
    # The graph of two series is another graph: a new run, which computes B alone.
    request = toys.request("A", "B")
    second = replace(request, graph=replace(request.graph, content="1" * 32))
    run(second)
    data = why(second, "toy-mean/a/_", "toy-mean/b/_")
    states = {model["address"].split("/")[4]: model for model in data["models"]}
    assert (states["a"]["state"], states["b"]["state"]) == ("reused", "done")
    assert "run-0001" in states["a"]["why"]
    assert data["counts"] == {"done": 1, "reused": 1, "quarantined": 0, "missing": 0, "not asked for": 0}


def test_quarantine_names_the_root_and_the_way_out(toys) -> None:
    request = toys.request("A", "GAPS")
    run(request)
    (model,) = why(request, "toy-double/gaps/5")["models"]
    assert (model["state"], model["why"]) == ("quarantined", "20% of its values are missing, max_missing is 10%")
    assert "max_missing" in model["remedy"]
    chain = model["causes"][0]["chain"]
    assert [link["address"] for link in chain] == [
        "toys/main/double/toy-double/gaps/5",
        "toys/main/mean/toy-mean/gaps/_",
        "toys/main/mean/toy-mean/gaps/_",
    ]
    assert chain[-1]["task"] == "fit"


def test_every_chain_ends_where_a_parents_reason_no_longer_explains_it(toys) -> None:
    """Law: the last link of a quarantined job has a reason of its own, and each link is a parent of the one before."""
    from fleetspec.runtime.why import chain

    request = toys.request("A", "FLAT", "SHORT", run=RunKind.BACKTEST)
    run(request)
    ledger = Ledger.load(Store.of(request.store, "toys"), request.graph)
    ledger.spread()
    seen = 0
    for job in np.flatnonzero(ledger.state == 2):
        links = chain(ledger, int(job))
        seen += len(links) > 1
        assert not (ledger.reason(links[-1]) or "").startswith("parent ")
        assert all(after in request.graph.parents(before) for before, after in pairwise(links))
    assert seen


def test_a_run_that_ended_early_is_named(toys) -> None:
    request = toys.request("A")
    store = Store.of(request.store, "toys")
    store.make()
    record = {"run": "run-0001", "kind": "nightly", "graph": request.graph.content, "summary": None}
    for state, said in (("running", "still at work, or was killed"), ("interrupted", "was interrupted before it")):
        store.write_record("run-0001", record | {"state": state})
        assert said in why(request, "toy-mean/a/_")["models"][0]["why"]
    failures = {"failures": [{"reason": "OSError: no space left"}]}
    store.write_record("run-0001", record | {"state": "done", "summary": failures})
    assert why(request, "toy-mean/a/_")["models"][0]["why"].endswith("outside the model: OSError: no space left")


def test_a_model_of_another_run_was_not_asked_for(toys) -> None:
    request = toys.request("A")
    other = toys.request("A", run=RunKind.BACKTEST).graph
    data = not_asked(request.store, other, "toys/main/double/toy-double/a/1", [request.graph])
    assert data["models"][0]["state"] == "not asked for"
    assert "the nightly run of this spec has" in data["models"][0]["why"]
    assert sum(data["counts"].values()) == 1


def test_the_limit_bounds_what_is_told_and_not_what_is_counted(toys) -> None:
    request = toys.request("A", "B", "C", "FLAT")
    run(request)
    data = why(request, "_", "1", "5", limit=2)
    assert (len(data["models"]), data["more"], sum(data["counts"].values())) == (2, 10, 12)
    assert data["counts"]["quarantined"] == 3


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("worker died twice at this job: the process was killed", "retry"),
        ("no valid bars: all values are missing", "values of the series"),
        ("5 bars, train needs 40", "shorter window"),
        ("its largest return is 31 sigma, max_jump is 20 sigma", "max_jump"),
        ("its last bar ended on 2020-01-01, stale_after asks for 2020-02-01 or later", "stale_after"),
        ("the optimiser did not converge: 15000 iterations", "params"),
        ("the estimate of omega is nan", "params"),
        ("the series is constant: its returns have no variance", "moves"),
        ("ValueError: no such luck", "without the fault"),
        ("no candidate of 20 has a score (constant)", "trials"),
    ],
)
def test_remedies_fit_their_reasons(reason: str, word: str) -> None:
    assert word in remedy(reason)
    assert remedy(reason) != _ELSE
