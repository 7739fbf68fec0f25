"""Search spaces: what a range like ``0.01..0.3 log`` means, and the candidates that are drawn from it.

A candidate is known by its number: candidate 7 of a space and a seed is the same however many are tried, so trials
that have been made are found again when a search is widened (random search: Bergstra and Bengio 2012).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from fleetspec.compiler.identity import canonical, digest
from fleetspec.units import UnitError

if TYPE_CHECKING:
    from pydantic import BaseModel

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})(\s+log)?\s*")
_DIGITS = 6
"""Significant digits of a drawn number: enough for any search, and the same text on every machine."""


class Interval(Struct, frozen=True):
    """Numbers from ``low`` to ``high``, both included; ``log`` spreads them evenly over magnitudes."""

    low: float
    high: float
    log: bool

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}{' log' if self.log else ''}"


Choices = tuple[str, ...]


def parse_space(written: str | tuple[str, ...]) -> Interval | Choices:
    """A parameter's space: a range, or a list of values. Raises :class:`~fleetspec.units.UnitError`."""
    if isinstance(written, tuple):
        if not written:
            raise UnitError("the list of choices is empty", "name at least two values, or leave the parameter out")
        return written
    found = _RANGE.fullmatch(written)
    if found is None:
        raise UnitError(f"'{written}' is not a range", "write 3..9, 0.01..0.3 log, or a list: [normal, t]")
    low, high, log = float(found[1]), float(found[2]), found[3] is not None
    if not low < high:
        raise UnitError(f"the range {written} is empty", f"write the smaller number first: {high:g}..{low:g}")
    if log and low <= 0:
        raise UnitError(f"{written}: a log range cannot reach {low:g}", "begin above 0, such as 1e-4..1 log")
    return Interval(low, high, log)


def canonical_space(space: Mapping[str, str | tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    """Names and canonical texts by name: ``1e-4..1 log`` and ``0.0001..1.0 log`` are one."""
    parsed = ((name, parse_space(written)) for name, written in sorted(space.items()))
    return tuple((name, canonical(one if isinstance(one, tuple) else str(one)).decode()) for name, one in parsed)


def whole_numbers(params: type[BaseModel]) -> frozenset[str]:
    """The parameters that are whole numbers."""
    return frozenset(name for name, info in params.model_fields.items() if info.annotation is int)


def candidate(space: Mapping[str, Interval | Choices], number: int, seed: int, whole: frozenset[str]) -> dict[str, str]:
    """Candidate ``number`` of a space, as texts of the language. Each parameter has a stream of its own."""
    drawn = {}
    for name in sorted(space):
        key = digest("candidate", name.encode(), canonical([seed, number]))
        at = np.random.Generator(np.random.PCG64(int.from_bytes(key, "little"))).random()
        drawn[name] = _at(space[name], float(at), name in whole)
    return drawn


def _at(one: Interval | Choices, share: float, whole: bool) -> str:
    """The value at a share from 0 (included) to 1 of a space."""
    if isinstance(one, tuple):
        return one[int(share * len(one))]
    low, high = one.low, one.high
    if whole:
        # Half a step on both sides, so that the ends are as likely as the rest.
        low, high = math.ceil(low) - 0.5, math.floor(high) + 0.5
        value = math.exp(math.log(low) + share * math.log(high / low)) if one.log else low + share * (high - low)
        return str(min(max(round(value), math.ceil(one.low)), math.floor(one.high)))
    value = math.exp(math.log(low) + share * math.log(high / low)) if one.log else low + share * (high - low)
    return f"{min(max(value, low), high):.{_DIGITS}g}"


def read_space(space: tuple[tuple[str, str], ...]) -> dict[str, Interval | Choices]:
    """What :func:`canonical_space` wrote, parsed again."""
    read = ((name, json.loads(text)) for name, text in space)
    return {name: parse_space(tuple(one) if isinstance(one, list) else one) for name, one in read}
