"""FS6xx: policies, what approves or overrides them, saved plans that may not be applied, and the audit log."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

FAILS = Rule(
    "FS620",
    "a policy stops the change",
    "A policy is a rule that somebody answers for. What it says, whose it is and how to mend it stand beside it.",
    bad="fleetspec plan fleet.yaml    # policies: {dear: {rule: cost, owner: platform, limit: 0.01 USD}}",
    good="fleetspec plan fleet.yaml    # within the limit, or with an override in approvals.yaml",
)
WARNS = Rule(
    "FS621",
    "a policy objects",
    "A policy with on_fail: warn says what it finds and stops nothing.",
    bad="fleetspec plan fleet.yaml    # policies: {late: {rule: slack, owner: platform, limit: 9h, on_fail: warn}}",
    good="fleetspec plan fleet.yaml    # with more slack",
    severity=Severity.WARNING,
)
EXPIRED = Rule(
    "FS622",
    "an override has expired",
    "An override is for a while. After its last day the policy counts again, so that no exception becomes the rule.",
    bad="overrides: [{policy: dear, fleet: prod, reason: quarter end, by: ana, expires: 2020-01-31}]",
    good="overrides: [{policy: dear, fleet: prod, reason: quarter end, by: ana, expires: 2099-01-31}]",
    severity=Severity.WARNING,
)
