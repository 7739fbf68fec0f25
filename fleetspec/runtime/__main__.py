"""``python -m fleetspec.runtime --config DIR --store DIR``: the entry point of a rendered RayJob.

DIR holds what ``fleetspec render`` put into the ConfigMap: ``fleet.yaml`` (resolved), ``fleet.lock``, ``plan.json``
and ``run.json`` (``run``, ``session``, ``graph``, and of a part of a run its ``shard``), each as it is, as
``<name>.gz`` or as its pieces ``<name>.gz.00``, ``<name>.gz.01`` and so on. The spec is compiled again, and only the
planned graph is run, of it only the shard where there is one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import zlib
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.lock import lock_from_bytes
from fleetspec.compiler.shards import Shard, jobs_of
from fleetspec.diagnostics import ExitCode, Rejected, Report, Source, reject
from fleetspec.objects import as_path
from fleetspec.planner.cuts import layout_of
from fleetspec.planner.planjson import PlanJsonError, plan_from_json
from fleetspec.rules import running
from fleetspec.runtime.deployed import record
from fleetspec.runtime.driver import run
from fleetspec.runtime.exporter import parse_address
from fleetspec.runtime.listening import listening
from fleetspec.runtime.request import RunRequest

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.planner.plans import Plan
    from fleetspec.runtime.tallies import Progress

_FILES = ("fleet.yaml", "fleet.lock", "plan.json", "run.json")


@dataclass(frozen=True, slots=True)
class Configured:
    """What the folder says to run, compiled again and found to be what was planned."""

    spec: FleetSpec
    lock: Lock
    graph: JobGraph
    plan: Plan
    root: Path
    texts: dict[str, str]
    shard: Shard | None = None


def configured(folder: Path, data: Path | None) -> Configured:
    """Read and compile the folder. Raises FS507 where something is missing, FS504 (exit 5) for another graph."""
    texts = {name: _text(folder / name) for name in _FILES}
    wanted = _json(folder / "run.json", texts["run.json"])
    try:
        kind, session, content = RunKind(wanted["run"]), date.fromisoformat(wanted["session"]), str(wanted["graph"])
        shard = Shard.parse(wanted["shard"]) if "shard" in wanted else None
        plan = plan_from_json(_json(folder / "plan.json", texts["plan.json"]))
    except (KeyError, TypeError, ValueError) as error:
        name = "plan.json" if isinstance(error, PlanJsonError) else "run.json"
        raise reject(
            running.RUN_INCOMPLETE, f"'{folder / name}' cannot be used: {error}", help="render the manifests again"
        ) from error
    spec, lock, graph = _compile(folder, texts, kind, session)
    if graph.content != content or graph.content != plan.inputs.graph:
        raise reject(
            running.GRAPH_DIFFERS,
            f"this version compiles graph {graph.content[:12]}, run.json names {content[:12]} and the plan is for "
            f"{plan.inputs.graph[:12]}",
            help="render the manifests again, with the version that is in the image",
            exit_code=ExitCode.STALE,
        )
    return Configured(spec, lock, graph, plan, data or Path(wanted.get("root", folder)), texts, shard)


def _compile(folder: Path, texts: dict[str, str], kind: RunKind, session: date) -> tuple[FleetSpec, Lock, JobGraph]:
    from fleetspec.catalog.loading import shipped
    from fleetspec.compiler.checks import check, check_against_lock
    from fleetspec.compiler.compose import compose_text
    from fleetspec.compiler.decode import decode
    from fleetspec.compiler.lower import lower
    from fleetspec.families import registry

    report, known = Report(), registry()
    document = compose_text(Source(str(folder / "fleet.yaml"), texts["fleet.yaml"]), report)
    report.require()
    assert document is not None
    spec = decode(document, report)
    lock = lock_from_bytes(texts["fleet.lock"].encode(), str(folder / "fleet.lock"), report)
    if spec is not None:
        check(spec, known, shipped(), report)
        if lock is not None:
            check_against_lock(spec, lock, report)
    report.locate(document)
    report.require()
    assert spec is not None
    assert lock is not None
    return spec, lock, lower(spec, lock, known, kind, session)


def _text(path: Path) -> str:
    """A file of the folder; a long one lies there as ``<name>.gz``, or as its pieces, as manifests pack it."""
    try:
        if not path.is_file():
            packed = path.with_name(path.name + ".gz")
            pieces = [packed] if packed.is_file() else sorted(path.parent.glob(f"{packed.name}.[0-9][0-9]"))
            if pieces:
                return gzip.decompress(b"".join(piece.read_bytes() for piece in pieces)).decode()
        return path.read_text(encoding="utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise reject(
            running.RUN_INCOMPLETE,
            f"'{path}' cannot be read: {getattr(error, 'strerror', None) or error}",
            help=f"--config names a folder with {', '.join(_FILES)}",
        ) from error


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise reject(running.RUN_INCOMPLETE, f"'{path}' is not JSON: {error}") from error


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fleetspec.runtime", description="Run a rendered plan.")
    parser.add_argument(
        "--config", type=Path, required=True, help="folder with fleet.yaml, fleet.lock, plan.json, run.json"
    )
    parser.add_argument(
        "--store", type=as_path, required=True, help="where results go: a folder all workers share, or s3://"
    )
    parser.add_argument("--data", type=Path, help="folder the spec's data paths start from [default: --config]")
    parser.add_argument("--executor", choices=["ray", "inline"], default="ray")
    parser.add_argument("--wait-seconds", type=float, default=900.0, help="patience for planned resources")
    parser.add_argument("--events", metavar="FILE", help="append what happens, a JSON line an event")
    parser.add_argument("--metrics", metavar="[HOST:]PORT", type=parse_address, help="serve metrics for Prometheus")
    parser.add_argument("--cpu-instead", action="store_true", help="run GPU jobs on CPUs where there is no GPU")
    return parser.parse_args(argv)


class _Lines:
    """Progress as a line every few seconds: a pod's log is read later, and not by watching."""

    _EVERY_SECONDS = 5.0

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, progress: Progress) -> None:
        if progress.done < progress.total and progress.wall_seconds - self._last < self._EVERY_SECONDS:
            return
        self._last = progress.wall_seconds
        end = "" if progress.end_seconds is None else f", to end after {progress.end_seconds:.0f} s"
        print(
            f"stage {progress.stage + 1} of {progress.stages}: {progress.done} of {progress.total} jobs, "
            f"{progress.quarantined} quarantined, {progress.busy_seconds:.0f} s of work in "
            f"{progress.wall_seconds:.0f} s{end} of {progress.deadline_seconds:.0f}",
            file=sys.stderr,
            flush=True,
        )


def main(argv: list[str] | None = None) -> int:
    """Run and print the summary as one JSON line on stdout; findings go to stderr. Returns the exit code."""
    arguments = _arguments(argv)
    report = Report()
    try:
        made = configured(arguments.config, arguments.data)
        with listening(arguments.events, arguments.metrics, partial(print, file=sys.stderr, flush=True)) as heard:
            summary = run(
                RunRequest(
                    spec=made.spec,
                    graph=made.graph,
                    plan=made.plan,
                    lock=made.lock,
                    root=made.root,
                    store=arguments.store,
                    executor=arguments.executor,
                    progress=_Lines(),
                    cpu_instead=arguments.cpu_instead,
                    patience_seconds=arguments.wait_seconds,
                    events=heard,
                    only=None if made.shard is None else jobs_of(made.graph, made.shard),
                    shard=made.shard is not None,
                )
            )
    except Rejected as rejected:
        _print(rejected.report)
        return int(rejected.exit_code)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    # After a shard, what the others have may be missing.
    if summary.outcome is ExitCode.OK and not (made.shard and summary.remaining):
        texts = made.texts
        record(arguments.store, made.graph, texts["fleet.yaml"], texts["fleet.lock"].encode(), layout_of(made.plan))
    summary.tell(report)
    _print(report)
    print(json.dumps(summary.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False), flush=True)
    return int(summary.exit_code)


def _print(report: Report) -> None:
    for finding in report:
        where = f"{finding.place}: " if finding.place is not None else ""
        print(f"{where}{finding.rule.severity} {finding.rule.code}: {finding.message}", file=sys.stderr)
        if finding.help:
            print(f"  help: {finding.help}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
