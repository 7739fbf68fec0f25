"""Quantities a person writes in a spec and reads in a plan: parsed, compared and shown in one place.

Every quantity has a mandatory unit and one canonical text, so ``60m`` and ``1h`` are the same value and
hash the same. Nothing here knows YAML or pydantic: a bad text raises :class:`UnitError`, whose ``help``
names the way out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MIB = {"Mi": 1, "Gi": 1024, "Ti": 1024 * 1024, "MiB": 1, "GiB": 1024, "TiB": 1024 * 1024}
_SMALLER = "write a number up to 1e15"
_NUMBER = r"[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"


class UnitError(ValueError):
    """A text that is not the quantity asked for. ``help`` says how to write it."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


def finite(digits: str) -> float:
    """The number in a text of digits. Raises :class:`UnitError` above 10^15: a float is exact up to there."""
    value = float(digits)
    if abs(value) > 1e15:
        raise UnitError(f"'{digits[:20]}…' is too large" if len(digits) > 20 else f"'{digits}' is too large", _SMALLER)
    return value


@dataclass(frozen=True, order=True, slots=True)
class Duration:
    """Clock time in whole seconds: ``45m``, ``1h30m``, ``90s``, ``2d``."""

    seconds: int

    _SHAPE: ClassVar[re.Pattern[str]] = re.compile(r"(?:\s*(\d+(?:\.\d+)?)\s*([smhd]))+\s*")
    _PART: ClassVar[re.Pattern[str]] = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")

    @classmethod
    def parse(cls, text: str) -> Self:
        if not cls._SHAPE.fullmatch(text):
            raise UnitError(f"'{text}' is not a duration", "write a number and s, m, h or d: 45m, 1h30m")
        total = sum(finite(number) * _SECONDS[unit] for number, unit in cls._PART.findall(text))
        if total != int(total):
            raise UnitError(f"'{text}' is not a whole number of seconds", "use a smaller unit: 90s, not 1.501m")
        return cls(int(total))

    @property
    def hours(self) -> float:
        return self.seconds / 3600

    def __str__(self) -> str:
        if self.seconds == 0:
            return "0s"
        rest, parts = self.seconds, []
        for unit in ("d", "h", "m", "s"):
            count, rest = divmod(rest, _SECONDS[unit])
            if count:
                parts.append(f"{count}{unit}")
        return "".join(parts)


@dataclass(frozen=True, order=True, slots=True)
class Memory:
    """Memory in MiB, binary units only: ``512Mi``, ``10Gi``, ``9.75 GiB``."""

    mib: int

    @classmethod
    def parse(cls, text: str) -> Self:
        match = re.fullmatch(rf"\s*({_NUMBER})\s*([A-Za-z]+)\s*", text)
        if not match or match[2] not in _MIB:
            raise UnitError(f"'{text}' is not an amount of memory", "write binary units: 512Mi, 10Gi, 9.75 GiB")
        return cls(round(finite(match[1]) * _MIB[match[2]]))

    def __str__(self) -> str:
        return f"{self.mib // 1024}Gi" if self.mib % 1024 == 0 else f"{self.mib}Mi"


@dataclass(frozen=True, order=True, slots=True)
class Money:
    """An amount in US dollars: ``60 USD``."""

    usd: float

    @classmethod
    def parse(cls, text: str) -> Self:
        match = re.fullmatch(rf"\s*({_NUMBER})\s*USD\s*", text)
        if not match:
            raise UnitError(f"'{text}' is not an amount of money", "write a number and USD: 60 USD, 0.50 USD")
        return cls(finite(match[1]))

    def __str__(self) -> str:
        # Below half a cent two digits would read as nothing.
        return f"{self.usd:.2g} USD" if 0 < self.usd < 0.005 else f"{self.usd:,.2f} USD"


@dataclass(frozen=True, order=True, slots=True)
class Rate:
    """A price per node and hour: ``0.80 USD/h``."""

    usd_per_hour: float

    @classmethod
    def parse(cls, text: str) -> Self:
        match = re.fullmatch(rf"\s*({_NUMBER})\s*USD\s*/\s*h\s*", text)
        if not match:
            raise UnitError(f"'{text}' is not a price per hour", "write a number and USD/h: 0.80 USD/h")
        return cls(finite(match[1]))

    def __str__(self) -> str:
        return f"{self.usd_per_hour:.4g} USD/h"


@dataclass(frozen=True, order=True, slots=True)
class Share:
    """A fraction written in percent: ``2%`` is 0.02."""

    fraction: float

    @classmethod
    def parse(cls, text: str) -> Self:
        match = re.fullmatch(rf"\s*({_NUMBER})\s*%\s*", text)
        if not match or float(match[1]) > 100:
            raise UnitError(f"'{text}' is not a share", "write a percentage from 0% to 100%: 2%, 97.5%")
        return cls(round(float(match[1]) / 100, 12))

    def __str__(self) -> str:
        return f"{self.fraction * 100:.6g}%"


@dataclass(frozen=True, order=True, slots=True)
class Bars:
    """A number of observations of a series: ``20 bars``, ``1 bar``."""

    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(_count(text, "bar", "a number of bars"))

    def __str__(self) -> str:
        return f"{self.count} bar" if self.count == 1 else f"{self.count} bars"


@dataclass(frozen=True, order=True, slots=True)
class Sessions:
    """A number of trading sessions: ``5 sessions``."""

    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(_count(text, "session", "a number of sessions"))

    def __str__(self) -> str:
        return f"{self.count} session" if self.count == 1 else f"{self.count} sessions"


def _count(text: str, unit: str, what: str) -> int:
    match = re.fullmatch(rf"\s*(\d+)\s*{unit}s?\s*", text)
    if not match or finite(match[1]) == 0:
        raise UnitError(f"'{text}' is not {what}", f"write a whole number above 0 and the unit: 1 {unit}, 20 {unit}s")
    return int(finite(match[1]))
