"""``init``: from a data file to a spec that can be locked, planned and run."""

from __future__ import annotations

from pathlib import Path

import click

from fleetspec.cli.options import answer, color_option, format_option, options


@click.command("init", short_help="Write a first spec, from CSV or Parquet files of yours or from sample data.")
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("fleet.yaml"), show_default=True,
              help="The spec to write.")  # fmt: skip
@click.option("--name", default="my-fleet", show_default=True, help="The fleet's name, at most 16 characters.")
@click.option("--key", help="Column of the series' names [default: ticker, symbol, series … by name].")
@click.option("--time", "time_", help="Column of the dates.")
@click.option("--price", help="Column of the prices; or --returns.")
@click.option("--returns", help="Column of log returns, as fractions.")
@click.option("--volume", help="Column of the volume.")
@click.option("--force", is_flag=True, help="Write over an existing spec.")
@options(format_option, color_option)
def init_command(
    data: Path | None,
    out: Path,
    name: str,
    key: str | None,
    time_: str | None,
    price: str | None,
    returns: str | None,
    volume: str | None,
    force: bool,
    format_: str,
    no_color: bool,
) -> None:
    """Write a spec for DATA: a long table (CSV or Parquet) with one row per series and date, or a folder of files, one
    for each series or all of them one table.

    Columns are recognised by name (ticker, date, close, volume …) and every choice is printed. Without DATA the
    spec uses a small synthetic market.
    """
    from fleetspec import pipeline
    from fleetspec.compiler.draft import SCHEMA, draft
    from fleetspec.compiler.schema import is_replaceable, schema_text
    from fleetspec.files import write_atomically

    if out.exists() and not force:
        raise click.UsageError(f"{out} exists; name another file with --out, or write over it with --force")
    named = {"key": key, "time": time_, "price": price, "returns": returns, "volume": volume}
    made = draft(name, data, out.parent, {role: column for role, column in named.items() if column})
    pipeline.read_text(made.text, str(out))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, made.text.encode())
    schema = out.parent / SCHEMA
    notes = list(made.notes)
    if is_replaceable(schema):
        write_atomically(schema, schema_text("fleet").encode())
        notes.append(f"{schema} is for your editor: completion and checks while you type")
    commands = [f"fleetspec {verb} {out}" for verb in ("lock", "plan", "apply", "results", "report")]
    answer("init", {"file": str(out), "notes": notes, "next": commands}, format_, no_color)
