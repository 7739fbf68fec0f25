"""Value at risk from the volatility forecasts of another group, averaged over its families.

A member's value at risk at level 99 % over h bars is ``-(mean + sqrt(variance) * q)``, where q is the 1 % quantile of
the member's innovations scaled to variance 1. It is a loss in log return: the realised h-bar log return lies below
``-value_at_risk`` on 1 % of days if the model is right. A short position loses when the price rises: its value at risk
is ``mean + sqrt(variance) * q`` with the 99 % quantile, and the return lies above it on 1 % of days.

Beyond one bar the tail of a single bar is used for the sum of h: cautious at 99 %, where sums have thinner tails; at
97.5 % and below, and with fewer than about four degrees of freedom, it is too low (95 % over 20 bars, four degrees:
6.2 % of violations).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleetspec.family import Family, Forecasts, Params, Profile, Rejection
from fleetspec.kernels.garch.innovations import quantiles

if TYPE_CHECKING:
    from fleetspec.family import Dates, Floats, ForecastRequest


class VolScaledParams(Params):
    """There is nothing to choose: levels belong to the group, the distribution to its members."""


def forecast(request: ForecastRequest) -> Forecasts:
    """``value_at_risk`` per horizon and level: a positive fraction, the mean over the members."""
    if not request.members:
        raise Rejection("there is no member forecast to scale")
    (window,) = request.windows
    origins = window.dates[request.first_origin :]
    blocks = []
    for horizon in request.horizons:
        members = [_member(forecasts, window.series, horizon, origins) for forecasts in request.members]
        for level in request.levels:
            at_risk = np.mean([_at_risk(member, level, request.side) for member in members], axis=0)
            blocks.append(Forecasts.block(window.series, origins, horizon, "value_at_risk", at_risk, level))
    if not blocks:
        raise Rejection("value at risk needs at least one level")
    return Forecasts.joined(blocks)


def _at_risk(member: dict[str, Floats], level: float, side: str) -> Floats:
    """The loss that a position exceeds on 1 - ``level`` of days: by a fall when it is long, by a rise when short."""
    spread = np.sqrt(member["variance"])
    if side == "long":
        return -(member["mean"] + spread * _quantile(1 - level, member))
    return member["mean"] + spread * _quantile(level, member)


def _member(forecasts: Forecasts, series: str, horizon: int, origins: Dates) -> dict[str, Floats]:
    """Variance, mean and tail at every origin, from rows in any order."""
    here = (forecasts.series == series) & (forecasts.horizon == horizon)
    columns = {}
    for quantity in ("variance", "mean", "nu", "skew", "power"):
        rows = np.flatnonzero(here & (forecasts.quantity == quantity))
        if not len(rows) and quantity in ("skew", "power"):
            continue
        rows = rows[np.argsort(forecasts.origin[rows])]
        found = np.isin(origins, forecasts.origin[rows])
        if not found.all():
            raise Rejection(f"a member has no {quantity} over {horizon} bars at {origins[~found][0]}")
        rows = rows[np.searchsorted(forecasts.origin[rows], origins)]
        columns[quantity] = forecasts.value[rows]
    return columns


def _quantile(probability: float, tail: dict[str, Floats]) -> Floats:
    """Of an innovation with variance 1: a GED of ``power``, a t of ``nu`` with or without ``skew``, else normal."""
    nu = tail["nu"]
    if "power" in tail:
        return quantiles("ged", tail["power"][:, None], probability)
    if "skew" in tail:
        return quantiles("skewt", np.column_stack([nu, tail["skew"]]), probability)
    scaled = quantiles("normal", nu[:, None], probability)
    tailed = np.isfinite(nu)
    scaled[tailed] = quantiles("t", nu[tailed, None], probability)
    return scaled


FAMILY = Family(
    name="vol-scaled",
    version="2",
    summary="value at risk from a group's variance, mean and tail; the mean over its families",
    params=VolScaledParams,
    targets=frozenset({"value_at_risk"}),
    per=frozenset({"series"}),
    horizon_free=False,
    uses_features=False,
    min_bars=1,
    profile=Profile(memory_mib=220, basis="measured: a worker with Ray, Arrow and SciPy after forecasts"),
    forecast=forecast,
    needs=("scipy",),
)
