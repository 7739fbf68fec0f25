"""Axes of a group: values that exist, that differ, and that change something nothing else says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from fleetspec.compiler.addresses import FIELDS, slug
from fleetspec.compiler.alternatives import Written, axis_values
from fleetspec.compiler.axes import SETTINGS
from fleetspec.compiler.check_inputs import families_in
from fleetspec.compiler.check_names import check_listed
from fleetspec.compiler.spec_models import Evaluates, Override
from fleetspec.diagnostics import did_you_mean
from fleetspec.panel.features import FeatureError
from fleetspec.panel.features import parse as parse_feature
from fleetspec.rules import meaning, meaning_models, shape
from fleetspec.units import Bars

if TYPE_CHECKING:
    from fleetspec.compiler.alternatives import AxisValue
    from fleetspec.compiler.check_scope import Scope
    from fleetspec.diagnostics import Route
    from fleetspec.units import Cadence


def check_axes(scope: Scope) -> None:
    """Add to the report what is wrong with the axes of a group by themselves."""
    said: dict[str, tuple[str, list[AxisValue]]] = {}
    for axis, written in scope.group.axes.items():
        route: Route = (*scope.route, "axes", axis)
        if axis in FIELDS:
            message = f"an axis cannot be called '{axis}': models are selected by {axis}: already"
            scope.add(meaning_models.AXIS_NAME, message, route, "give it another name, such as kind", key=True)
        if isinstance(written, Evaluates):
            _check_evaluates(scope, axis, written)
            continue
        if isinstance(written, str):
            _tell_single(scope, axis, written)
            continue
        if isinstance(written, tuple):
            _check_list(scope, axis, written)
        values = axis_values(scope.name, scope.group, axis)
        if not written:
            scope.add(meaning.EMPTY_LIST, f"axis '{axis}' has no values", route, "name two values, or leave it out")
        elif len(written) == 1:
            help = "write it as a setting of the group, or add a value"
            scope.add(meaning_models.AXIS_OF_ONE, f"axis '{axis}' has one value", route, help, key=True)
        _check_slugs(scope, axis, values)
        for value in values:
            _check_value(scope, value)
        _check_said(scope, axis, values, said)
    _check_bars_and_cadence(scope)


def _tell_single(scope: Scope, axis: str, written: str) -> None:
    route: Route = (*scope.route, "axes", axis)
    message = f"axis '{axis}' is a single value, not a list or a map"
    scope.add(shape.WRONG_SHAPE, message, route, f"write a list: {axis}: [{written}]")


def _check_list(scope: Scope, axis: str, written: tuple[str, ...]) -> None:
    """Values of a list are those of the setting it is named after."""
    if axis not in SETTINGS:
        return
    for index, text in enumerate(written):
        try:
            Override.model_validate({axis: text})
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            context = detail.get("ctx", {})
            route: Route = (*scope.route, "axes", axis, index)
            if detail["type"] == "literal_error":
                choices = [word.strip(" '") for word in str(context["expected"]).replace(" or ", ",").split(",")]
                message = f"'{text}' is not a choice for {axis}"
                scope.add(shape.NOT_A_CHOICE, message, route, did_you_mean(text, choices))
            else:
                rule = shape.NOT_A_NAME if detail["type"] == "name" else shape.NOT_THE_QUANTITY
                scope.add(rule, str(context.get("text", detail["msg"])), route, str(context.get("help")))


def _check_slugs(scope: Scope, axis: str, values: list[AxisValue]) -> None:
    first: dict[str, AxisValue] = {}
    for value in values:
        other = first.setdefault(slug(value.text), value)
        if other is value:
            continue
        if other.text == value.text:
            message, rule = f"'{value.text}' is listed twice", meaning.LISTED_TWICE
        else:
            message = f"'{other.text}' and '{value.text}' would both be '{slug(value.text)}' in an address"
            rule = meaning.SAME_ADDRESS
        related = [(other.route, "the other one")]
        help = "take one out, or rename one"
        if rule is meaning.LISTED_TWICE:
            help = "take one of them out"
        elif isinstance(scope.group.axes[axis], tuple):
            help = "take one out, or write a map, which gives each value a name"
        scope.add(rule, message, value.route, help, related=related)


def _check_value(scope: Scope, value: AxisValue) -> None:
    """Families and features that a value names."""
    family, features = value.changes.get("family"), value.changes.get("features")
    if family is not None and family.value not in scope.registry:
        help = did_you_mean(family.value, scope.registry)
        scope.add(meaning.UNKNOWN_FAMILY, f"there is no family '{family.value}'", family, help)
    if features is None:
        return
    if not isinstance(features.value, tuple):
        if features.value not in scope.spec.features:
            message = f"there is no feature list '{features.value}'"
            scope.add(meaning.UNKNOWN_NAME, message, features, did_you_mean(features.value, scope.spec.features))
        return
    if families_in(scope, features.value):
        several = ", ".join(f"{text}: {text}" for text in features.value)
        message = f"value '{value.text}' names several families, and each value of an axis has one"
        help = f"write one value for each: {{{several}}}"
        scope.add(meaning.FAMILY_OR_FAMILIES, message, value.route, help)
        return
    check_listed(features.route, features.value, scope.report)
    for index, text in enumerate(features.value):
        try:
            parse_feature(text)
        except FeatureError as error:
            scope.add(meaning.UNKNOWN_FEATURE, str(error), (*features.route, index), error.help)


def _check_said(scope: Scope, axis: str, values: list[AxisValue], said: dict[str, tuple[str, list[AxisValue]]]) -> None:
    """What every value of an axis decides, nothing else may decide too."""
    group, route = scope.group, (*scope.route, "axes", axis)
    if not values:
        return
    deciding = set.intersection(*(value.changes.keys() | value.params.keys() for value in values))
    touching = set().union(*(value.changes.keys() | value.params.keys() for value in values))
    for setting in sorted(touching):
        if setting in said:
            other, _ = said[setting]
            related: list[tuple[Route, str]] = [((*scope.route, "axes", other), "the other axis")]
            message = f"axes '{other}' and '{axis}' both say {setting}, and only one of them can count"
            scope.add(meaning_models.SAID_TWICE, message, route, "let one axis say it", key=True, related=related)
        said[setting] = (axis, values)
    for setting in sorted(deciding):
        own = _own(scope, setting)
        if own is not None:
            message = f"axis '{axis}' says {setting} in each of its values, so what the group says of it never counts"
            help = f"leave {own[-1]} out of the group, or out of the axis"
            related = [(route, "the axis is here")]
            scope.add(meaning_models.SAID_TWICE, message, own, help, key=True, related=related)
    if "family" in touching and "family" not in deciding and not group.family_names:
        for value in values:
            features = value.changes.get("features")
            if "family" not in value.changes and not (features and families_in(scope, features.value)):
                message = f"value '{value.text}' of axis '{axis}' names no family, and neither does '{scope.name}'"
                scope.add(meaning.FAMILY_OR_FAMILIES, message, value.route, "add family: garch", key=True)


def _own(scope: Scope, setting: str) -> Route | None:
    """Where the group itself says a setting or a parameter."""
    given = scope.group.model_fields_set
    if setting == "family":
        named = [key for key in ("family", "families") if key in given]
        return (*scope.route, named[0]) if named else None
    if setting in given and setting != "params":
        return (*scope.route, setting)
    return (*scope.route, "params", setting) if setting in scope.group.params else None


def _check_evaluates(scope: Scope, axis: str, written: Evaluates) -> None:
    """An axis that evaluates needs forecasts of returns that a backtest judges."""
    route: Route = (*scope.route, "axes", axis)
    check_listed((*route, "every"), written.every, scope.report)
    backtest = scope.spec.backtest
    others = [name for name, one in scope.group.axes.items() if isinstance(one, Evaluates) and name < axis]
    if others:
        related: list[tuple[Route, str]] = [((*scope.route, "axes", others[0]), "the other one")]
        message = f"'{others[0]}' and '{axis}' both say how often a position is renewed"
        scope.add(meaning_models.SAID_TWICE, message, route, "put all cadences into one", key=True, related=related)
    why, help, related = None, "", []
    if scope.group.target != "return":
        why = f"a position is held on forecasts of returns, and '{scope.name}' forecasts {scope.group.target}"
        help, related = "leave the axis out", [((*scope.route, "target"), "the target is here")]
    elif backtest is None:
        why, help = "nothing is evaluated without a backtest", "add a backtest, or leave the axis out"
    elif scope.name not in backtest.models:
        why = f"'{scope.name}' is not backtested"
        help, related = f"add {scope.name} to backtest.models", [(("backtest", "models"), "the backtest is here")]
    if why is not None:
        message = f"axis '{axis}' changes nothing: {why}"
        scope.add(meaning_models.EVALUATES_NOTHING, message, route, help, key=True, related=related)


def _check_bars_and_cadence(scope: Scope) -> None:
    """Cadences count bars; where a bar is no session, that is not what they say."""
    universes = {name for row in scope.spec.fleet if scope.name in row.model_names for name in row.universe_names}
    own = {scope.spec.universes[name].bar for name in universes if name in scope.spec.universes}
    said: dict[Route, tuple[str, Written, dict[str, None], dict[tuple[Route, str], None]]] = {}
    for family, _, found in scope.combinations("bar", "refit"):
        bar, written = found["bar"], {"refit": found["refit"]}
        if scope.group.search is not None:
            written["search every"] = Written(scope.group.search.every, (*scope.route, "search", "every"))
        odd = [str(one) for one in sorted(own if bar.value is None else {bar.value}) if one.sessions != 1]
        for what, one in written.items():
            if odd and not family.transforms and one.value is not None and _in_sessions(one.value):
                _, _, bars, related = said.setdefault(one.route, (what, one, {}, {}))
                bars |= dict.fromkeys(odd)
                if bar.axis is not None:
                    related[(*scope.route, "axes", bar.axis), "the bars are here"] = None
    for what, one, bars, places in said.values():
        scope.add(
            meaning_models.CADENCE_IN_BARS,
            f"{what}: {one.value} is counted in bars: with bars of {_some(list(bars))} it comes every "
            f"{one.value.sessions} bars",
            one,
            f"write what you mean in bars: {Bars(one.value.sessions)}",
            related=places,
        )


def _in_sessions(cadence: Cadence) -> bool:
    return cadence.sessions > 1 and not cadence.in_bars


def _some(words: list[str]) -> str:
    """The first of many words, and how many more there are."""
    return " and ".join(words) if len(words) < 4 else f"{words[0]}, {words[1]} and {len(words) - 2} other sizes"
