"""Transforms: groups that exist and give what is worked on, wherever the transform is in the fleet."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from fleetspec.compiler.alternatives import group_bars
from fleetspec.compiler.check_names import item_route
from fleetspec.compiler.check_params import family_names, parameter_faults
from fleetspec.compiler.check_scope import Scope
from fleetspec.compiler.demand import Demand, concerns
from fleetspec.diagnostics import did_you_mean
from fleetspec.rules import meaning

if TYPE_CHECKING:
    from fleetspec.compiler.spec import FleetRow, FleetSpec
    from fleetspec.compiler.spec_models import ModelGroup
    from fleetspec.diagnostics import Report, Route
    from fleetspec.family import Family


def check_over(scope: Scope, transforms: list[Family]) -> None:
    """The groups that a transform names."""
    spec, group = scope.spec, scope.group
    if not group.over_names:
        verb = "works" if len(transforms) == 1 else "work"
        message = f"{family_names(transforms)} {verb} on another group's forecasts, and '{scope.name}' names none"
        targets = [n for n, m in spec.models.items() if m.target == "variance"]
        scope.add(meaning.OVER, message, None, f"add over: {targets[0] if targets else 'vol'}")
    for index, over in enumerate(group.over_names):
        route: Route = item_route((*scope.route, "over"), group.over, index)
        if over in group.over_names[:index]:
            scope.add(meaning.LISTED_TWICE, f"'{over}' is listed twice", route, "take one of them out")
        elif over not in spec.models:
            help = did_you_mean(over, spec.models.keys() - {scope.name})
            scope.add(meaning.UNKNOWN_NAME, f"there is no group '{over}' in models", route, help)
        else:
            _check_member(scope, over, spec.models[over], route)
    _check_bars(scope)
    _check_weighed(scope)


def _check_member(scope: Scope, over: str, below: ModelGroup, route: Route) -> None:
    """Whether a group's forecasts are what this one works on."""
    group, spec = scope.group, scope.spec
    if group.target == "value_at_risk" and below.target != "variance":
        able = [n for n, m in spec.models.items() if m.target == "variance"]
        scope.add(
            meaning.OVER,
            f"value at risk is made from variance forecasts, and '{over}' forecasts {below.target}",
            route,
            f"write over: {able[0]}" if able else "add a group with target: variance",
            related=[(("models", over, "target"), "its target is here")],
        )
    if group.per == "universe" and below.per == "series":
        message = f"'{scope.name}' has one model per universe, and '{over}' one per series"
        scope.add(meaning.WRONG_PER, message, "per", "write per: series")


def _check_bars(scope: Scope) -> None:
    """Forecasts of several groups are put together bar by bar, so each must have the bars of the others."""
    known = [name for name in scope.group.over_names if name in scope.spec.models and name != scope.name]
    bars = {name: group_bars(scope.spec, name) for name in known}
    if len({frozenset(found) for found in bars.values()}) > 1:
        every = set().union(*bars.values())
        lacking = next(name for name in known if bars[name] != every)
        missing = " and ".join(
            sorted("the universe's own bars" if b is None else f"bars of {b}" for b in every - bars[lacking])
        )
        scope.add(
            meaning.OVER,
            f"the groups that '{scope.name}' is over have different bars: '{lacking}' lacks {missing}",
            item_route((*scope.route, "over"), scope.group.over, scope.group.over_names.index(lacking)),
            "give the groups the same bars, or make a transform for each",
            related=[(("models", lacking), "its bars are set here")],
        )
    if scope.group.axes and any(found != {None} for found in bars.values()):
        over = next(name for name in known if bars[name] != {None})
        message = f"'{over}' has bars of its own, so '{scope.name}', which is over it, can have no axes"
        related: list[tuple[Route, str]] = [(("models", over, "axes"), "the axes it is over")]
        scope.add(
            meaning.OVER, message, "axes", "leave axes out, or make a group for each value", key=True, related=related
        )


def _check_weighed(scope: Scope) -> None:
    """Models whose fits are compared: of one series, one window, and the likelihood of one and the same thing."""
    weighing = [family for family, _, found in scope.combinations("params") if _weighs(family, found)]
    if not weighing:
        return
    family, group, spec = weighing[0], scope.group, scope.spec
    known = [name for name in group.over_names if name in spec.models and name != scope.name]
    windows: dict[tuple[str, ...], tuple[str, Route]] = {}
    for index, over in enumerate(known):
        below, route = (
            Scope(spec, over, scope.registry, scope.report),
            item_route((*scope.route, "over"), group.over, index),
        )
        told = f"'{family.name}' compares the likelihoods of fits, and '{over}'"
        help = "leave it out, or weigh all alike: weights: equal"
        if spec.models[over].per != group.per:
            scope.add(meaning.OVER, f"{told} has models per {spec.models[over].per}", route, help)
        for fitted, _, found in below.combinations("train", "refit", "measure"):
            if fitted.likelihood is None:
                message = f"{told} has family '{fitted.name}', which has none that compares with others"
                scope.add(meaning.OVER, message, route, help, related=[(("models", over), "its families are here")])
            windows.setdefault(tuple(str(found[key].value) for key in ("train", "refit", "measure")), (over, route))
    if len(windows) > 1:
        (one, (first, _)), (other, (second, route)), *_ = windows.items()
        differ = next(f"{a} and {b}" for a, b in zip(one, other, strict=True) if a != b)
        message = f"'{family.name}' compares fits of one window, and '{first}' and '{second}' have {differ}"
        scope.add(meaning.OVER, message, route, "give them the same train, refit and measure")


def _weighs(family: Family, found: dict[str, Any]) -> bool:
    if family.reads_fits is None:
        return False
    values = {name: one.value for name, one in found["params"].value.items()}
    return not parameter_faults(family, values) and family.reads_fits(family.params.model_validate(values))


def check_circles(spec: FleetSpec, report: Report) -> None:
    """Groups that are over each other. Each circle is told once, at its first group by name."""
    rests = {name: set(group.over_names) for name, group in sorted(spec.models.items())}
    while True:
        try:
            TopologicalSorter(rests).prepare()
            return
        except CycleError as error:
            # The list names each group before the one that is over it, and its first group twice.
            circle = error.args[1][:0:-1]
        at = circle.index(min(circle))
        order = circle[at:] + circle[:at]
        rests[order[0]] = set()
        report.add(
            meaning.OVER_CYCLE,
            f"{' → '.join((*order, order[0]))}: a group cannot rest on its own forecasts",
            route=("models", order[0], "over"),
            help="let one of them be over a group that is fitted on data",
            related=[(("models", name, "over"), "and this rests on the next") for name in order[1:]],
        )


def check_over_present(spec: FleetSpec, families: dict[str, list[Family]], report: Report) -> None:
    """Where a transform is in the fleet, every group it is over must be too, for the same horizons.

    ``families`` are those of each group.
    """
    demand = Demand.of(spec)
    told: set[tuple[str, str, str]] = set()
    for number, row in enumerate(spec.fleet):
        for group in row.model_names:
            for over in spec.models[group].over_names if group in spec.models else ():
                for universe in row.universe_names if over in spec.models else ():
                    if (universe, over, group) not in told and _check_present(
                        spec, demand, families, (universe, group, over), (number, row), report
                    ):
                        told.add((universe, over, group))


def _check_present(
    spec: FleetSpec,
    demand: Demand,
    families: dict[str, list[Family]],
    names: tuple[str, str, str],
    where: tuple[int, FleetRow],
    report: Report,
) -> bool:
    """Whether a fault was told of (universe, group, group it is over) in a row."""
    (universe, group, over), (number, row) = names, where
    asked = {horizon.count for horizon in spec.row_horizons(row)}
    lacking = _lacking(demand, families, names, asked)
    if not lacking:
        return False
    route: Route = item_route(("fleet", number, "models"), row.models, row.model_names.index(group))
    if not _lacking(Demand(demand.rows), families, names, asked):
        report.add(
            meaning.OVER_ABSENT,
            f"'{group}' is over '{over}', and except leaves none of its forecasts {_bars(lacking)} in universe "
            f"'{universe}'",
            route=route,
            help=f"take {group} out there as well, or leave a family of {over} in",
            related=[
                (("except", index), "taken out here")
                for index, entry in enumerate(spec.except_)
                if any(concerns(entry, universe, over, f.name) for f in families[over])
            ],
        )
        return True
    in_row = (universe, over) in demand.rows
    what = f"{_bars(lacking)} " if in_row else ""
    report.add(
        meaning.OVER_ABSENT,
        f"'{group}' is over '{over}', which is not {what}in the fleet of universe '{universe}'",
        route=route,
        help=f"add {over} to the models of this row",
        related=[(("models", group, "over"), "it is named here")],
    )
    return True


def _lacking(
    demand: Demand, families: dict[str, list[Family]], names: tuple[str, str, str], asked: set[int]
) -> list[int]:
    """The horizons that (universe, group, group it is over) has to forecast and nothing to work on for."""
    universe, group, over = names
    if not families[group] or not families[over]:
        return []  # a family that does not exist has been told
    wanted = {bars for family in families[group] for bars in demand.horizons_of(universe, group, family.name)} & asked
    given: set[int] = set()
    for family in families[over]:
        bars = demand.horizons_of(universe, over, family.name)
        given |= wanted if bars and family.horizon_free else bars
    return sorted(wanted - given)


def _bars(horizons: list[int]) -> str:
    return f"over {', '.join(map(str, horizons))} {'bar' if horizons == [1] else 'bars'}"
