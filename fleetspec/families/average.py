"""The mean of the forecasts of other groups, every model with the same weight: hard to beat (Clemen 1989).

Or with Akaike weights (Burnham and Anderson 2002, section 2.9): of the models with AIC = 2 k - 2 log L on one window,
each weighs exp(-(AIC - smallest AIC) / 2), scaled to a sum of 1. A weight is that of the fit behind the forecasts, so
it changes with every refit.

Over forecasts of variance it hands on their mean, and, where all of them are normal or Student-t, their tails as the
mean of 1 / nu, so that a value at risk can be made from it. Skewed and GED tails have no such mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from fleetspec.family import Family, Forecasts, Params, Profile, Rejection

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fleetspec.family import Dates, Fit, Floats, ForecastRequest

TARGETS = ("return", "variance")
BESIDE = ("mean", "nu")


class AverageParams(Params):
    """``weights``: the same for all, or by Akaike's information criterion of each model's fit."""

    weights: Literal["equal", "aic"] = "equal"


def reads_fits(params: BaseModel) -> bool:
    """Akaike weights come from fits."""
    return cast(AverageParams, params).weights == "aic"


def akaike_weights(log_likelihoods: Sequence[float], parameters: Sequence[int]) -> list[float]:
    """(n,) weights of n models of one sample, from log-likelihoods at the estimates and numbers of parameters."""
    criteria = [2 * k - 2 * likelihood for likelihood, k in zip(log_likelihoods, parameters, strict=True)]
    raw = [math.exp((min(criteria) - criterion) / 2) for criterion in criteria]
    return [weight / sum(raw) for weight in raw]


def forecast(request: ForecastRequest) -> Forecasts:
    """``return`` or ``variance``, whichever the members forecast, at the origins that all of them have; with a variance
    also ``mean`` and ``nu`` where all members have them and no other shape."""
    if not request.members:
        raise Rejection("there is no member forecast to average")
    named = [{str(name) for name in np.unique(member.quantity)} for member in request.members]
    targets = [target for target in TARGETS if all(target in names for names in named)]
    if not targets:
        raise Rejection("members forecast neither all a return nor all a variance")
    weights = _weights(request.member_fits, len(request.members)) if reads_fits(request.params) else None
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
                mean = _mean(found, quantity, weights)
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


def _weights(fits: Sequence[Fit | None], members: int) -> list[float]:
    """Akaike weights of the members' fits. Raises Rejection where they are not of one sample."""
    known = [fit for fit in fits if fit is not None]
    if len(known) < members:
        raise Rejection(f"{members - len(known)} of {members} members have no fit to be weighed by")
    if not all(math.isfinite(fit.log_likelihood) for fit in known):
        raise Rejection("a member's fit has no likelihood to be weighed by")
    sizes = sorted({fit.observations for fit in known})
    if len(sizes) > 1:
        raise Rejection(f"members are fitted on {sizes[0]} and {sizes[-1]} bars: their likelihoods do not compare")
    return akaike_weights([fit.log_likelihood for fit in known], [len(fit.estimates) for fit in known])


def _mean(found: list[Floats], quantity: str, weights: list[float] | None) -> Floats:
    total = np.zeros(len(found[0]))
    for number, values in enumerate(found):
        part = 1 / values if quantity == "nu" else values
        total = total + (part if weights is None else weights[number] * part)
    mean = total / len(found) if weights is None else total
    if quantity != "nu":
        return mean
    return np.where(mean > 0, 1 / np.where(mean > 0, mean, 1.0), np.where(np.isnan(mean), np.nan, np.inf))


FAMILY = Family(
    name="average",
    version="1",
    summary="mean of the forecasts of other groups, of a return or a variance; weighed alike or by Akaike's criterion",
    params=AverageParams,
    targets=frozenset({"return", "variance"}),
    per=frozenset({"series", "universe"}),
    horizon_free=False,
    uses_features=False,
    min_bars=1,
    profile=Profile(memory_mib=220, basis="measured: 144 MiB in a worker of Ray after forecasts; the rest is headroom"),
    forecast=forecast,
    reads_fits=reads_fits,
)
