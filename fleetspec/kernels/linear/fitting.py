"""From arrays to fits: what is asked for as a list of problems, grouped into trees that share their sums."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.kernels.keeping import kept
from fleetspec.kernels.linear.dyadic import moments_of, planted, shift_of
from fleetspec.kernels.linear.types import MAX_ITERATIONS, TOLERANCE, Fits, Options, Problems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetspec.kernels.linear.types import Floats, Integers


def fit_many(
    features: Floats,
    targets: Floats,
    alpha: float | Floats,
    l1_ratio: float | Floats = 0.5,
    *,
    windows: Sequence[tuple[int, int]] | Integers | None = None,
    positions: Integers | None = None,
    standardise: bool = False,
    fit_intercept: bool = True,
    tol: float = TOLERANCE,
    max_iter: int = MAX_ITERATIONS,
) -> Fits:
    """Elastic nets of every target on the same features, over every window and for every penalty.

    ``features`` (T, p); ``targets`` (T,) or (T, K); ``windows`` pairs (begin, end) of rows, end exclusive; ``alpha``
    above 0 and ``l1_ratio`` 0 to 1, numbers or arrays of one length. The objective is in ``types``. The result has an
    axis for windows, one for targets and one for penalties, each only where several could be given.

    ``positions`` (T,), strictly increasing integers, say where a row stands in time, by default 0, 1, 2, …: sums are
    cut at multiples of powers of two of them, so last digits of a window are the same in every array that gives its
    rows the same positions. A fit depends, to the last bit, on nothing but its own rows, their positions, its target
    and its penalty. No fit fails the others: see ``Fits.status``. Raises ValueError for arrays that do not belong
    together.
    """
    options = Options(standardise, fit_intercept, tol, max_iter)
    return _over_all(features, targets, alpha, l1_ratio, windows, positions, options)


def ridge_many(
    features: Floats,
    targets: Floats,
    alpha: float | Floats,
    *,
    windows: Sequence[tuple[int, int]] | Integers | None = None,
    positions: Integers | None = None,
    standardise: bool = False,
    fit_intercept: bool = True,
) -> Fits:
    """:func:`fit_many` for ridge, in closed form: one Cholesky factor for all targets of a window and penalty.
    ``alpha`` may be 0, least squares. ``n * alpha`` is scikit-learn's."""
    options = Options(standardise, fit_intercept)
    return _over_all(features, targets, alpha, None, windows, positions, options)


def _over_all(
    features: Floats,
    targets: Floats,
    alpha: float | Floats,
    l1_ratio: float | Floats | None,
    windows: Sequence[tuple[int, int]] | Integers | None,
    positions: Integers | None,
    options: Options,
) -> Fits:
    table = np.asarray(targets, dtype=np.float64)
    columns = table[None] if table.ndim == 1 else table.T
    alphas, ratios = np.broadcast_arrays(
        np.asarray(alpha, dtype=np.float64), np.nan if l1_ratio is None else np.asarray(l1_ratio, dtype=np.float64)
    )
    whole = np.array([[0, len(features)]])
    spans = whole if windows is None else np.asarray(windows, dtype=np.int64).reshape(-1, 2)
    if alphas.ndim > 1:
        raise ValueError(f"penalties are {alphas.shape}: give a number or a one-dimensional array")
    grid = np.indices((len(spans), len(columns), alphas.size)).reshape(3, -1)
    problems = Problems(
        spans[grid[0], 0], spans[grid[0], 1], grid[1], alphas.reshape(-1)[grid[2]], ratios.reshape(-1)[grid[2]]
    )
    if l1_ratio is not None and np.isnan(problems.l1_ratio).any():
        raise ValueError("l1_ratio is not a number")
    fits = solve(features, columns, problems, options, positions)
    shape = () if windows is None else (len(spans),)
    return fits.reshaped(shape + table.shape[1:] + alphas.shape)


def solve(
    features: Floats, targets: Floats, problems: Problems, options: Options, positions: Integers | None = None
) -> Fits:
    """Any problems on one table of features (T, p) and one of targets (K, T); see :func:`fit_many` for the rest."""
    x, y = np.ascontiguousarray(features, dtype=np.float64), np.ascontiguousarray(targets, dtype=np.float64)
    places = np.arange(len(x)) if positions is None else np.ascontiguousarray(positions, dtype=np.int64)
    _checked(x, y, places, problems, options)
    m, p = len(problems), x.shape[1]
    fits = Fits(
        weights=np.full((m, p), np.nan),
        mean=np.full((m, p), np.nan),
        scale=np.full((m, p), np.nan),
        centre=np.full(m, np.nan),
        spread=np.full(m, np.nan),
        rows=np.zeros(m, np.int64),
        passes=np.zeros(m, np.int64),
        gap=np.zeros(m),
        status=np.zeros(m, np.int64),
    )
    last = np.maximum(problems.end, problems.begin + 1) - 1
    span = places[last] - places[problems.begin] + 1 if m else np.zeros(0, np.int64)
    shifts = shift_of(span)
    for shift in np.unique(shifts):
        _solved(x, y, places, problems, np.flatnonzero(shifts == shift), int(shift), int(span.max()), options, fits)
    return fits


def _solved(
    x: Floats,
    y: Floats,
    positions: Integers,
    problems: Problems,
    members: Integers,
    shift: int,
    longest: int,
    options: Options,
    fits: Fits,
) -> None:
    """Solve the problems ``members``, whose leaves have one size, into their rows of ``fits``."""
    # Windows one after the other, and in each the penalties, so that a factor serves all its targets.
    sorting = (problems.l1_ratio, problems.alpha, problems.end, problems.begin)
    order = members[np.lexsort([key[members] for key in sorting])]
    begin, end = problems.begin[order], problems.end[order]
    fresh = np.flatnonzero(np.append(True, (begin[1:] != begin[:-1]) | (end[1:] != end[:-1])))
    tree = planted(positions, int(begin.min()), max(int(end.max()), int(begin.min()) + 1), shift, longest)
    out = tuple(np.ascontiguousarray(getattr(fits, part)[order]) for part in fits.__struct_fields__)
    compiled().solve(
        x, y, (positions, shift, tree.ids, tree.offsets), (tree.cuts, tree.left, tree.right), moments_of(x, y, tree),
        (begin[fresh], end[fresh], np.append(fresh, len(order))),
        (problems.column[order], problems.alpha[order], problems.l1_ratio[order]),
        (options.standardise, options.fit_intercept, float(options.tol), int(options.max_iter)), out,
    )  # fmt: skip
    for part, values in zip(fits.__struct_fields__, out, strict=True):
        getattr(fits, part)[order] = values


def _checked(x: Floats, y: Floats, positions: Integers, problems: Problems, options: Options) -> None:
    if x.ndim != 2 or y.ndim != 2 or y.shape[1] != len(x) or positions.shape != (len(x),):
        raise ValueError(f"features are {x.shape}, targets {y.T.shape}, positions {positions.shape}: rows must agree")
    if not x.size:
        raise ValueError(f"features are {x.shape}: there is nothing to learn from")
    if (np.diff(positions) <= 0).any():
        raise ValueError("positions must increase from row to row")
    if not len(problems):
        return
    if problems.begin.min() < 0 or problems.end.max() > len(x) or (problems.end < problems.begin).any():
        raise ValueError(f"windows must lie within the {len(x)} rows")
    if (problems.begin >= len(x)).any():
        raise ValueError("a window begins after the last row")
    if problems.column.min() < 0 or problems.column.max() >= len(y):
        raise ValueError(f"there are {len(y)} targets, and a problem is of another")
    ridge = np.isnan(problems.l1_ratio)
    if not np.isfinite(problems.alpha).all() or (problems.alpha < 0).any():
        raise ValueError("alpha must be a finite number, 0 or more")
    if (problems.alpha[~ridge] == 0).any():
        raise ValueError("alpha is 0, which is least squares: use ridge_many for it")
    if ((problems.l1_ratio[~ridge] < 0) | (problems.l1_ratio[~ridge] > 1)).any():
        raise ValueError("l1_ratio must lie between 0 and 1")
    if options.standardise and not options.fit_intercept:
        raise ValueError("standardising takes means off, so there must be an intercept")


@cache
def compiled() -> ModuleType:
    """``solving``, compiled: loaded from the user's cache, or made there in some seconds the first time."""
    from fleetspec.kernels.linear import descending, moments, solving

    # numba does not see changes of what a cached function calls, so the callees' texts are part of the caller's.
    texts = (Path(str(module.__file__)).read_bytes() for module in (moments, descending))
    callees = hashlib.sha256(b"".join(texts)).hexdigest()
    return kept("linear", Path(str(solving.__file__)).read_text() + f'\nCALLEES = "{callees}"\n')
