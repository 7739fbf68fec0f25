"""Quantities a person writes in a spec and reads in a plan: parsed, compared and shown in one place.

Every quantity has a mandatory unit and one canonical text, so ``60m`` and ``1h`` are the same value and
hash the same. Nothing here knows YAML or pydantic: a bad text raises :class:`UnitError`, whose ``help``
names the way out.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import ClassVar, Self

from msgspec import Struct

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


class Duration(Struct, frozen=True, order=True):
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


class Memory(Struct, frozen=True, order=True):
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


class Money(Struct, frozen=True, order=True):
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
        return f"{Decimal(f'{self.usd:.2g}'):f} USD" if 0 < self.usd < 0.005 else f"{self.usd:,.2f} USD"


class Rate(Struct, frozen=True, order=True):
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


class Share(Struct, frozen=True, order=True):
    """A fraction written in percent: ``2%`` is 0.02."""

    fraction: float

    @classmethod
    def parse(cls, text: str) -> Self:
        match = re.fullmatch(rf"\s*({_NUMBER})\s*%\s*", text)
        if not match or float(match[1]) > 100:
            raise UnitError(f"'{text}' is not a share", "write a percentage from 0% to 100%: 2%, 97.5%")
        return cls(round(float(match[1]) / 100, 12))

    @classmethod
    def rounded(cls, fraction: float) -> Self:
        """A share that was counted, to three digits: nobody wrote it, and nobody reads more."""
        return cls(float(f"{fraction:.3g}"))

    def __str__(self) -> str:
        return f"{self.fraction * 100:.6g}%"


class Bars(Struct, frozen=True, order=True):
    """A number of observations of a series: ``20 bars``, ``1 bar``."""

    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(_count(text, "bar", "a number of bars"))

    def __str__(self) -> str:
        return f"{self.count} bar" if self.count == 1 else f"{self.count} bars"


class Sessions(Struct, frozen=True, order=True):
    """A number of trading sessions: ``5 sessions``."""

    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(_count(text, "session", "a number of sessions"))

    def __str__(self) -> str:
        return f"{self.count} session" if self.count == 1 else f"{self.count} sessions"


_CADENCES = "write every session, or a whole number above 0 and the unit: 5 sessions, 20 bars"


class Cadence(Struct, frozen=True, order=True):
    """How often something is due: ``every session``, ``5 sessions``, or ``5 bars`` where a bar is no session.

    ``sessions`` counts either; they are the same number of bars of a universe of one session a bar.
    """

    sessions: int
    in_bars: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        if " ".join(text.split()) == "every session":
            return cls(1)
        if re.fullmatch(r"\s*\d+\s*bars?\s*", text):
            return cls(_count(text, "bar", "a cadence", _CADENCES), True)
        return cls(_count(text, "session", "a cadence", _CADENCES))

    def __str__(self) -> str:
        if self.in_bars:
            return str(Bars(self.sessions))
        return "every session" if self.sessions == 1 else f"{self.sessions} sessions"


_CALENDAR_BARS = {"session": 1, "week": 5, "month": 21, "quarter": 63}
"""Bars of the calendar and about how many sessions each holds."""
_INTRADAY_BARS = (1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 240)
"""Minutes an intraday bar may have: those that people trade on."""


class BarSize(Struct, frozen=True, order=True):
    """The time between two observations of a series: ``5m``, ``1h``, ``1 session``, ``1 week``, ``1 month``.

    ``minutes`` is 0 for bars of the calendar, whose ``period`` is session, week, month or quarter.
    """

    minutes: int
    period: str

    @classmethod
    def parse(cls, text: str) -> Self:
        match = re.fullmatch(r"\s*1 (session|week|month|quarter)s?\s*", text)
        if match:
            return cls(0, match[1])
        help = "write 1 session, 1 week, 1 month, 1 quarter, or minutes and hours: 5m, 15m, 1h"
        try:
            seconds = Duration.parse(text).seconds
        except UnitError:
            raise UnitError(f"'{text}' is not the size of a bar", help) from None
        if seconds % 60 or seconds // 60 not in _INTRADAY_BARS:
            raise UnitError(f"there are no bars of {text}", f"write one of {', '.join(_bar_texts())}")
        return cls(seconds // 60, "")

    @property
    def intraday(self) -> bool:
        return self.minutes > 0

    @property
    def sessions(self) -> float:
        """About how many sessions a bar spans; a session counts as 6.5 hours."""
        return self.minutes / 390 if self.minutes else float(_CALENDAR_BARS[self.period])

    def __str__(self) -> str:
        return str(Duration(self.minutes * 60)) if self.minutes else f"1 {self.period}"


def _bar_texts() -> list[str]:
    return [str(Duration(minutes * 60)) for minutes in _INTRADAY_BARS] + [f"1 {period}" for period in _CALENDAR_BARS]


class Count(Struct, frozen=True, order=True):
    """A large number of things: ``2M``, ``500k``, ``12000``."""

    value: int

    @classmethod
    def parse(cls, text: str) -> Self:
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kM]?)\s*", text)
        value = finite(match[1]) * {"": 1, "k": 1_000, "M": 1_000_000}[match[2]] if match else 0.0
        if not match or value != int(value) or value < 1:
            raise UnitError(f"'{text}' is not a count", "write a whole number above 0, with k or M: 12000, 500k, 2M")
        return cls(int(value))

    def __str__(self) -> str:
        for unit, size in (("M", 1_000_000), ("k", 1_000)):
            if self.value % size == 0:
                return f"{self.value // size}{unit}"
        return str(self.value)


class Factor(Struct, frozen=True, order=True):
    """A multiple: ``10x``, ``1.5x``."""

    value: float

    @classmethod
    def parse(cls, text: str) -> Self:
        match = re.fullmatch(rf"\s*({_NUMBER})\s*x\s*", text)
        if not match or not 1 <= finite(match[1]) < 1e9:
            raise UnitError(f"'{text}' is not a factor", "write a number of at least 1 and x: 1.5x, 10x")
        return cls(finite(match[1]))

    def __str__(self) -> str:
        return f"{self.value:g}x"


class Sigma(Struct, frozen=True, order=True):
    """A distance in robust standard deviations: ``12 sigma``."""

    value: float

    @classmethod
    def parse(cls, text: str) -> Self:
        match = re.fullmatch(rf"\s*({_NUMBER})\s*sigma\s*", text)
        if not match or not 0 < finite(match[1]) < 1e9:
            raise UnitError(f"'{text}' is not a number of sigmas", "write a number above 0 and sigma: 12 sigma")
        return cls(finite(match[1]))

    def __str__(self) -> str:
        return f"{self.value:g} sigma"


class YearlyMoney(Struct, frozen=True, order=True):
    """US dollars a year: ``60000 USD/year``."""

    usd_per_year: float

    @classmethod
    def parse(cls, text: str) -> Self:
        match = re.fullmatch(rf"\s*({_NUMBER})\s*USD\s*/\s*year\s*", text)
        if not match:
            raise UnitError(f"'{text}' is not an amount a year", "write a number and USD/year: 60000 USD/year")
        return cls(finite(match[1]))

    def __str__(self) -> str:
        return f"{self.usd_per_year:,.2f} USD/year"


class HourlyShare(Struct, frozen=True, order=True):
    """A chance per hour: ``4%/h``, how often a spot node is taken back."""

    fraction: float

    @classmethod
    def parse(cls, text: str) -> Self:
        match = re.fullmatch(rf"\s*({_NUMBER})\s*%\s*/\s*h\s*", text)
        if not match or finite(match[1]) > 100:
            raise UnitError(f"'{text}' is not a chance per hour", "write a percentage and /h: 4%/h")
        return cls(round(finite(match[1]) / 100, 12))

    def __str__(self) -> str:
        return f"{self.fraction * 100:.6g}%/h"


def _count(text: str, unit: str, what: str, help: str | None = None) -> int:
    match = re.fullmatch(rf"\s*(\d+)\s*{unit}s?\s*", text)
    if not match or finite(match[1]) == 0:
        help = help or f"write a whole number above 0 and the unit: 1 {unit}, 20 {unit}s"
        raise UnitError(f"'{text}' is not {what}", help)
    return int(finite(match[1]))
