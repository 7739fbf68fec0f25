"""``plan`` and ``show``: what a fleet needs, and what one model is."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from fleetspec.cli.options import (
    answer,
    base_option,
    color_option,
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


@click.command("plan", short_help="Say what to buy, what it costs, and whether the run ends in time.")
@options(spec_argument, given_options, run_option, base_option, session_option, store_option)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Save plan, graph and manifests as one file."
)
@options(format_option, color_option)
def plan_command(
    spec: Path,
    given: Given,
    run: str,
    base: Path | None,
    session: date | None,
    store: Path,
    out: Path | None,
    format_: str,
    no_color: bool,
) -> None:
    """Size the pools of SPEC for a run: nodes, layouts, cost, end against the deadline, and how good the answer is.

    Needs the lock, not the data. What the store already holds is reused. A change is the night of SPEC on the data of
    BASE, without what BASE has. Exit code 3 when no plan holds.
    """
    from fleetspec import comparing, pipeline
    from fleetspec.compiler.jobgraph import RunKind

    report, kind = Report(), RunKind(run)
    start = comparing.start_of(base, kind, store, report, given)
    planned = pipeline.planned(spec, kind, session, store, report, given, start=start)
    comparing.check_growth(planned.compiled, base, store, report, given)
    answer("plan", planned.to_json(), format_, no_color)
    pipeline.judge(planned, report)
    show_findings(report, no_color)
    if out is not None:
        pipeline.save(planned, out)
        click.echo(f"saved {out}", err=True)
    raise SystemExit(int(pipeline.verdict_exit(planned.plan)))


@click.command("show", short_help="Show one model, or where its settings come from; or a saved plan.")
@click.argument("spec", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("address", required=False)
@click.option("--origin", is_flag=True, help="Where each setting comes from: every file and line, the oldest first.")
@options(given_options, run_option, session_option, store_option, format_option, color_option)
def show_command(
    spec: Path,
    address: str | None,
    origin: bool,
    given: Given,
    run: str,
    session: date | None,
    store: Path,
    format_: str,
    no_color: bool,
) -> None:
    """Show the model at ADDRESS of SPEC (fleet/universe/group/family/series/horizon), or a saved plan file.

    A model shows its family, parameters, window, search, digests, and what the store holds of it; with --origin, the
    place of each setting instead. `fleetspec ls SPEC` lists addresses.
    """
    from fleetspec import looking, pipeline
    from fleetspec.compiler.jobgraph import RunKind

    report = Report()
    if spec.suffix == ".fsp":
        if address is not None or origin:
            raise click.UsageError("a saved plan is shown whole; name the spec to show one model")
        data, view = pipeline.reopened(spec, None, report, given).to_json(), "plan"
    elif address is None:
        raise click.UsageError(
            "name a model: fleetspec show SPEC fleet/universe/group/family/series/horizon; `ls` lists them"
        )
    elif origin:
        compiled, _ = pipeline.compiled_for(spec, RunKind(run), session, None, report, given)
        data, view = looking.origin(compiled, address), "origin"
    else:
        data, view = looking.model(spec, RunKind(run), session, store, address, report, given), "model"
    answer(view, data, format_, no_color)
