"""Forecasts of one horizon and level beside what came, with all that scores and losses of them need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fleetspec.evaluation.errors import naive_error
from fleetspec.evaluation.pairing import Pairs, pair
from fleetspec.evaluation.plugins import TARGETS
from fleetspec.evaluation.portfolios import renewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.evaluation.judging import Judging, Period
    from fleetspec.evaluation.pairing import Dates, Floats, Predictions, Realised

SHAPES = {"mean": 0.0, "nu": np.inf, "skew": np.nan, "power": np.nan}
"""What may stand beside a forecast of variance, and what counts where it does not: 0, normal."""


class Rows(NamedTuple):
    """Forecasts in long form, joined: see :class:`~fleetspec.evaluation.pairing.Predictions`."""

    series: NDArray[np.str_]
    origin: Dates
    horizon: NDArray[np.int32]
    quantity: NDArray[np.str_]
    level: Floats
    value: Floats

    @property
    def others(self) -> NDArray[np.str_]:
        """'' in every row: what is of two series is judged by :mod:`~fleetspec.evaluation.covariances`."""
        return np.full(len(self.value), "")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Forecasts of a target over ``horizon`` bars, at ``level`` unless that is NaN, in order of time.

    ``observed`` (n,) is what came: the return, its square, the loss of the position, or what a plugged-in target
    observes. ``beside`` are columns (n,): the naive error of each forecast's series as ``unit``, for a variance the
    shape of the distribution, for a value at risk the expected shortfall where every origin has one.
    """

    horizon: int
    level: float
    pairs: Pairs
    observed: Floats
    beside: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.pairs)

    def at(self, rows: NDArray[np.bool_]) -> Case:
        """Some of the forecasts."""
        beside = {name: values[rows] for name, values in self.beside.items()}
        return Case(self.horizon, self.level, self.pairs.at(rows), self.observed[rows], beside)


def joined(forecasts: Iterable[Predictions]) -> list[Rows]:
    """All rows in one part, or in none: to look through a hundred parts takes longer than to join them."""
    parts = list(forecasts)
    if not parts:
        return []
    return [Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in Rows._fields))]


def cases(judging: Judging, forecasts: Iterable[Predictions], series: Mapping[str, Realised]) -> Iterator[Case]:
    """Every horizon and level of a model's forecasts that has something to be judged by, in order."""
    parts, target = joined(forecasts), judging.target
    for horizon in sorted({int(h) for part in parts for h in np.unique(part.horizon)}):
        levels = [float("nan")]
        if target == "value_at_risk":
            levels = sorted({float(v) for part in parts for v in part.level[part.quantity == target]})
        for level in levels:
            pairs = pair(parts, target, horizon, level, series)
            if judging.every:
                pairs = renewed(pairs, judging.every)
            if len(pairs):
                yield _case(judging, parts, horizon, level, pairs, series)


def within(case: Case, period: Period, series: Mapping[str, Realised]) -> Case:
    """The forecasts whose whole horizon lies in a period: the days of its first and its last bar do."""
    rows = np.zeros(len(case), dtype=bool)
    listed, first, last = list(series.values()), np.datetime64(period.first), np.datetime64(period.last)
    for number in np.unique(case.pairs.series):
        here = case.pairs.series == number
        days = listed[number].dates.astype("datetime64[D]")
        bar = case.pairs.bar[here]
        rows[here] = (days[bar + 1] >= first) & (days[bar + case.horizon] <= last)
    return case.at(rows)


def _case(
    judging: Judging, parts: list[Rows], horizon: int, level: float, pairs: Pairs, series: Mapping[str, Realised]
) -> Case:
    target, realised, beside = judging.target, pairs.realised, {}
    if target == "variance":
        observed = realised**2
        beside = {
            name: _beside(parts, name, horizon, float("nan"), pairs, series, absent) for name, absent in SHAPES.items()
        }
    elif target == "return":
        observed = realised
    elif target == "value_at_risk":
        observed = -realised if judging.side == "long" else realised
        shortfall = _beside(parts, "expected_shortfall", horizon, level, pairs, series, np.nan)
        if not np.isnan(shortfall).any():
            beside = {"expected_shortfall": shortfall}
    elif target in TARGETS:
        observed = _observed(TARGETS[target].observe, horizon, pairs, series)
    else:
        raise ValueError(f"there are no metrics for the target '{target}'")
    if target in ("variance", "return"):
        beside["unit"] = _units(target, horizon, pairs, series)
    return Case(horizon, level, pairs, observed, beside)


def _beside(
    parts: list[Rows],
    quantity: str,
    horizon: int,
    level: float,
    pairs: Pairs,
    series: Mapping[str, Realised],
    absent: float,
) -> Floats:
    """Another quantity at the origins of ``pairs``; ``absent`` where there is none."""
    values = np.full(len(pairs), absent)
    if not any((part.quantity == quantity).any() for part in parts):
        return values
    other = pair(parts, quantity, horizon, level, series)
    longest = max(len(one.returns) for one in series.values())
    ours, theirs = (one.series * longest + one.bar for one in (pairs, other))
    order = np.argsort(theirs)
    at = np.searchsorted(theirs[order], ours)
    found = at < len(theirs)
    found[found] = theirs[order][at[found]] == ours[found]
    values[found] = other.predicted[order][at[found]]
    return values


def _units(target: str, horizon: int, pairs: Pairs, series: Mapping[str, Realised]) -> Floats:
    """The naive error of each series before its first forecast, up to the bar of its origin."""
    units = np.full(len(pairs), np.nan)
    for number, whole in enumerate(series.values()):
        here = pairs.series == number
        if here.any():
            units[here] = naive_error(whole.returns[: pairs.bar[here].min() + 1], horizon, target)
    return units


def _observed(observe: object, horizon: int, pairs: Pairs, series: Mapping[str, Realised]) -> Floats:
    observed = np.full(len(pairs), np.nan)
    for number, whole in enumerate(series.values()):
        here = pairs.series == number
        if here.any():
            following = np.lib.stride_tricks.sliding_window_view(whole.returns, horizon)[pairs.bar[here] + 1]
            observed[here] = observe(np.ascontiguousarray(following))  # type: ignore[operator]
    return observed
