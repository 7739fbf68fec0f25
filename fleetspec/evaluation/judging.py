"""How forecasts are judged."""

from __future__ import annotations

from typing import NamedTuple


class Judging(NamedTuple):
    """How a model's forecasts are judged. ``tests`` are those of the backtest; ``side`` is the position that a value
    at risk is for; ``every`` is the bars between renewals of a position, 0 where all forecasts count; ``ranked`` says
    that positions are ranks among the members of a universe."""

    target: str
    tests: tuple[str, ...] = ()
    side: str = "long"
    every: int = 0
    ranked: bool = False
