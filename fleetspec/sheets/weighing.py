"""Each edit of a spec undone by itself, as blocks."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Heading, Line, Table
from fleetspec.sheets.figures import plural, span, usd


def undone_blocks(undone: list[dict[str, Any]], head: dict[str, Any]) -> list[Block]:
    """The head's plan with one value at a time as it was; ``head`` is the head's side of the review."""
    if not undone:
        return []
    planned = [one for one in undone if "cost_usd" in one]
    rows = [_row(one, head) for one in planned]
    first = ("all edits", "", usd(head["cost_usd"]), "", span(head["end_seconds"]), head["verdict"])
    columns = ("without the edit of", "as it was", "cost", "against all edits", "end", "verdict")
    blocks: list[Block] = [
        Heading("What each edit does by itself"),
        Table(columns, (first, *rows), frozenset({"cost", "against all edits", "end"})),
        Line("Each row is the head's plan of one run with that value as it was; added and removed keys stay.", "dim"),
    ]
    if len(undone) > len(planned):
        blocks.append(Line(f"{plural(len(undone) - len(planned), 'edit')} more, not planned by themselves", "dim"))
    return blocks


def _row(one: dict[str, Any], head: dict[str, Any]) -> tuple[str, ...]:
    if one["cost_usd"] is None:
        return one["route"], one["base"], "", "", "", "not by itself"
    change = one["cost_usd"] - head["cost_usd"]
    sign = "+" if change > 0 else "-"
    dearer = f"{sign}{usd(abs(change))}" if abs(change) >= 1e-6 else "the same"
    return one["route"], one["base"], usd(one["cost_usd"]), dearer, span(one["end_seconds"]), one["verdict"]
