"""``plan`` on the command line with all its answers: near misses, the layout that stands, the page."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from test_given import SPEC, fleetspec

from fleetspec import advising, pipeline
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.diagnostics import Report
from fleetspec.runtime.deployed import read_deployed, record
from fleetspec.units import Count

SPECS = Path(__file__).resolve().parents[2] / "specs"


def planned(path: Path, run: str = "nightly") -> pipeline.Planned:
    return pipeline.planned(path, RunKind(run), None, None, Report())


@pytest.fixture(scope="module")
def prod() -> pipeline.Planned:
    return planned(SPECS / "prod.yaml")


@pytest.fixture(scope="module")
def told(prod: pipeline.Planned) -> dict[str, Any]:
    return advising.advice(prod, None, full=True)


def test_the_bills_of_the_shipped_fleet(prod: pipeline.Planned, told: dict[str, Any]) -> None:
    bills = {bill["kind"]: bill for bill in told["bills"]}
    assert list(bills) == ["this", "steady", "worst", "backtest"]
    assert bills["this"]["cost_usd"] == round(prod.plan.cost_usd, 6)
    # Fits of the volatilities and of linear every 5 sessions, of trees and deep every 20; all forecasts every session.
    fits = (3 * 2240 + 4 * 2240) / 5 + (4 * 2240 + 160) / 20
    assert bills["steady"]["jobs"] == round(fits + 27_040)
    assert bills["worst"]["cost_usd"] >= bills["steady"]["cost_usd"]
    walk = planned(SPECS / "prod.yaml", "backtest").plan
    assert bills["backtest"]["cost_usd"] == round(walk.cost_usd, 6)
    assert (bills["steady"]["budget_usd"], bills["backtest"]["budget_usd"]) == (60.0, 400.0)


def test_a_plan_stands_for_a_shorter_night_unless_a_share_of_nights_is_asked_for(prod: pipeline.Planned) -> None:
    every = pipeline.posed(prod.compiled, pipeline.world(), prod.done)
    sure, window = dataclasses.replace(every, on_time=0.99), prod.plan.deadline_seconds
    assert [advising._holds_in(prod.plan, every, seconds) for seconds in (window, 10_000, 9_000)] == [True, True, False]
    assert [advising._holds_in(prod.plan, sure, seconds) for seconds in (window, 10_000)] == [True, False]


def test_every_run_can_be_asked_for_every_bill() -> None:
    walk = planned(SPECS / "quickstart.yaml", "backtest")
    assert [bill["kind"] for bill in advising.advice(walk, None)["bills"]] == ["this"]
    assert [bill["kind"] for bill in advising.advice(walk, None, full=True)["bills"]] == ["this", "steady", "worst"]


def test_a_saved_plan_gives_the_same_answers(prod: pipeline.Planned, told: dict[str, Any], tmp_path: Path) -> None:
    pipeline.save(prod, tmp_path / "prod.fsp")
    again = pipeline.reopened(tmp_path / "prod.fsp", None, Report())
    assert advising.advice(again, None, full=True) == told


def test_a_run_that_is_rejected_says_so_in_place_of_its_bill(prod: pipeline.Planned) -> None:
    compiled = prod.compiled
    limits = compiled.read.spec.limits.model_copy(update={"jobs": Count(60_000)})
    spec = compiled.read.spec.model_copy(update={"limits": limits})
    small = replace(compiled, read=replace(compiled.read, spec=spec))
    bill = advising.advice(replace(prod, compiled=small), None, full=True)["bills"][-1]
    assert (bill["kind"], bill["verdict"], bill["cost_usd"]) == ("backtest", "rejected", None)
    assert bill["note"].startswith("FS290:")


def test_the_dearest_layouts_are_the_whole_gpus(told: dict[str, Any]) -> None:
    costs = {one["layout"]: one["cost_usd"] for one in told["alternatives"]}
    assert costs["7x1g.10gb"] < costs["4x1g.20gb"] < costs["2x3g.40gb"] < costs["1x7g.80gb"]
    assert costs["whole, without MIG"] == pytest.approx(costs["1x7g.80gb"], rel=0.01)


def test_what_is_deployed_says_which_layout_stands(prod: pipeline.Planned, tmp_path: Path) -> None:
    graph, old = prod.compiled.graph, {"gpu-h100-mig": {"4x1g.20gb": 1}}
    assert advising.advice(prod, tmp_path)["standing"] is None
    record(tmp_path, graph, "spec", b"lock", old)
    # A run that cuts no GPU does not change how they are cut.
    record(tmp_path, graph, "spec", b"lock", {})
    found = read_deployed(tmp_path, graph.fleet, graph.run)
    assert found is not None
    assert found.layout == old
    stands = advising.advice(prod, tmp_path)["standing"]
    assert (stands["switched"], stands["same"]) == (1, False)
    assert stands["cost_usd"] > prod.plan.cost_usd
    # A node of 11.06 USD/h boots for 300 s.
    assert stands["drain_usd"] == pytest.approx(11.0612 * 300 / 3600, rel=1e-3)


def test_deployed_files_of_before_have_no_layout(prod: pipeline.Planned, tmp_path: Path) -> None:
    graph = prod.compiled.graph
    record(tmp_path, graph, "spec", b"lock", {})
    (path,) = tmp_path.rglob("nightly.json")
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "layout"}))
    found = read_deployed(tmp_path, graph.fleet, graph.run)
    assert found is not None
    assert found.layout == {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("answers")
    (made / "fleet.yaml").write_text(SPEC)
    assert fleetspec(made, "lock", "fleet.yaml").returncode == 0
    shutil.copytree(SPECS / "defaults", made / "defaults")
    text = (SPECS / "prod.yaml").read_text()
    (made / "miss.yaml").write_text(text.replace("gpu_memory: 9 GiB", "gpu_memory: 10 GiB"))
    shutil.copy(SPECS / "prod.lock", made / "miss.lock")
    return made


def test_a_job_that_just_misses_a_slice_is_a_warning_at_its_line(folder: Path) -> None:
    answer = fleetspec(folder, "plan", "miss.yaml")
    assert answer.returncode == 0
    assert answer.stderr.count("warning[FS340]") == 1
    assert "256 MiB more than mig-1g.10gb of 'gpu-h100-mig' has" in answer.stderr
    assert re.search(r"miss.yaml:\d+:\d+\n.*gpu_memory: 10 GiB", answer.stderr)
    assert "with 256 MiB less a GPU runs 7 of them side by side, not 4" in answer.stderr


def test_every_line_of_the_answers_fits_eighty_columns(folder: Path) -> None:
    answer = fleetspec(folder, "plan", "miss.yaml", "--full")
    assert max(map(len, answer.stdout.splitlines())) <= 80


def test_the_page_is_a_file_or_comes_on_stdout(folder: Path) -> None:
    answer = fleetspec(folder, "plan", "fleet.yaml", "--format", "html", "--out", "plan.html")
    assert (answer.returncode, answer.stdout) == (0, "")
    page = (folder / "plan.html").read_text()
    assert page.startswith("<!doctype html>")
    assert fleetspec(folder, "plan", "fleet.yaml", "--format", "html").stdout == page
    assert fleetspec(folder, "plan", "fleet.yaml", "--format", "html", "--frontier").returncode == 64


def test_json_has_what_the_text_says(folder: Path) -> None:
    answer = fleetspec(folder, "plan", "fleet.yaml", "--format", "json")
    data = json.loads(answer.stdout)
    assert set(data) == {"plan", "words", "data", "slack", "families", "advice", "policies"}
    assert sum(step["seconds"] for step in data["slack"]) == pytest.approx(data["plan"]["deadline_seconds"])
    assert sum(line["cost_usd"] for line in data["families"]) == pytest.approx(data["plan"]["cost_usd"], abs=1e-5)
