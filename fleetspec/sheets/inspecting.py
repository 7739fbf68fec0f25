"""What ``quality`` finds, as blocks: of each universe the checks, and the series that fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fleetspec.sheets import Block, Heading, Line, Table
from fleetspec.sheets.figures import count, plural
from fleetspec.units import Bars, Share, Sigma

_SHOWN = 20
_SHARES = frozenset({"max_missing", "max_repeated", "max_absent", "max_closed"})


def quality_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``quality``."""
    when = "as the data are now" if data["data"] == "now" else "as locked"
    run = "backtest" if data["run"] == "backtest" else f"{data['run']} run after {data['session']}"
    blocks: list[Block] = [Heading(f"{data['fleet']} · quality for the {run}, {when}")]
    for panel in data["panels"]:
        blocks += _panel(panel)
    if not data["failed"]:
        return [*blocks, Line("Every series passes.", "good")]
    least = "on_fail: stop" if data["on_fail"] == "stop" else f"max_quarantined {Share(data['max_quarantined'])}"
    return [*blocks, Line(f"{data['failed']:,} of {plural(data['series'], 'series', 'series')} fail; {least}", "warn")]


def _panel(panel: dict[str, Any]) -> Iterator[Block]:
    fail = f"{panel['failed']:,} fail" if panel["failed"] else "all pass"
    yield Heading(
        f"{panel['universe']} · {plural(panel['series'], 'series', 'series')} at bars of {panel['bar']} · {fail}"
    )
    rows = tuple(tuple(_cells(row)) for row in panel["checks"])
    yield Table(("check", "asked for", "worst", "series", "fail"), rows, frozenset({"fail"}))
    found = panel["findings"]
    if found:
        shown = tuple((one["series"], one["reason"]) for one in found[:_SHOWN])
        yield Table(("series", "finding"), shown)
    if len(found) > _SHOWN:
        yield Line(f"{len(found) - _SHOWN:,} more findings; --format json lists all", "dim")


def _cells(row: dict[str, Any]) -> Iterator[str]:
    check = row["check"]
    yield check
    yield "–" if row["limit"] is None else _limit(row)
    yield "not measured" if row["worst"] is None else _value(check, row["worst"])
    yield row["worst_series"] or ""
    yield count(row["failed"])


def _limit(row: dict[str, Any]) -> str:
    check, limit = row["check"], row["limit"]
    if check == "stale_after":
        return f"{limit} or later"
    if "of" in row:
        return f"{row['of']}, {Share(limit)}"
    return f"at most {_value(check, limit)}"


def _value(check: str, value: Any) -> str:
    if check in _SHARES:
        return str(Share(float(f"{value:.4g}")))
    if check == "max_jump":
        return str(Sigma(value))
    if check == "max_flat":
        return str(Bars(int(value)))
    return f"p {value:.3g}" if check.startswith("unit_root") else str(value)
