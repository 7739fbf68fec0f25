"""What the families of a group learn from, and their parameters, in every variant."""

from __future__ import annotations

from typing import Any

from fleetspec.compiler.alternatives import Written
from fleetspec.compiler.axes import SETTINGS
from fleetspec.compiler.check_params import family_names, parameter_faults
from fleetspec.compiler.check_scope import Scope, of_axis
from fleetspec.diagnostics import Route, did_you_mean
from fleetspec.family import Family
from fleetspec.panel.features import FeatureError, lookback
from fleetspec.rules import meaning, meaning_models


def check_features(scope: Scope) -> None:
    """Features for the families that learn from them, and for no others."""
    spec = scope.spec
    wanting: dict[str, Family] = {}
    idle: dict[Route, tuple[Written, dict[str, Family], set[str]]] = {}
    for family, named, found in scope.combinations("features", "train"):
        features = found["features"]
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
        have = f"add features: {next(iter(spec.features))}" if spec.features else "write features: {tech: [rsi(14)]}"
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


def _check_lookback(scope: Scope, texts: tuple[str, ...], train: Written, related: list[tuple[Route, str]]) -> None:
    try:
        needed = lookback(texts)
    except FeatureError:
        return  # told where the features are written
    if train.value is not None and needed >= train.value.count:
        message = f"the features look back {needed} bars, which leaves nothing of {train.value} to learn from"
        scope.add(meaning.FEATURES, message, train, "take shorter features or a longer window", related=related)


def check_measure(scope: Scope) -> None:
    """Families read returns; few read a measure of volatility."""
    for family, named, found in scope.combinations("measure"):
        measure = found["measure"]
        if measure.value not in family.measures:
            able = sorted(f for f in scope.registry if measure.value in scope.registry[f].measures)
            help = (
                f"families that read it: {', '.join(able)}" if able else f"write measure: {sorted(family.measures)[0]}"
            )
            message = f"family '{family.name}' does not read {measure.value}"
            at = named if measure.key else measure
            scope.add(meaning_models.MEASURE, message, at, help, related=of_axis(named))


def check_params(scope: Scope) -> None:
    """Parameters must be valid for every family that gets them; what several say alike is said once.

    Where axes name the families, the group's own parameters reach those that know them.
    """
    said: dict[tuple[Route, bool, str], tuple[str | None, dict[str, Family]]] = {}
    unknown: dict[str, set[str]] = {}
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
            if at is not None and fault.unknown and _is_list(scope, at):
                _tell_axis(scope, at, family)
                continue
            route: Route = scope.route if at is None else (*at.route, *fault.route)
            key = at is None or fault.unknown
            said.setdefault((route, key, fault.message), (fault.help, {}))[1][family.name] = family
    for name, families in unknown.items():
        if families == seen:
            known = sorted({field for family in families for field in scope.registry[family].params.model_fields})
            route = (*scope.route, "params", name)
            message = f"no family of '{scope.name}' has a parameter '{name}'"
            scope.add(meaning.WRONG_PARAMETER, message, route, did_you_mean(name, known), key=True)
    for (route, key, message), (help, found_in) in said.items():
        text = f"{family_names([*found_in.values()])}: {message}"
        scope.add(meaning.WRONG_PARAMETER, text, route, help or "see the family's parameters", key=key)


def _is_list(scope: Scope, one: Written) -> bool:
    """Whether a parameter comes from an axis that is a list, which is then named after it."""
    return one.axis is not None and isinstance(scope.group.axes[one.axis], tuple)


def _tell_axis(scope: Scope, one: Written, family: Family) -> None:
    known = [*SETTINGS, *family.params.model_fields]
    scope.add(
        meaning_models.AXIS_NAME,
        f"axis '{one.axis}' is neither a setting of a group nor a parameter of family '{family.name}'",
        (*scope.route, "axes", str(one.axis)),
        f"{did_you_mean(str(one.axis), known)} (a map says what each value changes: {{fast: {{train: 250 bars}}}})",
        key=True,
    )
