"""The report and a plan as self-contained HTML files: data, styles and the chart library inlined, no network."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from fleetspec.sheets import Example, Facts, Heading, Line, Snippet, Table, figures, sheet
from fleetspec.views import charts, charts_plan
from fleetspec.views.chart_parts import Figure

_TEMPLATE, _PLAN_TEMPLATE = "report.html.j2", "plan.html.j2"
_KINDS = {"Heading": Heading, "Line": Line, "Facts": Facts, "Table": Table, "Snippet": Snippet, "Example": Example}


def report(data: dict[str, Any], plotly_js: str) -> str:
    """The page for a report's JSON. ``plotly_js`` is the chart library's source, inlined once."""
    sections = [
        {"run": run, "charts": _charts(run), "blocks": sheet("plan", _plan(run, data["data"]))} for run in data["runs"]
    ]
    drawn = {
        f"{position}-{name}": figure for position, section in enumerate(sections) for name, figure in section["charts"]
    }
    return rendered(_TEMPLATE, report=data, sections=sections, figures=_script_json(drawn), plotly_js=plotly_js)


def plan(data: dict[str, Any], frontier: dict[str, Any], plotly_js: str | None) -> str:
    """The page for the JSON of ``plan`` and of ``plan --frontier``. Without the chart library it says how to get it."""
    drawn = _plan_charts(data, frontier) if plotly_js else []
    return rendered(
        _PLAN_TEMPLATE,
        plan=data["plan"],
        blocks=sheet("plan", data),
        frontier_blocks=sheet("frontier", frontier)[1:],
        charts=drawn,
        figures=_script_json(dict(drawn)),
        plotly_js=plotly_js,
    )


def rendered(template: str, **context: Any) -> str:
    """A template of this folder as a page; what is not marked safe is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {name: getattr(figures, name) for name in ("usd", "percent", "count", "span")}
    tests: dict[str, Any] = {name.lower(): partial(_is, kind) for name, kind in _KINDS.items()}
    environment.tests.update(tests)
    page: str = environment.get_template(template).render(**context)
    return page


def _is(kind: type, value: Any) -> bool:
    return isinstance(value, kind)


def _plan(run: dict[str, Any], sources: list[dict[str, Any]]) -> dict[str, Any]:
    return {"plan": run["plan"], "words": run["words"], "data": sources}


def _charts(run: dict[str, Any]) -> list[tuple[str, Figure]]:
    plan, families = run["plan"], run["families"]
    made = (
        ("Cost by pool", charts.cost_by_pool(plan)),
        ("Timeline against the deadline", charts.timeline(plan)),
        ("How GPUs are cut", charts.gpu_layouts(plan)),
        ("Jobs by family", charts.jobs_by_family(families)),
        ("Planned against actual time per job", charts.planned_against_actual(families)),
    )
    return [(name, figure) for name, figure in made if figure is not None]


def _plan_charts(data: dict[str, Any], frontier: dict[str, Any]) -> list[tuple[str, Figure]]:
    made = (
        ("Where the time goes", charts_plan.waterfall(data["slack"])),
        ("Who works when", charts_plan.gantt(data["plan"])),
        ("How GPUs are cut, and what runs in the slices", charts_plan.gpu_strips(data["plan"])),
        ("Cost against deadline", charts_plan.cost_against_deadline(frontier)),
        ("Cost by pool", charts.cost_by_pool(data["plan"])),
    )
    return [(name, figure) for name, figure in made if figure is not None]


def _script_json(value: Any) -> str:
    # Inside <script> only "</" and "<!--" can end or confuse the element; JSON may write both as escapes.
    return json.dumps(value, sort_keys=True, allow_nan=False).replace("<", "\\u003c")
