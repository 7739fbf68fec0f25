"""A model inventory as blocks: a table of what fits a page; JSON and CSV have every column."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Line, Table
from fleetspec.sheets.figures import count, plural

_COLUMNS = ("fleet, owner, tier", "group", "models", "data until", "last used", "last backtest", "validated")


def inventory_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``inventory``."""
    rows = tuple(map(_row, data["rows"]))
    total = f"{plural(len(rows), 'row')}, {plural(data['models'], 'model')}; --format csv has every column"
    return [Table(_COLUMNS, rows, frozenset({"models"})), Line(total, "dim")]


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{row['fleet']}, {row['owner']}, {row['tier']}",
        f"{row['universe']}/{row['group']}/{row['family']}",
        count(row["models"]),
        row["data_until"] or "",
        row["last_forecast"] or "never",
        _both(row["last_backtest"], row["backtest_outcome"]),
        _both(row["validated_on"], row["validation_outcome"]),
    )


def _both(day: str | None, outcome: str | None) -> str:
    return ": ".join(text for text in (day, outcome) if text) or "never"
