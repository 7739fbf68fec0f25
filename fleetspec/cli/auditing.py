"""``audit``: what the audit log of a fleet says, and whether it is what was written."""

from __future__ import annotations

from pathlib import Path

import click

from fleetspec.cli.options import (
    answer,
    color_option,
    format_option,
    given_options,
    options,
    show_findings,
    spec_argument,
    store_option,
)
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import ExitCode, Report, reject


@click.command("audit", short_help="Show or verify the audit log: plans, approvals, overrides, applies.")
@click.argument("what", type=click.Choice(["show", "verify"]))
@options(spec_argument)
@click.option("--head", metavar="DIGEST", default=None,
              help="A digest that was noted before: the log must still hold the line that has it.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Last lines to show; 0: all.")
@options(given_options, store_option, format_option, color_option)
def audit_command(
    what: str,
    spec: Path,
    head: str | None,
    limit: int,
    given: Given,
    store: Path,
    format_: str,
    no_color: bool,
) -> None:
    """Show the audit log of SPEC's fleet, or verify that no line was edited, deleted or moved, and say which.

    Each line holds the digest of the one before. `verify` prints the digest of the last: kept elsewhere, it tells later
    by --head whether the log still has all there was. Exit code 1 when something is wrong with the log.
    """
    from fleetspec import policing
    from fleetspec.rules.policies import AUDIT_ELSEWHERE
    from fleetspec.runtime import audit

    report = Report()
    fleet, log = policing.log_of(spec, store, Report(), given)
    policing.tell(log, report)
    if head is not None and not audit.holds(log, head):
        help = "compare it with a backup of the store; or the digest is of another fleet's log"
        report.findings += reject(AUDIT_ELSEWHERE, f"no line of '{log.path}' has the digest {head}", help=help).report
    data = policing.shown(fleet, log, limit if what == "show" else 1)
    answer("audit" if what == "show" else "audited", data | {"findings": report.to_json()}, format_, no_color)
    show_findings(report, no_color)
    if report.errors:
        raise SystemExit(int(ExitCode.ERROR))
