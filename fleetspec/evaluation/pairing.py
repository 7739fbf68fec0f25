"""Forecasts beside what followed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Dates = NDArray[np.datetime64]


class Predictions(Protocol):
    """Forecasts in long form: arrays of one length, as ``fleetspec.family.Forecasts`` has them."""

    @property
    def series(self) -> NDArray[np.str_]: ...
    @property
    def origin(self) -> Dates: ...
    @property
    def horizon(self) -> NDArray[np.int32]: ...
    @property
    def quantity(self) -> NDArray[np.str_]: ...
    @property
    def level(self) -> Floats: ...
    @property
    def value(self) -> Floats: ...
    @property
    def others(self) -> NDArray[np.str_]: ...


class Realised(NamedTuple):
    """A whole series: ``dates`` (T,), strictly increasing, and log ``returns`` (T,) per bar."""

    dates: Dates
    returns: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Forecasts that have been realised, by origin and then by series; arrays (n,).

    ``series`` are numbers of the series, ``bar`` the origins as bars of their own series, ``realised`` the log returns
    over the horizon.
    """

    series: NDArray[np.int64]
    origin: Dates
    bar: NDArray[np.int64]
    predicted: Floats
    realised: Floats

    def __len__(self) -> int:
        return len(self.predicted)

    def at(self, rows: NDArray[np.bool_]) -> Pairs:
        """Some of the pairs."""
        return Pairs(self.series[rows], self.origin[rows], self.bar[rows], self.predicted[rows], self.realised[rows])


def pair(
    parts: Sequence[Predictions], quantity: str, horizon: int, level: float, series: Mapping[str, Realised]
) -> Pairs:
    """Forecasts of a quantity, and of a level unless it is NaN, beside the log return of the ``horizon`` bars after
    their origin. A forecast whose bars are not over is left out; one from a date without a bar is a ValueError."""
    chosen = []
    for part in parts:
        rows = (part.quantity == quantity) & (part.horizon == horizon)
        chosen.append(rows if np.isnan(level) else rows & (part.level == level))
    origin = np.concatenate([part.origin[rows] for part, rows in zip(parts, chosen, strict=True)])
    value = np.concatenate([part.value[rows] for part, rows in zip(parts, chosen, strict=True)])
    code = np.zeros(len(value), dtype=np.int64)
    if len(series) > 1:
        names = np.concatenate([part.series[rows] for part, rows in zip(parts, chosen, strict=True)])
        known, at = np.unique(names, return_inverse=True)
        numbers = {name: number for number, name in enumerate(series)}
        code = np.array([numbers[str(name)] for name in known], dtype=np.int64)[at]
    bar = np.zeros(len(value), dtype=np.int64)
    realised = np.full(len(value), np.nan)
    for number in np.unique(code):
        here = np.flatnonzero(code == number)
        whole = list(series.values())[number]
        bar[here], realised[here] = _followed(whole, origin[here], horizon)
    order = np.lexsort((code, origin))
    order = order[~np.isnan(realised[order])]
    return Pairs(code[order], origin[order], bar[order], value[order], realised[order])


def _followed(whole: Realised, origin: Dates, horizon: int) -> tuple[NDArray[np.int64], Floats]:
    """The bars of origins, and the return of the bars after them; NaN where these are not over."""
    bar = np.searchsorted(whole.dates, origin)
    realised = np.full(len(bar), np.nan)
    over = bar + horizon < len(whole.returns)
    if over.any():
        if (whole.dates[bar[over]] != origin[over]).any():
            raise ValueError("a forecast starts on a date on which the series has no bar")
        realised[over] = sums(whole.returns, horizon)[bar[over] + 1]
    return bar, realised


def sums(values: Floats, length: int) -> Floats:
    """(T - length + 1,) sums of ``length`` neighbours."""
    total: Floats = np.lib.stride_tricks.sliding_window_view(values, length).sum(axis=1)
    return total
