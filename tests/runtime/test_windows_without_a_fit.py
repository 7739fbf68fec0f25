"""A backtest's window without a forecast: a hole that is counted and named, and too many of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import toy_fleet

from fleetspec.compiler.jobgraph import RunKind
from fleetspec.runtime import store as stored
from fleetspec.runtime.driver import RunRequest, run
from fleetspec.runtime.outcomes import outcomes
from fleetspec.runtime.reproducing import reproduce
from fleetspec.runtime.retrying import release
from fleetspec.runtime.why import explain

REASON = "all returns are equal"


def request_of(toys, *names: str, allowed: float, **more: str) -> RunRequest:
    request = toys.request(*names, run=RunKind.BACKTEST, **more)
    return replace(request, graph=replace(request.graph, max_missing=allowed))


def evaluations(request: RunRequest) -> dict[tuple[str, str, int], dict]:
    rows = stored.read_evaluations(request.store, request.graph).to_pylist()
    return {(row["series"], row["metric"], row["horizon"]): row for row in rows}


def jobs(request: RunRequest, task: str) -> dict[tuple[str, int], dict]:
    rows = stored.read_jobs(request.store, request.graph).to_pylist()
    return {(row["series"], row["window"]): row for row in rows if row["task"] == task}


def test_a_model_is_judged_by_its_other_windows(toys) -> None:
    """LATE has no fit of its first window of two: half of them may be missing."""
    request = request_of(toys, "A", "LATE", allowed=0.5, max_quarantined="0%")
    summary = run(request)
    assert (summary.quarantined, summary.quarantined_models, int(summary.exit_code)) == (2, 0, 0)

    series = toy_fleet.load(toy_fleet.SourceRequest("prices.csv", toys.root, key="ticker", time="date", returns="ret"))
    returns = series["LATE"].returns
    # Oracle: the second window by hand.
    errors = [returns[origin + 1] - np.mean(returns[10:50]) for origin in range(49, 59)]
    scores = evaluations(request)
    rmse, missing = scores["LATE", "rmse", 1], scores["LATE", "missing_windows", 1]
    assert rmse["value"] == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-12)
    assert rmse["n"] == 10
    assert (missing["value"], missing["n"]) == (1.0, 2)
    assert ("A", "missing_windows", 1) not in scores
    assert scores["A", "rmse", 1]["n"] == 20
    assert jobs(request, "evaluate")["LATE", 0]["note"] == f"1 of 2 windows has no forecast: {REASON}"
    assert jobs(request, "fit")["LATE", 0]["reason"] == REASON

    fared = outcomes(request.store, request.graph)
    assert fared("done").tolist() == [True, True]
    assert fared("quarantined").tolist() == [False, False]
    assert explain(request.store, request.graph, np.ones(2, bool), 5)["counts"]["quarantined"] == 0


@pytest.mark.parametrize("allowed", [0.0, 0.49])
def test_with_more_holes_than_allowed_it_is_quarantined(toys, allowed: float) -> None:
    request = request_of(toys, "A", "LATE", allowed=allowed)
    summary = run(request)
    assert (summary.quarantined, summary.quarantined_models) == (3, 1)
    evaluation = jobs(request, "evaluate")["LATE", 0]
    assert evaluation["state"] == "quarantined"
    assert evaluation["reason"].endswith(REASON)
    assert outcomes(request.store, request.graph)("quarantined").tolist() == [False, True]


def test_without_any_window_there_is_nothing_to_judge(toys) -> None:
    request = request_of(toys, "A", "FLAT", allowed=0.9)
    assert run(request).quarantined_models == 1
    assert jobs(request, "evaluate")["FLAT", 0]["state"] == "quarantined"


def test_it_can_be_made_again_bit_by_bit(toys) -> None:
    request = request_of(toys, "LATE", allowed=0.5)
    run(request)
    data = reproduce(request.spec, request.graph, request.lock, request.root, request.store, 0)
    assert data["verdict"] == "same"
    assert [job["verdict"] for job in data["jobs"] if job["task"] == "evaluate"] == ["same"]


def test_a_window_that_is_there_after_a_retry_is_judged_too(toys, monkeypatch: pytest.MonkeyPatch) -> None:
    request = request_of(toys, "A", "LATE", allowed=0.5)
    run(request)
    before = evaluations(request)["A", "rmse", 1]
    monkeypatch.setattr(toy_fleet.np, "ptp", lambda values: 1.0)
    data = release(request.store, [(request.graph, np.array([False, True]))])
    assert (data["jobs"], data["models"], data["causes"][0]["reason"]) == (3, 1, REASON)
    assert jobs(request, "evaluate")["LATE", 0]["state"] is None
    summary = run(request)
    assert (summary.done, summary.quarantined, summary.quarantined_models) == (3, 0, 0)
    scores = evaluations(request)
    assert scores["LATE", "rmse", 1]["n"] == 20
    assert ("LATE", "missing_windows", 1) not in scores
    assert jobs(request, "evaluate")["LATE", 0]["note"] is None
    assert scores["A", "rmse", 1]["value"] == before["value"]
