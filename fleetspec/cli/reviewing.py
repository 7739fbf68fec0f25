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


@click.command("diff", short_help="Say what changes between two specs: models, work, cost, capacity.")
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("head", type=click.Path(path_type=Path), required=False)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when something changes.")
@click.option("--store", type=click.Path(path_type=Path, file_okay=False), default=None,
              help="Folder of results: what it holds is not made necessary, and what is deployed in it is the base of "
                   "a single spec [default there: .fleetspec].")  # fmt: skip
@options(given_options, run_option, session_option, format_option, color_option)
def diff_command(
    base: Path,
    head: Path | None,
    detailed_exitcode: bool,
    store: Path | None,
    given: Given,
    run: str,
    session: date | None,
    format_: str,
    no_color: bool,
) -> None:
    """Compare BASE with HEAD: what the specs say otherwise, which models that changes and why, the work it makes
    necessary, cost, end and nodes.

    Each is a spec or a saved plan; with one alone, it is compared with what is deployed. A spec uses the lock beside
    it; vars and profiles are given to both. Both sides are planned from nothing.
    """
    from fleetspec import comparing
    from fleetspec.compiler.jobgraph import RunKind

    report, kind = Report(), RunKind(run)
    first, second = (base, head) if head is not None else (None, base)
    if first is None:
        store = store or Path(".fleetspec")
    sides = comparing.sides(first, second, kind, session, store, report, given)
    review = comparing.compare(*sides, report, store)
    show_findings(report, no_color)
    answer("diff", review.to_json(), format_, no_color)
    if report.errors:
        raise SystemExit(int(ExitCode.ERROR))
    if detailed_exitcode and not review.is_empty:
        raise SystemExit(int(ExitCode.CHANGES))
