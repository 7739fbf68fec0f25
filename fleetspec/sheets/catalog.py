"""The catalog as blocks."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Heading, Line, Table
from fleetspec.sheets.figures import count, plural, span

_DAY = "prices are lists of their day, on demand; prices of your own go into a price book: prices: file:…, or --prices"


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
    return _day(offer) + (f", {offer['book']}" if offer["book"] else "")


def compared_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``catalog compare``: a row an offer of the books."""
    names = [one["name"] if one else "as shipped" for one in (data["before"], data["after"])]
    rows = tuple(
        (
            one["name"],
            _price(one["before"]),
            _price(one["after"]),
            "new" if one["before"] is None else "gone" if one["after"] is None else f"{one['change']:+.1%}",
            " → ".join(_day(side) for side in (one["before"], one["after"]) if side is not None),
        )
        for one in data["offers"]
    )
    columns = ("offer", names[0], f"{names[1]} " if names[0] == names[1] else names[1], "difference", "prices of")
    told = f"USD/h on demand, and spot where a book has it; ages in days on {data['today']}."
    return [
        Heading(f"{names[1]} against {names[0]}"),
        Table(columns, rows, frozenset(columns[1:4])),
        Line(told, "dim"),
    ]


def _price(side: dict[str, Any] | None) -> str:
    if side is None:
        return "-"
    spot = "" if side["spot_usd_per_hour"] is None else f" / {side['spot_usd_per_hour']:.2f} spot"
    return f"{side['usd_per_hour']:.2f}{spot}"


def _day(side: dict[str, Any]) -> str:
    return str(side["price_date"]) + ("" if side["age_days"] is None else f" ({side['age_days']}d)")


def _pieces(gpu: dict[str, Any]) -> list[tuple[int, str, int]]:
    """How many there are at most of each slice or partition, its name, and its memory."""
    cut = [(one["most"], one["name"], one["memory_mib"]) for one in gpu["profiles"]]
    return cut + [(one["parts"], one["name"], one["memory_mib"]) for one in gpu["partitions"]]


def gpus_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``catalog gpus``."""
    rows = tuple(
        (
            one["name"],
            _gib(one["memory_mib"]),
            ", ".join(f"{most} × {name} ({_gib(mib)})" for most, name, mib in _pieces(one)) or "whole only",
            str(one["layouts"] or len(one["partitions"]) or "-"),
            f"{one['usd_per_gpu_hour']:.2f} USD/h, {one['cheapest']}" if one["cheapest"] else "-",
        )
        for one in data["gpus"]
    )
    columns = ("GPU", "memory", "MIG profiles and partitions, most of each alone", "layouts", "cheapest a GPU")
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


def rent_or_buy_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``catalog rent-or-buy``."""
    terms = data["terms"]
    uses = tuple(f"{use:.0%}" for use in data["uses"])
    owned = tuple(
        (
            one["gpu"],
            f"{one['usd']:,.0f}",
            f"{one['usd_per_hour_power']:.2f}",
            *(f"{at['usd']:.2f}" for at in one["hour"]),
            one["basis"],
        )
        for one in data["rows"]
    )
    against = tuple(
        (
            one["gpu"],
            "-" if one["rent"] is None else f"{one['rent']['usd_per_hour']:.2f}",
            "no rent is known" if one["rent"] is None else f"{one['rent']['name']}, {one['rent']['price_date']}",
            *(("never", "-") if one["even_use"] is None else _even(one)),
        )
        for one in data["rows"]
    )
    columns = ("GPU", "USD to buy", "power/h", *uses, "price")
    told = (
        f"ASSUMED: {terms['years']:g} years, no resale value, no interest; {terms['host_usd']:,.0f} USD a GPU for its "
        f"share of the host; upkeep {terms['upkeep']:.0%} of the purchase a year; {terms['usd_per_kwh']:g} USD/kWh, "
        f"{terms['overhead']:g} times the GPU's own power at the meter. Prices to buy: {data['source']}. "
        "Options replace all of them."
    )
    return [
        Heading("USD for an hour of work on a GPU of your own, by the share of hours it works"),
        Table(columns, owned, frozenset({*columns[1:-1]})),
        Heading("Against the cheapest rent of the same GPU, on demand"),
        Table(
            ("GPU", "rent/h", "from", "cheaper from", "of all hours"),
            against,
            frozenset({"rent/h", "cheaper from", "of all hours"}),
        ),
        Line(told, "dim"),
    ]


def _even(one: dict[str, Any]) -> tuple[str, str]:
    return f"{one['even_hours_per_year']:,.0f} h a year", f"{one['even_use']:.1%}"


def _gib(mebibytes: int) -> str:
    return f"{mebibytes / 1024:.1f} GiB".replace(".0 GiB", " GiB")
