"""The shape of an object, as the API server has it under strict validation: unknown fields, types, what must be there,
choices, patterns and bounds.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from fleetspec.lint import cel
from fleetspec.lint.facts import Shape
from fleetspec.lint.manifest import meant
from fleetspec.rules import lint_schema as rules

if TYPE_CHECKING:
    from fleetspec.diagnostics import Route
    from fleetspec.lint.facts import Facts
    from fleetspec.lint.manifest import Findings

LONGEST = 512
"""Characters that a value with a pattern may have: no name or amount comes near, and patterns cost time by length."""
_A = {"object": "a map", "array": "a list", "string": "text", "integer": "a whole number", "number": "a number"} | {
    "boolean": "true or false",
    "int-or-string": "a whole number or text",
}


def check(
    value: Any, shape: Shape | str, known: Facts, say: Findings, *, core: bool = False, route: Route = ()
) -> None:
    """Add what is wrong with the shape of ``value``, which stands at ``route`` of its object.

    ``core`` kinds take null for what is left out.
    """
    checking = _Checking(known, say, core)
    before = len(say.told)
    checking.value(value, known.resolve(shape), route)
    if len(say.told) > before:
        # Rules over several fields presuppose their shapes; the API server leaves them out, too.
        return
    for rule, inner, here in checking.rules:
        if (broken := cel.broken(rule, inner)) is not None:
            say(rules.CEL, broken, *here, help="the API server checks this before it takes the object")


class _Checking:
    def __init__(self, known: Facts, say: Findings, core: bool) -> None:
        self.known = known
        self.say = say
        self.core = core
        self.rules: list[tuple[str, Any, Route]] = []

    def value(self, value: Any, shape: Shape, route: Route) -> None:
        if self.say.full:
            return
        if value is None:
            if not (self.core or shape.nullable or shape.default is not UNSET or shape.type == "any"):
                help = "write one, or leave the key out"
                self.say(rules.WRONG_TYPE, f"'{_last(route)}' has no value", *route, help=help)
            return
        if type(value) is not _TYPES.get(shape.type) and not _is(value, shape.type):
            self.wrong_type(value, shape, route)
            return
        if isinstance(value, dict):
            self.fields(value, shape, route)
        elif isinstance(value, list):
            self.items(value, shape, route)
        else:
            self.scalar(value, shape, route)
        if shape.cel:
            self.rules += [(rule, value, route) for rule in shape.cel]

    def wrong_type(self, value: Any, shape: Shape, route: Route) -> None:
        wanted = _A.get(shape.type, shape.type)
        help = None
        if shape.type == "string" and isinstance(value, int | float):
            help = f'put it in quotes: "{self.say.manifest.written(route)}"'
        elif shape.type == "string":
            help = "write it as one text; `|` begins a text of several lines"
        elif shape.type in ("integer", "number") and isinstance(value, str):
            help = "write a plain number, without quotes or a unit"
        elif shape.type == "int-or-string" and isinstance(value, float):
            help = f'put it in quotes: "{self.say.manifest.written(route)}"'
        elif shape.type == "array":
            help = "begin each item with '- ', or write [one, two]"
        self.say(rules.WRONG_TYPE, f"'{_last(route)}' must be {wanted}, this is {_kind(value)}", *route, help=help)

    def fields(self, value: dict[str, Any], shape: Shape, route: Route) -> None:
        self.count(len(value), shape, route, "entries")
        for name in shape.required:
            below = shape.fields.get(name)
            filled_in = below is not None and self.known.resolve(below).default is not UNSET
            if name not in value and not filled_in:
                message = f"'{name}' is missing" + (f" in '{_last(route)}'" if route else "")
                self.say(rules.MISSING_FIELD, message, *route, name, help=f"{_where(route)} cannot do without it")
        open_ = shape.open or shape.type == "any"
        for name, inner in value.items():
            below = shape.fields.get(name, shape.values)
            if below is not None:
                wanted = below if type(below) is Shape else self.known.resolve(below)
                if not (wanted.alone and type(inner) is _TYPES[wanted.type]):
                    self.value(inner, wanted, (*route, name))
            elif not (open_ or self.say.full):
                listed = f"fields here: {_listed(sorted(shape.fields))}" if shape.fields else "leave it out"
                help = meant(name, shape.fields, listed)
                message = f"{_where(route)} has no field '{name}'"
                self.say(rules.UNKNOWN_FIELD, message, *route, name, help=help, key=True)

    def items(self, value: list[Any], shape: Shape, route: Route) -> None:
        self.count(len(value), shape, route, "items")
        if shape.items is not None:
            below = self.known.resolve(shape.items)
            for index, item in enumerate(value):
                self.value(item, below, (*route, index))
            if shape.keys:
                self.twice([self.identity(item, shape.keys, below) for item in value], shape.keys, route)
        if shape.set:
            self.twice([(repr(item),) for item in value], [], route)

    def identity(self, item: Any, keys: list[str], below: Shape) -> tuple[str, ...] | None:
        if not isinstance(item, dict):
            return None
        defaults = {key: self.known.resolve(below.fields[key]).default for key in keys if key in below.fields}
        found = [item.get(key, defaults.get(key, UNSET)) for key in keys]
        return tuple(map(repr, found)) if UNSET not in found else None

    def twice(self, identities: list[tuple[str, ...] | None], keys: list[str], route: Route) -> None:
        seen: dict[tuple[str, ...], int] = {}
        for index, identity in enumerate(identities):
            if identity is None:
                continue
            if identity in seen:
                what = " ".join(f"{key} {text}" for key, text in zip(keys, identity, strict=False)) or identity[0]
                first = self.say.manifest.place((*route, seen[identity]))
                message = f"'{_last(route)}' holds {what} twice"
                related = [(first, "first written here")]
                self.say(rules.TWICE, message, *route, index, help="keep one of the two", related=related)
            seen.setdefault(identity, index)

    def scalar(self, value: Any, shape: Shape, route: Route) -> None:
        if shape.enum is not None and value not in shape.enum:
            choices = [str(choice) for choice in shape.enum]
            help = meant(str(value), choices)
            self.say(rules.NOT_A_CHOICE, f"'{_last(route)}' cannot be '{value}'", *route, help=help)
        elif isinstance(value, str):
            self.string(value, shape, route)
        elif not isinstance(value, bool):
            self.number(value, shape, route)

    def string(self, value: str, shape: Shape, route: Route) -> None:
        if shape.shortest is not None and len(value) < shape.shortest:
            self.say(rules.OUT_OF_BOUNDS, f"'{_last(route)}' must not be empty", *route, help="write a text")
        elif shape.longest is not None and len(value) > shape.longest:
            message = f"'{_last(route)}' has {len(value)} characters, {shape.longest} are allowed"
            self.say(rules.OUT_OF_BOUNDS, message, *route, help="shorten it")
        elif shape.pattern is not None and (len(value) > LONGEST or not _pattern(shape.pattern).search(value)):
            shown = value if len(value) <= 60 else value[:57] + "..."
            message = f"'{_last(route)}' cannot be '{shown}'"
            self.say(rules.NOT_IN_PATTERN, message, *route, help=_example(shape.pattern))

    def number(self, value: float, shape: Shape, route: Route) -> None:
        bits = {"int32": 31, "int64": 63}.get(shape.format or "")
        low = shape.min if shape.min is not None else -(2**bits) if bits else None
        high = shape.max if shape.max is not None else 2**bits - 1 if bits else None
        self.bounds(value, low, high, "", route)

    def count(self, found: int, shape: Shape, route: Route, what: str) -> None:
        self.bounds(found, shape.fewest, shape.most, what, route)

    def bounds(self, found: float, low: float | None, high: float | None, what: str, route: Route) -> None:
        if low is not None and found < low:
            help = f"the least is {low:.0f}"
        elif high is not None and found > high:
            help = f"the most is {high:.0f}"
        else:
            return
        said = f"'{_last(route)}' has {found} {what}" if what else f"'{_last(route)}' is {found}"
        self.say(rules.OUT_OF_BOUNDS, said, *route, help=help)


_TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "int-or-string": str}
"""The types that most values have where a shape asks for one."""


def _is(value: Any, kind: str) -> bool:
    match kind:
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return _is_whole(value)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "int-or-string":
            return isinstance(value, str) or _is_whole(value)
    return True


def _is_whole(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "text" if isinstance(value, str) else "a map" if isinstance(value, dict) else "a list"


@cache
def _pattern(text: str) -> re.Pattern[str]:
    # To the API server `$` is the very end, where Python lets a line feed follow, and (?i) may stand anywhere.
    ended = text[:-1] + r"\Z" if text.endswith("$") and not text.endswith(r"\$") else text
    head, folds, rest = ended.partition("(?i)")
    return re.compile(f"{head}(?i:{rest})" if folds else ended)


def _example(pattern: str) -> str:
    if "KMGTPE" in pattern:
        return "write an amount like 500m, 2, 12Gi or 12e9"
    if "[-a-z0-9]*" in pattern:
        return "write lower-case letters, digits and '-', beginning and ending with a letter or digit"
    return f"it must match {pattern}"


def _last(route: Route) -> str:
    names = [step for step in route if isinstance(step, str)]
    return names[-1] if names else "the object"


def _where(route: Route) -> str:
    return f"'{_last(route)}'" if route else "the object"


def _listed(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 12 else ", ".join(names[:12]) + ", ..."
