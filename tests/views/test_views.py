"""Blocks as text and markdown: widths, colour, escaping, and that no figure is added on the way."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from fleetspec.sheets import figures
from fleetspec.views import as_markdown, as_text

CLASS = {
    "name": "equities/vol/garch/fit", "group": "vol", "family": "garch", "task": "fit", "stage": 0, "jobs": 12345,
    "reused": 7, "seconds": 0.0145, "cost_usd": 0.31, "basis": "measured", "n": 120, "source": "bench",
}  # fmt: skip
PLAN = {
    "fleet": "prod", "run": "nightly", "session": "2025-12-31", "night": "close + 45m to open - 90m",
    "verdict": "feasible", "deadline_seconds": 54900, "overhead_seconds": 120, "end_seconds": 3723.0,
    "budget_usd": 60.0, "cost_usd": 1.5, "bound_usd": 1.2, "gap": 0.25, "method": "LP, MILP, replay", "rounds": 1,
    "models": 4321, "jobs": 24690, "reused": 7, "measured_share": 0.625,
    "stages": [
        {"stage": 0, "title": "fit", "start_seconds": 120.0, "end_seconds": 3723.0, "pools": [
            {"pool": "gpu-h100-mig", "nodes": 2, "patterns": [["7x1g.10gb", 2]], "node_seconds": 7200.0,
             "busy_share": 0.875, "cost_usd": 1.5}]}],
    "lanes": [], "classes": [CLASS | {"basis": "assumed", "n": 0}, CLASS],
    "pools": [{"pool": "gpu-h100-mig", "usd_per_hour": 11.0612, "peak_nodes": 2, "cap": 4,
               "price_basis": "offer of 2026-08-03"}],
    "binding": ["deadline"], "suggestions": [], "assumptions": ["boot of a node: 300 s, ASSUMED"],
}  # fmt: skip
WORDS = {
    "rows": [{"universe": "equities", "group": "vol", "family": "garch", "models": 4321, "variants": 1,
              "windows": 1, "trials": 0, "fits": 12345,
              "forecasts": 12345, "evaluations": 0, "reused": 7}],
    "total": {"models": 4321, "variants": 1, "trials": 0, "fits": 12345, "forecasts": 12345, "evaluations": 0,
              "reused": 7},
}  # fmt: skip
SOURCES = [
    {
        "name": "bars",
        "kind": "your file",
        "location": "bars.csv",
        "series": 40,
        "shortest": 1000,
        "longest": 1250,
        "missing": 3,
        "first": "2020-01-02",
        "last": "2025-12-31",
        "stalest": "2025-11-28",
    }
]
DATA = {"plan": PLAN, "words": WORDS, "data": SOURCES}


def test_a_plan_fits_eighty_columns() -> None:
    text = as_text.view("plan", DATA, width=80)
    assert max(cell_len(line) for line in text.split("\n")) <= 80
    assert "\x1b" not in text


def test_colour_is_only_there_when_asked_for() -> None:
    assert "\x1b[" in as_text.view("plan", DATA, width=80, color=True)


def test_the_verdict_comes_first_and_the_figures_carry_units() -> None:
    lines = as_text.view("plan", DATA, width=100).split("\n")
    assert lines[1] == "FEASIBLE: ends 1h02m after the start, 14h13m before the deadline"
    text = "\n".join(lines)
    for figure in (
        "1.50 USD for this run; its budget is 60.00 USD",
        "1.20 USD, proved: no plan of this spec costs less; this one is 25.0 % above",
        "2 × gpu-h100-mig at once, 2.00 node-hours",
        "2 × gpu-h100-mig cut 7x1g.10gb",
        "87.5 %",
        "62.5 %",
        "11.06 USD/h",
        "14.5ms",
    ):
        assert figure in text


def test_the_age_of_the_data_is_shown() -> None:
    text = as_text.view("plan", DATA, width=100)
    assert "bars: 40 series, your file, last bars 2025-11-28 to 2025-12-31" in text


def test_an_assumed_figure_is_shown_as_assumed() -> None:
    text = as_text.view("plan", DATA, width=100)
    assert "ASSUMED" in text
    assert "n=120" in text


@pytest.mark.parametrize(("verdict", "word"), [("late", "LATE"), ("infeasible", "INFEASIBLE")])
def test_a_plan_that_does_not_hold_says_what_would_help(verdict: str, word: str) -> None:
    change = {
        "route": ["hardware", "gpu", "max"],
        "current": "1",
        "proposed": "3",
        "end_seconds": 3600.0,
        "cost_usd": 2.0,
    }
    text = as_text.view("plan", DATA | {"plan": PLAN | {"verdict": verdict, "suggestions": [change]}}, width=100)
    assert word in text
    assert "hardware.gpu.max" in text
    assert "1 → 3" in text


def test_changes_that_do_together_stand_below_each_other() -> None:
    changes = [
        {"route": ["backtest", "within"], "current": "11h6m40s", "proposed": "20h"},
        {"route": ["budget", "backtest"], "current": "5.00 USD", "proposed": "20.00 USD"},
    ]
    more = {"route": ["hardware", "cpu", "max"], "current": "1", "proposed": "2"}
    ways = [
        {"changes": changes, "end_seconds": 72_000.0, "cost_usd": 20.0},
        {"changes": [more, changes[1]], "end_seconds": 36_000.0, "cost_usd": 20.0},
    ]
    plan = PLAN | {"verdict": "infeasible", "combinations": ways}
    text = as_text.view("plan", DATA | {"plan": plan}, width=100)
    shown = text[text.index("No single change") : text.index("Confidence")].splitlines()
    assert [line.rstrip() for line in shown[:8] if line.strip()] == [
        "No single change of a pool, the deadline or the budget makes it feasible.",
        "Changes that do together, planned again with both, each by itself:",
        "change               from → to             then ends after  then costs",
        "──────────────────────────────────────────────────────────────────────",
        "backtest.within      11h6m40s → 20h        20h00m           20.00 USD",
        "and budget.backtest  5.00 USD → 20.00 USD",
        "hardware.cpu.max     1 → 2                 10h00m           20.00 USD",
        "and budget.backtest  5.00 USD → 20.00 USD",
    ]
    three = PLAN | {"verdict": "infeasible", "combinations": [ways[0] | {"changes": [*changes, more]}]}
    text = as_text.view("plan", DATA | {"plan": three}, width=100)
    assert "Changes that do together, planned again with all of them:" in text
    assert "and hardware.cpu.max" in as_markdown.view("plan", DATA | {"plan": three})


def test_markdown_holds_the_figures_of_the_text() -> None:
    pattern = re.compile(r"\d[\d,.]*")
    text = as_text.view("plan", DATA, width=200)
    shown = set(pattern.findall(as_markdown.view("plan", DATA).replace("\\", "")))
    assert set(pattern.findall(text)) <= shown


def test_markdown_tables_cannot_be_broken_from_inside() -> None:
    data = {"folder": "out", "files": [{"name": "a|b`<c>", "bytes": 3}], "requests": []}
    row = next(line for line in as_markdown.view("render", data).splitlines() if line.startswith("| a"))
    assert row.replace("\\|", "").count("|") == 3
    assert "<c>" not in row


def test_findings_point_at_the_characters() -> None:
    place = {"file": "a.yaml", "line": 12, "column": 9, "snippet": "  name: Foo", "width": 3}
    finding = {
        "code": "FS201",
        "severity": "error",
        "message": "no",
        "help": "yes",
        "route": [],
        "place": place,
        "related": [],
    }
    lines = as_text.view("findings", [finding], width=80).split("\n")
    assert lines[0] == "error[FS201]: no"
    assert lines[1].endswith("--> a.yaml:12:9")
    assert lines[3][lines[2].index("Foo") :] == "^^^"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0081, "8.1ms"),
        (12.34, "12.3s"),
        (65, "1m05s"),
        (3600, "1h00m"),
        (54900, "15h15m"),
        (-65, "-1m05s"),
        (3599.9, "1h00m"),
    ],
)
def test_spans_have_two_units_at_most(seconds: float, text: str) -> None:
    assert figures.span(seconds) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.00 USD"),
        (0.0012, "0.0012 USD"),
        (4.8e-05, "0.000048 USD"),
        (2e-6, "0.000002 USD"),
        (1234.5, "1,234.50 USD"),
    ],
)
def test_small_amounts_do_not_read_as_nothing(amount: float, text: str) -> None:
    assert figures.usd(amount) == text
