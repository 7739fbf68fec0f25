"""The answer to ``placebo`` as blocks."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Line, Table
from fleetspec.sheets.figures import count, percent, plural


def placebo_sheet(data: dict[str, Any]) -> list[Block]:
    """What would be promoted of each group on shuffled returns, over all draws."""
    draws = len(data["draws"])
    rows = tuple(
        (
            one["group"],
            count(one["models"]),
            count(one["tests"]),
            "–" if one["below_5_percent"] is None else percent(one["below_5_percent"]),
            count(one["promoted"]),
            f"{one['draws_with_any']} of {one['draws']}",
            percent(one["fdr"]),
            "holds" if one["holds"] else "nothing tested" if not one["tests"] else "BROKEN",
        )
        for one in data["groups"]
    )
    bad = [one["group"] for one in data["groups"] if not one["holds"]]
    said = f"the stated rate does not hold for {', '.join(bad)}" if bad else "no more is promoted than the stated rate"
    columns = ("group", "models", "tests", "p < 5 %", "promoted", "draws with any", "fdr", "")
    told = (
        "On shuffled returns every promotion is false. The rate bounds the share of draws with any; it is broken where "
        f"as many would come by chance in less than {percent(data['credible'])} of cases."
    )
    return [
        Line(f"{data['fleet']}: placebo, {plural(draws, 'draw')}, blocks of {plural(data['block'], 'row')}: {said}",
             "bad" if bad else "good"),
        Table(columns, rows, frozenset(columns[1:7])),
        Line(told, "dim"),
    ]  # fmt: skip
