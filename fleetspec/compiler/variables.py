"""``vars``: what a spec leaves open, with type, range and default, and the values it is given.

A value comes from ``--var``, else from the environment (``FLEETSPEC_VAR_name``), else from the default. Values from
outside are taken as they are; a default may hold ``${…}``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from pydantic import ConfigDict, TypeAdapter, ValidationError

from fleetspec.compiler.document import MAX_FAULTS, unseen
from fleetspec.compiler.given import VAR_PREFIX
from fleetspec.diagnostics import Place, Source, Span, did_you_mean
from fleetspec.rules import reading, shape
from fleetspec.scalars import (
    BarsText,
    DurationText,
    Flag,
    Integer,
    MemoryText,
    MoneyText,
    Number,
    SessionsText,
    ShareText,
)

if TYPE_CHECKING:
    from fleetspec.compiler.document import Document
    from fleetspec.compiler.given import Given
    from fleetspec.diagnostics import Report, Rule

_TYPES: dict[str, Any] = {
    "int": Integer,
    "number": Number,
    "text": str,
    "flag": Flag,
    "duration": DurationText,
    "share": ShareText,
    "money": MoneyText,
    "bars": BarsText,
    "sessions": SessionsText,
    "memory": MemoryText,
}
_UNORDERED = ("text", "flag")
_KEYS = ("type", "default", "min", "max", "choices", "about")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_EXAMPLE = "{type: int, default: 8}"


class Var(Struct, frozen=True):
    """A declaration. ``default`` may hold references; ``low`` and ``high`` are values of the type or None."""

    name: str
    type: str
    place: Place
    default: str | None = None
    default_place: Place | None = None
    low: Any = None
    high: Any = None
    choices: tuple[str, ...] = ()

    def fault(self, text: str) -> tuple[str, str] | None:
        """Why a text is not a value of this var, and the way out; None when it is one."""
        found = unseen(text)
        if found is not None:
            return f"the text holds an invisible character (U+{ord(found[0]):04X})", "delete it"
        value, problem = _read(self.type, text)
        if problem is not None:
            return problem
        if self.choices and all(value != _read(self.type, choice)[0] for choice in self.choices):
            return f"'{text}' is not a choice for var '{self.name}'", did_you_mean(text, self.choices)
        if self.low is not None and value < self.low:
            return f"'{text}' is less than var '{self.name}' may be", f"write {_shown(self.low)} or more"
        if self.high is not None and value > self.high:
            return f"'{text}' is more than var '{self.name}' may be", f"write {_shown(self.high)} or less"
        return None


class Setting(Struct, frozen=True):
    """A text from outside for a var, and where a person sees it."""

    text: str
    place: Place
    said: str


def declarations(document: Document, report: Report) -> dict[str, Var]:
    """The vars that a document declares. What is wrong with them goes into the report."""
    listed = document.value.get("vars", {})
    if not isinstance(listed, dict):
        place = document.place(("vars",))
        help = f"write vars: {{trials: {_EXAMPLE}}}"
        report.add(shape.WRONG_SHAPE, "vars is not a map of names", place=place, help=help)
        return {}
    made: dict[str, Var] = {}
    before = len(report.errors)
    for name, entry in listed.items():
        if len(report.errors) - before >= MAX_FAULTS:
            break
        var = _Declaration(document, name, report).read(entry)
        if var is not None:
            made[name] = var
    return made


def settings(declared: dict[str, Var], given: Given, report: Report) -> dict[str, Setting]:
    """What the vars are given from outside: ``--var`` before the environment."""
    made: dict[str, Setting] = {}
    for key in sorted(given.environment):
        if not key.startswith(VAR_PREFIX):
            continue
        name, text = key.removeprefix(VAR_PREFIX), given.environment[key]
        source = Source("environment", f"{key}={text}")
        if name in declared:
            place = Place(source, Span(len(key) + 1, len(source.text)))
            made[name] = Setting(text, place, f"{key} says {_short(text)}")
        elif declared:
            help = did_you_mean(name, declared)
            message = f"{key} is for a var '{name}', which is not declared"
            place = Place(source, Span(0, len(key)))
            report.add(reading.UNKNOWN_VAR_OF_ENVIRONMENT, message, place=place, help=help)
    for name, text in given.vars.items():
        source = Source("--var", f"{name}={text}")
        if name in declared:
            place = Place(source, Span(len(name) + 1, len(source.text)))
            made[name] = Setting(text, place, f"--var says {_short(text)}")
        else:
            help = did_you_mean(name, declared) if declared else f"declare it: vars: {{{name}: {_EXAMPLE}}}"
            message = f"there is no var '{name}'"
            report.add(reading.UNKNOWN_VAR, message, place=Place(source, Span(0, len(name))), help=help)
    return made


class _Declaration:
    """One entry of ``vars``, read key by key so that every fault is told."""

    def __init__(self, document: Document, name: str, report: Report) -> None:
        self.document = document
        self.name = name
        self.report = report

    def error(self, rule: Rule, message: str, help: str, *route: str | int, key: bool = False) -> None:
        place = self.document.place(("vars", self.name, *route), key=key)
        self.report.add(rule, message, place=place, help=help)

    def read(self, entry: Any) -> Var | None:
        before = len(self.report.errors)
        if not _NAME.fullmatch(self.name):
            message = f"'{self.name}' cannot name a var"
            help = "use lower-case letters, digits and '_', a letter first, as an environment variable can"
            self.error(shape.NOT_A_NAME, message, help, key=True)
        if not isinstance(entry, dict):
            value = entry if isinstance(entry, str) else "8"
            kind = "int" if re.fullmatch(r"\d+", value) else "text"
            help = f"say what it is: {self.name}: {{type: {kind}, default: {value}}}"
            self.error(shape.WRONG_SHAPE, f"vars.{self.name} is not a map: a var has a type", help)
            return None
        for key in entry:
            if key not in _KEYS:
                message = f"'{key}' is not a key of vars.{self.name}"
                self.error(shape.UNKNOWN_KEY, message, did_you_mean(key, _KEYS), key, key=True)
        for key in ("type", "default", "min", "max", "about"):
            self._single(entry, key)
        type_ = self._type(entry)
        if type_ is None or len(self.report.errors) > before:
            return None
        low, high = self._bound(type_, entry, "min"), self._bound(type_, entry, "max")
        if low is not None and high is not None and low > high:
            message = f"min {entry['min']} is more than max {entry['max']}"
            self.error(reading.BOUND_MAKES_NO_SENSE, message, "swap them", "min")
        choices = self._choices(type_, entry)
        if len(self.report.errors) > before:
            return None
        place = self.document.keys[("vars", self.name)]
        default_place = self.document.values.get(("vars", self.name, "default"))
        return Var(self.name, type_, place, entry.get("default"), default_place, low, high, choices)

    def _single(self, entry: dict[str, Any], key: str) -> None:
        value = entry.get(key)
        if key in entry and not isinstance(value, str):
            rule, said = shape.EMPTY_VALUE, f"'vars.{self.name}.{key}' has no value"
            if value is not None:
                rule, said = shape.WRONG_SHAPE, f"vars.{self.name}.{key} is not a single value"
            self.error(rule, said, f"write one value, or leave '{key}' out", key)
        elif key != "default":
            self._no_reference(value, key)

    def _no_reference(self, text: Any, *route: str | int) -> None:
        if isinstance(text, str) and "${" in text:
            message = f"'${{' stands in {route[0]} of a var, where nothing is filled in"
            self.error(reading.REFERENCE_ELSEWHERE, message, "only its default may hold ${…}", *route)

    def _type(self, entry: dict[str, Any]) -> str | None:
        known = entry.get("type")
        if "type" not in entry:
            message = f"'type' is missing in vars.{self.name}"
            self.error(shape.MISSING_KEY, message, f"write {self.name}: {_EXAMPLE}", key=True)
        elif isinstance(known, str) and known not in _TYPES:
            message = f"'{known}' is not a choice for vars.{self.name}.type"
            self.error(shape.NOT_A_CHOICE, message, did_you_mean(known, _TYPES), "type")
        return known if isinstance(known, str) and known in _TYPES else None

    def _bound(self, type_: str, entry: dict[str, Any], key: str) -> Any:
        if key not in entry:
            return None
        if type_ in _UNORDERED:
            help = "list its values instead: choices: [a, b]" if type_ == "text" else f"leave '{key}' out"
            message = f"a var of type {type_} has no {key}"
            self.error(reading.BOUND_MAKES_NO_SENSE, message, help, key, key=True)
            return None
        value, problem = _read(type_, entry[key])
        if problem is not None:
            self.error(shape.NOT_THE_QUANTITY, *problem, key)
        return value

    def _choices(self, type_: str, entry: dict[str, Any]) -> tuple[str, ...]:
        listed = entry.get("choices", [])
        if not isinstance(listed, list) or ("choices" in entry and not listed):
            self.error(shape.WRONG_SHAPE, f"vars.{self.name}.choices is not a list", "write choices: [a, b]", "choices")
            return ()
        for index, text in enumerate(listed):
            if not isinstance(text, str):
                message = f"entry {index + 1} of vars.{self.name}.choices is not a single value"
                self.error(shape.WRONG_SHAPE, message, "write choices: [a, b]", "choices", index)
                return ()
            self._no_reference(text, "choices", index)
            problem = _read(type_, text)[1]
            if problem is not None:
                self.error(shape.NOT_THE_QUANTITY, *problem, "choices", index)
        return tuple(listed)


def _read(type_: str, text: str) -> tuple[Any, tuple[str, str] | None]:
    """A text as a value of a type, or why it is none and the way out."""
    try:
        return _adapter(type_).validate_python(text), None
    except ValidationError as error:
        context = error.errors()[0].get("ctx", {})
        problem = str(context.get("text", f"'{text[:40]}' is not a value of type {type_}"))
        return None, (problem, str(context.get("help", f"write a {type_}")))


@lru_cache(maxsize=len(_TYPES))
def _adapter(type_: str) -> TypeAdapter[Any]:
    return TypeAdapter(_TYPES[type_], config=ConfigDict(arbitrary_types_allowed=True))


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _short(text: str) -> str:
    line = text.split("\n")[0]
    return f"'{line}'" if len(line) <= 40 else f"'{line[:39]}…'"
