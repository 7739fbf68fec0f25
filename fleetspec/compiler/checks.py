"""What a schema cannot know: names that must exist, values that must make sense together.

:func:`check` needs the spec alone, :func:`check_against_lock` also the lock. Both put every fault at its route and
go on, so that one run names them all.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from fleetspec.compiler.addresses import address_clash, slug
from fleetspec.compiler.check_acted import check_acted
from fleetspec.compiler.check_arrival import check_arrival
from fleetspec.compiler.check_backtest import check_backtest, check_gates, check_judged
from fleetspec.compiler.check_fleet import check_fleet
from fleetspec.compiler.check_groups import check_groups
from fleetspec.compiler.check_hardware import check_hardware
from fleetspec.compiler.check_members import check_members
from fleetspec.compiler.check_moved import check_moved
from fleetspec.compiler.check_names import check_listed, check_name
from fleetspec.compiler.check_operation import check_operation
from fleetspec.compiler.check_quality import check_unit_root
from fleetspec.compiler.check_schedule import check_calendar, check_schedule
from fleetspec.compiler.price_books import check_prices, priced
from fleetspec.compiler.spec_models import Override
from fleetspec.diagnostics import nearest
from fleetspec.panel.features import FeatureError, canonical
from fleetspec.panel.features import parse as parse_feature
from fleetspec.rules import meaning

if TYPE_CHECKING:
    from fleetspec.catalog.types import Catalog
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Report
    from fleetspec.family import Registry


def check(spec: FleetSpec, registry: Registry, catalog: Catalog, report: Report) -> None:
    """Add to the report what is wrong with a spec, without its data or lock."""
    _check_universes(spec, report)
    check_members(spec, report)
    check_listed(("horizons",), spec.horizons, report)
    check_unit_root(spec, report)
    _check_features(spec, report)
    check_groups(spec, registry, report)
    check_fleet(spec, registry, report)
    check_backtest(spec, report)
    check_gates(spec, report)
    check_schedule(spec, report)
    check_arrival(spec, report)
    _check_value(spec, report)
    check_prices(spec, catalog, report)
    catalog = priced(catalog, spec)
    check_operation(spec, catalog, report)
    check_hardware(spec, catalog, report)
    check_moved(spec, report)
    _check_unused(spec, report)
    check_acted(spec, report)


def _check_value(spec: FleetSpec, report: Report) -> None:
    """What is worth something is a group, and nothing is worth less than nothing."""
    for group, value in spec.objective.value.items():
        route = ("objective", "value", group)
        check_name("group in models", group, spec.models, route, report)
        if value < 0:
            message = f"a model of '{group}' is worth {value:g}"
            report.add(meaning.OUT_OF_RANGE, message, route=route, help="write 0 for what may fall first, or more")


def check_against_lock(spec: FleetSpec, lock: Lock, report: Report, session: date | None = None) -> None:
    """Add to the report where spec and lock do not belong together. ``session`` is the one asked for, if any."""
    from fleetspec.compiler import check_lock

    before = len(report.errors)
    check_lock.check_against_lock(spec, lock, report, session)
    if len(report.errors) == before:
        check_judged(spec, lock, report)


def _check_universes(spec: FleetSpec, report: Report) -> None:
    for name, universe in spec.universes.items():
        route = ("universes", name)
        check_name("data source", universe.data, spec.data, (*route, "data"), report)
        check_calendar(universe.calendar, (*route, "calendar"), report)
        if universe.series != "all":
            check_listed((*route, "series"), universe.series, report)
            clash = address_clash(universe.series)
            if clash is not None:
                later, first = clash
                report.add(
                    meaning.SAME_ADDRESS,
                    f"'{later}' and '{first}' would both be '{slug(later)}' in an address",
                    route=(*route, "series", universe.series.index(later)),
                    help="take one out, or rename it in the data",
                    related=[((*route, "series", universe.series.index(first)), "the other one")],
                )


def _spelt_once(text: str) -> str:
    """``rsi( 14 )`` is ``rsi(14)``, and would be the same coefficient twice."""
    try:
        return canonical(text)
    except FeatureError:
        return text


def _check_features(spec: FleetSpec, report: Report) -> None:
    for name, features in spec.features.items():
        check_listed(("features", name), [_spelt_once(text) for text in features], report)
        for index, text in enumerate(features):
            try:
                parse_feature(text)
            except FeatureError as error:
                report.add(meaning.UNKNOWN_FEATURE, str(error), route=("features", name, index), help=error.help)


def _check_unused(spec: FleetSpec, report: Report) -> None:
    universes = {name for row in spec.fleet for name in row.universe_names}
    groups = {name for row in spec.fleet for name in row.model_names}
    data = {universe.data for universe in spec.universes.values()}
    for key, defined, used, where in (
        ("data", spec.data, data, "universe"),
        ("universes", spec.universes, universes, "row of fleet"),
        ("models", spec.models, groups, "row of fleet"),
        ("features", spec.features, _features_used(spec), "group"),
    ):
        # A name that was meant and misspelt has been told already.
        meant = {nearest(str(name), defined) for name in used - defined.keys()}
        for name in defined:
            if name not in used and name not in meant:
                help = f"use it in a {where}, or delete it"
                report.add(meaning.UNUSED, f"no {where} uses '{name}'", route=(key, name), key=True, help=help)


def _features_used(spec: FleetSpec) -> set[str]:
    """Feature lists that a group or a value of an axis names."""
    found = {model.features for model in spec.models.values() if model.features is not None}
    for model in spec.models.values():
        for axis, written in model.axes.items():
            if axis == "features" and isinstance(written, tuple):
                found |= {*written}
            elif isinstance(written, dict):
                found |= {
                    v.features for v in written.values() if isinstance(v, Override) and isinstance(v.features, str)
                }
    return found
