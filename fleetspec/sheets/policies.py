"""What policies say of a change or a plan, as blocks: objections first, passes in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fleetspec.sheets import Block, Heading, Line, Table
from fleetspec.sheets.figures import plural

_ORDER = ("fail", "warn", "overridden")
_WORDS = {"fail": "stops", "warn": "warns", "overridden": "overridden"}
_LONGEST = 300
"""Characters of an objection that a table has room for; the JSON has all of it."""


def policy_blocks(rulings: Sequence[dict[str, Any]], shown: int = 50) -> list[Block]:
    """A table of objections, the worst first and at most ``shown``, and a line for what passes; nothing for none.

    A ruling may say the ``spec`` that it is about, where it stands beside those of others.
    """
    if not rulings:
        return []
    objecting = sorted((one for one in rulings if one["outcome"] in _ORDER), key=lambda o: _ORDER.index(o["outcome"]))
    blocks: list[Block] = [Heading("Policies")]
    if objecting:
        columns = ("policy", "owner", "", "what", "what to do", "line")
        blocks.append(Table(columns, tuple(map(_row, objecting[:shown]))))
    if len(objecting) > shown:
        blocks.append(Line(f"and {plural(len(objecting) - shown, 'more objection', 'more objections')}", "dim"))
    passing = list(dict.fromkeys(one["id"] for one in rulings if one["outcome"] == "pass"))
    if passing:
        blocks.append(Line(f"Nothing to object: {', '.join(passing)}", "good"))
    return blocks


def objections(rulings: Sequence[dict[str, Any]], outcome: str) -> list[str]:
    """``dear (platform)``: each policy with that outcome once, with its owner."""
    named = (f"{one['id']} ({one['owner']})" for one in rulings if one["outcome"] == outcome)
    return list(dict.fromkeys(named))


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    what = one["what"] if len(one["what"]) <= _LONGEST else one["what"][: _LONGEST - 1] + "…"
    if one.get("spec"):
        what = f"{one['spec']}: {what}"
    override = one["overridden_by"]
    fix = one["fix"] if len(one["fix"]) <= _LONGEST else one["fix"][: _LONGEST - 1] + "…"
    if override is not None:
        fix = f"overridden by {override['by']} until {override['expires']}: {override['reason']}"[:_LONGEST]
    return one["id"], one["owner"], _WORDS[one["outcome"]], what, fix, one["where"] or ""
