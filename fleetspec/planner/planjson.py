"""A plan read back from its JSON: the inverse of ``Plan.to_json``, for the pod that runs it."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from fleetspec.planner.plans import Plan


class PlanJsonError(ValueError):
    """The data is not a plan of this version; the message names the place."""


def plan_from_json(data: Any) -> Plan:
    """A :class:`Plan` equal to the one that was written. Raises PlanJsonError where the shape differs."""
    return cast(Plan, _read(Plan, data, "plan"))


def _read(kind: Any, data: Any, place: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return _read_record(kind, data, place)
    if origin is tuple:
        return _read_tuple(arguments, data, place)
    if origin in (Union, types.UnionType):
        if data is None and type(None) in arguments:
            return None
        (plain,) = (a for a in arguments if a is not type(None))
        return _read(plain, data, place)
    if origin is Literal:
        if data not in arguments:
            raise PlanJsonError(f"{place} is {data!r}, expected one of {', '.join(map(repr, arguments))}")
        return data
    # JSON has one kind of number: a whole float may come back as an integer.
    accepted = (int, float) if kind is float else kind
    if not isinstance(data, accepted) or (isinstance(data, bool) and kind is not bool):
        raise PlanJsonError(f"{place} is {data!r}, expected {kind.__name__}")
    return kind(data)


def _read_record(kind: type, data: Any, place: str) -> Any:
    if not isinstance(data, dict):
        raise PlanJsonError(f"{place} is no map")
    hints = _hints(kind)
    known = [field.name for field in fields(kind)]
    if set(known) != set(data):
        odd = sorted(set(known) ^ set(data))
        raise PlanJsonError(f"{place} has other keys than this version writes: {', '.join(odd)}")
    return kind(**{name: _read(hints[name], data[name], f"{place}.{name}") for name in known})


def _read_tuple(arguments: tuple[Any, ...], data: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise PlanJsonError(f"{place} is no list")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_read(arguments[0], item, f"{place}[{i}]") for i, item in enumerate(data))
    if len(arguments) != len(data):
        raise PlanJsonError(f"{place} has {len(data)} entries, expected {len(arguments)}")
    pairs = zip(arguments, data, strict=True)
    return tuple(_read(kind, item, f"{place}[{i}]") for i, (kind, item) in enumerate(pairs))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
