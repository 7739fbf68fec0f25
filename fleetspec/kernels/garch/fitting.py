"""From returns to fits: checks, preparation, the search for the best minimum, and figures in the units given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.kernels.garch.preparation import inside, log_likelihood, outside, prepared
from fleetspec.kernels.garch.searching import Search
from fleetspec.kernels.garch.types import Fits, Status
from fleetspec.kernels.garch.writing import BOUND_RATIO

if TYPE_CHECKING:
    from fleetspec.kernels.garch.preparation import Batch, Engine
    from fleetspec.kernels.garch.types import EngineName, ErrorKind, Flags, Floats, Integers, Specification

WORSE_BY = 1.0
"""In log-likelihood: how far below a constant variance a fit is nonsense rather than rounding and presample."""


def fit_many(
    returns: Floats | Sequence[Floats],
    specification: Specification,
    *,
    starts: Floats | None = None,
    engine: EngineName = "auto",
    standard_errors: ErrorKind | None = None,
) -> Fits:
    """Maximum likelihood of one specification on many series.

    ``returns`` is (n, T), one series a row, or a sequence of 1-D arrays of any lengths, in any units. ``starts``
    (n, k) are parameters in those units to start from, such as yesterday's fits; a row with a NaN has none. ``engine``
    is ``native`` (built by ``make native``), ``numba``, ``torch`` (a GPU where there is one), or ``auto``: native where
    it is built and knows the specification, else numba. ``standard_errors`` adds arch's ``robust``
    (Bollerslev-Wooldridge) or ``classic`` ones.

    A row never fails the batch, and its result does not depend on the other rows: see ``Fits.status``. Raises
    ValueError for arrays of the wrong shape, LookupError where the named engine is not installed.
    """
    groups = _groups(returns)
    total, width = sum(len(members) for members, _ in groups), len(specification.names)
    if starts is not None and np.shape(starts) != (total, width):
        raise ValueError(f"starts are {np.shape(starts)}; {total} series of {width} parameters need {(total, width)}")
    runner = engine_for(specification, engine)
    parameters, likelihoods = np.full((total, width), np.nan), np.full(total, np.nan)
    status, evaluations = np.zeros(total, np.int64), np.zeros(total, np.int64)
    errors = None if standard_errors is None else np.full((total, width), np.nan)
    for members, rows in groups:
        batch = prepared(rows, specification)
        given = None if starts is None else np.asarray(starts, dtype=np.float64)[members]
        found, values, status[members], evaluations[members] = _searched(batch, runner, given)
        ok = np.flatnonzero(status[members] == Status.OK)
        parameters[members[ok]] = outside(found[ok], batch, ok)
        likelihoods[members[ok]] = log_likelihood(values[ok], batch, ok)
        if errors is not None and standard_errors is not None and len(ok):
            from fleetspec.kernels.garch.errors import standard_errors as of_parameters

            errors[members[ok]] = of_parameters(rows[ok], specification, parameters[members[ok]], standard_errors)
    return Fits(specification, parameters, likelihoods, status, evaluations, runner.name, errors)


def engine_for(specification: Specification, engine: EngineName = "auto") -> Engine:
    """The engine that runs ``specification``. Raises LookupError where the named one is not there for it."""
    if engine not in ("auto", "native", "numba", "torch"):
        raise ValueError(f"engine is {engine!r}; it is one of auto, native, numba, torch")
    if engine == "torch":
        try:
            from fleetspec.kernels.garch.on_torch import TorchEngine
        except ImportError as error:
            raise LookupError("the torch engine needs torch: install fleetspec[neural]") from error
        return TorchEngine()
    if engine != "numba":
        from fleetspec.kernels.garch.on_native import native_engine

        native = native_engine()
        if native is not None and native.supports(specification):
            return native
        if engine == "native":
            why = "is not built: run `make native` where a C++ compiler is" if native is None else "does not know it"
            raise LookupError(f"{specification}: the native engine {why}; `numba` runs every specification")
    try:
        from fleetspec.kernels.garch.on_numba import NumbaEngine
    except ImportError as error:
        raise LookupError("the numba engine needs numba: install fleetspec[run]") from error
    return NumbaEngine()


def _groups(returns: Floats | Sequence[Floats]) -> list[tuple[Integers, Floats]]:
    """Series of one length together, as a 2-D array, with their places. Raises ValueError for other shapes."""
    if isinstance(returns, np.ndarray):
        if returns.ndim != 2:
            raise ValueError(f"returns have {returns.ndim} dimensions; a 2-D array has one series a row")
        rows = np.ascontiguousarray(returns, dtype=np.float64)
        return [(np.arange(len(rows)), rows)] if len(rows) else []
    series = [np.asarray(one, dtype=np.float64) for one in returns]
    if any(one.ndim != 1 for one in series):
        raise ValueError("a sequence of returns holds 1-D arrays, one a series")
    lengths = np.array([len(one) for one in series], np.int64)
    return [
        (members, np.stack([series[member] for member in members]))
        for length in np.unique(lengths)
        for members in [np.flatnonzero(lengths == length)]
    ]


def _searched(batch: Batch, engine: Engine, given: Floats | None) -> tuple[Floats, Floats, Integers, Integers]:
    """Parameters inside (n, k), values inside, status and evaluations of every row of the batch."""
    n, width = len(batch.y), len(batch.specification.names)
    rows = np.flatnonzero(batch.status == Status.OK)
    x, values = np.full((n, width), np.nan), np.full(n, np.nan)
    status, evaluations = batch.status.copy(), np.zeros(n, np.int64)
    search = Search(batch, engine, rows)
    search.run(None if given is None else inside(given[rows], batch, rows))
    x[rows], values[rows], evaluations[rows] = search.x, search.value, search.evaluations
    status[rows] = search.fault
    ok = np.flatnonzero(status == Status.OK)
    status[ok[values[ok] > _constant_variance(batch, ok) + WORSE_BY]] = Status.WORSE_THAN_CONSTANT_VARIANCE
    ok = ok[status[ok] == Status.OK]
    doubted = ok[_may_touch_bounds(batch, ok, x[ok])]
    if len(doubted):
        margin, _ = engine.checks(batch, doubted, x[doubted])
        status[doubted[~(margin >= 1.0)]] = Status.BOUNDS_BIND
    return x, values, status, evaluations


def _constant_variance(batch: Batch, rows: Integers) -> Floats:
    """Negative Gaussian log-likelihood inside of a constant variance, the least case that every process contains."""
    return np.full(len(rows), 0.5 * batch.count * (np.log(2.0 * np.pi) + 1.0))


def _may_touch_bounds(batch: Batch, rows: Integers, x: Floats) -> Flags:
    """Rows whose variances may leave arch's moving bounds; the others surely do not.

    The lower bound is a millionth of an average of squares, so not above that of the largest, and variances other
    than EGARCH's are not below omega. The upper bound is not below the largest square; nor does the variance rise above
    that if what the coefficients leave of it has room for omega.
    """
    spec = batch.specification
    if spec.process == "egarch":
        return np.ones(len(rows), bool)
    at = len(spec.mean_names)
    omega, news = x[:, at], x[:, at + 1 : at + 1 + spec.p + spec.o + spec.q]
    largest = batch.limits[rows, 2] - batch.scale[rows] ** -2.0
    if spec.process == "tgarch":
        low, high = omega * omega, np.sqrt(largest)
    else:
        low, high = omega, largest
    room = (1.0 - np.maximum(news, 0.0).sum(axis=1)) * high
    return np.asarray((low < largest / BOUND_RATIO) | (low < batch.limits[rows, 1]) | (omega > room))
