"""``lint``: manifests of Ray and Kueue, ours or not."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fleetspec.cli.options import answer, color_option, options, say_findings, show_findings
from fleetspec.diagnostics import ExitCode, Report, Source


@click.command("lint", short_help="Check Ray and Kueue manifests by the rules of those who will run them.")
@click.argument("paths", nargs=-1, required=True, metavar="FILE|DIR|-...")
@click.option(
    "--pod-security", type=click.Choice(["restricted", "baseline", "privileged"]), default="restricted",
    show_default=True, help="What namespaces enforce that are not among the manifests.",
)  # fmt: skip
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown", "sarif", "github"]), default="text",
    show_default=True, help="How to present the answer; sarif and github give the findings to a code review.",
)  # fmt: skip
@options(color_option)
def lint_command(paths: tuple[str, ...], pod_security: str, format_: str, no_color: bool) -> None:
    """Check manifests of RayJob, RayCluster, RayService, RayCronJob and Kueue, whoever wrote them.

    What the API server, KubeRay, Kueue and Pod Security would refuse is an error, and so is what all of them take and
    no run survives. Folders are searched for .yaml, .yml and .json; `-` reads standard input. Nothing is sent anywhere.
    """
    from fleetspec.lint.finding import STANDARD_INPUT, manifests_in, text_of, text_of_input
    from fleetspec.lint.linting import lint

    report = Report()
    named: list[Source | None] = []
    searched: list[Source | None] = []
    for path in paths:
        if path == STANDARD_INPUT:
            named.append(text_of_input(sys.stdin.buffer, report))
        elif Path(path).is_dir():
            searched += [text_of(each, report) for each in manifests_in(Path(path), report)]
        else:
            named.append(text_of(Path(path), report))
    counted = lint(
        [source for source in named if source is not None],
        [source for source in searched if source is not None],
        report,
        level=pod_security,
    )
    said = say_findings(report, Path(paths[0]), format_)
    show_findings(report, no_color)
    if not said:
        answer("lint", counted.to_json() | {"findings": report.to_json()}, format_, no_color)
    if report.errors:
        raise SystemExit(int(ExitCode.ERROR))
