"""FS2xx: what a spec may not turn into from what is deployed, and what it cannot be compared with."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

TOO_MANY_JOBS = Rule(
    "FS290",
    "a run has more jobs than limits.jobs allows",
    "A list that grew by one value multiplies everything; the limit stops it before it is planned and paid for.",
    bad="fleetspec plan fleet.yaml    # limits: {jobs: 1k}, and a fleet of 2,000 jobs",
    good="fleetspec plan fleet.yaml    # limits: {jobs: 2M}",
)
GROWS_TOO_FAST = Rule(
    "FS291",
    "a run grows beyond limits.growth",
    "A fleet seldom grows tenfold on purpose. The limit holds the models of a run against those that are deployed.",
    bad="fleetspec plan fleet.yaml    # limits: {growth: 1.5x}, and an edit that doubles the models",
    good="fleetspec plan fleet.yaml    # limits: {growth: 10x}",
)
MOVED_STILL_THERE = Rule(
    "FS292",
    "what was moved is still in the fleet",
    "A move says what models used to be called. Where the old address still has models, those are meant by it.",
    bad="fleetspec diff main.yaml fleet.yaml    # moved: [{from: eq/vol, to: eq/volatility}], and eq still has vol",
    good="fleetspec diff main.yaml fleet.yaml    # vol is called volatility now",
    severity=Severity.WARNING,
)
MOVED_NOTHING = Rule(
    "FS293",
    "a move finds no model",
    "Either its address is misspelt, and the models count as removed and added, or the move is long done.",
    bad="fleetspec diff main.yaml fleet.yaml    # moved: [{from: eq/vlo, to: eq/volatility}]",
    good="fleetspec diff main.yaml fleet.yaml    # moved: [{from: eq/vol, to: eq/volatility}]",
    severity=Severity.WARNING,
)
MOVED_TOGETHER = Rule(
    "FS294",
    "two models would have one address",
    "Only one of them can be the model that is there now; the other counts as removed.",
    bad="fleetspec diff main.yaml fleet.yaml    # moved: [{from: us/vol, to: eq/vol}, {from: eu/vol, to: eq/vol}]",
    good="fleetspec diff main.yaml fleet.yaml    # moved: [{from: us/vol, to: eq/vol-us}]",
    severity=Severity.WARNING,
)
NO_BASE = Rule(
    "FS295",
    "there is nothing to compare with",
    "A change, and what is new or changed, is told against what is deployed. Nothing is until a run has been applied.",
    bad="fleetspec plan fleet.yaml --run change    # nothing has been applied yet",
    good="fleetspec plan fleet.yaml --run change --base main.yaml",
)
