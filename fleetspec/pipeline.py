"""The whole tool on one page: every verb from spec text to a run, in the order in which data takes them.

Each function is one arrow of the picture in ARCHITECTURE.md. They hold no state; the registry of families
and the catalog are arguments with a documented default. A fault ends in :class:`~fleetspec.diagnostics.Rejected`
with every finding of its stage; warnings stay in the report that the caller passes in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from fleetspec.compiler.given import NOTHING, Given
from fleetspec.compiler.shards import Shard, jobs_of, require_spec
from fleetspec.diagnostics import ExitCode, Rejected, Report
from fleetspec.stages import Compiled as Compiled
from fleetspec.stages import Planned as Planned
from fleetspec.stages import Read as Read
from fleetspec.stages import World as World

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph, RunKind
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.panel.readings import Reading
    from fleetspec.planner.plans import Plan
    from fleetspec.planner.problem import CapacityProblem
    from fleetspec.renderer.manifests import Manifests
    from fleetspec.runtime.summary import RunSummary
    from fleetspec.runtime.tallies import Progress
    from fleetspec.runtime.telling import Listener


Start = Callable[[Read], Compiled | None]
"""Finds, for a spec that has been read, the fleet that a change starts from."""


def world(store: Path | None = None, fleet: str | None = None) -> World:
    """The shipped families and catalog; runtimes measured in ``store`` for ``fleet`` replace the shipped ones."""
    from fleetspec.catalog.loading import shipped, with_measured
    from fleetspec.families import registry

    catalog = shipped()
    if store is not None and fleet is not None:
        from fleetspec.runtime.measured import load_measured

        catalog = with_measured(catalog, load_measured(store, fleet))
    return World(registry(), catalog)


def read(path: Path, around: World, report: Report, given: Given = NOTHING) -> Read:
    """Spec file → sound FleetSpec."""
    from fleetspec.compiler.checks import check
    from fleetspec.compiler.compose import compose, repository
    from fleetspec.compiler.decode import decode
    from fleetspec.compiler.named_files import inline
    from fleetspec.compiler.salvage import check_the_rest

    document = compose(path, report, given)
    report.require()
    assert document is not None
    inline(document, repository(path), report)
    report.require()
    spec = decode(document, report)
    if spec is not None:
        check(spec, around.registry, around.catalog, report)
    else:
        check_the_rest(document, lambda rest, said: check(rest, around.registry, around.catalog, said), report)
    report.locate(document)
    report.require()
    assert spec is not None
    return Read(path, document, spec)


def read_text(text: str, name: str) -> None:
    """Raise Rejected where a spec's text, which nobody has saved yet, is not sound."""
    from fleetspec.compiler.checks import check
    from fleetspec.compiler.compose import compose_text
    from fleetspec.compiler.decode import decode
    from fleetspec.diagnostics import Source

    report, around = Report(), world()
    document = compose_text(Source(name, text), report)
    report.require()
    assert document is not None
    spec = decode(document, report)
    if spec is not None:
        check(spec, around.registry, around.catalog, report)
    report.locate(document)
    report.require()


def lock(
    source: Read,
    around: World,
    tell: Callable[[int, int], None] = lambda done, of: None,
    more: Iterable[Reading] = (),
) -> Lock:
    """Members, lengths and data versions as they are now in the data. ``tell`` hears how many series of how many are
    measured; ``more`` are readings beside those that the quality gate asks for."""
    from fleetspec.compiler.pinning import make_lock

    try:
        return make_lock(source.spec, source.path.parent, around.catalog, tell, more)
    except Rejected as ending:
        ending.report.locate(source.document)
        raise


def compile(
    source: Read,
    around: World,
    report: Report,
    run: RunKind,
    session: date | None = None,
    base: Compiled | None = None,
    data_of: Compiled | None = None,
) -> Compiled:
    """FleetSpec and its lock → JobGraph. ``session`` defaults to the last one the locked data has seen.

    A change is compiled on the data and for the session of its ``base``. ``data_of`` is a fleet whose data, members and
    session are taken so that only what the specs say differs.
    """
    from fleetspec.compiler.change_lock import pinned as pinned_to
    from fleetspec.compiler.change_lock import pinned_with_members
    from fleetspec.compiler.check_lock import check_usable
    from fleetspec.compiler.checks import check_against_lock
    from fleetspec.compiler.limits import check_limits
    from fleetspec.compiler.lock import lock_path, read_lock
    from fleetspec.compiler.lower import default_session, lower

    path = lock_path(source.path)
    pinned = read_lock(path, report)
    report.require()
    assert pinned is not None
    check_against_lock(source.spec, pinned, report, session if base is data_of is None else None)
    report.locate(source.document)
    report.require()
    lock_bytes, chosen = path.read_bytes(), session or default_session(source.spec, pinned)
    if base is not None:
        pinned = pinned_to(pinned, base.lock)
        lock_bytes, chosen = pinned.to_bytes(), base.session
    elif data_of is not None:
        pinned = pinned_with_members(pinned, data_of.lock, _called(data_of.read.spec, source.spec))
        lock_bytes, chosen = pinned.to_bytes(), session or data_of.session
    check_limits(source.spec, pinned, around.registry, run, report)
    report.locate(source.document)
    report.require()
    check_usable(source.spec, pinned, run, chosen, report)
    report.locate(source.document)
    report.require()
    graph = lower(source.spec, pinned, around.registry, run, chosen)
    return Compiled(source, pinned, lock_bytes, chosen, graph, base)


def _called(base: FleetSpec, head: FleetSpec) -> dict[str, str]:
    """What the base calls the head's universes."""
    from fleetspec.compiler.moves import renames

    before = {after: name for name, after in renames(base, head).universes.items()}
    return {name: before.get(name, name) for name in head.universes}


def plan(
    compiled: Compiled,
    around: World,
    store: Path | None = None,
    *,
    stored_only: bool = False,
    shard: Shard | None = None,
) -> Planned:
    """JobGraph → CapacityProblem → Plan, without the jobs the store already holds and those of other shards.

    Nor are those of a change planned that the fleet it changes has, unless ``stored_only`` says to count on the store
    alone.
    """
    from fleetspec.compiler.digests import contained
    from fleetspec.planner.allowances import allowances
    from fleetspec.planner.planning import make_plan
    from fleetspec.planner.pose import header_of

    done = finished(compiled.graph, store)
    if compiled.base is not None and not stored_only:
        done |= contained(compiled.graph.digest, compiled.base.graph.digest)
    spec, graph = compiled.read.spec, compiled.graph
    if shard is not None:
        done |= ~jobs_of(graph, shard)
    problem = posed(compiled, around, done)
    header = header_of(graph, spec, around.catalog, resolved(compiled.read), compiled.lock_bytes)
    made = make_plan(problem, header, lambda: allowances(problem, graph, spec, around.catalog, done))
    return Planned(compiled, made, done, shard)


def posed(compiled: Compiled, around: World, done: NDArray[np.bool_]) -> CapacityProblem:
    """What a plan of a graph is to solve, without the jobs that are ``done``."""
    from fleetspec.planner.pose import pose

    try:
        return pose(compiled.graph, compiled.read.spec, around.catalog, done)
    except Rejected as ending:
        ending.report.locate(compiled.read.document)
        raise


def planned(
    path: Path,
    run: RunKind,
    session: date | None,
    store: Path | None,
    report: Report,
    given: Given = NOTHING,
    *,
    reuse: bool = True,
    start: Start | None = None,
    stored_only: bool = False,
    shard: Shard | None = None,
) -> Planned:
    """Spec file or saved plan → Plan, in one go: what ``plan``, ``render``, ``diff`` and ``apply`` begin with.

    Without ``reuse`` the store gives its measured runtimes, and its results are not counted on. ``start`` finds what a
    change starts from. Of a saved plan, which is whole, no ``shard`` is taken.
    """
    if path.suffix == ".fsp":
        require_spec(path, shard)
        return reopened(path, store, report, given)
    compiled, around = compiled_for(path, run, session, store, report, given, start)
    return plan(compiled, around, store if reuse else None, stored_only=stored_only, shard=shard)


def compiled_for(
    path: Path,
    run: RunKind,
    session: date | None,
    store: Path | None,
    report: Report,
    given: Given = NOTHING,
    start: Start | None = None,
) -> tuple[Compiled, World]:
    """Spec file or saved plan → JobGraph, and the world it was compiled in, with what ``store`` has measured."""
    if path.suffix == ".fsp":
        return reopened(path, None, report, given).compiled, world()
    around = world()
    source = read(path, around, report, given)
    if store is not None:
        around = world(store, source.spec.name)
    return compile(source, around, report, run, session, None if start is None else start(source)), around


def recompiled(name: str, text: str, lock_bytes: bytes, run: RunKind, session: date, report: Report) -> Compiled:
    """A resolved spec and its lock as they were saved → JobGraph. Relative data paths start from the folder of the
    file."""
    from fleetspec.compiler.compose import compose_text
    from fleetspec.compiler.decode import decode
    from fleetspec.compiler.lock import lock_from_bytes
    from fleetspec.compiler.lower import lower
    from fleetspec.diagnostics import Source, reject
    from fleetspec.rules.running import LIBRARY_MISSING

    document = compose_text(Source(f"{name}:fleet.yaml", text), report)
    report.require()
    assert document is not None
    spec = decode(document, report)
    report.locate(document)
    report.require()
    assert spec is not None
    pinned = lock_from_bytes(lock_bytes, f"{name}:fleet.lock", report)
    report.require()
    assert pinned is not None
    try:
        graph = lower(spec, pinned, world().registry, run, session)
    except KeyError as error:
        # It was sound when it was saved: what it lacks is a plug-in's family.
        raise reject(
            LIBRARY_MISSING,
            f"{name} has models of family {error}, which is not installed here",
            help="install the package that holds the family, as where it was made",
        ) from error
    return Compiled(Read(Path(name), document, spec), pinned, lock_bytes, session, graph)


def reopened(path: Path, store: Path | None, report: Report, given: Given = NOTHING) -> Planned:
    """A saved plan, compiled again from the spec and lock in it; Rejected (exit 5) when that gives another graph.

    Relative data paths start from the folder of the file. Vars and profiles cannot be given any more.
    """
    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.diagnostics import reject
    from fleetspec.planfile import check_members, read_planfile
    from fleetspec.rules.reading import PLAN_IS_FIXED
    from fleetspec.rules.running import GRAPH_DIFFERS

    if given.vars or given.profiles or given.prices is not None:
        raise reject(
            PLAN_IS_FIXED,
            f"{path} is a saved plan: its vars, profiles and prices were filled in when it was made",
            help="plan the spec again with them: fleetspec plan SPEC --var NAME=VALUE --out FILE",
        )
    saved = read_planfile(path)
    made = saved.plan
    check_members(path, saved)
    session = date.fromisoformat(made.session)
    compiled = recompiled(str(path), saved.resolved_text, saved.lock_bytes, RunKind(made.run), session, report)
    if compiled.graph.content != made.inputs.graph:
        raise reject(
            GRAPH_DIFFERS,
            f"{path} was planned for graph {made.inputs.graph[:12]}, "
            f"this version compiles {compiled.graph.content[:12]}",
            help="plan again with this version: fleetspec plan SPEC --out FILE",
            exit_code=ExitCode.STALE,
        )
    if world().catalog.digest != made.inputs.catalog:
        raise reject(
            GRAPH_DIFFERS,
            f"{path} was planned with other prices or runtimes than this version ships",
            help="plan again: fleetspec plan SPEC --out FILE",
            exit_code=ExitCode.STALE,
        )
    return Planned(compiled, made, finished(compiled.graph, store))


def resolved(source: Read) -> str:
    """The spec as one canonical YAML text, ``extends`` and defaults of other files merged in."""
    from fleetspec.compiler.compose import resolved_text

    return resolved_text(source.document)


def render(compiled: Compiled, made: Plan, shard: Shard | None = None) -> Manifests:
    """Plan → Kubernetes manifests, parsed back and checked."""
    from fleetspec.renderer.manifests import render as render_manifests

    text = resolved(compiled.read)
    return render_manifests(made, compiled.graph, compiled.read.spec, text, compiled.lock_bytes, shard)


def save(made: Planned, path: Path, top: tuple[Path, str] | None = None) -> None:
    """Plan, graph, manifests, resolved spec and lock as one reproducible file.

    ``top`` is where the files of a repository were written to, and its first commit, if the spec is not read there.
    """
    from fleetspec.compiler.lock import lock_path
    from fleetspec.planfile import write_planfile
    from fleetspec.planorigin import origin_of

    compiled = made.compiled
    manifests, source = render(compiled, made.plan), compiled.read
    origin = origin_of(source.path, source.document, lock_path(source.path), top).to_json()
    write_planfile(path, made.plan, compiled.graph, manifests, resolved(source), compiled.lock_bytes, origin)


def run(
    made: Planned,
    store: Path,
    executor: str = "ray",
    progress: Callable[[Progress], None] | None = None,
    events: Listener | None = None,
) -> RunSummary:
    """Plan → a run: what is missing in the store is computed, everything else is reused. ``events`` hears what happens.

    A run that counts makes its spec and lock what is deployed.
    """
    from fleetspec.planner.cuts import layout_of
    from fleetspec.runtime.deployed import record
    from fleetspec.runtime.driver import run as run_graph
    from fleetspec.runtime.request import RunRequest

    compiled = made.compiled
    request = RunRequest(
        spec=compiled.read.spec,
        graph=compiled.graph,
        plan=made.plan,
        lock=compiled.lock,
        root=compiled.read.path.parent,
        store=store,
        executor=executor,
        progress=progress,
        events=events,
        only=None if made.shard is None else jobs_of(compiled.graph, made.shard),
        shard=made.shard is not None,
    )
    summary = run_graph(request)
    # After a shard, what the others have may be missing.
    if summary.outcome is ExitCode.OK and not (made.shard and summary.remaining):
        record(store, compiled.graph, resolved(compiled.read), compiled.lock_bytes, layout_of(made.plan))
    return summary


def finished(graph: JobGraph, store: Path | None) -> NDArray[np.bool_]:
    """Mask over jobs: which results the store already holds (done or quarantined)."""
    import numpy as np

    from fleetspec.compiler.digests import contained

    # Jobs of the same content are run once: all but the first of them come for nothing.
    shared: NDArray[np.bool_] = graph.first != np.arange(len(graph))
    if store is None:
        return shared
    from fleetspec.runtime.store import done_keys

    return shared | contained(graph.digest, done_keys(store, graph.fleet).view("u1").reshape(-1, 16))


def judge(made: Planned, report: Report) -> None:
    """Add why a plan does not hold, at the line of the spec that is to blame, with the confirmed ways out."""
    from fleetspec.planner.relax import report_verdict

    report_verdict(made.plan, report)
    report.locate(made.compiled.read.document)


def verdict_exit(made: Plan) -> ExitCode:
    """The exit code of a plan: 0 when it holds, 3 when it is late or infeasible."""
    return ExitCode.OK if made.verdict == "feasible" else ExitCode.INFEASIBLE
