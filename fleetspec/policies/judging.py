"""What all policies of both sides say of a case, after overrides: one ruling for each objection, and for each pass.

The head's policies count as it writes them. Where a change brings more than other policies, those of the base that it
drops or alters count as well, as the base has them: a change cannot widen its own limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from fleetspec.compiler.shape import listed
from fleetspec.policies import plugins
from fleetspec.policies.case import Case, Finding, Judgement, Terms
from fleetspec.policies.rules import NEEDS_BASE, NEEDS_HEAD, NEEDS_PLAN, RULES, unplanned
from fleetspec.review.ruling import Override, Ruling

if TYPE_CHECKING:
    from datetime import date

    from fleetspec.compiler.approvals import Approvals
    from fleetspec.compiler.document import Document
    from fleetspec.compiler.spec_hardware import Policy
    from fleetspec.diagnostics import Place, Route
    from fleetspec.stages import Read

Rule = Callable[[Case, Terms], Judgement]


@dataclass(frozen=True, slots=True)
class Bench:
    """Who judges: the specs whose policies count, as they were read, and the overrides. ``alone`` says that nothing
    but policies changes. Without ``changing`` the case is a plan with no base, and rules about changes are silent."""

    base: Read | None
    head: Read | None
    approvals: Approvals
    alone: bool = False
    changing: bool = True


def rulings(case: Case, bench: Bench) -> tuple[Ruling, ...]:
    """All answers, those of the head's policies first, in the order of the spec."""
    found: list[Ruling] = []
    head = {} if bench.head is None else bench.head.spec.policies
    if bench.head is not None:
        for name, policy in head.items():
            found += _answers(case, bench, name, policy, bench.head.document, "")
    if bench.base is not None and not bench.alone:
        for name, policy in bench.base.spec.policies.items():
            if head.get(name) != policy:
                said = "as the base has it: " if bench.head is not None else ""
                ruled = _answers(case, bench, name, policy, bench.base.document, said)
                found += [one for one in ruled if one.outcome != "pass" or bench.head is None]
    return tuple(found)


def failing(found: Sequence[Ruling]) -> bool:
    """Whether any of them stops the change."""
    return any(one.outcome == "fail" for one in found)


def _answers(case: Case, bench: Bench, name: str, policy: Policy, document: Document, said: str) -> Iterator[Ruling]:
    judgement = _judged(case, bench, name, policy)
    if judgement is None:
        return
    stated = place_of(document, ("policies", name))
    if not judgement.findings:
        yield Ruling(name, policy.owner, policy.rule, stated, said + judgement.passed, "", "pass", stated)
    override = override_of(case.side.fleet, case.today, bench.approvals, name, may_override(policy))
    for finding in judgement.findings:
        outcome = "overridden" if override is not None else policy.on_fail
        yield Ruling(
            id=name,
            owner=policy.owner,
            rule=policy.rule,
            place=_place(finding, bench) or stated,
            what=said + finding.what,
            fix=finding.fix,
            outcome=outcome,
            stated=stated,
            overridden_by=override,
        )


def _judged(case: Case, bench: Bench, name: str, policy: Policy) -> Judgement | None:
    """What one policy says; None where it is not about the case."""
    if not _concerns(case, policy) or policy.rule == "four-eyes":
        return None
    if case.head is None and policy.rule in NEEDS_HEAD:
        return None
    if not bench.changing and policy.rule in NEEDS_BASE:
        return None
    names = policy.gpu_names if policy.rule == "gpus" else policy.pool_names
    options = MappingProxyType(dict(policy.options))
    terms = Terms(name, policy.owner, policy.limit, names, options, may_override(policy))
    if policy.rule == "plugin":
        return plugins.judge(policy.plugin or "", case, terms)
    none = unplanned(case) if policy.rule in NEEDS_PLAN else None
    return none or RULES[policy.rule](case, terms)


def _concerns(case: Case, policy: Policy) -> bool:
    """Whether either side is of a tier, an owner and a run that the policy is for: a change cannot leave them."""
    sides = [side for side in (case.base, case.head) if side is not None]
    owners = listed(policy.owners)
    return (
        case.run in policy.runs
        and any(side.tier in policy.tiers for side in sides)
        and (not owners or any(side.owner in owners for side in sides))
    )


def may_override(policy: Policy | None) -> tuple[str, ...]:
    """Who may override or approve; nobody named is anybody."""
    return () if policy is None else listed(policy.approvers)


def override_of(fleet: str, today: date, approvals: Approvals, name: str, may: tuple[str, ...]) -> Override | None:
    """The override that counts: of this policy and fleet, by somebody who may, not expired; the one that lasts."""
    counting = [
        (one.expires, number, one)
        for number, one in enumerate(approvals.said.overrides)
        if one.policy == name and one.fleet == fleet and one.expires >= today and (not may or one.by in may)
    ]
    if not counting:
        return None
    _, number, one = max(counting)
    return Override(one.by, one.reason, one.expires.isoformat(), approvals.where(("overrides", number)))


def _place(finding: Finding, bench: Bench) -> Place | None:
    read = bench.base if finding.in_base or bench.head is None else bench.head
    return None if read is None or not finding.route else place_of(read.document, finding.route)


def place_of(document: Document, route: Route) -> Place | None:
    """Where the key of a route stands, else what is nearest above it."""
    return document.place(route, key=isinstance(route[-1], str))
