"""What a plan says of stages that run together, and what it costs when each waits for all of the one before."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets.figures import span, usd

MOST = 3
"""Pairs of stages named."""
WORTH = 1e-3


def overlap_facts(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """A line of the verdict; none where stages follow each other, or as good as that."""
    # Runs of earlier versions, whose records a store may hold, know nothing of it.
    found = plan.get("overlap")
    if found is None:
        return []
    titles = {stage["stage"]: f"stage {stage['stage']} ({stage['title']})" for stage in plan["stages"]}
    pairs = [pair for pair in found["together"] if pair[2] > WORTH * plan["end_seconds"]]
    longest = sorted(pairs, key=lambda pair: (-pair[2], pair[:2]))
    named = [f"{titles[one]} and {titles[other]} for {span(seconds)}" for one, other, seconds in longest[:MOST]]
    more = f" and {len(longest) - MOST} more" if len(longest) > MOST else ""
    if not named:
        return []
    which = f"stages run together: {', '.join(named)}{more}"
    cost, end = found["barrier_cost_usd"], found["barrier_end_seconds"]
    late = ", after the deadline" if end > plan["deadline_seconds"] else ""
    return [
        ("overlap", f"{which}. One after the other they would cost {usd(cost)} and end after {span(end)}{late}: "
                    f"overlap saves {_saved(plan, cost, end)}"),
    ]  # fmt: skip


def _saved(plan: dict[str, Any], cost: float, end: float) -> str:
    """Money and time; what is below a thousandth of either is not said."""
    money, time = cost - plan["cost_usd"], end - plan["end_seconds"]
    said = [usd(money)] if money > WORTH * cost else []
    if money < -WORTH * cost:
        said = [f"no money ({usd(-money)} more)"]
    if abs(time) > WORTH * end:
        said.append(span(time) if time > 0 else f"no time ({span(-time)} later)")
    return " and ".join(said) or "next to nothing"
