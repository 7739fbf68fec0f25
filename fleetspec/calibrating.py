"""Calibration: a pilot before the night, and what the nights before say of the figures they were planned with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec import looking, pipeline
from fleetspec.compiler.given import NOTHING, Given
from fleetspec.diagnostics import Report, reject

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import JobGraph, RunKind
    from fleetspec.planner.plans import ClassLine, Plan
    from fleetspec.runtime.piloting import Growth, Pilot
    from fleetspec.stages import Planned

MEMORY_MARGIN = 1.25
"""Over the largest peak that a pilot has seen: a handful of jobs says little of the largest of thousands."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pilot is to be: jobs a class, who runs them, and whether they run at all."""

    sample: int = 3
    executor: str = "inline"
    dry_run: bool = False


def calibrate(
    path: Path,
    run: RunKind,
    session: date | None,
    store: Path,
    chosen: looking.Chosen,
    asked: Asked,
    report: Report,
    given: Given = NOTHING,
) -> dict[str, Any]:
    """Run a pilot of the chosen models, or propose one; what plans say before and after, and what it costs.

    Raises Rejected (FS520) where there is nothing to run.
    """
    from fleetspec.runtime.piloting import Growth

    before = pipeline.planned(path, run, session, store, report, given, stored_only=True)
    pilot, skipped = _pilot(before, store, chosen, asked, report, given)
    data = _proposed(before, pilot, skipped, store, asked)
    if asked.dry_run:
        return data
    growth = Growth()
    data["spent_seconds"] = _run(before, pilot, store, asked, growth)
    after = pipeline.planned(path, run, session, store, Report(), given, stored_only=True)
    _compare(data, before.plan, after.plan)
    _remember(data, before, pilot, store, growth, report)
    return data


def _pilot(
    planned: Planned, store: Path, chosen: looking.Chosen, asked: Asked, report: Report, given: Given
) -> tuple[Pilot, list[str]]:
    from fleetspec.planner.problem import CPU_SLOT
    from fleetspec.rules import calibration as rules
    from fleetspec.runtime.ledger import Ledger
    from fleetspec.runtime.piloting import choose, sample_of
    from fleetspec.runtime.store import Store

    graph, plan = planned.compiled.graph, planned.plan
    models = looking.chosen_models(planned.compiled, chosen, store, report, given)
    on_gpu = {lane.klass for lane in plan.lanes if lane.slot != CPU_SLOT} if asked.executor == "inline" else set()
    barred = {code for code, klass in enumerate(graph.classes) if klass.name in on_gpu}
    seconds = {line.name: line.seconds for line in plan.classes}
    ledger = Ledger.load(Store.of(store, graph.fleet), graph)
    pilot = choose(ledger, models, lambda code: sample_of(asked.sample, seconds[graph.classes[code].name]), barred)
    skipped = sorted({graph.classes[code].name for code in np.unique(graph.klass[models[graph.model]])} & on_gpu)
    if skipped:
        report.add(
            rules.NEEDS_GPU,
            f"planned on GPUs, and left out: {', '.join(skipped)}",
            help="run the pilot on a cluster that has them: RAY_ADDRESS=… fleetspec calibrate … --executor ray",
        )
    if not pilot.sampled:
        raise reject(
            rules.NOTHING_TO_MEASURE,
            f"the store has every job of the selected models of this {graph.run}, or a pilot here cannot run them",
            help="see what finished runs say: fleetspec calibrate SPEC --check",
        )
    return pilot, skipped


def _proposed(planned: Planned, pilot: Pilot, skipped: list[str], store: Path, asked: Asked) -> dict[str, Any]:
    graph = planned.compiled.graph
    lines = {line.name: line for line in planned.plan.classes}
    counts = np.bincount(graph.klass[pilot.jobs], minlength=len(graph.classes))
    seconds = usd = 0.0
    for code, klass in enumerate(graph.classes):
        line = lines[klass.name]
        seconds += int(counts[code]) * line.seconds
        usd += int(counts[code]) * line.cost_usd / max(line.jobs, 1)
    return {
        "fleet": graph.fleet,
        "run": str(graph.run),
        "session": graph.session.isoformat(),
        "store": str(store),
        "executor": asked.executor,
        "dry_run": asked.dry_run,
        "jobs": len(pilot.jobs),
        "carried": len(pilot.carried),
        "predicted_seconds": round(seconds, 6),
        "planned_usd": round(usd, 6),
        "spent_seconds": None,
        "skipped": skipped,
        "classes": [
            {"name": graph.classes[code].name, "sample": len(jobs), "before": _figures(lines[graph.classes[code].name])}
            for code, jobs in sorted(pilot.sampled.items())
        ],
        "on_time": [None if planned.plan.chance is None else planned.plan.chance.p_on_time, None],
    }


def _figures(line: ClassLine) -> dict[str, Any]:
    return {
        "n": line.n,
        "basis": line.basis,
        "p50": round(line.p50, 9),
        "p95": round(line.p95, 9),
        "error": round(line.error, 6),
    }


def _run(planned: Planned, pilot: Pilot, store: Path, asked: Asked, growth: Growth) -> float:
    """Run the pilot's jobs, those that warm up first; the seconds spent inside them."""
    from fleetspec.runtime.driver import run as run_graph
    from fleetspec.runtime.ledger import Ledger
    from fleetspec.runtime.piloting import carried
    from fleetspec.runtime.request import RunRequest
    from fleetspec.runtime.store import Store

    compiled = planned.compiled
    graph, spent = compiled.graph, 0.0
    for jobs, warm_up in ((pilot.warming, True), (pilot.jobs, False)):
        if not len(jobs):
            continue
        ledger = Ledger.load(Store.of(store, graph.fleet), graph)
        missing, only = np.zeros(len(graph), dtype=bool), np.zeros(len(graph), dtype=bool)
        missing[ledger.missing()] = True
        only[np.concatenate([jobs, carried(ledger, missing, jobs)])] = True
        request = RunRequest(
            spec=compiled.read.spec,
            graph=graph,
            plan=planned.plan,
            lock=compiled.lock,
            root=compiled.read.path.parent,
            store=store,
            executor=asked.executor,
            events=growth if asked.executor == "inline" and not warm_up else None,
            only=only,
            warm_up=warm_up,
        )
        spent += run_graph(request).fit_seconds
    return round(spent, 6)


def _compare(data: dict[str, Any], before: Plan, after: Plan) -> None:
    lines = {line.name: line for line in after.classes}
    for row in data["classes"]:
        row["after"] = _figures(lines[row["name"]])
    data["on_time"] = [plan.chance.p_on_time if plan.chance is not None else None for plan in (before, after)]


def _remember(
    data: dict[str, Any], planned: Planned, pilot: Pilot, store: Path, growth: Growth, report: Report
) -> None:
    """Keep what memory the classes took, and say where it is more than their family declares for a whole worker."""
    from fleetspec.rules import calibration as rules
    from fleetspec.runtime.measured import write_memory
    from fleetspec.runtime.store import Store

    graph = planned.compiled.graph
    rows = []
    for row, code in zip(data["classes"], sorted(pilot.sampled), strict=True):
        klass = graph.classes[code]
        grown = growth.mib.get((klass.universe, klass.group.rsplit("/", 1)[-1], klass.family, klass.task.label))
        row["grown_mib"], row["declared_mib"] = grown, _declared(graph, code)
        if grown is None:
            continue
        need = int(grown * MEMORY_MARGIN)
        rows.append({"klass": klass.name, "n": row["sample"], "grown_mib": grown, "need_mib": need})
        if need > row["declared_mib"]:
            report.add(
                rules.MORE_MEMORY,
                f"{klass.name}: its jobs alone took {grown} MiB, {need} MiB with a margin of "
                f"{MEMORY_MARGIN - 1:.0%}; its family declares {row['declared_mib']} MiB for a worker",
                help="raise memory_mib in the family's profile, or run fewer jobs a node",
            )
    write_memory(Store.of(store, graph.fleet), rows)


def _declared(graph: JobGraph, code: int) -> int:
    models = graph.models
    job = int(np.flatnonzero(graph.klass == code)[0])
    return models.settings[int(models.setting[int(graph.model[job])])].family.profile.memory_mib


def check(path: Path, store: Path, report: Report, given: Given = NOTHING) -> dict[str, Any]:
    """What the finished runs of a fleet's store say of the figures they were planned with; FS523 for each alarm."""
    from fleetspec.rules import calibration as rules
    from fleetspec.runtime.coverage import BAND, LEAST, coverage

    spec = pipeline.read(path, pipeline.world(), report, given).spec
    rows = coverage(store, spec.name)
    for row in rows:
        if row["alarm"]:
            report.add(
                rules.MISSED_COVERAGE,
                f"{row['family']} {row['task']}: {row['below']:.1%} of {row['n']} jobs took at most their p95; "
                f"they took {row['drift']:+.0%} of their p50 in the median",
                help=f"measure again where the nights run: fleetspec calibrate {path} -s family:{row['family']}",
            )
    return {"fleet": spec.name, "store": str(store), "band": list(BAND), "least": LEAST, "rows": rows}
