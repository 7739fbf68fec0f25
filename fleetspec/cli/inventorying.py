"""``inventory``: the models of fleets as a register of models lists them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from fleetspec.cli.options import (
    answer,
    approvals_option,
    color_option,
    existing,
    given_options,
    options,
    session_option,
    show_findings,
    store_option,
    today_option,
)
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import Report


def _specs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[Path, ...]:
    return tuple(existing(ctx, param, value) for value in values)


@click.command("inventory", short_help="List groups with owner, tier, versions, last backtest and validation.")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", callback=_specs)
@options(given_options, session_option, store_option, approvals_option, today_option)
@click.option("--format", "format_", type=click.Choice(["text", "json", "csv", "markdown", "md"]), default="text",
              show_default=True, help="How to present the answer; csv and json have every column.")  # fmt: skip
@options(color_option)
def inventory_command(
    specs: tuple[Path, ...],
    given: Given,
    session: date | None,
    store: Path,
    approvals: Path | None,
    today: date | None,
    format_: str,
    no_color: bool,
) -> None:
    """List a row for each universe, group and family of the SPECs: fleet, owner, tier, how many models, data and code
    with their versions, when they were last fitted, used and backtested and how that ended, and their validation.

    What was run comes from the store, validations from approvals.yaml beside each spec; nothing is run.
    """
    from fleetspec import inventorying

    report = Report()
    data = inventorying.inventory(specs, session, store, approvals, today, report, given)
    show_findings(report, no_color)
    if format_ == "csv":
        click.echo(inventorying.as_csv(data), nl=False)
    else:
        answer("inventory", data, format_, no_color)
