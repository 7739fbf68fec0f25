"""The backtest: groups that can be walked forward, a purge that keeps labels apart, and tests that say something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetspec.compiler.alternatives import group_bars
from fleetspec.compiler.check_judges import check_judges, check_periods
from fleetspec.compiler.check_names import check_listed, check_name
from fleetspec.compiler.demand import Demand
from fleetspec.compiler.lock import panel_key
from fleetspec.compiler.settings import common_start, lineage
from fleetspec.evaluation.judging import CONTESTS
from fleetspec.evaluation.var_tests import BASEL_LEVEL, BASEL_OBSERVATIONS
from fleetspec.rules import meaning, meaning_models

if TYPE_CHECKING:
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.compiler.spec_models import Backtest
    from fleetspec.diagnostics import Report, Route
    from fleetspec.units import BarSize


def check_backtest(spec: FleetSpec, report: Report) -> None:
    """Add to the report what is wrong with the backtest."""
    backtest = spec.backtest
    if backtest is None:
        return
    check_listed(("backtest", "models"), backtest.models, report)
    if backtest.within.seconds == 0:
        report.add(
            meaning.OUT_OF_RANGE, "a backtest cannot end within 0s", route=("backtest", "within"), help="write 12h"
        )
    in_fleet = {group for row in spec.fleet for group in row.model_names}
    for index, name in enumerate(backtest.models):
        route: Route = ("backtest", "models", index)
        if check_name("group in models", name, spec.models, route, report) and name not in in_fleet:
            message = f"'{name}' is in no row of the fleet, so it has no models to backtest"
            report.add(meaning.BACKTEST_GROUP, message, route=route, help="add it to a row of fleet")
        else:
            _check_members_then(spec, name, route, report)
    seen: set[str] = set()
    for index, test in enumerate(backtest.tests):
        route = ("backtest", "tests", index)
        if test in seen:
            report.add(meaning.LISTED_TWICE, f"'{test}' is listed twice", route=route, help="take one of them out")
        elif test not in CONTESTS:
            _check_test(spec, backtest, test, route, report)
        seen.add(test)
    _check_purge(spec, backtest, report)
    check_judges(spec, backtest, report)


def _check_members_then(spec: FleetSpec, group: str, route: Route, report: Report) -> None:
    """A model of a whole universe would learn from series before they were members of it."""
    for below in lineage(spec, group) if group in spec.models else ():
        if spec.models[below].per != "universe":
            continue
        universes = {name for row in spec.fleet if below in row.model_names for name in row.universe_names}
        changing = sorted(u for u in universes & spec.universes.keys() if spec.universes[u].as_of == "point-in-time")
        if changing:
            report.add(
                meaning.BACKTEST_GROUP,
                f"'{below}' has one model for all of '{changing[0]}', whose members change from day to day",
                route=route,
                help="take it out of the backtest, make it per: series, or write as_of: and a date",
                related=((("universes", changing[0], "as_of"), "members of each day are asked for here"),),
            )


def at_risk(spec: FleetSpec, backtest: Backtest) -> list[str]:
    """The groups of the backtest that forecast value at risk."""
    return [n for n in backtest.models if n in spec.models and spec.models[n].target == "value_at_risk"]


def _check_test(spec: FleetSpec, backtest: Backtest, test: str, route: Route, report: Report) -> None:
    groups = at_risk(spec, backtest)
    if not groups:
        report.add(
            meaning.EXCEPTIONS,
            f"{test} tests value at risk, and no group of the backtest has that target",
            route=route,
            help="add such a group, or take the test out",
            related=[(("backtest", "models"), "the groups are here")],
        )
        return
    horizons = set(Demand.of(spec, {*groups}).horizons)
    if 1 not in horizons:
        message = f"{test} counts independent exceptions, and no horizon is 1 bar"
        report.add(meaning.EXCEPTIONS, message, route=route, help="add 1 bar to horizons, or take the test out")
    elif len(horizons) > 1:
        longer = ", ".join(str(h) for h in sorted(horizons - {1}))
        report.add(
            meaning.EXCEPTIONS,
            f"{test} is applied to forecasts over 1 bar only: those over {longer} bars overlap",
            route=route,
            help="nothing needs to change; longer horizons are counted, not tested",
        )
    if test == "basel":
        for group in groups:
            _check_basel(spec, group, route, report)


def _check_basel(spec: FleetSpec, group: str, route: Route, report: Report) -> None:
    """The traffic light is a table for one day at 99 %."""
    model = spec.models[group]
    if model.levels and all(round(level.fraction, 9) != BASEL_LEVEL for level in model.levels):
        shown = ", ".join(map(str, model.levels))
        report.add(
            meaning_models.BASEL,
            f"basel counts exceptions at 99%, and '{group}' has {shown}",
            route=route,
            help=f"add 99% to the levels of {group}, or take the test out",
            related=[(("models", group, "levels"), "the levels are here")],
        )
    bars = _bars(spec, group)
    if bars and all(str(bar) != "1 session" for bar in bars):
        report.add(
            meaning_models.BASEL,
            f"basel counts exceptions of days, and the bars of '{group}' are {', '.join(sorted(map(str, bars)))}",
            route=route,
            help="take the test out, or backtest a group with bars of 1 session",
            related=[(("models", group), "the group is here")],
        )


def _bars(spec: FleetSpec, group: str) -> set[BarSize]:
    """The bars of a group's models where it is in the fleet."""
    universes = {name for row in spec.fleet if group in row.model_names for name in row.universe_names}
    own = {spec.universes[name].bar for name in universes if name in spec.universes}
    return {bar for found in group_bars(spec, group) for bar in (own if found is None else {found})}


def _check_purge(spec: FleetSpec, backtest: Backtest, report: Report) -> None:
    """A label that ends after the first judged forecast begins has seen what it is judged by."""
    if backtest.purge == "horizon":
        return
    held = {below for name in backtest.models if name in spec.models for below in lineage(spec, name)}
    longest = max(Demand.of(spec, held).horizons, default=0)
    if backtest.purge.count < longest:
        report.add(
            meaning_models.PURGE,
            f"a purge of {backtest.purge} is shorter than the horizon of {longest} bars: models would learn from what "
            "they are judged by",
            route=("backtest", "purge"),
            help=f"write purge: horizon, or {longest} bars and more",
            related=[(_horizon_route(spec, held, longest), f"the horizon of {longest} bars is here")],
        )


def _horizon_route(spec: FleetSpec, held: set[str], bars: int) -> Route:
    for number, row in enumerate(spec.fleet):
        if held & {*row.model_names}:
            counts = [horizon.count for horizon in spec.row_horizons(row)]
            if bars in counts:
                where: Route = ("horizons",) if row.horizons is None else ("fleet", number, "horizons")
                return (*where, counts.index(bars))
    return ("horizons",)


def check_gates(spec: FleetSpec, report: Report) -> None:
    """Add to the report what is wrong with the gates."""
    if spec.gates and spec.backtest is None:
        models = ", ".join(dict.fromkeys(name for gate in spec.gates for name in gate.model_names))
        tests = ", ".join(dict.fromkeys(gate.test for gate in spec.gates))
        help = (
            f"write backtest: {{scheme: walk-forward, models: [{models}], step: 20 bars, tests: [{tests}], "
            "within: 12h}"
        )
        message = "a gate reads a backtest, and the spec has none"
        report.add(meaning_models.GATE, message, route=("gates",), key=True, help=help)
        return
    said: dict[tuple[str, str], Route] = {}
    for number, _ in enumerate(spec.gates):
        _check_gate(spec, number, said, report)


def _check_gate(spec: FleetSpec, number: int, said: dict[tuple[str, str], Route], report: Report) -> None:
    gate, backtest, route = spec.gates[number], spec.backtest, ("gates", number)
    assert backtest is not None
    check_listed((*route, "models"), gate.model_names, report)
    for index, name in enumerate(gate.model_names):
        here: Route = (*route, "models") if isinstance(gate.models, str) else (*route, "models", index)
        if name in gate.model_names[:index] or not check_name("group in models", name, spec.models, here, report):
            continue
        related: list[tuple[Route, str]] = []
        if name not in backtest.models:
            related = [(("backtest", "models"), "the groups that are backtested")]
            message, help = f"'{name}' is not backtested", f"add {name} to backtest.models"
            report.add(meaning_models.GATE, message, route=here, help=help, related=related)
        elif gate.test not in CONTESTS and spec.models[name].target != "value_at_risk":
            message = f"{gate.test} tests value at risk, and '{name}' forecasts {spec.models[name].target}"
            related = [(("models", name, "target"), "its target is here")]
            able = at_risk(spec, backtest)
            help = f"write models: {able[0]}" if able else "name a group with target: value_at_risk"
            report.add(meaning_models.GATE, message, route=here, help=help, related=related)
        elif said.get((name, gate.test), route) != route:
            message = f"'{name}' has a gate of {gate.test} already"
            related = [(said[name, gate.test], "the other gate")]
            help = "keep one of the two"
            report.add(meaning_models.SAID_TWICE, message, route=here, help=help, related=related)
        said.setdefault((name, gate.test), route)
    if gate.test not in backtest.tests:
        report.add(
            meaning_models.GATE,
            f"the backtest makes no test '{gate.test}'",
            route=(*route, "test"),
            help=f"add {gate.test} to its tests"
            + (f", or write {' or '.join(backtest.tests)}" if backtest.tests else ""),
            related=[(("backtest",), "the backtest is here")],
        )
    if "shows" in gate.model_fields_set and gate.test != "diebold_mariano":
        message = f"{gate.test} shows no model to be better or worse than a baseline"
        help = "leave shows out, or write test: diebold_mariano"
        report.add(meaning_models.GATE, message, route=(*route, "shows"), key=True, help=help)
    if not 0 < gate.fdr.fraction < 0.5:
        what = "lets chance decide what is stopped" if gate.fdr.fraction else "stops nothing"
        message = f"a false discovery rate of {gate.fdr} {what}"
        report.add(meaning.OUT_OF_RANGE, message, route=(*route, "fdr"), help="write a share such as 5%")
    _check_power(spec, number, report)


def _check_power(spec: FleetSpec, number: int, report: Report) -> None:
    """A test that expects less than one exception cannot tell a good model from a bad one."""
    gate = spec.gates[number]
    written = "min_obs" in gate.model_fields_set
    route: Route = ("gates", number, "min_obs") if written else ("gates", number)
    if gate.min_obs < 1:
        message = f"min_obs is {gate.min_obs}, and a test needs observations"
        report.add(meaning.OUT_OF_RANGE, message, route=route, help="write min_obs: 250")
        return
    levels = {level for n in gate.model_names if n in spec.models for level in spec.models[n].levels}
    highest = max(levels, default=None, key=lambda level: level.fraction)
    if gate.test in CONTESTS or highest is None or not 0.5 < highest.fraction < 1:
        return
    expected = gate.min_obs * (1 - highest.fraction)
    if expected < 1:
        least = round(1 / (1 - highest.fraction))
        report.add(
            meaning_models.POWER,
            f"a right model has {expected:.2g} exceptions in {gate.min_obs} forecasts at {highest}: too few to tell",
            route=route,
            help=f"write min_obs: {least} or more: one exception is to be expected then",
        )


def check_judged(spec: FleetSpec, lock: Lock, report: Report) -> None:
    """Add to the report which tests get too few forecasts from the locked data. The spec has passed ``check``."""
    backtest = spec.backtest
    if backtest is None:
        return
    check_periods(spec, lock, report)
    judged = {group: _judged(spec, lock, group) for group in at_risk(spec, backtest)}
    for index, test in enumerate(backtest.tests):
        few = [group for group in judged if test == "basel" and judged[group] < BASEL_OBSERVATIONS]
        for group in few:
            report.add(
                meaning_models.BASEL,
                f"basel counts exceptions of {BASEL_OBSERVATIONS} days, and the backtest judges {judged[group]} days "
                f"of '{group}'",
                route=("backtest", "tests", index),
                help="lock longer data, shorten train, or take the test out",
            )
    for number, gate in enumerate(spec.gates):
        for group in gate.model_names:
            if group in judged and judged[group] < gate.min_obs:
                written = "min_obs" in gate.model_fields_set
                report.add(
                    meaning_models.GATE,
                    f"the gate wants {gate.min_obs} forecasts, and the backtest judges {judged[group]} of '{group}'",
                    route=("gates", number, "min_obs") if written else ("gates", number),
                    help=f"lock longer data, shorten train, or write min_obs: {judged[group]}",
                )


def _judged(spec: FleetSpec, lock: Lock, group: str) -> int:
    """Forecasts over one bar that the walk-forward judges of a group's longest series."""
    assert spec.backtest is not None
    held = {below for name in spec.backtest.models for below in lineage(spec, name)}
    longest = max(Demand.of(spec, held).horizons, default=1)
    purge, start = spec.backtest.purge, common_start(spec, held)[group]
    gap = 0 if purge == "horizon" else max(purge.count - longest, 0)
    found = 0
    for row in spec.fleet:
        for universe in row.universe_names if group in row.model_names else ():
            for bar in group_bars(spec, group):
                declared = spec.universes[universe]
                held_bars = lock.data.get(panel_key(declared.data, str(bar or declared.bar)), {})
                bars = max((held_bars[m].bars for m in lock.universes.get(universe, ()) if m in held_bars), default=0)
                found = max(found, bars - start - gap)
    return found
