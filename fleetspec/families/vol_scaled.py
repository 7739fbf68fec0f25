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

import numpy as np

from fleetspec.family import Dates, Family, Floats, ForecastRequest, Forecasts, Params, Profile, Rejection


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
        members = [_moments(member, window.series, horizon, origins) for member in request.members]
        for level in request.levels:
            # The innovations are symmetric, so the two sides differ by the sign of the mean alone.
            sign = -1.0 if request.side == "long" else 1.0
            at_risk = np.mean(
                [sign * mean - np.sqrt(variance) * _quantile(1 - level, nu) for variance, mean, nu in members], axis=0
            )
            blocks.append(Forecasts.block(window.series, origins, horizon, "value_at_risk", at_risk, level))
    if not blocks:
        raise Rejection("value at risk needs at least one level")
    return Forecasts.joined(blocks)


def _moments(member: Forecasts, series: str, horizon: int, origins: Dates) -> tuple[Floats, Floats, Floats]:
    """Variance, mean and degrees of freedom at every origin, from rows in any order."""
    here = (member.series == series) & (member.horizon == horizon)
    columns = []
    for quantity in ("variance", "mean", "nu"):
        rows = np.flatnonzero(here & (member.quantity == quantity))
        rows = rows[np.argsort(member.origin[rows])]
        found = np.isin(origins, member.origin[rows])
        if not found.all():
            raise Rejection(f"a member has no {quantity} over {horizon} bars at {origins[~found][0]}")
        rows = rows[np.searchsorted(member.origin[rows], origins)]
        columns.append(member.value[rows])
    variance, mean, nu = columns
    return variance, mean, nu


def _quantile(probability: float, nu: Floats) -> Floats:
    """Quantile of a Student-t with variance 1; normal where nu is infinite."""
    from scipy import stats

    scaled = np.full(len(nu), stats.norm.ppf(probability))
    tailed = np.isfinite(nu)
    scaled[tailed] = stats.t.ppf(probability, nu[tailed]) * np.sqrt((nu[tailed] - 2) / nu[tailed])
    return scaled


FAMILY = Family(
    name="vol-scaled",
    version="1",
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
