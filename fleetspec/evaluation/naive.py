"""The baseline that needs no model: what somebody would forecast who has only the past of the series.

- ``return``: h times the mean return of all bars so far (Welch and Goyal 2008);
- ``variance``: h times the mean squared return of the last 250 bars;
- ``value_at_risk``: historical simulation, the quantile of the last 250 h-bar losses, and the mean loss beyond;
- a plugged-in target: what was observed of the last h bars.

Nothing after an origin's bar is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from fleetspec.evaluation.cases import Case
from fleetspec.evaluation.pairing import Pairs, sums
from fleetspec.evaluation.plugins import TARGETS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.evaluation.judging import Judging
    from fleetspec.evaluation.pairing import Floats, Realised

BARS = 250
"""A year of sessions, the least that regulators ask of a historical simulation."""


def naive_case(judging: Judging, case: Case, series: Mapping[str, Realised]) -> Case:
    """The same origins and outcomes with naive forecasts; NaN where the past is too short for one."""
    predicted, shortfall = np.full(len(case), np.nan), np.full(len(case), np.nan)
    for number, whole in enumerate(series.values()):
        rows = case.pairs.series == number
        if rows.any():
            made, beyond = _forecast(judging, whole.returns, case.pairs.bar[rows], case.horizon, case.level)
            predicted[rows], shortfall[rows] = made, beyond
    pairs = case.pairs
    beside = dict(case.beside)
    if judging.target == "value_at_risk":
        beside["expected_shortfall"] = shortfall
    return Case(
        case.horizon,
        case.level,
        Pairs(pairs.series, pairs.origin, pairs.bar, predicted, pairs.realised),
        case.observed,
        beside,
    )


def _forecast(
    judging: Judging, returns: Floats, bar: NDArray[np.int64], horizon: int, level: float
) -> tuple[Floats, Floats]:
    nothing = np.full(len(bar), np.nan)
    if judging.target == "return":
        return horizon * (np.cumsum(returns) / np.arange(1, len(returns) + 1))[bar], nothing
    if judging.target == "variance":
        return horizon * _rolling(returns**2, BARS, bar, lambda windows: windows.mean(axis=1)), nothing
    if judging.target == "value_at_risk":
        if len(returns) < horizon:
            return nothing, nothing
        losses = sums(-returns if judging.side == "long" else returns, horizon)
        ends = bar - (horizon - 1)
        at_risk = _rolling(losses, BARS, ends, lambda windows: np.quantile(windows, level, axis=1))
        return at_risk, _rolling(losses, BARS, ends, lambda windows: _beyond(windows, level))
    if len(returns) < horizon:
        return nothing, nothing
    observed = TARGETS[judging.target].observe(np.ascontiguousarray(sliding_window_view(returns, horizon)))
    ends = bar - (horizon - 1)
    return np.where(ends >= 0, observed[np.maximum(ends, 0)], np.nan), nothing


def _rolling(values: Floats, length: int, ends: NDArray[np.int64], of: object) -> Floats:
    """``of`` the ``length`` values up to each of ``ends``; NaN where there are fewer."""
    found = np.full(len(ends), np.nan)
    full = ends >= length - 1
    if full.any():
        found[full] = of(sliding_window_view(values, length)[ends[full] - (length - 1)])  # type: ignore[operator]
    return found


def _beyond(losses: Floats, level: float) -> Floats:
    at = np.quantile(losses, level, axis=1, keepdims=True)
    worse = losses >= at
    mean: Floats = np.where(worse, losses, 0.0).sum(axis=1) / worse.sum(axis=1)
    return mean
