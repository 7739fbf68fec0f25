"""A plan's charts and page from hand-made JSON: what is drawn, what is said without the chart library."""

from __future__ import annotations

import re
from typing import Any

import pytest
from test_views import DATA, PLAN

from fleetspec.sheets import sheet
from fleetspec.views import as_html, as_markdown, as_text, charts_plan

LANES = [
    {"stage": 0, "klass": "u/g/f/fit", "pool": "gpu-h100-mig", "slot": "mig-1g.10gb", "jobs": 70, "width": 7,
     "seconds_per_job": 10.0},
    {"stage": 0, "klass": "u/g/e/fit", "pool": "gpu-h100-mig", "slot": "mig-1g.10gb", "jobs": 7, "width": 7,
     "seconds_per_job": 1.0},
]  # fmt: skip
POOL = PLAN["pools"][0] | {"gpus_per_node": 4}  # type: ignore[index]
SLACK = [
    {"kind": "startup", "what": "admission, Ray's head, image", "start_seconds": 0.0, "seconds": 120.0},
    {"kind": "boot", "what": "0 fit", "start_seconds": 120.0, "seconds": 300.0},
    {"kind": "run", "what": "0 fit", "start_seconds": 420.0, "seconds": 3303.0},
    {"kind": "slack", "what": "until the deadline", "start_seconds": 3723.0, "seconds": 51177.0},
]
LOST = {"name": "u/g/f/fit", "jobs": 12, "of": 70, "why": "ends too late"}


def bill(kind: str, cost: float | None, budget: float | None, end: float | None) -> dict[str, Any]:
    return {
        "kind": kind, "what": "nightly", "verdict": "feasible", "cost_usd": cost, "budget_usd": budget, "jobs": 5,
        "end_seconds": end, "deadline_seconds": None if end is None else 54900.0, "note": "a note",
    }  # fmt: skip


ADVICE: dict[str, Any] = {
    "bills": [bill("this", 1.5, 60.0, 3723.0), bill("steady", 0.5, 0.25, None), bill("worst", 9.0, 60.0, 60_000.0),
              bill("backtest", None, None, None)],
    "shadow": [
        {"kind": "deadline", "name": "", "route": ["schedule", "deadline"], "step": "1h", "unit": "USD", "rate": 2.0,
         "saves": 1.25},
        {"kind": "budget", "name": "", "route": ["budget"], "step": "1 USD", "unit": "s", "rate": 240.0,
         "saves": 180.0},
        {"kind": "work", "name": "u/g/f/fit", "route": ["models", "g"], "step": "10%", "unit": "USD", "rate": 0.001,
         "saves": 0.001},
    ],
    "mishaps": [
        {"what": "data 60 minutes late", "pool": "", "holds": True, "again": True, "end_seconds": 7323.0,
         "cost_usd": 2.5, "lost": []},
        {"what": "one node of gpu less than the 2 planned", "pool": "gpu", "holds": False, "again": True,
         "end_seconds": 60_000.0, "cost_usd": 3.0, "lost": [LOST, LOST | {"jobs": 70}]},
        {"what": "one node of cpu less than the 1 planned", "pool": "cpu", "holds": False, "again": True,
         "end_seconds": 3723.0, "cost_usd": 70.0, "lost": [], "way_out": "budget.nightly: 70 USD"},
    ],
    "elsewhere": [
        {"name": "u/g/f/fit", "group": "g", "family": "f", "pool": "cpu", "seconds": 217.0, "cost_usd": 0.48,
         "gpu_seconds": 406.0, "gpu_cost_usd": 29.65, "basis": "measured", "n": 12},
    ],
    "fits": [{"name": f"u/g/f/{task}", "pool": "gpu-h100-mig", "need_mib": 9216, "slot": "mig-1g.10gb",
              "usable_mib": 9984, "per_gpu": 7} for task in ("fit", "forecast")],
    "near_misses": [{"name": "u/g/e/fit", "group": "g", "pool": "gpu-h100-mig", "need_mib": 10240, "less_mib": 256,
                     "slot": "mig-1g.10gb", "per_gpu": 7, "now_per_gpu": 4}],
    "standing": {"layout": [["gpu-h100-mig", [["4x1g.20gb", 2]]]], "same": False, "verdict": "feasible",
                 "cost_usd": 1.75, "end_seconds": 5000.0, "switched": 2, "drain_seconds": 300, "drain_usd": 1.84},
    "alternatives": [
        {"pool": "gpu-h100-mig", "layout": "7x1g.10gb", "chosen": True, "verdict": "feasible", "cost_usd": 1.5,
         "end_seconds": 3723.0},
        {"pool": "gpu-h100-mig", "layout": "4x1g.20gb", "chosen": False, "verdict": "late", "cost_usd": 70.0,
         "end_seconds": 60_000.0},
        {"pool": "gpu-h100-mig", "layout": "1x7g.80gb", "chosen": False, "verdict": "infeasible", "cost_usd": None,
         "end_seconds": None},
    ],
    "full": True,
}  # fmt: skip
WHOLE: dict[str, Any] = DATA | {
    "plan": PLAN | {"lanes": LANES, "pools": [POOL]}, "slack": SLACK, "advice": ADVICE,
    "families": [{"family": "f", "classes": 2, "jobs": 77, "cost_usd": 1.5, "measured": 0.25, "n": 120,
                  "sources": ["bench"]}],
}  # fmt: skip
FRONTIER = {
    "fleet": "prod", "run": "nightly", "session": "2025-12-31", "budget_usd": 3.0,
    "points": [
        {"deadline_seconds": 1800.0, "end_seconds": 1700.0, "cost_usd": 2.0, "bound_usd": 1.5, "nodes": {"a": 2},
         "asked": False},
        {"deadline_seconds": 54900.0, "end_seconds": 3723.0, "cost_usd": 1.5, "bound_usd": 1.2, "nodes": {"a": 1},
         "asked": True},
    ],
}  # fmt: skip


def test_the_answers_come_in_the_order_of_the_questions() -> None:
    headings = [block.text for block in sheet("plan", WHOLE) if type(block).__name__ == "Heading"]
    assert headings == [
        "Where the time goes",
        "What runs (nightly)",
        "The bills, each by itself",
        "Capacity",
        "How GPUs are cut",
        "What would help",
        "What falls first",
        "Confidence",
    ]


@pytest.mark.parametrize(
    "said",
    [
        "slack    until the deadline            14h13m",
        "a steady night      0.50 USD   0.25 USD  over budget",
        "the worst night     9.00 USD  60.00 USD  late          16h40m of 15h15m",
        "the backtest         no plan   none set  does not fit",
        "u/g/f needs 9,216 MiB: the smallest slice of gpu-h100-mig that holds it is mig-1g.10gb (9,984 MiB usable)",
        "u/g/e misses mig-1g.10gb by 256 MiB: with that much less a GPU of gpu-h100-mig holds 7 at once, not 4.",
        "costs 0.25 USD more a run; the new layout drains 2 nodes: 5m00s each, 1.84 USD once.",
        "4x1g.20gb                  70.00 USD        +68.50 USD      16h40m  late",
        "1x7g.80gb                                                           does not fit",
        "· One more hour (schedule.deadline) saves 1.25 USD a run.",
        "· One USD more of budget lets the fastest run end 3m00s earlier.",
        "· data 60 minutes late: in time, ends after 2h02m for 2.50 USD (planned again)",
        "82 jobs not done by the deadline (ends too late): u/g/f/fit 12 of 70, u/g/f/fit 70",
        "the run would cost 70.00 USD, over the budget of 60.00 USD",
        "  way out: budget.nightly: 70 USD",
        "· models.g.gpu: optional lets u/g/f/fit run on the cores of cpu, where it takes 3m37s a job (n=12) and",
        "cheaper    about 0.48 USD on CPUs instead of 29.65 USD for u/g/f/fit: see What would help",
        "f          77  1.50 USD          25.0 %  n=120",
    ],
)
def test_answers_in_words(said: str) -> None:
    text = as_text.view("plan", WHOLE, width=140)
    assert " ".join(said.split()) in " ".join(text.split())
    assert "10 % faster" not in text, "a saving of a tenth of a cent is told"


def test_what_is_too_seldom_in_time_is_unsure() -> None:
    bills = [ADVICE["bills"][0] | {"verdict": "unsure"}]
    others = [ADVICE["alternatives"][0] | {"verdict": "unsure"}]
    text = as_text.view("plan", WHOLE | {"advice": ADVICE | {"bills": bills, "alternatives": others}}, width=120)
    assert len(re.findall(r"^(?:this run|7x1g).* unsure", text, re.M)) == 2


def test_lines_of_one_list_are_one_list_in_markdown() -> None:
    text = as_markdown.view("plan", WHOLE)
    assert "\n- One more hour (schedule.deadline) saves 1.25 USD a run.\n- One USD more" in text
    assert "\n· " not in text


def test_a_long_list_of_classes_is_cut_and_counted() -> None:
    classes = [PLAN["classes"][1] | {"name": f"c{i:02}", "cost_usd": i / 100} for i in range(20)]  # type: ignore[index]
    text = as_text.view("plan", WHOLE | {"plan": WHOLE["plan"] | {"classes": classes}}, width=100)
    assert "c19" in text
    assert "c07" not in text
    # The eight cheapest cost 0 + 1 + … + 7 cents.
    assert "and 8 classes more for 0.28 USD together" in text


def test_the_waterfall_has_a_bar_for_each_step_where_the_last_one_ended() -> None:
    figure = charts_plan.waterfall(SLACK)
    assert figure is not None
    (bars,) = figure["data"]
    assert bars["base"][1:] == [a + b for a, b in zip(bars["base"], bars["x"], strict=True)][:-1]
    assert bars["y"][-1] == "slack"
    late = charts_plan.waterfall([*SLACK[:-1], SLACK[-1] | {"seconds": -60.0}])
    assert late is not None
    assert late["data"][0]["y"][-1] == "late by"
    assert charts_plan.waterfall([]) is None


def test_every_stage_of_a_pool_has_a_row_even_where_stages_overlap() -> None:
    first = WHOLE["plan"]["stages"][0]
    second = first | {"stage": 1, "title": "forecast", "start_seconds": 1000.0, "end_seconds": 3723.0}
    figure = charts_plan.gantt(WHOLE["plan"] | {"stages": [first, second]})
    assert figure is not None
    (bars,) = figure["data"]
    assert bars["y"] == ["gpu-h100-mig · 0 fit", "gpu-h100-mig · 1 forecast"]
    ends = [base + length for base, length in zip(bars["base"], bars["x"], strict=True)]
    assert ends == pytest.approx([3723 / 60, 3723 / 60])
    assert "u/g/f/fit: 70 × 10s" in bars["customdata"][0]


def test_a_late_plan_is_drawn_whole() -> None:
    figure = charts_plan.gantt(WHOLE["plan"] | {"deadline_seconds": 2000})
    assert figure is not None
    assert figure["layout"]["xaxis"]["range"][1] > 3723 / 60
    assert figure["layout"]["shapes"][0]["x0"] == pytest.approx(2000 / 60)


def test_every_gpu_is_a_strip_coloured_by_its_main_class() -> None:
    figure = charts_plan.gpu_strips(WHOLE["plan"])
    assert figure is not None
    strips = [trace["y"][0] for trace in figure["data"]]
    # 2 nodes of 4 GPUs, 7 slices each.
    assert len(strips) == 56
    assert list(dict.fromkeys(strips)) == [f"gpu-h100-mig, GPU {i}" for i in range(1, 9)]
    assert {trace["name"] for trace in figure["data"]} == {"u/g/f/fit"}
    assert "u/g/e/fit: 7 × 1s" in figure["data"][0]["hovertemplate"]


def test_partitions_are_strips_of_their_dies() -> None:
    use = WHOLE["plan"]["stages"][0]["pools"][0] | {"nodes": 1, "patterns": [["8xcpx-nps4", 1]]}
    stages = [WHOLE["plan"]["stages"][0] | {"pools": [use]}]
    lanes = [lane | {"slot": "cpx-nps4"} for lane in WHOLE["plan"]["lanes"]]
    figure = charts_plan.gpu_strips(WHOLE["plan"] | {"stages": stages, "lanes": lanes})
    assert figure is not None
    # 4 GPUs a node, 8 partitions of one die each; what runs in them is told.
    assert [trace["x"] for trace in figure["data"]] == [[1]] * 32
    assert {trace["name"] for trace in figure["data"]} == {"u/g/f/fit"}
    assert figure["data"][0]["text"] == ["cpx-nps4"]


def test_of_many_gpus_the_first_are_drawn_and_the_others_counted() -> None:
    stages = [WHOLE["plan"]["stages"][0] | {"pools": [PLAN["stages"][0]["pools"][0] | {  # type: ignore[index]
        "nodes": 40, "patterns": [["7x1g.10gb", 40]]}]}]  # fmt: skip
    figure = charts_plan.gpu_strips(WHOLE["plan"] | {"stages": stages})
    assert figure is not None
    assert figure["data"][-1]["y"] == ["gpu-h100-mig, GPU 12 and 148 more"]


def test_the_frontier_marks_the_spec_and_the_budget() -> None:
    figure = charts_plan.cost_against_deadline(FRONTIER)
    assert figure is not None
    assert [trace["name"] for trace in figure["data"]] == ["executed plan", "at least", "budget"]
    assert figure["layout"]["shapes"][0]["x0"] == pytest.approx(15.25)
    far = charts_plan.cost_against_deadline(FRONTIER | {"budget_usd": 600.0})
    assert far is not None
    assert [trace["name"] for trace in far["data"]] == ["executed plan", "at least"], "a far budget squashes the curve"
    assert charts_plan.cost_against_deadline(FRONTIER | {"points": FRONTIER["points"][:1]}) is None


def test_the_page_has_its_charts_and_needs_nothing_from_outside() -> None:
    page = as_html.plan(WHOLE, FRONTIER, "/* the library */")
    assert len(re.findall(r'class="chart"', page)) == 5
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page)
    assert "The bills, each by itself" in page


def test_the_page_says_how_sure_the_plan_is() -> None:
    chance = {"p_on_time": 0.994, "interval": [0.99, 0.997], "trials": 2000, "end_p50": 3800.0, "end_p95": 5000.0,
              "cost_p50": 1.6, "cost_p95": 2.25, "assumptions": []}  # fmt: skip
    page = as_html.plan(WHOLE | {"plan": WHOLE["plan"] | {"chance": chance}}, FRONTIER, None)
    assert "99.4 %</b>of nights in time; p95 of the end 1h23m, of the cost 2.25 USD" in page


def test_without_the_library_the_page_has_every_table_and_says_what_is_missing() -> None:
    page = as_html.plan(WHOLE, FRONTIER, None)
    assert "pip install &#39;fleetspec[report]&#39;" in page or "pip install 'fleetspec[report]'" in page
    assert 'class="chart"' not in page
    assert "<script" not in page
    with_charts = as_html.plan(WHOLE, FRONTIER, "/* the library */")
    assert page.count("<table>") == with_charts.count("<table>")


def test_names_cannot_write_markup_into_the_page() -> None:
    odd = WHOLE["plan"] | {"lanes": [LANES[0] | {"klass": "</script><b>"}]}
    page = as_html.plan(WHOLE | {"plan": odd}, FRONTIER, "/* the library */")
    assert "</script><b>" not in page
