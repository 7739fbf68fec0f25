"""Manifest text → documents of typed values with a place for each: what kubectl would send, and where it stands.

Bounded like the reading of specs: size, depth, values, and what aliases add. A key said twice, which kubectl lets pass
and the API server refuses, is an error here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from msgspec import Struct

from fleetspec.compiler.document import MAX_ALIASED, MAX_BYTES, MAX_DEPTH, MAX_FAULTS, MAX_VALUES
from fleetspec.compiler.syntax import explain
from fleetspec.diagnostics import Place, Span
from fleetspec.lint.plain import plain
from fleetspec.rules import reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleetspec.diagnostics import Report, Route, Rule, Source

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALAR: Any = yaml.ScalarEvent
_PLACEHOLDER = "{{"


class Node(Struct, gc=False):
    """A value and where it stands, in characters. ``entries`` and ``items`` hold the nodes below; ``size`` and
    ``deep`` count the values in it and the levels of them, aliases followed. No node is inside of itself."""

    start: int
    end: int
    value: Any = None
    entries: dict[str, tuple[int, int, Node]] | None = None
    items: list[Node] | None = None
    size: int = 1
    deep: int = 1
    complete: bool = False


class Unreadable(Exception):
    """Nothing after this place can be made sense of; it has been reported."""


def documents(source: Source, report: Report) -> list[Node]:
    """The documents of a text. Empty ones are left out, and those with a fault, which is in the report."""
    found: list[Node] = []
    try:
        for node in _Reader(source, report).read():
            found.append(node)
    except Unreadable:
        # What stands above the place is sound.
        pass
    return found


def place(source: Source, node: Node, route: Route, *, key: bool = False) -> Place:
    """Where the value at a route stands, or its key; for what is not written, the key of the nearest thing above it."""
    named: Span | None = None
    found: Node | None = node
    for step in route:
        below = None
        if isinstance(step, str) and found is not None and found.entries is not None:
            entry = found.entries.get(step)
            if entry is not None:
                named, below = Span(entry[0], entry[1]), entry[2]
        elif isinstance(step, int) and found is not None and found.items is not None and step < len(found.items):
            below = found.items[step]
            named = None if below.end > below.start else named
        if below is None:
            return Place(source, named or _opening(found or node))
        found = below
    assert found is not None
    written = found.end > found.start
    return Place(source, named if named is not None and (key or not written) else Span(found.start, found.end))


def _opening(node: Node) -> Span:
    # Of a thing that lacks something, its first word is what a reader should see, not all of it.
    if node.entries:
        start, end, _ = min(node.entries.values(), key=lambda entry: entry[0])
        return Span(start, end)
    return Span(node.start, node.end)


class _Reader:
    """Builds nodes from PyYAML's events, so that types, keys, aliases and depth are in our hands."""

    def __init__(self, source: Source, report: Report) -> None:
        self.source = source
        self.report = report
        self.anchors: dict[str, Node] = {}
        self.values = 0
        self.aliased = 0
        self.faults = 0

    def error(self, rule: Rule, start: int, end: int, message: str, help: str | None = None, **more: Any) -> None:
        self.report.add(rule, message, place=Place(self.source, Span(start, max(end, start + 1))), help=help, **more)
        self.faults += 1
        if self.faults >= MAX_FAULTS:
            raise Unreadable

    def stop(self, rule: Rule, start: int, end: int, message: str, help: str | None = None) -> Unreadable:
        self.error(rule, start, end, message, help)
        return Unreadable()

    def read(self) -> Iterator[Node]:
        text = self.source.text
        if len(text) > MAX_BYTES:
            raise self.stop(reading.TOO_LARGE, 0, 1, "the file is larger than 10 MB", "split it into several files")
        try:
            # A loader reads ahead when it is made, so it may fail here, too; it gives None when the text is over.
            loader = _Loader(text)
            self.events = iter(loader.get_event, None)
            for event in self.events:
                if isinstance(event, yaml.DocumentStartEvent):
                    self.anchors = {}
                elif isinstance(event, yaml.NodeEvent):
                    faults = self.faults
                    root = self.node(event, 1)
                    if root.value is not None and self.faults == faults:
                        yield root
        except yaml.YAMLError as error:
            raise self.broken(error) from None

    def broken(self, error: yaml.YAMLError) -> Unreadable:
        text = self.source.text
        problem = explain(error, text)
        start, end = problem.span.start, problem.span.end
        if text[start : start + 1] == "\t":
            return self.stop(
                reading.TAB, start, start + 1, "a tab stands where only spaces count", "replace it by spaces"
            )
        line = self.source.line_at(start) if start < len(text) else ""
        help = _RENDER_FIRST if _PLACEHOLDER in line else problem.help
        return self.stop(reading.SYNTAX, start, end, problem.message, help)

    def node(self, event: Any, depth: int) -> Node:
        kind = type(event)
        if kind is yaml.AliasEvent:
            return self.alias(event, depth)
        self.values += 1
        start, end = event.start_mark.index, event.end_mark.index
        if self.values > MAX_VALUES:
            message = f"the file holds more than {MAX_VALUES:,} keys and values"
            raise self.stop(reading.TOO_LARGE, start, end, message, "split it into several files")
        made = Node(start, end)
        if event.anchor is not None:
            self.anchors[event.anchor] = made
        if kind is yaml.ScalarEvent:
            bare = event.implicit[0] and not event.style
            made.value = plain(event.value) if bare or event.tag in _TYPED else event.value
            if bare and not event.value:
                made.start = made.end
        elif depth > MAX_DEPTH:
            raise self.too_deep(start)
        elif kind is yaml.SequenceStartEvent:
            self.sequence(made, depth)
        else:
            self.mapping(made, depth)
        made.complete = True
        return made

    def too_deep(self, start: int) -> Unreadable:
        message = f"more than {MAX_DEPTH} levels deep"
        return self.stop(reading.TOO_DEEP, start, start + 1, message, "no manifest needs so many")

    def sequence(self, made: Node, depth: int) -> None:
        made.items = []
        for event in self.events:
            if type(event) is yaml.SequenceEndEvent:
                break
            child = self.node(event, depth + 1)
            made.items.append(child)
            made.size += child.size
            if child.deep >= made.deep:
                made.deep = 1 + child.deep
            made.end = child.end
        made.value = [child.value for child in made.items]

    def mapping(self, made: Node, depth: int) -> None:
        entries: dict[str, tuple[int, int, Node]] = {}
        made.entries = entries
        merged: list[Node] = []
        for event in self.events:
            if type(event) is yaml.MappingEndEvent:
                break
            start, end, name = self.key(event, depth)
            child = self.node(next(self.events), depth + 1)
            made.size += 1 + child.size
            if child.deep >= made.deep:
                made.deep = 1 + child.deep
            made.end = max(end, child.end)
            if name is None:
                self.no_key(made, start, end)
            elif name == "<<" and self.source.text[start : start + 1] == "<":
                merged.append(child)
            elif name in entries:
                first = Place(self.source, Span(entries[name][0], entries[name][1]))
                message = f"the key '{name}' is already on line {first.line}"
                more: dict[str, Any] = {"related": [(first, "first written here")]}
                self.error(reading.DUPLICATE_KEY, start, end, message, "keep one of the two", **more)
            else:
                entries[name] = (start, end, child)
        for node in merged:
            self.merge(made, node)
        made.value = {name: entry[2].value for name, entry in entries.items()}

    def key(self, event: Any, depth: int) -> tuple[int, int, str | None]:
        """Where a key stands, and the name it has in JSON; None for what cannot be one."""
        if type(event) is _SCALAR and event.anchor is None:
            # Half of all nodes are such keys: no node is made of them.
            self.values += 1
            bare = event.implicit[0] and not event.style
            value = plain(event.value) if bare or event.tag in _TYPED else event.value
            return event.start_mark.index, event.end_mark.index, _key(value)
        node = self.node(event, depth + 1)
        return node.start, node.end, _key(node.value)

    def no_key(self, made: Node, start: int, end: int) -> None:
        if self.source.text[made.start : made.start + 2] == _PLACEHOLDER:
            message = "a template that was not rendered"
            raise self.stop(reading.KEY_NOT_TEXT, start, end, message, _RENDER_FIRST)
        self.error(reading.KEY_NOT_TEXT, start, end, "a key must be a word", "write key: value")

    def merge(self, made: Node, node: Node) -> None:
        """`<<: *defaults`: the entries of a map, or of several, that are not written out."""
        assert made.entries is not None
        for each in node.items if node.items is not None else [node]:
            if each.entries is None:
                self.error(reading.MERGE_KEY, node.start, node.end, "`<<` merges a map", "write <<: *anchor_of_a_map")
                return
            for name, entry in each.entries.items():
                made.entries.setdefault(name, entry)

    def alias(self, event: Any, depth: int) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        target = self.anchors.get(event.anchor)
        if target is None or not target.complete:
            why = "has no anchor above it" if target is None else "stands inside of what it repeats"
            self.error(reading.ALIAS, start, end, f"the alias '*{event.anchor}' {why}", "write the value out")
            return Node(start, end, complete=True)
        if depth + target.deep > MAX_DEPTH:
            raise self.too_deep(start)
        self.values += target.size
        self.aliased += target.size
        if self.aliased > MAX_ALIASED or self.values > MAX_VALUES:
            message = f"aliases add more than {MAX_ALIASED:,} values to the file"
            raise self.stop(reading.ALIAS, start, end, message, "write the values out")
        return Node(start, end, target.value, target.entries, target.items, target.size, target.deep, complete=True)


_TYPED = {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null")}
_RENDER_FIRST = "render the template first: helm template . | fleetspec lint -"


def _key(value: Any) -> str | None:
    """The name that a key has in JSON: numbers and truth values become text. None for what cannot be one."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None
