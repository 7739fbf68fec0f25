"""Charts of a review: what a run of each spec costs and how long it takes, in the base and in the head.

Built from the JSON of a diff between two states and nothing else; drawn like :mod:`charts`.
"""

from __future__ import annotations

from typing import Any

from fleetspec.sheets.figures import span, usd
from fleetspec.views.chart_parts import PALETTE, SOFT, Figure, axis_of, figure_of, plain_ticks

MOST = 12
"""Specs drawn, those that change most; the table has all."""
_COLORS = {"base": "#8c959f", "head": PALETTE[0]}


def costs(data: dict[str, Any]) -> Figure | None:
    """USD of one run, base and head, by spec."""
    specs = _most(data, "cost_usd")
    if not specs:
        return None
    return _sides(specs, "cost_usd", 1.0, "USD, one run", usd)


def ends(data: dict[str, Any]) -> Figure | None:
    """When the run of each spec ends after its start, base and head, and of how long a window."""
    specs = _most(data, "end_seconds")
    if not specs:
        return None
    last = max(side["end_seconds"] for _, sides in specs for side in sides.values())
    unit, per = ("h", 3600.0) if last > 5400 else ("min", 60.0) if last > 90 else ("s", 1.0)
    return _sides(specs, "end_seconds", per, f"end of the run, {unit} after its start", span)


_Specs = list[tuple[str, dict[str, dict[str, Any]]]]


def _most(data: dict[str, Any], key: str) -> _Specs:
    """Path and figures by side of the specs whose figure moves most, in the order of their paths."""
    found: _Specs = []
    for spec in data["specs"]:
        review = spec["review"] or {}
        sides = {side: review[side] for side in ("base", "head") if review.get(side) is not None}
        if sides:
            found.append((spec["path"], sides))

    def moves(one: tuple[str, dict[str, dict[str, Any]]]) -> float:
        values = [one[1][side][key] if side in one[1] else 0.0 for side in ("base", "head")]
        return -abs(float(values[1]) - float(values[0]))

    return sorted(sorted(found, key=moves)[:MOST])


def _sides(specs: _Specs, key: str, per: float, title: str, word: Any) -> Figure:
    names = [path for path, _ in specs]
    traces: list[Figure] = []
    for side, color in _COLORS.items():
        values = [sides[side][key] if side in sides else 0.0 for _, sides in specs]
        texts = [_said(sides[side], key, word) if side in sides else f"not in the {side}" for _, sides in specs]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": side,
                "y": names,
                "x": [value / per for value in values],
                "text": texts,
                "textposition": "outside",
                "cliponaxis": False,
                "marker": {"color": color, "line": {"color": SOFT, "width": 1}},
                "hovertemplate": "%{y}: %{text}<extra>%{fullData.name}</extra>",
            }
        )
    top = max(value for trace in traces for value in trace["x"]) * 1.35 or 1.0
    layout = {
        "barmode": "group",
        "xaxis": axis_of(title) | plain_ticks(top) | {"range": [0, top]},
        "yaxis": axis_of(None) | {"autorange": "reversed"},
        "bargap": 0.25,
    }
    return figure_of(traces, layout, 100 + 46 * len(specs))


def _said(side: dict[str, Any], key: str, word: Any) -> str:
    if key != "end_seconds":
        return str(word(side[key]))
    return f"{span(side[key])} of {span(side[key] + side['slack_seconds'])}"
