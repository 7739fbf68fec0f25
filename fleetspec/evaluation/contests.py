"""Which of two forecasts was better, and is that more than chance?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.evaluation.var_tests import Outcome

if TYPE_CHECKING:
    from fleetspec.evaluation.pairing import Floats


def diebold_mariano(one: Floats, other: Floats, horizon: int = 1, lags: int | None = None) -> Outcome:
    """Equal predictive accuracy (Diebold and Mariano 1995) of losses (n,) at the same origins, in order of time.

    The statistic is the mean of ``one - other`` over its standard error: below 0 ``one`` is better. The long-run
    variance is Newey and West's (1987), with ``lags`` autocovariances: by default the larger of ``horizon - 1``, which
    overlap makes, and 4 (n / 100)^(2/9). Held against Student's t of n - 1 degrees, two-sided, after the correction of
    Harvey, Leybourne and Newbold (1997) for the horizon. NaN where the losses do not differ, or with fewer than ten.
    """
    if len(one) != len(other):
        raise ValueError(f"{len(one)} losses against {len(other)}")
    difference = one - other
    n = len(difference)
    if n < 10 or np.ptp(difference) == 0:
        return Outcome(math.nan, math.nan)
    if lags is None:
        lags = max(horizon - 1, int(4 * (n / 100) ** (2 / 9)))
    centred = difference - difference.mean()
    variance = float(centred @ centred) / n
    for lag in range(1, min(lags, n - 1) + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float(centred[lag:] @ centred[:-lag]) / n
    if variance <= 0:
        return Outcome(math.nan, math.nan)
    correction = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n
    statistic = float(difference.mean()) / math.sqrt(variance / n) * math.sqrt(max(correction, 0.0))
    from scipy.special import stdtr

    return Outcome(statistic, 2 * float(stdtr(n - 1, -abs(statistic))))
