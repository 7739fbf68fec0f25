"""The base of every map in the language."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Shape(BaseModel):
    """A map of the language: strict, frozen, unknown keys refused. Every scalar arrives as a string (``scalars``)."""

    model_config = ConfigDict(
        frozen=True, defer_build=True, extra="forbid", strict=True, arbitrary_types_allowed=True, populate_by_name=True
    )


def listed(value: tuple[T, ...] | T | None) -> tuple[T, ...]:
    """A name or a list of names as a list; nothing as an empty one."""
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)
