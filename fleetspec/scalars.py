"""Scalar types of the language: every one is read from a string, so YAML guesses nothing.

``Annotated`` aliases for pydantic fields. A :class:`~fleetspec.units.UnitError` keeps its ``help`` on the way
through pydantic: ``decode`` finds it in the error's context.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, PlainSerializer
from pydantic_core import PydanticCustomError

from fleetspec.sessions import SessionTime
from fleetspec.units import (
    Bars,
    BarSize,
    Cadence,
    Count,
    Duration,
    Factor,
    HourlyShare,
    Memory,
    Money,
    Rate,
    Sessions,
    Share,
    Sigma,
    UnitError,
    YearlyMoney,
    finite,
)

T = TypeVar("T")


def _reader(parse: Callable[[str], T], kind: type) -> Callable[[Any], T]:
    def read(value: Any) -> T:
        if isinstance(value, kind):
            return value  # type: ignore[return-value]
        if not isinstance(value, str):
            raise PydanticCustomError("scalar", "a single value is expected here, not a list or a map")
        try:
            return parse(value)
        except UnitError as error:
            raise PydanticCustomError("unit", "{text}", {"text": str(error), "help": error.help}) from error

    return read


def _integer(text: str) -> int:
    if not re.fullmatch(r"[-+]?\d+", text.strip()):
        raise UnitError(f"'{text}' is not a whole number", "write digits only: 12000, not 12_000 or 12,000")
    return int(finite(text))


def _number(text: str) -> float:
    if not re.fullmatch(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", text.strip()):
        raise UnitError(f"'{text}' is not a number", "write digits with a point: 0.05, 1e-4")
    return finite(text)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise UnitError(f"'{text}' is neither true nor false", "write true or false")
    return text == "true"


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UnitError(f"'{text}' is not a date", "write year-month-day: 2026-11-23") from None


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", text):
        raise PydanticCustomError(
            "name", "{text}", {"text": f"'{text}' is not a name", "help": "use lower-case letters, digits and '-'"}
        )
    return text


def _axis_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-_a-z0-9]*[a-z0-9])?", text):
        help = "use lower-case letters, digits and '-', or the name of a parameter"
        raise PydanticCustomError("name", "{text}", {"text": f"'{text}' is not a name", "help": help})
    return text


def _fleet_name(text: str) -> str:
    if len(_name(text)) > 16 or not text[0].isalpha():
        raise PydanticCustomError(
            "name",
            "{text}",
            {
                "text": f"'{text}' cannot name a fleet",
                "help": "start with a letter and keep to 16 characters: RayJob names are capped at 47",
            },
        )
    return text


_shown = PlainSerializer(str, return_type=str)

Integer = Annotated[int, BeforeValidator(_reader(_integer, int))]
Number = Annotated[float, BeforeValidator(_reader(_number, float))]
Flag = Annotated[bool, BeforeValidator(_reader(_flag, bool))]
Day = Annotated[date, BeforeValidator(_reader(_date, date)), _shown]
Name = Annotated[str, AfterValidator(_name)]
AxisName = Annotated[str, AfterValidator(_axis_name)]
FleetName = Annotated[str, AfterValidator(_fleet_name)]
DurationText = Annotated[Duration, BeforeValidator(_reader(Duration.parse, Duration)), _shown]
MemoryText = Annotated[Memory, BeforeValidator(_reader(Memory.parse, Memory)), _shown]
MoneyText = Annotated[Money, BeforeValidator(_reader(Money.parse, Money)), _shown]
RateText = Annotated[Rate, BeforeValidator(_reader(Rate.parse, Rate)), _shown]
ShareText = Annotated[Share, BeforeValidator(_reader(Share.parse, Share)), _shown]
BarsText = Annotated[Bars, BeforeValidator(_reader(Bars.parse, Bars)), _shown]
SessionsText = Annotated[Sessions, BeforeValidator(_reader(Sessions.parse, Sessions)), _shown]
CadenceText = Annotated[Cadence, BeforeValidator(_reader(Cadence.parse, Cadence)), _shown]
BarSizeText = Annotated[BarSize, BeforeValidator(_reader(BarSize.parse, BarSize)), _shown]
CountText = Annotated[Count, BeforeValidator(_reader(Count.parse, Count)), _shown]
FactorText = Annotated[Factor, BeforeValidator(_reader(Factor.parse, Factor)), _shown]
SigmaText = Annotated[Sigma, BeforeValidator(_reader(Sigma.parse, Sigma)), _shown]
YearlyMoneyText = Annotated[YearlyMoney, BeforeValidator(_reader(YearlyMoney.parse, YearlyMoney)), _shown]
HourlyShareText = Annotated[HourlyShare, BeforeValidator(_reader(HourlyShare.parse, HourlyShare)), _shown]
SessionTimeText = Annotated[SessionTime, BeforeValidator(_reader(SessionTime.parse, SessionTime)), _shown]
