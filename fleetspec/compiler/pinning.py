"""Spec and data → lock: every source is read at every bar that is asked of it, and what is found is pinned."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fleetspec.compiler.lock import Lock, LockedSeries, cadence, cadences, declared, panel_key, source_request
from fleetspec.compiler.membership import choose
from fleetspec.compiler.settings import cadences as group_cadences
from fleetspec.compiler.standards import standard
from fleetspec.compiler.windows import nightly_window
from fleetspec.diagnostics import Report, reject
from fleetspec.panel import quality
from fleetspec.panel.bars import TooCoarse
from fleetspec.panel.readings import BY_CALENDAR, Reading, measured
from fleetspec.panel.series import SourceError, days_of
from fleetspec.panel.sources import load
from fleetspec.rules import data as rules
from fleetspec.rules import meaning, running
from fleetspec.units import BarSize

if TYPE_CHECKING:
    from fleetspec.catalog.types import Catalog
    from fleetspec.compiler.lock import Spans
    from fleetspec.compiler.membership import Chosen
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Route
    from fleetspec.panel.series import Series

Window = tuple[int, int, str]
"""Train and refit in bars, and the measure that is read."""
Progress = Callable[[int, int], None]
_TOLD = 50
"""Series between two words on how far it is."""


def _silent(done: int, of: int) -> None:
    """Tells nobody."""


def make_lock(
    spec: FleetSpec, root: Path, catalog: Catalog, tell: Progress = _silent, more: Iterable[Reading] = ()
) -> Lock:
    """Read the data and pin them. Rejected with routes when a source, a member, a bar or a measure cannot be had.

    ``tell`` hears how many series of how many are measured; ``more`` are readings of every series beside those that
    the quality gate asks for.
    """
    return _Pinning(spec, root, tell, frozenset(more)).lock(catalog)


class _Pinning:
    """One reading of all the data of a spec. Each source is read once per bar."""

    def __init__(self, spec: FleetSpec, root: Path, tell: Progress, more: frozenset[Reading]) -> None:
        self.spec, self.root, self.report, self.tell, self.more = spec, root, Report(), tell, more
        self.read: dict[tuple[str, str], dict[str, Series] | None] = {}
        self.wanted: dict[tuple[str, str], dict[str, set[Window]]] = {}
        self.spans: dict[str, dict[str, Spans]] = {}
        self.readings: dict[tuple[str, str], dict[str, set[Reading]]] = {}

    def lock(self, catalog: Catalog) -> Lock:
        universes: dict[str, tuple[str, ...]] = {}
        for name, universe in sorted(self.spec.universes.items()):
            found = self._bars(name, universe.data, str(universe.bar), ("universes", name, "bar"))
            if found is None:
                continue
            request = source_request(self.spec.data[universe.data], self.root, universe.bar, universe.calendar)
            chosen = choose(name, universe, request, found, self.report)
            if chosen is not None:
                universes[name] = chosen.members
                self._windows(name, chosen)
        self.report.require()
        data: dict[str, dict[str, LockedSeries]] = {}
        done, total = 0, sum(map(len, self.wanted.values()))
        for (source, bar), wanted in sorted(self.wanted.items()):
            held = data[panel_key(source, bar)] = {}
            for name in wanted:
                held[name] = self._locked(source, bar, name)
                done += 1
                if done % _TOLD == 0 or done == total:
                    self.tell(done, total)
        return Lock(data, universes, declared(self.spec), catalog.digest, spans=self.spans)

    def _windows(self, name: str, chosen: Chosen) -> None:
        """Note what is read of a universe's members at each bar, and when they are members."""
        source = self.spec.universes[name].data
        for bar, windows in cadences(self.spec, name).items():
            found = self._bars(name, source, bar, self._asking(name, bar))
            if found is None:
                continue
            self._require_measures(name, chosen.members, found, windows)
            noted = self.wanted.setdefault((source, bar), {})
            judged = self.readings.setdefault((source, bar), {})
            readings = self._readings(name, bar)
            for member in chosen.members:
                noted.setdefault(member, set()).update(windows)
                judged.setdefault(member, set()).update(readings)
            spans = chosen.spans(found, BarSize.parse(bar))
            if spans is not None:
                self.spans[panel_key(name, bar)] = spans

    def _readings(self, universe: str, bar: str) -> set[Reading]:
        """What is measured of a universe's series at a bar. ``more`` that need a calendar take the universe's own."""
        size = BarSize.parse(bar)
        own = self.spec.universes[universe].calendar
        more = {Reading(one.kind, own) if one.kind in BY_CALENDAR else one for one in self.more}
        if not (size.intraday or size.period == "session"):
            more = {one for one in more if one.kind not in BY_CALENDAR}
        return {*standard(self.spec, universe, bar, None).readings, *more}

    def _locked(self, source: str, bar: str, name: str) -> LockedSeries:
        """One series. Rejected where the gate asks for a test that is not installed."""
        series = self._found(source, bar)[name]
        try:
            found = measured(series, self.readings[source, bar][name])
        except ModuleNotFoundError as error:
            message = f"the tests of unit roots are made with '{error.name}', which is not installed"
            help = "install the runtime extra, pip install 'fleetspec[run]', where the spec is locked"
            raise reject(running.NO_UNIT_ROOTS, message, route=("quality", "unit_root"), help=help) from error
        return _locked(series, BarSize.parse(bar), self.wanted[source, bar][name], found)

    def _found(self, source: str, bar: str) -> dict[str, Series]:
        found = self.read[source, bar]
        assert found is not None, "what could not be read has ended the command"
        return found

    def _bars(self, universe: str, source: str, bar: str, route: Route) -> dict[str, Series] | None:
        """The series of a source at a bar, read once; None with the reason in the report."""
        if (source, bar) not in self.read:
            self.read[source, bar] = self._load(source, bar, self.spec.universes[universe].calendar, route)
        return self.read[source, bar]

    def _load(self, source: str, bar: str, calendar: str, route: Route) -> dict[str, Series] | None:
        try:
            return load(source_request(self.spec.data[source], self.root, BarSize.parse(bar), calendar))
        except TooCoarse as error:
            self.report.add(rules.BARS_TOO_FINE, f"data '{source}': {error}", route=route, help=error.help)
        except SourceError as error:
            if all(found.route != ("data", source, "from") for found in self.report.errors):
                self.report.add(meaning.DATA_UNREADABLE, str(error), route=("data", source, "from"), help=error.help)
        return None

    def _asking(self, universe: str, bar: str) -> Route:
        """Who asks for a bar: a group's axis, or the universe itself."""
        if str(self.spec.universes[universe].bar) == bar:
            return ("universes", universe, "bar")
        for group, model in sorted(self.spec.models.items()):
            if any(asked == bar for asked, *_ in group_cadences(model)):
                return ("models", group, "axes", "bar")
        return ("universes", universe, "bar")

    def _require_measures(
        self, universe: str, members: tuple[str, ...], found: dict[str, Series], windows: set[Window]
    ) -> None:
        for measure in sorted({measure for _, _, measure in windows} - {"returns"}):
            if any(measure in found[member].measures for member in members):
                continue
            group = self._measuring(universe, measure)
            if any(told.route == ("models", group) for told in self.report.errors):
                continue
            source = self.spec.universes[universe].data
            self.report.add(
                rules.NO_MEASURE,
                f"data '{source}' have no {measure} variance for '{group}' on universe '{universe}'",
                route=("models", group),
                key=True,
                help=f"add to data '{source}': " + _WHERE_FROM[measure],
            )

    def _measuring(self, universe: str, measure: str) -> str:
        groups = {name for row in self.spec.fleet if universe in row.universe_names for name in row.model_names}
        return next(
            group
            for group in sorted(groups)
            if any(measure == asked for *_, asked in group_cadences(self.spec.models[group]))
        )


_WHERE_FROM = {
    "realised": "the column realised: (a variance of the row), or rows that are finer than the bar",
    "range": "the columns high: and low:",
    "implied": "the column implied: (an annualised volatility, 0.20 for 20 %)",
}


def _locked(series: Series, bar: BarSize, wanted: Iterable[Window], found: dict[str, float | None]) -> LockedSeries:
    bars, listed = len(series), sorted(wanted)
    first, last = None, None
    if bars:
        first, last = days_of(series.dates[[0, -1]], intraday=bar.intraday).tolist()
    return LockedSeries(
        series.name,
        bars,
        series.missing,
        first,
        last,
        series.digest(),
        {
            cadence(train, refit, measure): series.digest(*nightly_window(bars, train, refit), measure=measure)
            for train, refit, measure in listed
        },
        quality.jump(series.returns),
        {
            measure: series.digest(measure=measure)
            for measure in sorted({measure for *_, measure in listed} - {"returns"})
        },
        found,
    )
