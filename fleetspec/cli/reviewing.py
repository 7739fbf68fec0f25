"""``diff``: what changes between two specs, or between two states of a repository."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from fleetspec.cli.options import (
    StorePath,
    answer,
    approvals_option,
    color_option,
    format_option,
    given_options,
    options,
    run_option,
    session_option,
    show_findings,
    today_option,
)
from fleetspec.cli.writing import Wanted, asking, write, write_option
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import ExitCode, Report

if TYPE_CHECKING:
    from fleetspec.comparing import Asking

F = TypeVar("F", bound=Callable[..., Any])


class SidesAndPaths(click.Command):
    """Keeps apart what stands before and after ``--``, as git does; the command gets the latter as ``paths``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        rest = super().parse_args(ctx, args[:at])
        ctx.params["paths"] = tuple(args[at + 1 :])
        return rest


sides_argument = click.argument("sides", nargs=-1, metavar="[BASE] [HEAD | -- PATH...]")
data_option = click.option(
    "--data", is_flag=True, help="Let each side have the data of its own lock, so that new data count as changes too."
)


def compared(
    sides: tuple[str, ...], paths: tuple[str, ...], how: Asking, format_: str
) -> tuple[str, dict[str, Any], Report, bool]:
    """The sheet and the JSON of a comparison, what to print of its findings, and whether the head is at fault."""
    from fleetspec import reviewing
    from fleetspec.revisions.asked import Between, between

    asked = between(sides[0]) if sides else None
    if asked is None and len(sides) == 2 and paths:
        asked, sides = Between(sides[0], sides[1], False), sides[:1]
    if asked is not None:
        found = reviewing.reviews(asked, (*sides[1:], *paths), how)
        return "diffs", found.to_json(), found.findings(shown=format_ != "json"), found.failed
    named = (*sides, *paths)
    if not 1 <= len(named) <= 2:
        raise click.UsageError("name one or two specs, or two states of the repository: main..HEAD -- specs/")
    return _of_two(named, how, format_)


def _of_two(named: tuple[str, ...], how: Asking, format_: str) -> tuple[str, dict[str, Any], Report, bool]:
    from fleetspec import comparing, reviewing
    from fleetspec.revisions.asked import at_ref

    report = Report()
    found = [at_ref(text) or Path(text) for text in named]
    many = reviewing.folders(found, how)
    if many is not None:
        return "diffs", many.to_json(), many.findings(shown=format_ != "json"), many.failed
    if all(isinstance(side, Path) for side in found):
        made = comparing.between(*_base_and_head(cast(list[Path], found)), how, report)
        return "diff", made.to_json(), report, bool(report.errors)
    with reviewing.files(found) as (read, naming):
        made = comparing.between(*_base_and_head(read), how, report)
        return "diff", naming.data(made.to_json()), naming.report(report), bool(report.errors)


def _base_and_head(files: list[Path]) -> tuple[Path | None, Path]:
    return (files[0], files[1]) if len(files) == 2 else (None, files[0])


def stopped(found: dict[str, Any]) -> bool:
    """Whether a policy stops what the JSON of a comparison tells of."""
    reviews = [one["review"] for one in found["specs"]] if "specs" in found else [found]
    return any(ruling["outcome"] == "fail" for review in reviews if review for ruling in review.get("policies", ()))


@click.command(
    "diff", cls=SidesAndPaths, short_help="Say what changes between two specs, or two states of a repository."
)
@options(sides_argument)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when something changes.")
@click.option("--store", type=StorePath(), default=None,
              help="Folder of results: what it holds is not made necessary, and what is deployed in it is the base of "
                   "a single spec [default there: .fleetspec].")  # fmt: skip
@options(data_option, given_options, run_option, session_option, approvals_option, today_option, write_option)
@options(format_option, color_option)
def diff_command(
    sides: tuple[str, ...],
    paths: tuple[str, ...],
    detailed_exitcode: bool,
    store: Path | None,
    data: bool,
    given: Given,
    run: str,
    session: date | None,
    approvals: Path | None,
    today: date | None,
    wanted: Wanted,
    format_: str,
    no_color: bool,
) -> None:
    """Compare BASE with HEAD: what the specs say otherwise, which models that changes and why, the work it makes
    necessary, cost, end and nodes.

    Each is a spec, a saved plan, or REF:path, a spec as it is at a git ref; with one alone, it is compared with what is
    deployed. Of two folders all specs are compared. main..HEAD compares every spec below the PATHs that differs between
    two refs, main...HEAD since they parted. Nothing is checked out: the files of a ref go to a temporary folder, what
    they extend and their locks too.

    Both sides have the data of the base's lock, so that only what the specs say differs; --data lets each have its own.
    Vars and profiles are given to both. Both sides are planned from nothing. The policies of both judge what changes;
    exit code 4 when one of them stops it.
    """
    from fleetspec.comparing import Asking
    from fleetspec.compiler.jobgraph import RunKind

    how = Asking(RunKind(run), session, given, data, store, approvals, today, **asking(wanted))
    # Whoever has a form written to stdout wants that alone there, and findings on stderr as with JSON.
    alone = any(str(path) == "-" for _, path in wanted)
    view, found, report, failed = compared(sides, paths, how, "json" if alone else format_)
    if wanted and view != "diffs":
        raise click.UsageError("--write is about states of a repository, or two folders: main...HEAD -- specs/")
    weighed = [spec.pop("sides", None) for spec in found.get("specs", ())]
    show_findings(report, no_color)
    if not alone:
        answer(view, found, format_, no_color)
    write(found, wanted, weighed)
    if failed:
        raise SystemExit(int(ExitCode.ERROR))
    if stopped(found):
        raise SystemExit(int(ExitCode.POLICY))
    if detailed_exitcode and found["changes"]:
        raise SystemExit(int(ExitCode.CHANGES))
