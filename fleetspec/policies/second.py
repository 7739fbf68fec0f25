"""Four eyes: a fleet on which much hangs is applied once a second person has approved exactly that plan.

Every fleet of tier high needs one, and those that a policy of rule ``four-eyes`` is for. What somebody approved and
was applied stays approved: a later night of the same spec needs nobody. Names are those of git and CI, and prove as
much as these do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from fleetspec.compiler.approvals import NAME
from fleetspec.compiler.shape import listed
from fleetspec.policies.judging import may_override, override_of, place_of
from fleetspec.review.ruling import Outcome, Ruling

if TYPE_CHECKING:
    from fleetspec.compiler.approvals import Approvals, PlanEntry
    from fleetspec.planner.plans import Plan
    from fleetspec.revisions.person import Person
    from fleetspec.stages import Read

ID = "four-eyes"
_OWNER = "fleetspec"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A spec that was approved and applied before, as the audit log tells it."""

    spec: str
    run: str
    by: str


def ruling(
    read: Read,
    plan: Plan,
    approvals: Approvals,
    today: date,
    person: Person | None,
    earlier: tuple[Earlier, ...] = (),
) -> Ruling | None:
    """Whether a plan may be applied by a person; None where one person is enough. Without a person it is asked what
    an apply will need: what is missing is a warning."""
    spec = read.spec
    policies = [
        (name, policy)
        for name, policy in spec.policies.items()
        if policy.rule == ID
        and spec.tier in policy.tiers
        and plan.run in policy.runs
        and (not listed(policy.owners) or spec.owner in listed(policy.owners))
    ]
    if not policies and spec.tier != "high":
        return None
    name, policy = policies[0] if policies else (ID, None)
    owner = _OWNER if policy is None else policy.owner
    stated = place_of(read.document, ("policies", name) if policy is not None else ("tier",))
    before = next((one for one in earlier if one.spec == plan.inputs.spec and one.run == plan.run), None)
    approval, why = _approval(plan, spec.name, approvals, today, person, listed(policy.approvers) if policy else ())
    if approval is not None:
        said = f"{approval.by} has approved this plan"
        return Ruling(name, owner, ID, stated, said, "", "pass", stated, approved_by=approval.by)
    if before is not None:
        said = f"{before.by} has approved this spec, and it has been applied since"
        return Ruling(name, owner, ID, stated, said, "", "pass", stated)
    override = override_of(spec.name, today, approvals, name, may_override(policy))
    outcome: Outcome = "warn" if person is None or (policy is not None and policy.on_fail == "warn") else "fail"
    entry = f"{{fleet: {spec.name}, digest: {plan.digest}, by: NAME}}"
    fix = f"have somebody else review the saved plan, and enter into {NAME}, below plans:, - {entry}"
    return Ruling(
        id=name,
        owner=owner,
        rule=ID,
        place=stated,
        what=why,
        fix=fix,
        outcome="overridden" if override is not None else outcome,
        stated=stated,
        overridden_by=override,
    )


def _approval(
    plan: Plan, fleet: str, approvals: Approvals, today: date, person: Person | None, may: tuple[str, ...]
) -> tuple[PlanEntry | None, str]:
    """The approval that counts; else why none does."""
    digest = plan.digest
    entries = [one for one in approvals.said.plans if one.fleet == fleet]
    mine = [one for one in entries if one.digest == digest]
    current = [one for one in mine if one.expires is None or one.expires >= today]
    allowed = [one for one in current if not may or one.by in may]
    others = [one for one in allowed if person is None or not person.is_called(one.by)]
    if others:
        return others[0], ""
    plan_of = f"plan {digest[:12]} of '{fleet}'"
    if allowed and person is not None:
        return None, f"{plan_of} is approved by {allowed[0].by} alone, who applies it: {person.name} ({person.source})"
    if current:
        return None, f"{plan_of} is approved by {current[0].by}, and only {' or '.join(may)} may"
    if mine:
        return None, f"the approval of {plan_of} by {mine[0].by} expired on {mine[0].expires}: it is {today}"
    if entries:
        return None, f"{plan_of} is approved by nobody; {entries[-1].by} approved another, {entries[-1].digest[:12]}"
    return None, f"{plan_of} is approved by nobody, and needs the approval of a second person"
