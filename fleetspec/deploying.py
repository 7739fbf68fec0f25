"""Verbs on a cluster: a fleet is applied to it, followed, compared with what its spec renders, removed; and a check-up.

Each begins with a spec or a fleet's name and a connection; what is written is what `render` writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetspec import comparing, pipeline
from fleetspec.compiler.given import NOTHING, Given
from fleetspec.diagnostics import ExitCode, Report, reject
from fleetspec.renderer.ownership import Scope, scope_of
from fleetspec.rules import cluster as rules

if TYPE_CHECKING:
    from fleetspec.cluster.applying import Preview
    from fleetspec.cluster.objects import Object, Objects
    from fleetspec.cluster.record import Inventory, Record
    from fleetspec.cluster.removing import Removal
    from fleetspec.cluster.state import RunState
    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.compiler.shards import Shard
    from fleetspec.pipeline import Planned


SCOPES: tuple[Scope, ...] = ("run", "fleet", "platform")
"""Narrow to wide."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fleet lies: its name and its namespace."""

    fleet: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a spec renders: ``values`` go to the cluster in this order, ``left`` are of a wider scope than asked for."""

    planned: Planned
    place: Place
    values: tuple[Object, ...]
    left: tuple[Object, ...]


def reach(context: str | None) -> Objects:
    """The cluster of a context of the kubeconfig. Rejected (FS650, FS669) where there is none to speak to."""
    from fleetspec.cluster.connection import connect
    from fleetspec.cluster.objects import Objects

    return Objects(connect(context))


def place_of(path: Path, report: Report, given: Given = NOTHING) -> Place:
    """Where a spec or a saved plan says its fleet lies; no lock is needed."""
    if path.suffix == ".fsp":
        spec = pipeline.reopened(path, None, report, given).compiled.read.spec
    else:
        spec = pipeline.read(path, pipeline.world(), report, given).spec
    return Place(spec.name, spec.cluster.namespace)


def wanted(
    path: Path,
    run: RunKind,
    base: Path | None,
    session: date | None,
    store: Path,
    scope: Scope,
    report: Report,
    given: Given = NOTHING,
    shard: Shard | None = None,
) -> Wanted:
    """Plan and render the whole run, or a shard of it. Objects up to ``scope`` go to the cluster: of the run, the
    fleet, the platform.

    Rejected (exit 3) for a plan that does not hold.
    """
    start = comparing.start_of(base, run, store, report, given)
    planned = pipeline.planned(path, run, session, store, report, given, reuse=False, start=start, shard=shard)
    if planned.plan.verdict != "feasible":
        pipeline.judge(planned, report)
        report.require(pipeline.verdict_exit(planned.plan))
    manifests = pipeline.render(planned.compiled, planned.plan, shard)
    report.findings += manifests.warnings
    spec, values = planned.compiled.read.spec, manifests.objects()
    taken = SCOPES[: SCOPES.index(scope) + 1]
    return Wanted(
        planned,
        Place(spec.name, spec.cluster.namespace),
        tuple(value for value in values if scope_of(value) in taken),
        tuple(value for value in values if scope_of(value) not in taken),
    )


def previewed(objects: Objects, what: Wanted, take_over: bool) -> Preview:
    """What applying would change, as the cluster's own dry run says.

    Rejected with FS652-FS656 where it must not be, FS670 while another run of the same kind goes on.
    """
    from fleetspec.cluster.applying import preview
    from fleetspec.cluster.record import inventory
    from fleetspec.cluster.state import states

    asked = preview(objects, what.values, take_over=take_over)
    if not asked.is_done:
        held = inventory(objects, what.place.fleet, what.place.namespace)
        for state in states(objects, held):
            if state.job != asked.record.job and state.run == asked.record.run and state.goes_on:
                raise reject(
                    rules.OTHER_RUN,
                    f"{state.job} of session {state.session} is not finished ({state.words})",
                    help=f"wait for it, or remove it: fleetspec destroy SPEC --job {state.job}",
                )
    return asked


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run on a cluster stands, with the driver's own summary once it has ended and where that can be read."""

    state: RunState
    summary: dict[str, Any] | None

    @property
    def exit_code(self) -> ExitCode:
        """0 succeeded; what the driver said of a run that failed (6 too much quarantined); 1 for any other state."""
        if self.state.succeeded:
            return ExitCode.OK
        said = (self.summary or {}).get("exit_code")
        return ExitCode(said) if said in set(ExitCode) and said else ExitCode.ERROR

    def tell(self, report: Report) -> None:
        """Add FS660 for a failed run, FS661 for one that goes on, FS662 where its summary is gone."""
        state = self.state
        if state.goes_on:
            why = f": {'; '.join(state.why)}" if state.why else ""
            report.add(
                rules.NOT_YET,
                f"{state.job} has not ended ({state.words}){why}",
                help="`fleetspec status SPEC --on cluster` says how it stands, the same apply waits again",
            )
        elif not state.succeeded and self.summary is None:
            report.add(
                rules.RUN_FAILED,
                f"{state.job}: {state.words}",
                help="`kubectl logs` of its submitter and head say more; to run it again, "
                "fleetspec destroy SPEC --finished, then apply",
            )
        elif self.summary is None:
            report.add(
                rules.NO_SUMMARY,
                f"{state.job} succeeded; the log that held its counts has gone with its pod",
                help="`fleetspec results SPEC --store FOLDER`, where the store's volume is mounted",
            )


def followed(
    objects: Objects, record: Record, seconds: float | None, tell: Callable[[RunState], None] = lambda state: None
) -> Outcome:
    """Wait for the end of a run, at most ``seconds`` (None: as long as it takes; 0: only look)."""
    from fleetspec.cluster.following import follow_run
    from fleetspec.cluster.state import job_ref, state_of, summary

    if seconds == 0:
        state = state_of(objects, record, objects.get(job_ref(record)))
    else:
        state = follow_run(objects, record, seconds, tell)
    return Outcome(state, summary(objects, record) if state.ended else None)


def status(objects: Objects, place: Place) -> dict[str, Any]:
    """Every run of a fleet on a cluster, and objects of it that belong to none. Rejected (FS659) where nothing is."""
    from fleetspec.cluster.state import states

    held = _held(objects, place)
    return {
        "fleet": place.fleet,
        "namespace": place.namespace,
        "context": objects.connection.name,
        "runs": [state.to_json() for state in states(objects, held)],
        "strays": [str(ref) for ref in held.strays],
        "unseen": list(held.unseen),
    }


def _held(objects: Objects, place: Place) -> Inventory:
    from fleetspec.cluster.record import inventory

    held = inventory(objects, place.fleet, place.namespace)
    if not held:
        raise reject(
            rules.NOTHING_THERE,
            f"nothing of fleet '{place.fleet}' is in namespace '{place.namespace}' of cluster "
            f"'{objects.connection.name}'",
            help="see that context and namespace are the ones meant: --context NAME, --namespace NAME",
        )
    return held


def drifted(objects: Objects, what: Wanted) -> dict[str, Any]:
    """How the cluster differs from what the spec renders."""
    from fleetspec.cluster.drifting import drift
    from fleetspec.cluster.record import inventory

    held = inventory(objects, what.place.fleet, what.place.namespace)
    return {
        "fleet": what.place.fleet,
        "namespace": what.place.namespace,
        "context": objects.connection.name,
        "compared": len(what.values),
        "differing": drift(objects, what.values, held, what.place.fleet),
    }


def going(objects: Objects, place: Place, job: str | None, finished: bool, platform: bool) -> Removal:
    """What destroying comes to: the whole fleet, one run by the name of its job, or the runs that have ended.

    Rejected (FS659) where there is nothing of that.
    """
    from fleetspec.cluster.removing import removal
    from fleetspec.cluster.state import states

    held = _held(objects, place)
    chosen: Iterable[Record] = held.records
    if job is not None:
        chosen = [record for record in held.records if record.job == job]
        if not chosen:
            known = ", ".join(record.job for record in held.records) or "none"
            raise reject(
                rules.NOTHING_THERE,
                f"fleet '{place.fleet}' has no run '{job}' in namespace '{place.namespace}'",
                help=f"its runs: {known}",
            )
    elif finished:
        ended = {state.job for state in states(objects, held) if state.ended}
        chosen = [record for record in held.records if record.job in ended]
    return removal(objects, held, chosen, strays=job is None and not finished, platform=platform)


def doctor(objects: Objects, place: Place, what: Wanted | None) -> dict[str, Any]:
    """Whether the cluster is fit for a fleet, or, without one, for any."""
    from fleetspec.cluster.checkup import checkup

    found = checkup(objects, () if what is None else (*what.values, *what.left), place.namespace)
    return {
        "context": objects.connection.name,
        "namespace": place.namespace,
        "fleet": place.fleet or None,
        "checks": [one.to_json() for one in found],
    }
