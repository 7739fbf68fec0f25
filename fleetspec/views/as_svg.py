"""Charts as SVG without a library: the figures of :mod:`charts` and :mod:`charts_plan`, drawn by the base install.

Of Plotly's figures this draws what those two use: horizontal bars (beside each other, on top of each other, or from a
base), step lines, upright lines, and words over the plot. Widths of texts are estimated, since nothing here has fonts.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from msgspec import Struct

from fleetspec.views.chart_parts import INK, SOFT, Figure, plain_ticks

_FONT = 12
_LETTER = 0.56
"""Width of an average letter of a sans-serif font, in ems; wide ones reach 0.7."""
_RIGHT, _TOP, _BOTTOM = 24, 30, 44
_LABELS = 0.42
"""The largest share of the width that labels of bars take; longer ones are cut."""
_MUTED = "#57606a"


class _Frame(Struct, frozen=True):
    """Where the plot lies in the picture, and the values at its left and right ends, in pixels and axis units."""

    left: float
    right: float
    top: float
    bottom: float
    low: float
    high: float

    def x(self, value: float) -> float:
        """The pixel of a value; what lies outside the axis stays at its end."""
        share = (value - self.low) / (self.high - self.low or 1)
        return self.left + min(max(share, 0), 1) * (self.right - self.left)


def svg(figure: Figure, title: str, width: int = 720) -> str:
    """A figure as one ``<svg>`` element of so many pixels, with ``title`` for those who cannot see it."""
    layout, traces = figure["layout"], figure["data"]
    lined = any(trace["type"] == "scatter" for trace in traces)
    names = [] if lined else _labels(traces, layout)
    top = _TOP + _legend_rows(traces, layout, width) * 18
    height = int(layout["height"]) + (top - _TOP)
    left = 64 if lined else min(max((_length(name) for name in names), default=0) + 14, width * _LABELS)
    low, high = _span(traces, layout)
    frame = _Frame(left, width - _RIGHT, top, height - _BOTTOM, low, high)
    body = _lines(traces, layout, frame) if lined else _bars(traces, layout, frame, names)
    parts = [*_axis(layout, frame), *body, *_shapes(layout, frame), *_words(layout, frame)]
    parts += _legend(traces, layout, width)
    said = escape(title)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{said}" style="background:#fff" font-family="system-ui, sans-serif" '
        f'font-size="{_FONT}" fill="{INK}">'
    )
    return "\n".join([head, f"<title>{said}</title>", *parts, "</svg>"]) + "\n"


def _length(text: str) -> float:
    return len(text) * _LETTER * _FONT


def _cut(text: str, room: float) -> str:
    most = max(int(room / (_LETTER * _FONT)), 1)
    return text if len(text) <= most else text[: max(most - 1, 0)] + "…"


def _text(x: float, y: float, text: str, anchor: str = "start", color: str = INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(text)}</text>'


def _line(x0: float, y0: float, x1: float, y1: float, color: str, width: float = 1) -> str:
    return f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="{color}" stroke-width="{width:g}" fill="none"/>'


def _labels(traces: Sequence[Figure], layout: Figure) -> list[str]:
    """The rows of a bar chart from top to bottom."""
    names = list(dict.fromkeys(str(name) for trace in traces for name in trace["y"]))
    return names if layout["yaxis"].get("autorange") == "reversed" else names[::-1]


def _span(traces: Sequence[Figure], layout: Figure) -> tuple[float, float]:
    """Both ends of the x axis."""
    if "range" in layout["xaxis"]:
        low, high = layout["xaxis"]["range"]
        return float(low), float(high)
    if traces and traces[0]["type"] == "scatter":
        values = [value for trace in traces for value in trace["x"]]
        return min(values), max(values)
    sums: dict[str, float] = {}
    for trace in traces:
        for name, value in zip(trace["y"], trace["x"], strict=True):
            before = sums.get(name, 0.0)
            sums[name] = before + value if layout.get("barmode") == "stack" else max(before, value)
    return 0.0, max(sums.values(), default=0.0) or 1.0


def _axis(layout: Figure, frame: _Frame) -> list[str]:
    """Grid lines with their values, and the axis' title."""
    axis = layout["xaxis"]
    ticks = axis if "tickvals" in axis else plain_ticks(frame.high, whole="dtick" in axis)
    parts = []
    for value, text in zip(ticks["tickvals"], ticks["ticktext"], strict=True):
        if frame.low <= value <= frame.high:
            at = frame.x(value)
            parts.append(_line(at, frame.top, at, frame.bottom, SOFT))
            parts.append(_text(at, frame.bottom + 16, text, "middle", _MUTED))
    if "title" in axis:
        middle = (frame.left + frame.right) / 2
        parts.append(_text(middle, frame.bottom + 36, axis["title"]["text"], "middle", _MUTED))
    return parts


def _bars(traces: Sequence[Figure], layout: Figure, frame: _Frame, names: Sequence[str]) -> list[str]:
    step = (frame.bottom - frame.top) / max(len(names), 1)
    stacked = layout.get("barmode") != "group"
    thick = step * (1 - layout.get("bargap", 0.35)) / (1 if stacked else max(len(traces), 1))
    parts = [_text(frame.left - 8, frame.top + (row + 0.5) * step + 4, _cut(name, frame.left - 14), "end")
             for row, name in enumerate(names)]  # fmt: skip
    reached: dict[str, float] = {}
    for number, trace in enumerate(traces):
        for place, (name, value) in enumerate(zip(trace["y"], trace["x"], strict=True)):
            start = trace["base"][place] if "base" in trace else reached.get(name, 0.0) if stacked else 0.0
            reached[name] = start + value
            middle = frame.top + (names.index(name) + 0.5) * step
            upper = middle - thick / 2 if stacked else middle + (number - len(traces) / 2) * thick
            parts += _bar(trace, place, (frame.x(start), frame.x(start + value)), (upper, thick), frame)
    return parts


def _bar(trace: Figure, place: int, ends: tuple[float, float], rows: tuple[float, float], frame: _Frame) -> list[str]:
    """A rectangle, and its text in it where there is room, else behind it."""
    upper, thick = rows
    start, end = min(ends), max(ends)
    marker = trace["marker"]
    color = marker["color"] if isinstance(marker["color"], str) else marker["color"][place]
    edge = ' stroke="#fff" stroke-width="2"' if marker.get("line", {}).get("color") == "#fff" else ""
    box = f'x="{start:.1f}" y="{upper:.1f}" width="{max(end - start, 1.5):.1f}" height="{thick:.1f}"'
    parts = [f'<rect {box} fill="{color}"{edge}/>']
    texts = trace.get("text")
    text = str(texts[place]) if texts else ""
    if not text:
        return parts
    asked = trace.get("textposition", "outside")
    where = asked if isinstance(asked, str) else asked[place]
    level = upper + thick / 2 + 4
    if where == "inside":
        # A slice of a GPU is named by what it is cut to, where its whole name is wider.
        short = next((one for one in (text, text.split(".")[0]) if _length(one) + 6 <= end - start), "")
        return [*parts, _text((start + end) / 2, level, short, "middle", "#fff")] if short else parts
    if end + 6 + _length(text) <= frame.right + _RIGHT:
        return [*parts, _text(end + 6, level, text)]
    return [*parts, _text(start - 6, level, text, "end")]


def _lines(traces: Sequence[Figure], layout: Figure, frame: _Frame) -> list[str]:
    """Step lines over a vertical axis of their own, with a mark at each point where the trace has marks."""
    top = float(layout["yaxis"]["range"][1])

    def level(value: float) -> float:
        return frame.bottom - (value / top if top else 0) * (frame.bottom - frame.top)

    parts = []
    for value, text in zip(layout["yaxis"]["tickvals"], layout["yaxis"]["ticktext"], strict=True):
        parts.append(_line(frame.left, level(value), frame.right, level(value), SOFT))
        parts.append(_text(frame.left - 8, level(value) + 4, text, "end", _MUTED))
    if "title" in layout["yaxis"]:
        parts.append(_text(4, frame.top - 10, layout["yaxis"]["title"]["text"], color=_MUTED))
    for trace in traces:
        points = [(frame.x(x), level(y)) for x, y in zip(trace["x"], trace["y"], strict=True)]
        line, color = trace["line"], trace["line"]["color"]
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in points[1:])
        dash = ' stroke-dasharray="2 4"' if line.get("dash") == "dot" else ""
        parts.append(f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{line["width"]}"{dash}/>')
        if "markers" in trace["mode"]:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{color}"/>' for x, y in points]
    return parts


def _shapes(layout: Figure, frame: _Frame) -> list[str]:
    lines = [(frame.x(shape["x0"]), shape["line"]) for shape in layout.get("shapes", ())]
    return [_line(x, frame.top, x, frame.bottom, line["color"], line["width"]) for x, line in lines]


def _words(layout: Figure, frame: _Frame) -> list[str]:
    parts = []
    for one in layout.get("annotations", ()):
        at = frame.right if one["xref"] == "paper" else frame.x(one["x"])
        anchor = "end" if at - frame.left > _length(one["text"]) else "start"
        parts.append(_text(at, frame.top - 6, one["text"], anchor, one["font"]["color"]))
    return parts


def _entries(traces: Sequence[Figure], layout: Figure) -> list[tuple[str, str]]:
    if not layout.get("showlegend", True):
        return []
    named = [trace for trace in traces if trace.get("name") and trace.get("showlegend", True)]
    return [(trace["name"], trace["line"]["color"] if "line" in trace else trace["marker"]["color"]) for trace in named]


def _places(traces: Sequence[Figure], layout: Figure, width: int) -> list[tuple[str, str, float, int]]:
    """Name, colour, x and row of each entry of the legend."""
    placed: list[tuple[str, str, float, int]] = []
    at, row = 8.0, 0
    for name, color in _entries(traces, layout):
        short = _cut(name, width - 40)
        wide = _length(short) + 36
        if at + wide > width and at > 8:
            at, row = 8.0, row + 1
        placed.append((short, color, at, row))
        at += wide
    return placed


def _legend_rows(traces: Sequence[Figure], layout: Figure, width: int) -> int:
    placed = _places(traces, layout, width)
    return placed[-1][3] + 1 if placed else 0


def _legend(traces: Sequence[Figure], layout: Figure, width: int) -> list[str]:
    parts: list[Any] = []
    for name, color, at, row in _places(traces, layout, width):
        parts.append(f'<rect x="{at:.1f}" y="{6 + row * 18}" width="12" height="12" fill="{color}"/>')
        parts.append(_text(at + 18, 16 + row * 18, name))
    return parts
