"""A model made again: the same bits where nothing happened, and the difference named where something did."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import search_fleet
import toy_fleet
from hypothesis import given
from hypothesis import strategies as st

from fleetspec.catalog.loading import shipped
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.pinning import make_lock
from fleetspec.diagnostics import ExitCode, Rejected
from fleetspec.runtime import segments
from fleetspec.runtime.driver import run
from fleetspec.runtime.reproducing import _apart, reproduce
from fleetspec.runtime.request import RunRequest
from fleetspec.runtime.store import Store


def again(request: RunRequest, ending: str, window: int | None = None) -> dict[str, Any]:
    graph = request.graph
    (model,) = [m for m in range(len(graph.models)) if graph.address(m).endswith(ending)]
    return reproduce(request.spec, graph, request.lock, request.root, request.store, model, window)


def edit(request: RunRequest, table: str, column: str, change) -> None:
    """Rewrite a column of every segment of a table."""
    for path in Store.of(request.store, "toys").folder(table).glob("*.parquet"):
        rows = segments.read_segment(path)
        values = [change(value) for value in rows[column].to_pylist()]
        at = rows.schema.get_field_index(column)
        field = rows.schema.field(column)
        segments.write_segment(path, rows.set_column(at, field, pa.array(values, field.type)))


def up(value: float) -> float:
    return float(np.nextafter(value, math.inf))


@pytest.mark.parametrize("kind", [RunKind.NIGHTLY, RunKind.BACKTEST])
def test_an_untouched_store_is_reproduced_to_the_bit(toys, kind: RunKind) -> None:
    request = toys.request("A", "B", run=kind)
    run(request)
    data = again(request, "toy-mean/a/_")
    assert (data["verdict"], data["differences"]) == ("same", [])
    assert {job["verdict"] for job in data["jobs"]} == {"same"}
    assert all(job["values"] > 1 and job["largest"] == 0 for job in data["jobs"])
    tasks = ["fit", "forecast"] if kind is RunKind.NIGHTLY else ["fit", "forecast", "fit", "forecast", "evaluate"]
    assert [job["task"] for job in data["jobs"]] == tasks


def test_whole_bundles_give_what_one_job_gives(toys) -> None:
    request = toys.request("A", "B", "FLAT", family=toy_fleet.MANY)
    run(request)
    assert again(request, "toy-mean/b/_")["verdict"] == "same"


@pytest.mark.parametrize(
    ("table", "column", "change", "what"),
    [
        (
            "fits",
            "estimates",
            lambda pairs: [(n, up(v) if n == "mean" else v) for n, v in pairs],
            "fits.estimates[mean]",
        ),
        ("fits", "log_likelihood", up, "fits.log_likelihood"),
        ("fits", "converged", lambda value: not value, "fits.converged"),
        ("forecasts", "value", up, "forecasts[0].value"),
        ("forecasts", "horizon", lambda value: value + 1, "forecasts[0].horizon"),
        ("ledger", "note", lambda value: "something else", "ledger.note"),
    ],
)
def test_one_bit_is_seen_and_named(toys, table: str, column: str, change, what: str) -> None:
    request = toys.request("A")
    run(request)
    edit(request, table, column, change)
    data = again(request, "toy-mean/a/_")
    assert data["verdict"] == "differs"
    assert what in [one["what"] for one in data["differences"]]
    assert data["rounding"] is (change is up or "estimates" in what)


def test_a_lost_or_changed_artifact_is_seen(toys) -> None:
    request = toys.request("A")
    run(request)
    (artifact,) = Store.of(request.store, "toys").folder("artifacts").glob("*.bin")
    artifact.write_bytes(artifact.read_bytes()[:-1])
    assert [one["what"] for one in again(request, "toy-mean/a/_")["differences"]] == ["artifact"]
    artifact.unlink()
    (found,) = again(replace(request), "toy-mean/a/_")["differences"]
    assert (found["what"], found["stored"], found["now"]) == ("artifact", None, "3 bytes")


def test_a_transform_is_made_from_the_stored_forecasts_of_its_members(toys) -> None:
    request = toys.request("A")
    run(request)
    assert again(request, "toy-double/a/5")["verdict"] == "same"
    edit(request, "forecasts", "value", up)
    # Parents and their child moved by a bit each: twice the parent's is not the child's any more, or is, by rounding.
    assert again(request, "toy-mean/a/_")["verdict"] == "differs"


def test_verdicts_are_reproduced_too(toys) -> None:
    request = toys.request("A", "FLAT", "SHORT", "FLAKY")
    run(request)
    data = again(request, "toy-mean/short/_")
    assert [job["verdict"] for job in data["jobs"]] == ["same", "not compared"]
    assert data["verdict"] == "same"
    assert again(request, "toy-double/flat/1")["verdict"] == "not compared"
    data = again(request, "toy-mean/flaky/_")
    assert data["differences"][0]["stored"] == "ConnectionError: the licence server is away"
    assert data["differences"][0]["now"] is None


def test_what_killed_its_worker_is_not_run_in_this_process(toys) -> None:
    request = toys.request("DIE")
    store = Store.of(request.store, "toys")
    store.make()
    rows = [{"digest": d.tobytes(), "state": "quarantined", "reason": "worker died twice at this job: killed",
             "run": "run-0001", "device": "cpu"} for d in request.graph.digest]  # fmt: skip
    segments.write_segment(store.segment("ledger", "x"), pa.Table.from_pylist(rows, schema=segments.LEDGER))
    data = again(request, "toy-mean/die/_")
    assert data["verdict"] == "not compared"
    assert "would kill this process" in data["jobs"][0]["why"]


def test_results_of_a_gpu_are_held_against_the_familys_tolerance(toys) -> None:
    profile = toy_fleet.MEAN.profile
    for allowed, verdict in ((1e-3, "same"), (1e-6, "differs")):
        family = toy_fleet.replace(toy_fleet.MEAN, profile=toy_fleet.replace(profile, gpu_tolerance=allowed))
        request = toys.request("A", family=family)
        if verdict == "same":
            run(request)
            edit(request, "ledger", "device", lambda _: "H100-80GB")
            edit(request, "fits", "estimates", lambda pairs: [(n, v * (1 + 1e-4)) for n, v in pairs])
        data = again(request, "toy-mean/a/_")
        assert (data["verdict"], data["jobs"][0]["tolerance"]) == (verdict, allowed)
        assert data["jobs"][0]["largest"] == pytest.approx(1e-4, rel=1e-3)
    assert data["jobs"][0]["verdict"] == "differs"


def test_a_search_is_made_again_from_its_trials(tmp_path) -> None:
    search_fleet.write(tmp_path, search_fleet.returns_of({"A": 60}))
    text = (
        "  one: {family: level, target: return, train: 40 bars, refit: 5 sessions, "
        "search: {every: 10 sessions, trials: 5, metric: rmse, space: {level: -0.5..0.7}}}"
    )
    fleet = search_fleet.Fleet(tmp_path, text)
    graph, _ = fleet.run(RunKind.NIGHTLY)
    spec = fleet.spec()
    data = reproduce(spec, graph, make_lock(spec, tmp_path, shipped()), tmp_path, tmp_path / "store", 0)
    assert data["verdict"] == "same", data["differences"]
    assert [job["task"] for job in data["jobs"]] == ["trial", "fit", "forecast"]


def test_one_window_of_a_backtest(toys) -> None:
    request = toys.request("A", run=RunKind.BACKTEST)
    run(request)
    data = again(request, "toy-mean/a/_", window=1)
    assert [(job["task"], job["window"]) for job in data["jobs"]] == [("fit", 1), ("forecast", 1)]


def test_nothing_stored_and_other_data_are_refused(toys) -> None:
    request = toys.request("A")
    with pytest.raises(Rejected, match="no result"):
        again(request, "toy-mean/a/_")
    run(request)
    toy_fleet.write_prices(toys.root / "prices.csv", ("A",), seed=9)
    with pytest.raises(Rejected) as refused:
        again(request, "toy-mean/a/_")
    assert refused.value.exit_code is ExitCode.STALE


def test_nothing_is_written(toys) -> None:
    request = toys.request("A")
    run(request)
    files = {path: path.stat().st_mtime_ns for path in request.store.rglob("*")}
    again(request, "toy-mean/a/_")
    assert {path: path.stat().st_mtime_ns for path in request.store.rglob("*")} == files


@given(st.floats(), st.floats())
def test_the_distance_of_numbers_is_nought_for_the_same_bits_only(one: float, other: float) -> None:
    same = struct.pack("<d", one) == struct.pack("<d", other) or (math.isnan(one) and math.isnan(other))
    assert (_apart(one, other) == 0) is same
    assert _apart(one, other) == _apart(other, one) >= 0
