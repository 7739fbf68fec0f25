"""``validate``, ``lock`` and ``compile``: what a spec says."""

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
    say_findings,
    session_option,
    show_findings,
    spec_argument,
)
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import Rejected, Report


@click.command("validate", short_help="Read a spec and say everything that is wrong with it.")
@options(spec_argument, given_options)
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown", "sarif", "github"]), default="text",
    show_default=True, help="How to present the answer; sarif and github give the findings to a code review.",
)  # fmt: skip
@options(color_option)
def validate_command(spec: Path, given: Given, format_: str, no_color: bool) -> None:
    """Read SPEC and say everything that is wrong with it, with line, column and the way out.

    Needs neither data nor lock.
    """
    from fleetspec import pipeline

    report = Report()
    try:
        read = pipeline.read(spec, pipeline.world(), report, given)
    except Rejected as ending:
        say_findings(ending.report, spec, format_)
        raise
    if say_findings(report, spec, format_):
        show_findings(report, no_color)
        return
    data = {
        "file": str(spec),
        "universes": len(read.spec.universes),
        "groups": len(read.spec.models),
        "findings": report.to_json(),
    }
    show_findings(report, no_color)
    answer("validate", data, format_, no_color)


@click.command("lock", short_help="Pin members, lengths and data versions beside the spec.")
@options(spec_argument, given_options, format_option, color_option)
def lock_command(spec: Path, given: Given, format_: str, no_color: bool) -> None:
    """Read the data of SPEC and pin its series, lengths and versions in a lock file beside it.

    fleet.yaml gets fleet.lock. Commit the lock: with it `plan` needs no data, and a run refuses data that differ.
    """
    from fleetspec import pipeline
    from fleetspec.compiler.census import describe_data
    from fleetspec.compiler.lock import lock_path
    from fleetspec.files import write_atomically

    report = Report()
    around = pipeline.world()
    read = pipeline.read(spec, around, report, given)
    with advancing("series") as progress:
        pinned = pipeline.lock(read, around, progress)
    target = lock_path(spec)
    write_atomically(target, pinned.to_bytes())
    show_findings(report, no_color)
    answer("lock", {"file": str(target), "data": describe_data(read.spec, pinned)}, format_, no_color)


@click.command("compile", short_help="Expand a spec to its job graph and count what is in it.")
@options(spec_argument, given_options, run_option, session_option)
@click.option("--show-defaults", is_flag=True, help="Print every value of the spec with its origin; compile nothing.")
@options(format_option, color_option)
def compile_command(
    spec: Path, given: Given, run: str, session: date | None, show_defaults: bool, format_: str, no_color: bool
) -> None:
    """Expand SPEC and its lock to the job graph of a run, and count models, variants, fits, trials, windows, forecasts,
    evaluations and stages.

    With --show-defaults neither lock nor data are needed.
    """
    from fleetspec import pipeline
    from fleetspec.compiler.census import describe_graph
    from fleetspec.compiler.jobgraph import RunKind

    report = Report()
    around = pipeline.world()
    read = pipeline.read(spec, around, report, given)
    if show_defaults:
        from fleetspec.compiler.defaults import every_value

        show_findings(report, no_color)
        values = every_value(read.spec, read.document)
        answer("defaults", {"file": str(spec), "values": values}, format_, no_color)
        return
    compiled = pipeline.compile(read, around, report, RunKind(run), session)
    show_findings(report, no_color)
    answer("compile", describe_graph(compiled.graph), format_, no_color)
