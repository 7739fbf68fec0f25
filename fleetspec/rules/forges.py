"""FS6xx: what keeps a review from being posted on a pull request or merge request."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

NO_REQUEST = Rule(
    "FS611",
    "it is not known where to comment",
    "The variables of a CI job say which pull request it runs for. Elsewhere, and on other events, they do not.",
    bad="fleetspec comment github main...HEAD    # on a laptop",
    good="fleetspec comment github main...HEAD --repo quant/fleets --number 12",
)
REFUSED = Rule(
    "FS612",
    "the forge refuses",
    "Asking again would get the same answer: a token that is not valid, a number that does not exist, a locked thread.",
    bad="fleetspec comment github main...HEAD --number 1200    # there are 12",
    good="fleetspec comment github main...HEAD --number 12",
)
UNREACHABLE = Rule(
    "FS613",
    "the forge does not answer",
    "It was asked several times, as long as it wanted waits that a job can afford. Nothing is known to be posted.",
    bad="fleetspec comment gitlab main...HEAD    # while it answers 503",
    good="fleetspec comment gitlab main...HEAD    # again, later: one comment stays one",
)
NO_WRITE_TOKEN = Rule(
    "FS614",
    "nothing is posted: there is no token that may write",
    "Jobs of forks get none, so that a stranger's change cannot write in your name. That is no fault of the change.",
    bad="fleetspec comment github main...HEAD    # GITHUB_TOKEN is read-only",
    good='fleetspec diff main...HEAD --format md >> "$GITHUB_STEP_SUMMARY"',
    severity=Severity.WARNING,
)
NOT_A_REVIEW = Rule(
    "FS615",
    "the file is no review",
    "A comment is made from the answer of a diff between two refs as JSON, and from nothing else.",
    bad="fleetspec comment github --from plan.json",
    good="fleetspec diff main...HEAD --format json > review.json && fleetspec comment github --from review.json",
)
