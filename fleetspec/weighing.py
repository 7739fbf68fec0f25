"""What a page on a review shows beside its figures: both plans whole, cost against deadline, and each edit undone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from fleetspec.comparing import frontier, second_side
from fleetspec.diagnostics import Rejected, Report

if TYPE_CHECKING:
    from fleetspec.comparing import Asking
    from fleetspec.pipeline import Planned
    from fleetspec.review.diff import Review

UNDONE = 6
"""Edits that are undone one by one, each a plan of its own; the page says how many more there are."""
_ACTING = ("capacity", "model", "data")

POINTS = 4
"""Deadlines of a review's frontier: enough for its shape, and a reviewer waits for each."""


def weighed(
    base: Planned | None, head: Planned | None, file: Path | None, review: Review | None, how: Asking
) -> dict[str, Any]:
    """``base`` and ``head`` as the JSON of ``plan``, ``frontier`` of the head (else of the base), and ``undone``.

    ``file`` is the head's spec, from which edits are undone.
    """
    last = head or base
    assert last is not None
    return {
        "base": None if base is None else base.to_json(),
        "head": None if head is None else head.to_json(),
        "frontier": frontier(last, None, lambda done, of: None, POINTS),
        "undone": [] if base is None or file is None or review is None else _undone(base, file, review, how),
    }


def _undone(base: Planned, head: Path, review: Review, how: Asking) -> list[dict[str, Any]]:
    """The head's plan with one value at a time as it was: what that edit alone costs. ``cost_usd`` is None where the
    head cannot be had without it, as where another edit needs it."""
    found: list[dict[str, Any]] = []
    for change in review.settings:
        if change.klass not in _ACTING or change.base is None or change.head is None or change.base.endswith("…"):
            continue
        entry = {"route": change.route, "base": change.base, "head": change.head}
        if len(found) < UNDONE:
            entry |= _without(base, head, change.route, change.base, how)
        found.append(entry)
    return found


def _without(base: Planned, head: Path, route: str, value: str, how: Asking) -> dict[str, Any]:
    given = replace(how.given, changes=(*how.given.changes, (route, value)))
    try:
        plan = second_side(base, head, how.run, how.session, Report(), given, data=how.data).plan
    except Rejected:
        return {"cost_usd": None, "end_seconds": None, "verdict": None, "models": None}
    return {
        "cost_usd": plan.cost_usd,
        "end_seconds": plan.end_seconds,
        "verdict": plan.verdict,
        "models": plan.models,
    }
