"""``placebo``: the fleet's alphas on shuffled returns."""

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
)
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import ExitCode, Report


@click.command("placebo", short_help="Run the alphas on shuffled returns: what is promoted there is chance.")
@options(spec_argument)
@click.option("--draws", type=click.IntRange(min=1, max=10_000), default=1, show_default=True,
              help="How often to shuffle and run.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of the first draw.")
@click.option("--block", type=click.IntRange(min=1), default=1, show_default=True,
              help="Rows that stay together; what lies within a block survives.")  # fmt: skip
@click.option("--fdr", type=click.FloatRange(min=0, max=0.5, min_open=True, max_open=True), default=0.05,
              show_default=True, help="False discovery rate where no gate says one.")  # fmt: skip
@click.option("--executor", type=click.Choice(["inline", "ray"]), default="inline", show_default=True,
              help="This process; or Ray, here or at RAY_ADDRESS.")  # fmt: skip
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path),
              help="Keep shuffled data, specs and stores in this folder.")  # fmt: skip
@options(given_options, format_option, color_option)
def placebo_command(
    spec: Path,
    draws: int,
    seed: int,
    block: int,
    fdr: float,
    executor: str,
    keep: Path | None,
    given: Given,
    format_: str,
    no_color: bool,
) -> None:
    """Shuffle the returns of SPEC's data, run its backtest on them, and count the models that would be promoted.

    Groups that forecast returns are judged as a gate `{test: diebold_mariano, shows: better}` judges them, at its rate
    or --fdr. Exit code 4 where false promotions are more than that rate explains. The fleet's own store is not touched.
    Interrupted, it ends with the job it is at; with --keep the same command goes on from there.
    """
    from fleetspec import placebo

    report = Report()
    asked = placebo.Asked(draws, seed, block, fdr, executor, keep)

    def told(done: int) -> None:
        if draws > 1:
            click.echo(f"draw {done} of {draws}", err=True)

    try:
        data = placebo.placebo(spec, asked, report, given, told)
    except KeyboardInterrupt:
        goes_on = "the same command goes on from there" if keep is not None else "without --keep nothing is kept"
        click.echo(f"interrupted; {goes_on}", err=True)
        raise SystemExit(int(ExitCode.INTERRUPTED)) from None
    answer("placebo", data, format_, no_color)
    show_findings(report, no_color)
    raise SystemExit(int(ExitCode.OK if all(one["holds"] for one in data["groups"]) else ExitCode.POLICY))
