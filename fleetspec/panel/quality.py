"""Whether a series is good enough to be fitted: one rule, asked when a fleet is compiled and again when it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from msgspec import Struct

from fleetspec.panel.readings import REPEATED, Reading
from fleetspec.units import Bars, Share, Sigma

if TYPE_CHECKING:
    from fleetspec.panel.series import Floats

_NORMAL = 1.4826
"""Median absolute deviations in a standard deviation of the normal distribution."""


class Judged(Protocol):
    """What is known of a series: valid bars, rows without a value, the day its last bar ended, its largest return in
    robust standard deviations, and the :class:`Reading` s that were asked for, by name."""

    @property
    def bars(self) -> int: ...
    @property
    def missing(self) -> int: ...
    @property
    def last(self) -> date | None: ...
    @property
    def jump(self) -> float | None: ...
    @property
    def found(self) -> Mapping[str, float | None]: ...


class Stationarity(Struct, frozen=True):
    """Tests that a series must pass: ``adf`` must reject a unit root at ``level``, ``kpss`` must not reject
    stationarity at it. ``of`` is returns or levels, ``around`` a constant or a trend."""

    by: tuple[str, ...]
    of: str
    around: str
    level: float

    def reading(self, test: str) -> Reading:
        return Reading(test, self.of, self.around)


class Standard(Struct, frozen=True):
    """What is asked of every series of a universe at one bar. ``max_missing`` is a fraction, ``max_jump`` in robust
    standard deviations; ``oldest`` is the day on which the last bar may have ended at the earliest. ``max_repeated`` is
    a fraction of rows, ``max_flat`` a number of bars, ``max_absent`` a fraction of the sessions of ``calendar``,
    ``max_closed`` one of bars."""

    max_missing: float
    max_jump: float | None = None
    oldest: date | None = None
    max_repeated: float = 0.0
    max_flat: int | None = None
    calendar: str = ""
    max_absent: float | None = None
    max_closed: float | None = None
    stationary: Stationarity | None = None

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What must have been measured of a series to judge it."""
        asked = [] if self.max_flat is None else [Reading("flat")]
        asked += [] if self.max_absent is None else [Reading("absent", self.calendar)]
        asked += [] if self.max_closed is None else [Reading("closed", self.calendar)]
        if self.stationary is not None:
            asked += [self.stationary.reading(test) for test in self.stationary.by]
        return tuple(asked)


class Finding(NamedTuple):
    """What speaks against a series: the key of ``quality`` that says so (``unit_root.adf`` of a test), and why."""

    check: str
    reason: str


def jump(returns: Floats) -> float | None:
    """The largest absolute return in robust standard deviations (median absolute deviation x 1.4826), to six digits.

    None where half of the returns or more are the same, which leaves nothing to measure with.
    """
    if not len(returns):
        return None
    spread = float(np.median(np.abs(returns - np.median(returns)))) * _NORMAL
    return float(f"{float(np.abs(returns).max()) / spread:.6g}") if spread > 0 else None


def findings(series: Judged, standard: Standard) -> Iterator[Finding]:
    """All that speaks against a series, in the order of the keys. A reading that is None could not be taken, and speaks
    against nothing."""
    bars, found = series.bars, series.found
    if bars == 0:
        yield Finding("max_missing", "no valid bars: all values are missing")
        return
    share = series.missing / (bars + series.missing)
    if share > standard.max_missing:
        told = f"{Share.rounded(share)} of its values are missing, max_missing is {Share(standard.max_missing)}"
        yield Finding("max_missing", told)
    if standard.max_jump is not None and series.jump is not None and series.jump > standard.max_jump:
        told = f"its largest return is {Sigma(series.jump)}, max_jump is {Sigma(standard.max_jump)}"
        yield Finding("max_jump", told)
    if standard.oldest is not None and series.last is not None and series.last < standard.oldest:
        told = f"its last bar ended on {series.last}, stale_after asks for {standard.oldest} or later"
        yield Finding("stale_after", told)
    again = found.get(REPEATED)
    if again and again / (bars + series.missing + again) > standard.max_repeated:
        told = f"{again:.0f} of its rows have the time of another, max_repeated is {Share(standard.max_repeated)}"
        yield Finding("max_repeated", told)
    if standard.max_flat is not None and (flat := found.get("flat")) is not None and flat > standard.max_flat:
        yield Finding("max_flat", f"its price stands still for {flat:.0f} bars, max_flat is {Bars(standard.max_flat)}")
    yield from _calendar(found, standard)
    if standard.stationary is not None:
        yield from _stationary(found, standard.stationary)


def _calendar(found: Mapping[str, float | None], standard: Standard) -> Iterator[Finding]:
    calendar = standard.calendar
    if standard.max_absent is not None:
        absent = found.get(Reading("absent", calendar).name)
        if absent is not None and absent > standard.max_absent:
            told = f"it has no bar in {Share.rounded(absent)} of the sessions of {calendar}, max_absent is "
            yield Finding("max_absent", told + str(Share(standard.max_absent)))
    if standard.max_closed is not None:
        closed = found.get(Reading("closed", calendar).name)
        if closed is not None and closed > standard.max_closed:
            told = f"{Share.rounded(closed)} of its bars are of days without a session of {calendar}, max_closed is "
            yield Finding("max_closed", told + str(Share(standard.max_closed)))


def _stationary(found: Mapping[str, float | None], asked: Stationarity) -> Iterator[Finding]:
    for test in asked.by:
        p_value = found.get(asked.reading(test).name)
        if p_value is None or (p_value <= asked.level) == (test == "adf"):
            continue
        what = "does not reject a unit root" if test == "adf" else "rejects that they are stationary"
        told = f"{test} of its {asked.of} {what}: p-value {p_value:.3g}, level {Share(asked.level)}"
        yield Finding(f"unit_root.{test}", told)


def verdict(series: Judged, standard: Standard) -> str | None:
    """Why a series is not fitted; None when nothing speaks against it."""
    return "; ".join(found.reason for found in findings(series, standard)) or None
