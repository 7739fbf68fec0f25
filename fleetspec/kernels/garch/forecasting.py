"""Forecasts of many series from many origins, with fixed parameters: variances, and the mean of each bar.

Residuals are uncorrelated, so a return h bars ahead has the variance of sum_j psi_j e_(h-j), with psi the response of
returns to a residual j bars before (1, 0, 0, … but for an AR mean), and an h-bar return that of the sums of psi. The
expected variances of residuals are

* ``garch``, ``gjr``: the exact recursion, which is arch's ``analytic`` method;
* ``tgarch``: exact too. Deviations are linear in the last deviations and the sizes of the last residuals, so their
  second moments follow a linear recursion with E|z| and E[z^2; z < 0]. arch simulates;
* ``egarch``: beyond one bar, the deterministic path of log variance times a product of E[exp(a(|z| - c) + gz)], one
  factor per bar ahead, averaged over 5,000 values that stand for z (:func:`innovations.two_sided`). Under Student t
  this expectation does not exist; leaving out the outermost 1 in 10,000 on each side makes it finite, and stands in
  for the simulation that arch uses, without its noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from fleetspec.kernels.garch import innovations
from fleetspec.kernels.garch.recursions import LOGS, MEAN_ABS_NORMAL, SIZES, codes, compiled, filtered, residuals

if TYPE_CHECKING:
    from fleetspec.kernels.garch.types import Floats, Integers, Specification

_BACKCAST_BARS, _BACKCAST_DECAY = 75, 0.94
_SMALLEST, _LARGEST = 1e-12, 1e12
"""Bounds of a variance, relative to the first: arch's follow the whole sample, these only keep it finite."""


class BarForecasts(Struct, frozen=True):
    """Of one series, by origin and bar ahead, (origins, horizon); names as in arch's ``ARCHModelForecast``.

    ``mean`` of the return of bar h, ``variance`` of that return, and ``residual_variance``, the expected variance of
    its residual. The two variances differ for an AR mean only.
    """

    mean: Floats
    variance: Floats
    residual_variance: Floats


def forecast_many(
    returns: Floats | Sequence[Floats],
    specification: Specification,
    parameters: Floats,
    horizon: int,
    first_origins: Sequence[int] | None = None,
) -> list[BarForecasts]:
    """Mean and variances of the returns of each of the next ``horizon`` bars, in the units of the returns.

    ``returns`` are n series: a 2-D array with one a row, or 1-D arrays of any lengths. ``parameters`` (n, k) as a fit
    gives them; a row that is not finite gives NaN. Row ``i`` of a result is the forecast after bar
    ``first_origin + i``, through the last bar; without ``first_origins`` there is one, after the last bar. Filters and
    independence of series as in :func:`cumulative_variances`. Raises ValueError for a horizon below 1, parameters of
    the wrong shape, and an origin that is no bar or has no residual: the first ``lags`` of an AR mean have none.
    """
    rows = [np.asarray(row, dtype=np.float64) for row in returns]
    parameters = np.ascontiguousarray(parameters, dtype=np.float64)
    if horizon < 1:
        raise ValueError(f"horizon is {horizon}; it is 1 bar or more")
    if parameters.shape != (len(rows), len(specification.names)):
        wanted = (len(rows), len(specification.names))
        raise ValueError(f"parameters are {parameters.shape}; these series need {wanted}")
    last = [len(row) - 1 for row in rows]
    first = last if first_origins is None else list(first_origins)
    for row, (origin, end) in enumerate(zip(first, last, strict=True)):
        if not specification.lags <= origin <= end:
            raise ValueError(
                f"series {row}: the first origin is {origin}; bars {specification.lags} to {end} have residuals"
            )
    weights = np.zeros((len(rows), horizon))
    weights[:, 0] = 1.0
    residual, places = _sums(rows, specification, parameters, first, tuple(range(1, horizon + 1)), weights)
    counts = np.diff(places)
    residual[np.repeat(~np.isfinite(parameters).all(axis=1), counts)] = np.nan
    variance = residual.copy()
    if specification.lags:
        squares = np.repeat(_impulses(specification, parameters, horizon) ** 2, counts, axis=0)
        for bar in range(horizon - 1):
            variance[:, bar + 1 :] += residual[:, bar : bar + 1] * squares[:, 1 : horizon - bar]
    mean = _means(rows, specification, parameters, first, horizon, counts)
    return [BarForecasts(mean[i:j], variance[i:j], residual[i:j]) for i, j in pairwise(places)]


def cumulative_variances(
    returns: Sequence[Floats],
    specification: Specification,
    parameters: Floats,
    first_origins: Sequence[int],
    horizons: tuple[int, ...],
) -> list[Floats]:
    """Per series, the variance of the h-bar return in squared units of the returns, (origins, horizons).

    ``returns`` are n series (T,) of any lengths; ``parameters`` (n, k) as a fit gives them. Row ``i`` of a result is
    the forecast after bar ``first_origin + i``, through the last bar. A filter starts at the first bar that has a
    residual and uses nothing after the first origin for its presample values, and nothing after an origin for its
    forecasts. A series' result does not depend on the others. Raises ValueError for an origin before the first
    residual: an AR mean has none for its first ``lags`` bars.
    """
    parameters = np.ascontiguousarray(parameters, dtype=np.float64)
    weights = np.cumsum(_impulses(specification, parameters, max(horizons)), axis=1) ** 2
    out, places = _sums(returns, specification, parameters, first_origins, horizons, weights)
    return [out[low:high] for low, high in pairwise(places)]


def _impulses(specification: Specification, parameters: Floats, steps: int) -> Floats:
    """What a residual adds to the return of its bar, of the next bar, …, (n, steps)."""
    psi = np.zeros((len(parameters), steps))
    psi[:, 0] = 1.0
    for bar in range(1, steps):
        for lag in range(1, min(specification.lags, bar) + 1):
            psi[:, bar] += parameters[:, lag] * psi[:, bar - lag]
    return psi


def _means(
    rows: Sequence[Floats],
    specification: Specification,
    parameters: Floats,
    first: Sequence[int],
    horizon: int,
    counts: Integers,
) -> Floats:
    """Expected returns of the bars after each origin of each series, (all origins, horizon)."""
    lags = specification.lags
    row = np.repeat(parameters, counts, axis=0)
    path = np.zeros((len(row), lags + horizon))
    for lag in range(1, lags + 1):
        ends = [one[origin - lag + 1 : len(one) - lag + 1] for one, origin in zip(rows, first, strict=True)]
        path[:, lags - lag] = np.concatenate(ends) if ends else 0.0
    for bar in range(lags, lags + horizon):
        if specification.mean != "zero":
            path[:, bar] = row[:, 0]
        for lag in range(1, lags + 1):
            path[:, bar] += row[:, lag] * path[:, bar - lag]
    path[~np.isfinite(row).all(axis=1)] = np.nan
    return path[:, lags:]


def _sums(
    returns: Sequence[Floats],
    specification: Specification,
    parameters: Floats,
    first_origins: Sequence[int],
    horizons: tuple[int, ...],
    weights: Floats,
) -> tuple[Floats, Integers]:
    """Of every origin, for each horizon h, the sum of the expected variances of residuals 1 … h bars ahead, each
    times the weight (n, longest) of the bars from it to h; and where each series begins among the origins."""
    lengths = np.array([len(row) for row in returns], dtype=np.int64)
    first = np.asarray(first_origins, dtype=np.int64)
    if specification.lags and (first < specification.lags).any():
        raise ValueError(f"an AR mean of {specification.lags} lags has no residual before bar {specification.lags}")
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    places = np.concatenate([[0], np.cumsum(lengths - first)]).astype(np.int64)
    flat = np.concatenate(returns) if len(returns) else np.zeros(0)
    steps = max(horizons)
    shape = parameters[:, len(specification.mean_names) + len(specification.variance_names) :]
    process = codes(specification)[0]
    with np.errstate(all="ignore"):
        if process == SIZES:
            extra = np.column_stack(
                [
                    f(specification.distribution, shape)
                    for f in (innovations.mean_absolute, innovations.square_below_zero)
                ]
            )
        elif process == LOGS and steps > 1:
            extra = _growths(specification, parameters, shape, steps)
        else:
            extra = np.ones((len(parameters), steps))
        out = np.empty((places[-1], len(horizons)))
        _forecast(
            flat,
            offsets,
            parameters,
            codes(specification),
            specification.lags,
            first,
            np.array(horizons, dtype=np.int64),
            extra,
            weights,
            places,
            out,
        )
    return out, places


def _growths(specification: Specification, parameters: Floats, shape: Floats, steps: int) -> Floats:
    """What the innovations of the first 0, 1, … bars after an origin multiply a variance by on average, (n, steps)."""
    growth = np.ones((len(parameters), steps))
    means, p, o = codes(specification)[2:5]
    for i, row in enumerate(parameters):
        above, below, weight = innovations.two_sided(specification.distribution, shape[i : i + 1])
        sides = (
            (float(weight[0]), np.abs(above[0]) - MEAN_ABS_NORMAL, above[0]),
            (1.0 / innovations.HALF - float(weight[0]), np.abs(below[0]) - MEAN_ABS_NORMAL, below[0]),
        )
        alpha, gamma, beta = np.split(row[means + 1 : means + 1 + p + o + specification.q], (p, p + o))
        responses = zip(_responses(alpha, beta, steps - 1), _responses(gamma, beta, steps - 1), strict=True)
        factors = [
            sum(weight * float(np.exp(a * size + g * z).sum()) for weight, size, z in sides) for a, g in responses
        ]
        growth[i, 1:] = np.cumprod(factors)
    return growth


def _responses(direct: Floats, beta: Floats, count: int) -> list[float]:
    """What one innovation adds to log variance 1, 2, … ``count`` bars later."""
    response: list[float] = []
    for lag in range(count):
        carried = sum(float(b) * response[lag - 1 - j] for j, b in enumerate(beta) if j < lag)
        response.append(carried + (float(direct[lag]) if lag < len(direct) else 0.0))
    return response


@compiled
def _forecast(
    flat: Floats,
    offsets: Integers,
    parameters: Floats,
    code: tuple[int, int, int, int, int, int],
    lags: int,
    first_origins: Integers,
    horizons: Integers,
    extra: Floats,
    weights: Floats,
    places: Integers,
    out: Floats,
) -> None:
    process, _, means, p, o, q = code
    longest = 0
    for i in range(len(first_origins)):
        longest = max(longest, offsets[i + 1] - offsets[i])
    resids, state, shocks, variance = np.empty(longest), np.empty(longest), np.empty(longest), np.empty(longest)
    ahead = np.empty(horizons.max())
    for i in range(len(first_origins)):
        # From here on bars are counted from the first that has a residual.
        bars, row, first = offsets[i + 1] - offsets[i] - lags, parameters[i], first_origins[i] - lags
        residuals(row, means, lags, flat[offsets[i] : offsets[i + 1]], resids[:bars])
        backcast, square = _backcast(resids, first, process == SIZES)
        filtered(
            row, process, means, p, o, q, resids[:bars], backcast if process != LOGS else math.log(square),
            np.full(1, _SMALLEST * square), np.full(1, _LARGEST * square), state, shocks, variance,
        )  # fmt: skip
        for origin in range(first, bars):
            if process == LOGS:
                _log_path(row, means, p, o, q, shocks, state, math.log(square), origin, ahead)
                for h in range(len(ahead)):
                    ahead[h] = math.exp(ahead[h]) * extra[i, h]
            elif process == SIZES:
                _deviations(row, means, p, o, q, resids, state, backcast, origin, extra[i, 0], extra[i, 1], ahead)
            else:
                _levels(row, means, p, o, q, resids, shocks, state, backcast, origin, ahead)
            for k in range(len(horizons)):
                total = 0.0
                for h in range(horizons[k]):
                    weight = weights[i, horizons[k] - 1 - h]
                    # A variance that is infinite stays out of the bars that it is no part of.
                    if weight != 0.0:
                        total += weight * ahead[h]
                out[places[i] + origin - first, k] = total


@compiled
def _backcast(resids: Floats, first: int, sizes: bool) -> tuple[float, float]:
    """Arch's backcast of residuals up to bar ``first``: of what the recursion moves, and of squares."""
    moved, squares, weights, weight = 0.0, 0.0, 0.0, 1.0
    whole = 0.0
    for t in range(first + 1):
        square = resids[t] * resids[t]
        whole += square / (first + 1)
        if t < _BACKCAST_BARS:
            moved += weight * (abs(resids[t]) if sizes else square)
            squares += weight * square
            weights += weight
            weight *= _BACKCAST_DECAY
    # Quiet first bars leave nothing to start from: a trace of the others.
    floor = max(_SMALLEST * whole, 1e-300)
    square = max(squares / weights, floor)
    return (max(moved / weights, math.sqrt(floor)) if sizes else square), square


@compiled
def _levels(
    row: Floats, means: int, p: int, o: int, q: int, resids: Floats, squares: Floats, variance: Floats,
    backcast: float, origin: int, ahead: Floats,
) -> None:  # fmt: skip
    """Expected variances 1, 2, … bars after ``origin``: there a squared return is worth its variance, and half of it
    falls on negative returns."""
    for h in range(len(ahead)):
        value = row[means]
        for j in range(p):
            at = origin + h - j
            past = squares[at] if at >= 0 else backcast
            value += row[means + 1 + j] * (ahead[h - 1 - j] if j < h else past)
        for j in range(o):
            at = origin + h - j
            past = (squares[at] if resids[at] < 0.0 else 0.0) if at >= 0 else 0.5 * backcast
            value += row[means + 1 + p + j] * (0.5 * ahead[h - 1 - j] if j < h else past)
        for j in range(q):
            at = origin + h - j
            past = variance[at] if at >= 0 else backcast
            value += row[means + 1 + p + o + j] * (ahead[h - 1 - j] if j < h else past)
        ahead[h] = value


@compiled
def _log_path(
    row: Floats, means: int, p: int, o: int, q: int, innovation: Floats, logs: Floats, backcast: float, origin: int,
    path: Floats,
) -> None:  # fmt: skip
    """Log variances after ``origin`` without the innovations after it."""
    for h in range(len(path)):
        value = row[means]
        for j in range(h, p):
            if origin + h - j >= 0:
                value += row[means + 1 + j] * (abs(innovation[origin + h - j]) - MEAN_ABS_NORMAL)
        for j in range(h, o):
            if origin + h - j >= 0:
                value += row[means + 1 + p + j] * innovation[origin + h - j]
        for j in range(q):
            at = origin + h - j
            past = logs[at] if at >= 0 else backcast
            value += row[means + 1 + p + o + j] * (path[h - 1 - j] if j < h else past)
        path[h] = value


@compiled
def _deviations(
    row: Floats, means: int, p: int, o: int, q: int, resids: Floats, deviation: Floats, backcast: float, origin: int,
    absolute: float, square_below: float, ahead: Floats,
) -> None:  # fmt: skip
    """Expected squares of a linear recursion of deviations.

    ``s`` holds the last m deviations, sizes of residuals, and sizes of negative ones; the next deviation is
    omega + c's. First and second moments of s, ``e`` and ``mm`` (of all pairs), are carried one bar at a time.
    """
    m = max(p, o, q)
    c, e, mm = np.zeros(3 * m), np.empty(3 * m), np.empty((3 * m, 3 * m))
    c[:q] = row[means + 1 + p + o : means + 1 + p + o + q]
    c[m : m + p] = row[means + 1 : means + 1 + p]
    c[2 * m : 2 * m + o] = row[means + 1 + p : means + 1 + p + o]
    for j in range(m):
        at = origin - j
        e[j] = deviation[at] if at >= 0 else backcast
        e[m + j] = abs(resids[at]) if at >= 0 else backcast
        e[2 * m + j] = (abs(resids[at]) if resids[at] < 0.0 else 0.0) if at >= 0 else 0.5 * backcast
    for i in range(3 * m):
        for j in range(3 * m):
            mm[i, j] = e[i] * e[j]
    omega, cross = row[means], np.empty(3 * m)
    # The new deviation times 1, |z| and |z| below zero, and the products of these among themselves.
    first = (1.0, absolute, 0.5 * absolute)
    second = (
        (1.0, absolute, 0.5 * absolute),
        (absolute, 1.0, square_below),
        (0.5 * absolute, square_below, square_below),
    )
    for h in range(len(ahead)):
        mean, square = omega, omega * omega
        for i in range(3 * m):
            cross[i] = omega * e[i]
            for j in range(3 * m):
                cross[i] += mm[i, j] * c[j]
            mean += c[i] * e[i]
        for i in range(3 * m):
            square += c[i] * (omega * e[i] + cross[i])
        ahead[h] = square
        for i in range(3 * m - 1, -1, -1):
            for j in range(3 * m - 1, -1, -1):
                if i % m and j % m:
                    mm[i, j] = mm[i - 1, j - 1]
        for a in range(3):
            for i in range(3 * m):
                if i % m:
                    mm[a * m, i] = mm[i, a * m] = first[a] * cross[i - 1]
            for b in range(3):
                mm[a * m, b * m] = second[a][b] * square
        for i in range(3 * m - 1, -1, -1):
            e[i] = e[i - 1] if i % m else first[i // m] * mean


def conditional_variances(
    returns: Floats, specification: Specification, parameters: Floats, first_origin: int
) -> tuple[Floats, Floats]:
    """Residuals of a series and the variance of each given the bars before it, (T - lags,) each.

    The filter is that of :func:`cumulative_variances`: its presample values come from bars up to ``first_origin``.
    """
    process, _, means, p, o, q = codes(specification)
    parameters = np.ascontiguousarray(parameters, dtype=np.float64)
    lags = specification.lags
    resids = np.empty(len(returns) - lags)
    residuals(parameters, means, lags, np.asarray(returns, dtype=np.float64), resids)
    state, shocks, variance = np.empty(len(resids)), np.empty(len(resids)), np.empty(len(resids))
    backcast, square = _backcast(resids, first_origin - lags, process == SIZES)
    filtered(
        parameters, process, means, p, o, q, resids, backcast if process != LOGS else math.log(square),
        np.full(1, _SMALLEST * square), np.full(1, _LARGEST * square), state, shocks, variance,
    )  # fmt: skip
    return resids, variance
