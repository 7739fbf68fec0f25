"""``diff``: what changes between two specs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from fleetspec.cli.options import (
    answer,
    color_option,
    format_option,
    given_options,
    options,
    run_option,
    session_option,
    show_findings,
)
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import ExitCode, Report


@click.command("diff", short_help="Say what changes between two specs: models, cost, capacity, slack.")
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("head", type=click.Path(path_type=Path))
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when something changes.")
@options(given_options, run_option, session_option, format_option, color_option)
def diff_command(
    base: Path,
    head: Path,
    detailed_exitcode: bool,
    given: Given,
    run: str,
    session: date | None,
    format_: str,
    no_color: bool,
) -> None:
    """Compare spec BASE with spec HEAD: models added, changed with the reason, removed; cost, end and nodes.

    Each side uses the lock beside it; vars and profiles are given to both. No store is read: both sides are planned
    from nothing.
    """
    from fleetspec import pipeline
    from fleetspec.compiler.jobgraph import RunKind

    report = Report()
    sides = [pipeline.planned(path, RunKind(run), session, None, report, given) for path in (base, head)]
    review = pipeline.compare(*sides)
    show_findings(report, no_color)
    answer("diff", review.to_json(), format_, no_color)
    if detailed_exitcode and not review.is_empty:
        raise SystemExit(int(ExitCode.CHANGES))
