"""Policies on a plan that is made: what they say before it is saved or applied, and the audit log of what was done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from fleetspec.diagnostics import ExitCode, Rejected, Report

if TYPE_CHECKING:
    from fleetspec.compiler.approvals import Approvals
    from fleetspec.compiler.given import Given
    from fleetspec.policies.second import Earlier
    from fleetspec.review.diff import GroupChange
    from fleetspec.review.ruling import Ruling
    from fleetspec.revisions.person import Person
    from fleetspec.runtime.audit import Entry, Log
    from fleetspec.stages import Compiled, Planned


class Watch(Struct, frozen=True):
    """How a plan is judged. ``approvals`` is the file of approvals where it is not beside the spec, ``today`` the day
    by which they and prices grow old where it is not the session; ``person`` applies the plan, None where nobody does
    yet."""

    approvals: Path | None = None
    today: date | None = None
    person: Person | None = None


def rulings(
    made: Planned, base: Path | None, store: Path | None, how: Watch, report: Report, given: Given
) -> tuple[Ruling, ...]:
    """What policies say of a plan. Rules about changes hold it against ``base``, else against what is deployed in the
    store, and are silent where nothing is. The report gets what is wrong with the approvals."""
    from fleetspec.compiler.approvals import NAME, check_expiry, read_approvals
    from fleetspec.pipeline import world
    from fleetspec.policies import second
    from fleetspec.policies.judging import Bench
    from fleetspec.policies.judging import rulings as all_of
    from fleetspec.policies.sides import case_of, side_of
    from fleetspec.review.diff import counted

    compiled, plan = made.compiled, made.plan
    spec = compiled.read.spec
    if not spec.policies and spec.tier != "high":
        return ()
    file = how.approvals or compiled.read.path.parent / NAME
    approvals = read_approvals(file, report, required=how.approvals is not None)
    report.require()
    today = how.today or compiled.session
    check_expiry(approvals, {spec.name}, today, report)
    catalog, before = world().catalog, _base(compiled, base, store, given)
    groups: tuple[GroupChange, ...] = ()
    if before is not None:
        from fleetspec.compiler.changes import changes

        groups = counted(changes(before.side, compiled.side))
    old = None if before is None else side_of(before, None, catalog)
    case = case_of(plan.run, today, old, side_of(compiled, made, catalog), groups, approvals)
    found = all_of(case, Bench(None, compiled.read, approvals, changing=before is not None))
    earlier = _earlier(store, spec.name, approvals, report) if spec.tier == "high" or _asks(compiled) else ()
    pair = second.ruling(compiled.read, plan, approvals, today, how.person, earlier)
    return found if pair is None else (*found, pair)


def _asks(compiled: Compiled) -> bool:
    return any(policy.rule == "four-eyes" for policy in compiled.read.spec.policies.values())


def _base(compiled: Compiled, base: Path | None, store: Path | None, given: Given) -> Compiled | None:
    """What a plan changes; None where no policy asks, or nothing is deployed."""
    from fleetspec.comparing import base_of
    from fleetspec.policies.rules import NEEDS_BASE
    from fleetspec.runtime.deployed import read_deployed

    spec, run = compiled.read.spec, compiled.graph.run
    if compiled.base is not None:
        return compiled.base
    if not any(policy.rule in NEEDS_BASE or policy.rule == "plugin" for policy in spec.policies.values()):
        return None
    if base is None and (store is None or read_deployed(store, spec.name, run) is None):
        return None
    return base_of(base, compiled.read, run, store, Report(), given)


def _earlier(store: Path | None, fleet: str, approvals: Approvals, report: Report) -> tuple[Earlier, ...]:
    """Specs that were approved and then applied to their end, as the audit log has it; none where it is broken."""
    from fleetspec.policies.second import Earlier
    from fleetspec.runtime import audit

    if store is None:
        return ()
    log = audit.read(store, fleet)
    tell(log, report, broken=False)
    if log.faults:
        return ()
    ended = {
        one.said["plan"] for one in log.sound if one.said["event"] == "apply-ended" and one.said["outcome"] == "ok"
    }
    return tuple(
        Earlier(str(one.said["spec"]), str(one.said["run"]), str(one.said["approved_by"]))
        for one in log.sound
        if one.said["event"] == "approval" and one.said["plan"] in ended
    )


def check_saved(path: Path, made: Planned, report: Report, *, results: bool = True) -> None:
    """Whether a saved plan may still be applied here: see :mod:`planorigin`, and what the store holds now, where the
    run counts on its ``results``."""
    from fleetspec.planfile import read_planfile
    from fleetspec.planorigin import check_current, check_results, from_json

    check_current(from_json(read_planfile(path).meta.get("origin")), path, report)
    if results:
        check_results(path, made.plan.missing, int((~made.done).sum()))


def failing(found: tuple[Ruling, ...], report: Report) -> bool:
    """Whether any of them stops the plan; the report gets what each objects."""
    for one in found:
        one.tell(report)
    return any(one.outcome == "fail" for one in found)


def saved(made: Planned, store: Path, person: Person) -> None:
    """Enter into the audit log that a plan was saved; a store that is not there keeps no log."""
    from fleetspec.runtime import audit

    if store.is_dir():
        audit.append(store, made.plan.fleet, "plan-saved", person.name, **_about(made, person))


@contextmanager
def applied(
    made: Planned, found: tuple[Ruling, ...], store: Path, person: Person, *, on: str = "here"
) -> Iterator[dict[str, Any]]:
    """Log what an apply was let through by, that it begins, and how it ends. The block says its ``run_record`` and
    ``code``, or in words its ``outcome``.

    A process that is killed leaves an apply that has begun and not ended. ``on`` is
    the cluster that it is handed to.
    """
    from fleetspec.runtime import audit

    told: dict[str, Any] = {"run_record": None, "code": None, "outcome": None}
    fleet, about = made.plan.fleet, _about(made, person) | {"on": on}
    for one in found:
        if one.overridden_by is not None:
            override = one.overridden_by
            said = {"policy": one.id, "overridden_by": override.by, "reason": override.reason}
            audit.append(store, fleet, "override", person.name, **about, **said, expires=override.expires)
    for one in found:
        if one.approved_by is not None:
            audit.append(store, fleet, "approval", person.name, **about, policy=one.id, approved_by=one.approved_by)
    audit.append(store, fleet, "apply-begun", person.name, **about)
    ending = "broken off"
    try:
        yield told
        ending = told["outcome"] or _OUTCOMES.get(told["code"], "failed")
    except KeyboardInterrupt:
        ending = "interrupted"
        raise
    except Rejected as fault:
        ending = f"rejected: {', '.join(sorted({one.rule.code for one in fault.report.errors}))}"
        raise
    finally:
        audit.append(store, fleet, "apply-ended", person.name, **about, outcome=ending, run_record=told["run_record"])


_OUTCOMES = {
    ExitCode.OK: "ok",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.QUARANTINE: "too much quarantined",
}


def _about(made: Planned, person: Person) -> dict[str, Any]:
    plan = made.plan
    return {
        "fleet": plan.fleet,
        "run": plan.run,
        "session": plan.session,
        "plan": plan.digest,
        "spec": plan.inputs.spec,
        "lock": plan.inputs.lock,
        "graph": plan.inputs.graph,
        "known_by": person.source,
    }


def log_of(path: Path, store: Path, report: Report, given: Given) -> tuple[str, Log]:
    """The audit log of a spec's fleet, or of a fleet by its name where no such file is."""
    from fleetspec.pipeline import read, reopened, world
    from fleetspec.runtime import audit

    if path.suffix == ".fsp":
        fleet = reopened(path, None, report, given).plan.fleet
    else:
        fleet = read(path, world(), report, given).spec.name
    return fleet, audit.read(store, fleet)


def tell(log: Log, report: Report, *, broken: bool = True) -> None:
    """Add to a report what is wrong with a log: each fault an error, or one warning's worth where it only informs."""
    from fleetspec.rules import policies as rules

    if log.faults and broken:
        for fault in log.faults:
            message = f"'{log.path}' {fault}"
            help = "keep the file as it is, and find out who wrote to the store; take the log from a backup"
            report.add(rules.AUDIT_BROKEN, message, help=help)
    elif log.faults:
        message = f"'{log.path}' is not what was written, so that no earlier approval counts"
        report.add(rules.AUDIT_DOUBTED, message, help="see what is wrong with it: fleetspec audit verify SPEC")
    if log.torn:
        message = f"'{log.path}' ends in {log.torn} bytes of a line that was not finished"
        report.add(rules.AUDIT_TORN, message, help="nothing has to be done: the next that writes cuts them off")


def shown(fleet: str, log: Log, limit: int) -> dict[str, Any]:
    """The answer to ``audit``: the last ``limit`` lines (0: all), what is wrong, and the digest to keep elsewhere."""
    entries: list[Entry] = log.sound
    last = entries[-limit:] if limit else entries
    return {
        "fleet": fleet,
        "file": str(log.path),
        "lines": len(log.lines),
        "whole": not log.faults,
        "faults": [{"line": fault.line, "what": fault.what} for fault in log.faults],
        "head": log.head,
        "entries": [entry.said for entry in last],
        "more": len(entries) - len(last),
    }
