"""The audit log as blocks."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Line, Table
from fleetspec.sheets.figures import plural

_EVENTS = {
    "plan-saved": "plan saved",
    "approval": "approval used",
    "override": "override used",
    "apply-begun": "apply begins",
    "apply-ended": "apply ends",
}
_SHOWN = 12
"""Digits of a digest that a table has room for."""


def audit_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``audit show``: a row a line, the oldest first."""
    if not data["entries"]:
        return [*audited_sheet(data), Line("Nothing has been logged.")]
    rows = tuple(map(_row, data["entries"]))
    blocks: list[Block] = [Table(("n", "at", "by", "event", "run", "plan", "what"), rows, frozenset({"n"}))]
    if data["more"]:
        blocks.append(Line(f"and {plural(data['more'], 'earlier line', 'earlier lines')}: --limit 0 shows all", "dim"))
    return [*blocks, *audited_sheet(data)]


def audited_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``audit verify``: whether the log is whole, and what to keep of it."""
    lines = plural(data["lines"], "line")
    if not data["whole"]:
        faults = plural(len(data["faults"]), "fault")
        return [Line(f"The audit log of {data['fleet']} is not what was written: {faults} in {lines}.", "bad")]
    return [
        Line(f"The audit log of {data['fleet']} is whole: {lines}.", "good"),
        Line(f"Its last digest, to be kept elsewhere: {data['head']}", "dim"),
    ]


def _row(said: dict[str, Any]) -> tuple[str, ...]:
    run = f"{said['run']} {said['session']}"
    event = _EVENTS.get(said["event"], said["event"])
    at = said["at"][:16].replace("T", " ")
    return str(said["n"]), at, said["by"], event, run, said["plan"][:_SHOWN], _what(said)


def _what(said: dict[str, Any]) -> str:
    if said["event"] == "approval":
        return f"{said['policy']}: approved by {said['approved_by']}"
    if said["event"] == "override":
        return f"{said['policy']}: overridden by {said['overridden_by']} until {said['expires']}: {said['reason']}"
    if said["event"] == "apply-ended":
        return str(said["outcome"])
    return ""
