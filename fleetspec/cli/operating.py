"""``why``, ``retry``, ``gc`` and ``reproduce``: what an operator asks of a store and does to it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from fleetspec.cli.options import (
    answer,
    base_option,
    color_option,
    exclude_option,
    format_option,
    given_options,
    options,
    run_option,
    session_option,
    show_findings,
    spec_argument,
    store_option,
)
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import Report

_select_option = click.option(
    "-s", "--select", "selector", multiple=True, metavar="SELECTOR",
    help="Which models: result:quarantined,family:garch. A space joins, a comma intersects; may be repeated.",
)  # fmt: skip


@click.command("why", short_help="Say what state models are in, and what is to blame.")
@options(spec_argument)
@click.argument("address", required=False)
@options(_select_option, exclude_option, base_option)
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Models to explain in full.")
@options(given_options, run_option, session_option, store_option, format_option, color_option)
def why_command(
    spec: Path,
    address: str | None,
    selector: tuple[str, ...],
    exclude: tuple[str, ...],
    base: Path | None,
    limit: int,
    given: Given,
    run: str,
    session: date | None,
    store: Path,
    format_: str,
    no_color: bool,
) -> None:
    """Say what state the model at ADDRESS, or every selected one, is in, and why.

    Done: when, where, how long. Reused: since which run. Quarantined: the reason, and what would change it. Missing:
    what it waits for, down to the job to blame. Not asked for: which run of the spec has it.
    """
    from fleetspec import looking
    from fleetspec.compiler.jobgraph import RunKind

    if (address is None) == (not selector):
        raise click.UsageError("name one model by its ADDRESS, or several with -s SELECTOR")
    report = Report()
    chosen = looking.Chosen(" ".join(selector), " ".join(exclude), base)
    data = looking.why(spec, RunKind(run), session, store, address, chosen, limit, report, given)
    show_findings(report, no_color)
    answer("why", data, format_, no_color)
