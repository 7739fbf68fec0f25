"""Each edit of a spec undone by itself, and policies, as blocks."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Heading, Line, Table
from fleetspec.sheets.figures import plural, span, usd
from fleetspec.sheets.verdicts import policies, standing

_STANDINGS = ("fail", "warn", "overridden", "pass")


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


def policy_blocks(data: dict[str, Any]) -> list[Block]:
    """What policies say, the worst first; those that are kept are counted."""
    found = sorted(policies(data), key=lambda one: _STANDINGS.index(standing(one)))
    told = [one for one in found if standing(one) != "pass"]
    if not found:
        return []
    kept = plural(len(found) - len(told), "policy is kept", "policies are kept")
    rows = tuple(
        (
            str(one["id"]),
            _standing(one),
            str(one["owner"] or ""),
            str(one["what"]),
            one["where"] or "",
            one["fix"] or "",
        )
        for one in told
    )
    table = [Table(("policy", "outcome", "owner", "what", "where", "way out"), rows)] if rows else []
    return [Heading("Policies"), *table, Line(f"{kept}.", "dim")]


def _standing(one: dict[str, Any]) -> str:
    by = one.get("overridden_by")
    return standing(one) if not by else f"overridden by {by}"
