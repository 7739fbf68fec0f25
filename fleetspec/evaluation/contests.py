"""Which of several forecasts was better, and is that more than chance?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fleetspec.evaluation.var_tests import Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.evaluation.pairing import Floats

REPLICATIONS = 1000
"""Bootstrap samples of a model confidence set."""
FEWEST = 30
"""Origins that a model confidence set needs."""


class Comparison(NamedTuple):
    """A Diebold-Mariano test. ``better`` is the chance of a statistic as low if the model is no better, one-sided."""

    statistic: float
    p_value: float
    better: float


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


def compared(one: Floats, other: Floats, horizon: int) -> Comparison:
    """:func:`diebold_mariano` of a model's losses against a baseline's, with its one-sided p-value."""
    test = diebold_mariano(one, other, horizon)
    better = test.p_value / 2 if test.statistic < 0 else 1 - test.p_value / 2
    return Comparison(test.statistic, test.p_value, better)


def block_length(n: int, horizon: int) -> int:
    """Mean length of the blocks that n losses are drawn in: the cube root of n, the order that is best for a standard
    error (Kuensch 1989), and no less than the horizon, over which losses overlap."""
    return max(int(float(n) ** (1 / 3) + 0.5), horizon, 1)


def model_confidence_set(
    losses: Floats, block: int, seed: int, replications: int = REPLICATIONS
) -> NDArray[np.float64]:
    """(k,) p-values of the model confidence set (Hansen, Lunde and Nason 2011) of losses (n, k) at the same origins.

    The set at level 1 - a holds the models whose p-value is above a: it has the best one with that chance. The
    statistic is the range of studentised differences; losses are drawn by a stationary bootstrap (Politis and Romano
    1994) of mean ``block`` length. Models of equal losses share a p-value. NaN with fewer than 30 origins.
    """
    n, k = losses.shape
    if n < FEWEST:
        return np.full(k, math.nan)
    distinct, at = np.unique(losses, axis=1, return_inverse=True)
    at = np.asarray(at).ravel()
    if distinct.shape[1] == 1:
        return np.ones(k)
    from arch.bootstrap import MCS

    test = MCS(distinct, size=0.05, reps=replications, block_size=block, method="R", bootstrap="stationary", seed=seed)
    test.compute()
    found = np.ones(distinct.shape[1])
    found[test.pvalues.index.to_numpy(dtype=np.int64)] = test.pvalues["Pvalue"].to_numpy(dtype=np.float64)
    return found[at]


def benjamini_hochberg(p_values: NDArray[np.float64], rate: float) -> NDArray[np.bool_]:
    """Which of m hypotheses are rejected at a false discovery ``rate``: those up to the largest k with the k-th
    smallest p-value at most k / m x rate (Benjamini and Hochberg 1995)."""
    rejected = np.zeros(len(p_values), dtype=bool)
    order = np.argsort(p_values, kind="stable")
    below = np.flatnonzero(p_values[order] <= np.arange(1, len(order) + 1) / max(len(order), 1) * rate)
    if len(below):
        rejected[order[: below[-1] + 1]] = True
    return rejected
