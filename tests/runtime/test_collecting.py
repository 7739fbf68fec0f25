"""Garbage collection: what goes, what stays, and that no result of a graph that counts changes by it."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import toy_fleet

from fleetspec.compiler.jobgraph import RunKind
from fleetspec.diagnostics import Rejected
from fleetspec.runtime import segments
from fleetspec.runtime import store as stored
from fleetspec.runtime.collecting import collect
from fleetspec.runtime.driver import run
from fleetspec.runtime.request import RunRequest
from fleetspec.runtime.retrying import release
from fleetspec.runtime.store import Store

READERS = (stored.read_fits, stored.read_forecasts, stored.read_evaluations, stored.read_quarantine, stored.read_jobs)


def results(request: RunRequest) -> list[str]:
    """Every table of every model, as text: a level of NaN equals itself there."""
    return [str(read(request.store, request.graph).to_pylist()) for read in READERS]


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def age(store: Store, days: float = 100.0) -> None:
    for path in store.root.rglob("*"):
        if path.is_file():
            then = path.stat().st_mtime - days * 86400
            os.utime(path, (then, then))


def two_generations(toys) -> tuple[Store, RunRequest, RunRequest]:
    """A store with the results of a fleet before and after its prices changed, and files that were never committed."""
    old = toys.request("A", "B", "FLAT")
    run(old)
    toy_fleet.write_prices(toys.root / "prices.csv", ("A", "B", "SHORT"), seed=8)
    new = toys.request()
    # Another data, another digest: the toys' own digests do not cover it.
    graph = replace(new.graph, digest=new.graph.digest ^ np.uint8(1), content="2" * 32)
    new = replace(new, graph=graph)
    run(new)
    store = Store.of(new.store, "toys")
    segments.write_segment(store.segment("fits", "lost"), segments.FITS.empty_table())
    store.artifact("ab" * 16).write_bytes(b"lost")
    (store.folder("fits") / ".x.parquet.77.tmp").write_bytes(b"half")
    return store, old, new


def test_results_of_the_current_graph_are_the_same_before_and_after(toys) -> None:
    """Metamorphic: gc changes no answer about a graph that counts, and the next run has nothing to do."""
    store, old, new = two_generations(toys)
    age(store)
    before, files, ledger = results(new), contents(store.root), store.ledger()
    data = collect(store, new.graph.keys, 30.0, dry_run=False)
    assert results(new) == before
    gone = files.keys() - contents(store.root).keys()
    assert {"fits/lost.parquet", f"artifacts/{'ab' * 16}.bin", "fits/.x.parquet.77.tmp"} < gone
    assert data["rows"] == len(old.graph) == len(ledger) - len(store.ledger())
    assert {row["state"] for row in stored.read_jobs(old.store, old.graph).to_pylist()} == {None}
    assert data["bytes"] == sum(len(files[name]) for name in gone if not name.startswith("ledger/"))
    assert run(new).run is None
    assert collect(store, new.graph.keys, 30.0, dry_run=False)["bytes"] == 0


def test_both_graphs_that_count_keep_theirs(toys) -> None:
    store, old, new = two_generations(toys)
    age(store)
    before = results(old), results(new)
    data = collect(store, np.concatenate([old.graph.keys, new.graph.keys]), 0.0, dry_run=False)
    assert (results(old), results(new)) == before
    assert (data["rows"], sum(kind["files"] for kind in data["kinds"])) == (0, 3)


def test_a_dry_run_says_the_same_and_removes_nothing(toys) -> None:
    store, _, new = two_generations(toys)
    age(store)
    before = contents(store.root)
    said = collect(store, new.graph.keys, 30.0, dry_run=True)
    assert contents(store.root).keys() == before.keys()
    assert said == collect(store, new.graph.keys, 30.0, dry_run=False)


def test_what_is_young_stays(toys) -> None:
    store, old, new = two_generations(toys)
    before = results(old)
    data = collect(store, new.graph.keys, 1.0, dry_run=False)
    assert (data["bytes"], data["rows"], data["shared"]) == (0, 0, len(old.graph))
    assert results(old) == before
    # Without days to keep results go at once; files that a worker may be about to commit stay for an hour.
    data = collect(store, new.graph.keys, 0.0, dry_run=False)
    assert data["rows"] == len(old.graph)
    assert store.segment("fits", "lost").exists()


def test_where_it_is_not_known_what_counts_only_files_without_a_row_go(toys) -> None:
    store, old, new = two_generations(toys)
    age(store)
    before = results(old), results(new)
    data = collect(store, None, 0.0, dry_run=False)
    assert (data["rows"], sum(kind["files"] for kind in data["kinds"])) == (0, 3)
    assert (results(old), results(new)) == before


def test_a_segment_with_one_needed_row_stays_whole_and_its_artifacts_too(toys) -> None:
    request = toys.request("A", "B", "C")
    run(request)
    store = Store.of(request.store, "toys")
    age(store)
    before = results(request)
    of_a = [m for m in range(len(request.graph.models)) if "/a/" in request.graph.address(m)]
    data = collect(store, request.graph.keys[np.isin(request.graph.model, of_a)], 0.0, dry_run=False)
    assert results(request) == before
    assert (data["rows"], data["shared"]) == (0, 8)


def test_releases_outlive_a_collection(toys) -> None:
    store, _, new = two_generations(toys)
    release(new.store, [(new.graph, np.ones(len(new.graph.models), dtype=bool))])
    age(store)
    collect(store, new.graph.keys, 0.0, dry_run=False)
    assert len(store.releases()) == 4
    assert run(new).newly_quarantined == 4


def test_a_held_store_is_refused_before_anything_is_looked_at(toys) -> None:
    store, _, new = two_generations(toys)
    age(store)
    before = contents(store.root)
    with store.held(), pytest.raises(Rejected, match="another run"):
        collect(store, new.graph.keys, 0.0, dry_run=False)
    assert contents(store.root).keys() == before.keys()


def test_killed_at_any_moment_the_store_opens_and_the_next_collection_ends_it(
    toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill before each file operation in turn: what counts reads the same, and a second gc comes to the same end."""
    store, old, new = two_generations(toys)
    age(store)
    expected, keep = results(new), toys.root / "kept"
    shutil.copytree(store.root, keep, copy_function=shutil.copy2)
    collect(store, new.graph.keys, 30.0, dry_run=False)
    whole = {name: content for name, content in contents(store.root).items() if name != "LOCK"}
    operations = {"unlink": Path.unlink, "replace": os.replace}
    for moment in range(1000):
        shutil.rmtree(store.root)
        shutil.copytree(keep, store.root, copy_function=shutil.copy2)
        left = moment

        def counted(call):
            def stop(*arguments, **named):
                nonlocal left
                left -= 1
                if left < 0:
                    raise KeyboardInterrupt
                return call(*arguments, **named)

            return stop

        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", counted(operations["unlink"]))
            patch.setattr(os, "replace", counted(operations["replace"]))
            try:
                collect(store, new.graph.keys, 30.0, dry_run=False)
            except KeyboardInterrupt:
                pass
            else:
                break
        assert results(new) == expected, moment
        # No row without its files: reading the old graph's results raises otherwise.
        results(old)
        assert run(new).run is None
        collect(store, new.graph.keys, 30.0, dry_run=False)
        found = {name: content for name, content in contents(store.root).items() if name != "LOCK"}
        assert {n for n in found if not n.startswith("ledger")} == {n for n in whole if not n.startswith("ledger")}
        assert len(store.ledger()) == len(new.graph)
    assert moment >= 8


def test_a_backtest_is_collected_like_a_night(toys) -> None:
    request = toys.request("A", "B", run=RunKind.BACKTEST)
    run(request)
    store = Store.of(request.store, "toys")
    age(store)
    before = results(request)
    assert collect(store, request.graph.keys, 0.0, dry_run=False)["bytes"] == 0
    assert results(request) == before
    assert collect(store, np.zeros(0, dtype="V16"), 0.0, dry_run=False)["rows"] == len(request.graph)
    assert [path for path in store.root.rglob("*.parquet") if path.parent.name != "ledger"] == []
    assert run(request).done == len(request.graph)
