"""What the linear alpha families share: rows from windows, whole bundles in one call, and forecasts.

A fit learns the h-bar log return after a bar from features known at it, both scaled to variance 1 (``kernels/linear``).
Jobs of a bundle overlap: horizons and penalties of one series, windows of one walk. What they have in common is
computed once: bars, features, and sums of products over blocks of days. Each family is its own file in ``families/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from msgspec import Struct

from fleetspec.family import Fit, FitRequest, ForecastRequest, Forecasts, Params, Profile, Rejection, SeriesWindow
from fleetspec.kernels.linear.types import Options, Problems, Status
from fleetspec.panel.features import compute, lookback, needs_volume

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fleetspec.family import Dates, Floats
    from fleetspec.kernels.linear.types import Fits, Integers

MIN_BARS = 60
MIN_ROWS = 30
OPEN_STRANDS = 4
"""How many ends of strands a window is held against: more than one where data of a series was restated."""
NEEDS = ("numba",)
_OPTIONS = Options(standardise=True, tol=1e-10)
"""The minimum itself: at scikit-learn's tolerance, 1e-4, the third digit of a coefficient depends on the path to it."""

T = TypeVar("T", Fit, Forecasts)


class LinearParams(Params):
    """Each family's own; what they come to is a weight of the penalty and the share of it on absolute coefficients."""

    @property
    def penalty(self) -> tuple[float, float]:
        """``alpha`` and ``l1_ratio`` in the solver's words, NaN for ridge."""
        raise NotImplementedError


class Strand(Struct, frozen=True, eq=False):
    """Bars of one series that windows are pieces of."""

    dates: Dates
    returns: Floats
    volume: Floats | None


class Piece(Struct, frozen=True):
    """Where a window lies: ``length`` bars from ``begin`` of the strand of that number."""

    strand: int
    begin: int
    length: int

    @property
    def end(self) -> int:
        return self.begin + self.length


def fit(request: FitRequest) -> Fit:
    """``coef[f]`` is the change of the h-bar log return (fraction) per training standard deviation of feature f;
    ``mean[f]`` and ``scale[f]`` standardise it; ``intercept`` is the mean training return.

    Rows are bars whose features are all known and whose h-bar return ends inside the window; those of all windows are
    pooled in window order, oldest first. Features of volume are left out where a series has no volume.
    """
    (found,) = fit_many([request])
    return _or_raise(found)


def fit_many(requests: Sequence[FitRequest]) -> list[Fit | Rejection]:
    """:func:`fit` of every request; a fit's numbers do not depend on the others."""
    answers: list[Fit | Rejection] = [Rejection("")] * len(requests)
    sound: dict[int, tuple[str, ...]] = {}
    for place, request in enumerate(requests):
        try:
            request.require(MIN_BARS)
            sound[place] = _usable(request.features, request.windows)
        except Rejection as rejection:
            answers[place] = rejection
    windows = [window for place in sound for window in requests[place].windows]
    strands, pieces = strung(windows)
    tables, at = Tables(strands), 0
    singles: dict[tuple[tuple[str, ...], int, int], list[tuple[int, Piece]]] = {}
    pools: dict[tuple[tuple[str, ...], int, tuple[Piece, ...]], list[int]] = {}
    for place, names in sound.items():
        request = requests[place]
        mine, at = tuple(pieces[at : at + len(request.windows)]), at + len(request.windows)
        step = _step(request.windows[0].dates)
        if len(mine) == 1 and step > 0:
            singles.setdefault((names, mine[0].strand, step), []).append((place, mine[0]))
        else:
            pools.setdefault((names, _ahead(request), mine), []).append(place)
    for (names, strand, step), members in singles.items():
        _from_walk(requests, members, names, tables.walk(names, strand), step, answers)
    for (names, horizon, mine), places in pools.items():
        _from_pool(requests, places, names, tables.pool(names, mine, horizon), answers)
    return answers


def strung(windows: Sequence[SeriesWindow]) -> tuple[list[Strand], list[Piece]]:
    """Strands of windows that overlap and agree where they do, and the piece that each window is."""
    order = sorted(range(len(windows)), key=lambda i: (windows[i].series, _first(windows[i]), -len(windows[i])))
    strands: list[list[SeriesWindow]] = []
    pieces = [Piece(0, 0, 0)] * len(windows)
    ends: list[tuple[SeriesWindow, Piece]] = []
    for i in order:
        window = windows[i]
        for at, (last, theirs) in enumerate(ends):
            offset = _offset(last, window)
            if offset is None:
                continue
            pieces[i] = Piece(theirs.strand, theirs.begin + offset, len(window))
            if pieces[i].end > theirs.end:
                strands[theirs.strand].append(_tail(window, len(last) - offset))
                ends[at] = window, pieces[i]
            break
        else:
            pieces[i] = Piece(len(strands), 0, len(window))
            strands.append([window])
            ends = [(window, pieces[i]), *ends[: OPEN_STRANDS - 1]]
    return [_joined(parts) for parts in strands], pieces


def _first(window: SeriesWindow) -> int:
    return int(window.dates[0].astype(np.int64)) if len(window) else 0


def _offset(last: SeriesWindow, window: SeriesWindow) -> int | None:
    """Where ``window`` begins in the one before it; None where they share no bar or differ in one."""
    if last.series != window.series or not len(window) or (last.volume is None) != (window.volume is None):
        return None
    offset = int(np.searchsorted(last.dates, window.dates[0]))
    common = min(len(last) - offset, len(window))
    theirs, mine = slice(offset, offset + common), slice(common)
    if not common or not np.array_equal(last.dates[theirs], window.dates[mine]):
        return None
    if not np.array_equal(last.returns[theirs], window.returns[mine]):
        return None
    if last.volume is None or window.volume is None:
        return offset
    return offset if np.array_equal(last.volume[theirs], window.volume[mine], equal_nan=True) else None


def _tail(window: SeriesWindow, begin: int) -> SeriesWindow:
    volume = None if window.volume is None else window.volume[begin:]
    return SeriesWindow(window.series, window.dates[begin:], window.returns[begin:], volume)


def _joined(parts: list[SeriesWindow]) -> Strand:
    if len(parts) == 1:
        return Strand(parts[0].dates, parts[0].returns, parts[0].volume)
    volumes = [part.volume for part in parts if part.volume is not None]
    return Strand(
        np.concatenate([part.dates for part in parts]),
        np.concatenate([part.returns for part in parts]),
        np.concatenate(volumes) if volumes else None,
    )


class Walk(Struct, frozen=True, eq=False):
    """Bars of a strand at which every feature is known: their numbers in it, features (n, k), and the returns and dates
    of the whole strand. ``warm_up`` bars of a window come before its first row."""

    bars: Integers
    features: Floats
    returns: Floats
    dates: Dates
    warm_up: int


class Tables:
    """Features of strands, each computed once, and the rows that fits learn from."""

    def __init__(self, strands: list[Strand]) -> None:
        self._strands = strands
        self._values: dict[tuple[tuple[str, ...], int], Floats] = {}
        self._returns: dict[tuple[int, int], Floats] = {}

    def values(self, names: tuple[str, ...], strand: int) -> Floats:
        """(T, k) at every bar. A bar of a window has these values once the window's own look-back is full."""
        if (names, strand) not in self._values:
            bars = self._strands[strand]
            self._values[names, strand] = compute(names, bars.returns, bars.volume)
        return self._values[names, strand]

    def walk(self, names: tuple[str, ...], strand: int) -> Walk:
        values, bars = self.values(names, strand), self._strands[strand]
        known = np.flatnonzero(np.isfinite(values).all(axis=1))
        return Walk(known, values[known], bars.returns, bars.dates, _warm_up(names))

    def pool(self, names: tuple[str, ...], pieces: tuple[Piece, ...], horizon: int) -> tuple[Floats, Floats]:
        """Features (n, k) and h-bar returns (n,) of all pieces, one after the other."""
        rows, labels = [], []
        for piece in pieces:
            part = slice(piece.begin + _warm_up(names), piece.end - horizon)
            rows.append(self.values(names, piece.strand)[part])
            key = (piece.strand, horizon)
            if key not in self._returns:
                self._returns[key] = following(self._strands[piece.strand].returns, horizon)
            labels.append(self._returns[key][part])
        features, target = np.concatenate(rows), np.concatenate(labels)
        known = np.isfinite(features).all(axis=1)
        return features[known], target[known]


def following(returns: Floats, horizon: int) -> Floats:
    """The log return of the ``horizon`` bars after each (T,), NaN where there are fewer."""
    after = np.full(len(returns), np.nan)
    if horizon < len(returns):
        after[:-horizon] = compute((f"momentum({horizon})",), returns, None)[horizon:, 0]
    return after


def _from_walk(
    requests: Sequence[FitRequest],
    members: list[tuple[int, Piece]],
    names: tuple[str, ...],
    walk: Walk,
    step: int,
    answers: list[Fit | Rejection],
) -> None:
    """Fits on windows of one strand; a row's position is its date in steps between bars."""
    low, high = min(piece.begin for _, piece in members), max(piece.end for _, piece in members)
    inside = slice(*np.searchsorted(walk.bars, (low, high)))
    bars, features = walk.bars[inside], walk.features[inside]
    positions = walk.dates[bars].astype("datetime64[s]").astype(np.int64) // step
    if len(members) > 1 and (np.diff(positions) <= 0).any():
        # Bars between these windows are closer than theirs, as months are around February.
        for member in members:
            _from_walk(requests, [member], names, walk, step, answers)
        return
    places = [place for place, _ in members]
    horizons = [_ahead(requests[place]) for place in places]
    begins = np.searchsorted(bars, [piece.begin + walk.warm_up for _, piece in members])
    ends = np.searchsorted(bars, [piece.end - h for h, (_, piece) in zip(horizons, members, strict=True)])
    columns = sorted(set(horizons))
    targets = np.array([following(walk.returns, horizon)[bars] for horizon in columns])
    column = np.array([columns.index(horizon) for horizon in horizons])
    _answered(requests, places, names, features, targets, (begins, ends, column), positions, answers)


def _from_pool(
    requests: Sequence[FitRequest],
    places: list[int],
    names: tuple[str, ...],
    table: tuple[Floats, Floats],
    answers: list[Fit | Rejection],
) -> None:
    """Fits on the same rows, with different penalties."""
    features, target = table
    none = np.zeros(len(places), np.int64)
    _answered(requests, places, names, features, target[None], (none, none + len(target), none), None, answers)


def _answered(
    requests: Sequence[FitRequest],
    places: list[int],
    names: tuple[str, ...],
    features: Floats,
    targets: Floats,
    spans: tuple[Integers, Integers, Integers],
    positions: Integers | None,
    answers: list[Fit | Rejection],
) -> None:
    from fleetspec.kernels.linear.fitting import solve

    begin, end, column = spans
    penalties = np.array([cast(LinearParams, requests[place].params).penalty for place in places])
    rows = np.maximum(end - begin, 0)
    enough = np.flatnonzero(rows >= MIN_ROWS)
    for i in np.flatnonzero(rows < MIN_ROWS).tolist():
        answers[places[i]] = Rejection(f"{rows[i]} usable rows, at least {MIN_ROWS} are needed")
    if len(enough):
        problems = Problems(
            begin[enough], end[enough], column[enough], penalties[enough, 0].copy(), penalties[enough, 1].copy()
        )
        found = solve(features, targets, problems, _OPTIONS, positions)
        for i, answer in zip(enough.tolist(), _named(found, names), strict=True):
            answers[places[i]] = answer


def _named(found: Fits, names: tuple[str, ...]) -> Iterator[Fit | Rejection]:
    keys = [f"{part}[{name}]" for name in names for part in ("coef", "mean", "scale")]
    effects = found.weights * found.spread[:, None]
    numbers = np.stack([effects, found.mean, found.scale], axis=2).reshape(len(effects), -1).tolist()
    centres, rows = found.centre.tolist(), found.rows.tolist()
    for i, status in enumerate(found.status.tolist()):
        if status == Status.OK:
            yield Fit({"intercept": centres[i], **dict(zip(keys, numbers[i], strict=True))}, observations=rows[i])
        elif status == Status.CONSTANT_TARGET:
            yield Rejection("the returns to be learned are constant: they have no variance")
        elif status == Status.NOT_CONVERGED:
            yield Rejection(f"the optimiser did not converge: {found.passes[i]} iterations")
        else:
            yield Rejection(found.reason(i))


def forecast(request: ForecastRequest) -> Forecasts:
    """``return``: the expected h-bar log return as a fraction. Origins at which a feature has no value are left out."""
    (made,) = forecast_many([request])
    return _or_raise(made)


def forecast_many(requests: Sequence[ForecastRequest]) -> list[Forecasts | Rejection]:
    """:func:`forecast` of every request."""
    strands, pieces = strung([window for request in requests for window in request.windows])
    tables, at, answers = Tables(strands), 0, list[Forecasts | Rejection]()
    for request in requests:
        mine, at = pieces[at : at + len(request.windows)], at + len(request.windows)
        answers.append(_forecasts(request, mine, tables))
    return answers


def _forecasts(request: ForecastRequest, pieces: list[Piece], tables: Tables) -> Forecasts | Rejection:
    if request.fit is None:
        return Rejection("there is no fit to forecast from")
    estimates = request.fit.estimates
    names = tuple(name for name in request.features if f"coef[{name}]" in estimates)
    coef, mean, scale = (np.array([estimates[f"{part}[{n}]"] for n in names]) for part in ("coef", "mean", "scale"))
    first, blocks = max(request.first_origin, _warm_up(names)), []
    for window, piece in zip(request.windows, pieces, strict=True):
        features = tables.values(names, piece.strand)[piece.begin + first : piece.end]
        known = np.isfinite(features).all(axis=1)
        if not known.any():
            continue
        # Summed feature by feature: a matrix product may round a row differently in another batch.
        value = estimates["intercept"] + (((features[known] - mean) / scale) * coef).sum(axis=1)
        origins = window.dates[first:][known]
        blocks += [Forecasts.block(window.series, origins, horizon, "return", value) for horizon in request.horizons]
    return Forecasts.joined(blocks) if blocks else Rejection("no origin has a value for every feature")


@cache
def _compiled() -> None:
    from fleetspec.kernels.linear import fit_many as solve_many

    ripples = np.sin(np.arange(120.0) ** 2)
    solve_many(ripples.reshape(40, 3), ripples[:40], 0.1, windows=[(0, 40), (1, 40)])


def warm(params: BaseModel) -> None:
    """Load the solver, or compile it where it has never run."""
    _compiled()


def _usable(features: tuple[str, ...], windows: tuple[SeriesWindow, ...]) -> tuple[str, ...]:
    without = any(window.volume is None for window in windows)
    names = tuple(name for name in features if not (without and needs_volume(name)))
    if not names:
        raise Rejection("every feature needs volume, and the series has none")
    return names


def _warm_up(names: tuple[str, ...]) -> int:
    return max(lookback(names) - 1, 0)


def _ahead(request: FitRequest) -> int:
    return request.horizon or 1


def _step(dates: Dates) -> int:
    """Seconds between the closest bars; 0 where two have one stamp."""
    return max(int(np.diff(dates.astype("datetime64[s]").astype(np.int64)).min()), 0)


def _or_raise(answer: T | Rejection) -> T:
    if isinstance(answer, Rejection):
        raise answer
    return answer


PROFILE = Profile(
    memory_mib=280,
    basis="measured: 267 MiB with Ray, Arrow and the solver after fits of 2,000 bars, single and 60 series pooled",
)
