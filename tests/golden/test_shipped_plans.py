"""The shipped specs through compiler and planner, as a reader sees them; `make golden` rewrites the files.

Oracles: counts are worked out by hand below from what the specs say; costs are held against node-seconds times the
dated price; that plans hold is `violations()`' and the replay's business in tests/planner.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleetspec import advising, pipeline
from fleetspec.compiler.census import describe_graph
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.diagnostics import Report
from fleetspec.views import as_text

SPECS = Path(__file__).resolve().parents[2] / "specs"
CASES = [("quickstart", "nightly"), ("quickstart", "backtest"), ("prod", "nightly")]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(case))
def case(request: pytest.FixtureRequest) -> tuple[str, pipeline.Planned]:
    name, run = request.param
    report = Report()
    made = pipeline.planned(SPECS / f"{name}.yaml", RunKind(run), None, None, report)
    assert not len(report), "a shipped spec gives a warning"
    return f"{name}-{run}", made


def test_the_graph(case: tuple[str, pipeline.Planned], golden) -> None:
    name, made = case
    golden(f"graphs/{name}.json", json.dumps(describe_graph(made.compiled.graph), indent=1, sort_keys=True) + "\n")


def test_the_plan_as_text(case: tuple[str, pipeline.Planned], golden) -> None:
    name, made = case
    data = made.to_json() | {"advice": advising.advice(made, None)}
    golden(f"plans/{name}.txt", as_text.view("plan", data, width=80))


def test_the_bill_adds_up(case: tuple[str, pipeline.Planned]) -> None:
    plan = case[1].plan
    prices = {pool.pool: pool.usd_per_hour for pool in plan.pools}
    uses = [use for stage in plan.stages for use in stage.pools]
    assert plan.cost_usd == pytest.approx(sum(use.node_seconds / 3600 * prices[use.pool] for use in uses))
    assert plan.cost_usd == pytest.approx(sum(line.cost_usd for line in plan.classes))
    assert plan.bound_usd <= plan.cost_usd
    assert plan.end_seconds <= plan.deadline_seconds


def test_counts_of_the_quickstart() -> None:
    words = describe_graph(_graph("quickstart", "nightly"))["words"]["total"]
    # 224 series; 3 variance families; elastic net at 2 horizons; 2 universes of pooled trees at 2 horizons.
    fits = 224 * 3 + 224 * 2 + 2 * 2
    assert words["fits"] == fits
    # Value at risk at 1 bar adds a forecast for each series and fits nothing.
    assert (words["models"], words["forecasts"]) == (fits + 224, fits + 224)


def test_counts_of_the_backtest() -> None:
    words = describe_graph(_graph("quickstart", "backtest"))["words"]["total"]
    # Windows end at 1000, 1025, … before the last bar: 10 for 1,250 bars; the samples have 8320, 5030, 3269 and 1258.
    lock = json.loads((SPECS / "quickstart.lock").read_text())
    bars = [row["bars"] for row in lock["data"]["indices"]] + [1250] * 220
    windows = sum(-(-(count - 1000) // 25) for count in bars)
    # Every bar from the last of the first window on has a forecast, but the newest, which nothing follows.
    origins = sum(count - 1000 for count in bars)
    assert (words["fits"], words["forecasts"], words["evaluations"]) == (2 * windows, 3 * origins, 3 * 224)


def test_counts_of_prod() -> None:
    words = describe_graph(_graph("prod", "nightly"))["words"]["total"]
    # 2,240 series: 3 variance families, elastic net and trees at 4 horizons each; N-BEATS on 40 of them at 4.
    fits = 2240 * (3 + 4 + 4) + 40 * 4
    assert (words["fits"], words["forecasts"]) == (fits, fits + 2240)
    assert words["fits"] + words["forecasts"] >= 50_000


def _graph(name: str, run: str):
    return pipeline.compiled_for(SPECS / f"{name}.yaml", RunKind(run), None, None, Report())[0].graph
