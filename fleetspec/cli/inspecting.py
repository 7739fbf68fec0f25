"""``quality``: the data of a fleet held against what its spec asks of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from fleetspec.cli.options import (
    advancing,
    answer,
    color_option,
    format_option,
    given_options,
    options,
    run_option,
    session_option,
    show_findings,
    spec_argument,
)
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import Report


@click.command("quality", short_help="Hold every series against the quality that a spec asks for.")
@options(spec_argument)
@click.option("--fresh", is_flag=True, help="Read the data as they are now, without the lock, and measure everything.")
@options(given_options, run_option, session_option, format_option, color_option)
@click.pass_context
def quality_command(
    ctx: click.Context,
    spec: Path,
    fresh: bool,
    given: Given,
    run: str,
    session: date | None,
    format_: str,
    no_color: bool,
) -> None:
    """Say of every series of SPEC what its quality gate finds: missing, stale, jumps, repeated dates, prices that stand
    still, sessions without a bar and bars without a session, unit roots. Nothing is run or written.

    Series are judged as they were locked, as a plan and a run do. --fresh reads the data instead, and shows the worst
    of every check, asked for or not. Exit code 6: more fail than max_quarantined allows.
    """
    from fleetspec import inspecting
    from fleetspec.compiler.jobgraph import RunKind

    report = Report()
    with advancing("series") as progress:
        data = inspecting.inspect(spec, RunKind(run), session, report, given, fresh=fresh, tell=progress)
    show_findings(report, no_color)
    answer("quality", data, format_, no_color)
    ctx.exit(int(inspecting.verdict_of(data)))
