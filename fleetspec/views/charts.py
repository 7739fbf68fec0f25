"""Charts as plain Plotly figures (dicts of data and layout), built from the report's JSON and nothing else."""

from __future__ import annotations

from typing import Any

Figure = dict[str, Any]

# Okabe and Ito's palette: distinguishable with the common colour vision deficiencies and in grey print.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999933", "#882255")
_INK, _GRID, _ALARM = "#24292f", "#d8dee4", "#b3261e"


def cost_by_pool(plan: dict[str, Any]) -> Figure | None:
    """Planned cost in USD by pool, stacked by stage."""
    stages = plan["stages"]
    if not stages:
        return None
    pools = sorted({use["pool"] for stage in stages for use in stage["pools"]})
    data = []
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
    return _figure(
        data, {"barmode": "stack", "xaxis": _axis("USD, this run"), "yaxis": _axis(None)}, 90 + 44 * len(pools)
    )


def timeline(plan: dict[str, Any]) -> Figure | None:
    """Stages of the replayed plan against the deadline, minutes or hours after the start."""
    stages = plan["stages"]
    if not stages:
        return None
    unit, per = ("h", 3600) if plan["end_seconds"] > 5400 else ("min", 60)
    end, deadline = plan["end_seconds"] / per, plan["deadline_seconds"] / per
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
    layout: Figure = {"xaxis": _axis(f"{unit} after the start"), "yaxis": _axis(None) | {"autorange": "reversed"}}
    layout["showlegend"] = False
    if near:
        layout["shapes"] = [
            {
                "type": "line",
                "x0": deadline,
                "x1": deadline,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "line": {"color": _ALARM, "width": 2},
            }
        ]
        layout["annotations"] = [
            {
                "x": deadline,
                "y": 1,
                "yref": "paper",
                "text": "deadline",
                "showarrow": False,
                "xanchor": "right",
                "yanchor": "bottom",
                "font": {"color": _ALARM},
            }
        ]
        layout["xaxis"]["range"] = [0, deadline * 1.04]
    else:
        layout["xaxis"]["range"] = [0, end * 1.1]
        layout["annotations"] = [
            {
                "x": 1,
                "xref": "paper",
                "y": 1,
                "yref": "paper",
                "text": f"deadline at {deadline:.1f} {unit}, off to the right →",
                "showarrow": False,
                "xanchor": "right",
                "yanchor": "bottom",
                "font": {"color": _ALARM},
            }
        ]
    return _figure(data, layout, 110 + 40 * len(stages))


def mig_layouts(plan: dict[str, Any]) -> Figure | None:
    """How the GPUs of each MIG pool are cut: one strip per pattern, one block per slice, by compute slices."""
    strips: dict[str, list[str]] = {}
    for stage in plan["stages"]:
        for use in stage["pools"]:
            for pattern, nodes in use["patterns"]:
                slices = _slices(pattern)
                if slices:
                    strips[f"stage {stage['stage']}: {nodes} × {use['pool']}"] = slices
    if not strips:
        return None
    kinds = sorted({name for slices in strips.values() for name in slices})
    data = []
    for label, slices in strips.items():
        for name in slices:
            data.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "y": [label],
                    "x": [int(name.split("g.")[0])],
                    "text": [name],
                    "textposition": "inside",
                    "insidetextanchor": "middle",
                    "marker": {
                        "color": PALETTE[kinds.index(name) % len(PALETTE)],
                        "line": {"color": "#fff", "width": 2},
                    },
                    "hovertemplate": f"{name}<extra></extra>",
                }
            )
    layout = {
        "barmode": "stack",
        "showlegend": False,
        "xaxis": _axis("compute slices of one GPU"),
        "yaxis": _axis(None),
    }
    return _figure(data, layout, 90 + 46 * len(strips))


def _slices(pattern: str) -> list[str]:
    """``7x1g.10gb`` or ``1x2g.20gb+5x1g.10gb`` → one name per slice; nothing for a pattern that is not MIG."""
    found: list[str] = []
    for part in pattern.split("+"):
        number, _, name = part.partition("x")
        if number.isdigit() and "g." in name:
            found += [name.removeprefix("mig-")] * int(number)
    return sorted(found, key=lambda name: -int(name.split("g.")[0]))


def jobs_by_family(families: list[dict[str, Any]]) -> Figure | None:
    """Jobs done, reused and quarantined by family."""
    rows = [row for row in families if row["done"] + row["quarantined"] + row["reused"] > 0]
    if not rows:
        return None
    names = [row["family"] for row in rows]
    series = (
        ("done", "done in this run", PALETTE[2]),
        ("reused", "reused", PALETTE[4]),
        ("quarantined", "quarantined", _ALARM),
    )
    data = [
        {"type": "bar", "name": label, "x": names, "y": [row[key] for row in rows], "marker": {"color": color}}
        for key, label, color in series
        if any(row[key] for row in rows)
    ]
    return _figure(data, {"barmode": "stack", "yaxis": _axis("jobs"), "xaxis": _axis(None)}, 300)


def planned_against_actual(families: list[dict[str, Any]]) -> Figure | None:
    """Seconds per job by family and task, predicted by the plan and observed, on a logarithmic axis."""
    rows = [row for row in families if row["actual_seconds"] and row["predicted_seconds"]]
    if not rows:
        return None
    names = [f"{row['family']} {row['task']}" for row in rows]
    data = [
        {"type": "bar", "name": name, "x": names, "y": [row[key] * 1000 for row in rows], "marker": {"color": color},
         "hovertemplate": "%{x}: %{y:.3g} ms per job<extra>%{fullData.name}</extra>"}
        for key, name, color in (("predicted_seconds", "planned", PALETTE[4]), ("actual_seconds", "actual", PALETTE[0]))
    ]  # fmt: skip
    axis = _axis("ms per job (log)") | {"type": "log"}
    return _figure(data, {"barmode": "group", "yaxis": axis, "xaxis": _axis(None)}, 320)


def _axis(title: str | None) -> Figure:
    axis: Figure = {"gridcolor": _GRID, "zeroline": False, "automargin": True}
    if title:
        axis["title"] = {"text": title}
    return axis


def _figure(data: list[Figure], layout: Figure, height: int) -> Figure:
    shared = {
        "height": height,
        "margin": {"l": 10, "r": 20, "t": 24, "b": 40},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": _INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "y": -0.3},
        "bargap": 0.35,
    }
    return {"data": data, "layout": shared | layout}
