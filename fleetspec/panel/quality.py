"""Whether a series is good enough to be fitted: one rule, asked when a fleet is compiled and again when it runs."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from fleetspec.units import Share, Sigma

if TYPE_CHECKING:
    from fleetspec.panel.series import Floats

_NORMAL = 1.4826
"""Median absolute deviations in a standard deviation of the normal distribution."""


class Standard(Struct, frozen=True):
    """What is asked of every series of a universe at one bar. ``max_missing`` is a fraction, ``max_jump`` in robust
    standard deviations; ``oldest`` is the day on which the last bar may have ended at the earliest."""

    max_missing: float
    max_jump: float | None = None
    oldest: date | None = None


def jump(returns: Floats) -> float | None:
    """The largest absolute return in robust standard deviations (median absolute deviation x 1.4826), to six digits.

    None where half of the returns or more are the same, which leaves nothing to measure with.
    """
    if not len(returns):
        return None
    spread = float(np.median(np.abs(returns - np.median(returns)))) * _NORMAL
    return float(f"{float(np.abs(returns).max()) / spread:.6g}") if spread > 0 else None


def verdict(missing: int, bars: int, jump: float | None, last: date | None, standard: Standard) -> str | None:
    """Why a series is not fitted; None when nothing speaks against it. ``last`` is the day its last bar ended."""
    if bars == 0:
        return "no valid bars: all values are missing"
    share = missing / (bars + missing)
    if share > standard.max_missing:
        return f"{Share(share)} of its values are missing, max_missing is {Share(standard.max_missing)}"
    if standard.max_jump is not None and jump is not None and jump > standard.max_jump:
        return f"its largest return is {Sigma(jump)}, max_jump is {Sigma(standard.max_jump)}"
    if standard.oldest is not None and last is not None and last < standard.oldest:
        return f"its last bar ended on {last}, stale_after asks for {standard.oldest} or later"
    return None
