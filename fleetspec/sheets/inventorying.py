"""A model inventory as blocks: a table of what fits a page for each fleet; JSON and CSV have every column."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from fleetspec.sheets import Block, Heading, Line, Table
from fleetspec.sheets.figures import count, plural

_COLUMNS = ("group", "models", "data until", "last used", "last backtest", "validated")


def inventory_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``inventory``."""
    blocks: list[Block] = []
    for fleet, rows in groupby(data["rows"], key=lambda row: (row["fleet"], row["owner"], row["tier"])):
        name, owner, tier = fleet
        blocks += [
            Heading(f"{name} · owner {owner} · tier {tier}"),
            Table(_COLUMNS, tuple(map(_row, rows)), frozenset({"models"})),
        ]
    total = f"{plural(len(data['rows']), 'row')}, {plural(data['models'], 'model')}; --format csv has every column"
    return [*blocks, Line(total, "dim")]


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{row['universe']}/{row['group']}/{row['family']}",
        count(row["models"]),
        row["data_until"] or "",
        row["last_forecast"] or "never",
        _both(row["last_backtest"], row["backtest_outcome"]),
        _both(row["validated_on"], row["validation_outcome"]),
    )


def _both(day: str | None, outcome: str | None) -> str:
    return ": ".join(text for text in (day, outcome) if text) or "never"
