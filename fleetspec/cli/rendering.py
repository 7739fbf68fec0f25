"""``render``: a plan as Kubernetes manifests."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    shard_option,
    show_findings,
    spec_argument,
    store_option,
)
from fleetspec.compiler.given import Given
from fleetspec.diagnostics import ExitCode, Report

if TYPE_CHECKING:
    from fleetspec.compiler.shards import Shard
    from fleetspec.renderer.manifests import Manifests

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("render", short_help="Write the Kubernetes manifests of a plan, or check a folder of them.")
@options(spec_argument)
@click.option("--to", type=_FOLDER, help="Folder to write into.")
@click.option("--check", "held", type=_FOLDER,
              help="Write nothing; name what in FOLDER is not as rendered, and end with exit code 1.")  # fmt: skip
@click.option("--as-pods", is_flag=True, help="Print the pods that the operator will make, for scanners of pods.")
@options(given_options, run_option, base_option, session_option, shard_option, store_option, format_option)
@options(color_option)
def render_command(
    spec: Path,
    to: Path | None,
    held: Path | None,
    as_pods: bool,
    given: Given,
    run: str,
    base: Path | None,
    session: date | None,
    shard: Shard | None,
    store: Path,
    format_: str,
    no_color: bool,
) -> None:
    """Plan SPEC and write its manifests into a folder: tonight's run at the top, what every run of the fleet needs in
    fleet/, and what whoever owns the cluster applies in platform/.

    The whole run is rendered: a cluster has a store of its own, so nothing in the local one is counted on; of a change,
    what BASE has is taken to be in the cluster's.
    The manifests are parsed back, checked and linted before a file is written. Files that somebody else wrote are never
    touched, and those of an earlier rendering that are no longer needed are removed. A plan that does not hold is not
    rendered (exit code 3).
    """
    if sum((to is not None, held is not None, as_pods)) != 1:
        raise click.UsageError("say what to do with the manifests: --to FOLDER, --check FOLDER or --as-pods")
    report = Report()
    manifests = _rendered(spec, given, run, base, session, shard, store, report, no_color)
    report.findings += manifests.warnings
    if held is not None:
        _check(manifests, held, report, format_, no_color)
        return
    show_findings(report, no_color)
    if to is None:
        _print_pods(manifests)
        return
    from fleetspec.renderer.folder import write_manifests

    write_manifests(manifests, to)
    files = [{"name": name, "bytes": len(text.encode())} for name, text in sorted(manifests.files.items())]
    answer("render", {"folder": str(to), "files": files, "requests": manifests.requests()}, format_, no_color)


def _rendered(
    spec: Path,
    given: Given,
    run: str,
    base: Path | None,
    session: date | None,
    shard: Shard | None,
    store: Path,
    report: Report,
    no_color: bool,
) -> Manifests:
    from fleetspec import comparing, pipeline
    from fleetspec.compiler.jobgraph import RunKind

    kind = RunKind(run)
    start = comparing.start_of(base, kind, store, report, given)
    planned = pipeline.planned(spec, kind, session, store, report, given, reuse=False, start=start, shard=shard)
    if planned.plan.verdict != "feasible":
        pipeline.judge(planned, report)
        show_findings(report, no_color)
        raise SystemExit(int(pipeline.verdict_exit(planned.plan)))
    return pipeline.render(planned.compiled, planned.plan, shard)


def _check(manifests: Manifests, folder: Path, report: Report, format_: str, no_color: bool) -> None:
    from fleetspec.renderer.folder import differences
    from fleetspec.rules import manifests as rules

    found = differences(manifests, folder)
    if found:
        said = f"{len(found)} of {len(manifests.files)} files" if len(found) > 1 else f"{found[0].name}"
        report.add(
            rules.NOT_AS_RENDERED,
            f"'{folder}' is not what the spec renders: {said}",
            help=f"render again with --to {folder}, and read what changed",
        )
    show_findings(report, no_color)
    listed: list[dict[str, Any]] = [{"name": d.name, "state": d.state, "lines": list(d.lines)} for d in found]
    answer("rendered", {"folder": str(folder), "files": len(manifests.files), "differences": listed}, format_, no_color)
    if found:
        raise SystemExit(int(ExitCode.ERROR))


def _print_pods(manifests: Manifests) -> None:
    from fleetspec.renderer.pods import as_text

    click.echo(as_text(manifests.pods()), nl=False)
