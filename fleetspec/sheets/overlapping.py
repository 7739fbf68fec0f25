"""What a plan says of stages that run together, and what it costs when each waits for all of the one before."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets.figures import span, usd

MOST = 3
"""Pairs of stages named."""
WORTH = 1e-3


def overlap_facts(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """A line of the verdict; none where stages follow each other."""
    # Runs of earlier versions, whose records a store may hold, know nothing of it.
    found = plan.get("overlap")
    if found is None:
        return []
    longest = sorted(found["together"], key=lambda pair: (-pair[2], pair[:2]))
    named = [f"{one} and {other} for {span(seconds)}" for one, other, seconds in longest[:MOST]]
    more = f" and {len(longest) - MOST} more" if len(longest) > MOST else ""
    which = f"stages {', '.join(named)}{more}" if named else "classes wait for what they read from and nothing else"
    cost, end = found["barrier_cost_usd"], found["barrier_end_seconds"]
    late = ", after the deadline" if end > plan["deadline_seconds"] else ""
    return [
        ("overlap", f"{which}; one after the other they cost {usd(cost)} and end after {span(end)}{late}: "
                    f"overlap saves {_saved(plan, cost, end)}"),
    ]  # fmt: skip


def _saved(plan: dict[str, Any], cost: float, end: float) -> str:
    """Money and time; what is below a thousandth of either is not said."""
    money, time = cost - plan["cost_usd"], end - plan["end_seconds"]
    said = [usd(money)] if money > WORTH * cost else []
    if abs(time) > WORTH * end:
        said.append(span(time) if time > 0 else f"no time ({span(-time)} later)")
    return " and ".join(said) or "next to nothing"
