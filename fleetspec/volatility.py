"""What the volatility families share: their common parameters, and how whole bundles become numbers and back.

Fits come from the batched engine (``kernels/garch``); ``arch`` fits again what the engine flags, and the ledger says
so. Returns are log returns as fractions outside and in percent inside and in every estimate, which is the scale
arch's optimiser is made for: ``mu`` is in percent, ``omega`` in percent squared, and log-likelihoods are arch's for
the percent series. Each family is still its own file in ``families/``; this module is above the contract and below
them, so that a listing of the folder finds families only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, TypeVar, cast

import numpy as np
from msgspec import Struct

from fleetspec.family import Fit, FitRequest, ForecastRequest, Forecasts, Params, Profile, Rejection
from fleetspec.kernels.garch.types import DistributionName, Status

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fleetspec.family import Floats
    from fleetspec.kernels.garch.types import Fits, Specification

MIN_BARS = 100
PERCENT = 100.0
NEEDS = ("numba", "scipy")
LIKELIHOOD = "log returns in percent"

Asked = TypeVar("Asked", FitRequest, ForecastRequest)
T = TypeVar("T", Fit, Forecasts)


class VolatilityParams(Params):
    """``distribution`` of the innovations and the ``mean`` equation; the orders are each family's own."""

    distribution: DistributionName = "t"
    mean: Literal["constant", "zero"] = "constant"

    @property
    def specification(self) -> Specification:
        """The model in the engine's words."""
        raise NotImplementedError


def fit(request: FitRequest) -> Fit:
    """Estimates by arch's names for returns in percent, and arch's log-likelihood of the percent series."""
    (found,) = fit_many([request])
    return _or_raise(found)


def fit_many(requests: Sequence[FitRequest]) -> list[Fit | Rejection]:
    """:func:`fit` of every request; a row's numbers do not depend on the others."""
    answers: list[Fit | Rejection] = [Rejection("")] * len(requests)
    sound = []
    for place, request in enumerate(requests):
        try:
            request.require(MIN_BARS)
        except Rejection as rejection:
            answers[place] = rejection
        else:
            sound.append(place)
    for places in _alike(requests, sound, lambda request: (request.params, request.device)):
        first = requests[places[0]]
        specification = _specification(first.params)
        found = _estimated([PERCENT * requests[p].windows[0].returns for p in places], specification, first.device)
        rows = found.fits.parameters.tolist()
        names = found.fits.names
        likelihoods, statuses = found.fits.log_likelihood.tolist(), found.fits.status.tolist()
        for i, place in enumerate(places):
            bars = len(requests[place].windows[0])
            if statuses[i] == Status.OK:
                estimates = dict(zip(names, rows[i], strict=True))
                answers[place] = Fit(estimates, bars, likelihoods[i], device=found.device)
            elif Status(statuses[i]).for_fallback:
                answers[place] = _by_arch(requests[place].windows[0].returns, specification, found.fits.reason(i))
            else:
                answers[place] = Rejection(found.fits.reason(i))
    return answers


class _Estimated(Struct, frozen=True):
    fits: Fits
    device: str


def _estimated(percent: list[Floats], specification: Specification, device: str) -> _Estimated:
    from fleetspec.kernels.garch import fit_many as fit_batch

    if device == "cuda" and find_spec("torch") is not None:
        import torch

        if torch.cuda.is_available():
            return _Estimated(fit_batch(percent, specification, engine="torch"), "cuda")
    return _Estimated(fit_batch(percent, specification), "cpu")


def _by_arch(returns: Floats, specification: Specification, reason: str) -> Fit | Rejection:
    """What arch makes of a row the engine would not vouch for."""
    if find_spec("arch") is None:
        return Rejection(f"{reason}; arch, which might fit it, is not installed")
    from fleetspec.kernels.arch_fit import estimate

    found = estimate(PERCENT * returns, specification)
    if not found.converged:
        return Rejection(f"the optimiser did not converge: {found.message}")
    note = f"fitted by arch: in the engine {reason}"
    return Fit(found.parameters, observations=len(returns), log_likelihood=found.log_likelihood, note=note)


@cache
def _warmed(specification: Specification) -> None:
    from fleetspec.kernels.garch import fit_many as fit_batch
    from fleetspec.kernels.garch.forecasting import cumulative_variances

    ripples = np.sin(np.arange(2 * MIN_BARS) ** 2.0)[None]
    fits = fit_batch(ripples, specification)
    start = np.where(np.isfinite(fits.parameters), fits.parameters, 0.5)
    cumulative_variances(list(ripples), specification, start, [2 * MIN_BARS - 1], (1, 2))


def warm(params: BaseModel) -> None:
    """Load or compile what fits and forecasts of these parameters run on."""
    _warmed(_specification(params))


def forecast(request: ForecastRequest) -> Forecasts:
    """``variance`` of the h-bar log return (fraction squared), its ``mean`` (fraction), and the tail: ``nu`` (degrees
    of freedom of a t, inf for others), with ``skew`` (Hansen's lambda) or ``power`` (exponent of a GED) where the
    distribution has one."""
    (made,) = forecast_many([request])
    return _or_raise(made)


def forecast_many(requests: Sequence[ForecastRequest]) -> list[Forecasts | Rejection]:
    """:func:`forecast` of every request."""
    answers: list[Forecasts | Rejection] = [Rejection("there is no fit to forecast from")] * len(requests)
    fitted = [place for place, request in enumerate(requests) if request.fit is not None]
    for places in _alike(requests, fitted, lambda r: (r.params, r.horizons, len(r.windows[0]) - r.first_origin)):
        for place, made in zip(places, _forecasts([requests[place] for place in places]), strict=True):
            answers[place] = made
    return answers


def _forecasts(requests: list[ForecastRequest]) -> Iterator[Forecasts | Rejection]:
    """Of requests alike in parameters, horizons and number of origins: their rows are cut out of common columns."""
    from fleetspec.kernels.garch.forecasting import cumulative_variances

    specification, horizons = _specification(requests[0].params), requests[0].horizons
    names = specification.names
    estimates = np.array([[r.fit.estimates[name] for name in names] for r in requests if r.fit])
    made = cumulative_variances(
        [PERCENT * request.windows[0].returns for request in requests],
        specification,
        estimates,
        [request.first_origin for request in requests],
        horizons,
    )
    variances = np.array(made).transpose(0, 2, 1) / PERCENT**2
    means = estimates[:, 0] / PERCENT if specification.mean == "constant" else np.zeros(len(requests))
    shape = {name: estimates[:, names.index(name)] for name in specification.shape_names}
    columns: dict[str, Floats] = {"nu": np.full(len(requests), np.inf)}
    if specification.distribution == "ged":
        columns["power"] = shape["nu"]
    elif shape:
        columns["nu"] = shape.get("nu", shape.get("eta", columns["nu"]))
        columns |= {"skew": shape["lambda"]} if "lambda" in shape else {}
    n, count, origins = variances.shape
    values = np.empty((n, count, 2 + len(columns), origins))
    values[:, :, 0] = variances
    values[:, :, 1] = (means[:, None] * horizons)[:, :, None]
    for place, column in enumerate(columns.values()):
        values[:, :, 2 + place] = column[:, None, None]
    quantities = ("variance", "mean", *columns)
    each = count * len(quantities) * origins
    horizon = np.repeat(np.array(horizons, dtype=np.int32), len(quantities) * origins)
    quantity = np.tile(np.repeat(quantities, origins), count)
    level = np.full(each, np.nan)
    places = np.tile(np.arange(origins), count * len(quantities))
    finite = [bool(np.isfinite(one).all()) for one in variances]
    for i, request in enumerate(requests):
        window = request.windows[0]
        if not finite[i]:
            yield Rejection("the forecast variance is not finite: the estimates do not suit these returns")
            continue
        origin = window.dates[request.first_origin :][places]
        yield Forecasts(np.full(each, window.series), origin, horizon, quantity, level, values[i].reshape(-1))


def _specification(params: BaseModel) -> Specification:
    return cast(VolatilityParams, params).specification


def _alike(requests: Sequence[Asked], places: list[int], key: Callable[[Asked], Hashable]) -> Iterator[list[int]]:
    groups: dict[Hashable, list[int]] = {}
    for place in places:
        groups.setdefault(key(requests[place]), []).append(place)
    yield from groups.values()


def _or_raise(answer: T | Rejection) -> T:
    if isinstance(answer, Rejection):
        raise answer
    return answer


PROFILE = Profile(
    memory_mib=420,
    basis="measured: 282 MiB in a worker with Ray, Arrow and the engine, 343 MiB once arch is loaded too; the rest, up "
    "to 420 MiB, is headroom; of a GPU, ASSUMED: half a GiB for CUDA itself and as much for a bundle's arrays; its "
    "tolerance, too, is ASSUMED: the optimiser's own",
    gpu="optional",
    gpu_memory_mib=1024,
    gpu_tolerance=1e-4,
)
"""One core, on whichever family of the engine, or a GPU where a plan finds one cheaper."""
