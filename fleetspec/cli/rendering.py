"""``render``: a plan as Kubernetes manifests."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from fleetspec.cli.options import (
    answer,
    base_option,
    color_option,
    format_option,
    given_options,
    options,
    run_option,
    session_option,
    show_findings,
    spec_argument,
    store_option,
)
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import Report


@click.command("render", short_help="Write the Kubernetes manifests of a plan.")
@options(spec_argument)
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write into.")
@options(given_options, run_option, base_option, session_option, store_option, format_option, color_option)
def render_command(
    spec: Path,
    to: Path,
    given: Given,
    run: str,
    base: Path | None,
    session: date | None,
    store: Path,
    format_: str,
    no_color: bool,
) -> None:
    """Plan SPEC and write the RayJob, its ConfigMap and a kustomization into a folder.

    The whole run is rendered: a cluster has a store of its own, so nothing in the local one is counted on; of a change,
    what BASE has is taken to be in the cluster's.
    The manifests are parsed back and checked before a file is written. A plan that does not hold is not rendered
    (exit code 3).
    """
    from fleetspec import comparing, pipeline
    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.renderer.folder import write_manifests

    report, kind = Report(), RunKind(run)
    start = comparing.start_of(base, kind, store, report, given)
    planned = pipeline.planned(spec, kind, session, store, report, given, reuse=False, start=start)
    if planned.plan.verdict != "feasible":
        pipeline.judge(planned, report)
        show_findings(report, no_color)
        raise SystemExit(int(pipeline.verdict_exit(planned.plan)))
    manifests = pipeline.render(planned.compiled, planned.plan)
    report.findings += manifests.warnings
    show_findings(report, no_color)
    write_manifests(manifests, to)
    files = [{"name": name, "bytes": len(text.encode())} for name, text in sorted(manifests.files.items())]
    answer("render", {"folder": str(to), "files": files}, format_, no_color)
