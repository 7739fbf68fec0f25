"""What forecasts of returns are worth to somebody who trades on them: rank correlation, turnover, mean return.

Positions are renewed every so many bars and held in between, without costs. On one series the position is the sign of
the forecast, all in. On a universe it is the forecast's rank among the members, less the mean rank, scaled to 1 long
and 1 short in all (Asness, Moskowitz and Pedersen 2013, section I.C).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.evaluation.pairing import sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.evaluation.pairing import Floats, Pairs, Realised

SMALLEST_CROSS_SECTION = 3
"""Members a date needs for a rank correlation: with two it is a coin's face."""


def rank_ic(pairs: Pairs) -> tuple[float, int]:
    """Mean over dates of Spearman's rank correlation between forecasts and what followed (the information coefficient
    of Grinold and Kahn 2000), and the number of dates: those with three members or more whose forecasts, and returns,
    differ."""
    found = []
    for rows in _dates(pairs):
        if len(rows) < SMALLEST_CROSS_SECTION:
            continue
        forecast, realised = _centred_ranks(pairs.predicted[rows]), _centred_ranks(pairs.realised[rows])
        size = float(np.sqrt((forecast**2).sum() * (realised**2).sum()))
        if size > 0:
            found.append(float((forecast * realised).sum()) / size)
    return (float(np.mean(found)), len(found)) if found else (float("nan"), 0)


def renewed(pairs: Pairs, every: int) -> Pairs:
    """The pairs whose origin is a renewal: every ``every``-th date, from the first."""
    return pairs.at(np.isin(pairs.origin, np.unique(pairs.origin)[::every]))


def traded(pairs: Pairs, every: int, series: Mapping[str, Realised], ranked: bool) -> dict[str, tuple[float, int]]:
    """``turnover`` and ``mean_return`` of the positions that ``pairs``, all of them renewals, ask for; with the number
    of renewals behind each.

    Turnover is half the sum of changes of all positions, mean over renewals after the first (Grinold and Kahn 2000):
    on one series 1 is a full reversal. The return is simple, per bar, of positions held for ``every`` bars of each
    series; a renewal whose bars are not over has none.
    """
    positions = np.zeros((len(np.unique(pairs.origin)), len(series)))
    for row, members in zip(positions, _dates(pairs), strict=True):
        row[pairs.series[members]] = _ranked(pairs.predicted[members]) if ranked else np.sign(pairs.predicted[members])
    scores = {}
    if len(positions) > 1:
        scores["turnover"] = (float(np.abs(np.diff(positions, axis=0)).sum(axis=1).mean() / 2), len(positions) - 1)
    held = _held(pairs, every, list(series.values()))
    earned = []
    for row, members in zip(positions, _dates(pairs), strict=True):
        if not np.isnan(held[members]).any():
            earned.append(float((row[pairs.series[members]] * held[members]).sum()) / every)
    if earned:
        scores["mean_return"] = (float(np.mean(earned)), len(earned))
    return scores


def _held(pairs: Pairs, every: int, series: list[Realised]) -> Floats:
    """(n,) simple return of a pair's series over the ``every`` bars after its origin; NaN where they are not over."""
    held = np.full(len(pairs), np.nan)
    for number in np.unique(pairs.series):
        returns = series[number].returns
        here = np.flatnonzero((pairs.series == number) & (pairs.bar + every < len(returns)))
        if len(here):
            held[here] = np.expm1(sums(returns, every)[pairs.bar[here] + 1])
    return held


def _dates(pairs: Pairs) -> list[NDArray[np.int64]]:
    """Row numbers of each date, in order."""
    edges = np.flatnonzero(pairs.origin[1:] != pairs.origin[:-1]) + 1
    return np.split(np.arange(len(pairs)), edges) if len(pairs) else []


def _ranked(forecasts: Floats) -> Floats:
    ranks = _centred_ranks(forecasts)
    size = float(np.abs(ranks).sum())
    return 2 * ranks / size if size > 0 else ranks


def _centred_ranks(values: Floats) -> Floats:
    """Ranks less their mean; equal values share the mean of their ranks."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(count) - (count - 1) / 2)[place] - (len(values) + 1) / 2
    return ranks
