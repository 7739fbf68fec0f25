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
PLAN_ELSEWHERE = Rule(
    "FS624",
    "a saved plan of another repository",
    "Two repositories may call a fleet and its file alike. A plan is applied where it was made and reviewed.",
    bad="fleetspec apply plan.fsp    # made in a repository that begins with another commit",
    good="fleetspec plan fleet.yaml --out plan.fsp && fleetspec apply plan.fsp",
)
PLAN_MOVED = Rule(
    "FS625",
    "a saved plan is out of date",
    "What was reviewed is the spec, the lock and the store as they were then. Comments and layout may change.",
    bad="fleetspec apply plan.fsp    # after fleet.yaml was edited, or results were deleted",
    good="fleetspec plan fleet.yaml --out plan.fsp && fleetspec apply plan.fsp",
)
PLAN_ALONE = Rule(
    "FS626",
    "a saved plan cannot be held against its spec",
    "Whether the spec has changed since is seen where the spec is.",
    bad="fleetspec apply plan.fsp    # in a folder without the spec",
    good="fleetspec apply plan.fsp    # in the repository of the spec",
    severity=Severity.WARNING,
)
AUDIT_BROKEN = Rule(
    "FS630",
    "the audit log is not what was written",
    "Each line holds the digest of the one before, so a line that was edited, deleted or moved is found. What such a "
    "log says counts for nothing.",
    bad="fleetspec audit verify fleet.yaml    # after somebody edited STORE/fleet/audit.jsonl",
    good="fleetspec audit verify fleet.yaml    # with the log from a backup",
)
AUDIT_TORN = Rule(
    "FS631",
    "the audit log ends in half a line",
    "A process was killed while it wrote. What it wrote never counted, and the next that writes cuts it off.",
    bad="fleetspec audit verify fleet.yaml    # after a power cut",
    good="fleetspec apply fleet.yaml    # writes the next line where the last whole one ends",
    severity=Severity.WARNING,
)
AUDIT_ELSEWHERE = Rule(
    "FS632",
    "the audit log does not hold a line that is known",
    "A digest that was noted elsewhere says that the log had such a line. A log made anew looks whole and lacks it.",
    bad="fleetspec audit verify fleet.yaml --head 3f0c…    # and nothing in the log has that digest",
    good="fleetspec audit verify fleet.yaml --head 9b71…",
)
AUDIT_DOUBTED = Rule(
    "FS633",
    "an audit log that is not what was written says nothing for a plan",
    "A spec that was approved and applied stays approved. Who says so is the audit log, and only while it is whole.",
    bad="fleetspec apply fleet.yaml    # of tier high, after somebody edited STORE/fleet/audit.jsonl",
    good="fleetspec audit verify fleet.yaml    # says what is wrong, line by line",
    severity=Severity.WARNING,
)
