"""What would take a job out of quarantine, by its reason: a sentence for a person who has to act on it."""

from __future__ import annotations

import re

_REMEDIES = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"worker died twice", "a machine that has memory for it, and then `fleetspec retry`"),
        (r"no valid bars|every return is missing", "values of the series in the data, then `fleetspec lock`"),
        (r"values are missing, max_missing", "fewer gaps in the data and `fleetspec lock`, or a larger max_missing"),
        (r"largest return is .*max_jump", "a corrected price and `fleetspec lock`, or a larger max_jump"),
        (r"last bar ended on", "newer bars and `fleetspec lock`, or a longer stale_after"),
        (
            r"no candidate of \d+ has a score",
            "another space; `results --table trials` has the reason of every candidate",
        ),
        (r"the series has no .*variance|needs volume", "the column it lacks in the data source, or another measure"),
        (
            r"train needs|at least \d+ are needed|are needed$|the validation part of|no origin has",
            "more bars and `fleetspec lock`, or a shorter window of the group",
        ),
        (r"constant|are equal|does not move", "a series that moves; `except` leaves it out until then"),
        (
            r"did not converge|the estimate of|is (nan|-?inf)\b|not finite|not a finite",
            "other data (the next window), other params, or another family of the group",
        ),
        (
            r"^\w*(Error|Exception|Warning|Exit)\b",
            "a version of the family without the fault, or `fleetspec retry` where the machine was to blame",
        ),
    )
)
_ELSE = "other data, another window or other params; `fleetspec retry` runs it once more as it is"


def remedy(reason: str) -> str:
    """What would change the verdict that ``reason`` (of its own, not a parent's) gives."""
    return next((text for pattern, text in _REMEDIES if pattern.search(reason)), _ELSE)
