"""Is a value-at-risk model violated as often as it says? Tests that need numpy and the standard library only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BASEL_LEVEL, BASEL_OBSERVATIONS = 0.99, 250
_PLUS = (0.0, 0.0, 0.0, 0.0, 0.0, 0.40, 0.50, 0.65, 0.75, 0.85, 1.0)
"""Plus factor by exceptions in 250 days, the last one for 10 and more (Basel Committee 1996, table 2)."""


class Outcome(NamedTuple):
    """A test statistic and the chance of one at least as large if the model is right."""

    statistic: float
    p_value: float


class Christoffersen(NamedTuple):
    """``independence``: a violation says nothing of the next day; ``coverage``: and its chance is the expected one."""

    independence: Outcome
    coverage: Outcome


class TrafficLight(NamedTuple):
    """``zone`` 0 is green, 1 yellow, 2 red; ``plus`` is what the regulator adds to the multiplier of 3."""

    exceptions: int
    zone: int
    plus: float


def kupiec(hits: int, n: int, level: float) -> Outcome:
    """Unconditional coverage (Kupiec 1995): likelihood ratio of the violation rate ``hits / n`` against ``1 - level``.

    ``level`` is the value-at-risk level, 0.99 for violations expected on 1 % of days. The statistic is chi-squared
    with one degree of freedom, whose survival function is erfc(sqrt(x / 2)). No hits, or only hits, are fine: the
    terms that vanish are left out. ``n`` of 0 has no answer: both are NaN.
    """
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} hits among {n} forecasts")
    _require_level(level)
    if n == 0:
        return Outcome(math.nan, math.nan)
    ratio = _log_likelihood(hits, n, hits / n) - _log_likelihood(hits, n, 1 - level)
    return _one_degree(2 * ratio)


def christoffersen(hits: NDArray[np.bool_], level: float, follows: NDArray[np.bool_] | None = None) -> Christoffersen:
    """Tests of ``hits`` (n,), violations in order of time, against a first-order Markov chain (Christoffersen 1998).

    ``independence`` holds the chain's two violation rates, after a violation and after none, against one common rate:
    one degree of freedom. ``coverage`` holds them against ``1 - level``: two degrees, survival function exp(-x / 2).
    Both are taken over the n - 1 pairs of neighbours, so that they are nested; fewer than one pair gives NaN. Where
    no day follows a violation, there is nothing against independence: the statistic is 0. ``follows`` (n - 1,) says of
    which pairs the second day is the next one, where days are left out; all of them without it.
    """
    _require_level(level)
    before, after = hits[:-1], hits[1:]
    if follows is not None:
        before, after = before[follows], after[follows]
    if not len(after):
        return Christoffersen(Outcome(math.nan, math.nan), Outcome(math.nan, math.nan))
    chain, calm, common = 0.0, 0.0, int(after.sum())
    for state in (False, True):
        n, hit = int((before == state).sum()), int(after[before == state].sum())
        chain += _log_likelihood(hit, n, hit / n) if n else 0.0
        calm += _log_likelihood(hit, n, 1 - level)
    pooled = _log_likelihood(common, len(after), common / len(after))
    statistic = max(0.0, 2 * (chain - calm))
    return Christoffersen(_one_degree(2 * (chain - pooled)), Outcome(statistic, math.exp(-statistic / 2)))


def dynamic_quantile(
    hits: NDArray[np.bool_],
    at_risk: NDArray[np.float64],
    level: float,
    lags: int = 4,
    follows: NDArray[np.bool_] | None = None,
) -> Outcome:
    """The dynamic quantile test (Engle and Manganelli 2004, section 5, out of sample): nothing known before foretells
    a violation.

    ``hits`` (n,) less their expectation are regressed on a constant, their own ``lags`` and the forecast ``at_risk``
    (n,). The statistic is the explained sum of squares over p (1 - p), chi-squared with as many degrees of freedom as
    regressors that are not combinations of others: a value at risk that never moves counts once with the constant.
    Fewer than ``10 + lags`` forecasts give NaN. ``follows`` is as for :func:`christoffersen`: days whose lags reach
    over one that is left out do not count.
    """
    _require_level(level)
    p = 1 - level
    days = np.arange(lags, len(hits))
    if follows is not None:
        breaks = np.concatenate([[0], np.cumsum(~follows)])
        days = days[breaks[days] == breaks[days - lags]]
    n = len(days)
    if n < 10:
        return Outcome(math.nan, math.nan)
    surprise = hits - p
    columns = [np.ones(n), *(surprise[days - k] for k in range(1, lags + 1)), at_risk[days]]
    size = np.array([np.linalg.norm(column) for column in columns])
    regressors = np.column_stack(columns) / np.where(size > 0, size, 1.0)
    left, singular, _ = np.linalg.svd(regressors, full_matrices=False)
    rank = int((singular > 1e-9 * singular[0]).sum())
    statistic = float(((left[:, :rank].T @ surprise[days]) ** 2).sum()) / (p * (1 - p))
    return Outcome(statistic, _chi_squared_tail(statistic, rank))


def basel(hits: NDArray[np.bool_]) -> TrafficLight | None:
    """The traffic light of the last 250 daily violations at 99 % (Basel Committee on Banking Supervision 1996).

    Up to 4 exceptions are green, up to 9 yellow, 10 and more red: the zones end where a right model has at most so many
    with a chance of 95 % and 99.99 %. None for fewer than 250 days.
    """
    if len(hits) < BASEL_OBSERVATIONS:
        return None
    exceptions = int(hits[-BASEL_OBSERVATIONS:].sum())
    return TrafficLight(exceptions, (exceptions > 4) + (exceptions > 9), _PLUS[min(exceptions, 10)])


def _require_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, not {level}")


def _log_likelihood(hits: int, n: int, rate: float) -> float:
    kept = (n - hits) * math.log1p(-rate) if hits < n else 0.0
    return kept + (hits * math.log(rate) if hits else 0.0)


def _chi_squared_tail(statistic: float, degrees: int) -> float:
    """Chance that a chi-squared variable exceeds ``statistic``: a finite sum for whole degrees of freedom (Abramowitz
    and Stegun 1964, 26.4.4 and 26.4.5)."""
    half = statistic / 2
    if degrees % 2:
        tail, term = math.erfc(math.sqrt(half)), math.sqrt(half / math.pi) * 2
        divisors = [k + 0.5 for k in range(1, (degrees - 1) // 2 + 1)]
    else:
        tail, term = 0.0, 1.0
        divisors = [float(k) for k in range(1, degrees // 2 + 1)]
    for divisor in divisors:
        tail += term * math.exp(-half)
        term *= half / divisor
    return min(tail, 1.0)


def _one_degree(statistic: float) -> Outcome:
    # Equal rates can come out a rounding error below 0.
    statistic = max(0.0, statistic)
    return Outcome(statistic, math.erfc(math.sqrt(statistic / 2)))
