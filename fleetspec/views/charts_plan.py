"""Charts of a plan's answers, as in :mod:`charts`: where the time goes, who works when, how GPUs are cut, and what
more or less time would cost. Built from the JSON of ``plan`` and ``plan --frontier`` and nothing else."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets.figures import count, percent, plural, span, usd
from fleetspec.views.chart_parts import (
    ALARM,
    PALETTE,
    SOFT,
    Figure,
    above,
    axis_of,
    figure_of,
    plain_ticks,
    slice_width,
    slices_of,
)

MOST_STRIPS = 12
"""GPUs drawn of one pool in one stage; the others are cut like these."""
SHORTEST = 0.012
"""Share of the axis below which a bar is drawn as a mark, so that it can be seen."""
_STEP_COLORS = {
    "startup": PALETTE[6],
    "wait": SOFT,
    "boot": PALETTE[1],
    "run": PALETTE[0],
    "publish": PALETTE[3],
    "slack": PALETTE[2],
}


def waterfall(slack: list[dict[str, Any]]) -> Figure | None:
    """The steps of the window from start to deadline, each where the one before ends."""
    if not slack:
        return None
    last = max(step["start_seconds"] + abs(step["seconds"]) for step in slack)
    unit, per = _unit(last)
    late = slack[-1]["seconds"] < 0
    labels = [step_label(step) for step in slack]
    colors = [_STEP_COLORS[step["kind"]] for step in slack]
    if late:
        colors[-1] = ALARM
    widest = max(step["start_seconds"] + max(step["seconds"], 0.0) for step in slack) / per
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "y": labels,
            "base": [step["start_seconds"] / per for step in slack],
            "x": [step["seconds"] / per for step in slack],
            "text": [span(step["seconds"]) for step in slack],
            "textposition": "outside",
            "cliponaxis": False,
            "marker": {"color": colors, "line": {"color": colors, "width": 1}},
            "hovertemplate": "%{y}: %{text}<extra></extra>",
        }
    ]
    along = axis_of(f"{unit} after the start") | plain_ticks(widest) | {"range": [0, widest * 1.14]}
    layout = {"xaxis": along, "yaxis": axis_of(None) | {"autorange": "reversed"}, "showlegend": False}
    return figure_of(data, layout, 90 + 30 * len(slack))


def step_label(step: dict[str, Any]) -> str:
    """A step of the waterfall in words."""
    kind, what = step["kind"], step["what"]
    if kind == "slack":
        return "slack" if step["seconds"] >= 0 else "late by"
    return "startup" if kind == "startup" else f"{kind} {what}"


def gantt(plan: dict[str, Any]) -> Figure | None:
    """A bar for each stage on each pool, from its first node to its last job, with the nodes and how busy they are.

    Stages may overlap: every stage of a pool has a row of its own, and lies where its own nodes work.
    """
    stages = plan["stages"]
    if not stages:
        return None
    unit, per = _unit(plan["end_seconds"])
    end, deadline = plan["end_seconds"] / per, plan["deadline_seconds"] / per
    near = deadline <= 3 * end
    # Room for the words behind the last, short bars.
    top = max(deadline * 1.04, end * 1.3) if near else end * 1.3
    pools = sorted({use["pool"] for stage in stages for use in stage["pools"]})
    rows = [(use["pool"], stage, use) for stage in stages for use in stage["pools"]]
    rows.sort(key=lambda row: (pools.index(row[0]), row[1]["start_seconds"], row[1]["stage"]))
    spans = [_span(stage, use) for _, stage, use in rows]
    lengths = [max((last - first) / per, SHORTEST * top) for first, last in spans]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "y": [f"{pool} · {stage['stage']} {stage['title']}" for pool, stage, _ in rows],
            "base": [first / per for first, _ in spans],
            "x": lengths,
            "text": [f"{plural(use['nodes'], 'node')}, {percent(use['busy_share'])} busy" for _, _, use in rows],
            "textposition": ["inside" if length > 0.35 * top else "outside" for length in lengths],
            "insidetextanchor": "middle",
            "cliponaxis": False,
            "marker": {"color": [PALETTE[pools.index(pool) % len(PALETTE)] for pool, _, _ in rows]},
            "customdata": [_hover(plan, stage, use) for _, stage, use in rows],
            "hovertemplate": "%{customdata}<extra></extra>",
        }
    ]
    said = f"deadline, {span(plan['deadline_seconds'])}" + ("" if near else ", off to the right →")
    layout: Figure = {
        "xaxis": axis_of(f"{unit} after the start") | plain_ticks(top) | {"range": [0, top]},
        "yaxis": axis_of(None) | {"autorange": "reversed"},
        "showlegend": False,
        "annotations": [above(deadline, "x", said) if near else above(1, "paper", said)],
    }
    if near:
        layout["shapes"] = [_upright(deadline)]
    return figure_of(data, layout, 110 + 34 * len(rows))


def _span(stage: dict[str, Any], use: dict[str, Any]) -> tuple[float, float]:
    """When a stage first calls for nodes of a pool, and when its last job there ends."""
    # Plans of earlier versions, whose records a store may hold, have the stage's times alone.
    if "start_seconds" not in use:
        return stage["start_seconds"], stage["end_seconds"]
    return use["start_seconds"], use["end_seconds"]


def _hover(plan: dict[str, Any], stage: dict[str, Any], use: dict[str, Any]) -> str:
    lanes = [lane for lane in plan["lanes"] if lane["stage"] == stage["stage"] and lane["pool"] == use["pool"]]
    lanes.sort(key=lambda lane: (-lane["jobs"] * lane["seconds_per_job"], lane["klass"]))
    first, last = _span(stage, use)
    head = f"{span(first)} – {span(last)}, {usd(use['cost_usd'])}"
    told = [f"{lane['klass']}: {count(lane['jobs'])} × {span(lane['seconds_per_job'])}" for lane in lanes[:8]]
    more = [f"and {len(lanes) - 8} more"] if len(lanes) > 8 else []
    return "<br>".join([head, *told, *more])


def gpu_strips(plan: dict[str, Any]) -> Figure | None:
    """Every GPU of a cut pool as a strip of its slices, by compute slices; the colour of a slice is the class that has
    most of the work in slices of its kind, in the stage in which the pool has most nodes."""
    strips: list[tuple[str, list[str], dict[str, list[dict[str, Any]]]]] = []
    gpus = {pool["pool"]: max(pool["gpus_per_node"], 1) for pool in plan["pools"]}
    for stage, use in _fullest(plan):
        lanes = [lane for lane in plan["lanes"] if lane["stage"] == stage["stage"] and lane["pool"] == use["pool"]]
        inside: dict[str, list[dict[str, Any]]] = {}
        for lane in sorted(lanes, key=lambda lane: (-lane["jobs"] * lane["seconds_per_job"], lane["klass"])):
            inside.setdefault(lane["slot"].removeprefix("mig-"), []).append(lane)
        number = 0
        for pattern, nodes in use["patterns"]:
            for _ in range(nodes * gpus[use["pool"]]):
                number += 1
                if number <= MOST_STRIPS:
                    strips.append((f"{use['pool']}, GPU {number}", slices_of(pattern), inside))
        if number > MOST_STRIPS:
            label, slices, inside = strips[-1]
            strips[-1] = (f"{label} and {number - MOST_STRIPS} more", slices, inside)
    if not any(slices for _, slices, _ in strips):
        return None
    return _strips([strip for strip in strips if strip[1]])


def _fullest(plan: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """By cut pool the stage in which it has most nodes, and does most work."""
    best: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for stage in plan["stages"]:
        for use in stage["pools"]:
            if not any(slices_of(pattern) for pattern, _ in use["patterns"]):
                continue
            old = best.get(use["pool"])
            if old is None or (old[1]["nodes"], old[1]["node_seconds"]) < (use["nodes"], use["node_seconds"]):
                best[use["pool"]] = stage, use
    return [best[pool] for pool in sorted(best)]


def _strips(strips: list[tuple[str, list[str], dict[str, list[dict[str, Any]]]]]) -> Figure:
    idle = "nothing"
    names = sorted({here[0]["klass"] for _, _, inside in strips for here in inside.values()})
    named: set[str] = set()
    data: list[Figure] = []
    for label, slices, inside in strips:
        for piece in slices:
            here = inside.get(piece, [])
            klass = here[0]["klass"] if here else idle
            told = [f"{lane['klass']}: {count(lane['jobs'])} × {span(lane['seconds_per_job'])}" for lane in here]
            color = PALETTE[names.index(klass) % len(PALETTE)] if here else SOFT
            data.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "y": [label],
                    "x": [slice_width(piece)],
                    "name": klass,
                    "legendgroup": klass,
                    "showlegend": klass not in named,
                    "text": [piece],
                    "textangle": 0,
                    "textposition": "inside",
                    "insidetextanchor": "middle",
                    "marker": {"color": color, "line": {"color": "#fff", "width": 2}},
                    "hovertemplate": "<br>".join([piece, *(told or [idle])]) + "<extra></extra>",
                }
            )
            named.add(klass)
    layout = {
        "barmode": "stack",
        "xaxis": axis_of("compute slices or dies of one GPU") | {"dtick": 1},
        "yaxis": axis_of(None) | {"autorange": "reversed"},
    }
    return figure_of(data, layout, 130 + 34 * len(strips))


def cost_against_deadline(frontier: dict[str, Any]) -> Figure | None:
    """The points of ``plan --frontier``: cost of executed plans by deadline, what no plan can be cheaper than, the
    budget, and the spec's own deadline. A single point is no curve."""
    points = frontier["points"]
    if len(points) < 2:
        return None
    unit, per = _unit(points[-1]["deadline_seconds"])
    deadlines = [point["deadline_seconds"] / per for point in points]
    told = [
        f"{usd(point['cost_usd'])}, ends after {span(point['end_seconds'])}<br>"
        + ", ".join(f"{nodes} × {pool}" for pool, nodes in point["nodes"].items())
        for point in points
    ]
    data: list[Figure] = [
        _curve("executed plan", deadlines, [point["cost_usd"] for point in points], PALETTE[0], told),
        _curve("at least", deadlines, [point["bound_usd"] for point in points], PALETTE[4], None),
    ]
    budget = frontier["budget_usd"]
    top = max(point["cost_usd"] for point in points)
    if budget is not None and budget <= 3 * top:
        ends = [deadlines[0], deadlines[-1]]
        data.append(_curve("budget", ends, [budget, budget], PALETTE[1], None))
        top = max(top, budget)
    layout: Figure = {
        "xaxis": axis_of(f"deadline, {unit} after the start") | {"rangemode": "normal"},
        "yaxis": axis_of("USD, this run") | plain_ticks(top * 1.05) | {"range": [0, top * 1.05]},
    }
    asked = next((point["deadline_seconds"] / per for point in points if point["asked"]), None)
    if asked is not None:
        layout["shapes"] = [_upright(asked)]
        layout["annotations"] = [above(asked, "x", "the spec's deadline")]
    return figure_of(data, layout, 340)


def _curve(name: str, x: list[float], y: list[float], color: str, told: list[str] | None) -> Figure:
    """A step line: a plan that holds at one deadline is the best known until the next point."""
    hover = "%{customdata}<extra></extra>" if told else "%{y:.2f} USD<extra>%{fullData.name}</extra>"
    made: Figure = {
        "type": "scatter",
        "mode": "lines+markers" if told else "lines",
        "name": name,
        "x": x,
        "y": y,
        "line": {"color": color, "shape": "hv", "width": 2, "dash": "solid" if told else "dot"},
        "hovertemplate": hover,
    }
    return made | ({"customdata": told} if told else {})


def _upright(x: float) -> Figure:
    line = {"color": ALARM, "width": 2}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def _unit(seconds: float) -> tuple[str, int]:
    """The unit of an axis that reaches to so many seconds, and how many seconds it has."""
    return ("h", 3600) if seconds > 5400 else ("min", 60) if seconds > 90 else ("s", 1)
