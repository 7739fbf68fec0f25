"""``report``: a fleet's plans, runs and results as one HTML file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from fleetspec.cli.options import (
    answer,
    chart_library,
    color_option,
    format_option,
    given_options,
    options,
    session_option,
    spec_argument,
    store_option,
)
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import Report


@click.command("report", short_help="Write the report of a fleet's runs as one HTML file.")
@options(spec_argument)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("report.html"), show_default=True,
              help="The file to write.")  # fmt: skip
@options(given_options, session_option, store_option, format_option, color_option)
def report_command(
    spec: Path, out: Path, given: Given, session: date | None, store: Path, format_: str, no_color: bool
) -> None:
    """Write one self-contained HTML file: cost, timeline, layouts of GPUs, results by family, planned against actual.

    Runs that have not happened show their plan. Needs the [report] extra; the page needs no network.
    """
    from fleetspec import looking
    from fleetspec.files import write_atomically
    from fleetspec.views import as_html

    library = chart_library()
    if library is None:
        raise click.ClickException("the report needs the [report] extra: pip install 'fleetspec[report]'")
    report = Report()
    data = looking.report_page(spec, session, store, report, given)
    page = as_html.report(data, library).encode()
    write_atomically(out, page)
    answer("report", {"file": str(out), "bytes": len(page), "report": data}, format_, no_color)
