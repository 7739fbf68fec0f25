"""The mean of the forecasts of other groups, every model with the same weight: hard to beat (Clemen 1989).

Over forecasts of variance it hands on their mean, and, where all of them are normal or Student-t, their tails as the
mean of 1 / nu, so that a value at risk can be made from it. Skewed and GED tails have no such mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleetspec.family import Family, Forecasts, Params, Profile, Rejection

if TYPE_CHECKING:
    from fleetspec.family import Dates, Floats, ForecastRequest

TARGETS = ("return", "variance")
BESIDE = ("mean", "nu")


class AverageParams(Params):
    """There is nothing to choose: what is averaged are the groups it is over."""


def forecast(request: ForecastRequest) -> Forecasts:
    """``return`` or ``variance``, whichever the members forecast, at the origins that all of them have; with a variance
    also ``mean`` and ``nu`` where all members have them and no other shape."""
    if not request.members:
        raise Rejection("there is no member forecast to average")
    named = [{str(name) for name in np.unique(member.quantity)} for member in request.members]
    targets = [target for target in TARGETS if all(target in names for names in named)]
    if not targets:
        raise Rejection("members forecast neither all a return nor all a variance")
    quantities = [targets[0]]
    if targets[0] == "variance":
        bent = any(names & {"skew", "power"} for names in named)
        quantities += [n for n in BESIDE if all(n in names for names in named) and not (bent and n == "nu")]
    blocks = []
    for window in request.windows:
        origins = window.dates[request.first_origin :]
        for horizon in request.horizons:
            for quantity in quantities:
                found = [_values(member, window.series, horizon, quantity, origins) for member in request.members]
                mean = _mean(found, quantity)
                there = ~np.isnan(mean)
                if there.any():
                    blocks.append(Forecasts.block(window.series, origins[there], horizon, quantity, mean[there]))
    if not blocks:
        raise Rejection("there is no origin at which all members have a forecast")
    return Forecasts.joined(blocks)


def _values(member: Forecasts, series: str, horizon: int, quantity: str, origins: Dates) -> Floats:
    """A member's values at the origins, NaN where it has none; from rows in any order."""
    rows = (member.series == series) & (member.horizon == horizon) & (member.quantity == quantity)
    values, at = np.full(len(origins), np.nan), np.searchsorted(origins, member.origin[rows])
    here = (at < len(origins)) & (origins[np.minimum(at, len(origins) - 1)] == member.origin[rows])
    values[at[here]] = member.value[rows][here]
    return values


def _mean(found: list[Floats], quantity: str) -> Floats:
    total = np.zeros(len(found[0]))
    for values in found:
        total = total + (1 / values if quantity == "nu" else values)
    mean = total / len(found)
    if quantity != "nu":
        return mean
    return np.where(mean > 0, 1 / np.where(mean > 0, mean, 1.0), np.where(np.isnan(mean), np.nan, np.inf))


FAMILY = Family(
    name="average",
    version="1",
    summary="mean of the forecasts of other groups, of a return or a variance",
    params=AverageParams,
    targets=frozenset({"return", "variance"}),
    per=frozenset({"series", "universe"}),
    horizon_free=False,
    uses_features=False,
    min_bars=1,
    profile=Profile(memory_mib=220, basis="assumed: as a worker with Ray, Arrow and SciPy, which it does not exceed"),
    forecast=forecast,
)
