"""Value at risk and expected shortfall from the volatility forecasts of another group, averaged over its families.

A member's value at risk at level 99 % over h bars is ``-(mean + sqrt(variance) * q)``, where q is the 1 % quantile of
the member's innovations scaled to variance 1. It is a loss in log return: the realised h-bar log return lies below
``-value_at_risk`` on 1 % of days if the model is right. A short position loses when the price rises: its value at risk
is ``mean + sqrt(variance) * q`` with the 99 % quantile, and the return lies above it on 1 % of days.

The expected shortfall at a level is the mean loss where the loss exceeds the value at risk of that level (Acerbi and
Tasche 2002), from the same mean, variance and innovations.

Beyond one bar the tail of a single bar is used for the sum of h: cautious at 99 %, where sums have thinner tails; at
97.5 % and below, and with fewer than about four degrees of freedom, it is too low (95 % over 20 bars, four degrees:
6.2 % of violations).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleetspec.family import Family, Forecasts, Params, Profile, Rejection
from fleetspec.kernels.garch.innovations import quantiles, tail_means

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetspec.family import Dates, Floats, ForecastRequest
    from fleetspec.kernels.garch.types import DistributionName

    Factor = Callable[[float, dict[str, Floats]], Floats]


class VolScaledParams(Params):
    """There is nothing to choose: levels belong to the group, the distribution to its members."""


def forecast(request: ForecastRequest) -> Forecasts:
    """``value_at_risk`` and ``expected_shortfall`` per horizon and level: positive fractions, means over members."""
    if not request.members:
        raise Rejection("there is no member forecast to scale")
    (window,) = request.windows
    origins = window.dates[request.first_origin :]
    blocks = []
    for horizon in request.horizons:
        members = [_member(forecasts, window.series, horizon, origins) for forecasts in request.members]
        for level in request.levels:
            for quantity, factor in (("value_at_risk", _quantile), ("expected_shortfall", _tail_mean)):
                loss = np.mean([_loss(member, level, request.side, factor) for member in members], axis=0)
                blocks.append(Forecasts.block(window.series, origins, horizon, quantity, loss, level))
    if not blocks:
        raise Rejection("value at risk needs at least one level")
    return Forecasts.joined(blocks)


def _loss(member: dict[str, Floats], level: float, side: str, factor: Factor) -> Floats:
    """The loss that ``factor`` of an innovation stands for: by a fall when the position is long, by a rise when short.

    A short position's innovations are minus those of a long one, so that its skew has the other sign.
    """
    spread = np.sqrt(member["variance"])
    if side == "long":
        return -(member["mean"] + spread * factor(1 - level, member))
    turned = member | ({"skew": -member["skew"]} if "skew" in member else {})
    return member["mean"] - spread * factor(1 - level, turned)


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
    """The value below which an innovation falls with ``probability``."""
    return _of_innovation(quantiles, probability, tail)


def _tail_mean(probability: float, tail: dict[str, Floats]) -> Floats:
    """The mean of an innovation below that value."""
    return _of_innovation(tail_means, probability, tail)


def _of_innovation(
    function: Callable[[DistributionName, Floats, float], Floats], probability: float, tail: dict[str, Floats]
) -> Floats:
    """Of an innovation with variance 1: a GED of ``power``, a t of ``nu`` with or without ``skew``, else normal."""
    nu = tail["nu"]
    if "power" in tail:
        return function("ged", tail["power"][:, None], probability)
    if "skew" in tail:
        return function("skewt", np.column_stack([nu, tail["skew"]]), probability)
    scaled = function("normal", nu[:, None], probability)
    tailed = np.isfinite(nu)
    scaled[tailed] = function("t", nu[tailed, None], probability)
    return scaled


FAMILY = Family(
    name="vol-scaled",
    version="3",
    summary="value at risk and expected shortfall from a group's variance, mean and tail; the mean over its families",
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
