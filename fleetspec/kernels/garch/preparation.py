"""Rows as the engines see them: checked, centred, of unit mean square, with arch's starting figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from fleetspec.kernels.garch.types import Status

if TYPE_CHECKING:
    from fleetspec.kernels.garch.types import Floats, Integers, Specification

PRESAMPLE_OBSERVATIONS, PRESAMPLE_DECAY = 75, 0.94
OBSERVATIONS_PER_PARAMETER = 5
FLOOR_RATIO = 1e8
_CHUNK = 64
"""Rows worked on at once: few enough to stay in the cache."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one length, in units of their own residuals.

    ``y`` (n, lags + count) is (returns - centre) / scale, ``presample`` (n,) arch's backcast of squares (``tgarch``: of
    sizes; ``egarch``: its logarithm), ``mean_starts`` (n, means) the least-squares mean equation, ``limits``
    (n, 3 + means) what arch's variance bounds are made of, and ``status`` (n,) a reason for rows that cannot be fitted;
    their ``y`` is zero. ``constraints`` are A (m, k) and b (m,): A x >= b holds for parameters x inside.
    """

    specification: Specification
    y: Floats
    count: int
    centre: Floats
    scale: Floats
    presample: Floats
    mean_starts: Floats
    limits: Floats
    status: Integers
    constraints: tuple[Floats, Floats]

    @property
    def kinked(self) -> bool:
        """Whether the likelihood has kinks in the mean: wherever a residual that enters by its size is zero."""
        spec = self.specification
        return bool(spec.mean_names) and (spec.process in ("tgarch", "egarch") or spec.distribution == "ged")

    def restarts(self, frozen: int) -> int:
        """How often a minimisation begins its curvature anew; where sharp kinks stop it, none helps."""
        sharp = self.kinked and self.specification.process in ("tgarch", "egarch")
        return 0 if sharp and not frozen else 1


class Effort(NamedTuple):
    """How far a minimisation goes: until its model promises less than ``tolerance``, in units of log-likelihood, or for
    ``iterations``."""

    tolerance: float
    iterations: int


class Known(NamedTuple):
    """Minima that are known, ``points`` (rows, k) with their ``values`` (rows,); NaN where there is none.

    A minimisation that comes within ``radius`` of its row's point in each of the parameters ``first`` to ``last`` and
    is not below it leads there, and ends; not so in its first steps.
    """

    points: Floats
    values: Floats
    first: int
    last: int
    radius: float


class Engine(Protocol):
    """Evaluates and minimises negative log-likelihoods of rows inside (``Batch``), row by row independent."""

    name: str

    def supports(self, specification: Specification) -> bool: ...

    def values(self, batch: Batch, rows: Integers, candidates: Floats) -> Floats:
        """(rows, c): the value at candidates (c, k) for every row, or (rows, c, k) each row's own."""
        ...

    def minimise(
        self, batch: Batch, rows: Integers, starts: Floats, frozen: int, effort: Effort, known: Known | None = None
    ) -> tuple[Floats, Floats, Integers, Integers]:
        """From starts (rows, k) to minima (rows, k), values, outcomes (``optimiser.CONVERGED`` ...), evaluations.

        The first ``frozen`` parameters stay where they are. One that leads to what is ``known`` is out of iterations.
        """
        ...

    def checks(self, batch: Batch, rows: Integers, points: Floats) -> tuple[Floats, Floats]:
        """Margin to arch's moving bounds, and growth of a presample disturbance in logs (0 but for ``egarch``)."""
        ...


def prepared(returns: Floats, specification: Specification) -> Batch:
    """``returns`` (n, T) as a batch; nothing in it is an error, see ``Batch.status``."""
    n, length = returns.shape
    means, lags = len(specification.mean_names), specification.lags
    count = length - lags
    y, status = np.zeros((n, length)), np.zeros(n, np.int64)
    centre, scale, presample = np.zeros(n), np.ones(n), np.zeros(n)
    mean_starts, limits = np.zeros((n, means)), np.ones((n, 3 + means))
    if count < OBSERVATIONS_PER_PARAMETER * len(specification.names):
        status[:] = Status.TOO_SHORT
    else:
        for begin in range(0, n, _CHUNK):
            chunk = slice(begin, begin + _CHUNK)
            _prepare(
                returns[chunk], specification, y[chunk], status[chunk], centre[chunk], scale[chunk], presample[chunk],
                mean_starts[chunk], limits[chunk],
            )  # fmt: skip
    constraints = feasible_region(specification)
    return Batch(specification, y, max(count, 0), centre, scale, presample, mean_starts, limits, status, constraints)


def _prepare(
    returns: Floats, specification: Specification, y: Floats, status: Integers, centre: Floats, scale: Floats,
    presample: Floats, mean_starts: Floats, limits: Floats,
) -> None:  # fmt: skip
    """One chunk, written into views. Sums run along rows, so a row's figures do not depend on its neighbours."""
    lags = specification.lags
    with np.errstate(all="ignore"):
        highest, lowest = returns.max(axis=1), returns.min(axis=1)
        largest = np.maximum(highest, -lowest)
        status[~np.isfinite(largest)] = Status.NOT_FINITE
        # Numbers near the ends of the range of floats would overflow when squared.
        extreme = np.isfinite(largest) & (largest > 0) & ((largest > 1e100) | (largest < 1e-100))
        unit = np.where(extreme, 2.0 ** -np.floor(np.log2(largest)), 1.0)
        values = returns * unit[:, None] if extreme.any() else returns.copy()
        middle = values.mean(axis=1) if specification.mean != "zero" else np.zeros(len(values))
        values -= middle[:, None]
        residuals, coefficients = _least_squares(values, lags) if lags else (values, np.zeros((len(values), 1)))
        squares = residuals * residuals
        mean_square = squares.mean(axis=1)
        deviation = np.sqrt(mean_square)
        status[(status == 0) & (highest == lowest)] = Status.CONSTANT
        status[(status == 0) & ~(deviation > 1e-9)] = Status.CONSTANT
        status[(status == 0) & _mostly_constant(returns)] = Status.MOSTLY_CONSTANT
        sound = status == 0
        divisor = np.where(sound, deviation, 1.0)
        np.divide(values, divisor[:, None], out=y)
        y[~sound] = 0.0
        centre[:] = np.where(sound, middle / unit, 0.0)
        scale[:] = np.where(sound, deviation / unit, 1.0)
        span = min(PRESAMPLE_OBSERVATIONS, residuals.shape[1])
        weights = PRESAMPLE_DECAY ** np.arange(span)
        weights /= weights.sum()
        early = squares[:, :span] / (divisor * divisor)[:, None]
        average = (early * weights).sum(axis=1)
        if specification.presample == "sample":
            presample[:] = 1.0
        elif specification.process == "tgarch":
            presample[:] = (np.sqrt(early) * weights).sum(axis=1)
        elif specification.process == "egarch":
            presample[:] = np.log(np.maximum(average, np.finfo(float).tiny))
        else:
            presample[:] = average
        if lags:
            mean_starts[:, 0] = np.where(sound, coefficients[:, 0] / divisor, 0.0)
            mean_starts[:, 1:] = np.where(sound[:, None], coefficients[:, 1:], 0.0)
        limits[:, 0] = average
        drift = residuals.mean(axis=1)
        limits[:, 1] = (1.0 - (drift / divisor) ** 2) / FLOOR_RATIO
        limits[:, 2] = scale**-2.0 + squares.max(axis=1) / (divisor * divisor)
        limits[:, 3:] = mean_starts
        for figures in (presample, mean_starts, limits):
            figures[~sound] = 1.0


def _least_squares(values: Floats, lags: int) -> tuple[Floats, Floats]:
    """Residuals (n, count) and coefficients (n, 1 + lags) of the AR equation."""
    n, length = values.shape
    regressors = [np.ones((n, length - lags)), *(values[:, lags - k : length - k] for k in range(1, lags + 1))]
    target = values[:, lags:]
    moments = np.array([[(a * b).sum(axis=1) for b in regressors] for a in regressors]).transpose(2, 0, 1)
    right = np.array([(a * target).sum(axis=1) for a in regressors]).T
    scale = np.trace(moments, axis1=1, axis2=2)
    bad = ~np.isfinite(scale) | ~np.isfinite(right).all(axis=1)
    moments[bad], right[bad] = np.eye(1 + lags), 0.0
    # A ridge far below rounding keeps constant rows, which are refused anyway, from being singular.
    moments = moments + (1e-14 * np.maximum(np.where(bad, 1.0, scale), 1e-300))[:, None, None] * np.eye(1 + lags)
    coefficients = np.linalg.solve(moments, right[:, :, None])[:, :, 0]
    fitted = sum(coefficients[:, k : k + 1] * regressors[k] for k in range(1 + lags))
    return target - fitted, coefficients


def _mostly_constant(returns: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """More than half of the row is zero, or repeats the bar before."""
    half = 0.5 * returns.shape[1]
    zero = np.count_nonzero(returns, axis=1) < half
    return np.asarray(zero | (np.count_nonzero(returns[:, 1:] == returns[:, :-1], axis=1) > half))


def feasible_region(specification: Specification) -> tuple[Floats, Floats]:
    """Arch's bounds and constraints for parameters inside, as A x >= b."""
    names = specification.names
    at = {name: index for index, name in enumerate(names)}
    rows: list[Floats] = []
    right: list[float] = []

    def at_least(value: float, **weights: float) -> None:
        row = np.zeros(len(names))
        for name, weight in weights.items():
            row[at[name]] = weight
        rows.append(row)
        right.append(value)

    def between(name: str, low: float | None, high: float | None) -> None:
        if low is not None:
            at_least(low, **{name: 1.0})
        if high is not None:
            at_least(-high, **{name: -1.0})

    alphas, gammas, betas = ([n for n in names if n.startswith(kind)] for kind in ("alpha", "gamma", "beta["))
    if specification.process == "egarch":
        between("omega", -np.log(1e4), np.log(1e4))
    else:
        between("omega", 1e-8, 10.0)
        for name in alphas:
            between(name, 0.0, 1.0 if gammas else None)
        for lag, name in enumerate(gammas):
            if lag < specification.p:
                at_least(0.0, **{alphas[lag]: 1.0, name: 1.0})
                between(name, None, 2.0)
            else:
                between(name, 0.0, 2.0)
    for name in betas:
        between(name, 0.0, None)
    if specification.process == "egarch":
        if betas:
            at_least(-1.0, **dict.fromkeys(betas, -1.0))
    else:
        at_least(-1.0, **{**dict.fromkeys(alphas + betas, -1.0), **dict.fromkeys(gammas, -0.5)})
    # Degrees of freedom are inverses inside.
    if specification.distribution == "t":
        between("nu", 1.0 / 500.0, 1.0 / 2.05)
    elif specification.distribution == "skewt":
        between("eta", 1.0 / 300.0, 1.0 / 2.05)
        between("lambda", -1.0 + 1e-6, 1.0 - 1e-6)
    elif specification.distribution == "ged":
        between("nu", 1.01, 500.0)
    return np.ascontiguousarray(rows), np.array(right)


def inverted_shape(specification: Specification) -> int | None:
    """The place of the degrees of freedom, which are inverses inside."""
    if specification.distribution in ("t", "skewt"):
        return len(specification.mean_names) + len(specification.variance_names)
    return None


def outside(points: Floats, batch: Batch, rows: Integers) -> Floats:
    """Parameters inside (rows, k) in the units of the returns."""
    return _carried(points, batch, rows, out=True)


def inside(parameters: Floats, batch: Batch, rows: Integers) -> Floats:
    """Parameters in the units of the returns (rows, k) as the engine has them."""
    return _carried(parameters, batch, rows, out=False)


def _carried(given: Floats, batch: Batch, rows: Integers, *, out: bool) -> Floats:
    specification = batch.specification
    result = np.array(given, dtype=np.float64)
    scale, centre = batch.scale[rows], batch.centre[rows]
    means = len(specification.mean_names)
    with np.errstate(all="ignore"):
        if means:
            # The constant of an AR equation carries the part of the centre that its lags do not.
            share = 1.0 - given[:, 1:means].sum(axis=1)
            if out:
                result[:, 0] = given[:, 0] * scale + share * centre
            else:
                result[:, 0] = (given[:, 0] - share * centre) / scale
        if specification.process == "egarch":
            betas = means + 1 + specification.p + specification.o
            rest = 1.0 - given[:, betas : betas + specification.q].sum(axis=1)
            result[:, means] += (1.0 if out else -1.0) * rest * 2.0 * np.log(scale)
        else:
            unit = scale if specification.process == "tgarch" else scale * scale
            result[:, means] *= unit if out else 1.0 / unit
        shape = inverted_shape(specification)
        if shape is not None:
            result[:, shape] = 1.0 / result[:, shape]
    return result


def log_likelihood(values: Floats, batch: Batch, rows: Integers) -> Floats:
    """Negative values inside as log-likelihoods of the returns as given."""
    found: Floats = -values - batch.count * np.log(batch.scale[rows])
    return found
