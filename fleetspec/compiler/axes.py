"""Axes of a group: the variants they make, each with what it changes.

A list is named after a setting of the group (``bar``, ``train`` …) or a parameter of its families; a map says for
each value what it changes, beside that setting where the axis is named after one; an axis that evaluates makes no
variant.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from fleetspec.compiler.addresses import slug
from fleetspec.compiler.spec_models import Evaluates, Override

if TYPE_CHECKING:
    from fleetspec.compiler.spec_models import ModelGroup

SETTINGS = ("bar", "features", "measure", "refit", "train")
"""Settings of a group that a list of values may be named after."""


class Variant(Struct, frozen=True):
    """One combination of axis values: (axis, value as in an address) by axis, and the changes, later axes winning."""

    values: tuple[tuple[str, str], ...] = ()
    changes: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)

    def get(self, setting: str, otherwise: Any) -> Any:
        """The variant's own value of a setting, else the group's."""
        return self.changes.get(setting, otherwise)


def variants(group: ModelGroup) -> list[Variant]:
    """Every combination of the group's axes that fit, axes and values by name; one plain variant without axes.

    Raises pydantic's ValidationError for a value that the setting cannot have: ``checks`` has told it before.
    """
    axes = [(name, list(values(name, group))) for name in sorted(group.axes)]
    return [_combined([(name, *chosen) for (name, _), chosen in zip(axes, each, strict=True)])
            for each in product(*(choices for _, choices in axes))]  # fmt: skip


def values(axis: str, group: ModelGroup) -> Iterator[tuple[str, Override]]:
    """(value, what it changes) of one axis, by value; a single empty one for an axis that only evaluates."""
    written = group.axes[axis]
    if isinstance(written, Evaluates | str):
        yield "", Override()
    elif isinstance(written, dict):
        for value, change in sorted(written.items()):
            yield value, _override(axis, value, change)
    else:
        for value in written:
            if axis in SETTINGS:
                yield value, Override.model_validate({axis: value})
            else:
                yield value, Override(params={axis: value})


def _override(axis: str, value: str, change: str | tuple[str, ...] | Override) -> Override:
    if isinstance(change, str):
        return Override(family=change)
    if isinstance(change, tuple):
        return Override(features=change)
    if axis not in SETTINGS or axis in change.model_fields_set:
        return change
    named = Override.model_validate({axis: value})
    return change.model_copy(update={axis: getattr(named, axis)})


def _combined(chosen: list[tuple[str, str, Override]]) -> Variant:
    changes: dict[str, Any] = {}
    params: dict[str, Any] = {}
    for _, _, change in chosen:
        given = {name: getattr(change, name) for name in change.model_fields_set}
        params |= given.pop("params", {})
        changes |= given
    return Variant(tuple((axis, slug(value)) for axis, value, _ in chosen if value), changes, params)


def rebalances(group: ModelGroup) -> tuple[int, ...]:
    """Sessions between renewals of a position that the group's evaluations are made for, the shortest first."""
    every = (axis.every for axis in group.axes.values() if isinstance(axis, Evaluates))
    return tuple(sorted({cadence.sessions for listed in every for cadence in listed}))
