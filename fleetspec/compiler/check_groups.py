"""Groups: families that exist, and settings that mean something to them."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import Any

from pydantic import ValidationError

from fleetspec.compiler.spec import FleetSpec, ModelGroup
from fleetspec.diagnostics import Report, Route, did_you_mean
from fleetspec.family import Family, Registry
from fleetspec.panel.features import FeatureError, lookback
from fleetspec.rules import meaning


def check_groups(spec: FleetSpec, registry: Registry, report: Report) -> None:
    """Add to the report what is wrong with the entries of ``models``."""
    for name, group in spec.models.items():
        _Group(spec, name, group, _families(name, group, registry, report), report).check()
    _check_circles(spec, report)


def _families(name: str, group: ModelGroup, registry: Registry, report: Report) -> list[Family]:
    """The families of a group that exist."""
    route: Route = ("models", name)
    if group.family is not None and group.families is not None:
        help = "put all of them into families:"
        message = f"'{name}' has both family and families"
        report.add(meaning.FAMILY_OR_FAMILIES, message, route=(*route, "family"), key=True, help=help)
    elif not group.family_names:
        message = f"'{name}' names no family"
        report.add(meaning.FAMILY_OR_FAMILIES, message, route=route, key=True, help="add family: garch")
    found = []
    for index, text in enumerate(group.family_names):
        here: Route = (*route, "family") if group.families is None else (*route, "families", index)
        family = registry.get(text)
        if family is None:
            help = did_you_mean(text, registry)
            report.add(meaning.UNKNOWN_FAMILY, f"there is no family '{text}'", route=here, help=help)
        elif family in found:
            report.add(meaning.LISTED_TWICE, f"'{text}' is listed twice", route=here, help="take one of them out")
        else:
            found.append(family)
    return found


class _Group:
    """The checks of one group; each knows its route."""

    def __init__(self, spec: FleetSpec, name: str, group: ModelGroup, families: list[Family], report: Report) -> None:
        self.spec, self.name, self.group, self.families, self.report = spec, name, group, families, report
        self.route: Route = ("models", name)
        self.fits = [f for f in families if not f.transforms]
        self.transforms = [f for f in families if f.transforms]

    def check(self) -> None:
        if self.fits and self.transforms:
            message = f"{self.transforms[0].name} works on other forecasts and {self.fits[0].name} on data"
            help = "make two groups of them: the families of a group share train, refit and over"
            self.add(meaning.OVER, message, "families", help)
        elif self.families:
            self.check_kind()
        for family in self.families:
            self.check_family(family)
        self.check_levels()
        self.check_features()
        self.check_params()
        if self.group.gpu_memory is not None and self.families and all(f.profile.gpu == "never" for f in self.families):
            message = f"{_said(self.families, 'never uses', 'never use')} a GPU"
            self.add(meaning.NEVER_ON_GPU, message, "gpu_memory", "leave gpu_memory out", key=True)

    def add(self, rule: Any, message: str, field: str | None, help: str, *, key: bool = False) -> None:
        """A finding at a field of the group, or at the group's own key."""
        route = self.route if field is None else (*self.route, field)
        self.report.add(rule, message, route=route, key=key or field is None, help=help)

    def check_kind(self) -> None:
        """A group either fits (train, refit) or transforms (over)."""
        group = self.group
        if self.fits:
            for field, value, example in (
                ("train", group.train, "train: 1000 bars"),
                ("refit", group.refit, "refit: 5 sessions"),
            ):
                if value is None:
                    self.add(meaning.CADENCE, f"'{self.name}' does not say {field}", None, f"add {example}")
            if group.over is not None:
                message = f"{_said(self.families, 'is', 'are')} fitted on data, not over other forecasts"
                self.add(meaning.OVER, message, "over", "leave over out", key=True)
            return
        for field in ("train", "refit"):
            if getattr(group, field) is not None:
                message = f"{_said(self.families, 'fits', 'fit')} nothing, so {field} means nothing"
                help = f"leave {field} out: it follows the group it is over"
                self.add(meaning.CADENCE, message, field, help, key=True)
        self.check_over()

    def check_over(self) -> None:
        spec = self.spec
        if not self.group.over_names:
            message = (
                f"{_said(self.families, 'works', 'work')} on another group's forecasts, and '{self.name}' names none"
            )
            targets = [n for n, m in spec.models.items() if m.target == "variance"]
            self.add(meaning.OVER, message, None, f"add over: {targets[0] if targets else 'vol'}")
        for index, over in enumerate(self.group.over_names):
            route: Route = (*self.route, "over") if isinstance(self.group.over, str) else (*self.route, "over", index)
            if over in self.group.over_names[:index]:
                message = f"'{over}' is listed twice"
                self.report.add(meaning.LISTED_TWICE, message, route=route, help="take one of them out")
            elif over not in spec.models:
                message = f"there is no group in models '{over}'"
                help = did_you_mean(over, spec.models.keys() - {self.name})
                self.report.add(meaning.UNKNOWN_NAME, message, route=route, help=help)
            else:
                self.check_member(over, spec.models[over], route)

    def check_member(self, over: str, below: ModelGroup, route: Route) -> None:
        """Whether a group's forecasts are what this one works on."""
        if self.group.target == "value_at_risk" and below.target != "variance":
            message = f"value at risk is made from variance forecasts, and '{over}' forecasts {below.target}"
            able = [n for n, m in self.spec.models.items() if m.target == "variance"]
            help = f"write over: {able[0]}" if able else "add a group with target: variance"
            self.report.add(meaning.OVER, message, route=route, help=help)
        if self.group.per == "universe" and below.per == "series":
            message = f"'{self.name}' has one model per universe, and '{over}' one per series"
            self.add(meaning.WRONG_PER, message, "per", "write per: series")

    def check_family(self, family: Family) -> None:
        group = self.group
        if group.target not in family.targets:
            message = f"family '{family.name}' does not forecast {group.target}"
            self.add(meaning.WRONG_TARGET, message, "target", f"it forecasts {_listed(family.targets)}")
        if group.per not in family.per:
            message = f"family '{family.name}' has no model per {group.per}"
            help = f"write per: {_listed(family.per)}" if group.per == "universe" else "add per: universe"
            written = "per" in group.model_fields_set
            self.add(meaning.WRONG_PER, message, "per" if written else None, help)
        if group.train is not None and not family.transforms and group.train.count < family.min_bars:
            message = f"family '{family.name}' needs at least {family.min_bars} bars, train has {group.train.count}"
            self.add(meaning.TRAIN_TOO_SHORT, message, "train", f"write train: {family.min_bars} bars or more")

    def check_levels(self) -> None:
        levels = self.group.levels
        if self.group.target != "value_at_risk":
            if levels:
                message = f"levels belong to value_at_risk, not to {self.group.target}"
                self.add(meaning.LEVELS, message, "levels", "leave levels out", key=True)
            return
        if not levels:
            written = "levels" in self.group.model_fields_set
            message = f"'{self.name}' has the target value_at_risk and no levels"
            self.add(meaning.LEVELS, message, "levels" if written else None, "add levels: [99%, 97.5%]")
        for index, level in enumerate(levels):
            route = (*self.route, "levels", index)
            if level in levels[:index]:
                self.report.add(meaning.LISTED_TWICE, f"{level} is listed twice", route=route, help="take one out")
            elif not 0.5 < level.fraction < 1:
                message = f"a value at risk at {level} is no statement about losses"
                help = f"write a level above 50% and below 100%, such as {'99%' if level.fraction else '97.5%'}"
                if 0 < level.fraction < 0.5:
                    help = f"the level is the share of days without exception: write {100 - level.fraction * 100:g}%"
                self.report.add(meaning.LEVELS, message, route=route, help=help)

    def check_features(self) -> None:
        group, spec = self.group, self.spec
        wanting = [f for f in self.families if f.uses_features]
        if group.features is None:
            if wanting:
                have = (
                    f"add features: {next(iter(spec.features))}"
                    if spec.features
                    else "write features: {tech: [rsi(14)]}"
                )
                message = f"{_said(wanting, 'learns', 'learn')} from features, and '{self.name}' names none"
                self.add(meaning.FEATURES, message, None, have)
            return
        if self.families and not wanting:
            message = f"{_said(self.families, 'uses', 'use')} no features"
            self.add(meaning.FEATURES, message, "features", "leave features out", key=True)
            return
        if group.features not in spec.features:
            message = f"there is no feature list '{group.features}'"
            self.add(meaning.UNKNOWN_NAME, message, "features", did_you_mean(group.features, spec.features))
            return
        try:
            needed = lookback(spec.features[group.features])
        except FeatureError:
            return  # told where the features are defined
        if group.train is not None and needed >= group.train.count:
            message = f"the features look back {needed} bars, which leaves nothing of {group.train} to learn from"
            self.add(meaning.FEATURES, message, "train", "take shorter features or a longer window")

    def check_params(self) -> None:
        """Parameters must be valid for every family of the group; what several say alike is said once."""
        said: dict[tuple[Route, bool, str], tuple[str | None, list[Family]]] = {}
        for family in self.families:
            try:
                family.params.model_validate(self.group.params)
            except ValidationError as error:
                for detail in error.errors(include_url=False):
                    route, key, message, help = _parameter_fault(family, dict(detail), self.group.params)
                    said.setdefault((route, key, message), (help, []))[1].append(family)
        for (route, key, message), (help, families) in said.items():
            self.report.add(
                meaning.WRONG_PARAMETER,
                f"{_names(families)}: {message}",
                route=(*self.route, "params", *route),
                key=key,
                help=help,
            )


_LIMITS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def _parameter_fault(
    family: Family, detail: dict[str, Any], params: dict[str, Any]
) -> tuple[Route, bool, str, str | None]:
    """(route inside params, whether the key is meant, message, help) of a pydantic error."""
    location, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    route: Route = ()
    value: Any = params
    for part in location:
        inside = value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, tuple) else {}
        if part not in inside:
            break
        value, route = inside[part], (*route, part)
    name = str(location[0]) if location else ""
    if kind == "extra_forbidden":
        known = list(family.params.model_fields)
        help = did_you_mean(name, known) if known else "leave params out"
        return route, True, f"there is no parameter '{name}'", help
    if kind == "missing":
        return (), True, f"the parameter '{name}' is missing", f"write params: {{{name}: …}}"
    if kind == "literal_error":
        choices = [word.strip().strip("'") for word in str(context["expected"]).replace(" or ", ",").split(",")]
        shown = f"'{value}'" if isinstance(value, str) else "this"
        return route, False, f"{shown} is not a choice for {name}", did_you_mean(str(value), choices)
    if kind in _LIMITS:
        bound, words = _LIMITS[kind]
        return route, False, f"{name} is {value}", f"write a number {words} {context[bound]:g}"
    message = str(context.get("text") or detail["msg"].removeprefix("Value error, "))
    return route, False, f"{name}: {message}" if name and name not in message else message, context.get("help")


def _names(families: list[Family]) -> str:
    names = [f"'{family.name}'" for family in families]
    if len(names) == 1:
        return f"family {names[0]}"
    return f"families {', '.join(names[:-1])} and {names[-1]}"


def _said(families: list[Family], one: str, several: str) -> str:
    return f"{_names(families)} {one if len(families) == 1 else several}"


def _listed(words: frozenset[str]) -> str:
    return " or ".join(sorted(words))


def _check_circles(spec: FleetSpec, report: Report) -> None:
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
        )
