"""``graph`` and ``ls``: what a spec expands to, as a drawing and as a list."""

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

_LISTED = 1000


@click.command("graph", short_help="Draw the job graph in a few boxes.")
@options(spec_argument, given_options, run_option, session_option)
@click.option("--by", type=click.Choice(["task", "group", "family", "universe"]), default="group", show_default=True,
              help="The finest name that keeps boxes apart.")  # fmt: skip
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown", "mermaid", "dot"]), default="text",
    show_default=True, help="How to present the answer; mermaid and dot are drawings.",
)  # fmt: skip
@options(color_option)
def graph_command(
    spec: Path, given: Given, run: str, session: date | None, by: str, format_: str, no_color: bool
) -> None:
    """Draw the job graph of a run of SPEC: jobs merged into boxes by group and task, never one node per job."""
    from fleetspec import pipeline
    from fleetspec.compiler.drawing import drawing
    from fleetspec.compiler.jobgraph import RunKind

    report = Report()
    data = drawing(pipeline.compiled_for(spec, RunKind(run), session, None, report, given)[0].graph, by)
    show_findings(report, no_color)
    if format_ == "mermaid":
        from fleetspec.views import as_mermaid

        click.echo(as_mermaid.view(data), nl=False)
    elif format_ == "dot":
        from fleetspec.views import as_dot

        click.echo(as_dot.view(data), nl=False)
    else:
        answer("graph", data, format_, no_color)


@click.command("ls", short_help="List the models of a spec, all or selected.")
@options(spec_argument)
@click.option("-s", "--select", "selector", multiple=True, metavar="SELECTOR",
              help="Which: family:garch,universe:fx. A space joins, a comma intersects; may be repeated.")  # fmt: skip
@options(exclude_option, base_option)
@click.option("--limit", type=click.IntRange(0), default=_LISTED, show_default=True, help="At most so many; 0 is all.")
@options(given_options, run_option, session_option, store_option, format_option, color_option)
def ls_command(
    spec: Path,
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
    """List addresses of the models of SPEC, one a line: fleet/universe/group/family/series/horizon.

    A selector is field:pattern (family, group, universe, series, horizon, an axis, state or result), or an address
    with `*`; `+x` adds what x is made from, `x+` what is made from x. state: compares with --base, or with what is
    deployed; result: asks the store.
    """
    from fleetspec import comparing, looking, pipeline
    from fleetspec.compiler.jobgraph import RunKind

    report, kind = Report(), RunKind(run)
    start = comparing.start_of(base, kind, store, report, given)
    compiled, _ = pipeline.compiled_for(spec, kind, session, None, report, given, start)
    chosen = looking.Chosen(" ".join(selector), " ".join(exclude), base)
    data = looking.listing(compiled, looking.chosen_models(compiled, chosen, store, report, given), limit)
    show_findings(report, no_color)
    answer("ls", data, format_, no_color)
    if data["more"]:
        click.echo(f"{data['more']:,} more of {data['models']:,}; --limit 0 lists all", err=True)
