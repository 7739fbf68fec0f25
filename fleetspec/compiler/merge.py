"""One document laid over another: maps merge, everything else replaces, and operators say otherwise.

``+key`` appends to the list below, ``-key`` removes items of a list or entries of a map, ``key!`` replaces a map
instead of merging it. The result shares nothing that is changed later: a file may be merged into several others.
Time is in proportion to what is laid over and what it replaces.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fleetspec.compiler.document import MAX_FAULTS
from fleetspec.compiler.provenance import origins
from fleetspec.diagnostics import did_you_mean
from fleetspec.rules import reading

if TYPE_CHECKING:
    from fleetspec.compiler.document import Document
    from fleetspec.diagnostics import Report, Route

_SHOWN = 5
"""Items of one ``-key`` that are told of when they are not there."""
_SEARCHED = 500
"""Names among which the nearest one is looked for."""


def operator(key: str) -> tuple[str, str]:
    """A key as its sign (``+``, ``-``, ``!`` or nothing) and the name it works on."""
    if len(key) > 1 and key[0] in "+-":
        return key[0], key[1:]
    if len(key) > 1 and key[-1] == "!":
        return "!", key[:-1]
    return "", key


def operators(document: Document) -> list[Route]:
    """Where a file as it was written uses an operator."""
    found = []
    for route in document.keys:
        key = route[-1]
        if isinstance(key, str) and len(key) > 1 and (key[0] in "+-" or key[-1] == "!"):
            found.append(route)
    return found


def refuse_operators(document: Document, report: Report) -> None:
    """Add an error for every operator of a file that has nothing below it."""
    for route in operators(document)[:MAX_FAULTS]:
        _, name = operator(str(route[-1]))
        report.add(
            reading.NOTHING_BELOW,
            f"'{route[-1]}' changes what an extended file says, and this file extends nothing",
            place=document.keys[route],
            help=f"write {name}: without the sign, or name the file that has it in `extends`",
        )


def lay_over(below: Document, above: Document, drop: tuple[str, ...], report: Report) -> None:
    """Lay ``above`` over ``below`` in place: values, places and origins. Keys in ``drop`` stay out.

    Faults of operators go into the report; what is merged then is of no further use.
    """
    layer = _Layer(below, above, report)
    kept = {key: value for key, value in above.value.items() if key not in drop}
    merged = layer.merge(below.value, kept, ())
    below.value.clear()
    below.value.update(merged)
    below.values[()] = above.values[()]
    layer.refuse_the_rest(drop)


class _Layer:
    def __init__(self, below: Document, above: Document, report: Report) -> None:
        self.below = below
        self.above = above
        self.report = report
        self.unused = set(operators(above))

    def merge(self, before: dict[str, Any], after: dict[str, Any], route: Route) -> dict[str, Any]:
        """The two maps at a route as a new one. The route is the same in both: a key with a sign ends its own."""
        result = dict(before)
        signs = bool(self.unused) and self._signs(before, after, route)
        if signs:
            # What goes, goes first: an entry may be removed and written anew.
            self._apply("-", after, result, route)
        for key, value in after.items():
            here = (*route, key)
            if signs and operator(key)[0]:
                continue
            old = result.get(key)
            if isinstance(old, dict) and isinstance(value, dict):
                self._note(here, here)
                self._place(here, here)
                result[key] = self.merge(old, value, here)
            else:
                if key in result:
                    self._note(here, here)
                self._forget(here, old)
                self._adopt(value, here, here)
                result[key] = value
        if signs:
            self._apply("!", after, result, route)
            self._apply("+", after, result, route)
        return result

    def refuse_the_rest(self, drop: tuple[str, ...]) -> None:
        """Operators inside of what is new in this file: there is nothing below them."""
        for route in sorted(self.unused, key=lambda r: self.above.keys[r].span.start)[:MAX_FAULTS]:
            if route[0] not in drop:
                message = f"'{route[-1]}' has nothing to change: all that it stands in is new in this file"
                help = f"write {operator(str(route[-1]))[1]}: without the sign"
                self.report.add(reading.NOTHING_BELOW, message, place=self.above.keys[route], help=help)

    def _signs(self, before: dict[str, Any], after: dict[str, Any], route: Route) -> bool:
        """Whether a map has keys with signs; two keys that would fight over one name are an error."""
        first: dict[str, tuple[str, str]] = {}
        found = False
        for key in after:
            sign, name = operator(key)
            found = found or bool(sign)
            if name not in first:
                first[name] = sign, key
            elif not _agree({sign, first[name][0]}, before.get(name), after.get(name)):
                earlier = first[name][1]
                self.report.add(
                    reading.TWO_OPERATORS,
                    f"'{earlier}' and '{key}' both say what '{name}' is",
                    place=self.above.keys[(*route, key)],
                    help=f"keep one of them; -{name} goes with +{name}, and with {name} where both are maps",
                    related=[(self.above.keys[(*route, earlier)], "the other one")],
                )
                self.unused.discard((*route, key))
        return found

    def _apply(self, sign: str, after: dict[str, Any], result: dict[str, Any], route: Route) -> None:
        for key, value in after.items():
            if (*route, key) in self.unused and operator(key)[0] == sign:
                self._operate(sign, key, value, result, route)

    def _operate(self, sign: str, key: str, value: Any, result: dict[str, Any], route: Route) -> None:
        source = (*route, key)
        self.unused.discard(source)
        _, name = operator(key)
        target = (*route, name)
        if name not in result:
            verb = {"+": "appends to", "-": "removes from", "!": "replaces"}[sign]
            message = f"'{key}' {verb} '{name}', and there is none in the files under this one"
            help = _nearest(name, list(result))
            self.report.add(reading.NOTHING_BELOW, message, place=self.above.keys[source], help=help)
        elif sign == "!":
            self._replace(result, value, source, target)
        elif sign == "-":
            self._remove(result, value, source, target)
        else:
            self._append(result, value, source, target)

    def _replace(self, result: dict[str, Any], value: Any, source: Route, target: Route) -> None:
        name = str(target[-1])
        old = result[name]
        if not isinstance(old, dict):
            self._misshapen(source, f"'{name}' is {_shape(old)}, which is replaced anyway", _unsigned(name))
        elif not isinstance(value, dict):
            self._misshapen(source, f"'{source[-1]}' is {_shape(value)}, not a map", "write the whole new map")
        else:
            self._note(target, source, operator=True)
            self._forget(target, old)
            self._adopt(value, source, target)
            result[name] = value

    def _append(self, result: dict[str, Any], value: Any, source: Route, target: Route) -> None:
        name = str(target[-1])
        old = result[name]
        if isinstance(old, dict):
            self._misshapen(source, f"'{name}' is a map, and maps merge by themselves", _unsigned(name))
        elif not isinstance(old, list):
            self._misshapen(
                source, f"'{name}' is {_shape(old)} in the files under this one, not a list", _unsigned(name)
            )
        elif not isinstance(value, list):
            self._misshapen(source, f"'{source[-1]}' is {_shape(value)}, not a list", _listed(source[-1], value))
        else:
            self._note(target, source, operator=True)
            for index, item in enumerate(value):
                self._adopt(item, (*source, index), (*target, len(old) + index))
            self._place(source, target)
            result[name] = [*old, *value]

    def _remove(self, result: dict[str, Any], value: Any, source: Route, target: Route) -> None:
        name = str(target[-1])
        old = result[name]
        if not isinstance(old, list | dict):
            self._misshapen(
                source, f"'{name}' is {_shape(old)} in the files under this one, not a list or a map", _unsigned(name)
            )
            return
        if not isinstance(value, list):
            self._misshapen(source, f"'{source[-1]}' is {_shape(value)}, not a list", _listed(source[-1], value))
            return
        present = {_mark(item) for item in old}
        absent = [index for index, item in enumerate(value) if _mark(item) not in present]
        if absent:
            self._absent(old, value, absent, source, target)
            return
        gone = {_mark(item) for item in value}
        self._note(target, source, operator=True)
        if isinstance(old, dict):
            for key in [key for key in old if _mark(key) in gone]:
                self._forget((*target, key), old[key], itself=True)
            result[name] = {key: item for key, item in old.items() if _mark(key) not in gone}
            return
        kept: list[Any] = []
        for index, item in enumerate(old):
            if _mark(item) in gone:
                self._forget((*target, index), item, itself=True)
            else:
                self._move(item, (*target, index), (*target, len(kept)))
                kept.append(item)
        result[name] = kept

    def _absent(self, old: Any, value: list[Any], absent: list[int], source: Route, target: Route) -> None:
        for index in absent[:_SHOWN]:
            item = value[index]
            shown = f"'{item}'" if isinstance(item, str) else f"this {_shape(item).split()[-1]}"
            more = len(absent) - _SHOWN
            rest = f" ({more} more are not there)" if more > 0 and index == absent[_SHOWN - 1] else ""
            self.report.add(
                reading.NOT_THERE,
                f"{shown} is not in '{target[-1]}' of the files under this one{rest}",
                place=self.above.values[(*source, index)],
                help=_nearest(item, [known for known in old if isinstance(known, str)]),
                related=[(place, "what there is") for place in origins(self.below, target)[-1:]],
            )

    def _misshapen(self, source: Route, message: str, help: str) -> None:
        self.report.add(reading.OPERATOR_SHAPE, message, place=self.above.keys[source], help=help)

    def _note(self, target: Route, source: Route, *, operator: bool = False) -> None:
        """Enter one more place into the origins of a value; of an operator, its key. A place counts once."""
        later = (self.above.keys[source],) if operator else origins(self.above, source)
        chain = (*origins(self.below, target), *later)
        self.below.origins[target] = tuple(reversed(dict.fromkeys(reversed(chain))))

    def _place(self, source: Route, target: Route) -> None:
        self.below.values[target] = self.above.values[source]
        if source in self.above.keys:
            self.below.keys[target] = self.above.keys[source]

    def _adopt(self, value: Any, source: Route, target: Route) -> None:
        """Enter the places of a value from the document above, at its route in the one below."""
        below, above = self.below, self.above
        self._place(source, target)
        # What was there before has been noted; a value that is new brings its own past.
        if target not in below.origins and source in above.origins:
            below.origins[target] = above.origins[source]
        for part, item in _inside(value):
            self._adopt(item, (*source, part), (*target, part))

    def _forget(self, route: Route, value: Any, *, itself: bool = False) -> None:
        """Drop the places of all that is in a value, and with ``itself`` its own."""
        if itself:
            for places in (self.below.keys, self.below.values, self.below.origins):
                places.pop(route, None)
        for part, item in _inside(value):
            self._forget((*route, part), item, itself=True)

    def _move(self, value: Any, old: Route, new: Route) -> None:
        if old == new:
            return
        for places in (self.below.keys, self.below.values):
            if old in places:
                places[new] = places.pop(old)
        if old in self.below.origins:
            self.below.origins[new] = self.below.origins.pop(old)
        for part, item in _inside(value):
            self._move(item, (*old, part), (*new, part))


def _agree(signs: set[str], below: Any, above: Any) -> bool:
    """Whether two keys for one name say something together."""
    return signs == {"+", "-"} or (signs == {"", "-"} and isinstance(below, dict) and isinstance(above, dict))


def _inside(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _shape(value: Any) -> str:
    if value is None:
        return "empty"
    return "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else "one value"


def _mark(item: Any) -> Any:
    """Something hashable that is equal for equal items."""
    return item if isinstance(item, str) else (json.dumps(item, sort_keys=True),)


def _unsigned(name: str) -> str:
    return f"write {name}: without the sign"


def _listed(key: str | int, value: Any) -> str:
    return f"write {key}: [{value}]" if isinstance(value, str) else f"write a list after {key}:"


def _nearest(name: Any, known: list[str]) -> str:
    if not isinstance(name, str) or not known:
        return "write it exactly as it is there"
    if len(known) > _SEARCHED:
        return f"write one of the {len(known):,} that are there, as it is written"
    return did_you_mean(name, known)
