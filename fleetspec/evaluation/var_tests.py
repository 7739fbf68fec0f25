"""Is a value-at-risk model violated as often as it says? Tests that need numpy and the standard library only."""

from __future__ import annotations

import math
from typing import NamedTuple


class Outcome(NamedTuple):
    """A test statistic and the chance of one at least as large if the model is right."""

    statistic: float
    p_value: float


def kupiec(hits: int, n: int, level: float) -> Outcome:
    """Unconditional coverage (Kupiec 1995): likelihood ratio of the violation rate ``hits / n`` against ``1 - level``.

    ``level`` is the value-at-risk level, 0.99 for violations expected on 1 % of days. The statistic is chi-squared
    with one degree of freedom, whose survival function is erfc(sqrt(x / 2)). No hits, or only hits, are fine: the
    terms that vanish are left out. ``n`` of 0 has no answer: both are NaN.
    """
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} hits among {n} forecasts")
    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, not {level}")
    if n == 0:
        return Outcome(math.nan, math.nan)
    expected = 1 - level

    def log_likelihood(rate: float) -> float:
        kept = (n - hits) * math.log1p(-rate) if hits < n else 0.0
        return kept + (hits * math.log(rate) if hits else 0.0)

    # Equal rates can come out a rounding error below 0.
    statistic = max(0.0, 2 * (log_likelihood(hits / n) - log_likelihood(expected)))
    return Outcome(statistic, math.erfc(math.sqrt(statistic / 2)))
