"""What policies say of a change or a plan, as blocks: objections first, passes in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fleetspec.sheets import Block, Heading, Line, Table, Tone
from fleetspec.sheets.figures import plural

_ORDER = ("fail", "warn", "overridden")
_WORDS = {"fail": "stops", "warn": "warns", "overridden": "overridden"}
_TONES: dict[str, Tone] = {"fail": "bad", "warn": "warn", "overridden": "dim"}
_LONGEST = 300
"""Characters of an objection that a table has room for; the JSON has all of it."""
_PASSING = 12
"""Policies that pass and are named."""


def policy_blocks(rulings: Sequence[dict[str, Any]]) -> list[Block]:
    """Each objection with what to do, the worst first, and a line for what passes; nothing for no rulings."""
    if not rulings:
        return []
    blocks: list[Block] = [Heading("Policies")]
    for one in _objecting(rulings):
        where = f" ({one['where']})" if one["where"] else ""
        tone = _TONES[one["outcome"]]
        blocks.append(Line(f"{_WORDS[one['outcome']]}: {one['id']}, of {one['owner']}: {one['what']}{where}", tone))
        blocks.append(Line(f"  {'' if one['overridden_by'] else 'to do: '}{_way_out(one)}"))
    return [*blocks, *_passing(rulings)]


def policy_table(rulings: Sequence[dict[str, Any]], shown: int) -> list[Block]:
    """The same as a table of at most so many rows. A ruling may say the ``spec`` that it is about."""
    if not rulings:
        return []
    objecting = _objecting(rulings)
    blocks: list[Block] = [Heading("Policies")]
    if objecting:
        columns = ("policy", "owner", "", "what", "what to do", "line")
        blocks.append(Table(columns, tuple(map(_row, objecting[:shown]))))
    if len(objecting) > shown:
        blocks.append(Line(f"and {plural(len(objecting) - shown, 'more objection', 'more objections')}", "dim"))
    return [*blocks, *_passing(rulings)]


def objections(rulings: Sequence[dict[str, Any]], outcome: str) -> list[str]:
    """``dear (platform)``: each policy with that outcome once, with its owner."""
    named = (f"{one['id']} ({one['owner']})" for one in rulings if one["outcome"] == outcome)
    return list(dict.fromkeys(named))


def _objecting(rulings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found = (one for one in rulings if one["outcome"] in _ORDER)
    return sorted(found, key=lambda one: _ORDER.index(one["outcome"]))


def _passing(rulings: Sequence[dict[str, Any]]) -> list[Block]:
    passing = list(dict.fromkeys(one["id"] for one in rulings if one["outcome"] == "pass"))
    more = f" and {plural(len(passing) - _PASSING, 'more', 'more')}" if len(passing) > _PASSING else ""
    return [Line(f"nothing to object: {', '.join(passing[:_PASSING])}{more}", "good")] if passing else []


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    what = f"{one['spec']}: {one['what']}" if one.get("spec") else one["what"]
    return one["id"], one["owner"], _WORDS[one["outcome"]], _cut(what), _cut(_way_out(one)), one["where"] or ""


def _way_out(one: dict[str, Any]) -> str:
    override = one["overridden_by"]
    if override is None:
        return str(one["fix"])
    return f"overridden by {override['by']} until {override['expires']}: {override['reason']} ({override['where']})"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
