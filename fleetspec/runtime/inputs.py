"""The series a run reads: loaded once by the driver, held against the lock, and packed for the workers."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.compiler.lock import cadences, calendar_of, panel_key, source_request
from fleetspec.diagnostics import ExitCode, Report, reject
from fleetspec.family import SeriesWindow
from fleetspec.panel.quality import verdict
from fleetspec.panel.sources import SourceError, load
from fleetspec.rules import running
from fleetspec.units import BarSize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.lock import Lock, LockedSeries
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.family import Dates, Floats
    from fleetspec.panel.quality import Standard
    from fleetspec.panel.sources import Series

_SHOWN = 10


@dataclass(frozen=True, slots=True, eq=False)
class SeriesBlock:
    """Locked bars of all series of a data source at one bar, one after the other: few arrays, so a worker maps them at
    once.

    Series ``i`` is ``offsets[i]:offsets[i + 1]`` of ``dates``, ``returns``, ``volume`` and each of ``measures`` (NaN
    where a series has none). ``locked`` is what the lock says of each; only measures that it pins are here.
    """

    index: Mapping[str, int]
    offsets: NDArray[np.int64]
    dates: Dates
    returns: Floats
    volume: Floats
    has_volume: NDArray[np.bool_]
    measures: Mapping[str, Floats]
    has_measures: Mapping[str, NDArray[np.bool_]]
    locked: tuple[LockedSeries, ...]

    @classmethod
    def pack(cls, series: Iterable[tuple[Series, LockedSeries]]) -> SeriesBlock:
        pairs = list(series)
        offsets = np.concatenate([[0], np.cumsum([locked.bars for _, locked in pairs])]).astype(np.int64)
        dates = np.empty(offsets[-1], dtype="datetime64[s]")
        returns = np.empty(offsets[-1])
        volume = np.full(offsets[-1], np.nan)
        used = sorted({measure for _, locked in pairs for measure in locked.measures})
        measures = {measure: np.full(offsets[-1], np.nan) for measure in used}
        for i, (one, locked) in enumerate(pairs):
            here = slice(offsets[i], offsets[i + 1])
            dates[here] = one.dates[: locked.bars]
            returns[here] = one.returns[: locked.bars]
            if one.volume is not None:
                volume[here] = one.volume[: locked.bars]
            for measure in used:
                if measure in one.measures:
                    measures[measure][here] = one.measures[measure][: locked.bars]
        for array in (dates, returns, volume, *measures.values()):
            array.setflags(write=False)
        return cls(
            {one.name: i for i, (one, _) in enumerate(pairs)},
            offsets,
            dates,
            returns,
            volume,
            np.array([one.volume is not None for one, _ in pairs], dtype=bool),
            measures,
            {measure: np.array([measure in one.measures for one, _ in pairs], dtype=bool) for measure in used},
            tuple(locked for _, locked in pairs),
        )

    def bars(self, name: str) -> int:
        i = self.index[name]
        return int(self.offsets[i + 1] - self.offsets[i])

    def verdict(self, name: str, standard: Standard) -> str | None:
        """Why a series does not pass the quality gate; None when it does. It is judged as it was locked."""
        return verdict(self.locked[self.index[name]], standard)

    def window(self, name: str, start: int, end: int) -> SeriesWindow:
        """Bars ``start:end`` of a series, as views."""
        i = self.index[name]
        here = slice(self.offsets[i] + start, self.offsets[i] + end)
        return SeriesWindow(
            name,
            self.dates[here],
            self.returns[here],
            self.volume[here] if self.has_volume[i] else None,
            {measure: values[here] for measure, values in self.measures.items() if self.has_measures[measure][i]},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Series by source and bar (``panel_key``), and how many have bars after the locked ones, which no run uses."""

    blocks: dict[str, SeriesBlock]
    grown: dict[str, int]


def load_blocks(spec: FleetSpec, lock: Lock, root: Path, universes: Iterable[str]) -> Inputs:
    """Every data source the universes need, at every bar, after its locked bars were found unchanged.

    Bars after the locked ones are not used, only counted. Raises FS505 when a source cannot be read and FS501
    (exit 5) when locked bars changed or are gone.
    """
    needed: dict[tuple[str, str], set[str]] = {}
    for universe in universes:
        of = spec.universes[universe]
        for bar in cadences(spec, universe):
            needed.setdefault((of.data, bar), set()).update(lock.universes[universe])
    blocks, grown = {}, {}
    changed: list[str] = []
    for (source, bar), members in sorted(needed.items()):
        names, key = sorted(members), panel_key(source, bar)
        # Universes of several markets may share a source, and a run may be of some of them only: the lock's calendar.
        calendar = calendar_of(spec, source, bar)
        try:
            found = load(source_request(spec.data[source], root, BarSize.parse(bar), calendar), names)
        except SourceError as error:
            raise reject(running.SOURCE_UNREADABLE, f"data '{source}': {error}", help=error.help) from error
        locked = lock.data[key]
        changed += [
            f"'{name}' of data '{key}' {why}" for name in names if (why := _change(found.get(name), locked[name]))
        ]
        if not changed:
            blocks[key] = SeriesBlock.pack((found[name], locked[name]) for name in names)
            newer = sum(len(found[name]) > locked[name].bars for name in names)
            if newer:
                grown[key] = newer
    if changed:
        report = Report()
        for line in changed[:_SHOWN]:
            report.add(running.DATA_CHANGED, line, help="run fleetspec lock to accept the data as they are now")
        if len(changed) > _SHOWN:
            report.add(running.DATA_CHANGED, f"{len(changed) - _SHOWN} more series differ from the lock")
        report.require(ExitCode.STALE)
    return Inputs(blocks, grown)


def _change(found: Series | None, locked: LockedSeries) -> str | None:
    if found is None:
        return "is in the lock and no longer in the data"
    if len(found) < locked.bars:
        return f"has {len(found)} bars, the lock pins {locked.bars}"
    if found.digest(0, locked.bars) != locked.digest:
        return f"has other values in its first {locked.bars} bars than when it was locked"
    for measure, digest in locked.measures.items():
        if found.digest(0, locked.bars, measure) != digest:
            return f"has other {measure} variances in its first {locked.bars} bars than when it was locked"
    return None


def require_libraries(graph: JobGraph, jobs: NDArray[np.int64]) -> None:
    """FS506 where a family of ``jobs`` needs a module that is not installed."""
    report = Report()
    models = graph.models
    for code in np.unique(models.setting[graph.model[jobs]]):
        family = models.settings[int(code)].family
        absent = [name for name in family.needs if importlib.util.find_spec(name) is None]
        if absent:
            report.add(
                running.LIBRARY_MISSING,
                f"family '{family.name}' needs {', '.join(absent)}, not installed here",
                help=f"pip install 'fleetspec[{family.extra}]'",
            )
    report.require()
