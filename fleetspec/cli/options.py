"""Arguments that many commands share, and how a command speaks: data on stdout, findings on stderr."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from fleetspec import __version__
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import Report
from fleetspec.objects import SCHEMES, as_path

if TYPE_CHECKING:
    from fleetspec.compiler.shards import Shard

F = TypeVar("F", bound=Callable[..., Any])


class Day(click.ParamType[date]):
    """A calendar day, year-month-day."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"'{value}' is not a date; write year-month-day: 2026-11-23", param, ctx)


def existing(ctx: click.Context, param: click.Parameter, value: str) -> Path:
    path = Path(value)
    if path.is_dir():
        raise click.UsageError(f"{value} is a folder; name the spec file in it", ctx)
    if path.suffix == ".lock":
        raise click.UsageError(
            f"{value} is a lock; name the spec that it lies beside: {path.with_suffix('.yaml')}", ctx
        )
    return path


def _values(ctx: click.Context, param: click.Parameter, listed: tuple[str, ...]) -> dict[str, str]:
    values: dict[str, str] = {}
    for entry in listed:
        name, sign, value = entry.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"'{entry}' gives no var a value; write --var name=value", ctx, param)
        if name in values:
            raise click.BadParameter(f"'{name}' is given twice; keep one of the two", ctx, param)
        values[name] = value
    return values


def changes_given(ctx: click.Context, param: click.Parameter, listed: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """``hardware.pool.max=3`` as route and value, each route once."""
    found: dict[str, str] = {}
    for entry in listed:
        route, sign, value = entry.partition("=")
        if not sign or not route or not value:
            message = f"'{entry}' changes nothing; write --what-if route=value: hardware.pool.max=3"
            raise click.BadParameter(message, ctx, param)
        if route in found:
            raise click.BadParameter(f"'{route}' is given twice; keep one of the two", ctx, param)
        found[route] = value
    return tuple(found.items())


def _base(ctx: click.Context, param: click.Parameter, value: str | None) -> Path | None:
    # A base that no limit looks at would be let pass whatever it is.
    if value is not None and not Path(value).exists():
        raise click.BadParameter(f"'{value}' does not exist; name a spec or a saved plan", ctx, param)
    return None if value is None else existing(ctx, param, value)


spec_argument = click.argument("spec", callback=existing)


class StorePath(click.Path):
    """A folder, or a prefix of a bucket by s3:// or gs://."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and value.startswith(SCHEMES):
            if not value.partition("://")[2].strip("/"):
                self.fail(f"'{value}' names no bucket", param, ctx)
            return as_path(value)
        return super().convert(value, param, ctx)


store_option = click.option(
    "--store", type=StorePath(), default=Path(".fleetspec"), show_default=True,
    help="Folder of results, or s3://bucket/prefix or gs://; what it holds is reused.",
)  # fmt: skip
run_option = click.option(
    "--run", "run", type=click.Choice(["nightly", "change", "backtest"]), default="nightly", show_default=True,
    help="What is due this session, what an edit makes necessary, or every window of the walk-forward.",
)  # fmt: skip


def _shard(ctx: click.Context, param: click.Parameter, value: str | None) -> Shard | None:
    from fleetspec.compiler.shards import Shard

    try:
        return None if value is None else Shard.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


shard_option = click.option(
    "--shard", metavar="K/N", default=None, callback=_shard,
    help="Only part K of the N that the run is split into; models that rest on each other stay together.",
)  # fmt: skip
session_option = click.option(
    "--session", type=Day(), default=None, help="The session the night follows [default: the last in the lock]."
)
approvals_option = click.option(
    "--approvals", type=click.Path(path_type=Path, dir_okay=False), default=None, metavar="FILE",
    help="Overrides, approvals and validations [default: approvals.yaml beside the spec].",
)  # fmt: skip
today_option = click.option(
    "--today", type=Day(), default=None,
    help="The day by which overrides expire and prices grow old [default: the session].",
)  # fmt: skip
base_option = click.option(
    "--base", callback=_base, default=None, metavar="BASE",
    help="Spec or saved plan to compare with [default: what is deployed in the store].",
)  # fmt: skip
exclude_option = click.option(
    "--exclude", multiple=True, metavar="SELECTOR", help="Leave out what this selector names; may be repeated."
)
format_option = click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown", "md"]), default="text", show_default=True,
    help="How to present the answer; md is markdown.",
)  # fmt: skip
color_option = click.option("--no-color", is_flag=True, help="Plain text; NO_COLOR does the same.")
on_option = click.option(
    "--on", type=click.Choice(["here", "cluster"]), default=None,
    help="This machine and its store, or a cluster [default: here; with --context cluster].",
)  # fmt: skip
context_option = click.option(
    "--context", metavar="NAME", default=None, help="Cluster: a context of the kubeconfig [default: its current one]."
)
scope_option = click.option(
    "--scope", type=click.Choice(["run", "fleet", "platform"]), default="fleet", show_default=True,
    help="On a cluster: objects of this run alone, of the fleet too, or also those that serve more than the fleet.",
)  # fmt: skip
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress and no hints on stderr.")


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    from fleetspec.units import Duration, UnitError

    try:
        return None if value is None else Duration.parse(value).seconds
    except UnitError as error:
        raise click.BadParameter(f"{error}; write 90s, 45m or 8h", ctx, param) from None


def timeout_option(default: str | None, help: str) -> Callable[[F], F]:
    """``--timeout``, in seconds once it is read."""
    return click.option("--timeout", metavar="DURATION", default=default, callback=_seconds, help=help)


def given_options(function: F) -> F:
    """``--var``, ``--profile`` and ``--prices``; the command gets them, with the environment, as ``given``."""

    @click.option("--var", "vars_", multiple=True, metavar="NAME=VALUE", callback=_values,
                  help="Give a var of the spec a value; may be repeated.")  # fmt: skip
    @click.option("--profile", "profiles", multiple=True, metavar="NAME",
                  help="Lay profiles/NAME.yaml over the spec; may be repeated, in order.")  # fmt: skip
    @click.option("--prices", type=click.Path(path_type=Path, dir_okay=False), default=None, metavar="FILE",
                  help="A price book in place of the spec's: a file of kind: Prices.")  # fmt: skip
    @functools.wraps(function)
    def command(
        *arguments: Any, vars_: dict[str, str], profiles: tuple[str, ...], prices: Path | None, **others: Any
    ) -> Any:
        return function(*arguments, given=Given(vars_, profiles, os.environ, prices=prices), **others)

    return cast(F, command)


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Apply several option decorators, the first one shown first."""

    def apply(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def colored(no_color: bool, stream: Any = None) -> bool:
    """Whether to colour: a terminal, no NO_COLOR, no --no-color."""
    return not no_color and "NO_COLOR" not in os.environ and bool((stream or sys.stdout).isatty())


@contextmanager
def advancing(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr that is told how many of how many are done; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def chart_library() -> str | None:
    """The source of plotly.js, as the plotly package of the [report] extra carries it; None where it is missing."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        return None
    source: str = get_plotlyjs()
    return source


def width() -> int:
    """Columns to fill: the terminal's, 80 where there is none, never above 110."""
    import shutil

    return max(60, min(shutil.get_terminal_size((80, 24)).columns, 110))


def answer(view: str, data: Any, format_: str, no_color: bool = False, err: bool = False) -> None:
    """Print ``data`` on stdout (stderr with ``err``) through the view of that name in the format asked for."""
    if format_ == "json":
        click.echo(json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False), err=err)
    elif format_ in ("markdown", "md"):
        from fleetspec.views import as_markdown

        click.echo(as_markdown.view(view, data), nl=False, err=err)
    else:
        from fleetspec.views import as_text

        color = colored(no_color, sys.stderr if err else None)
        click.echo(as_text.view(view, data, width=width(), color=color), nl=False, err=err)


def say_findings(report: Report, spec: Path, format_: str) -> bool:
    """Print diagnostics on stdout for a machine; False where the format is not one of findings alone."""
    if format_ == "sarif":
        from fleetspec.rules import all_rules
        from fleetspec.views import as_sarif

        rules = [rule.to_json() for rule in all_rules()]
        log = as_sarif.view(report.to_json(), rules, about=str(spec), version=__version__)
        click.echo(json.dumps(log, indent=2, ensure_ascii=False, allow_nan=False))
    elif format_ == "github":
        from fleetspec.views import as_github

        click.echo(as_github.view(report.to_json()), nl=False)
    else:
        return False
    return True


def show_findings(report: Report, no_color: bool = False) -> None:
    """Print diagnostics on stderr, in reading order."""
    if len(report) == 0:
        return
    from fleetspec.views import as_text

    text = as_text.view("findings", report.to_json(), width=width(), color=colored(no_color, sys.stderr))
    click.echo(text, err=True, nl=False)
