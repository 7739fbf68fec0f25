"""``catalog``: machines, GPUs and runtimes that plans are made with."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleetspec.cli.options import Day, StorePath, answer, color_option, format_option, options
from fleetspec.diagnostics import ExitCode

if TYPE_CHECKING:
    from fleetspec.catalog.types import Catalog

_today = click.option("--today", type=Day(), default=None, hidden=True, help="The day that ages are counted to.")


@click.group("catalog", short_help="List the machines, GPUs and runtimes that plans are made with.")
def catalog_command() -> None:
    """Machines with their dated prices, GPUs with the ways to cut them, and how long jobs take."""


_prices = click.option("--prices", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
                       help="Lay this price book over the shipped prices: a file of kind: Prices.")  # fmt: skip


def _catalog(prices: Path | None) -> Catalog:
    """The shipped catalog, with a price book laid over it."""
    from fleetspec.catalog.loading import shipped

    if prices is None:
        return shipped()
    from fleetspec.compiler.price_books import book_of_file, laid_over
    from fleetspec.diagnostics import Report

    return laid_over(shipped(), book_of_file(prices, shipped(), Report()))


def _show(view: str, data: dict[str, Any], format_: str, no_color: bool) -> None:
    answer(view, data, format_, no_color)


@catalog_command.command("offers", short_help="Machines that a pool may name as its offer.")
@click.option("--gpu", help="Only machines with this GPU; `none` for machines without.")
@options(_prices, _today, format_option, color_option)
def offers_command(gpu: str | None, prices: Path | None, today: date | None, format_: str, no_color: bool) -> None:
    """Machines a pool may name as its offer, the cheapest of each GPU first."""
    from fleetspec.catalog.listing import offers
    from fleetspec.diagnostics import did_you_mean

    catalog = _catalog(prices)
    if gpu is not None and gpu != "none" and gpu not in catalog.devices:
        raise click.UsageError(f"the catalog has no GPU '{gpu}'; {did_you_mean(gpu, catalog.devices)}")
    _show("offers", offers(catalog, gpu, today or date.today()), format_, no_color)


@catalog_command.command("gpus", short_help="GPU models: usable memory, and how they are cut.")
@options(_prices, format_option, color_option)
def gpus_command(prices: Path | None, format_: str, no_color: bool) -> None:
    """GPU models: usable memory, MIG profiles and partitions, and the cheapest machine with one."""
    from fleetspec.catalog.listing import gpus

    _show("gpus", gpus(_catalog(prices)), format_, no_color)


@catalog_command.command("compare", short_help="Machines at the prices of two price books.")
@click.argument("book", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("other", type=click.Path(path_type=Path, dir_okay=False), required=False)
@options(_today, format_option, color_option)
def compare_command(book: Path, other: Path | None, today: date | None, format_: str, no_color: bool) -> None:
    """What each machine costs in price book BOOK and in OTHER, or as shipped: the difference, and what only one has."""
    from fleetspec.catalog.listing import compared

    _show("compared", compared(_catalog(other), _catalog(book), today or date.today()), format_, no_color)


@catalog_command.command("runtimes", short_help="How long a job takes on each device.")
@click.argument("family", required=False)
@click.option("--store", type=StorePath(), default=None,
              help="Folder of results whose measured runtimes outweigh the shipped ones; with --fleet.")  # fmt: skip
@click.option("--fleet", help="The fleet in the store.")
@options(format_option, color_option)
def runtimes_command(family: str | None, store: Path | None, fleet: str | None, format_: str, no_color: bool) -> None:
    """How long a job of FAMILY takes on each device, measured or ASSUMED, with its source."""
    from fleetspec import pipeline
    from fleetspec.catalog.listing import runtimes

    if (store is None) != (fleet is None):
        raise click.UsageError("--store and --fleet go together: a store keeps what it measured by fleet")
    _show("runtimes", runtimes(pipeline.world(store, fleet).catalog, family), format_, no_color)


def _quotes(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, float]:
    quotes: dict[str, float] = {}
    for text in given:
        gpu, _, figure = text.partition("=")
        try:
            usd = float(figure)
        except ValueError:
            usd = math.nan
        if not (gpu and 0 < usd < 1e9):
            raise click.BadParameter(f"'{text}' is not a GPU and its price: write H100-80GB=27500")
        quotes[gpu] = usd
    return quotes


@catalog_command.command("rent-or-buy", short_help="From how many hours a year on buying is cheaper.")
@click.option("--price", "quotes", metavar="GPU=USD", multiple=True, callback=_quotes,
              help="A quote in place of the published purchase price; may be repeated.")  # fmt: skip
@click.option("--years", type=click.FloatRange(0, 50, min_open=True), help="Years a GPU is used.")
@click.option("--host", "host_usd", type=click.FloatRange(0, 1e6), help="USD a GPU for its share of the host.")
@click.option("--upkeep", type=click.FloatRange(0, 1), help="Upkeep a year, as a share of the purchase: 0.08.")
@click.option("--kwh", "usd_per_kwh", type=click.FloatRange(0, 10), help="USD per kWh.")
@click.option("--overhead", type=click.FloatRange(1, 5), help="Power at the meter over the GPU's own.")
@options(_prices, format_option, color_option)
def rent_or_buy_command(
    quotes: dict[str, float], prices: Path | None, format_: str, no_color: bool, **terms: float | None
) -> None:
    """What an hour of work costs on a GPU of your own, and from how many hours a year on buying is cheaper.

    Options replace what is ASSUMED; the answer prints it all.
    """
    from msgspec.structs import replace

    from fleetspec.catalog.ownership import purchases, rent_or_buy, shipped_terms
    from fleetspec.diagnostics import did_you_mean

    known = [one.gpu for one in purchases({})]
    for gpu in quotes:
        if gpu not in known:
            raise click.UsageError(f"no purchase price is known of a '{gpu}'; {did_you_mean(gpu, known)}")
    chosen = replace(shipped_terms(), **{name: value for name, value in terms.items() if value is not None})
    _show("rent_or_buy", rent_or_buy(_catalog(prices), chosen, quotes), format_, no_color)


@catalog_command.command("check", short_help="How old the price lists are.")
@click.option("--max-age", type=click.IntRange(min=0), default=120, show_default=True, help="Days a price may be old.")
@options(_prices, _today, format_option, color_option)
def check_command(max_age: int, prices: Path | None, today: date | None, format_: str, no_color: bool) -> None:
    """Say how old the price lists are; exit code 5 when one is older than --max-age days."""
    from fleetspec.catalog.listing import aged

    data = aged(_catalog(prices), max_age, today or date.today())
    _show("prices", data, format_, no_color)
    if data["old"]:
        raise SystemExit(int(ExitCode.STALE))
