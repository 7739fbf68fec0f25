"""Who belongs to a universe: all series, a list, or those whose rows satisfy a condition, on a day or day by day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.diagnostics import did_you_mean
from fleetspec.panel.conditions import ConditionError, parse
from fleetspec.panel.series import SourceError
from fleetspec.panel.sources import attributes
from fleetspec.rules import data, meaning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.lock import Spans
    from fleetspec.compiler.spec import Universe
    from fleetspec.diagnostics import Report, Route
    from fleetspec.panel.conditions import Condition
    from fleetspec.panel.series import Series
    from fleetspec.panel.sources import SourceRequest
    from fleetspec.panel.tables import Attributes
    from fleetspec.units import BarSize


@dataclass(frozen=True, slots=True)
class Chosen:
    """Members of a universe in order. ``condition`` and ``table`` tell, where membership changes, when it holds."""

    members: tuple[str, ...]
    condition: Condition | None = None
    table: Mapping[str, Attributes] | None = None

    def spans(self, found: Mapping[str, Series], bar: BarSize) -> dict[str, Spans] | None:
        """The bars at which each member belongs to the universe; None where it always does."""
        if self.condition is None or self.table is None:
            return None
        return {
            name: runs(_at_bars(self.table[name], self.condition, found[name], bar))
            for name in self.members
            if name in found
        }


def choose(
    name: str, universe: Universe, request: SourceRequest, found: Mapping[str, Series], report: Report
) -> Chosen | None:
    """The members of a universe among the series of its source; None with the reason in the report."""
    route: Route = ("universes", name)
    members = tuple(found) if universe.series == "all" else _listed(name, universe, found, report)
    if universe.where is None or members is None:
        return None if members is None else Chosen(members)
    condition = parse(universe.where)
    try:
        table = attributes(request, condition.columns)
        held = {member: condition.holds(table[member].columns) for member in members}
    except (SourceError, ConditionError) as error:
        report.add(data.CONDITION, str(error), route=(*route, "where"), help=error.help)
        return None
    if universe.as_of == "point-in-time":
        chosen = Chosen(members, condition, table)
        spans = chosen.spans(found, universe.bar) or {}
        chosen = Chosen(tuple(member for member in members if spans[member]), condition, table)
    else:
        day = universe.as_of if isinstance(universe.as_of, date) else None
        chosen = Chosen(tuple(member for member in members if _on(table[member], held[member], day)))
    if not chosen.members:
        report.add(
            data.CONDITION,
            f"no series of data '{universe.data}' satisfies it",
            route=(*route, "where"),
            help="look at the columns it compares: " + ", ".join(condition.columns),
        )
        return None
    return chosen


def _listed(name: str, universe: Universe, found: Mapping[str, Series], report: Report) -> tuple[str, ...] | None:
    sound = True
    for index, member in enumerate(universe.series):
        if member not in found:
            message = f"data '{universe.data}' has no series '{member}'"
            route = ("universes", name, "series", index)
            report.add(meaning.UNKNOWN_NAME, message, route=route, help=did_you_mean(member, found))
            sound = False
    return tuple(universe.series) if sound else None


def _on(table: Attributes, held: NDArray[np.bool_], day: date | None) -> bool:
    """Whether the condition holds on a series' last row not after ``day``."""
    rows = len(held)
    if day is not None:
        rows = int(np.searchsorted(table.stamps.astype("datetime64[D]"), np.datetime64(day), side="right"))
    return rows > 0 and bool(held[rows - 1])


def _at_bars(table: Attributes, condition: Condition, series: Series, bar: BarSize) -> NDArray[np.bool_]:
    """(T,) whether the condition holds at the end of each bar: on the last row that is not after it."""
    held = condition.holds(table.columns)
    if bar.intraday:
        row = np.searchsorted(table.stamps, series.dates, side="right") - 1
    else:
        days = table.stamps.astype("datetime64[D]")
        row = np.searchsorted(days, series.dates.astype("datetime64[D]"), side="right") - 1
    answer: NDArray[np.bool_] = np.where(row >= 0, held[np.maximum(row, 0)], False)
    return answer


def runs(held: NDArray[np.bool_]) -> Spans:
    """Where a mask is true, as half-open ranges."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], held, [False]]).astype(np.int8)))
    return tuple((int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True))


def belongs(spans: Spans, bar: int) -> bool:
    """Whether a bar lies in one of the spans."""
    return any(start <= bar < end for start, end in spans)


def members_now(members: Iterable[str], bars: Mapping[str, int], spans: Mapping[str, Spans] | None) -> tuple[str, ...]:
    """Those of a universe's members that belong to it at the last of their ``bars``."""
    return tuple(name for name in members if spans is None or belongs(spans.get(name, ()), bars[name] - 1))
