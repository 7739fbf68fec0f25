"""``explain``: what a code means."""

from __future__ import annotations

import click

from fleetspec.cli.options import answer, color_option, format_option, options


@click.command("explain", short_help="Say what a code like FS201 means; without one, list all.")
@click.argument("code", required=False)
@options(format_option, color_option)
def explain_command(code: str | None, format_: str, no_color: bool) -> None:
    """Say why CODE is an error or a warning, with a wrong and a right example.

    Without CODE, list every code with its title.
    """
    from fleetspec.diagnostics import did_you_mean
    from fleetspec.rules import all_rules, rooms

    if code is None:
        answer("rules", {"rooms": [room.to_json() for room in rooms()]}, format_, no_color)
        return
    rules = {rule.code: rule for rule in all_rules()}
    rule = rules.get(code.upper())
    if rule is None:
        said = did_you_mean(code, rules)
        close = said if said.startswith("did you mean") else "`fleetspec explain` lists all codes"
        raise click.UsageError(f"no code '{code}'; {close}")
    answer("explain", rule.to_json(), format_, no_color)
