"""What the settings of a group may be over its variants, each with the place that says so.

:mod:`~fleetspec.compiler.axes` gives the variants themselves; here only those settings are combined that a check looks
at, so that a group of ten thousand variants is checked by the dozen values that matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from pydantic import ValidationError

from fleetspec.compiler.axes import SETTINGS
from fleetspec.compiler.settings import lineage
from fleetspec.compiler.spec_models import Evaluates, Override

if TYPE_CHECKING:
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.compiler.spec_models import ModelGroup
    from fleetspec.diagnostics import Route
    from fleetspec.units import BarSize

MOST_VARIANTS = 10_000
"""Variants of one group: more is a mistake, and would be ten thousand times every series."""


class Written(Struct, frozen=True):
    """A value and where it is written; where nothing is, the value is None and ``key`` points at the group's name."""

    value: Any
    route: Route
    key: bool = False
    axis: str | None = None


class AxisValue(Struct, frozen=True):
    """One value of an axis: as it is written, where, and what it changes."""

    text: str
    route: Route
    changes: dict[str, Written] = field(default_factory=dict)
    params: dict[str, Written] = field(default_factory=dict)


def axis_values(name: str, group: ModelGroup, axis: str) -> list[AxisValue]:
    """The values of an axis that fits. Those of a list that the setting cannot have are left out."""
    written = group.axes[axis]
    route: Route = ("models", name, "axes", axis)
    if isinstance(written, Evaluates | str):
        return []
    if not isinstance(written, dict):
        return [one for index, text in enumerate(written) if (one := _listed(axis, text, (*route, index))) is not None]
    return [_mapped(axis, text, change, (*route, text)) for text, change in sorted(written.items())]


def _listed(axis: str, text: str, route: Route) -> AxisValue | None:
    if axis not in SETTINGS:
        return AxisValue(text, route, params={axis: Written(text, route, axis=axis)})
    try:
        value = getattr(Override.model_validate({axis: text}), axis)
    except ValidationError:
        return None
    return AxisValue(text, route, {axis: Written(value, route, axis=axis)})


def _mapped(axis: str, text: str, change: str | tuple[str, ...] | Override, route: Route) -> AxisValue:
    if isinstance(change, str):
        return AxisValue(text, route, {"family": Written(change, route, axis=axis)})
    if isinstance(change, tuple):
        return AxisValue(text, route, {"features": Written(change, route, axis=axis)})
    changes = {
        key: Written(getattr(change, key), (*route, key), axis=axis) for key in change.model_fields_set - {"params"}
    }
    params = {key: Written(value, (*route, "params", key), axis=axis) for key, value in change.params.items()}
    return AxisValue(text, route, changes, params)


def count_variants(name: str, group: ModelGroup) -> int:
    """How many variants the axes of a group make."""
    return math.prod(len(axis_values(name, group, axis)) or 1 for axis in group.axes)


def alternatives(name: str, group: ModelGroup, *settings: str) -> Iterator[dict[str, Written]]:
    """Every combination of settings that a variant has; none for a group with more than ``MOST_VARIANTS`` variants.

    ``family`` is one family of several where no axis names it, and ``params`` a map from parameter to what is written.
    """
    if count_variants(name, group) > MOST_VARIANTS:
        return
    wanted = frozenset(settings)
    axes = []
    for axis in sorted(group.axes):
        touched = [_touched(one, wanted) for one in axis_values(name, group, axis)]
        telling = [one for one in touched if one]
        if telling:
            # Values that change nothing of what is wanted are one and the same here.
            axes.append(telling if len(telling) == len(touched) else [*telling, {}])
    own = {setting: _own(name, group, setting) for setting in settings if setting not in ("family", "params")}
    of_group = {key: Written(value, ("models", name, "params", key)) for key, value in group.params.items()}
    for chosen in product(*axes):
        found: dict[str, Any] = dict(own)
        params = dict(of_group)
        for change in chosen:
            params |= change.get("params", {})
            found |= {key: value for key, value in change.items() if key != "params"}
        if "params" in wanted:
            found["params"] = Written(params, ("models", name, "params"))
        if "family" not in wanted or "family" in found:
            yield found
        else:
            yield from ({"family": family, **found} for family in own_families(name, group))


def _touched(one: AxisValue, wanted: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {key: value for key, value in one.changes.items() if key in wanted}
    return found | ({"params": one.params} if "params" in wanted and one.params else {})


def _own(name: str, group: ModelGroup, setting: str) -> Written:
    """What the group itself says."""
    value = getattr(group, setting, None)
    if setting in group.model_fields_set:
        return Written(value, ("models", name, setting))
    return Written(value, ("models", name), key=True)


def own_families(name: str, group: ModelGroup) -> list[Written]:
    """The families that the group itself names."""
    route: Route = ("models", name)
    if group.families is None:
        return [Written(group.family, (*route, "family"))] if group.family is not None else []
    return [Written(text, (*route, "families", index)) for index, text in enumerate(group.families)]


def group_bars(spec: FleetSpec, name: str) -> set[BarSize | None]:
    """The bars of a group's forecasts, a transform's from what it is over; None is the universe's own."""
    fitted = [below for below in lineage(spec, name) if not spec.models[below].over_names]
    return {found["bar"].value for below in fitted for found in alternatives(below, spec.models[below], "bar")}
