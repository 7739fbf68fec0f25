"""Rules as blocks: one of them, a room of them, or the list of all."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Example, Heading, Line, Table


def explain_sheet(data: dict[str, Any]) -> list[Block]:
    """One rule: its title, why it is one, and an example of wrong and right."""
    title = f"{data['severity']}[{data['code']}]: {data['title']}"
    return [Line(title, "bad" if data["severity"] == "error" else "warn"), *_body(data)]


def room_sheet(data: dict[str, Any]) -> list[Block]:
    """All rules of a room, each below a heading of its own."""
    blocks: list[Block] = [Line(_about(data))]
    for rule in data["rules"]:
        warns = " (warning)" if rule["severity"] == "warning" else ""
        blocks += [Heading(f"{rule['code']}{warns}: {rule['title']}"), *_body(rule)]
    return blocks


def rules_sheet(data: dict[str, Any]) -> list[Block]:
    """Every code with its title, room by room."""
    blocks: list[Block] = []
    for room in data["rooms"]:
        rows = tuple((rule["code"], rule["severity"], rule["title"]) for rule in room["rules"])
        blocks += [Heading(room["name"]), Line(_about(room)), Table(("code", "severity", "title"), rows)]
    return blocks


def _about(room: dict[str, Any]) -> str:
    return f"{room['span']}: {room['about']}"


def _body(rule: dict[str, Any]) -> list[Block]:
    return [
        Line(rule["why"]),
        Line("Wrong:", "dim"),
        Example(rule["bad"], "bad"),
        Line("Right:", "dim"),
        Example(rule["good"], "good"),
    ]
