"""``apply``, ``status`` and ``results``: running a fleet and looking at what came out."""

from __future__ import annotations

import os
import sys
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleetspec.cli.options import (
    answer,
    approvals_option,
    base_option,
    color_option,
    context_option,
    exclude_option,
    format_option,
    given_options,
    on_option,
    options,
    quiet_option,
    run_option,
    scope_option,
    session_option,
    shard_option,
    show_findings,
    spec_argument,
    store_option,
    timeout_option,
    today_option,
)
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import ExitCode, Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import TaskID

    from fleetspec.compiler.shards import Shard
    from fleetspec.pipeline import Planned
    from fleetspec.renderer.ownership import Scope
    from fleetspec.runtime.tallies import Progress


def _address(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, int] | None:
    from fleetspec.runtime.exporter import parse_address

    try:
        return None if value is None else parse_address(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def _is_on_cluster(on: str | None, context: str | None) -> bool:
    if on == "here" and context is not None:
        raise click.UsageError("--context names a cluster and --on here means none: give one of the two")
    return on == "cluster" or context is not None


@click.command("apply", short_help="Run what is missing, here or on a cluster, and store the results.")
@options(spec_argument, given_options, run_option, base_option, session_option, shard_option, store_option)
@click.option("--executor", type=click.Choice(["ray", "inline"]), default="ray", show_default=True,
              help="Ray (RAY_ADDRESS, else its own on this machine), or this process alone.")  # fmt: skip
@click.option(
    "--events",
    "log",
    metavar="FILE",
    default=None,
    help="Append what happens to FILE, a JSON line an event; - is stdout, and the answer goes to stderr.",
)
@click.option("--metrics", "address", metavar="[HOST:]PORT", default=None, callback=_address,
              help="Serve metrics for Prometheus at /metrics while it runs.")  # fmt: skip
@options(on_option, context_option, scope_option)
@click.option("--take-over", is_flag=True, help="On a cluster: write over objects and fields that others hold.")
@click.option("--no-wait", is_flag=True, help="On a cluster: do not wait for the end of the run.")
@options(timeout_option(None, "On a cluster: wait at most so long; the run goes on."))
@click.option("-y", "--yes", is_flag=True, help="Do not ask before running.")
@options(approvals_option, today_option)
@click.option("--as", "as_", metavar="NAME", default=None,
              help="Who applies [default: FLEETSPEC_ACTOR, the CI job's user, git's].")  # fmt: skip
@options(quiet_option, format_option, color_option)
def apply_command(
    spec: Path,
    given: Given,
    run: str,
    base: Path | None,
    session: date | None,
    shard: Shard | None,
    store: Path,
    executor: str,
    log: str | None,
    address: tuple[str, int] | None,
    on: str | None,
    context: str | None,
    take_over: bool,
    scope: Scope,
    no_wait: bool,
    timeout: int | None,
    yes: bool,
    approvals: Path | None,
    today: date | None,
    as_: str | None,
    quiet: bool,
    format_: str,
    no_color: bool,
) -> None:
    """Plan SPEC (a spec or a saved plan), show the plan, ask, and run what the store lacks.

    A run that counts becomes what is deployed: what `--run change`, `diff` and selectors such as state:new compare
    with by default.
    A second apply has nothing to do. Interrupt it at any moment: the same command goes on. Exit code 3 when the
    plan does not hold, 4 when a policy stops it, a second person has to approve it or a gate holds forecasts, 5
    when the data moved since the lock, 6 when too many models are quarantined.

    With --shard, part K of N alone is planned and run; one runs after the other, for a store has one writer, and the
    last one publishes.

    On a cluster the whole run is rendered and applied server side, after a dry run that must not meet anything of
    somebody else's; then it is followed to its end. Interrupted, the run goes on there.
    """
    from fleetspec import comparing, pipeline, policing
    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.revisions.person import person
    from fleetspec.runtime.listening import listening

    if _is_on_cluster(on, context):
        if log is not None or address is not None:
            raise click.UsageError("--events and --metrics are of a run here; on a cluster its pods have their own")
        from fleetspec import deploying
        from fleetspec.cli.deploying import deploy, preview

        report, who = Report(), person(as_, os.environ, Path.cwd())
        objects = deploying.reach(context)
        what = deploying.wanted(spec, RunKind(run), base, session, store, scope, report, given, shard)
        if spec.suffix == ".fsp":
            policing.check_saved(spec, what.planned, report, results=False)
        rulings = policing.rulings(what.planned, base, store, policing.Watch(approvals, today, who), report, given)
        stopped = policing.failing(rulings, report)
        show_findings(report, no_color)
        if stopped:
            raise SystemExit(int(ExitCode.POLICY))
        asked = preview(what, objects, take_over=take_over, yes=yes, quiet=quiet, no_color=no_color)
        with policing.applied(what.planned, rulings, store, who, on=objects.connection.name) as ended:
            ended["outcome"] = "handed over" if no_wait else None
            ended["code"] = deploy(what, objects, asked, quiet=quiet, wait=not no_wait, seconds=timeout,
                                   format_=format_, no_color=no_color)  # fmt: skip
        raise SystemExit(int(ended["code"]))
    if take_over or no_wait or timeout is not None:
        raise click.UsageError("--take-over, --no-wait and --timeout are for a cluster: add --on cluster")
    if log == "-" and format_ != "text":
        raise click.UsageError(f"--events - and --format {format_} would both be on stdout: name a file for the events")
    report, kind = Report(), RunKind(run)
    start = comparing.start_of(base, kind, store, report, given)
    planned = pipeline.planned(spec, kind, session, store, report, given, start=start, stored_only=True, shard=shard)
    if spec.suffix == ".fsp":
        policing.check_saved(spec, planned, report)
    comparing.check_growth(planned.compiled, base, store, report, given)
    pipeline.judge(planned, report)
    who = person(as_, os.environ, Path.cwd())
    rulings = policing.rulings(planned, base, store, policing.Watch(approvals, today, who), report, given)
    stopped = policing.failing(rulings, report)
    show_findings(report, no_color)
    if planned.plan.verdict != "feasible":
        raise SystemExit(int(ExitCode.INFEASIBLE))
    if stopped:
        raise SystemExit(int(ExitCode.POLICY))
    if not planned.done.all():
        _present(planned, no_color, yes, quiet)
    with (
        policing.applied(planned, rulings, store, who) as ended,
        listening(log, address, partial(click.echo, err=True)) as heard,
        _progress(planned, quiet) as tell,
    ):
        summary = pipeline.run(planned, store, executor, tell, heard)
        ended |= {"code": summary.exit_code, "run_record": summary.run}
    outcome = Report()
    summary.tell(outcome)
    answer("apply", summary.to_json(), format_, no_color, err=log == "-")
    show_findings(outcome, no_color)
    raise SystemExit(int(summary.exit_code))


def _present(planned: Planned, no_color: bool, yes: bool, quiet: bool) -> None:
    """Show the plan on stderr and ask; its headline is enough where nobody is asked."""
    from fleetspec.cli.options import colored, width
    from fleetspec.views import as_text

    if not yes and not sys.stdin.isatty():
        raise click.UsageError("apply asks before it runs and there is no terminal: add --yes")
    if yes and quiet:
        return
    view = "headline" if yes else "plan"
    text = as_text.view(view, planned.to_json(), width=width(), color=colored(no_color, sys.stderr))
    click.echo(text, err=True, nl=False)
    if not yes:
        click.confirm("\nRun it?", abort=True, err=True)


_GROUPS_SHOWN = 8


def told(now: Progress) -> str:
    """What stands beside the bar of a run: quarantine, and when it ends against its deadline."""
    from fleetspec.sheets.figures import span

    parts = [f"{now.quarantined} quarantined"] if now.quarantined else []
    if now.end_seconds is not None and now.done < now.total:
        parts.append(f"{span(max(now.end_seconds - now.wall_seconds, 0.0))} left")
        slack = now.deadline_seconds - now.end_seconds
        parts.append(f"{span(slack)} before the deadline" if slack >= 0 else f"{span(-slack)} LATE")
    return ", ".join(parts)


class _progress:  # noqa: N801 - a context manager, read as a verb
    """Progress bars on stderr, of the run and of its groups; silent when it is piped or ``--quiet``."""

    def __init__(self, planned: Planned, quiet: bool) -> None:
        self._shown = not quiet and sys.stderr.isatty()

    def __enter__(self) -> Callable[[Progress], None] | None:
        if not self._shown:
            return None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
        )
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("starting", total=None, told="")
        self._groups: dict[str, TaskID] = {}
        self._bar.start()
        return self._update

    def _update(self, now: Progress) -> None:
        text = f"stage {now.stage + 1} of {now.stages}"
        self._bar.update(self._task, description=text, completed=now.done, total=now.total, told=told(now))
        # Groups with the most to do: a terminal has few lines.
        for group in sorted(now.groups, key=lambda one: (-one.total, one.name))[:_GROUPS_SHOWN]:
            if group.name not in self._groups:
                self._groups[group.name] = self._bar.add_task(f"  {group.name}", total=group.total, told="")
            said = f"{group.quarantined} quarantined" if group.quarantined else ""
            self._bar.update(self._groups[group.name], completed=group.done, total=group.total, told=said)

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._bar.stop()


@click.command("status", short_help="Say what the store, or a cluster, holds of a fleet.")
@options(spec_argument)
@click.argument("selector", nargs=-1)
@options(exclude_option, base_option, given_options, session_option, store_option, on_option, context_option)
@options(format_option, color_option)
def status_command(
    spec: Path,
    selector: tuple[str, ...],
    exclude: tuple[str, ...],
    base: Path | None,
    given: Given,
    session: date | None,
    store: Path,
    on: str | None,
    context: str | None,
    format_: str,
    no_color: bool,
) -> None:
    """Count what of SPEC's runs is done, quarantined and missing in the store, with reasons.

    SELECTOR names models as in `fleetspec results`; without one, all are counted. On a cluster: every run of the fleet
    there, its pods by group, and why something waits; no store or lock is needed.
    """
    from fleetspec import looking

    report = Report()
    if _is_on_cluster(on, context):
        if selector or exclude:
            raise click.UsageError("on a cluster runs are told, not models: leave the selector out")
        from fleetspec import deploying
        from fleetspec.cli.deploying import tell_status

        place = deploying.place_of(spec, report, given)
        show_findings(report, no_color)
        return tell_status(deploying.reach(context), place, format_, no_color)
    chosen = looking.Chosen(" ".join(selector), " ".join(exclude), base)
    data = looking.status(spec, session, store, report, given, chosen)
    show_findings(report, no_color)
    return answer("status", data, format_, no_color)


@click.command("results", short_help="Print forecasts, fits, trials or evaluations of selected models.")
@options(spec_argument)
@click.argument("selector", nargs=-1)
@click.option("--table", default=None,
              type=click.Choice(["forecasts", "fits", "trials", "evaluations", "covariances", "quarantine",
                                 "published"]),
              help="What to print [default: forecasts, or evaluations of a backtest].")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Rows to print.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Save all rows as .parquet or .csv.")
@options(exclude_option, base_option, given_options, run_option, session_option, store_option)
@options(format_option, color_option)
def results_command(
    spec: Path,
    selector: tuple[str, ...],
    table: str | None,
    limit: int,
    out: Path | None,
    exclude: tuple[str, ...],
    base: Path | None,
    given: Given,
    run: str,
    session: date | None,
    store: Path,
    format_: str,
    no_color: bool,
) -> None:
    """Print what the store holds of the selected models: forecasts, fits, trials, evaluations, covariances with their
    correlations, the quarantine, or what is published.

    SELECTOR names models: family:garch, group:vol, universe:fx, series:AAPL, horizon:5, an axis such as bar:5m, or an
    address with * in it; state:new, changed, model, upstream, data, renamed or unchanged against BASE; result:done,
    quarantined, missing or failed. A space adds models, a comma keeps what both name, +x adds what x is made from, x+
    what is made from it. Without one, all models are meant.
    """
    from fleetspec import looking
    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.runtime.inventory import export

    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise click.UsageError(f"results are not written as '{out.name}': name a .csv or .parquet file")
    report = Report()
    kind = RunKind(run)
    name = table or ("evaluations" if kind is RunKind.BACKTEST else "forecasts")
    chosen = looking.Chosen(" ".join(selector), " ".join(exclude), base)
    rows = looking.results(spec, kind, session, store, chosen, name, report, given)
    if out is not None:
        export(rows.table, out)
        click.echo(f"wrote {out}", err=True)
    answer("results", rows.to_json(limit), format_, no_color)
