"""Server-side apply of the objects of one run: a dry run first, and a record before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fleetspec.cluster.connection import Fault
from fleetspec.cluster.fields import changed, is_applied, managers, said
from fleetspec.cluster.objects import Object, Ref, refused
from fleetspec.cluster.record import Record, record_of
from fleetspec.diagnostics import Rejected, Report
from fleetspec.renderer.ownership import FLEET, is_owned
from fleetspec.rules import cluster as rules

if TYPE_CHECKING:
    from fleetspec.cluster.objects import Objects

Action = Literal["create", "change", "keep"]


@dataclass(frozen=True, slots=True)
class Step:
    """What applying one object comes to. ``fields`` are those that would change."""

    value: Object
    action: Action
    fields: tuple[str, ...] = ()

    @property
    def ref(self) -> Ref:
        return Ref.of(self.value)

    def to_json(self) -> dict[str, Any]:
        return {"object": str(self.ref), "action": self.action, "fields": list(self.fields)}


@dataclass(frozen=True, slots=True)
class Preview:
    """The steps of an apply, in order, as the server's dry run sees them. ``force`` takes over what others hold."""

    steps: tuple[Step, ...]
    record: Record
    force: bool

    @property
    def is_done(self) -> bool:
        return all(step.action == "keep" for step in self.steps)


def preview(objects: Objects, values: Sequence[Object], *, take_over: bool = False) -> Preview:
    """What applying would do, without doing it.

    Raises Rejected with every reason why it must not be done: FS652 the server refuses an object, FS653 it does not
    know its kind, FS654 there is no namespace, FS655 and FS656 an object or a field is somebody else's.
    """
    record, report = record_of(values), Report()
    made = {value["metadata"]["name"] for value in values if value["kind"] == "Namespace"}
    steps = [_step(objects, value, record.fleet, made, take_over, report) for value in values]
    report.require()
    return Preview(tuple(step for step in steps if step is not None), record, take_over)


def _step(objects: Objects, value: Object, fleet: str, made: set[str], take_over: bool, report: Report) -> Step | None:
    ref = Ref.of(value)
    try:
        live = objects.get(ref)
        if live is not None and not is_owned(live, fleet) and not take_over:
            _say_foreign(live, ref, report)
            return None
        if live is not None and live["metadata"].get("deletionTimestamp"):
            _say_going(live, ref, report)
            return None
        asked = objects.apply(value, dry_run=True, force=take_over)
    except Fault as fault:
        if fault.status == 404 and ref.namespace in made:
            # Its namespace is made by this very apply, which no dry run can foresee.
            return Step(value, "create")
        _say_refusal(fault, ref, report)
        return None
    except Rejected as ending:
        if any(finding.rule is rules.UNREACHABLE for finding in ending.report):
            # The next object would wait as long for the same silence.
            raise
        report.findings += ending.report.findings
        return None
    if live is None:
        return Step(value, "create")
    fields = tuple(said(path) for path in changed(live, asked))
    return Step(value, "change" if fields or not is_applied(live) else "keep", fields)


def _say_foreign(live: Object, ref: Ref, report: Report) -> None:
    labels = live["metadata"].get("labels") or {}
    whose = f"it is of fleet '{labels[FLEET]}'" if FLEET in labels else "it has no label of a fleet"
    writers = sorted({name for name, _ in managers(live)})
    by = f", written by {', '.join(writers)}" if writers else ""
    report.add(
        rules.NOT_OURS,
        f"{ref} is there already and not this fleet's: {whose}{by}",
        help="remove or rename it, or write over it with --take-over",
    )


def _say_going(live: Object, ref: Ref, report: Report) -> None:
    finalizers = ", ".join(live["metadata"].get("finalizers") or []) or "the cluster"
    report.add(
        rules.STILL_THERE,
        f"{ref} is being deleted, and waits for {finalizers}",
        help="apply once it is gone; `fleetspec destroy SPEC` waits for that",
    )


def _say_refusal(fault: Fault, ref: Ref, report: Report) -> None:
    if fault.status == 404 and fault.details.get("kind") in ("namespaces", "Namespace"):
        report.add(
            rules.NO_NAMESPACE,
            f"{ref}: there is no namespace '{ref.namespace}'",
            help=f"kubectl create namespace {ref.namespace}, or say another one in the spec: cluster.namespace",
        )
    elif fault.status == 409 and fault.reason == "Conflict":
        for cause in fault.details.get("causes") or [{"message": fault.message}]:
            field = f", field {cause['field']}" if cause.get("field") else ""
            report.add(
                rules.FIELD_CONFLICT,
                f"{ref}{field}: {cause.get('message')}",
                help="let that manager give the field up, or set it as rendered with --take-over",
            )
    else:
        report.findings += refused(f"take {ref}", fault).report.findings


def carry_out(objects: Objects, asked: Preview, tell: Callable[[Step], None] = lambda step: None) -> None:
    """Write the record, then every object in order; what is kept is not sent.

    Rejected (FS657 beside the reason) when it stops midway: the record names everything that may be there.
    """
    # A namespace comes before the record, which lies in it; it is no loss if nothing else follows.
    order = sorted((step for step in asked.steps if step.action != "keep"), key=lambda one: one.ref.kind != "Namespace")
    spaces = sum(step.ref.kind == "Namespace" for step in order)
    done, current = 0, asked.record.ref
    try:
        for step in order[:spaces]:
            current = step.ref
            objects.apply(step.value, force=asked.force)
            done += 1
            tell(step)
        current = asked.record.ref
        objects.apply(asked.record.manifest(), force=True)
        for step in order[spaces:]:
            current = step.ref
            objects.apply(step.value, force=asked.force)
            done += 1
            tell(step)
    except Fault as fault:
        report = Report()
        _say_refusal(fault, current, report)
        raise _stopped(report, asked.record, done, len(order)) from fault
    except Rejected as ending:
        raise _stopped(ending.report, asked.record, done, len(order)) from ending


def _stopped(report: Report, record: Record, done: int, wanted: int) -> Rejected:
    report.add(
        rules.STOPPED,
        f"{done} of {wanted} objects are known to be written; {record.ref} names them all",
        help="the same command goes on from there, `fleetspec destroy` removes what is there",
    )
    return Rejected(report)
