"""How forecasts are judged."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

CONTESTS = ("diebold_mariano", "model_confidence_set")
"""Tests that compare models, not one model with the truth."""
NAIVE = "naive"
"""The baseline that needs no model: see :mod:`fleetspec.evaluation.naive`."""


class Period(NamedTuple):
    """A stretch of days, both ends included, that is judged by itself: a crash, say."""

    name: str
    first: date
    last: date


class Judging(NamedTuple):
    """How a model's forecasts are judged. ``tests`` are those of the backtest; ``side`` is the position that a value
    at risk is for; ``every`` is the bars between renewals of a position, 0 where all forecasts count; ``ranked`` says
    that positions are ranks among the members of a universe. ``periods`` are judged by themselves as well; ``metrics``
    are names of plug-ins."""

    target: str
    tests: tuple[str, ...] = ()
    side: str = "long"
    every: int = 0
    ranked: bool = False
    periods: tuple[Period, ...] = ()
    metrics: tuple[str, ...] = ()
