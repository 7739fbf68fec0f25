"""``comment``: the review of a pull request or merge request, as a comment on it."""

from __future__ import annotations

import json
import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from fleetspec.cli.options import (
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
from fleetspec.cli.reviewing import SidesAndPaths, compared, data_option
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import Report, reject
from fleetspec.rules.forges import NOT_A_REVIEW

if TYPE_CHECKING:
    from fleetspec.comparing import Asking
    from fleetspec.forges.places import Target
    from fleetspec.forges.sticky import Behavior, Posted


def _tag(ctx: click.Context, param: click.Parameter, value: str) -> str:
    from fleetspec.forges.sticky import TAG

    if not TAG.fullmatch(value):
        raise click.BadParameter(f"'{value}' is no tag; write small letters, digits and '-'", ctx, param)
    return value


@click.command("comment", cls=SidesAndPaths, short_help="Post what a pull request changes as a comment on it.")
@click.argument("forge", type=click.Choice(["github", "gitlab"]))
@options(click.argument("sides", nargs=-1, metavar="[BASE...HEAD] [-- PATH...]"))
@click.option("--from", "source", type=click.Path(path_type=Path, allow_dash=True), default=None, metavar="FILE",
              help="Post a review made by diff BASE...HEAD --format json; '-' is stdin.")  # fmt: skip
@click.option("--behavior", type=click.Choice(["update", "new", "delete-and-new"]), default="update", show_default=True,
              help="Bring the one comment up to date, add another, or replace it by a new one at the end.")  # fmt: skip
@click.option("--tag", default="review", show_default=True, callback=_tag,
              help="Name in the comment's hidden mark; each tag has a comment of its own.")  # fmt: skip
@click.option("--repo", default=None, metavar="NAME", help="OWNER/NAME, or GitLab's project [default: the CI job's].")
@click.option("--number", type=click.IntRange(min=1), default=None,
              help="The pull request or merge request [default: the CI job's].")  # fmt: skip
@click.option(
    "--api", default=None, metavar="URL", help="The forge's API [default: the CI job's, else the public one]."
)
@click.option("--dry-run", is_flag=True, help="Print the comment and ask the forge nothing.")
@options(data_option, given_options, run_option, session_option, approvals_option, today_option)
@options(format_option, color_option)
def comment_command(
    forge: str,
    sides: tuple[str, ...],
    paths: tuple[str, ...],
    source: Path | None,
    behavior: str,
    tag: str,
    repo: str | None,
    number: int | None,
    api: str | None,
    dry_run: bool,
    data: bool,
    given: Given,
    run: str,
    session: date | None,
    approvals: Path | None,
    today: date | None,
    format_: str,
    no_color: bool,
) -> None:
    """Compare as `diff BASE...HEAD -- PATH...` does, and post the answer on the pull request of this CI job.

    A comment is found again by a hidden mark and brought up to date; jobs that post at once end in one comment. The
    token is taken from GITHUB_TOKEN or GH_TOKEN, or from GITLAB_TOKEN, and never printed. Without one that may write,
    as in jobs of forks, the command says so and ends with 0. The exit code tells of posting alone; diff judges.
    """
    from fleetspec.comparing import Asking
    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.diagnostics import Rejected
    from fleetspec.forges import places
    from fleetspec.forges.sticky import mark
    from fleetspec.views import as_comment

    report = Report()
    how = Asking(RunKind(run), session, given, data, approvals=approvals, today=today)
    review = _review(source, sides, paths, how)
    try:
        written = as_comment.view(review, mark(tag))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as fault:
        if source is None:
            raise
        # Whoever wrote the file may be anybody.
        message = f"{source} is not what diff writes: {type(fault).__name__} {fault}"
        raise reject(NOT_A_REVIEW, message, help=_MAKE) from None
    facts: dict[str, Any] = {"bytes": len(written.text.encode()), "dropped": list(written.dropped), "forge": forge}
    try:
        where: Target | None = places.target(forge, os.environ, repo, number, api)
    except Rejected:
        if not dry_run:
            raise
        where = None
    if dry_run:
        posted = {"done": "dry run", "url": None, "removed": 0}
    else:
        assert where is not None
        done = _posted(where, written.text, cast("Behavior", behavior), tag, bool(review["specs"]), report)
        posted = {"done": done.done, "url": done.url, "removed": done.removed}
    show_findings(report, no_color)
    found = {**facts, **posted, "on": None if where is None else str(where), "findings": report.to_json()}
    if dry_run and format_ != "json":
        click.echo(written.text, nl=False)
        return
    answer("comment", found | ({"body": written.text} if dry_run else {}), format_, no_color)


def _review(source: Path | None, sides: tuple[str, ...], paths: tuple[str, ...], how: Asking) -> dict[str, Any]:
    """The JSON of a diff between two refs."""
    if (source is None) == (not sides):
        raise click.UsageError("name two states of the repository, main...HEAD, or a review: --from review.json")
    if source is None:
        view, found, _, _ = compared(sides, paths, how, "json")
        if view != "diffs":
            raise click.UsageError("a comment is about states of a repository: main...HEAD -- specs/")
        return found
    text = sys.stdin.read() if str(source) == "-" else source.read_text(encoding="utf-8")
    try:
        held = json.loads(text)
    except ValueError as error:
        raise reject(NOT_A_REVIEW, f"{source} is not JSON: {error}", help=_MAKE) from None
    lacking = _PARTS - held.keys() if isinstance(held, dict) else _PARTS
    if lacking:
        raise reject(NOT_A_REVIEW, f"{source} has no '{min(lacking)}'", help=_MAKE)
    return cast(dict[str, Any], held)


_MAKE = "make it: fleetspec diff main...HEAD --format json > review.json"
_PARTS = frozenset({"base", "head", "run", "data", "specs", "total", "changes"})


def _posted(where: Target, body: str, behavior: Behavior, tag: str, worth: bool, report: Report) -> Posted:
    """What was done. A token that may not write is a warning in the report; all else that fails is Rejected."""
    from fleetspec.forges import places
    from fleetspec.forges.calls import Denied, Gone
    from fleetspec.forges.sticky import Posted, post
    from fleetspec.rules.forges import NO_WRITE_TOKEN, REFUSED

    secret = places.token(where.forge, os.environ)
    if secret is None:
        names = " or ".join(places.TOKENS[where.forge])
        help = f"jobs of forks have none; elsewhere set {names}"
        report.add(NO_WRITE_TOKEN, f"nothing is posted on {where}: {names} is not set", help=help)
        return Posted("skipped")
    try:
        return post(places.thread(where, secret), body, behavior, tag, worth=worth)
    except Denied as answer:
        help = "jobs of forks may only read; elsewhere give the job the right: permissions: {pull-requests: write}"
        if where.forge == "gitlab":
            help = (
                "jobs of forks may only read; elsewhere use a token with the scope api and the role Reporter or above"
            )
        report.add(NO_WRITE_TOKEN, f"nothing is posted on {where}: the forge says '{answer}'", help=help)
        return Posted("skipped")
    except Gone:
        help = "check --repo and --number, and that the token may read the repository"
        raise reject(REFUSED, f"{where} does not exist, or this token cannot see it", help=help) from None
