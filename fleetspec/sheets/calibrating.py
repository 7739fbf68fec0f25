"""A pilot, before and after; and what finished runs say of their plans."""

from __future__ import annotations

import math
from typing import Any

from fleetspec.sheets import Block, Facts, Line, Table
from fleetspec.sheets.figures import count, percent, plural, span, usd


def calibrate_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``calibrate``."""
    done = not data["dry_run"]
    head = f"{data['fleet']} · {data['run']} · session {data['session']}: " + (
        "a pilot" if done else "a pilot proposed"
    )
    resting = f", {count(data['carried'])} of them for what the others rest on" if data["carried"] else ""
    where = "in this process, one after the other" if data["executor"] == "inline" else "on Ray"
    facts = [
        ("jobs", f"{count(data['jobs'])}{resting}; their results are kept"),
        ("takes", f"{span(data['predicted_seconds'])} predicted, {where}"),
        ("worth", f"{usd(data['planned_usd'])} of the planned run, which it need not spend again"),
    ]
    if done:
        facts.insert(2, ("took", f"{span(data['spent_seconds'])} inside jobs"))
        before, after = data["on_time"]
        if before is not None and after is not None:
            facts.append(("on time", f"{percent(before)} before, {percent(after)} after"))
    columns = ("class", "n" if done else "sample", "p50", "p95", "off by") + (("memory",) if done else ())
    rows = tuple(_row(one, done) for one in data["classes"])
    blocks: list[Block] = [Line(head, "strong"), Facts(tuple(facts)), Table(columns, rows, frozenset(columns[1:2]))]
    if done:
        told = "Memory is by how much this process grew; off by is the factor, one standard deviation of the log, by "
        "which the figure as a whole may be wrong."
        blocks.append(Line(told, "dim"))
    return blocks


def _row(one: dict[str, Any], done: bool) -> tuple[str, ...]:
    before, after = one["before"], one.get("after", one["before"])

    def both(key: str, said: Any) -> str:
        return f"{said(before[key])} → {said(after[key])}" if done else str(said(before[key]))

    cells = (
        one["name"],
        both("n", count) if done else count(one["sample"]),
        both("p50", span),
        both("p95", span),
        f"×/÷ {math.exp(after['error']):.2f}",
    )
    grown = one.get("grown_mib")
    return (*cells, "-" if grown is None else f"+{count(grown)} MiB") if done else cells


def coverage_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``calibrate --check``."""
    if not data["rows"]:
        return [Line(f"The store has no finished run of {data['fleet']} whose plan says a p95.", "warn")]
    rows = tuple(
        (
            one["family"],
            one["task"],
            count(one["n"]),
            percent(one["below"]),
            f"{one['drift'] * 100:+.0f} %",
            f"{one['newest'] * 100:+.0f} %",
            "ALARM" if one["alarm"] else "ok" if one["n"] >= data["least"] else "few jobs",
        )
        for one in data["rows"]
    )
    low, high = data["band"]
    alarms = sum(one["alarm"] for one in data["rows"])
    said = f"{plural(alarms, 'figure')} out of bounds" if alarms else "every figure with enough jobs is in bounds"
    columns = ("family", "task", "jobs", "below p95", "over p50", "newest run", "")
    told = (
        f"Between {percent(low)} and {percent(high)} of jobs should take at most their p95. Over p50: the median job."
    )
    return [
        Line(f"{data['fleet']}: {said}", "bad" if alarms else "good"),
        Table(columns, rows, frozenset(columns[2:6])),
        Line(told, "dim"),
    ]
