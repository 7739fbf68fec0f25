"""What a schema cannot know: names that must exist, values that must make sense together.

:func:`check` needs the spec alone, :func:`check_against_lock` also the lock. Both put every fault at its route and
go on, so that one run names them all.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from fleetspec.catalog.types import Catalog
from fleetspec.compiler.check_groups import check_groups
from fleetspec.compiler.check_hardware import check_hardware
from fleetspec.compiler.check_lock import address_clash, check_against_lock, check_session
from fleetspec.compiler.check_schedule import check_calendar, check_schedule
from fleetspec.compiler.jobgraph import slug
from fleetspec.compiler.spec import FleetRow, FleetSpec
from fleetspec.diagnostics import Report, Route, did_you_mean, nearest
from fleetspec.family import Registry
from fleetspec.panel.features import FeatureError, canonical
from fleetspec.panel.features import parse as parse_feature
from fleetspec.rules import meaning

__all__ = ["check", "check_against_lock", "check_session"]


def check(spec: FleetSpec, registry: Registry, catalog: Catalog, report: Report) -> None:
    """Add to the report what is wrong with a spec, without its data or lock."""
    _check_universes(spec, report)
    _check_listed(("horizons",), spec.horizons, report)
    _check_features(spec, report)
    check_groups(spec, registry, report)
    _check_rows(spec, report)
    _check_over_present(spec, registry, report)
    _check_backtest(spec, report)
    check_schedule(spec.schedule, report)
    check_hardware(spec, catalog, report)
    _check_unused(spec, report)


def _check_listed(route: Route, listed: Iterable[Hashable], report: Report, *, empty: bool = False) -> None:
    """A list names something, and nothing twice."""
    seen: set[Hashable] = set()
    for index, item in enumerate(listed):
        if item in seen:
            message = f"'{item}' is listed twice"
            report.add(meaning.LISTED_TWICE, message, route=(*route, index), help="take one of them out")
        seen.add(item)
    if not seen and not empty:
        report.add(meaning.EMPTY_LIST, f"{route[-1]} names nothing", route=route, help="name at least one")


def _check_name(what: str, name: str, known: Mapping[str, object], route: Route, report: Report) -> None:
    if name not in known:
        report.add(
            meaning.UNKNOWN_NAME, f"there is no {what} '{name}'", route=route, help=did_you_mean(name, known.keys())
        )


def _check_universes(spec: FleetSpec, report: Report) -> None:
    for name, universe in spec.universes.items():
        route = ("universes", name)
        _check_name("data source", universe.data, spec.data, (*route, "data"), report)
        check_calendar(universe.calendar, (*route, "calendar"), report)
        if universe.series != "all":
            _check_listed((*route, "series"), universe.series, report)
            clash = address_clash(universe.series)
            if clash is not None:
                message = f"'{clash[0]}' and '{clash[1]}' would both be '{slug(clash[0])}' in an address"
                here = (*route, "series", universe.series.index(clash[0]))
                report.add(meaning.SAME_ADDRESS, message, route=here, help="take one out, or rename it in the data")


def _spelt_once(text: str) -> str:
    """``rsi( 14 )`` is ``rsi(14)``, and would be the same coefficient twice."""
    try:
        return canonical(text)
    except FeatureError:
        return text


def _check_features(spec: FleetSpec, report: Report) -> None:
    for name, features in spec.features.items():
        _check_listed(("features", name), [_spelt_once(text) for text in features], report)
        for index, text in enumerate(features):
            try:
                parse_feature(text)
            except FeatureError as error:
                report.add(meaning.UNKNOWN_FEATURE, str(error), route=("features", name, index), help=error.help)


def _check_rows(spec: FleetSpec, report: Report) -> None:
    _check_listed(("fleet",), range(len(spec.fleet)), report)
    for number, row in enumerate(spec.fleet):
        for key, names, known, what in (
            ("universes", row.universe_names, spec.universes, "universe"),
            ("models", row.model_names, spec.models, "group in models"),
        ):
            route: Route = ("fleet", number, key)
            _check_listed(route, names, report)
            for index, name in enumerate(names):
                _check_name(what, name, known, route if isinstance(getattr(row, key), str) else (*route, index), report)
        if row.horizons is not None:
            _check_listed(("fleet", number, "horizons"), row.horizons, report)


def _row_route(number: int, row: FleetRow, group: str) -> Route:
    route: Route = ("fleet", number, "models")
    return route if isinstance(row.models, str) else (*route, row.models.index(group))


def _check_over_present(spec: FleetSpec, registry: Registry, report: Report) -> None:
    """Where a transform is in the fleet, the group it is over must be too, for the same horizons."""
    demand: dict[tuple[str, str], set[int]] = {}
    for row in spec.fleet:
        for universe in row.universe_names:
            for group in row.model_names:
                demand.setdefault((universe, group), set()).update(h.count for h in spec.row_horizons(row))
    told: set[tuple[str, str, str]] = set()
    for number, row in enumerate(spec.fleet):
        for group in row.model_names:
            for over in spec.models[group].over_names if group in spec.models else ():
                if over not in spec.models:
                    continue
                families = [registry.get(name) for name in spec.models[over].family_names]
                free = all(family is None or family.horizon_free for family in families)
                for universe in row.universe_names:
                    there = demand.get((universe, over))
                    lacking = sorted(h.count for h in spec.row_horizons(row) if there and h.count not in there)
                    if (there and (free or not lacking)) or (universe, over, group) in told:
                        continue
                    told.add((universe, over, group))
                    what = f"over {', '.join(map(str, lacking))} bars " if there else ""
                    report.add(
                        meaning.OVER_ABSENT,
                        f"'{group}' is over '{over}', which is not {what}in the fleet of universe '{universe}'",
                        route=_row_route(number, row, group),
                        help=f"add {over} to the models of this row",
                    )


def _check_backtest(spec: FleetSpec, report: Report) -> None:
    backtest = spec.backtest
    if backtest is None:
        return
    _check_listed(("backtest", "models"), backtest.models, report)
    if backtest.within.seconds == 0:
        report.add(meaning.OUT_OF_RANGE, "a backtest within no time", route=("backtest", "within"), help="write 12h")
    in_fleet = {group for row in spec.fleet for group in row.model_names}
    for index, name in enumerate(backtest.models):
        route: Route = ("backtest", "models", index)
        if name not in spec.models:
            _check_name("group in models", name, spec.models, route, report)
        elif name not in in_fleet:
            message = f"'{name}' is in no row of the fleet, so it has no models to backtest"
            report.add(meaning.BACKTEST_GROUP, message, route=route, help="add it to a row of fleet:")
    _check_kupiec(spec, report)


def _check_kupiec(spec: FleetSpec, report: Report) -> None:
    backtest = spec.backtest
    if backtest is None or "kupiec" not in backtest.tests:
        return
    route: Route = ("backtest", "tests", backtest.tests.index("kupiec"))
    at_risk = {n for n in backtest.models if n in spec.models and spec.models[n].target == "value_at_risk"}
    if not at_risk:
        message = "kupiec tests value at risk, and no group of the backtest has that target"
        report.add(meaning.KUPIEC, message, route=route, help="add such a group, or take the test out")
        return
    horizons = {h.count for row in spec.fleet if at_risk & {*row.model_names} for h in spec.row_horizons(row)}
    if 1 not in horizons:
        message = "kupiec counts independent exceptions, and no horizon is 1 bar"
        report.add(meaning.KUPIEC, message, route=route, help="add 1 bar to horizons, or take the test out")
    elif len(horizons) > 1:
        longer = ", ".join(str(h) for h in sorted(horizons - {1}))
        report.add(
            meaning.KUPIEC,
            f"kupiec is applied to forecasts over 1 bar only: those over {longer} bars overlap",
            route=route,
            help="nothing needs to change; longer horizons are counted, not tested",
        )


def _check_unused(spec: FleetSpec, report: Report) -> None:
    universes = {name for row in spec.fleet for name in row.universe_names}
    groups = {name for row in spec.fleet for name in row.model_names}
    features = {model.features for model in spec.models.values() if model.features is not None}
    data = {universe.data for universe in spec.universes.values()}
    for key, defined, used, where in (
        ("data", spec.data, data, "universe"),
        ("universes", spec.universes, universes, "row of fleet"),
        ("models", spec.models, groups, "row of fleet"),
        ("features", spec.features, features, "group"),
    ):
        # A name that was meant and misspelt has been told already.
        meant = {nearest(str(name), defined) for name in used - defined.keys()}
        for name in defined:
            if name not in used and name not in meant:
                help = f"use it in a {where}, or delete it"
                report.add(meaning.UNUSED, f"no {where} uses '{name}'", route=(key, name), key=True, help=help)
