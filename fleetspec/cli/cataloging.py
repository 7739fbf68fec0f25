"""``catalog``: machines, GPUs and runtimes that plans are made with."""

from __future__ import annotations

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


def _shipped() -> Catalog:
    from fleetspec.catalog.loading import shipped

    return shipped()


def _show(view: str, data: dict[str, Any], format_: str, no_color: bool) -> None:
    answer(view, data, format_, no_color)


@catalog_command.command("offers")
@click.option("--gpu", help="Only machines with this GPU; `none` for machines without.")
@options(_today, format_option, color_option)
def offers_command(gpu: str | None, today: date | None, format_: str, no_color: bool) -> None:
    """Machines a pool may name as its offer, the cheapest of each GPU first."""
    from fleetspec.catalog.listing import offers
    from fleetspec.diagnostics import did_you_mean

    catalog = _shipped()
    if gpu is not None and gpu != "none" and gpu not in catalog.devices:
        raise click.UsageError(f"the catalog has no GPU '{gpu}'; {did_you_mean(gpu, catalog.devices)}")
    _show("offers", offers(catalog, gpu, today or date.today()), format_, no_color)


@catalog_command.command("gpus")
@options(format_option, color_option)
def gpus_command(format_: str, no_color: bool) -> None:
    """GPU models: usable memory, MIG profiles, and the cheapest machine with one."""
    from fleetspec.catalog.listing import gpus

    _show("gpus", gpus(_shipped()), format_, no_color)


@catalog_command.command("runtimes")
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


@catalog_command.command("check")
@click.option("--max-age", type=click.IntRange(min=0), default=120, show_default=True, help="Days a price may be old.")
@options(_today, format_option, color_option)
def check_command(max_age: int, today: date | None, format_: str, no_color: bool) -> None:
    """Say how old the price lists are; exit code 5 when one is older than --max-age days."""
    from fleetspec.catalog.listing import aged

    data = aged(_shipped(), max_age, today or date.today())
    _show("prices", data, format_, no_color)
    if data["old"]:
        raise SystemExit(int(ExitCode.STALE))
