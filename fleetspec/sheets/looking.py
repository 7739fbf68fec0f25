"""Grouped graphs, lists of models, and where values come from, as blocks."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Heading, Line, Table
from fleetspec.sheets.figures import count, plural


def graph_sheet(data: dict[str, Any]) -> list[Block]:
    """Boxes of jobs by stage, each with what it rests on."""
    below: dict[str, list[str]] = {}
    for edge in data["edges"]:
        below.setdefault(edge["to"], []).append(edge["from"])
    rows = tuple(
        (str(node["stage"]), node["name"], count(node["jobs"]), ", ".join(below.get(node["name"], [])))
        for node in data["nodes"]
    )
    return [
        Line(f"{data['fleet']} · {data['run']} · boxes by {data['by']}", "strong"),
        Table(("stage", "jobs of", "jobs", "after"), rows, frozenset({"jobs"})),
    ]


def defaults_sheet(data: dict[str, Any]) -> list[Block]:
    """Every value with its origin; of several places the last one counts."""
    rows = tuple((row["route"], row["value"], row["origin"][-1]) for row in data["values"])
    assumed = sum(row["origin"] == ["default"] for row in data["values"])
    return [
        Line(f"{data['file']}: {plural(len(rows), 'value')}, {count(assumed)} of them defaults", "strong"),
        Table(("setting", "value", "from"), rows),
    ]


def origin_sheet(data: dict[str, Any]) -> list[Block]:
    """The settings of a model, each with the places behind it, oldest first."""
    blocks: list[Block] = [Line(data["address"], "strong"), Heading("Where it comes from")]
    rows: list[tuple[str, str, str]] = []
    for row in data["settings"]:
        for number, source in enumerate(row["from"]):
            # Of a value that was given once, the place says all.
            alone = source["place"] if len(row["from"]) == 1 else None
            said = alone or " ".join(filter(None, (source["place"], source["text"])))
            rows.append((row["setting"], row["value"], said) if number == 0 else ("", "", said))
    return [*blocks, Table(("setting", "value", "from"), tuple(rows))]


def ls_sheet(data: dict[str, Any]) -> list[Block]:
    """Addresses, one a line."""
    return [Line(address) for address in data["addresses"]]
