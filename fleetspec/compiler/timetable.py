"""When the models of a block are fitted, searched and forecast: the windows of each of its rows, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.compiler import identity
from fleetspec.compiler.lock import cadence
from fleetspec.compiler.windows import Walk, backtest_windows, last_origins, nightly_windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.assembly import Ints
    from fleetspec.compiler.jobgraph import GroupFamily
    from fleetspec.compiler.lock import Spans
    from fleetspec.compiler.panels import Panel


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """Searches of every row: ``count`` (rows,) of them each, their windows flattened in ``start`` and ``end``.

    ``of`` says for every window of the timetable which search of its row chose its parameters; ``data`` (rows, 16) is
    the digest of what a search reads.
    """

    count: Ints
    start: Ints
    end: Ints
    of: Ints
    data: identity.Bytes


@dataclass(frozen=True, slots=True, eq=False)
class Timetable:
    """Windows of every row of a block: ``count`` (rows,) of them each, their bounds flattened in ``walk``.

    ``data`` (rows, 16) is the digest of what the fits of a row read, beside their bounds.
    """

    count: Ints
    walk: Walk
    data: identity.Bytes
    searches: Searches | None = None


def nightly(panel: Panel, setting: GroupFamily) -> Timetable:
    """Tonight's window of each series; a model over the whole universe has one row, with the longest series' bounds."""
    start, end = nightly_windows(panel.bars, setting.train, setting.refit)
    origin = last_origins(panel.bars, setting.train, setting.every)
    walk = Walk(start, end, origin, np.minimum(origin + 1, panel.bars))
    data = panel.digest if setting.family.transforms else _read(panel, setting, setting.refit, start, end)
    searches = None
    if setting.search is not None:
        start, end = nightly_windows(panel.bars, setting.train, setting.search.every)
        read = _read(panel, setting, setting.search.every, start, end)
        ones, zeros = np.ones(len(start), dtype=np.int64), np.zeros(len(start), dtype=np.int64)
        searches = Searches(ones, start, end, zeros, read)
    if setting.per == "universe":
        one = slice(panel.longest, panel.longest + 1)
        walk = walk.take(one)
        if searches is not None:
            searches = Searches(
                searches.count[one], searches.start[one], searches.end[one], searches.of[one], searches.data
            )
    return Timetable(np.ones(len(walk), dtype=np.int64), walk, data, searches)


def _read(panel: Panel, setting: GroupFamily, refit: int, start: Ints, end: Ints) -> identity.Bytes:
    """(rows, 16) digests of the slices that the fits of one cadence read."""
    key = cadence(setting.train, refit, setting.measure)
    data = identity.from_hex([series.windows[key] for series in panel.series])
    if setting.per == "series":
        return data
    every = np.concatenate([data, identity.integers(start, end, panel.gated)], axis=1)
    return identity.single("pool", every.tobytes())


def backtest(panel: Panel, setting: GroupFamily, step: int, first_end: int, gap: int) -> Timetable:
    """Every walk-forward window of each series. The data of a window are those of the whole locked series.

    ``first_end`` and ``gap`` are those of :func:`~fleetspec.compiler.windows.backtest_windows`. A series that is a
    member of its universe for a time only has the windows whose last bar lies in that time.
    """
    bars = panel.bars[panel.longest : panel.longest + 1] if setting.per == "universe" else panel.bars
    lengths, which = np.unique(bars, return_inverse=True)
    walks = [backtest_windows(int(n), setting.train, step, first_end, gap) for n in lengths]
    each = [(walks[i], np.arange(len(walks[i]))) for i in which]
    if panel.spans is not None and setting.per == "series":
        kept = [_inside(walk.end - 1, spans) for (walk, _), spans in zip(each, panel.spans, strict=True)]
        each = [(walk.take(k), number[k]) for (walk, number), k in zip(each, kept, strict=True)]
    data = panel.digest
    if setting.per == "universe":
        every = np.concatenate([data, identity.integers(panel.bars, panel.gated)], axis=1)
        data = identity.single("pool", every.tobytes())
    count = np.array([len(walk) for walk, _ in each], dtype=np.int64)
    searches = None
    if setting.search is not None:
        # A search serves the windows until the next one is due; it sees what the first of them sees.
        due = [number * step // setting.search.every for _, number in each]
        numbered = [np.unique(one, return_index=True, return_inverse=True) for one in due]
        searches = Searches(
            np.array([len(first) for _, first, _ in numbered], dtype=np.int64),
            np.concatenate([walk.start[first] for (walk, _), (_, first, _) in zip(each, numbered, strict=True)]),
            np.concatenate([walk.end[first] for (walk, _), (_, first, _) in zip(each, numbered, strict=True)]),
            np.concatenate([of for _, _, of in numbered]),
            data,
        )
    return Timetable(count, Walk.joined([walk for walk, _ in each]), data, searches)


def _inside(bars: Ints, spans: Spans) -> NDArray[np.bool_]:
    """(n,) which bars lie in one of the spans."""
    inside = np.zeros(len(bars), dtype=bool)
    for start, end in spans:
        inside |= (bars >= start) & (bars < end)
    return inside
