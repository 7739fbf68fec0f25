"""The report page: charts from hand-made JSON, forecasts over series by hand, and what the page says."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from fleetspec.runtime.readings import evaluation_rows, p_value_rows, reading, stretch_rows
from fleetspec.runtime.reporting import forecast_summary
from fleetspec.views import as_html, charts


def stage(number: int, title: str, cost: float, patterns: list[list[Any]] | None = None) -> dict[str, Any]:
    use = {"pool": "laptop", "nodes": 1, "patterns": patterns or [], "node_seconds": 1.0, "busy_share": 0.5}
    times = {"start_seconds": 5.0 * number, "end_seconds": 5.0 * number + 5}
    return {"stage": number, "title": title, **times, "pools": [use | {"cost_usd": cost}]}


def plan(*stages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "fleet": "toy", "run": "nightly", "session": "2025-12-31", "night": "", "verdict": "feasible", "jobs": 0,
        "reused": 3, "models": 3, "end_seconds": 10.0, "deadline_seconds": 54900, "cost_usd": 0.0, "budget_usd": None,
        "stages": list(stages),
    } | fields  # fmt: skip


def family(name: str, task: str, seconds: float, **jobs: int) -> dict[str, Any]:
    counts = {"done": 1, "reused": 0, "quarantined": 0} | jobs
    return {"family": name, "task": task, "predicted_seconds": seconds, "actual_seconds": 2 * seconds, **counts}


def test_legends_lie_over_the_plot_in_the_order_of_the_stages() -> None:
    figure = charts.cost_by_pool(plan(stage(0, "fit", 0.0002), stage(1, "forecast", 0.00001)))
    assert figure is not None
    assert [trace["name"] for trace in figure["data"]] == ["0 fit", "1 forecast"]
    legend = figure["layout"]["legend"]
    assert legend["traceorder"] == "normal"
    assert (legend["y"], legend["yanchor"]) == (1, "bottom")


@pytest.mark.parametrize(
    ("top", "labels"),
    [
        (0.00024, ["0", "0.00005", "0.00010", "0.00015", "0.00020"]),
        (30.0, ["0", "10", "20", "30"]),
        (12_000.0, ["0", "5,000", "10,000"]),
        (0.0, ["0"]),
    ],
)
def test_ticks_of_money_are_few_and_plain(top: float, labels: list[str]) -> None:
    figure = charts.cost_by_pool(plan(stage(0, "fit", top)))
    assert figure is not None
    assert figure["layout"]["xaxis"]["ticktext"] == labels


def test_ticks_of_jobs_are_whole() -> None:
    figure = charts.jobs_by_family([family("garch", "fit", 1.0, done=1), family("garch", "forecast", 1.0, done=1)])
    assert figure is not None
    assert figure["data"][0]["y"] == [2]
    assert figure["layout"]["yaxis"]["ticktext"] == ["0", "1", "2"]


def test_times_have_ticks_at_powers_of_ten_with_their_unit() -> None:
    figure = charts.planned_against_actual([family("garch", "fit", 0.015), family("xgboost", "fit", 20.0)])
    assert figure is not None
    axis = figure["layout"]["xaxis"]
    assert axis["ticktext"] == ["10 ms", "100 ms", "1 s", "10 s", "100 s"]
    assert axis["tickvals"] == pytest.approx([0.01, 0.1, 1, 10, 100])
    assert "per job" in axis["title"]["text"]
    # Every bar begins inside the axis: 10 to the lower end is below the smallest value.
    assert 10 ** axis["range"][0] < 0.015


def test_times_of_many_powers_do_not_crowd() -> None:
    figure = charts.planned_against_actual([family("a", "fit", 0.000012), family("b", "fit", 40_000.0)])
    assert figure is not None
    assert figure["layout"]["xaxis"]["ticktext"] == ["0.001 ms", "0.1 ms", "10 ms", "1 s", "100 s", "10,000 s"]


def test_two_ways_to_cut_a_pool_are_two_strips() -> None:
    cuts = [["7x1g.10gb", 1], ["1x3g.40gb+1x2g.20gb", 1]]
    figure = charts.gpu_layouts(plan(stage(0, "fit", 1.0, cuts)))
    assert figure is not None
    assert len({trace["y"][0] for trace in figure["data"]}) == 2
    shown = [trace["name"] for trace in figure["data"] if trace["showlegend"]]
    assert shown == ["1g.10gb", "3g.40gb", "2g.20gb"]


def test_partitions_are_as_wide_as_their_dies() -> None:
    figure = charts.gpu_layouts(plan(stage(0, "fit", 1.0, [["8xcpx-nps4", 2], ["2xdpx-nps1", 1], ["1xspx-nps1", 1]])))
    assert figure is not None
    widths: dict[str, list[int]] = {}
    for trace in figure["data"]:
        widths.setdefault(trace["text"][0], []).append(trace["x"][0])
    assert widths == {"cpx": [1] * 8, "dpx": [4] * 2, "spx": [8]}


def test_a_plan_without_work_has_no_charts() -> None:
    assert charts.cost_by_pool(plan()) is None
    assert charts.timeline(plan()) is None
    assert charts.gpu_layouts(plan()) is None
    assert charts.planned_against_actual([]) is None


NAN = math.nan
OLD, NEW = date(2025, 12, 30), date(2025, 12, 31)


def forecasts(*rows: tuple[str, str, date, int, str, float, float]) -> pa.Table:
    names = ["family", "series", "origin", "horizon", "quantity", "level", "value"]
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    return pa.table({"universe": ["eq"] * len(rows), "group": ["g"] * len(rows)} | columns)


def test_forecasts_are_summed_up_over_series_at_their_newest_origin() -> None:
    rows = forecasts(
        # Daily variance 0.0001 is 1 % a day: sqrt(252) % = 15.87 % a year; 0.0004 is twice that, 31.75 %.
        ("garch", "A", NEW, 1, "variance", NAN, 0.0001),
        ("garch", "A", OLD, 1, "variance", NAN, 9.0),
        ("garch", "B", OLD, 1, "variance", NAN, 0.0004),
        # Over 5 bars a variance of 0.0005 is the same 15.87 % a year.
        ("garch", "A", NEW, 5, "variance", NAN, 0.0005),
        ("garch", "A", NEW, 1, "nu", NAN, 7.0),
        ("scaled", "A", NEW, 1, "value_at_risk", 0.99, 0.0534),
        ("scaled", "A", NEW, 1, "value_at_risk", 0.975, 0.0429),
    )
    got = forecast_summary(rows)
    assert [(r["family"], r["quantity"], r["horizon"], r["level"]) for r in got] == [
        ("garch", "variance", 1, ""),
        ("garch", "variance", 5, ""),
        ("scaled", "value_at_risk", 1, "97.5%"),
        ("scaled", "value_at_risk", 1, "99%"),
    ]
    two = got[0]
    assert two["series"] == 2
    assert (two["first_origin"], two["last_origin"]) == ("2025-12-30", "2025-12-31")
    # Linear between 15.8745 and 31.7490: 5 % is 16.668, the middle 23.812, 95 % 30.955.
    assert (two["low"], two["median"], two["high"]) == (16.7, 23.8, 31.0)
    assert "252" in two["shown"]
    assert got[1]["median"] == 15.9
    assert [row["median"] for row in got[2:]] == [4.29, 5.34]


def test_returns_are_in_percent_with_their_sign() -> None:
    (row,) = forecast_summary(forecasts(("net", "A", NEW, 5, "return", NAN, -0.01234)))
    assert (row["low"], row["median"], row["high"]) == (-1.234, -1.234, -1.234)
    assert row["shown"].endswith("%")


def test_no_forecasts_make_no_rows() -> None:
    assert forecast_summary(forecasts(("garch", "A", NEW, 1, "nu", NAN, 7.0))) == []


@pytest.mark.parametrize("metric", ["qlike", "rmse", "mae", "rmse_ratio_to_zero", "violations"])
def test_readings_name_their_horizon(metric: str) -> None:
    assert "5 bars" in reading(metric, 5, None, [], None)
    assert "1 bar" in reading(metric, 1, None, [], None)
    assert "1 bars" not in reading(metric, 1, None, [], None)


def page(**run: Any) -> str:
    words = {"rows": [], "total": {"models": 3, "fits": 3, "forecasts": 3, "evaluations": 0, "reused": 3}}
    section: dict[str, Any] = {"run_id": None, "plan": plan(), "words": words, "summary": None, "families": [],
               "forecasts": [], "evaluations": [], "p_values": [], "stretches": [], "quarantine": [],
               "quarantine_more": 0}  # fmt: skip
    fleet = {"fleet": "toy", "owner": "desk", "file": "toy.yaml", "data": [], "runs": [section | run]}
    return as_html.report(fleet, "")


def test_the_page_has_the_forecasts_of_the_night() -> None:
    (row,) = forecast_summary(forecasts(("garch", "A", NEW, 5, "variance", NAN, 0.0005)))
    text = page(forecasts=[row])
    for part in ("<h3>Forecasts</h3>", "volatility, % a year of 252 sessions", ">15.9<", ">5 bars<", "2025-12-31"):
        assert part in text
    assert "<h3>Forecasts</h3>" not in page()


def test_quarantine_says_what_to_do_and_hostile_reasons_stay_text() -> None:
    text = page(quarantine=[{"address": "toy/eq/g/garch/A/1", "task": "fit", "reason": "<script>alert(1)</script>"}])
    assert "What to do" in text
    assert "--table quarantine" in text
    assert "<script>alert" not in text
    assert "What to do" not in page()


def evaluations(*rows: tuple[str, float, str | None]) -> pa.Table:
    """Metric, value and stretch of days of models of one family, each of its own series."""
    return pa.Table.from_pylist(
        [
            {
                "address": f"toy/eq/g/garch/s{number}/_", "universe": "eq", "group": "g", "family": "garch",
                "metric": metric, "horizon": 1, "level": NAN, "value": value, "n": 100, "period": period,
            }
            for number, (metric, value, period) in enumerate(rows)
        ]
    )  # fmt: skip


def test_p_values_over_many_models() -> None:
    values = [0.001, 0.004, 0.03, 0.2, 0.9]
    table = evaluations(*(("kupiec_p_value", value, None) for value in values), ("kupiec_p_value", 0.0, "2008"))
    (row,) = p_value_rows(table)
    assert (row["test"], row["models"], row["below"]) == ("kupiec", 5, [0.4, 0.6, 0.6, 0.8])
    # At 5 %: 0.001 and 0.004 lie below 1 and 2 fifths of it, and 0.03 is the last that lies at 3 fifths.
    assert row["rejected"] == 3
    assert p_value_rows(evaluations(("qlike", -8.0, None))) == []


def test_stretches_say_what_the_data_lack() -> None:
    from fleetspec.compiler.spec_models import Backtest

    backtest = Backtest.model_construct(stress=("2008", "1987"), windows={})
    table = evaluations(("qlike", -8.0, None), ("qlike", -6.0, "2008"), ("crps", 0.01, "2008"))
    assert [(row["name"], row["models"]) for row in stretch_rows(table, backtest)] == [("1987", 0), ("2008", 2)]
    told = [row["metric"] for row in evaluation_rows(table)]
    assert told == ["crps, 1 bar, in 2008", "qlike, 1 bar", "qlike, 1 bar, in 2008"]
    text = page(stretches=stretch_rows(table, backtest), p_values=p_value_rows(evaluations(("mcs_p_value", 0.2, None))))
    assert "nothing, the data have no judged day in it" in text
    assert "<h3>Tests over many models</h3>" in text
