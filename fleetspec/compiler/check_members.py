"""Who belongs to a universe, as far as the spec alone can be wrong about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetspec.compiler.alternatives import group_bars
from fleetspec.panel.conditions import ConditionError, parse
from fleetspec.rules import data

if TYPE_CHECKING:
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Report, Route


def check_members(spec: FleetSpec, report: Report) -> None:
    """What can be said of ``where`` and ``as_of`` without the data."""
    _check_calendars(spec, report)
    backtested = set(spec.backtest.models) if spec.backtest is not None else set()
    for name, universe in spec.universes.items():
        route: Route = ("universes", name)
        if universe.where is None:
            if universe.as_of is not None:
                message = f"universe '{name}' has as_of and no where that it is the day of"
                help = "leave as_of out, or add where: \"index = 'SPX'\""
                report.add(data.DAY_WITHOUT_WHERE, message, route=(*route, "as_of"), help=help)
            continue
        try:
            parse(universe.where)
        except ConditionError as error:
            report.add(data.CONDITION, str(error), route=(*route, "where"), help=error.help)
        if universe.as_of is None:
            report.add(
                data.WHERE_WITHOUT_DAY,
                f"without as_of, the members of '{name}' are those that satisfy it today: survivors",
                route=(*route, "where"),
                help="add as_of: point-in-time; or as_of: latest, or a day, where no backtest needs to be fair",
            )
        elif universe.as_of != "point-in-time" and any(
            name in row.universe_names and backtested.intersection(row.model_names) for row in spec.fleet
        ):
            report.add(
                data.SURVIVORS,
                f"the backtest of '{name}' is over members chosen with hindsight",
                route=(*route, "as_of"),
                help="write as_of: point-in-time: each window then has the members of its day",
            )


def _check_calendars(spec: FleetSpec, report: Report) -> None:
    """Weeks, months and quarters of one source end with the sessions of one calendar."""
    first: dict[tuple[str, str], str] = {}
    for name, universe in spec.universes.items():
        groups = {group for row in spec.fleet if name in row.universe_names for group in row.model_names}
        asked = {bar for group in groups & spec.models.keys() for bar in group_bars(spec, group) if bar is not None}
        for bar in sorted({universe.bar, *asked}):
            if bar.sessions <= 1:
                continue
            other = first.setdefault((universe.data, str(bar)), name)
            calendar = spec.universes[other].calendar
            if calendar != universe.calendar:
                report.add(
                    data.CALENDARS_DIFFER,
                    f"bars of {bar} of data '{universe.data}' need one calendar, and universe '{other}' has {calendar}",
                    route=("universes", name, "calendar"),
                    help=f"write {calendar}, or give '{name}' a data source of its own from the same file",
                )
                break
