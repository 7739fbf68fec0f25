"""The page of a review: base and head side by side, as one HTML file without scripts that reads the same in print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fleetspec.sheets import Block
from fleetspec.sheets.figures import count, plural, span, usd
from fleetspec.sheets.policies import policy_table
from fleetspec.sheets.reading import findings_sheet
from fleetspec.sheets.reviewing import (
    assumed,
    bill_blocks,
    causes_blocks,
    groups_blocks,
    necessary,
    notes,
    settings_blocks,
    specs_table,
    states,
    title_of,
)
from fleetspec.sheets.verdicts import least_slack, policy_outcome, rulings, verdict
from fleetspec.sheets.weighing import undone_blocks
from fleetspec.views import charts, charts_plan, charts_review
from fleetspec.views.as_html import rendered
from fleetspec.views.as_svg import svg
from fleetspec.views.chart_parts import Figure

_TEMPLATE = "review.html.j2"
_OBJECTIONS = 50
_HALF, _WHOLE = 500, 960
"""Pixels that a chart is drawn for, one of two beside each other, and alone; the page scales both."""

Sides = Sequence[dict[str, Any] | None]


def view(data: dict[str, Any], sides: Sides) -> str:
    """The page for the JSON of a diff between two states; ``sides`` are what was weighed of each of its specs."""
    found = verdict(data)
    drawings = [
        (name, svg(figure, name, _WHOLE))
        for name, figure in (
            ("Cost of a run by spec", charts_review.costs(data)),
            ("End of a run by spec", charts_review.ends(data)),
        )
        if figure is not None
    ]
    return rendered(
        _TEMPLATE,
        verdict=found,
        headline=_headline(data),
        between=states(data),
        run=data["run"],
        cards=_cards(data),
        summary=[
            *policy_table(rulings(data), _OBJECTIONS),
            specs_table(data),
            *_work(data["total"]["work"], data["run"]),
        ],
        drawings=drawings,
        sections=[_section(spec, weighed) for spec, weighed in zip(data["specs"], sides, strict=True)],
        assumed=assumed(data),
    )


def pictures(data: dict[str, Any], sides: Sides) -> Iterator[tuple[str, str]]:
    """Every chart of a review as a file name and its SVG."""
    for name, figure in (("costs", charts_review.costs(data)), ("ends", charts_review.ends(data))):
        if figure is not None:
            yield f"{name}.svg", svg(figure, name, _WHOLE)
    for number, weighed in enumerate(sides, start=1):
        if weighed is None:
            continue
        stem = f"{number:02d}"
        frontier = charts_plan.cost_against_deadline(weighed["frontier"])
        if frontier is not None:
            yield f"{stem}-frontier.svg", svg(frontier, "Cost against deadline", _WHOLE)
        for side in ("base", "head"):
            for name, figure in _figures(weighed[side]):
                if figure is not None:
                    yield f"{stem}-{name}-{side}.svg", svg(figure, f"{_NAMES[name]}, {side}", _WHOLE)


_NAMES = {
    "slack": "Where the time goes",
    "stages": "Who works when",
    "slices": "How GPUs are cut, and what runs in the slices",
    "pools": "Cost by pool",
}


def _figures(planned: dict[str, Any] | None) -> list[tuple[str, Figure | None]]:
    if planned is None:
        return [(name, None) for name in _NAMES]
    plan = planned["plan"]
    made = (
        charts_plan.waterfall(planned["slack"]),
        charts_plan.gantt(plan),
        charts_plan.gpu_strips(plan),
        charts.cost_by_pool(plan),
    )
    return list(zip(_NAMES, made, strict=True))


def _headline(data: dict[str, Any]) -> str:
    found = verdict(data)
    about = ", ".join(found.about[:5]) + (f" and {len(found.about) - 5} more" if len(found.about) > 5 else "")
    changed = plural(sum(spec["changes"] for spec in data["specs"]), "spec")
    return {
        "broken": f"Cannot be compared: {about}",
        "policy": f"Stopped by policy: {about}",
        "late": f"Does not hold: {about}",
        "unchanged": "No change",
        "holds": f"{changed} changed, every run ends in time",
    }[found.kind]


def _cards(data: dict[str, Any]) -> list[tuple[str, str]]:
    if not any(spec["review"] for spec in data["specs"]):
        return []
    total, slack = data["total"], least_slack(data)
    cost = total["cost_usd"]
    change = cost["head"] - cost["base"]
    dearer = f"{'+' if change > 0 else '-'}{usd(abs(change))}" if abs(change) >= 1e-6 else "costs the same"
    models = f"of {count(total['models']['head'])} models made anew; {count(total['added'])} added, "
    cards = [
        (count(total["changed"]), models + f"{count(total['removed'])} removed"),
        (dearer, f"a {data['run']} run: {usd(cost['base'])} before, {usd(cost['head'])} after"),
    ]
    if slack is not None:
        cards.append((span(slack[0]), f"least slack before a deadline ({slack[1]})"))
    policy = policy_outcome(data)
    return [*cards, (policy, "the worst outcome of a policy")] if policy != "none" else cards


def _work(work: list[dict[str, Any]], run: str) -> list[Block]:
    return [necessary(work, run)] if work else []


def _section(spec: dict[str, Any], weighed: dict[str, Any] | None) -> dict[str, Any]:
    review = spec["review"]
    said = [*notes(spec), *findings_sheet(spec["findings"])]
    made: dict[str, Any] = {"title": f"{spec['path']}: {title_of(spec)}", "first": said, "last": [], "pairs": []}
    made |= {"frontier": None, "frontier_side": ""}
    if review is None or not spec["changes"]:
        return made
    made["first"] = [*said, *bill_blocks(review)]
    undone = [] if weighed is None or review["head"] is None else undone_blocks(weighed["undone"], review["head"])
    made["last"] = [*undone, *settings_blocks(review), *groups_blocks(review), *causes_blocks(review)]
    if weighed is None:
        return made
    frontier = charts_plan.cost_against_deadline(weighed["frontier"])
    made["frontier"] = frontier and svg(frontier, "Cost against deadline", _WHOLE)
    made["frontier_side"] = "base" if weighed["head"] is None else "head"
    for (name, base), (_, head) in zip(_figures(weighed["base"]), _figures(weighed["head"]), strict=True):
        if base is not None or head is not None:
            drawn = (
                one and svg(one, f"{_NAMES[name]}, {side}", _HALF) for one, side in ((base, "base"), (head, "head"))
            )
            made["pairs"].append((_NAMES[name], *drawn))
    return made
