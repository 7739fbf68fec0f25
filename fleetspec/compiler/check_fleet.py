"""What a fleet holds: rows that name what exists, and exceptions that take something out, not everything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fleetspec.compiler.alternatives import alternatives
from fleetspec.compiler.check_names import check_listed, check_name, item_route
from fleetspec.compiler.check_over import check_over_present
from fleetspec.compiler.demand import Demand, concerns
from fleetspec.compiler.shape import listed
from fleetspec.diagnostics import did_you_mean
from fleetspec.rules import meaning, meaning_models

if TYPE_CHECKING:
    from fleetspec.compiler.spec import Exclusion, FleetSpec
    from fleetspec.diagnostics import Report, Route
    from fleetspec.family import Family, Registry


def check_fleet(spec: FleetSpec, registry: Registry, report: Report) -> None:
    """Add to the report what is wrong with ``fleet`` and ``except``."""
    _check_rows(spec, report)
    families = {group: _families(spec, group, registry) for group in spec.models}
    sound = [index for index in range(len(spec.except_)) if _check_named(spec, registry, index, report)]
    _check_taken(spec, families, sound, report)
    check_over_present(spec, families, report)


def _families(spec: FleetSpec, group: str, registry: Registry) -> list[Family]:
    """The families of a group that exist, those of its axes too."""
    names = {str(found["family"].value) for found in alternatives(group, spec.models[group], "family")}
    return [registry[name] for name in sorted(names) if name in registry]


def _check_rows(spec: FleetSpec, report: Report) -> None:
    check_listed(("fleet",), range(len(spec.fleet)), report)
    for number, row in enumerate(spec.fleet):
        for key, names, known, what in (
            ("universes", row.universe_names, spec.universes, "universe"),
            ("models", row.model_names, spec.models, "group in models"),
        ):
            route: Route = ("fleet", number, key)
            check_listed(route, names, report)
            for index, name in enumerate(names):
                check_name(what, name, known, item_route(route, getattr(row, key), index), report)
        if row.horizons is not None:
            check_listed(("fleet", number, "horizons"), row.horizons, report)


def _check_named(spec: FleetSpec, registry: Registry, index: int, report: Report) -> bool:
    """Whether an exception has keys, and they name what exists."""
    entry, route = spec.except_[index], ("except", index)
    before = len(report.errors)
    if not entry.model_fields_set:
        help = "say what to take out: {universes: fx, families: xgboost}"
        report.add(meaning_models.NOTHING_EXCLUDED, "the entry has no keys", route=route, help=help)
    for key, value, known, what in (
        ("universes", entry.universes, spec.universes, "universe"),
        ("models", entry.models, spec.models, "group in models"),
    ):
        if value is not None:
            check_listed((*route, key), listed(value), report)
            for at, name in enumerate(listed(value)):
                check_name(what, name, known, item_route((*route, key), value, at), report)
    if entry.families is not None:
        check_listed((*route, "families"), listed(entry.families), report)
        for at, name in enumerate(listed(entry.families)):
            if name not in registry:
                here = item_route((*route, "families"), entry.families, at)
                help = did_you_mean(name, registry)
                report.add(meaning.UNKNOWN_FAMILY, f"there is no family '{name}'", route=here, help=help)
    if entry.horizons is not None:
        check_listed((*route, "horizons"), entry.horizons, report)
    return len(report.errors) == before


def _check_taken(spec: FleetSpec, families: dict[str, list[Family]], sound: list[int], report: Report) -> None:
    """An exception takes something, and not the whole of a row."""
    demand = Demand.of(spec)
    for index in sound:
        entry = spec.except_[index]
        alone = Demand(demand.rows, (entry,))
        earlier = Demand(demand.rows, spec.except_[:index])
        so_far = Demand(demand.rows, spec.except_[: index + 1])
        blocks = [(u, g, f.name) for u, g in demand.rows if g in families for f in families[g]]
        touched = [block for block in blocks if concerns(entry, *block)]
        takes = [block for block in touched if alone.horizons_of(*block) != demand.rows[block[:2]]]
        if not takes:
            message = "no model of the fleet matches all keys of this entry"
            help = _why(entry, blocks, touched)
            report.add(meaning_models.NOTHING_EXCLUDED, message, route=("except", index), help=help)
        elif all(so_far.horizons_of(*block) == earlier.horizons_of(*block) for block in takes):
            first = next(i for i, other in enumerate(spec.except_[:index]) if any(concerns(other, *b) for b in takes))
            report.add(
                meaning_models.NOTHING_EXCLUDED,
                "earlier entries already take out all that this one does",
                route=("except", index),
                help="delete it",
                related=[(("except", first), "taken out here")],
            )
        else:
            _check_rest(spec, families, earlier, so_far, report)


def _why(entry: Exclusion, blocks: list[tuple[str, str, str]], touched: list[tuple[str, str, str]]) -> str:
    """Which of an exception's keys matches nothing, or nothing beside the others."""
    for key, names, of in (
        ("universes", listed(entry.universes), {universe for universe, _, _ in blocks}),
        ("models", listed(entry.models), {group for _, group, _ in blocks}),
        ("families", listed(entry.families), {family for _, _, family in blocks}),
    ):
        if names and not of & {*names}:
            return f"no row of fleet has {key}: {', '.join(names)}; delete the entry, or name {_some(of)}"
    if touched:
        return "none of these horizons is asked for there; delete the entry, or name other horizons"
    return "each key alone matches, together they do not: delete the entry, or take a key out"


def _some(names: Iterable[str]) -> str:
    return " or ".join(sorted(names)[:3]) or "nothing"


def _check_rest(
    spec: FleetSpec, families: dict[str, list[Family]], before: Demand, after: Demand, report: Report
) -> None:
    """A row that has models before the last exception of ``after`` has some after it."""
    for number, row in enumerate(spec.fleet):
        bars = {horizon.count for horizon in spec.row_horizons(row)}
        blocks = [
            (universe, group, family.name)
            for universe in row.universe_names
            for group in row.model_names
            for family in families.get(group, ())
        ]
        left, had = (any(demand.horizons_of(*block) & bars for block in blocks) for demand in (after, before))
        if had and not left:
            alone = len(after.exclusions) == 1
            report.add(
                meaning_models.ALL_EXCLUDED,
                f"this entry takes out {'every model' if alone else 'the last models'} of a row of fleet",
                route=("except", len(after.exclusions) - 1),
                help="delete the row instead, or take out less",
                related=[(("fleet", number), "the row is here")],
            )
