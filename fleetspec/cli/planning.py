"""``plan`` and ``show``: what a fleet needs, and what one model is."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from msgspec.structs import replace

from fleetspec.cli.options import (
    advancing,
    answer,
    approvals_option,
    base_option,
    changes_given,
    chart_library,
    color_option,
    format_option,
    given_options,
    options,
    run_option,
    session_option,
    show_findings,
    spec_argument,
    store_option,
    today_option,
)
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import ExitCode, Report

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.pipeline import Planned, Start


@click.command("plan", short_help="Say what to buy, what it costs, and whether the run ends in time.")
@options(spec_argument, given_options, run_option, base_option, session_option, store_option)
@options(approvals_option, today_option)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Save plan, graph and manifests as one file; with --format html, the page.",
)
@click.option("--what-if", "what_if", multiple=True, metavar="ROUTE=VALUE", callback=changes_given,
              help="Compare with the plan under a value like hardware.pool.max=3; may be repeated.")  # fmt: skip
@click.option("--frontier", is_flag=True, help="Cost against deadline: executed plans from the fastest on.")
@click.option("--full", is_flag=True, help="Also the backtest's bill, and what other layouts of GPUs would cost.")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown", "md", "html"]), default="text",
    show_default=True, help="How to present the answer; html is a page with charts, with all of --full and --frontier.",
)  # fmt: skip
@options(color_option)
def plan_command(
    spec: Path,
    given: Given,
    run: str,
    base: Path | None,
    session: date | None,
    store: Path,
    approvals: Path | None,
    today: date | None,
    out: Path | None,
    what_if: tuple[tuple[str, str], ...],
    frontier: bool,
    full: bool,
    format_: str,
    no_color: bool,
) -> None:
    """Size the pools of SPEC for a run: nodes, layouts, cost, end against the deadline, and how good the answer is.

    Needs the lock, not the data. What the store already holds is reused. A change is the night of SPEC on the data of
    BASE, without what BASE has. Exit code 3 when no plan holds, 4 when a policy stops it.
    """
    from fleetspec import advising, comparing, pipeline, policing
    from fleetspec.compiler.jobgraph import RunKind

    page = format_ == "html"
    if frontier + bool(what_if) + (out is not None or page) > 1:
        raise click.UsageError("--what-if, --frontier, and --out or html are three answers; ask for one at a time")
    report, kind = Report(), RunKind(run)
    start = comparing.start_of(base, kind, store, report, given)
    planned = pipeline.planned(spec, kind, session, store, report, given, start=start)
    comparing.check_growth(planned.compiled, base, store, report, given)
    if what_if:
        _show_what_if(planned, spec, kind, session, store, start, given, what_if, format_, no_color)
    if frontier:
        _show_frontier(planned, spec, store, format_, no_color)
    with advancing("answers") as progress:
        told = advising.advice(planned, store if spec.suffix != ".fsp" else None, full=full or page, progress=progress)
    watch = policing.Watch(approvals, today)
    rulings = policing.rulings(planned, base, store, watch, report, given)
    data = planned.to_json() | {"advice": told, "policies": [one.to_json() for one in rulings]}
    if page:
        _write_page(planned, data, spec, store, out)
    else:
        answer("plan", data, format_, no_color)
    advising.warn(planned, told, report)
    pipeline.judge(planned, report)
    stopped = policing.failing(rulings, report)
    show_findings(report, no_color)
    if out is not None and not page:
        _save(planned, out, store)
    code = ExitCode.INFEASIBLE if advising.over_month(told) else pipeline.verdict_exit(planned.plan)
    raise SystemExit(int(ExitCode.POLICY if stopped and code is ExitCode.OK else code))


def _save(planned: Planned, out: Path, store: Path) -> None:
    from fleetspec import pipeline, policing
    from fleetspec.revisions.person import person

    pipeline.save(planned, out)
    policing.saved(planned, store, person(None, os.environ, Path.cwd()))
    click.echo(f"saved {out}, the plan {planned.plan.digest}", err=True)


def _write_page(planned: Planned, data: dict[str, Any], spec: Path, store: Path, out: Path | None) -> None:
    """The plan as one HTML file, or on stdout; without the chart library it has its tables alone."""
    from fleetspec import comparing
    from fleetspec.files import write_atomically
    from fleetspec.views import as_html

    with advancing("plans") as progress:
        points = comparing.frontier(planned, store if spec.suffix != ".fsp" else None, progress)
    page = as_html.plan(data, points, chart_library())
    if out is None:
        click.echo(page, nl=False)
        return
    write_atomically(out, page.encode())
    click.echo(f"wrote {out}", err=True)


def _show_what_if(
    planned: Planned,
    spec: Path,
    run: RunKind,
    session: date | None,
    store: Path,
    start: Start | None,
    given: Given,
    changes: tuple[tuple[str, str], ...],
    format_: str,
    no_color: bool,
) -> NoReturn:
    """The plan as it is against that of the changed spec; the exit code is the changed one's."""
    from fleetspec import comparing, pipeline

    if spec.suffix == ".fsp":
        raise click.UsageError("a saved plan is complete; name the spec it was made of")
    report = Report()
    other = pipeline.planned(spec, run, session, store, report, replace(given, changes=changes), start=start)
    review = comparing.compare(planned, other, report, store)
    answer("diff", review.to_json(), format_, no_color)
    pipeline.judge(other, report)
    show_findings(report, no_color)
    raise SystemExit(int(pipeline.verdict_exit(other.plan)))


def _show_frontier(planned: Planned, spec: Path, store: Path, format_: str, no_color: bool) -> NoReturn:
    from fleetspec import comparing, pipeline

    with advancing("plans") as progress:
        data = comparing.frontier(planned, store if spec.suffix != ".fsp" else None, progress)
    answer("frontier", data, format_, no_color)
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
    from fleetspec import advising, looking, pipeline, policing
    from fleetspec.compiler.jobgraph import RunKind

    report = Report()
    if spec.suffix == ".fsp":
        if address is not None or origin:
            raise click.UsageError("a saved plan is shown whole; name the spec to show one model")
        made = pipeline.reopened(spec, None, report, given)
        # Advice is not in the file: it follows from spec, lock and catalog, and is made anew.
        rulings = policing.rulings(made, None, None, policing.Watch(), report, given)
        judged = {"policies": [one.to_json() for one in rulings]}
        data, view = made.to_json() | {"advice": advising.advice(made, None)} | judged, "plan"
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
