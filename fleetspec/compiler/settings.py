"""Groups as the graph knows them: in the order in which they feed each other, every value in its canonical form."""

from __future__ import annotations

import math
from posixpath import normpath
from typing import TYPE_CHECKING, Any

from fleetspec.compiler.addresses import slug
from fleetspec.compiler.axes import Variant, rebalances, variants
from fleetspec.compiler.jobgraph import GroupFamily, Rung, SearchSetting
from fleetspec.compiler.spaces import canonical_space
from fleetspec.panel.features import canonical as canonical_feature

if TYPE_CHECKING:
    from fleetspec.compiler.spec import DataSource, FleetSpec
    from fleetspec.compiler.spec_models import ModelGroup, Search
    from fleetspec.family import Family, Registry
    from fleetspec.units import Bars, BarSize, Cadence

HALVING = 3
"""A rung keeps one candidate of three and gives it three times as much of the window (Li et al. 2018)."""


def group_order(spec: FleetSpec) -> list[str]:
    """Every group after those it is over; by name where either order would do.

    A group in a circle of ``over``, or over a group that does not exist, is left out.
    """
    order: list[str] = []
    waiting = sorted(spec.models)
    while True:
        ready = [g for g in waiting if all(below in order for below in spec.models[g].over_names)]
        if not ready:
            return order
        order += ready
        waiting = [g for g in waiting if g not in ready]


def lineage(spec: FleetSpec, group: str) -> list[str]:
    """The group, those it is over, those they are over, and so on: each once, the nearest first."""
    found = [group]
    for name in found:
        if name in spec.models:
            found += [below for below in spec.models[name].over_names if below not in found and below in spec.models]
    return found


def common_start(spec: FleetSpec, held: set[str]) -> dict[str, int]:
    """First bar at which a backtest window of a group may end: the longest window of all groups that are combined
    with it, so that what is averaged has the same origins."""
    longest = {g: max((_train(spec.models[g], v) for v in variants(spec.models[g])), default=0) for g in held}
    linked = {g: {g} for g in held}
    for group in held:
        for below in lineage(spec, group):
            if below in held:
                together = linked[group] | linked[below]
                linked |= dict.fromkeys(together, together)
    return {g: max(longest[other] for other in linked[g]) for g in held}


def cadences(model: ModelGroup) -> set[tuple[str | None, int, int, str]]:
    """(bar, train, refit, measure) of every window that is fitted or searched on, which counts in bars; the bar is None
    for the universe's own."""
    found = set()
    for variant in variants(model):
        refit = variant.get("refit", model.refit)
        if variant.get("train", model.train) is None or refit is None:
            continue
        bar = variant.get("bar", None)
        at, train = None if bar is None else str(bar), _train(model, variant)
        measure = variant.get("measure", model.measure)
        found.add((at, train, refit.sessions, measure))
        if model.search is not None:
            found.add((at, train, model.search.every.sessions, measure))
    return found


def _train(model: ModelGroup, variant: Variant) -> int:
    train: Bars | None = variant.get("train", model.train)
    return train.count if train is not None else 0


def group_settings(spec: FleetSpec, group: str, registry: Registry) -> list[GroupFamily]:
    """One setting per variant and family of a group, by address. The spec has passed ``check``.

    The group's ``params`` reach the families that know them where an axis names the families.
    """
    model = spec.models[group]
    made = []
    for variant in _inherited(spec, group) or variants(model):
        named = variant.get("family", None)
        for name in (named,) if named is not None else sorted(model.family_names):
            made.append(_setting(spec, group, registry[name], variant))
    return made


def _inherited(spec: FleetSpec, group: str) -> list[Variant]:
    """The variants of a transform over groups with bars of their own: one for each bar, since bars cannot be mixed."""
    bars = bars_of(spec, group) if spec.models[group].over_names else {None}
    if bars == {None}:
        return []
    return [
        Variant() if bar is None else Variant((("bar", slug(str(bar))),), {"bar": bar})
        for bar in sorted(bars, key=lambda bar: (bar is not None, str(bar)))
    ]


def bars_of(spec: FleetSpec, group: str) -> set[BarSize | None]:
    """The bars of a group's models; None is the universe's own."""
    model = spec.models[group]
    if not model.over_names:
        return {variant.get("bar", None) for variant in variants(model)}
    fitted = [below for below in lineage(spec, group) if not spec.models[below].over_names]
    return {bar for below in fitted for bar in bars_of(spec, below)}


def rhythm(spec: FleetSpec, group: str) -> tuple[int, int]:
    """(first bar, every so many bars) of the forecasts that a transform works on; (0, 1) where all bars have one."""
    fitted = [spec.models[below] for below in lineage(spec, group) if not spec.models[below].over_names]
    every = max((model.forecast.sessions for model in fitted), default=1)
    if every == 1:
        return 0, 1
    return max(_train(model, variant) for model in fitted for variant in variants(model)), every


def _setting(spec: FleetSpec, group: str, family: Family, variant: Variant) -> GroupFamily:
    model = spec.models[group]
    refit: Cadence | None = variant.get("refit", model.refit)
    bar = variant.get("bar", None)
    train, every = _train(model, variant), model.forecast.sessions
    if model.over_names:
        train, every = rhythm(spec, group)
    params = {n: v for n, v in model.params.items() if n in family.params.model_fields or not model.axes}
    return GroupFamily(
        group=group,
        family=family,
        target=model.target,
        per=model.per,
        params=canonical_params(family, params | variant.params),
        features=tuple(map(canonical_feature, feature_list(spec, model, variant))) if family.uses_features else (),
        over=tuple(sorted(model.over_names)),
        train=train,
        refit=refit.sessions if refit is not None else 1,
        levels=tuple(sorted(level.fraction for level in model.levels)),
        gpu_memory_mib=None if model.gpu_memory is None else model.gpu_memory.mib,
        variant=variant.values,
        bar=None if bar is None else str(bar),
        measure=variant.get("measure", model.measure),
        every=every,
        side=model.side,
        search=None if model.search is None else search_setting(model.search, family, train, _farthest(spec, group)),
        rebalance=rebalances(model),
        gpu=None if family.profile.gpu == "never" else model.gpu,
    )


def feature_list(spec: FleetSpec, model: ModelGroup, variant: Variant) -> tuple[str, ...]:
    """The features of a variant: an axis gives a list or a name, the group a name."""
    named = variant.get("features", model.features)
    if named is None or isinstance(named, tuple):
        return named or ()
    return spec.features[named]


def _farthest(spec: FleetSpec, group: str) -> int:
    """The longest horizon in bars that the fleet asks of a group."""
    rows = (row for row in spec.fleet if group in row.model_names)
    return max((horizon.count for row in rows for horizon in spec.row_horizons(row)), default=1)


def search_setting(search: Search, family: Family, train: int, farthest: int) -> SearchSetting:
    """A search with its rungs spelled out. ``farthest`` is the longest horizon in bars; a horizon-free family is judged
    by one bar.

    Halving starts with the smallest part of the window, window / 3^k, that still holds the family's shortest window
    and, beside it, a horizon to judge by.
    """
    trials, ahead = search.trials, 1 if family.horizon_free else farthest
    depth = 0
    if search.method == "halving":
        while HALVING ** (depth + 1) <= trials:
            bars = train / HALVING ** (depth + 1)
            judged = int(bars * search.validation.fraction)
            if bars * (1 - search.validation.fraction) < family.min_bars or judged < ahead:
                break
            depth += 1
    rungs = []
    for k in range(depth + 1):
        kept = math.ceil(trials / HALVING**k)
        rungs.append(Rung(kept, 1 / HALVING ** (depth - k), kept if family.trials_apart else 1))
    space = canonical_space(search.space)
    return SearchSetting(search.every.sessions, search.metric, search.validation.fraction, space, tuple(rungs))


def canonical_params(family: Family, params: dict[str, Any]) -> dict[str, Any]:
    """All parameters of a family as JSON data, defaults included: spelling a default out changes nothing."""
    return family.params.model_validate(params).model_dump(mode="json")


def source_identity(source: DataSource) -> dict[str, Any]:
    """What makes a data source this one, beside the bars themselves, which have digests of their own.

    How many series or sessions a synthetic market has is left out: the digests of the bars themselves tell markets of
    other sizes apart.
    """
    location = source.from_ if ":" in source.from_ else normpath(source.from_)
    columns = {name: getattr(source, name) for name in _COLUMNS}
    return {"from": location, "seed": source.seed or 0} | {k: v for k, v in columns.items() if v is not None}


_COLUMNS = ("key", "time", "price", "returns", "volume", "high", "low", "realised", "implied")
