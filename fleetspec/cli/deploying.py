"""``apply`` and ``status`` on a cluster, and ``drift``, ``destroy`` and ``doctor``."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleetspec.cli.options import (
    answer,
    base_option,
    color_option,
    colored,
    context_option,
    format_option,
    given_options,
    options,
    run_option,
    scope_option,
    session_option,
    show_findings,
    spec_argument,
    store_option,
    timeout_option,
    width,
)
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import ExitCode, Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetspec.cluster.applying import Preview, Step
    from fleetspec.cluster.objects import Objects
    from fleetspec.cluster.state import RunState
    from fleetspec.deploying import Place, Wanted
    from fleetspec.renderer.ownership import Scope

platform_option = click.option("--platform", is_flag=True,
                               help="Objects that serve more than this fleet too, such as queues.")  # fmt: skip


def preview(what: Wanted, objects: Objects, *, take_over: bool, yes: bool, quiet: bool, no_color: bool) -> Preview:
    """The cluster's dry run, shown, and asked about where it would write."""
    from fleetspec import deploying

    asked = deploying.previewed(objects, what, take_over)
    if not asked.is_done:
        _present(what, objects, asked, yes, quiet, no_color)
    return asked


def deploy(
    what: Wanted,
    objects: Objects,
    asked: Preview,
    *,
    quiet: bool,
    wait: bool,
    seconds: int | None,
    format_: str,
    no_color: bool,
) -> ExitCode:
    """Apply what the dry run promised and follow the run; its exit code."""
    from fleetspec import deploying
    from fleetspec.cluster.applying import carry_out

    if not asked.is_done:
        carry_out(objects, asked, _teller(quiet))
    try:
        with _Spinner(quiet) as tell:
            outcome = deploying.followed(objects, asked.record, seconds if wait else 0, tell)
    except KeyboardInterrupt:
        click.echo(
            f"\n{asked.record.job} goes on on the cluster. How it stands: fleetspec status SPEC --on cluster; "
            "to end it: fleetspec destroy SPEC; to wait again: the same apply.",
            err=True,
        )
        return ExitCode.INTERRUPTED
    cluster = what.planned.compiled.read.spec.cluster
    data = {
        "context": objects.connection.name,
        "fleet": what.place.fleet,
        "namespace": what.place.namespace,
        "steps": [step.to_json() for step in asked.steps],
        "state": outcome.state.to_json(),
        "summary": outcome.summary,
        "results": f"in the volume mounted at {cluster.store}; where it is: fleetspec results SPEC --store FOLDER",
    }
    answer("deployed", data, format_, no_color)
    if not wait and outcome.state.goes_on:
        return ExitCode.OK
    said = Report()
    outcome.tell(said)
    show_findings(said, no_color)
    return outcome.exit_code


def _present(what: Wanted, objects: Objects, asked: Preview, yes: bool, quiet: bool, no_color: bool) -> None:
    """Show the plan and what the cluster's dry run says of it on stderr, and ask."""
    from fleetspec.views import as_text

    if not yes and not sys.stdin.isatty():
        raise click.UsageError("apply asks before it writes to a cluster and there is no terminal: add --yes")
    if yes and quiet:
        return
    style: dict[str, Any] = {"width": width(), "color": colored(no_color, sys.stderr)}
    steps = {
        "context": objects.connection.name,
        "namespace": what.place.namespace,
        "steps": [step.to_json() for step in asked.steps],
        "left": [f"{value['kind']} {value['metadata']['name']}" for value in what.left],
    }
    click.echo(as_text.view("headline" if yes else "plan", what.planned.to_json(), **style), err=True)
    click.echo(as_text.view("steps", steps, **style), err=True, nl=False)
    if not yes:
        click.confirm("\nApply it?", abort=True, err=True)


def _teller(quiet: bool) -> Callable[[Step], None]:
    past = {"create": "created", "change": "changed", "keep": "kept"}
    return lambda step: None if quiet else click.echo(f"{past[step.action]} {step.ref}", err=True)


class _Spinner:
    """What a run is doing, on stderr: a line where that changes, and on a terminal the pods beside a spinner."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._said: tuple[str, ...] = ()
        self._status: Any = None

    def __enter__(self) -> Callable[[RunState], None]:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("asking the cluster")
            self._status.start()
        return self._tell

    def _tell(self, state: RunState) -> None:
        if self._status is not None:
            pods = ", ".join(f"{group.name} {group.running}/{group.planned}" for group in state.groups)
            self._status.update(f"{state.words}" + (f" · pods {pods}" if pods else ""))
        words = (state.words, *state.why)
        if not self._quiet and words != self._said:
            click.echo("\n  ".join((f"{state.job}: {state.words}", *state.why)), err=True)
        self._said = words

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()


def tell_status(objects: Objects, place: Place, format_: str, no_color: bool) -> None:
    """Every run of a fleet on a cluster."""
    from fleetspec import deploying

    answer("on_cluster", deploying.status(objects, place), format_, no_color)


@click.command("drift", short_help="Compare what is on a cluster with what the spec renders.")
@options(spec_argument, context_option, scope_option)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when something differs.")
@options(given_options, run_option, base_option, session_option, store_option, format_option, color_option)
def drift_command(
    spec: Path,
    context: str | None,
    scope: Scope,
    detailed_exitcode: bool,
    given: Given,
    run: str,
    base: Path | None,
    session: date | None,
    store: Path,
    format_: str,
    no_color: bool,
) -> None:
    """Render SPEC and hold it against the cluster: objects that are missing, changed and by whom, or there beside.

    The cluster itself says, by a dry run, what the rendered objects would be with its defaults; nothing is written.
    """
    from fleetspec import deploying
    from fleetspec.compiler.jobgraph import RunKind

    report, objects = Report(), deploying.reach(context)
    what = deploying.wanted(spec, RunKind(run), base, session, store, scope, report, given)
    show_findings(report, no_color)
    data = deploying.drifted(objects, what)
    answer("drift", data, format_, no_color)
    if detailed_exitcode and data["differing"]:
        raise SystemExit(int(ExitCode.CHANGES))


def _optional(ctx: click.Context, param: click.Parameter, value: str | None) -> Path | None:
    return None if value is None else Path(value)


optional_spec = click.argument("spec", required=False, callback=_optional)
fleet_option = click.option("--fleet", metavar="NAME", default=None, help="The fleet, where there is no spec of it.")
namespace_option = click.option("--namespace", metavar="NAME", default=None,
                                help="Its namespace [default: the spec's, or fleetspec].")  # fmt: skip


def located(spec: Path | None, fleet: str | None, namespace: str | None, report: Report, given: Given) -> Place:
    """The fleet that is meant, by its spec or by its name."""
    from fleetspec import deploying

    if (spec is None) == (fleet is None):
        raise click.UsageError("name the fleet by its spec or by --fleet NAME, one of the two")
    if spec is not None:
        if not spec.exists():
            raise click.UsageError(f"there is no file {spec}; a fleet without its spec: --fleet NAME")
        found = deploying.place_of(spec, report, given)
        return deploying.Place(found.fleet, namespace or found.namespace)
    assert fleet is not None
    return deploying.Place(fleet, namespace or "fleetspec")


@click.command("destroy", short_help="Remove a fleet, or runs of it, from a cluster.")
@options(optional_spec, fleet_option, namespace_option, context_option)
@click.option("--job", metavar="NAME", default=None, help="One run alone, by the name of its RayJob.")
@click.option("--finished", is_flag=True, help="Runs that have ended alone.")
@options(platform_option, timeout_option("10m", "How long to wait until all is gone [default: 10m]."))
@click.option("-y", "--yes", is_flag=True, help="Do not ask before removing.")
@options(given_options, format_option, color_option)
def destroy_command(
    spec: Path | None,
    fleet: str | None,
    namespace: str | None,
    context: str | None,
    job: str | None,
    finished: bool,
    platform: bool,
    timeout: int,
    yes: bool,
    given: Given,
    format_: str,
    no_color: bool,
) -> None:
    """Remove what a fleet has on a cluster: jobs first, each object until it is gone, the records of its runs last.

    Only objects with the fleet's labels go, found by the records of its runs and by the labels themselves. The store's
    volume and what is in it stay. It may be interrupted at any moment: the same command goes on.
    """
    from fleetspec import deploying
    from fleetspec.cluster.removing import remove

    if job is not None and finished:
        raise click.UsageError("--job names one run and --finished all that have ended: give one of the two")
    report = Report()
    place = located(spec, fleet, namespace, report, given)
    show_findings(report, no_color)
    objects = deploying.reach(context)
    what = deploying.going(objects, place, job, finished, platform)
    data = {"context": objects.connection.name, "namespace": place.namespace, "done": False, **what.to_json()}
    if not yes:
        _ask_to_remove(data, no_color)
    with _doing("removing"):
        remove(objects, what, float(timeout))
    answer("destroy", {**data, "done": True}, format_, no_color)


def _ask_to_remove(data: dict[str, Any], no_color: bool) -> None:
    from fleetspec.views import as_text

    if not sys.stdin.isatty():
        raise click.UsageError("destroy asks before it removes and there is no terminal: add --yes")
    text = as_text.view("destroy", data, width=width(), color=colored(no_color, sys.stderr))
    click.echo(text, err=True, nl=False)
    if data["removed"]:
        click.confirm("\nRemove it?", abort=True, err=True)


def _doing(words: str) -> AbstractContextManager[Any]:
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(words)


@click.command("doctor", short_help="Check that a cluster is fit for a fleet.")
@options(optional_spec, context_option, namespace_option)
@options(given_options, run_option, base_option, session_option, store_option, format_option, color_option)
def doctor_command(
    spec: Path | None,
    context: str | None,
    namespace: str | None,
    given: Given,
    run: str,
    base: Path | None,
    session: date | None,
    store: Path,
    format_: str,
    no_color: bool,
) -> None:
    """Check versions, kinds, permissions, nodes, quotas, Pod Security and the store of a cluster, each with a way out.

    With SPEC they are held against its plan; without, against what any fleet needs. Exit code 1 when something would
    keep a run from starting. Nothing is written.
    """
    from fleetspec import deploying
    from fleetspec.compiler.jobgraph import RunKind

    report, objects = Report(), deploying.reach(context)
    what, place = None, deploying.Place("", namespace or "fleetspec")
    if spec is not None:
        if not spec.exists():
            raise click.UsageError(f"there is no file {spec}")
        what = deploying.wanted(spec, RunKind(run), base, session, store, "platform", report, given)
        place = deploying.Place(what.place.fleet, namespace or what.place.namespace)
    show_findings(report, no_color)
    data = deploying.doctor(objects, place, what)
    answer("doctor", data, format_, no_color)
    if any(one["state"] == "bad" for one in data["checks"]):
        raise SystemExit(int(ExitCode.ERROR))
