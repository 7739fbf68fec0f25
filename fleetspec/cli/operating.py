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
from fleetspec.diagnostics import ExitCode, Report

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


_runs_option = click.option(
    "--run", "run", type=click.Choice(["nightly", "change", "backtest"]), default=None,
    help="The run meant [default: the nightly one and the backtest].",
)  # fmt: skip


@click.command("retry", short_help="Take jobs out of quarantine: the next apply runs them again.")
@options(spec_argument)
@click.option("-s", "--select", "selector", multiple=True, required=True, metavar="SELECTOR",
              help="Whose jobs: result:quarantined for all. A space joins, a comma intersects.")  # fmt: skip
@options(exclude_option, base_option, given_options, _runs_option, session_option, store_option)
@options(format_option, color_option)
def retry_command(
    spec: Path,
    selector: tuple[str, ...],
    exclude: tuple[str, ...],
    base: Path | None,
    given: Given,
    run: str | None,
    session: date | None,
    store: Path,
    format_: str,
    no_color: bool,
) -> None:
    """Take the quarantined jobs of the selected models out of quarantine, so that the next `apply` runs them again.

    What they were quarantined for goes with them, and what was quarantined for them. For faults of a machine: the same
    data give a family's own verdict again. Stop it at any moment; a second retry has nothing to do.
    """
    from fleetspec import looking, tending
    from fleetspec.compiler.jobgraph import RunKind

    report = Report()
    chosen = looking.Chosen(" ".join(selector), " ".join(exclude), base)
    kind = None if run is None else RunKind(run)
    data = tending.retry(spec, kind, session, store, chosen, report, given)
    show_findings(report, no_color)
    answer("retry", data, format_, no_color)


@click.command("gc", short_help="Remove from a store what no ledger row or no deployed graph needs.")
@click.argument("what", metavar="STORE|SPEC", type=click.Path(exists=True, path_type=Path))
@click.option("--keep-days", type=click.FloatRange(min=0), default=30.0, show_default=True,
              help="Keep what was written in the last N days, needed or not.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be freed; remove nothing.")
@options(given_options, session_option, store_option, format_option, color_option)
def gc_command(
    what: Path,
    keep_days: float,
    dry_run: bool,
    given: Given,
    session: date | None,
    store: Path,
    format_: str,
    no_color: bool,
) -> None:
    """Free what nothing needs in STORE (a folder, or one fleet's in it), or in the store of SPEC.

    Needed is what a deployed run has in its graph, and with SPEC what that has. Where nothing is deployed, only files
    without a ledger row go. A store that a run holds is left alone (exit code 1); stop it at any moment.
    """
    from fleetspec import tending

    report = Report()
    if what.is_dir():
        data = tending.gc_store(what, keep_days, dry_run)
    else:
        data = tending.gc_spec(what, session, store, keep_days, dry_run, report, given)
    show_findings(report, no_color)
    answer("gc", data, format_, no_color)
    if any(fleet["held"] for fleet in data["fleets"]):
        raise SystemExit(int(ExitCode.ERROR))


@click.command("reproduce", short_help="Make one model again and compare it with the store, bit by bit.")
@options(spec_argument)
@click.argument("address")
@click.option("--window", type=click.IntRange(min=0), default=None, help="One window of a backtest [default: all].")
@options(given_options, run_option, session_option, store_option, format_option, color_option)
def reproduce_command(
    spec: Path,
    address: str,
    window: int | None,
    given: Given,
    run: str,
    session: date | None,
    store: Path,
    format_: str,
    no_color: bool,
) -> None:
    """Fit and forecast the model at ADDRESS again, here and from the locked data, and compare with the store.

    Exit code 0 where every job gives what is stored: the same bits, or for results from a GPU within the tolerance its
    family states; 1 with the differences, or where nothing could be compared. Nothing is written.
    """
    from fleetspec import tending
    from fleetspec.compiler.jobgraph import RunKind

    report = Report()
    data = tending.reproduce(spec, RunKind(run), session, store, address, window, report, given)
    show_findings(report, no_color)
    answer("reproduce", data, format_, no_color)
    if data["verdict"] != "same":
        raise SystemExit(int(ExitCode.ERROR))
