"""Groups: families that exist, and settings that mean something to them, in every variant that the axes make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetspec.compiler.alternatives import MOST_VARIANTS, axis_values, count_variants, own_families
from fleetspec.compiler.check_axes import check_axes
from fleetspec.compiler.check_inputs import check_features, check_measure, check_params
from fleetspec.compiler.check_judges import check_target
from fleetspec.compiler.check_over import check_circles, check_over
from fleetspec.compiler.check_params import family_names
from fleetspec.compiler.check_scope import Scope, of_axis
from fleetspec.compiler.check_search import check_search
from fleetspec.compiler.settings import lineage
from fleetspec.diagnostics import did_you_mean
from fleetspec.rules import meaning, meaning_models
from fleetspec.units import Cadence

if TYPE_CHECKING:
    from fleetspec.compiler.alternatives import Written
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Report, Route
    from fleetspec.family import Family, Registry


def check_groups(spec: FleetSpec, registry: Registry, report: Report) -> None:
    """Add to the report what is wrong with the entries of ``models``."""
    for name in spec.models:
        _check_group(Scope(spec, name, registry, report))
    check_circles(spec, report)


def _check_group(scope: Scope) -> None:
    count = count_variants(scope.name, scope.group)
    if count > MOST_VARIANTS:
        message = f"the axes of '{scope.name}' multiply to {count:,} variants"
        scope.add(meaning.OUT_OF_RANGE, message, "axes", f"keep to {MOST_VARIANTS:,}, or make several groups", key=True)
        return
    check_axes(scope)
    _check_families(scope)
    families = [family for family, _ in scope.families()]
    fits, transforms = [f for f in families if not f.transforms], [f for f in families if f.transforms]
    if fits and transforms:
        _tell_mixed(scope, fits[0], transforms[0])
    elif fits:
        _check_fitted(scope, fits)
    elif transforms:
        _check_transform(scope, transforms)
    _check_suited(scope)
    _check_levels(scope)
    check_features(scope)
    check_measure(scope)
    check_params(scope)
    check_search(scope, fits, transforms)
    _check_idle(scope, families)


def _check_families(scope: Scope) -> None:
    """The families that the group itself names; those of axes are told with the axes."""
    group = scope.group
    if group.family is not None and group.families is not None:
        scope.add(
            meaning.FAMILY_OR_FAMILIES,
            f"'{scope.name}' has both family and families",
            "family",
            f"write families: [{', '.join(dict.fromkeys([*group.families, group.family]))}], and leave family out",
            key=True,
            related=[((*scope.route, "families"), "the others are here")],
        )
    of_axes = [one for axis in group.axes for one in axis_values(scope.name, group, axis) if "family" in one.changes]
    if not group.family_names and not of_axes:
        message = f"'{scope.name}' names no family"
        scope.add(meaning.FAMILY_OR_FAMILIES, message, None, "add family: garch")
    seen: set[str] = set()
    for written in own_families(scope.name, group):
        if written.value not in scope.registry:
            help = did_you_mean(written.value, scope.registry)
            scope.add(meaning.UNKNOWN_FAMILY, f"there is no family '{written.value}'", written, help)
        elif written.value in seen:
            scope.add(meaning.LISTED_TWICE, f"'{written.value}' is listed twice", written, "take one of them out")
        seen.add(written.value)


def _tell_mixed(scope: Scope, fit: Family, transform: Family) -> None:
    at = {family.name: written for family, written in scope.families()}[transform.name]
    scope.add(
        meaning.OVER,
        f"'{transform.name}' works on other forecasts, and '{fit.name}' on data",
        at if at.axis is not None else "families",
        "make two groups of them: the families of a group share train, refit and over",
    )


def _check_fitted(scope: Scope, fits: list[Family]) -> None:
    """A group that is fitted says how much history a fit sees and how often it is renewed."""
    for field, example in (("train", "train: 1000 bars"), ("refit", "refit: 5 sessions")):
        if any(found[field].value is None for _, _, found in scope.combinations(field)):
            scope.add(meaning.CADENCE, f"'{scope.name}' does not say {field}", None, f"add {example}")
    for _, _, found in scope.combinations("refit"):
        refit, forecast = found["refit"].value, scope.group.forecast
        if refit is not None and refit.sessions % forecast.sessions:
            scope.add(
                meaning.RHYTHM,
                f"refit: {refit} is no multiple of forecast: {forecast}",
                "forecast",
                f"write refit: {Cadence(forecast.sessions * -(-refit.sessions // forecast.sessions))}, "
                "or forecast: every session",
            )
            break
    if scope.group.over is not None:
        message = f"{_said(fits, 'is', 'are')} fitted on data, not over other forecasts"
        scope.add(meaning.OVER, message, "over", "leave over out", key=True)


def _check_rhythm(scope: Scope) -> None:
    """What is combined must be forecast from the same bars."""
    spec = scope.spec
    fitted = [below for below in lineage(spec, scope.name) if not spec.models[below].over_names]
    said = {(spec.models[name].forecast.sessions, spec.models[name].train) for name in fitted}
    if len({every for every, _ in said}) > 1 or (len(said) > 1 and max(every for every, _ in said) > 1):
        scope.add(
            meaning.RHYTHM,
            f"'{scope.name}' is over groups that forecast from different bars: {', '.join(fitted)}",
            "over",
            "give them the same forecast, and the same train where that is not every session",
        )


def _check_transform(scope: Scope, transforms: list[Family]) -> None:
    """A transform takes windows, bars and data from the groups it is over."""
    if "forecast" in scope.group.model_fields_set:
        message = f"{_said(transforms, 'forecasts', 'forecast')} when what it is over does"
        scope.add(meaning.CADENCE, message, "forecast", "leave forecast out", key=True)
    _check_rhythm(scope)
    for field in ("train", "refit", "measure"):
        for _, _, found in scope.combinations(field):
            written = found[field]
            if field in scope.group.model_fields_set or written.axis is not None:
                scope.add(
                    meaning.CADENCE,
                    f"{_said(transforms, 'fits', 'fit')} nothing, so {field} means nothing",
                    written if written.axis is not None else field,
                    f"leave {field} out: it follows the group it is over",
                    key=written.axis is None,
                )
    for _, _, found in scope.combinations("bar"):
        if found["bar"].axis is not None:
            message = f"'{scope.name}' has the bars of the groups it is over"
            scope.add(meaning.CADENCE, message, found["bar"], "leave bar out of its axes")
    check_over(scope, transforms)


def _check_suited(scope: Scope) -> None:
    """Target, kind of model and window, for every family in every variant."""
    group = scope.group
    known = check_target(scope)
    for family, named, found in scope.combinations("train"):
        if known and group.target not in family.targets:
            scope.add(
                meaning.WRONG_TARGET,
                f"family '{family.name}' does not forecast {group.target}",
                named if named.axis is not None else "target",
                f"write target: {_listed(family.targets)}" + _instead(scope, family),
                related=[((*scope.route, "target"), "the target is here")],
            )
        if group.per not in family.per:
            written = "per" in group.model_fields_set
            at: Written | str | None = named if named.axis is not None else "per" if written else None
            help = f"write per: {_listed(family.per)}" if group.per == "universe" else "add per: universe"
            scope.add(meaning.WRONG_PER, f"family '{family.name}' has no model per {group.per}", at, help)
        train = found["train"]
        if train.value is not None and not family.transforms and train.value.count < family.min_bars:
            scope.add(
                meaning.TRAIN_TOO_SHORT,
                f"family '{family.name}' needs at least {family.min_bars} bars, train has {train.value.count}",
                train,
                f"write train: {family.min_bars} bars or more",
                related=of_axis(named),
            )


def _instead(scope: Scope, family: Family) -> str:
    """Families of the same kind that forecast what the group asks for."""
    able = [
        other.name
        for other in scope.registry.families.values()
        if scope.group.target in other.targets and other.transforms == family.transforms
    ]
    return f", or another family: {', '.join(sorted(able))}" if able else ""


def _check_levels(scope: Scope) -> None:
    group, levels = scope.group, scope.group.levels
    if group.target != "value_at_risk":
        if levels:
            message = f"levels belong to value_at_risk, not to {group.target}"
            scope.add(meaning.LEVELS, message, "levels", "leave levels out", key=True)
        if "side" in group.model_fields_set:
            message = f"side belongs to value_at_risk, not to {group.target}"
            scope.add(meaning.LEVELS, message, "side", "leave side out", key=True)
        return
    if not levels:
        written = "levels" in group.model_fields_set
        message = f"'{scope.name}' has the target value_at_risk and no levels"
        scope.add(meaning.LEVELS, message, "levels" if written else None, "add levels: [99%, 97.5%]")
    for index, level in enumerate(levels):
        route: Route = (*scope.route, "levels", index)
        if level in levels[:index]:
            scope.add(meaning.LISTED_TWICE, f"{level} is listed twice", route, "take one out")
        elif not 0.5 < level.fraction < 1:
            message = f"a value at risk at {level} is no statement about losses"
            help = f"write a level above 50% and below 100%, such as {'99%' if level.fraction else '97.5%'}"
            if 0 < level.fraction < 0.5:
                help = f"the level is the share of days without exception: write {100 - level.fraction * 100:g}%"
            scope.add(meaning.LEVELS, message, route, help)


def _check_idle(scope: Scope, families: list[Family]) -> None:
    """Settings that none of the families takes."""
    group = scope.group
    if group.gpu_memory is not None and families and all(f.profile.gpu == "never" for f in families):
        message = f"{_said(families, 'never uses', 'never use')} a GPU"
        scope.add(meaning.NEVER_ON_GPU, message, "gpu_memory", "leave gpu_memory out", key=True)
    if group.gpu in ("required", "optional") and families and all(f.profile.gpu == "never" for f in families):
        message = f"{_said(families, 'never uses', 'never use')} a GPU"
        scope.add(meaning.NEVER_ON_GPU, message, "gpu", "leave gpu out", key=True)
    if group.gpu == "never" and group.gpu_memory is not None:
        message = f"models of '{scope.name}' never use a GPU: gpu_memory says nothing of them"
        scope.add(meaning.NEVER_ON_GPU, message, "gpu_memory", "leave gpu_memory out, or write gpu: optional", key=True)
    if group.pretrained_until is not None:
        message = f"'{scope.name}' has pretrained_until, and none of its families comes pretrained"
        help = "leave pretrained_until out: each family is fitted on the data of the spec"
        scope.add(meaning_models.NOT_PRETRAINED, message, "pretrained_until", help, key=True)


def _said(families: list[Family], one: str, several: str) -> str:
    return f"{family_names(families)} {one if len(families) == 1 else several}"


def _listed(words: frozenset[str]) -> str:
    return " or ".join(sorted(words))
