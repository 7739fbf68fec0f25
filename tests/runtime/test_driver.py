"""A run end to end on the inline executor: what is computed, what is reused, what is left out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pytest
import toy_fleet
from msgspec import structs

from fleetspec.compiler.jobgraph import RunKind, Task
from fleetspec.diagnostics import ExitCode, Rejected, Report
from fleetspec.runtime import store as stored
from fleetspec.runtime.driver import run
from fleetspec.runtime.measured import _spread, load_measured
from fleetspec.runtime.store import Store
from fleetspec.runtime.tallies import Progress


def test_every_job_is_run_once_and_its_numbers_are_the_familys(toys, trace) -> None:
    request = toys.request("A", "B", "C")
    summary = run(request)
    assert (summary.jobs, summary.done, summary.reused, summary.failed) == (12, 12, 0, 0)
    assert summary.exit_code is ExitCode.OK
    assert sorted(trace()) == ["A", "B", "C"]
    # Oracle: numpy on the series itself, read without the runtime.
    series = toy_fleet.load(toy_fleet.SourceRequest("prices.csv", toys.root, key="ticker", time="date", returns="ret"))
    fits = stored.read_fits(request.store, request.graph).to_pylist()
    for row in fits:
        expected = np.mean(series[row["series"].upper()].returns[20:60])
        assert dict(row["estimates"])["mean"] == pytest.approx(expected, rel=1e-12)
        assert row["address"] == f"toys/main/mean/toy-mean/{row['series'].lower()}/_"
        assert (row["observations"], row["log_likelihood"]) == (40, -1.5)
    forecasts = stored.read_forecasts(request.store, request.graph)
    mean = {row["series"]: dict(row["estimates"])["mean"] for row in fits}
    assert len(forecasts) == 3 * 2 + 3 * 2
    for row in forecasts.to_pylist():
        times = 2 if row["family"] == "toy-double" else 1
        assert row["value"] == pytest.approx(times * row["horizon"] * mean[row["series"]])
        assert str(row["origin"]) == "2024-02-29"


def test_seed_is_the_models_digest(toys) -> None:
    request = toys.request("A")
    run(request)
    (fit,) = stored.read_fits(request.store, request.graph).to_pylist()
    model = int(request.graph.model[int(np.flatnonzero(request.graph.task == Task.FIT)[0])])
    assert dict(fit["estimates"])["seed"] == int.from_bytes(request.graph.models.digest[model][:4].tobytes(), "little")


def test_a_second_run_does_nothing(toys, trace) -> None:
    request = toys.request("A", "SHORT")
    first = run(request)
    before = trace()
    again = run(replace(request, executor="no such executor"))
    assert (again.done, again.reused, again.run) == (0, first.jobs, None)
    assert again.quarantined == first.quarantined > 0
    assert again.causes == first.causes
    assert trace() == before
    assert [r["run"] for r in stored.read_records(request.store, "toys")] == ["run-0001"]
    assert np.isin(request.graph.keys, stored.done_keys(request.store, "toys")).all()


def test_a_new_series_runs_alone(toys, trace) -> None:
    run(toys.request("A", "B"))
    summary = run(toys.request("A", "B", "C"))
    assert (summary.done, summary.reused, summary.run) == (4, 8, "run-0002")
    assert trace() == ["A", "B", "C"]


def test_two_addresses_of_one_digest_share_one_job(toys, trace) -> None:
    request = toys.request("A", "B", twin=True)
    summary = run(request)
    assert sorted(trace()) == ["A", "B"]
    assert summary.jobs == 8
    addresses = stored.read_fits(request.store, request.graph)["address"].to_pylist()
    assert addresses == [f"toys/main/{g}/toy-mean/{s}/_" for s in "ab" for g in ("mean", "twin")]


POISON = {
    "EMPTY": "no valid bars: all values are missing",
    "FLAT": "all returns are equal",
    "GAPS": "20% of its values are missing, max_missing is 10%",
    "RAISE": "ValueError: no such luck",
    "SHORT": "5 bars, train needs 40",
}


def test_poisoned_series_are_quarantined_with_their_reason_and_their_children_too(toys) -> None:
    request = toys.request("A", *POISON)
    summary = run(request)
    assert summary.done == 4
    assert {cause.reason for cause in summary.causes} == set(POISON.values())
    rows = stored.read_quarantine(request.store, request.graph).to_pylist()
    for name, reason in POISON.items():
        mine = [row for row in rows if row["series"] == name]
        assert [row["reason"] for row in mine if row["task"] == "fit"] == [reason]
        children = [row["reason"] for row in mine if row["task"] == "forecast"]
        assert children == [f"parent toys/main/mean/toy-mean/{name.lower()}/_: {reason}"] * 3
    # Fifteen of eighteen models: above the half the spec allows.
    assert (summary.quarantined_models, summary.models) == (15, 18)
    assert summary.exit_code is ExitCode.QUARANTINE


def test_a_family_that_takes_whole_bundles_gives_what_single_jobs_give(toys, trace) -> None:
    names = ("A", "B", "C", "EMPTY", "FLAT", "SHORT")
    one_by_one = toys.request(*names)
    together = replace(toys.request(*names, family=toy_fleet.MANY), store=toys.root / "together")
    first, second = run(one_by_one), run(together)
    # EMPTY and SHORT never reach the family: their gate is shut.
    assert [line for line in trace() if ":" in line] == ["together:4"]
    assert (first.done, first.quarantined) == (second.done, second.quarantined)
    assert first.causes == second.causes
    for read in (stored.read_fits, stored.read_forecasts):
        # As text: a level of NaN equals itself there.
        assert str(read(together.store, together.graph).to_pylist()) == str(
            read(one_by_one.store, one_by_one.graph).to_pylist()
        )
    jobs = stored.read_jobs(together.store, together.graph).to_pylist()
    seconds = {row["seconds"] for row in jobs if row["task"] == "fit"}
    assert len(seconds) == 1
    assert seconds.pop() > 0


def test_a_call_for_a_whole_bundle_that_raises_is_repeated_job_by_job(toys, trace) -> None:
    request = toys.request("A", "B", "RAISE", family=toy_fleet.MANY)
    summary = run(request)
    assert (summary.done, summary.quarantined) == (8, 4)
    (cause,) = summary.causes
    assert cause.reason == POISON["RAISE"]
    assert trace() == ["warm", "together:3", "A", "B", "RAISE", "A", "B", "RAISE", "warm"]


def test_threshold_decides_between_warning_and_error(toys) -> None:
    names = ("A", "B", "C", "SHORT")
    for limit, code, found in (("25%", ExitCode.OK, "FS511"), ("24%", ExitCode.QUARANTINE, "FS510")):
        summary = run(toys.request(*names, max_quarantined=limit))
        assert summary.quarantined_share == 0.25
        assert summary.exit_code is code
        report = Report()
        summary.tell(report)
        assert [d.rule.code for d in report] == [found]


def test_universe_models_leave_unusable_members_out_and_say_so(toys) -> None:
    request = toys.request("A", "B", "SHORT", per="universe")
    summary = run(request)
    assert summary.done == 2
    (fit,) = stored.read_fits(request.store, request.graph).to_pylist()
    assert fit["observations"] == 80
    assert fit["series"] is None
    assert set(stored.read_forecasts(request.store, request.graph)["series"].to_pylist()) == {"A", "B"}
    notes = stored.read_jobs(request.store, request.graph)["note"].to_pylist()
    assert notes == ["without 1 of 3 members (SHORT: 5 bars, train needs 40)"] * 2


def test_universe_without_a_usable_member_is_quarantined(toys) -> None:
    request = toys.request("EMPTY", "SHORT", per="universe")
    run(request)
    reasons = stored.read_quarantine(request.store, request.graph)["reason"].to_pylist()
    assert reasons[0] == "none of 2 members can be used; EMPTY: no valid bars: all values are missing"


def test_backtest_windows_are_evaluated_against_what_followed(toys) -> None:
    request = toys.request("A", run=RunKind.BACKTEST)
    run(request)
    series = toy_fleet.load(toy_fleet.SourceRequest("prices.csv", toys.root, key="ticker", time="date", returns="ret"))
    returns = series["A"].returns
    # Oracle: the walk-forward by hand. Window w trains on w*10 .. w*10+40 and forecasts ten origins.
    errors = [
        returns[origin + 1] - np.mean(returns[w * 10 : w * 10 + 40])
        for w in range(2)
        for origin in range(w * 10 + 39, w * 10 + 49)
    ]
    rows = stored.read_evaluations(request.store, request.graph).to_pylist()
    rmse = {row["horizon"]: row for row in rows if row["metric"] == "rmse"}
    assert rmse[1]["value"] == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-12)
    assert rmse[1]["n"] == 20


def test_changed_data_is_refused_and_longer_data_is_not(toys) -> None:
    request = toys.request("A", "B")
    toy_fleet.write_prices(toys.root / "prices.csv", ("A", "B"), bars=70, seed=8)
    with pytest.raises(Rejected) as refused:
        run(request)
    assert refused.value.exit_code is ExitCode.STALE
    assert [d.rule.code for d in refused.value.report] == ["FS501", "FS501"]
    assert "fleetspec lock" in (refused.value.report.findings[0].help or "")
    toy_fleet.write_prices(toys.root / "prices.csv", ("A",))
    with pytest.raises(Rejected, match="'B' of data 'bars' is in the lock and no longer in the data"):
        run(request)
    text = (toys.root / "prices.csv").read_text()
    toy_fleet.write_prices(toys.root / "prices.csv", ("A", "B"))
    whole = (toys.root / "prices.csv").read_text()
    assert text in whole
    (toys.root / "prices.csv").write_text(whole + "A,2024-03-01,0.5\nB,2024-03-01,0.5\n")
    assert run(request).done == 8
    origins = set(map(str, stored.read_forecasts(request.store, request.graph)["origin"].to_pylist()))
    assert origins == {"2024-02-29"}


def test_absent_library_is_named_with_its_extra(toys) -> None:
    request = toys.request("A")
    settings = request.graph.models.settings
    lacking = structs.replace(
        settings[0], family=structs.replace(settings[0].family, needs=("no_such_module",), extra="neural")
    )
    models = replace(request.graph.models, settings=(lacking, *settings[1:]))
    with pytest.raises(Rejected, match="needs no_such_module") as refused:
        run(replace(request, graph=replace(request.graph, models=models)))
    assert refused.value.report.findings[0].help == "pip install 'fleetspec[neural]'"


def test_unreadable_source_is_named(toys) -> None:
    request = toys.request("A")
    (toys.root / "prices.csv").unlink()
    with pytest.raises(Rejected, match=r"data .bars.: there is no file .prices\.csv."):
        run(request)


def test_store_in_use_is_refused(toys) -> None:
    request = toys.request("A")
    with Store.of(request.store, "toys").held(), pytest.raises(Rejected, match="holds the store") as refused:
        run(request)
    assert refused.value.report.findings[0].rule.code == "FS502"
    assert run(request).done == 4


def test_progress_counts_up_to_the_total(toys) -> None:
    seen: list[Progress] = []
    run(replace(toys.request("A", "SHORT"), progress=seen.append))
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert (seen[-1].done, seen[-1].total) == (8, 8)
    assert seen[-1].quarantined == 4


def test_record_holds_plan_and_summary_as_json(toys) -> None:
    request = toys.request("A")
    summary = run(request)
    (record,) = stored.read_records(request.store, "toys")
    assert record["state"] == "done"
    assert record["plan"] == request.plan.to_json()
    assert record["summary"] == json.loads(json.dumps(summary.to_json()))
    line = next(c for c in summary.classes if c.task == "fit")
    assert (line.jobs, line.ran, line.predicted_seconds, line.planned_on, line.ran_on) == (
        1,
        1,
        0.01,
        "laptop cpu",
        "cpu",
    )
    assert 0 < line.actual_seconds <= summary.fit_seconds <= summary.wall_seconds


def test_plan_for_a_gpu_on_a_machine_without_one_says_so(toys) -> None:
    summary = run(toys.request("A", plan={"slot": "mig-1g.10gb", "gpu": "H100-80GB"}))
    assert summary.done == 4
    assert "main/mean/toy-mean/fit: planned on gpus mig-1g.10gb, ran on cpu" in summary.notes


def test_measured_runtimes_are_medians_of_the_ledger(toys) -> None:
    request = toys.request("A", "B", "C")
    run(request)
    ledger = stored.read_ledger(request.store, "toys")
    fits = ledger.filter(pc.equal(ledger["task"], "fit"))["seconds"].to_numpy()
    found = {(r.family, r.task): r for r in load_measured(request.store, "toys")}
    row = found["toy-mean", "fit"]
    assert row.seconds == pytest.approx(np.median(fits), abs=1e-8)
    assert (row.n, row.device, row.basis, row.work) == (3, "cpu", "measured", 40.0)
    assert load_measured(request.store, "other") == ()


def test_spread_is_a_lognormals_and_shrugs_off_a_hiccup() -> None:
    # Oracle: the standard deviation the sample was drawn with.
    log_seconds = np.random.default_rng(1).normal(-4.0, 0.3, 4001)
    assert _spread(log_seconds) == pytest.approx(0.3, rel=0.05)
    log_seconds[0] = 10.0
    assert _spread(log_seconds) == pytest.approx(0.3, rel=0.05)
