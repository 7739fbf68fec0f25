"""Out of quarantine and into the next run: what is released, what is not, and that nothing is lost on the way."""

from __future__ import annotations

import itertools
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import search_fleet
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetspec.compiler.jobgraph import RunKind, Task
from fleetspec.diagnostics import Rejected
from fleetspec.runtime import segments
from fleetspec.runtime import store as stored
from fleetspec.runtime.driver import run
from fleetspec.runtime.request import RunRequest
from fleetspec.runtime.retrying import release
from fleetspec.runtime.store import DONE, QUARANTINED, RELEASED, Store


def every(graph) -> np.ndarray:
    return np.ones(len(graph.models), dtype=bool)


def ending(graph, *ends: str) -> np.ndarray:
    return np.array([any(graph.address(m).endswith(end) for end in ends) for m in range(len(graph.models))])


def retry(request: RunRequest, *ends: str) -> dict:
    return release(request.store, [(request.graph, ending(request.graph, *ends) if ends else every(request.graph))])


def files(store: Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.ledger_files()}


def test_what_was_released_runs_again_and_what_was_done_does_not(toys, trace) -> None:
    request = toys.request("A", "FLAKY", "SHORT")
    assert run(request).done == 4
    data = retry(request, "flaky/_", "flaky/1", "flaky/5")
    assert (data["jobs"], data["models"], data["beyond"], data["left"]) == (4, 3, 0, 0)
    assert data["causes"][0]["reason"] == "ConnectionError: the licence server is away"
    assert len(data["addresses"]) == 3
    summary = run(request)
    assert (summary.run, summary.done, summary.reused, summary.quarantined) == ("run-0002", 4, 8, 4)
    assert sorted(trace()) == ["A", "FLAKY", "FLAKY"]
    assert set(Store.of(request.store, "toys").releases()["digest"].to_pylist()) == set()


def test_a_second_retry_is_a_no_op(toys) -> None:
    request = toys.request("FLAT", "A")
    run(request)
    store = Store.of(request.store, "toys")
    assert retry(request)["jobs"] == 4
    before = files(store)
    assert retry(request)["jobs"] == 0
    assert files(store) == before


def test_the_same_verdict_may_fall_again_and_be_taken_back_again(toys, trace) -> None:
    request = toys.request("RAISE", "A")
    run(request)
    for time in (2, 3):
        assert retry(request)["jobs"] == 4
        summary = run(request)
        assert (summary.newly_quarantined, len(trace())) == (4, 1 + time)
        assert len(stored.read_quarantine(request.store, request.graph)) == 4
    assert run(request).run is None


def test_a_child_takes_what_it_was_quarantined_for_with_it(toys) -> None:
    request = toys.request("A", "FLAKY")
    run(request)
    data = retry(request, "toy-double/flaky/5")
    # The child itself, the forecast and the fit it rests on, and the other child, which rests on them too.
    assert (data["jobs"], data["beyond"]) == (4, 3)
    assert run(request).done == 4
    assert len(stored.read_quarantine(request.store, request.graph)) == 0


def test_what_a_backtest_shares_with_a_night_is_released_in_both(toys) -> None:
    nightly = toys.request("A", "FLAT")
    backtest = toys.request("A", "FLAT", run=RunKind.BACKTEST)
    graph = replace(backtest.graph, digest=backtest.graph.digest.copy())
    fit = int(np.flatnonzero(nightly.graph.task == Task.FIT)[1])
    twin = int(np.flatnonzero(graph.task == Task.FIT)[3])
    graph.digest[twin] = nightly.graph.digest[fit]
    backtest = replace(backtest, graph=graph)
    run(nightly)
    run(backtest)
    nothing = np.zeros(len(graph.models), dtype=bool)
    data = release(nightly.store, [(nightly.graph, every(nightly.graph)), (graph, nothing)])
    # The backtest's forecast of that window, and the evaluation over both windows.
    assert data["jobs"] == 4 + 2
    states = stored.read_jobs(backtest.store, graph).to_pylist()
    assert [row["task"] for row in states if row["state"] is None] == ["fit", "forecast", "evaluate"]


def test_a_trial_whose_search_has_its_result_stays_where_it_is(tmp_path: Path) -> None:
    search_fleet.write(tmp_path, search_fleet.returns_of({"A": 60}))
    text = (
        "  one: {family: level-apart, target: return, train: 40 bars, refit: 5 sessions, "
        "search: {every: 10 sessions, trials: 4, metric: rmse, space: {level: -0.5..0.7}}}"
    )
    graph, _ = search_fleet.Fleet(tmp_path, text).run(RunKind.NIGHTLY)
    store = Store.of(tmp_path / "store", graph.fleet)
    trial = int(np.flatnonzero(graph.task == Task.TRIAL)[0])
    rows = store.ledger().to_pylist()
    for row in rows:
        if row["digest"] == graph.digest[trial].tobytes():
            row |= {"state": QUARANTINED, "reason": "worker died twice at this job", "segment": None}
    store.replace_ledger("edited", pa.Table.from_pylist(rows, schema=segments.LEDGER))
    data = release(tmp_path / "store", [(graph, every(graph))])
    assert (data["jobs"], data["left"]) == (0, 1)


def test_a_held_store_is_left_alone(toys) -> None:
    request = toys.request("FLAT")
    run(request)
    store = Store.of(request.store, "toys")
    before = files(store)
    with store.held(), pytest.raises(Rejected, match="another run"):
        retry(request)
    assert files(store) == before


def test_a_store_that_is_not_there_is_not_made(toys) -> None:
    request = toys.request("FLAT")
    assert retry(request)["jobs"] == 0
    assert not request.store.exists()


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_stopped_while_it_writes_it_did_nothing_and_may_be_repeated(
    toys, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    request = toys.request("FLAT", "A")
    run(request)
    store = Store.of(request.store, "toys")
    before = files(store)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, moment, stop)
        with pytest.raises(KeyboardInterrupt):
            retry(request)
    assert files(store) == before
    assert retry(request)["jobs"] == 4


def test_a_segment_of_an_earlier_run_is_no_receipt_of_this_one(toys) -> None:
    """A killed driver leaves the segment of a bundle; after a retry a bundle of that name runs again, and its death
    must not be answered with the old verdict."""
    from fleetspec.runtime.bundles import cut
    from fleetspec.runtime.driver import _Run
    from fleetspec.runtime.ledger import Ledger, LedgerRow, State
    from fleetspec.runtime.worker import commit, receipt_from_store

    request = toys.request("FLAT")
    store = Store.of(request.store, "toys")
    store.make()
    ledger = Ledger.load(store, request.graph)
    fits = np.flatnonzero(request.graph.task == Task.FIT)
    (bundle,) = cut(ledger, request.plan, fits, lambda need: 1)
    rows = [LedgerRow(int(fits[0]), State.QUARANTINED, 0.0, "cpu", "cpu", "worker died twice")]
    commit(store, request.graph, rows, "run-0001", bundle.name)
    run_ = _Run(request, store, ledger, ledger.missing(), 0.0)
    run_.look()
    work = run_._workload()
    assert receipt_from_store(replace(work, run="run-0001"), bundle) is not None
    assert receipt_from_store(replace(work, run="run-0002"), bundle) is None


ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([DONE, QUARANTINED, RELEASED]), st.integers(1, 3)), max_size=12
)


def table(rows: list[tuple[int, str, int]]) -> pa.Table:
    plain = [
        {"digest": bytes([digest]) * 16, "state": state, "reason": None, "run": f"run-{number:04d}"}
        | {"seconds": 0.0, "work": 1.0}
        for digest, state, number in rows
    ]
    return pa.Table.from_pylist(plain, schema=segments.LEDGER)


def reference(rows: list[tuple[int, str, int]]) -> dict[int, str]:
    """Done, whatever else is said; else quarantined where a verdict stands that was not taken back."""
    taken_back = {(digest, number) for digest, state, number in rows if state == RELEASED}
    found = {digest: QUARANTINED for digest, state, number in rows
             if state == QUARANTINED and (digest, number) not in taken_back}  # fmt: skip
    return found | {digest: DONE for digest, state, _ in rows if state == DONE}


def told(store: Store) -> dict[int, str]:
    return {row["digest"][0]: row["state"] for row in store.ledger().to_pylist()}


@settings(max_examples=60, deadline=None)
@given(segments_=st.lists(ROWS, min_size=2, max_size=3))
def test_compaction_means_the_same_whichever_old_segments_outlive_it(
    tmp_path_factory: pytest.TempPathFactory, segments_: list[list[tuple[int, str, int]]]
) -> None:
    """Law: rows in any order and any segments mean what the reference says, and a compaction killed anywhere, which
    leaves any of the old segments beside the new one, changes nothing; nor do verdicts that fall after it."""
    root = tmp_path_factory.mktemp("ledger")
    store = Store(root / "toys")
    store.make()
    for number, rows in enumerate(segments_):
        segments.write_segment(store.segment("ledger", f"s{number}"), table(rows))
    expected = reference([row for rows in segments_ for row in rows])
    assert told(store) == expected
    old = {path: path.read_bytes() for path in store.ledger_files()}
    store.compact_ledger("run-0009")
    after = [(0, QUARANTINED, 4)]
    for kept in itertools.chain.from_iterable(itertools.combinations(old, n) for n in range(len(old) + 1)):
        for path in old:
            path.unlink(missing_ok=True) if path.stem != "all-run-0009" else None
        for path in kept:
            path.write_bytes(old[path])
        assert told(store) == expected
    segments.write_segment(store.segment("ledger", "later"), table(after))
    assert told(store) == {0: QUARANTINED} | expected
    shutil.rmtree(root)
