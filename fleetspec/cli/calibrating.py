"""``calibrate``: a pilot before the night, and what the nights before say."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from fleetspec.cli.options import (
    answer,
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
from fleetspec.diagnostics import ExitCode, Report


@click.command("calibrate", short_help="Measure a few jobs of each class, so that plans need not guess.")
@options(spec_argument)
@click.option("-s", "--select", "selector", multiple=True, metavar="SELECTOR",
              help="Whose jobs: family:garch [default: all]. A space joins, a comma intersects.")  # fmt: skip
@options(exclude_option)
@click.option("--sample", type=click.IntRange(min=1, max=1000), default=3, show_default=True,
              help="Jobs a class: the largest, the median, the smallest, then more between.")  # fmt: skip
@click.option("--executor", type=click.Choice(["inline", "ray"]), default="inline", show_default=True,
              help="This process, on CPUs; or Ray, here or at RAY_ADDRESS.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Propose and price the pilot; run nothing.")
@click.option("--check", "check_", is_flag=True, help="Hold finished runs against what they were planned with.")
@options(given_options, run_option, session_option, store_option, format_option, color_option)
def calibrate_command(
    spec: Path,
    selector: tuple[str, ...],
    exclude: tuple[str, ...],
    sample: int,
    executor: str,
    dry_run: bool,
    check_: bool,
    given: Given,
    run: str,
    session: date | None,
    store: Path,
    format_: str,
    no_color: bool,
) -> None:
    """Run a pilot of SPEC into the store, so that the next plan rests on measured runtimes.

    Its results are kept: the night finds them done. With --check, nothing runs: the share of jobs below their
    predicted p95 in every finished run, and exit code 5 where it leaves 90 % to 98 %.
    """
    from fleetspec import calibrating, looking
    from fleetspec.compiler.jobgraph import RunKind

    report = Report()
    if check_:
        if dry_run or selector or exclude:
            raise click.UsageError("--check looks at all finished runs; leave out --dry-run, --select and --exclude")
        data = calibrating.check(spec, store, report, given)
        answer("coverage", data, format_, no_color)
        show_findings(report, no_color)
        raise SystemExit(int(ExitCode.STALE if any(row["alarm"] for row in data["rows"]) else ExitCode.OK))
    if spec.suffix == ".fsp":
        raise click.UsageError("a saved plan is complete; name the spec it was made of")
    chosen = looking.Chosen(" ".join(selector), " ".join(exclude))
    asked = calibrating.Asked(sample, executor, dry_run)
    data = calibrating.calibrate(spec, RunKind(run), session, store, chosen, asked, report, given)
    answer("calibrate", data, format_, no_color)
    show_findings(report, no_color)
