"""The catalog as blocks."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Heading, Line, Table
from fleetspec.sheets.figures import count, plural, span

_DAY = "prices are lists of their day, on demand; a negotiated one goes into a spec as `price:`"


def offers_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``catalog offers``."""
    rows = tuple(
        (
            one["name"],
            _held(one, data["gpu"]),
            count(one["cpu"]),
            _gib(one["memory_mib"]),
            f"{one['usd_per_hour']:.2f}",
            f"{one['usd_per_unit_hour']:.3f}",
            _dated(one),
        )
        for one in data["offers"]
    )
    if not rows:
        return [Line("No machine of the catalog has it.", "warn")]
    unit = "a core" if data["gpu"] == "none" else "a GPU" if data["gpu"] else "a GPU or core"
    columns = ("offer", "GPUs", "cores", "memory", "USD/h", unit, "price of")
    return [Table(columns, rows, frozenset(columns[2:6])), Line(_DAY, "dim")]


def _held(offer: dict[str, Any], asked: str | None) -> str:
    if not offer["gpu"]:
        return "-"
    return str(offer["gpus"]) if asked else f"{offer['gpus']} × {offer['gpu']}"


def _dated(offer: dict[str, Any]) -> str:
    return (
        f"{offer['price_date']} ({offer['age_days']}d)" if offer["age_days"] is not None else str(offer["price_date"])
    )


def gpus_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``catalog gpus``."""
    rows = tuple(
        (
            one["name"],
            _gib(one["memory_mib"]),
            ", ".join(f"{p['most']} × {p['name']} ({_gib(p['memory_mib'])})" for p in one["profiles"]) or "whole only",
            str(one["layouts"]) if one["layouts"] else "-",
            f"{one['usd_per_gpu_hour']:.2f} USD/h, {one['cheapest']}" if one["cheapest"] else "-",
        )
        for one in data["gpus"]
    )
    columns = ("GPU", "memory", "MIG profiles, most of each alone", "layouts", "cheapest a GPU")
    told = "Memory is what jobs can use, less than the names say. Layouts are the full ways to cut one GPU."
    return [Table(columns, rows, frozenset({"memory", "layouts"})), Line(told, "dim")]


def runtimes_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``catalog runtimes``."""
    rows = tuple(
        (
            one["family"] if one["family"] != "*" else "any other",
            one["task"],
            one["device"],
            span(one["seconds"]),
            span(one["p95"]),
            count(round(one["work"])),
            f"{one['exponent']:.2f}",
            f"measured, n={count(one['n'])}" if one["basis"] == "measured" else "ASSUMED",
            one["source"],
        )
        for one in data["runtimes"]
    )
    if not rows:
        return [
            Line(f"The catalog has no figure for family '{data['family']}': plans take those of any other.", "warn")
        ]
    columns = ("family", "task", "on", "a job", "p95", "at bars", "exponent", "basis", "source")
    return [Table(columns, rows, frozenset({"a job", "p95", "at bars", "exponent"}))]


def prices_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``catalog check``."""
    rows = tuple(
        (
            one["provider"],
            one["price_date"],
            ("unknown" if one["age_days"] is None else plural(one["age_days"], "day")) + (" OLD" if one["old"] else ""),
            str(one["offers"]),
            one["source"],
        )
        for one in data["lists"]
    )
    verdict = (
        Line(f"{plural(data['old'], 'price list')} older than {plural(data['most_days'], 'day')}: look again", "bad")
        if data["old"]
        else Line(f"No price list is older than {plural(data['most_days'], 'day')}.", "good")
    )
    columns = ("provider", "prices of", "age", "offers", "source")
    return [verdict, Heading(f"Price lists on {data['today']}"), Table(columns, rows, frozenset({"offers"}))]


def _gib(mebibytes: int) -> str:
    return f"{mebibytes / 1024:.1f} GiB".replace(".0 GiB", " GiB")
