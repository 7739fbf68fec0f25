"""``fmt`` and ``schema``: what editors and reviews need, apart from what a spec means."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from fleetspec.cli.options import color_option, colored, options, show_findings
from fleetspec.diagnostics import ExitCode, Report

if TYPE_CHECKING:
    from fleetspec.diagnostics import Source

_STDIN = "-"


@click.command("fmt", short_help="Lay specs out in one canonical way; comments stay.")
@click.argument("files", nargs=-1, required=True)
@click.option("--check", is_flag=True, help="Write nothing; name what would change and end with exit code 1.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
@options(color_option)
def fmt_command(files: tuple[str, ...], check: bool, diff: bool, no_color: bool) -> None:
    """Write FILES in the canonical layout; `-` reads stdin and writes stdout.

    Values, comments, anchors and the order of keys stay; indentation, quotes, line breaks in brackets and the
    columns of neighbours are made one. A file that cannot be read is left as it is (exit code 1).
    """
    from fleetspec.files import write_atomically

    report, changed, refused = Report(), 0, False
    for name in files:
        source = _read(name, report)
        result = None if source is None else _formatted(source, report)
        if source is None or result is None:
            refused = True
            continue
        is_new = result != source.text
        changed += is_new
        if diff:
            _show_diff(source, result, no_color)
        elif check:
            if is_new:
                click.echo(f"{source.name} would change", err=name == _STDIN)
        elif name == _STDIN:
            click.echo(result, nl=False)
        elif is_new:
            write_atomically(Path(name).resolve(), result.encode())
            click.echo(f"{name} changed")
    show_findings(report, no_color)
    if refused or (check and changed):
        raise SystemExit(int(ExitCode.ERROR))


def _read(name: str, report: Report) -> Source | None:
    from fleetspec.compiler.compose import read_source
    from fleetspec.diagnostics import Place, Source, Span
    from fleetspec.rules import reading

    if name != _STDIN:
        return read_source(Path(name), report)
    data = sys.stdin.buffer.read()
    try:
        return Source("<stdin>", data.decode().removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        text = data.decode(errors="replace")
        place = Place(Source("<stdin>", text), Span(len(data[: error.start].decode()), len(text)))
        report.add(reading.NOT_UTF8, f"byte 0x{data[error.start]:02x} is not UTF-8", place=place, help="send UTF-8")
        return None


def _formatted(source: Source, report: Report) -> str | None:
    from fleetspec.compiler.formatting import FormatError, formatted

    try:
        return formatted(source, report)
    except FormatError as error:
        click.echo(f"Error: {source.name} is left as it is: {error}", err=True)
        return None


def _show_diff(source: Source, result: str, no_color: bool) -> None:
    import difflib

    lines = difflib.unified_diff(
        source.text.splitlines(keepends=True), result.splitlines(keepends=True), source.name, f"{source.name} (fmt)"
    )
    paint = {"+": "green", "-": "red", "@": "cyan"} if colored(no_color) else {}
    for line in lines:
        # The last line of a file may lack its end.
        click.echo(click.style(line.rstrip("\n"), fg=paint.get(line[0])) if paint else line.rstrip("\n"))


@click.command("schema", short_help="Print the JSON Schema of the language, for editors.")
@click.option("--kind", type=click.Choice(["fleet", "defaults", "approvals"]), default="fleet", show_default=True,
              help="A whole spec, a file of defaults that specs extend, or one of approvals.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file instead.")
def schema_command(kind: Literal["fleet", "defaults", "approvals"], out: Path | None) -> None:
    """Print the JSON Schema (Draft 2020-12) of specs, made from the language itself.

    An editor takes it from a spec's first line:

    \b
    # yaml-language-server: $schema=fleet.schema.json
    """
    from fleetspec.compiler.schema import schema_text
    from fleetspec.files import write_atomically

    text = schema_text(kind)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, text.encode())
        click.echo(f"{out} written")
