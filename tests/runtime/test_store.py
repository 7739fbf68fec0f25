"""What counts as stored, whatever is found in the folders."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fleetspec.diagnostics import Rejected
from fleetspec.runtime import segments
from fleetspec.runtime import store as stored
from fleetspec.runtime.driver import run
from fleetspec.runtime.ledger import parents_of
from fleetspec.runtime.store import Store


def test_every_column_is_documented() -> None:
    for schema in segments.TABLES.values():
        for field in schema:
            assert field.metadata[b"about"], field.name


def test_no_store_reads_as_an_empty_one(toys) -> None:
    request = toys.request("A")
    assert stored.done_keys(request.store, "toys").shape == (0,)
    assert not np.isin(request.graph.keys, stored.done_keys(request.store, "toys")).any()
    assert len(stored.read_fits(request.store, request.graph)) == 0
    assert stored.read_jobs(request.store, request.graph)["state"].to_pylist() == [None] * 4
    assert not request.store.exists()


def test_rows_without_a_ledger_row_do_not_exist_and_are_computed_again(toys, trace) -> None:
    request = toys.request("A", "B")
    run(request)
    store = Store.of(request.store, "toys")
    whole = stored.read_fits(request.store, request.graph)
    shutil.rmtree(store.folder("ledger"))
    store.make()
    assert len(stored.read_fits(request.store, request.graph)) == 0
    assert run(request).done == 8
    assert stored.read_fits(request.store, request.graph).equals(whole)
    assert len(trace()) == 4


def test_torn_temporary_files_are_ignored(toys) -> None:
    request = toys.request("A")
    run(request)
    store = Store.of(request.store, "toys")
    for table in segments.TABLES:
        (store.folder(table) / ".half.parquet.99.tmp").write_bytes(b"PAR1 and no more")
        (store.folder(table) / ".half.parquet").write_bytes(b"PAR1 and no more")
    assert run(request).done == 0
    assert len(stored.read_fits(request.store, request.graph)) == 1


def test_damaged_segment_is_named(toys) -> None:
    request = toys.request("A")
    run(request)
    store = Store.of(request.store, "toys")
    (fits,) = store.folder("fits").glob("*.parquet")
    fits.write_bytes(b"not parquet")
    with pytest.raises(Rejected, match=fits.stem):
        stored.read_fits(request.store, request.graph)
    (ledger,) = store.ledger_files()
    ledger.write_bytes(b"not parquet")
    with pytest.raises(Rejected, match="cannot be read"):
        stored.done_keys(request.store, "toys")


def test_killed_compaction_leaves_old_and_new_rows_and_both_read_as_one(toys, tmp_path: Path) -> None:
    request = toys.request("A", "B")
    run(request)
    store = Store.of(request.store, "toys")
    (whole,) = store.ledger_files()
    shutil.copy(whole, whole.with_name("some-bundle.parquet"))
    assert len(store.ledger()) == 8
    assert run(request).done == 0
    store.compact_ledger("run-0002")
    assert [path.stem for path in store.ledger_files()] == ["all-run-0002"]
    assert len(store.ledger()) == 8


def test_done_wins_over_quarantined(toys) -> None:
    request = toys.request("A")
    run(request)
    store = Store.of(request.store, "toys")
    rows = store.ledger()
    worse = rows.set_column(
        rows.schema.get_field_index("state"), segments.LEDGER.field("state"), pa.array(["quarantined"] * len(rows))
    )
    segments.write_segment(store.segment("ledger", "worse"), worse)
    assert set(store.ledger()["state"].to_pylist()) == {"done"}


def test_readers_take_a_mask_over_models(toys) -> None:
    request = toys.request("A", "B", "C")
    run(request)
    graph = request.graph
    mask = np.array([graph.address(m).endswith("/b/_") for m in range(len(graph.models))])
    assert stored.read_fits(request.store, graph, mask)["series"].to_pylist() == ["B"]
    assert set(stored.read_forecasts(request.store, graph, mask)["series"].to_pylist()) == {"B"}
    assert len(stored.read_jobs(request.store, graph, mask)) == 2


def test_lost_parent_rows_fail_the_child_and_are_not_recorded(toys) -> None:
    request = toys.request("A")
    run(request)
    store = Store.of(request.store, "toys")
    ledger = store.ledger()
    fits = ledger.filter(pa.compute.equal(ledger["task"], "fit"))
    (old,) = store.ledger_files()
    old.unlink()
    segments.write_segment(store.segment("ledger", "fits-only"), fits)
    for path in store.folder("fits").glob("*.parquet"):
        path.unlink()
    summary = run(request)
    assert (summary.failed, summary.done, summary.quarantined) == (3, 0, 0)
    assert int(summary.exit_code) == 1
    assert "the store has no rows of the parent job" in summary.failures[0].reason
    assert len(store.ledger()) == 1


def test_place_that_cannot_be_a_store_is_refused(toys) -> None:
    request = toys.request("A")
    (toys.root / "file").write_text("")
    with pytest.raises(Rejected, match="cannot be made"):
        run(replace(request, store=toys.root / "file"))


def test_parents_of_many_jobs_are_each_jobs_parents(toys) -> None:
    graph = toys.request("A", "B").graph
    jobs = np.array([7, 0, 3, 6, 1])
    each = [graph.parents(int(job)) for job in jobs]
    assert parents_of(graph, jobs).tolist() == np.concatenate(each).tolist()
    assert parents_of(graph, jobs[:0]).tolist() == []


def test_ten_thousandth_run_is_the_newest(tmp_path) -> None:
    store = Store.of(tmp_path, "toys")
    store.folder("runs").mkdir(parents=True)
    for number in (9998, 9999):
        store.write_record(f"run-{number}", {"run": f"run-{number}"})
    store.write_record(store.next_run(), {"run": "run-10000"})
    assert [record["run"] for record in stored.read_records(tmp_path, "toys")] == ["run-9998", "run-9999", "run-10000"]
    assert store.next_run() == "run-10001"
