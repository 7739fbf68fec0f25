"""A late night leaves out what on_miss.degrade names, in order, and no more than it has to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import search_fleet
import toy_fleet
from test_publishing import CARRY, lake, night

from fleetspec.compiler.jobgraph import RunKind, Task
from fleetspec.compiler.spec_hardware import OnMiss
from fleetspec.diagnostics import ExitCode, Report
from fleetspec.planner.plans import LeftOut as PlannedOut
from fleetspec.planner.plans import Selection
from fleetspec.runtime import events
from fleetspec.runtime.degrading import Degrader, jobs_of
from fleetspec.runtime.driver import run
from fleetspec.runtime.ledger import Ledger, State
from fleetspec.runtime.outcomes import outcomes
from fleetspec.runtime.request import RunRequest
from fleetspec.runtime.store import Store
from fleetspec.runtime.why import explain


def late(request: RunRequest, *names: str, forecast: str = "hold", deadline: float = 0.0) -> RunRequest:
    missed = OnMiss(forecast=forecast, degrade=names)  # type: ignore[arg-type]
    schedule = request.spec.schedule.model_copy(update={"on_miss": missed})
    spec = request.spec.model_copy(update={"schedule": schedule})
    return replace(request, spec=spec, plan=replace(request.plan, deadline_seconds=deadline))


def degrader(request: RunRequest, *names: str, deadline: float = 100.0) -> Degrader:
    ledger = Ledger.load(Store.of(request.store, "toys"), request.graph)
    return Degrader(names, ledger, request.plan, ledger.missing(), deadline)


def settle(found: Degrader, jobs: Any) -> None:
    for job in np.flatnonzero(jobs):
        found.ledger.settle(int(job), State.DONE)


def test_a_late_night_does_without_what_is_named(toys) -> None:
    request = late(toys.request("A", "B", "C"), "double")
    seen: list[events.Event] = []
    summary = run(replace(request, events=seen.append))
    (one,) = summary.left_out
    assert (one.name, one.models, one.jobs) == ("double", 6, 6)
    assert (summary.done, summary.remaining, summary.exit_code) == (6, 6, ExitCode.OK)
    report = Report()
    summary.tell(report)
    assert [finding.rule.code for finding in report] == ["FS535"]
    (told,) = [event for event in seen if isinstance(event, events.LeftOut)]
    assert (told.name, told.jobs, told.deadline_seconds) == ("double", 6, 0.0)
    last = [event for event in seen if isinstance(event, events.Progressed)][-1]
    assert (last.done, last.total) == (6, 6)
    again = run(replace(request, plan=replace(request.plan, deadline_seconds=3600.0)))
    assert (again.done, again.reused, again.remaining, again.left_out) == (6, 6, 0, ())


def without(request: RunRequest, *lines: str) -> RunRequest:
    """The request with a plan that does without some lines."""
    left = tuple(PlannedOut(line, 1, 1, 1.0) for line in lines)
    return replace(request, plan=replace(request.plan, selection=Selection(left, 1.0, 2.0, 1.0, 1.0, 0.1)))


def test_a_run_does_without_what_its_plan_leaves_out(toys) -> None:
    request = without(toys.request("A", "B", "C"), "main/double/toy-double")
    seen: list[events.Event] = []
    summary = run(replace(request, events=seen.append))
    (one,) = summary.left_out
    assert (one.name, one.models, one.jobs, one.at_seconds) == ("main/double/toy-double", 6, 6, None)
    assert (summary.done, summary.remaining, summary.exit_code) == (6, 6, ExitCode.OK)
    report = Report()
    summary.tell(report)
    assert [finding.rule.code for finding in report] == ["FS535"]
    (told,) = [event for event in seen if isinstance(event, events.LeftOut)]
    assert (told.name, told.jobs, told.end_seconds) == ("main/double/toy-double", 6, None)
    last = [event for event in seen if isinstance(event, events.Progressed)][-1]
    assert (last.done, last.total) == (6, 6)
    # The same plan again has nothing to do, and says why not all is there; a plan of everything does the rest.
    once_more = run(request)
    assert (once_more.done, once_more.remaining, once_more.left_out) == (0, 6, summary.left_out)
    every = run(replace(request, plan=replace(request.plan, selection=None)))
    assert (every.done, every.reused, every.remaining, every.left_out) == (6, 6, 0, ())


def test_what_rests_on_a_line_that_the_plan_leaves_out_goes_with_it(toys, trace) -> None:
    summary = run(without(toys.request("A", "B"), "main/mean/toy-mean"))
    assert (summary.done, summary.remaining) == (0, 8)
    assert trace() == []
    graph = toys.request("A", "B").graph
    answer = explain(toys.root / "store", graph, np.ones(len(graph.models), dtype=bool), 10)
    assert answer["counts"]["missing"] == len(graph.models)


def test_why_and_the_selector_of_failures_know_what_was_left_out(toys) -> None:
    request = without(toys.request("A", "B"), "main/double/toy-double")
    run(request)
    models = np.ones(len(request.graph.models), dtype=bool)
    answer = explain(request.store, request.graph, models, 10)
    said = {one["why"] for one in answer["models"] if one["state"] == "missing"}
    assert said == {"run-0001 left it out (main/double/toy-double, for the value of the rest)"}
    assert not outcomes(request.store, request.graph)("failed").any()
    assert outcomes(request.store, request.graph)("missing").sum() == 4
    # A job that was to run and has no result is a failure all the same.
    record = request.store / "toys" / "runs" / "run-0001.json"
    record.write_text(record.read_text().replace("main/double/toy-double", "main/mean/toy-mean"))
    assert outcomes(request.store, request.graph)("failed").sum() == 4


def test_a_result_that_two_groups_ask_for_goes_with_the_line_that_owns_it(toys) -> None:
    graph = toys.request("A", twin=True).graph
    request = without(toys.request("A", twin=True), "main/mean/toy-mean")
    summary = run(request)
    assert summary.done == 0
    assert {one.name for one in summary.left_out} == {"main/mean/toy-mean"}
    assert len(graph) > summary.jobs


def test_a_night_in_time_and_a_backtest_leave_nothing_out(toys) -> None:
    assert run(late(toys.request("A"), "double", deadline=3600.0)).left_out == ()
    toys.root.joinpath("store").rename(toys.root / "before")
    assert run(late(toys.request("A", run=RunKind.BACKTEST), "mean")).left_out == ()
    asked = late(toys.request("B"), "double")
    missed = asked.spec.schedule.model_copy(update={"on_miss": None})
    assert run(replace(asked, spec=asked.spec.model_copy(update={"schedule": missed}))).left_out == ()


def test_what_rests_on_it_goes_too_and_a_bundle_that_began_ends(toys, trace) -> None:
    names = [f"S{i:03d}" for i in range(40)]
    asked = toys.request(*names)
    # A second a fit: one bundle each. The first is done when the night is found to be late.
    request = replace(asked, plan=toy_fleet.toy_plan(asked.graph, 1.0))
    summary = run(late(request, "mean"))
    (one,) = summary.left_out
    settled = len(trace())
    assert 1 <= settled < 40
    assert (one.models, one.jobs) == (3 * (40 - settled), 4 * (40 - settled))
    # The forecasts of fits that are done are made.
    assert (summary.done, summary.remaining) == (4 * settled, 4 * (40 - settled))


def test_models_left_out_are_carried_or_held(toys) -> None:
    names = [f"S{i:03d}" for i in range(40)]
    run(night(toys, *names))
    first = night(toys, *names, bars=65, missed=CARRY)
    slow = replace(first, plan=toy_fleet.toy_plan(first.graph, 1.0))
    summary = run(late(slow, "mean", forecast=CARRY.forecast))
    assert summary.left_out[0].name == "mean"
    pointer, rows = lake(slow)
    left = 40 - pointer["current"]
    assert (pointer["models"], pointer["carried"]) == (40, left)
    assert left > 0
    assert {str(row["origin"].date()) for row in rows} == {"2024-03-05"}
    held = run(late(replace(slow, store=toys.root / "none"), "mean"))
    assert held.exit_code is ExitCode.OK
    _, rows = lake(replace(slow, store=toys.root / "none"))
    assert not [row for row in rows if row["state"] == "carried"]


def test_what_a_plan_leaves_out_publishes_as_what_has_no_result_of_tonight(toys) -> None:
    run(night(toys, "A", "B"))
    carried = without(night(toys, "A", "B", bars=65, missed=CARRY), "main/mean/toy-mean")
    assert run(carried).done == 0
    pointer, rows = lake(carried)
    assert (pointer["models"], pointer["current"], pointer["carried"]) == (2, 0, 2)
    assert {(str(row["origin"].date()), row["state"]) for row in rows} == {("2024-03-05", "carried")}
    held = without(night(toys, "A", "B", bars=70), "main/mean/toy-mean")
    assert run(held).exit_code is ExitCode.OK
    _, rows = lake(held)
    # Without on_miss the forecasts of the night before stay, with their own origin.
    assert {str(row["origin"].date()) for row in rows} == {"2024-03-05"}


def test_the_pace_so_far_says_when_the_night_ends(toys) -> None:
    request = toys.request(*(f"S{i}" for i in range(100)))
    found = degrader(request, "double", deadline=100.0)
    fits = request.graph.task == Task.FIT
    assert found.end(50.0, 10.0) == 50.0, "nothing is known before anything is done"
    settle(found, fits & (np.cumsum(fits) <= 50))
    # 50 of 400 jobs of one weight in 40 s: the other 350 take 280.
    assert found.end(50.0, 10.0) == pytest.approx(330.0)
    (one,) = found.decide(50.0, 10.0)
    # Without the 200 of the other group it ends at 170, which is late still, and nothing more may go.
    assert (one.jobs, one.end_seconds) == (200, 330.0)
    assert found.end(50.0, 10.0) == pytest.approx(170.0)
    assert found.decide(60.0, 10.0) == []


def test_no_more_goes_than_must(toys) -> None:
    request = toys.request(*(f"S{i}" for i in range(100)))
    found = degrader(request, "double", "mean", deadline=175.0)
    fits = request.graph.task == Task.FIT
    settle(found, fits & (np.cumsum(fits) <= 50))
    assert [one.name for one in found.decide(50.0, 10.0)] == ["double"]
    assert [one.name for one in found.decide(120.0, 10.0)] == ["mean"]


def test_what_another_group_asks_for_too_stays(toys) -> None:
    graph = toys.request("A", "B", twin=True).graph
    ledger = Ledger.load(Store.of(toys.root / "store", "toys"), graph)
    nothing = np.zeros(len(graph), dtype=bool)
    assert not jobs_of(ledger, "mean", nothing).any()
    assert not jobs_of(ledger, "twin", nothing).any()
    assert jobs_of(ledger, "double", nothing).sum() == 4


def test_far_horizons_are_models_of_their_own_horizon(toys) -> None:
    graph = toys.request("A", "B").graph
    ledger = Ledger.load(Store.of(toys.root / "store", "toys"), graph)
    found = jobs_of(ledger, "far horizons", np.zeros(len(graph), dtype=bool))
    models = graph.model[found]
    assert {graph.models.settings[int(code)].group for code in graph.models.setting[models]} == {"double"}
    assert {graph.models.horizons[int(code)] for code in graph.models.horizon[models]} == {5}
    assert found.sum() == 2


SEARCHED = (
    "  tuned: {family: level, target: return, train: 40 bars, refit: 5 sessions, search: {every: 10 sessions, "
    "trials: 6, metric: rmse, space: {level: -0.5..0.7}}}\n"
    "  plain: {family: level, target: return, train: 40 bars, refit: 5 sessions}"
)


def test_a_search_is_left_out_with_the_fits_that_wait_for_it(tmp_path) -> None:
    search_fleet.write(tmp_path, search_fleet.returns_of({"A": 120, "B": 120}))
    fleet = search_fleet.Fleet(tmp_path, SEARCHED)
    graph, summary = fleet.run(RunKind.NIGHTLY)
    assert summary.failed == summary.quarantined == 0
    ledger = Ledger.load(Store.of(tmp_path / "empty", "toys"), graph)
    plan = toy_fleet.toy_plan(graph)
    found = Degrader(("search",), ledger, plan, ledger.missing(), 1.0)
    (one,) = found.decide(2.0, 0.5)
    left = {graph.models.settings[int(code)].group for code in graph.models.setting[graph.model[found.left]]}
    assert left == {"tuned"}
    assert one.jobs == int(np.sum(np.isin(graph.model, graph.model[graph.task == Task.TRIAL])))
