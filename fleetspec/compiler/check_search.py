"""Searches: a space that every family can be tried in, a metric that ranks its forecasts, and bars to judge them by."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, get_args

from msgspec.structs import replace

from fleetspec.compiler.alternatives import axis_values
from fleetspec.compiler.check_params import family_names, parameter_faults
from fleetspec.compiler.check_scope import of_axis
from fleetspec.compiler.demand import Demand
from fleetspec.compiler.settings import HALVING
from fleetspec.compiler.spaces import Interval, parse_space, whole_numbers
from fleetspec.diagnostics import did_you_mean
from fleetspec.rules import meaning, meaning_models
from fleetspec.units import Bars, UnitError

if TYPE_CHECKING:
    from fleetspec.compiler.alternatives import Written
    from fleetspec.compiler.check_scope import Scope
    from fleetspec.compiler.spaces import Choices
    from fleetspec.compiler.spec_models import Search
    from fleetspec.diagnostics import Route, Rule
    from fleetspec.family import Family

_METRICS = {"return": ("rmse", "mae", "mase"), "variance": ("qlike", "log_likelihood")}
"""What ranks the forecasts of a target."""
MOST_TRIALS = 10_000


def check_search(scope: Scope, fits: list[Family], transforms: list[Family]) -> None:
    """Add to the report what is wrong with the search of a group."""
    search = scope.group.search
    if search is None:
        return
    if transforms and not fits:
        message = f"{family_names(transforms)} {'fits' if len(transforms) == 1 else 'fit'} nothing to search for"
        scope.add(meaning_models.NOTHING_TO_SEARCH, message, "search", "leave search out", key=True)
        return
    for family in fits:
        if not family.params.model_fields:
            message = f"family '{family.name}' has no parameters to search for"
            scope.add(meaning_models.NOTHING_TO_SEARCH, message, "search", "leave search out", key=True)
            return
    space = _check_space(scope, search)
    for name in space:
        _check_parameter(scope, name, space[name])
    _check_trials(scope, search, fits, space)
    _check_metric(scope, search)
    longest = max(Demand.of(scope.spec, {scope.name}).horizons, default=1)
    for family, named, found in scope.combinations("refit", "train"):
        _check_cadence(scope, search, found["refit"])
        if not family.transforms and found["train"].value is not None:
            _check_window(scope, search, longest, (family, named), found["train"])


def _route(scope: Scope, *parts: str | int) -> Route:
    return (*scope.route, "search", *parts)


def _check_space(scope: Scope, search: Search) -> dict[str, Interval | Choices]:
    """The spaces that can be read."""
    if not search.space:
        help = "name parameters and their ranges: space: {alpha: 1e-4..1 log}"
        scope.add(meaning_models.SPACE, "the space of the search is empty", _route(scope, "space"), help)
    read: dict[str, Interval | Choices] = {}
    for name, written in search.space.items():
        try:
            parsed = parse_space(written)
        except UnitError as error:
            scope.add(meaning_models.SPACE, f"{name}: {error}", _route(scope, "space", name), error.help)
            continue
        if isinstance(parsed, Interval) and not (math.isfinite(parsed.low) and math.isfinite(parsed.high)):
            message, help = f"{name}: the range {written} has no end", "write numbers below 1e308"
            scope.add(meaning_models.SPACE, message, _route(scope, "space", name), help)
        else:
            read[name] = parsed
    for name in search.space:
        axes = [axis for axis in scope.group.axes if name in _params_of(scope, axis)]
        own: list[Route] = [(*scope.route, "params", name)] if name in scope.group.params else []
        for route in [*own, *((*scope.route, "axes", axis) for axis in axes)]:
            message = f"{name} is searched for, so what is said of it here never counts"
            related = [(_route(scope, "space", name), "the search is here")]
            scope.add(meaning_models.SAID_TWICE, message, route, "keep one of the two", key=True, related=related)
    return read


def _params_of(scope: Scope, axis: str) -> set[str]:
    return {name for value in axis_values(scope.name, scope.group, axis) for name in value.params}


class _Fault(NamedTuple):
    """What is wrong with the space of a parameter for a family."""

    rule: Rule
    route: Route
    key: bool
    message: str
    help: str


def _check_parameter(scope: Scope, name: str, space: Interval | Choices) -> None:
    """Every family must be able to take both ends of a range and every choice of a list."""
    route = _route(scope, "space", name)
    said: dict[_Fault, list[Family]] = {}
    for family, _ in scope.families():
        for fault in () if family.transforms else _faults(family, name, space, route):
            said.setdefault(fault, []).append(family)
    for fault, families in said.items():
        message = f"{family_names(families)}: {fault.message}"
        scope.add(fault.rule, message, fault.route, fault.help, key=fault.key)
    if isinstance(space, tuple):
        for index, text in enumerate(space):
            if text in space[:index]:
                scope.add(meaning.LISTED_TWICE, f"'{text}' is listed twice", (*route, index), "take one of them out")
        if len(space) == 1:
            help = f"write {name} into params, or add a choice"
            scope.add(meaning_models.SPACE, f"{name} has one choice, which is no search", route, help)


def _faults(family: Family, name: str, space: Interval | Choices, route: Route) -> list[_Fault]:
    info = family.params.model_fields.get(name)
    if info is None:
        help = did_you_mean(name, family.params.model_fields)
        return [_Fault(meaning.WRONG_PARAMETER, route, True, f"there is no parameter '{name}'", help)]
    if isinstance(space, tuple):
        return [fault for index, text in enumerate(space) for fault in _refused(family, name, text, (*route, index))]
    if info.annotation not in (int, float):
        help = f"write a list of choices: {name}: [{', '.join(map(str, get_args(info.annotation))) or 'a, b'}]"
        return [_Fault(meaning_models.SPACE, route, False, f"{name} is not a number, so it has no range", help)]
    whole = name in whole_numbers(family.params)
    if whole and not (space.low.is_integer() and space.high.is_integer()):
        message = f"{name} is a whole number, and the range {space} ends between two"
        help = f"write whole ends: {math.ceil(space.low)}..{math.floor(space.high)}"
        return [_Fault(meaning_models.SPACE, route, False, message, help)]
    for end in (space.low, space.high):
        found = _refused(family, name, f"{end:.0f}" if whole else f"{end:.17g}", route)
        if found:
            return [
                fault._replace(
                    message=f"the range of {name} reaches {end:g}",
                    help=fault.help.replace("write a number", "write ends that are"),
                )
                for fault in found
            ]
    return []


def _refused(family: Family, name: str, text: str, route: Route) -> list[_Fault]:
    """Why a family cannot take a value of a parameter."""
    return [
        _Fault(meaning.WRONG_PARAMETER, route, False, fault.message, fault.help or "take it out")
        for fault in parameter_faults(family, {name: text})
        if fault.name == name
    ]


def _check_trials(scope: Scope, search: Search, fits: list[Family], space: dict[str, Interval | Choices]) -> None:
    trials, route = search.trials, _route(scope, "trials")
    if not 2 <= trials <= MOST_TRIALS:
        what = "trial is" if trials == 1 else "trials are"
        message = f"{trials:,} {what} {'no search' if trials < 2 else 'too many'}"
        scope.add(meaning.OUT_OF_RANGE, message, route, f"write a number from 2 to {MOST_TRIALS:,}")
    elif search.method == "halving" and trials < HALVING:
        message = f"halving keeps one candidate of {HALVING}, and there are {trials}"
        related = [(_route(scope, "method"), "the method is here")]
        scope.add(meaning.OUT_OF_RANGE, message, route, "write trials: 9 or more, or method: random", related=related)
    else:
        whole = frozenset.intersection(*(whole_numbers(family.params) for family in fits)) if fits else frozenset()
        sizes = [_size(one, name in whole) for name, one in space.items()]
        candidates = math.prod(size for size in sizes if size is not None)
        if sizes and None not in sizes and candidates < trials:
            message = f"the space has {candidates} candidates, so most of {trials} trials repeat one"
            help = f"write trials: {candidates}, or widen the space"
            related = [(_route(scope, "space"), "the space is here")]
            scope.add(meaning_models.REPEATED_TRIALS, message, route, help, related=related)


def _size(space: Interval | Choices, whole: bool) -> int | None:
    """How many values a space has; None for as many as one likes."""
    if not isinstance(space, Interval):
        return len(set(space))
    return max(math.floor(space.high) - math.ceil(space.low) + 1, 1) if whole else None


def _check_metric(scope: Scope, search: Search) -> None:
    target = scope.group.target
    suited = _METRICS.get(target, ())
    if search.metric not in suited:
        help = f"write metric: {suited[0]}" if suited else f"leave search out: nothing ranks forecasts of {target} yet"
        message = f"{search.metric} says nothing of forecasts of {target}"
        related = [((*scope.route, "target"), "the target is here")]
        scope.add(meaning_models.METRIC, message, _route(scope, "metric"), help, related=related)


def _check_cadence(scope: Scope, search: Search, refit: Written) -> None:
    """Parameters are chosen for a fit, so a search comes with one."""
    if refit.value is None or search.every.sessions % refit.value.sessions == 0:
        return
    every, each = search.every.sessions, refit.value.sessions
    near = replace(refit.value, sessions=max(round(every / each), 1) * each)
    scope.add(
        meaning_models.SEARCH_CADENCE,
        f"a search ({search.every}) does not fall on a refit ({refit.value})"
        if every > each
        else f"a search ({search.every}) comes more often than a refit ({refit.value})",
        _route(scope, "every"),
        f"write every: {near}",
        related=[(refit.route, "the refit is here")],
    )


def _check_window(scope: Scope, search: Search, longest: int, by: tuple[Family, Written], train: Written) -> None:
    """What is left of the window to learn from, and what there is to judge by. ``longest`` is the longest horizon."""
    (family, named), bars = by, train.value.count
    judged, ahead = int(bars * search.validation.fraction), 1 if family.horizon_free else longest
    related: list[tuple[Route, str]] = [(train.route, "the window is here"), *of_axis(named)]
    written = "validation" in search.model_fields_set
    at: Route = _route(scope, "validation") if written else _route(scope)
    if bars - judged < family.min_bars:
        most = 100 * (bars - family.min_bars) // bars
        message = (
            f"a validation of {search.validation} leaves {bars - judged} of {bars} bars to learn from, "
            f"and family '{family.name}' needs {family.min_bars}"
        )
        scope.add(
            meaning_models.SEARCH_WINDOW,
            message,
            at,
            "lengthen train" + (f", or write validation: {most}% or less" if most * bars >= 100 * ahead else ""),
            key=not written,
            related=related,
        )
        return
    if judged < ahead:
        message = (
            f"a validation of {search.validation} leaves {judged} of {bars} bars to judge by, "
            f"and family '{family.name}' looks {Bars(ahead)} ahead"
        )
        least = math.ceil(100 * ahead / bars)
        help = f"write validation: {least}% or more" + (", such as 20%" if least < 20 else "")
        scope.add(meaning_models.SEARCH_WINDOW, message, at, help, key=not written, related=related)
