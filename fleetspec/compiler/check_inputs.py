"""What the families of a group learn from, and their parameters, in every variant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleetspec.compiler.axes import SETTINGS
from fleetspec.compiler.check_params import family_names, parameter_faults
from fleetspec.compiler.check_scope import of_axis
from fleetspec.diagnostics import did_you_mean
from fleetspec.panel.features import FeatureError, lookback
from fleetspec.rules import meaning, meaning_models

if TYPE_CHECKING:
    from fleetspec.compiler.alternatives import Written
    from fleetspec.compiler.check_scope import Scope
    from fleetspec.diagnostics import Route
    from fleetspec.family import Family


def check_features(scope: Scope) -> None:
    """Features for the families that learn from them, and for no others."""
    spec = scope.spec
    wanting: dict[str, Family] = {}
    idle: dict[Route, tuple[Written, dict[str, Family], set[str]]] = {}
    for family, named, found in scope.combinations("features", "train"):
        features = found["features"]
        if families_in(scope, features.value):
            continue  # told with the axis
        if features.value is None:
            if family.uses_features:
                wanting[family.name] = family
            continue
        _, others, used = idle.setdefault(features.route, (features, {}, set()))
        if not family.uses_features:
            others[family.name] = family
            continue
        used.add(family.name)
        texts = features.value if isinstance(features.value, tuple) else spec.features.get(features.value)
        if texts is not None:
            _check_lookback(scope, texts, found["train"], [*of_axis(named), (features.route, "the features are here")])
    if wanting:
        have = "add features: tech here, and features: {tech: [momentum(5), rsi(14)]} at the top of the spec"
        if spec.features:
            have = f"add features: {next(iter(spec.features))}"
        verb = "learns" if len(wanting) == 1 else "learn"
        message = f"{family_names([*wanting.values()])} {verb} from features, and '{scope.name}' names none"
        scope.add(meaning.FEATURES, message, None, have)
    for written, others, used in idle.values():
        if others and not used:
            message = f"{family_names([*others.values()])} {'uses' if len(others) == 1 else 'use'} no features"
            scope.add(meaning.FEATURES, message, written, "leave features out", key=written.axis is None)
    own, (_, _, users) = scope.group.features, idle.get((*scope.route, "features"), (None, {}, set()))
    if own is not None and own not in spec.features and users:
        message = f"there is no feature list '{own}'"
        scope.add(meaning.UNKNOWN_NAME, message, "features", did_you_mean(own, spec.features))


def families_in(scope: Scope, features: object) -> bool:
    """Whether a list of features is one of families, by somebody who takes an axis for ``families``."""
    return isinstance(features, tuple) and bool(features) and all(text in scope.registry for text in features)


def _check_lookback(scope: Scope, texts: tuple[str, ...], train: Written, related: list[tuple[Route, str]]) -> None:
    try:
        needed = lookback(texts)
    except FeatureError:
        return  # told where the features are written
    if train.value is not None and needed >= train.value.count:
        message = f"the features look back {needed} bars, which leaves nothing of {train.value} to learn from"
        help = f"write a train of more than {needed} bars, or take features that look back less"
        scope.add(meaning.FEATURES, message, train, help, related=related)


def check_measure(scope: Scope) -> None:
    """Families read returns; few read a measure of volatility."""
    said: dict[Route, tuple[Written, str, dict[str, Family], list[tuple[Route, str]]]] = {}
    for family, named, found in scope.combinations("measure"):
        measure = found["measure"]
        if measure.value not in family.measures:
            at = named if measure.key else measure
            _, _, families, related = said.setdefault(at.route, (at, measure.value, {}, []))
            families[family.name] = family
            related += of_axis(named)
    for at, measure_name, families, related in said.values():
        able = sorted(
            family.name
            for family in scope.registry.families.values()
            if measure_name in family.measures and scope.group.target in family.targets
        )
        help = "write measure: returns" + (f", or take a family that reads it: {', '.join(able)}" if able else "")
        do = "does" if len(families) == 1 else "do"
        message = f"{family_names([*families.values()])} {do} not read measure: {measure_name}"
        scope.add(meaning_models.MEASURE, message, at, help, related=dict.fromkeys(related))


def check_params(scope: Scope) -> None:
    """Parameters must be valid for every family that gets them; what several say alike is said once.

    Where axes name the families, the group's own parameters reach those that know them.
    """
    said: dict[tuple[Route, bool, str], tuple[str | None, dict[str, Family]]] = {}
    unknown: dict[str, set[str]] = {}
    misnamed: dict[str, dict[str, Family]] = {}
    seen: set[str] = set()
    for family, _, found in scope.combinations("params"):
        seen.add(family.name)
        written: dict[str, Written] = found["params"].value
        values: dict[str, Any] = {}
        for name, one in written.items():
            if one.axis is None and scope.group.axes and name not in family.params.model_fields:
                unknown.setdefault(name, set()).add(family.name)
            else:
                values[name] = one.value
        for fault in parameter_faults(family, values):
            at = written[fault.name] if fault.name is not None else None
            if at is not None and at.axis is not None and fault.unknown and _is_list(scope, at.axis):
                misnamed.setdefault(at.axis, {})[family.name] = family
                continue
            route: Route = scope.route if at is None else (*at.route, *fault.route)
            key = at is None or fault.unknown
            said.setdefault((route, key, fault.message), (fault.help, {}))[1][family.name] = family
    for axis, lacking in misnamed.items():
        _tell_axis(scope, axis, [*lacking.values()])
    for name, families in unknown.items():
        if families == seen:
            known = sorted({field for family in families for field in scope.registry[family].params.model_fields})
            route = (*scope.route, "params", name)
            message = f"no family of '{scope.name}' has a parameter '{name}'"
            scope.add(meaning.WRONG_PARAMETER, message, route, did_you_mean(name, known), key=True)
    for (route, key, message), (help, found_in) in said.items():
        text = f"{family_names([*found_in.values()])}: {message}"
        scope.add(meaning.WRONG_PARAMETER, text, route, help or "see the family's parameters", key=key)


def _is_list(scope: Scope, axis: str) -> bool:
    """Whether an axis is a list, which is then named after what it changes."""
    return isinstance(scope.group.axes[axis], tuple)


def _tell_axis(scope: Scope, axis: str, families: list[Family]) -> None:
    known = [*SETTINGS, *sorted({name for family in families for name in family.params.model_fields})]
    scope.add(
        meaning_models.AXIS_NAME,
        f"axis '{axis}' is neither a setting of a group nor a parameter of {family_names(families)}",
        (*scope.route, "axes", axis),
        f"{did_you_mean(axis, known)} (a map says what each value changes: {axis}: {{short: {{train: 250 bars}}}})",
        key=True,
    )
