"""What charts are made of: colours, axes with plain ticks, and the layout that all of them share."""

from __future__ import annotations

import math
from typing import Any

Figure = dict[str, Any]

# Okabe and Ito's palette: distinguishable with the common colour vision deficiencies and in grey print.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999933", "#882255")
INK, SOFT, ALARM = "#24292f", "#d8dee4", "#b3261e"


def axis_of(title: str | None) -> Figure:
    """An axis with a title, or without."""
    axis: Figure = {"gridcolor": SOFT, "zeroline": False, "automargin": True}
    if title:
        axis["title"] = {"text": title}
    return axis


def figure_of(data: list[Figure], layout: Figure, height: int) -> Figure:
    """Traces under the layout that all charts share; ``height`` is in pixels."""
    shared = {
        "height": height,
        "margin": {"l": 10, "r": 20, "t": 28, "b": 44},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        # Over the plot, in the order of the traces: below it, a short chart's axis title lies in the same place.
        "showlegend": True,
        "legend": {"orientation": "h", "traceorder": "normal", "x": 0, "y": 1, "yanchor": "bottom"},
        "bargap": 0.35,
    }
    return {"data": data, "layout": shared | layout}


def plain_ticks(top: float, *, whole: bool = False) -> Figure:
    """At most six ticks from 0 to ``top``, a step of 1, 2 or 5 times a power of ten apart, as plain numbers."""
    if top <= 0:
        return {"tickvals": [0], "ticktext": ["0"]}
    power = math.floor(math.log10(top / 5))
    step = next(
        step for step in (10.0**power, 2 * 10.0**power, 5 * 10.0**power, 10.0 ** (power + 1)) if top / step <= 5
    )
    if whole and step < 1:
        power, step = 0, 1.0
    decimals = max(-math.floor(math.log10(step) + 1e-9), 0)
    values = [place * step for place in range(int(top / step + 1e-9) + 1)]
    return {"tickvals": values, "ticktext": [f"{value:,.{decimals}f}" if value else "0" for value in values]}


def above(x: float, reference: str, text: str) -> Figure:
    """A word in the alarm colour over the plot, ending at ``x``."""
    return {
        "x": x,
        "xref": reference,
        "y": 1,
        "yref": "paper",
        "text": text,
        "showarrow": False,
        "xanchor": "right",
        "yanchor": "bottom",
        "font": {"color": ALARM},
    }


_DIES = {"spx": 8, "dpx": 4, "qpx": 2, "cpx": 1}
"""Dies of an MI300X in one partition, by the compute mode."""


def slice_width(name: str) -> int:
    """Compute slices of a MIG slice, ``3g.40gb``, or dies of a partition, ``cpx-nps4``."""
    return _DIES[name[:3]] if "-nps" in name else int(name.split("g.")[0])


def slice_label(name: str) -> str:
    """What has room in a small slice: ``3g``, ``cpx``."""
    return name.split("-" if "-nps" in name else ".")[0]


def slices_of(pattern: str) -> list[str]:
    """``7x1g.10gb``, ``1x2g.20gb+5x1g.10gb`` or ``8xcpx-nps4`` → one name per slice; nothing for whole GPUs."""
    found: list[str] = []
    for part in pattern.split("+"):
        number, _, name = part.partition("x")
        if number.isdigit() and ("g." in name or name[:3] in _DIES):
            found += [name.removeprefix("mig-")] * int(number)
    return sorted(found, key=lambda name: -slice_width(name))
