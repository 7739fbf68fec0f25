"""Nights that are published: what is of tonight, what is carried on, what is held, and what a reader sees meanwhile."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import toy_fleet
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from scipy.stats import binom

from fleetspec.compiler.jobgraph import Task
from fleetspec.compiler.spec_hardware import OnMiss, Publish
from fleetspec.compiler.spec_models import Gate
from fleetspec.diagnostics import ExitCode, Report
from fleetspec.evaluation.contests import benjamini_hochberg
from fleetspec.family import Fit, FitRequest, ForecastRequest, Forecasts, Rejection
from fleetspec.runtime import editions, segments
from fleetspec.runtime.driver import run
from fleetspec.runtime.gating import exceptions_p_value
from fleetspec.runtime.places import Folder, PlaceError, open_place
from fleetspec.runtime.publishing import LATEST, published, published_fits, standing
from fleetspec.runtime.request import RunRequest
from fleetspec.units import Cadence, Sessions, Share

FIRST = np.datetime64("2024-01-01")
CARRY, HOLD = OnMiss(forecast=LATEST), OnMiss(forecast="hold")


def fit_unless_broken(request: FitRequest) -> Fit:
    """The toy's fit, until its folder holds a file ``broken`` that names the series."""
    flag = Path(request.params.folder) / "broken"
    if flag.exists() and request.windows[0].series in flag.read_text().split():
        raise Rejection("the optimiser has lost its way")
    return toy_fleet.fit_mean(request)


BREAKABLE = structs.replace(toy_fleet.MEAN, fit=fit_unless_broken)


def night(toys, *names: str, bars: int = 60, missed: OnMiss | None = None, **publish: Any) -> RunRequest:
    """A request for the night after bar ``bars``, of the series as they were before and one day more each day."""
    request = toys.request(*names, family=BREAKABLE)
    toy_fleet.write_prices(toys.root / "prices.csv", names, bars)
    lock = toy_fleet.toy_lock(toys.root)
    session = (FIRST + bars - 1).astype(date)
    graph = replace(toy_fleet.toy_graph(lock, toys.root, family=BREAKABLE), session=session)
    schedule = request.spec.schedule.model_copy(update={"on_miss": missed})
    told = Publish(to="lake", **publish)
    spec = request.spec.model_copy(update={"publish": told, "schedule": schedule})
    return replace(request, spec=spec, lock=lock, graph=graph, plan=toy_fleet.toy_plan(graph))


def lake(request: RunRequest, group: str = "mean") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a stranger sees who reads the pointer, then the file that it names."""
    folder = request.root / "lake" / "toys" / group
    pointer = json.loads((folder / "current.json").read_text())
    rows = [] if pointer["edition"] is None else pq.read_table(folder / pointer["edition"]).to_pylist()
    for row in rows:
        assert np.isnan(row.pop("level"))
    return pointer, rows


def test_a_night_is_published_with_what_a_reader_must_know(toys) -> None:
    request = night(toys, "A", "B")
    summary = run(request)
    assert (summary.exit_code, summary.publication.written) == (ExitCode.OK, 2)
    pointer, rows = lake(request)
    assert (pointer["state"], pointer["session"], pointer["age"]) == ("current", "2024-02-29", 0)
    assert (pointer["models"], pointer["current"], pointer["rows"]) == (2, 2, len(rows)) == (2, 2, 4)
    assert {(row["address"], row["horizon"]) for row in rows} == {
        (f"toys/main/mean/toy-mean/{name}/_", h) for name in "ab" for h in toy_fleet.HORIZONS
    }
    digests = {request.graph.address(m): bytes(d).hex() for m, d in enumerate(request.graph.models.digest)}
    for row in rows:
        assert (row["state"], row["reason"], row["age"]) == ("current", None, 0)
        assert (str(row["origin"].date()), str(row["fitted_to"].date())) == ("2024-02-29", "2024-02-29")
        assert row["known"].isoformat() == "2024-02-29T21:00:00+00:00"
        assert row["model"] == digests[row["address"]]
    own = published(request.graph, np.ones(len(request.graph.models), dtype=bool), request.store)
    assert len(own) == len(rows) + len(lake(request, "double")[1])


def test_a_second_run_publishes_nothing(toys) -> None:
    request = night(toys, "A", "EMPTY", missed=CARRY)
    run(request)
    before = {path: path.stat().st_mtime_ns for path in (request.root / "lake").rglob("*")}
    again = run(request)
    assert (again.run, again.publication.written) == (None, 0)
    assert {path: path.stat().st_mtime_ns for path in (request.root / "lake").rglob("*")} == before


def test_a_night_between_two_fits_only_forecasts(toys, trace) -> None:
    run(night(toys, "A"))
    fits = trace()
    request = night(toys, "A", bars=61)
    summary = run(request)
    assert trace() == fits
    assert (summary.done, summary.reused) == (3, 1)
    (_, rows) = lake(request)
    assert {(str(row["origin"].date()), str(row["fitted_to"].date())) for row in rows} == {("2024-03-01", "2024-02-29")}
    assert {row["state"] for row in rows} == {"current"}


def test_latest_parameters_forecast_todays_origin(toys) -> None:
    run(night(toys, "A", "B", missed=CARRY))
    old = {row["horizon"]: row for row in lake(night(toys, "A", "B"))[1] if row["series"] == "A"}
    (toys.root / "broken").write_text("A")
    request = night(toys, "A", "B", bars=65, missed=CARRY)
    summary = run(request)
    pointer, rows = lake(request)
    assert (pointer["current"], pointer["carried"], pointer["held"]) == (1, 1, 0)
    for row in rows:
        assert str(row["origin"].date()) == "2024-03-05"
        assert row["age"] == 0
        if row["series"] == "A":
            assert row["state"] == "carried"
            assert row["reason"] == "made with parameters of a fit up to 2024-02-29"
            # The toy's forecast is its mean times the horizon: of the old window, not of tonight's.
            assert row["value"] == old[row["horizon"]]["value"]
            assert row["fit"] == old[row["horizon"]]["fit"]
        else:
            assert (row["state"], str(row["fitted_to"].date())) == ("current", "2024-03-05")
    doubled = {row["horizon"]: row for row in lake(request, "double")[1] if row["series"] == "A"}
    for horizon, row in doubled.items():
        assert (row["state"], row["value"]) == ("carried", 2 * old[horizon]["value"])
    report = Report()
    summary.tell(report)
    assert "FS532" in {finding.rule.code for finding in report}


@pytest.mark.parametrize("fails", [False, True])
def test_models_of_one_family_are_carried_in_one_call(toys, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    """To the bit what each gets alone; and where the call fails, each alone."""
    asked: list[int] = []

    def together(requests: Sequence[ForecastRequest]) -> list[Forecasts]:
        asked.append(len(requests))
        if fails:
            raise ValueError("too many at once")
        return [toy_fleet.forecast_mean(request) for request in requests]

    run(night(toys, *"ABCDE", missed=CARRY))
    old = {(row["series"], row["horizon"]): row["value"] for row in lake(night(toys, "A"))[1]}
    (toys.root / "broken").write_text("A B")
    monkeypatch.setitem(globals(), "BREAKABLE", structs.replace(BREAKABLE, forecast_many=together))
    request = night(toys, *"ABCDE", bars=65, missed=CARRY)
    run(request)
    pointer, rows = lake(request)
    # Those with a fit of tonight as a bundle, and then the others.
    assert asked == [3, 2]
    assert (pointer["current"], pointer["carried"]) == (3, 2)
    carried = [row for row in rows if row["state"] == "carried"]
    assert {row["series"] for row in carried} == {"A", "B"}
    assert all(row["value"] == old[row["series"], row["horizon"]] for row in carried)


def test_what_may_be_carried_on_is_no_garbage(toys) -> None:
    request = night(toys, "A", "B")
    run(request)
    fits = [request.graph.digest[job].tobytes() for job in np.flatnonzero(request.graph.task == Task.FIT)]
    assert sorted(bytes(fit) for fit in published_fits(request.store, "toys")) == sorted(fits)
    assert len(published_fits(request.store, "nobody")) == 0


def test_without_leave_to_carry_the_last_forecast_is_held_with_its_age(toys) -> None:
    run(night(toys, "A", "B"))
    (_, before) = lake(night(toys, "A", "B"))
    (toys.root / "broken").write_text("A")
    request = night(toys, "A", "B", bars=65, missed=HOLD)
    run(request)
    pointer, rows = lake(request)
    assert (pointer["current"], pointer["carried"], pointer["held"]) == (1, 0, 1)
    held = [row for row in rows if row["series"] == "A"]
    assert [row["value"] for row in held] == [row["value"] for row in before if row["series"] == "A"]
    for row in held:
        # 29 February 2024 was a Thursday; 5 March is three sessions later.
        assert (row["state"], row["age"], str(row["origin"].date())) == ("held", 3, "2024-02-29")
        assert row["session"] == date(2024, 2, 29)
        assert "the optimiser has lost its way" in row["reason"]


def test_bad_data_are_never_forecast_from(toys) -> None:
    request = night(toys, "A", "GAPS", missed=CARRY)
    run(request)
    pointer, rows = lake(request)
    assert (pointer["current"], pointer["carried"], pointer["absent"]) == (1, 0, 1)
    assert {row["series"] for row in rows} == {"A"}


def test_a_forecast_from_yesterdays_data_is_not_todays(toys) -> None:
    request = night(toys, "A")
    late = replace(request, graph=replace(request.graph, session=date(2024, 3, 4)))
    run(late)
    pointer, rows = lake(late)
    assert (pointer["current"], pointer["held"]) == (0, 1)
    assert {(row["state"], row["age"], row["reason"]) for row in rows} == {
        ("held", 2, "no bar of 2024-03-04: the last is of 2024-02-29")
    }


def test_a_night_that_does_not_count_holds_every_group(toys) -> None:
    run(night(toys, "A", "B"))
    (toys.root / "broken").write_text("A B")
    request = night(toys, "A", "B", bars=65)
    summary = run(request)
    assert summary.exit_code is ExitCode.QUARANTINE
    pointer, rows = lake(request)
    assert (pointer["state"], pointer["made_for"], pointer["age"]) == ("held", "2024-02-29", 3)
    assert "does not count" in pointer["reasons"][0]
    assert {str(row["origin"].date()) for row in rows} == {"2024-02-29"}
    (seen,) = [one for one in standing(request.spec, request.graph, request.store) if one["group"] == "mean"]
    assert (seen["pointer"]["state"], seen["pointer"]["age"]) == ("held", 3)


def test_an_earlier_night_does_not_come_back(toys) -> None:
    later = night(toys, "A", bars=61)
    run(later)
    told = lake(later)
    run(night(toys, "A", bars=60))
    assert lake(later) == told


def test_old_nights_are_kept_for_as_long_as_asked(toys) -> None:
    for bars in range(60, 65):
        request = night(toys, "A", bars=bars, keep=Sessions(2))
        run(request)
    for place in (request.root / "lake", request.store / "toys" / "published"):
        files = sorted(path.name[:10] for path in (place / "toys" / "mean").glob("*.parquet"))
        assert files == ["2024-03-03", "2024-03-04"]


def test_csv_has_the_same_rows(toys) -> None:
    request = night(toys, "A", format="csv")
    run(request)
    folder = request.root / "lake" / "toys" / "mean"
    pointer = json.loads((folder / "current.json").read_text())
    lines = (folder / pointer["edition"]).read_text().splitlines()
    assert lines[0].replace('"', "").split(",") == editions.EDITION.names
    assert len(lines) == 1 + pointer["rows"]


def test_a_place_that_fails_leaves_what_was_there_and_the_next_run_mends_it(toys) -> None:
    first = night(toys, "A")
    run(first)
    before = lake(first)
    folder = first.root / "lake" / "toys" / "mean"
    moved = folder.rename(folder.with_name("aside"))
    folder.write_text("a file in the way")
    second = night(toys, "A", bars=61)
    summary = run(second)
    assert summary.exit_code is ExitCode.ERROR
    report = Report()
    summary.tell(report)
    assert [finding.rule.code for finding in report] == ["FS533"]
    folder.unlink()
    moved.rename(folder)
    assert lake(second) == before
    assert run(second).exit_code is ExitCode.OK
    assert lake(second)[0]["session"] == "2024-03-01"


class Breaking:
    """A place that breaks at its ``left``-th change."""

    def __init__(self, under: Folder, left: int) -> None:
        self.under, self.left = under, left

    def _spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError("the power went")

    def read(self, name: str) -> bytes | None:
        return self.under.read(name)

    def write(self, name: str, content: bytes) -> None:
        self._spend()
        self.under.write(name, content)

    def remove(self, name: str) -> None:
        self._spend()
        self.under.remove(name)

    def names(self, folder: str) -> list[str]:
        return self.under.names(folder)


def edition_of(session: str, value: float) -> tuple[editions.Pointer, bytes]:
    row = dict.fromkeys(editions.EDITION.names) | {"address": "a", "value": value}
    content = editions.encoded(pa.Table.from_pylist([row], editions.EDITION), "parquet")
    name, digest = editions.file_name(session, content)
    return editions.Pointer("f", "g", session, "current", (), name, session, digest=digest), content


def test_a_reader_sees_one_whole_night_wherever_a_flip_breaks_off(tmp_path) -> None:
    for left in range(4):
        place = Folder(tmp_path / str(left))
        for k in range(3):
            editions.put(place, *edition_of(f"2024-03-0{k + 1}", float(k)), keep=2)
        ending = None
        try:
            editions.put(Breaking(place, left), *edition_of("2024-03-04", 9.0), keep=2)
        except OSError as error:
            ending = error
        assert (ending is None) == (left == 3)
        (value,) = editions.read_edition(place, editions.read_pointer(place, "f", "g"))["value"].to_pylist()
        assert value == (2.0 if left < 2 else 9.0)


def gated(request: RunRequest, **gate: Any) -> RunRequest:
    """A night whose group ``mean`` has a gate; value at risk is what gates are for, and here only the name counts."""
    told = Gate(models="mean", test="kupiec", fdr=Share(0.05), **gate)
    return replace(request, spec=request.spec.model_copy(update={"gates": (told,)}))


def write_scores(request: RunRequest, session: str, *p_values: float, n: int = 500, model: str | None = None) -> None:
    models = [m for m in range(len(request.graph.models)) if "/mean/" in request.graph.address(m)]
    rows = [
        {
            "address": request.graph.address(m), "metric": "kupiec_p_value", "horizon": 1, "level": 0.99, "value": p,
            "n": n, "model": model or request.graph.models.digest[m].tobytes().hex(),
        }
        for m, p in zip(models, p_values, strict=True)
    ]  # fmt: skip
    path = request.store / "toys" / "deployed" / "backtest-scores.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    segments.write_segment(path, pa.Table.from_pylist(rows).replace_schema_metadata({"session": session}))


@pytest.mark.parametrize(
    ("scores", "gate", "reason"),
    [
        (None, {}, "no backtest has run"),
        ({"p": (0.5, 0.001)}, {}, "kupiec rejects 1 of 2"),
        ({"p": (0.5, 0.5), "session": "2024-02-01"}, {"max_age": Cadence(10)}, "19 sessions old, max_age is 10"),
        ({"p": (0.5, 0.5), "n": 20}, {}, "no model has 250 forecasts"),
        ({"p": (0.5, 0.5), "model": "00"}, {}, "of other models than tonight's"),
        ({"p": (0.5, 0.03)}, {}, None),
    ],
)
def test_a_gate_holds_the_group_until_its_backtest_passes(toys, scores, gate, reason) -> None:
    request = gated(night(toys, "A", "B"), **gate)
    if scores is not None:
        p_values = scores.pop("p")
        write_scores(request, scores.pop("session", "2024-02-28"), *p_values, **scores)
    summary = run(request)
    pointer, rows = lake(request)
    if reason is None:
        assert (summary.exit_code, pointer["state"], len(rows)) == (ExitCode.OK, "current", 4)
        return
    assert summary.exit_code is ExitCode.POLICY
    assert (pointer["state"], pointer["edition"], pointer["absent"]) == ("held", None, 2)
    assert reason in pointer["reasons"][0]
    assert lake(request, "double")[0]["state"] == "current"
    report = Report()
    summary.tell(report)
    assert [finding.rule.code for finding in report] == ["FS530"]


def test_a_gate_that_warns_publishes(toys) -> None:
    request = gated(night(toys, "A"), on_fail="warn")
    summary = run(request)
    assert (summary.exit_code, lake(request)[0]["state"]) == (ExitCode.OK, "current")
    report = Report()
    summary.tell(report)
    assert [finding.rule.code for finding in report] == ["FS531"]


def test_gates_are_judged_where_nothing_is_published(toys) -> None:
    request = gated(night(toys, "A"))
    summary = run(replace(request, spec=request.spec.model_copy(update={"publish": None})))
    assert summary.exit_code is ExitCode.POLICY
    assert not (request.store / "toys" / "published").exists()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0.01, 0.4))
def test_rejections_are_those_of_the_definition(p_values: list[float], rate: float) -> None:
    ordered, m = sorted(p_values), len(p_values)
    largest = max((k for k in range(1, m + 1) if ordered[k - 1] <= k / m * rate), default=0)
    assert benjamini_hochberg(np.array(p_values), rate).sum() == largest


def test_the_rejections_of_the_paper() -> None:
    """Benjamini and Hochberg (1995), section 3.2: fifteen p-values, four rejected at 5 %."""
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
                0.7590, 1.0000]  # fmt: skip
    assert benjamini_hochberg(np.array(p_values), 0.05).sum() == 4


@pytest.mark.parametrize("exceptions", [0, 1, 4, 5, 9, 10, 25])
def test_the_traffic_lights_chances_are_binomial(exceptions: int) -> None:
    assert exceptions_p_value(exceptions) == pytest.approx(binom.sf(exceptions - 1, 250, 0.01), abs=1e-12)


def test_a_secret_that_is_missing_is_asked_for_by_the_name_of_its_variable(tmp_path) -> None:
    with pytest.raises(PlaceError, match=r"lake\.key") as caught:
        open_place("s3://lake/f", {"secret_key": "${secret.lake.key}", "access_key": "x"}, tmp_path)
    assert "FLEETSPEC_SECRET_LAKE_KEY" in caught.value.help
