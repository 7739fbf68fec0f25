"""Charts as plain Plotly figures (dicts of data and layout), built from the report's JSON and nothing else."""

from __future__ import annotations

import math
from typing import Any

from fleetspec.sheets.figures import count, span
from fleetspec.views.chart_parts import (
    ALARM,
    PALETTE,
    Figure,
    above,
    axis_of,
    figure_of,
    plain_ticks,
    slice_label,
    slice_width,
    slices_of,
)


def cost_by_pool(plan: dict[str, Any]) -> Figure | None:
    """Planned cost in USD by pool, stacked by stage."""
    stages = plan["stages"]
    if not stages:
        return None
    pools = sorted({use["pool"] for stage in stages for use in stage["pools"]})
    data: list[Figure] = []
    for stage in stages:
        costs = {use["pool"]: use["cost_usd"] for use in stage["pools"]}
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": f"{stage['stage']} {stage['title']}",
                "y": pools,
                "x": [costs.get(pool, 0.0) for pool in pools],
                "marker": {"color": PALETTE[stage["stage"] % len(PALETTE)]},
                "hovertemplate": "%{y}: %{x:.4f} USD<extra>%{fullData.name}</extra>",
            }
        )
    top = max(sum(trace["x"][place] for trace in data) for place in range(len(pools)))
    axis = axis_of("USD, this run") | plain_ticks(top)
    return figure_of(data, {"barmode": "stack", "xaxis": axis, "yaxis": axis_of(None)}, 130 + 44 * len(pools))


def timeline(plan: dict[str, Any]) -> Figure | None:
    """Stages of the replayed plan against the deadline, in seconds, minutes or hours after the start."""
    stages = plan["stages"]
    if not stages:
        return None
    last = plan["end_seconds"]
    unit, per = ("h", 3600) if last > 5400 else ("min", 60) if last > 90 else ("s", 1)
    end, deadline = last / per, plan["deadline_seconds"] / per
    # A deadline a hundred times later than the end would squash the bars to a line: then it is named, not drawn.
    near = deadline <= 12 * end
    labels = [f"{stage['stage']} {stage['title']}" for stage in stages]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "y": labels,
            "base": [stage["start_seconds"] / per for stage in stages],
            "x": [(stage["end_seconds"] - stage["start_seconds"]) / per for stage in stages],
            "marker": {"color": [PALETTE[stage["stage"] % len(PALETTE)] for stage in stages]},
            "hovertemplate": "%{y}: from %{base:.2f} for %{x:.2f} " + unit + "<extra></extra>",
        }
    ]
    top = deadline * 1.04 if near else end * 1.1
    said = f"deadline, {span(plan['deadline_seconds'])}" + ("" if near else ", off to the right →")
    layout: Figure = {
        "xaxis": axis_of(f"{unit} after the start") | plain_ticks(top) | {"range": [0, top]},
        "yaxis": axis_of(None) | {"autorange": "reversed"},
        "showlegend": False,
        "annotations": [above(deadline, "x", said) if near else above(1, "paper", said)],
    }
    if near:
        line = {"color": ALARM, "width": 2}
        layout["shapes"] = [
            {"type": "line", "x0": deadline, "x1": deadline, "y0": 0, "y1": 1, "yref": "paper", "line": line}
        ]
    return figure_of(data, layout, 110 + 40 * len(stages))


def gpu_layouts(plan: dict[str, Any]) -> Figure | None:
    """How the GPUs of each cut pool are cut: a strip per pattern, a block per slice or partition, by its compute."""
    strips: dict[str, list[str]] = {}
    for stage in plan["stages"]:
        for use in stage["pools"]:
            for pattern, nodes in use["patterns"]:
                slices = slices_of(pattern)
                label = f"stage {stage['stage']}: {nodes} × {use['pool']}"
                if slices:
                    # A pool may cut equally many nodes in two ways: each keeps its strip.
                    strips[label if label not in strips else f"{label}, {pattern}"] = slices
    if not strips:
        return None
    kinds = sorted({name for slices in strips.values() for name in slices})
    named: set[str] = set()
    data: list[Figure] = []
    for label, slices in strips.items():
        for name in slices:
            data.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "y": [label],
                    "x": [slice_width(name)],
                    "name": name,
                    "legendgroup": name,
                    "showlegend": name not in named,
                    # The legend has the memory: the whole name is wider than a slice of a small chart.
                    "text": [slice_label(name)],
                    "textangle": 0,
                    "textposition": "inside",
                    "insidetextanchor": "middle",
                    "marker": {
                        "color": PALETTE[kinds.index(name) % len(PALETTE)],
                        "line": {"color": "#fff", "width": 2},
                    },
                    "hovertemplate": f"{name}<extra></extra>",
                }
            )
            named.add(name)
    layout = {
        "barmode": "stack",
        "xaxis": axis_of("compute slices or dies of one GPU") | {"dtick": 1},
        "yaxis": axis_of(None) | {"autorange": "reversed"},
    }
    return figure_of(data, layout, 120 + 46 * len(strips))


def jobs_by_family(families: list[dict[str, Any]]) -> Figure | None:
    """Jobs done, reused and quarantined by family, all its tasks together."""
    names = sorted({row["family"] for row in families if row["done"] + row["quarantined"] + row["reused"] > 0})
    if not names:
        return None
    series = (
        ("done", "done in this run", PALETTE[2]),
        ("reused", "reused", PALETTE[4]),
        ("quarantined", "quarantined", ALARM),
    )
    data: list[Figure] = []
    for key, label, color in series:
        jobs = [sum(row[key] for row in families if row["family"] == name) for name in names]
        if any(jobs):
            data.append({"type": "bar", "name": label, "x": names, "y": jobs, "marker": {"color": color}})
    top = max(sum(trace["y"][place] for trace in data) for place in range(len(names)))
    axis = axis_of("jobs") | plain_ticks(top, whole=True)
    return figure_of(data, {"barmode": "stack", "yaxis": axis, "xaxis": axis_of(None)}, 320)


def planned_against_actual(families: list[dict[str, Any]]) -> Figure | None:
    """Time per job by family and task, predicted by the plan and observed, on a logarithmic axis."""
    rows = [row for row in families if row["actual_seconds"] and row["predicted_seconds"]]
    if not rows:
        return None
    names = [f"{row['family']} {row['task']}" for row in rows]
    data: list[Figure] = []
    for key, label, color in (("predicted_seconds", "planned", PALETTE[4]), ("actual_seconds", "actual", PALETTE[0])):
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": label,
                "y": names,
                "x": [row[key] for row in rows],
                "marker": {"color": color},
                "customdata": [span(row[key]) for row in rows],
                "hovertemplate": "%{y}: %{customdata} per job<extra>%{fullData.name}</extra>",
            }
        )
    seconds = [value for trace in data for value in trace["x"]]
    axis = axis_of("time per job, logarithmic scale") | _decades(min(seconds), max(seconds))
    layout = {"barmode": "group", "xaxis": axis, "yaxis": axis_of(None) | {"autorange": "reversed"}, "bargap": 0.2}
    return figure_of(data, layout, 130 + 30 * len(rows))


def _decades(low: float, high: float) -> Figure:
    """A logarithmic axis of seconds from below ``low`` to above ``high``, ticks at powers of ten only."""
    # A bar of just the smallest value would have no length on an axis that begins there.
    first, last = math.floor(math.log10(low * 0.8)), math.ceil(math.log10(high))
    # Long ranges label every second or third power, so that labels never touch.
    powers = range(first, last + 1, 1 + (last - first) // 6)
    return {
        "type": "log",
        "range": [first, max(math.log10(high * 1.1), first + 1)],
        "tickvals": [10.0**power for power in powers],
        "ticktext": [_seconds(power) for power in powers],
    }


def _seconds(power: int) -> str:
    """``0.1 ms``, ``100 ms``, ``1,000 s``: ten to the ``power`` seconds."""
    if power >= 0:
        return f"{count(10**power)} s"
    return f"{10 ** (power + 3)} ms" if power >= -3 else f"{10.0 ** (power + 3):.{-power - 3}f} ms"
