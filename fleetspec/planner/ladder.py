"""Deadlines that every later one looks back to, so that more time never costs more.

A plan that ends by an earlier deadline ends by a later one too. What a heuristic finds for the two need not be in that
order: it rounds differently for each. So each deadline also takes what is planned for the *rungs* below it, a fixed row
of deadlines that is the same for all. A rung may only be cheaper while its lower bound is below the best plan there is,
and that bound rises as the deadline falls, so few of them are planned.
"""

from __future__ import annotations

from collections.abc import Iterator

HOUR = 3600
RUNGS = tuple(round(hours * HOUR) for hours in (0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 24, 48, 96, 168, 336, 720))
"""Seconds from the start: round figures, since those are what people compare, and few of them."""


def rungs_below(deadline_seconds: int, overhead_seconds: int) -> Iterator[int]:
    """The rungs below a deadline that leave time for work, the latest first."""
    return (rung for rung in reversed(RUNGS) if overhead_seconds < rung < deadline_seconds)
