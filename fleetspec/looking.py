"""Looking at a fleet and its results: verbs that begin with a spec and a store and run nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetspec import comparing
from fleetspec.compiler.given import NOTHING, Given
from fleetspec.diagnostics import Report
from fleetspec.pipeline import Compiled, World, compile, compiled_for, plan

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import JobGraph, RunKind
    from fleetspec.compiler.select import Mask
    from fleetspec.runtime.inventory import Results


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which models a command is about: a selector, another for those to leave out, and the base of ``state:``."""

    selector: str = ""
    exclude: str = ""
    base: Path | None = None


EVERY = Chosen()


def chosen_models(compiled: Compiled, chosen: Chosen, store: Path, report: Report, given: Given = NOTHING) -> Mask:
    """The models of a graph that are chosen, as a mask (m,)."""
    from fleetspec.compiler.select import select

    around = comparing.around(compiled, chosen.base, store, report, given)
    return select(compiled.graph, chosen.selector, around, exclude=chosen.exclude)


def status(
    path: Path,
    session: date | None,
    store: Path,
    report: Report,
    given: Given = NOTHING,
    chosen: Chosen = EVERY,
) -> dict[str, Any]:
    """What the store holds of the chosen models in every run of a spec: counts by state, and why some are quarantined;
    and what is published.

    A run that has none of the models is left out.
    """
    from fleetspec.diagnostics import Rejected
    from fleetspec.runtime.inventory import run_status
    from fleetspec.runtime.publishing import standing

    runs: list[dict[str, Any]] = []
    fleet = ""
    every = every_run(path, session, store, report, given)
    for number, (compiled, _) in enumerate(every):
        fleet = compiled.graph.fleet
        try:
            mask = chosen_models(compiled, chosen, store, report, given)
        except Rejected:
            if number + 1 == len(every) and not runs:
                raise
            continue
        runs.append(run_status(store, compiled.graph, mask))
    night = every[0][0]
    published = standing(night.read.spec, night.graph, store)
    return {"fleet": fleet, "store": str(store), "runs": runs, "published": published}


def results(
    path: Path,
    run: RunKind,
    session: date | None,
    store: Path,
    chosen: Chosen,
    table: str,
    report: Report,
    given: Given = NOTHING,
) -> Results:
    """Rows of one table of the store for the chosen models."""
    from fleetspec.runtime.inventory import results as read_results

    start = comparing.start_of(chosen.base, run, store, report, given)
    compiled = compiled_for(path, run, session, None, report, given, start)[0]
    return read_results(store, compiled.graph, chosen_models(compiled, chosen, store, report, given), table)


def listing(compiled: Compiled, mask: Mask, limit: int) -> dict[str, Any]:
    """Addresses of the chosen models, at most ``limit`` of them (0: all), and how many more there are."""
    import numpy as np

    found = np.flatnonzero(mask)
    shown = found[:limit] if limit else found
    addresses = [compiled.graph.address(int(one)) for one in shown]
    return {"models": len(found), "addresses": addresses, "more": len(found) - len(shown)}


def origin(compiled: Compiled, address: str) -> dict[str, Any]:
    """Where every setting of one model comes from: files, lines, defaults."""
    from fleetspec.compiler.ancestry import ancestry
    from fleetspec.compiler.select import find_model, full_address

    graph, source = compiled.graph, compiled.read
    return ancestry(source.spec, source.document, graph, find_model(graph, full_address(graph, address)))


def model(
    path: Path,
    run: RunKind,
    session: date | None,
    store: Path,
    address: str,
    report: Report,
    given: Given = NOTHING,
) -> dict[str, Any]:
    """One model of a spec: settings, jobs, digests, and what the store has of it."""
    from fleetspec.compiler.select import find_model, full_address
    from fleetspec.runtime.inventory import describe_model

    start = comparing.start_of(None, run, store, report, given)
    graph = compiled_for(path, run, session, None, report, given, start)[0].graph
    return describe_model(store, graph, find_model(graph, full_address(graph, address)))


def why(
    path: Path,
    run: RunKind,
    session: date | None,
    store: Path,
    address: str | None,
    chosen: Chosen,
    limit: int,
    report: Report,
    given: Given = NOTHING,
) -> dict[str, Any]:
    """The state of one model, or of the chosen ones, and why it is that one."""
    import numpy as np

    from fleetspec.compiler.select import find_model, full_address
    from fleetspec.diagnostics import Rejected
    from fleetspec.runtime.why import explain, not_asked

    start = comparing.start_of(chosen.base, run, store, report, given)
    compiled = compiled_for(path, run, session, None, report, given, start)[0]
    graph = compiled.graph
    if address is None:
        return explain(store, graph, chosen_models(compiled, chosen, store, report, given), limit)
    whole = full_address(graph, address)
    mask = np.zeros(len(graph.models), dtype=bool)
    try:
        mask[find_model(graph, whole)] = True
    except Rejected:
        others = [other.graph for other, _ in every_run(path, session, store, Report(), given)]
        others = [other for other in others if other.run is not run and _has(other, whole)]
        if not others:
            raise
        return not_asked(store, graph, whole, others)
    return explain(store, graph, mask, limit)


def _has(graph: JobGraph, address: str) -> bool:
    from fleetspec.compiler.select import find_model
    from fleetspec.diagnostics import Rejected

    try:
        find_model(graph, address)
    except Rejected:
        return False
    return True


def report_page(
    path: Path, session: date | None, store: Path, report: Report, given: Given = NOTHING
) -> dict[str, Any]:
    """The JSON of the report page: a spec's runs with their plans, summaries and results."""
    from fleetspec.runtime.reporting import report_data, run_section

    made = [plan(compiled, around, None) for compiled, around in every_run(path, session, store, report, given)]
    sections = [run_section(store, each.compiled.graph, each.plan, each.compiled.read.spec) for each in made]
    first = made[0].compiled
    return report_data(str(path), first.read.spec, first.lock, sections)


def every_run(
    path: Path, session: date | None, store: Path, report: Report, given: Given = NOTHING
) -> list[tuple[Compiled, World]]:
    """The graphs of a spec's nightly run and, where it has one, its backtest."""
    from fleetspec.compiler.jobgraph import RunKind

    nightly, around = compiled_for(path, RunKind.NIGHTLY, session, store, report, given)
    runs = [(nightly, around)]
    if nightly.read.spec.backtest is not None:
        # The same report would repeat what the nightly run has already said of the spec.
        runs.append((compile(nightly.read, around, Report(), RunKind.BACKTEST, session), around))
    return runs
