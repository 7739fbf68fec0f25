"""What judges forecasts: targets and metrics that exist, a baseline that can be compared, stretches of days."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from fleetspec.compiler.alternatives import group_bars
from fleetspec.compiler.check_names import check_name
from fleetspec.compiler.judged import contests, periods, rival
from fleetspec.compiler.lock import panel_key
from fleetspec.compiler.settings import common_start, lineage
from fleetspec.diagnostics import did_you_mean
from fleetspec.evaluation.judging import NAIVE
from fleetspec.evaluation.periods import STRESS
from fleetspec.evaluation.plugins import METRICS, SHIPPED_TARGETS, TARGETS
from fleetspec.plugins import PluginError
from fleetspec.rules import evaluation, meaning

if TYPE_CHECKING:
    from fleetspec.compiler.check_scope import Scope
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.compiler.spec_models import Backtest
    from fleetspec.diagnostics import Report, Route


def check_target(scope: Scope) -> bool:
    """Whether a group's target is one that forecasts can be judged by, shipped or of a package."""
    target = scope.group.target
    if target in SHIPPED_TARGETS:
        return True
    try:
        TARGETS[target]
    except KeyError:
        known = [*SHIPPED_TARGETS, *TARGETS]
        scope.add(meaning.UNKNOWN_NAME, f"there is no target '{target}'", "target", did_you_mean(target, known))
    except PluginError as error:
        scope.add(evaluation.PLUG_IN, f"target '{target}': {error}", "target", "mend the package, or take it out")
    else:
        return True
    return False


def check_judges(spec: FleetSpec, backtest: Backtest, report: Report) -> None:
    """Add to the report what is wrong with a backtest's baseline, metrics and stretches of days."""
    _check_metrics(backtest, report)
    _check_windows(backtest, report)
    _check_baseline(spec, backtest, report)


def _check_metrics(backtest: Backtest, report: Report) -> None:
    for index, name in enumerate(backtest.metrics):
        route: Route = ("backtest", "metrics", index)
        try:
            if name in backtest.metrics[:index]:
                report.add(meaning.LISTED_TWICE, f"'{name}' is listed twice", route=route, help="take one of them out")
            elif check_name("metric", name, METRICS, route, report):
                METRICS[name]
        except PluginError as error:
            help = "mend the package, or take the metric out"
            report.add(evaluation.PLUG_IN, f"metric '{name}': {error}", route=route, help=help)


def _check_windows(backtest: Backtest, report: Report) -> None:
    for index, name in enumerate(backtest.stress):
        route: Route = ("backtest", "stress", index)
        if name in backtest.stress[:index]:
            report.add(meaning.LISTED_TWICE, f"'{name}' is listed twice", route=route, help="take one of them out")
        elif name not in STRESS:
            help = f"{did_you_mean(name, STRESS)}; or give it days: windows: {{{name}: {{from: …, to: …}}}}"
            report.add(meaning.UNKNOWN_NAME, f"there is no crash '{name}'", route=route, help=help)
    for name, window in backtest.windows.items():
        if window.to < window.from_:
            message, route = f"'{name}' ends before it begins", ("backtest", "windows", name, "to")
            report.add(meaning.OUT_OF_RANGE, message, route=route, help=f"write a day from {window.from_} on")
        if name in backtest.stress:
            message, route = f"'{name}' is one of stress too", ("backtest", "windows", name)
            report.add(meaning.LISTED_TWICE, message, route=route, key=True, help="give your own another name")


def _check_baseline(spec: FleetSpec, backtest: Backtest, report: Report) -> None:
    named, route = rival(backtest), ("backtest", "baseline")
    if named is None:
        return
    group, family = named
    judged = [name for name in backtest.models if name in spec.models]
    if not contests(backtest):
        help = "add diebold_mariano to tests, or leave baseline out"
        report.add(evaluation.BASELINE, "no test compares with a baseline", route=route, key=True, help=help)
    elif group not in judged:
        said = did_you_mean(group, [NAIVE, *judged])
        help = said if group not in spec.models else f"add {group} to backtest.models"
        report.add(evaluation.BASELINE, f"'{group}' is no backtested group", route=route, help=help)
    else:
        _check_rival(spec, judged, group, family, report)


def _check_rival(spec: FleetSpec, judged: list[str], group: str, family: str | None, report: Report) -> None:
    model, route = spec.models[group], ("backtest", "baseline")

    def wrong(message: str, help: str) -> None:
        related = [(("models", group), "the group is here")]
        report.add(evaluation.BASELINE, message, route=route, help=help, related=related)

    families = model.family_names
    if family is not None and family not in families:
        wrong(f"'{group}' has no family '{family}'", did_you_mean(family, families))
    elif family is None and len(families) > 1:
        wrong(f"'{group}' has {len(families)} models of a series", f"name one: baseline: {group}/{families[0]}")
    elif any(isinstance(axis, dict) or name != "bar" for name, axis in model.axes.items()):
        wrong(f"'{group}' has variants, and a baseline is one model", "name a group without axes")
    else:
        alike = (model.target, model.per, model.side)
        others = [name for name in judged if name != group or len(families) > 1]
        there = [spec.models[name] for name in others]
        if not any((other.target, other.per, other.side) == alike for other in there):
            wrong(
                f"no other backtested model forecasts {model.target} per {model.per} as '{group}' does",
                "add such a group to backtest.models, or write baseline: naive",
            )


def check_periods(spec: FleetSpec, lock: Lock, report: Report) -> None:
    """Add to the report (FS418) in which stretches of days no series of the locked data can be judged. The lock knows
    the first and the last day of a series; bars between are taken to be spread evenly."""
    backtest = spec.backtest
    assert backtest is not None
    spans = _judged_days(spec, lock)
    if not spans:
        return
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    for period in periods(backtest):
        if any(one[0] <= period.last and period.first <= one[1] for one in spans):
            continue
        index = backtest.stress.index(period.name) if period.name in backtest.stress else None
        route: Route = ("backtest", "windows", period.name) if index is None else ("backtest", "stress", index)
        report.add(
            evaluation.PERIOD,
            f"nothing is judged in '{period.name}' ({period.first} to {period.last}): the data are judged from about "
            f"{first} to {last}",
            route=route,
            help="lock longer data, shorten train, or take it out",
        )


def _judged_days(spec: FleetSpec, lock: Lock) -> list[tuple[date, date]]:
    """About the first, and the last day that a backtest judges, of each series of each group."""
    assert spec.backtest is not None
    held = {below for name in spec.backtest.models for below in lineage(spec, name)}
    starts, found = common_start(spec, held), set()
    for row in spec.fleet:
        for group in set(row.model_names) & set(spec.backtest.models):
            for universe in row.universe_names:
                for bar in group_bars(spec, group):
                    declared = spec.universes[universe]
                    series = lock.data.get(panel_key(declared.data, str(bar or declared.bar)), {})
                    for name in lock.universes.get(universe, ()):
                        one = series.get(name)
                        if one is None or one.first is None or one.last is None or one.bars <= starts[group]:
                            continue
                        begun = one.first + (one.last - one.first) * (starts[group] / one.bars)
                        found.add((begun, one.last))
    return sorted(found)
