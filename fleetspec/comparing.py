"""What a spec is held against: another spec, a saved plan, or what is deployed; and how its models fared."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from fleetspec.compiler.given import NOTHING, Given
from fleetspec.diagnostics import Report, reject
from fleetspec.pipeline import (
    Compiled,
    Planned,
    Read,
    Start,
    compile,
    compiled_for,
    finished,
    plan,
    planned,
    posed,
    read,
    recompiled,
    world,
)

if TYPE_CHECKING:
    from fleetspec.compiler.changes import Changes
    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.compiler.select import Around, Mask
    from fleetspec.review.diff import Review


class Asking(Struct, frozen=True):
    """How the sides of a comparison are compiled. Without ``data`` both have the data of the base's lock.

    What ``store`` holds is not made necessary. ``approvals`` is the file of approvals where it is not beside the head,
    and ``today`` the day by which they and prices grow old; the head's session where it is None. ``whole`` asks of a
    review of many specs for what a page shows, and ``plans`` is the folder that the head's saved plans go to.
    """

    run: RunKind
    session: date | None = None
    given: Given = NOTHING
    data: bool = True
    store: Path | None = None
    approvals: Path | None = None
    today: date | None = None
    whole: bool = False
    plans: Path | None = None


def start_of(
    base: Path | None, run: RunKind, store: Path | None, report: Report, given: Given = NOTHING
) -> Start | None:
    """How a change finds the fleet it starts from; None for a run that starts from nothing."""
    from fleetspec.compiler.jobgraph import RunKind

    if run is not RunKind.CHANGE:
        return None
    return lambda head: base_of(base, head, run, store, report, given)


def base_of(
    path: Path | None, head: Read, run: RunKind, store: Path | None, report: Report, given: Given = NOTHING
) -> Compiled:
    """What a spec is compared with: another spec, a saved plan, or what is deployed in the store.

    Rejected (FS295) where nothing is.
    """
    from fleetspec.rules.changing import NO_BASE
    from fleetspec.runtime.deployed import counterpart, read_deployed

    kind = counterpart(run)
    if path is not None:
        compiled = compiled_for(path, kind, None, None, report, NOTHING if path.suffix == ".fsp" else given)[0]
        return compiled if compiled.graph.run is kind else _lowered(compiled, kind)
    found = read_deployed(store, head.spec.name, run) if store is not None else None
    if found is None:
        raise reject(
            NO_BASE,
            f"no {kind} run of '{head.spec.name}' is deployed" + (f" in '{store}'" if store is not None else ""),
            help=f"apply the {kind} run first, or name what to compare with: --base main.yaml; diff takes it as its "
            "first spec: fleetspec diff main.yaml fleet.yaml",
        )
    return recompiled(str(found.path), found.spec, found.lock, kind, found.session, report)


def _lowered(compiled: Compiled, run: RunKind) -> Compiled:
    """Another kind of run of what was saved."""
    from fleetspec.compiler.lower import lower

    graph = lower(compiled.read.spec, compiled.lock, world().registry, run, compiled.session)
    return replace(compiled, graph=graph, base=None)


def check_growth(compiled: Compiled, base: Path | None, store: Path | None, report: Report, given: Given) -> None:
    """Add to the report (FS291) where a fleet grows beyond its limits against ``base``, or against what is deployed."""
    from fleetspec.compiler.limits import check_growth as check
    from fleetspec.runtime.deployed import read_deployed

    spec, run = compiled.read.spec, compiled.graph.run
    if spec.limits.growth is None:
        return
    if compiled.base is not None or base is not None:
        start = compiled.base or base_of(base, compiled.read, run, store, Report(), given)
        models = len(start.graph.models)
    else:
        found = read_deployed(store, spec.name, run) if store is not None else None
        models = found.models if found is not None else 0
    check(spec, compiled.lock, world().registry, run, models, report)
    report.locate(compiled.read.document)
    report.require()


def sides(
    base: Path | None,
    head: Path,
    run: RunKind,
    session: date | None,
    store: Path | None,
    report: Report,
    given: Given = NOTHING,
    *,
    data: bool = True,
) -> tuple[Planned, Planned]:
    """Both sides of a comparison, planned from nothing; without ``base``, what is deployed is the first.

    Without ``data``, the second of two specs is compiled on the data and for the session of the first.
    """
    from fleetspec.compiler.jobgraph import RunKind

    if base is not None:
        left = first_side(base, run, session, report, given)
        return left, second_side(left, head, run, session, report, given, data=data or base.suffix == ".fsp")
    source = read(head, world(), report, given)
    old = base_of(None, source, run, store, report)
    new = compile(source, world(), report, run, session, old if run is RunKind.CHANGE else None)
    return plan(old, world()), plan(new, world())


def frontier(
    made: Planned, store: Path | None, progress: Callable[[int, int], None], points: int = 8
) -> dict[str, Any]:
    """Cost against deadline around a plan, at so many deadlines: the answer to ``plan --frontier``."""
    from fleetspec.planner.frontier import frontier as points_of

    compiled, plan = made.compiled, made.plan
    around = world(store, compiled.read.spec.name) if store is not None else world()
    found = points_of(posed(compiled, around, made.done), points, progress)
    return {
        "fleet": plan.fleet,
        "run": plan.run,
        "session": plan.session,
        "budget_usd": plan.budget_usd,
        "jobs": plan.jobs,
        "points": [
            {
                "deadline_seconds": point.deadline_seconds,
                "end_seconds": point.end_seconds,
                "cost_usd": point.cost_usd,
                "bound_usd": point.bound_usd,
                "nodes": dict(point.nodes),
                "asked": point.asked,
            }
            for point in found
        ],
    }


def first_side(base: Path, run: RunKind, session: date | None, report: Report, given: Given = NOTHING) -> Planned:
    """The base of a comparison, planned from nothing; of a change, the run that it starts from."""
    from fleetspec.runtime.deployed import counterpart

    kind = counterpart(run)
    left = planned(base, kind, session, None, report, NOTHING if base.suffix == ".fsp" else given)
    return left if left.compiled.graph.run is kind else plan(_lowered(left.compiled, kind), world())


def second_side(
    left: Planned,
    head: Path,
    run: RunKind,
    session: date | None,
    report: Report,
    given: Given = NOTHING,
    *,
    data: bool = True,
) -> Planned:
    """The head of a comparison, planned from nothing; without ``data``, on the data and for the session of the base."""
    from fleetspec.compiler.jobgraph import RunKind

    compiled = left.compiled
    if data or run is RunKind.CHANGE or head.suffix == ".fsp":
        start: Start | None = None if run is not RunKind.CHANGE else lambda _: compiled
        return planned(head, run, session, None, report, given, start=start)
    around = world()
    source = read(head, around, report, given)
    return plan(compile(source, around, report, run, session, data_of=compiled), around)


def between(base: Path | None, head: Path, how: Asking, report: Report) -> Review:
    """Two specs or saved plans, or one and what is deployed → what changes between them."""
    store = how.store or (Path(".fleetspec") if base is None else None)
    both = sides(base, head, how.run, how.session, store, report, how.given, data=how.data)
    return judged(compare(*both, report, store), *both, head.parent, how, report)


def judged(
    found: Review, base: Planned | None, head: Planned | None, folder: Path, how: Asking, report: Report
) -> Review:
    """A review with what policies say of it. Approvals are those of ``folder`` where ``how`` names no file; the report
    gets what is wrong with them."""
    from dataclasses import replace as with_

    from fleetspec.compiler.approvals import NAME, check_expiry, read_approvals
    from fleetspec.policies.judging import Bench, rulings
    from fleetspec.policies.sides import case_of, side_of

    before, after = (None if side is None else side.compiled.read for side in (base, head))
    if found.is_empty or not any(read is not None and read.spec.policies for read in (before, after)):
        return found
    approvals = read_approvals(how.approvals or folder / NAME, report, required=how.approvals is not None)
    last = head or base
    assert last is not None
    today, catalog = how.today or last.compiled.session, world().catalog
    old, new = (None if side is None else side_of(side.compiled, side, catalog) for side in (base, head))
    check_expiry(approvals, {side.fleet for side in (old, new) if side is not None}, today, report)
    case = case_of(found.run, today, old, new, found.groups, approvals)
    only = not found.groups and found.base == found.head
    only = only and all(one.route.partition(".")[0] == "policies" for one in found.settings)
    return with_(found, policies=rulings(case, Bench(before, after, approvals, alone=only)))


def compare(base: Planned, head: Planned, report: Report, store: Path | None = None) -> Review:
    """Two compiled and planned specs → what changed between them. What ``store`` holds is not made necessary.

    The report gets moves that do nothing (FS292 to FS294), and growth beyond the head's limits (FS291).
    """
    from fleetspec.compiler.changes import changes
    from fleetspec.compiler.limits import check_growth
    from fleetspec.compiler.moves import renames
    from fleetspec.review.diff import Reviewed, review
    from fleetspec.review.settings import Said, setting_changes

    left, right = base.compiled, head.compiled
    changed = changes(left.side, right.side, report)
    check_growth(right.read.spec, right.lock, world().registry, right.graph.run, len(left.graph.models), report)
    report.locate(right.read.document)
    old, new = (Said.of(each.side, each.read.document) for each in (left, right))
    settings = setting_changes(old, new, renames(left.read.spec, right.read.spec))
    before, after = (Reviewed(made.compiled.side, made.compiled.lock, made.plan) for made in (base, head))
    stored = None if store is None else finished(right.graph, store)
    return review(before, after, changed, settings, stored)


def around(compiled: Compiled, base: Path | None, store: Path, report: Report, given: Given = NOTHING) -> Around:
    """What selectors may ask beside the graph: ``state:`` against the base, ``result:`` of the store. Nothing is read
    before a selector asks for it."""
    from fleetspec.compiler.select import Around

    graph = compiled.graph

    @cache
    def changed() -> Changes:
        from fleetspec.compiler.changes import changes

        start = compiled.base or base_of(base, compiled.read, graph.run, store, report, given)
        return changes(start.side, compiled.side)

    @cache
    def fared() -> Callable[[str], Mask]:
        from fleetspec.runtime.outcomes import outcomes

        return outcomes(store, graph)

    return Around(state=lambda name: changed().state(name), result=lambda name: fared()(name))
