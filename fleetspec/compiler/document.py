"""Text → plain values with a place for every key and value.

YAML is used for its structure only: every scalar stays the string it was written as (``ON``, ``000660`` and
``16:00`` too); typing is ``decode``'s business. Only an empty value is None. What YAML would let pass in silence
(duplicate keys, tags, a second document) is an error.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml
from msgspec import Struct, field

from fleetspec.compiler.syntax import explain
from fleetspec.diagnostics import Place, Span
from fleetspec.rules import reading

if TYPE_CHECKING:
    from fleetspec.diagnostics import Report, Route, Rule, Source

MAX_BYTES = 10 * 1024 * 1024
MAX_DEPTH = 50
MAX_ALIASED = 10_000
"""Values that aliases may add to a document, all together."""
MAX_VALUES = 250_000
"""Keys and values of a document, aliases followed. Each costs some 400 bytes and its place in every merge."""
MAX_FAULTS = 100
"""Faults told of one file; nobody mends more in one go."""

_ASCII_UNSEEN = re.compile("[^\t\n\r\x20-\x7e]")
_CONFLICT = re.compile(r"^<{7}(?: .*)?$", re.MULTILINE)
_LEADING_TAB = re.compile(r"^ *\t", re.MULTILINE)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Document(Struct, frozen=True):
    """Plain values (dict, list, str, None) and where each stands. Routes of list items end in their index.

    ``origins`` holds every place a value was given in, oldest first, the one that counts last; a value that was given
    in one place has no entry, ``values`` says it all. ``fills`` says of a text with ``${…}`` in it what filled it and
    where that stands. ``environment`` maps environment variables that were read to the digest of their value, and
    ``secrets`` names the secrets that a run will need.
    """

    value: dict[str, Any]
    keys: dict[Route, Place] = field(default_factory=dict)
    values: dict[Route, Place] = field(default_factory=dict)
    origins: dict[Route, tuple[Place, ...]] = field(default_factory=dict)
    fills: dict[Route, tuple[tuple[Place, str], ...]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)

    def place(self, route: Route, *, key: bool = False) -> Place | None:
        """Where a value (or its key) stands; for what is not written, where the nearest thing above it does."""
        exact = self.keys.get(route) if key else self.values.get(route)
        while exact is None and route:
            # Above a missing value its map's key says more than the whole map.
            exact = self.keys.get(route) or self.values.get(route)
            route = route[:-1]
        return exact or self.values.get(())

    def related(self, route: Route) -> tuple[tuple[Place, str], ...]:
        """Other places that a finding about a value should show: what filled the ``${…}`` in it."""
        return self.fills.get(route, ())


def _unseen(text: str) -> re.Pattern[str]:
    """What finds controls, zero-width and text-direction signs, line separators other than \\n, and surrogates."""
    return _ASCII_UNSEEN if text.isascii() else _any_unseen()


@cache
def _any_unseen() -> re.Pattern[str]:
    # Compiled where it is needed: so large a set of characters takes as long as reading a small spec.
    return re.compile(
        "[^\t\n\r\x20-\x7e\xa0-\u200a\u200c-\u2027\u202f-\u205f\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
    )


class _Node(Struct):
    """A parsed value. ``size`` counts the values in it, aliases followed."""

    span: Span
    scalar: str | None = None
    items: list[_Node] | None = None
    entries: dict[str, tuple[Span, _Node]] | None = None
    size: int = 1
    complete: bool = False


class _Unreadable(Exception):
    """Nothing after this place can be made sense of; it has been reported."""


def parse(source: Source, report: Report, loader: Any = None) -> Document | None:
    """Read a text. None when it has an error, which is in the report with its place.

    ``loader`` is a PyYAML loader class, by default the quickest that is installed; all give the same result.
    """
    found = _parsed(_Composer(source, report), loader or _Loader)
    if found is None:
        return None
    value, document = found
    document.value.update(value)
    return document


def parse_part(source: Source, report: Report) -> tuple[Any, Document] | None:
    """Read a text that may be a map or a list: its value, and a document with the places of everything in it."""
    return _parsed(_Composer(source, report, lists=True), _Loader)


def _parsed(composer: _Composer, loader: Any) -> tuple[Any, Document] | None:
    source, report = composer.source, composer.report
    before = len(report.errors)
    try:
        root = composer.compose(loader)
    except _Unreadable:
        return None
    if len(report.errors) > before:
        return None
    document = Document({})
    document.values[()] = Place(source, Span(root.span.start, root.span.start))
    return _plain(root, (), source, document), document


def _plain(node: _Node, route: Route, source: Source, document: Document) -> Any:
    """The node's value, with the places of everything in it entered in ``document``."""
    if node.entries is not None:
        result = {}
        for name, (key_span, child) in node.entries.items():
            here = (*route, name)
            key = Place(source, key_span)
            document.keys[here] = key
            # An empty value has no extent; its key is what a reader can see.
            empty = child.span.start == child.span.end
            document.values[here] = key if empty else Place(source, child.span)
            result[name] = _plain(child, here, source, document)
        return result
    if node.items is not None:
        listed = []
        for index, child in enumerate(node.items):
            here = (*route, index)
            document.values[here] = Place(source, child.span)
            listed.append(_plain(child, here, source, document))
        return listed
    return node.scalar


class _Composer:
    """Builds nodes from PyYAML's events, so that keys, aliases and depth are in our hands."""

    def __init__(self, source: Source, report: Report, *, lists: bool = False) -> None:
        self.source = source
        self.report = report
        self.lists = lists
        self.anchors: dict[str, _Node] = {}
        self.aliased = 0
        self.values = 0
        self.faults = 0
        self.scalars: list[Span] = []

    def error(self, rule: Rule, span: Span, message: str, help: str | None = None, **more: Any) -> None:
        self.report.add(rule, message, place=Place(self.source, span), help=help, **more)
        self.faults += 1
        if self.faults == MAX_FAULTS:
            raise _Unreadable

    def count(self, span: Span, more: int) -> None:
        self.values += more
        if self.values > MAX_VALUES:
            message = f"the file holds more than {MAX_VALUES:,} keys and values"
            raise self.stop(reading.TOO_LARGE, span, message, "put data into a data file")

    def stop(self, rule: Rule, span: Span, message: str, help: str | None = None) -> _Unreadable:
        self.error(rule, span, message, help)
        return _Unreadable()

    def compose(self, loader: Any) -> _Node:
        text = self.source.text
        if len(text) > MAX_BYTES:
            raise self.stop(reading.TOO_LARGE, Span(0, 1), "the file is larger than 10 MB", "put data into a data file")
        self.check_characters(text)
        self.check_conflicts(text)
        self.events = iter(yaml.parse(text, Loader=loader))
        try:
            root = self.document()
        except yaml.YAMLError as error:
            problem = explain(error, text)
            rule = reading.TAB if text[problem.span.start : problem.span.start + 1] == "\t" else reading.SYNTAX
            if rule is reading.TAB:
                raise self.stop(rule, Span(problem.span.start, problem.span.start + 1), *_TAB) from None
            related = []
            if problem.opened is not None:
                related.append((Place(self.source, problem.opened), "it begins here"))
            self.error(rule, problem.span, problem.message, problem.help, related=related)
            raise _Unreadable from None
        self.check_tabs(text)
        return root

    def check_characters(self, text: str) -> None:
        for found in _unseen(text).finditer(text):
            span, code = Span(*found.span()), ord(found[0])
            what = "NUL" if code == 0 else "byte order mark" if code == 0xFEFF else f"U+{code:04X}"
            raise self.stop(
                reading.CONTROL_CHARACTER, span, f"the text holds an invisible character ({what})", "delete it"
            )
        if leading := _LEADING_TAB.search(text):
            raise self.stop(reading.TAB, Span(leading.end() - 1, leading.end()), *_TAB)

    def check_conflicts(self, text: str) -> None:
        """What git leaves between the sides of a merge. Every one is told, and nothing else of the file."""
        if "<<<<<<<" not in text:
            return
        found = list(_CONFLICT.finditer(text))
        for marker in found:
            self.error(
                reading.CONFLICT_MARKERS,
                Span(*marker.span()),
                "a merge conflict is not resolved here",
                "keep what is meant, and delete the lines <<<<<<<, ======= and >>>>>>>",
            )
        if found:
            raise _Unreadable

    def check_tabs(self, text: str) -> None:
        """Tabs between values: some YAML readers take them for space, others refuse them."""
        if "\t" not in text:
            return
        last = 0
        for span in [*sorted(self.scalars), Span(len(text), len(text))]:
            # Outside of scalars a '#' can only begin a comment.
            for part in re.finditer(r"#[^\n]*|\t", text[last : span.start]):
                if part[0] == "\t":
                    at = last + part.start()
                    raise self.stop(reading.TAB, Span(at, at + 1), *_TAB)
            last = max(last, span.end)

    def document(self) -> _Node:
        start = Span(0, 1)
        event = next(self.events)
        while not isinstance(event, yaml.NodeEvent):
            if isinstance(event, yaml.StreamEndEvent):
                help = _LISTED if self.lists else "`fleetspec init` writes a first spec"
                raise self.stop(reading.NOT_A_MAP, start, "the file is empty", help)
            event = next(self.events)
        root = self.node(event, 1)
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                raise self.stop(
                    reading.MANY_DOCUMENTS,
                    _span(event),
                    "a second document begins here",
                    "put it into a file of its own",
                )
        if root.entries is None and not (self.lists and root.items is not None):
            empty = root.items is None and not root.scalar
            what = "the file is empty" if empty else "the file is " + ("a list" if root.items is not None else "a word")
            help = _LISTED if self.lists else "a spec begins with keys: apiVersion: fleetspec/v1"
            raise self.stop(reading.NOT_A_MAP, root.span, what, help)
        return root

    def node(self, event: Any, depth: int) -> _Node:
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        span = _span(event)
        self.count(span, 1)
        if event.tag is not None:
            # An anchor may stand before the tag.
            tag = re.compile(r"(?:&\S+\s+)?(![^\s,\]}]*)").match(self.source.text, span.start)
            place = Span(*tag.span(1)) if tag else span
            name = self.source.text[place.start : place.end]
            self.error(reading.TAG, place, f"'{name}' is a YAML tag", "leave the tag out: types come from the language")
        node = _Node(span)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        if isinstance(event, yaml.ScalarEvent):
            self.scalar(node, event)
        elif depth > MAX_DEPTH:
            here = Span(span.start, span.start + 1)
            raise self.stop(
                reading.TOO_DEEP, here, f"more than {MAX_DEPTH} levels deep", "take out levels: a spec needs a handful"
            )
        elif isinstance(event, yaml.SequenceStartEvent):
            self.sequence(node, depth)
        else:
            self.mapping(node, depth)
        node.complete = True
        return node

    def scalar(self, node: _Node, event: Any) -> None:
        self.scalars.append(node.span)
        node.scalar = event.value
        if event.value == "" and not event.style:
            node.scalar = None
            node.span = Span(node.span.end, node.span.end)
        elif found := _unseen(event.value).search(event.value):
            self.error(
                reading.CONTROL_CHARACTER,
                node.span,
                f"the text holds an invisible character (U+{ord(found[0]):04X})",
                "leave the escape out",
            )

    def sequence(self, node: _Node, depth: int) -> None:
        node.items = []
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                node.span = Span(node.span.start, _end(event, node.items[-1].span if node.items else node.span))
                return
            child = self.node(event, depth + 1)
            node.items.append(child)
            node.size += child.size

    def mapping(self, node: _Node, depth: int) -> None:
        node.entries = {}
        last = node.span
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                node.span = Span(node.span.start, _end(event, last))
                return
            key = self.node(event, depth + 1)
            child = self.node(next(self.events), depth + 1)
            last = max(key.span, child.span)
            node.size += 1 + child.size
            if key.scalar is None:
                self.error(reading.KEY_NOT_TEXT, key.span, "a key must be a word", "write key: value")
            elif key.scalar == "<<" and self.source.text[key.span.start] == "<":
                self.error(
                    reading.MERGE_KEY, key.span, "`<<` merges nothing here", "write the keys out, or use `extends`"
                )
            elif key.scalar in node.entries:
                first = Place(self.source, node.entries[key.scalar][0])
                self.error(
                    reading.DUPLICATE_KEY,
                    key.span,
                    f"the key '{key.scalar}' is already on line {first.line}",
                    "keep one of the two",
                    related=[(first, "first written here")],
                )
            else:
                node.entries[key.scalar] = (key.span, child)

    def alias(self, event: Any) -> _Node:
        span = _span(event)
        target = self.anchors.get(event.anchor)
        if target is None or not target.complete:
            why, help = "has no anchor above it", "write the value out"
            if target is not None:
                why, help = "stands inside of what it repeats", "leave it out: a value cannot hold itself"
            self.error(reading.ALIAS, span, f"the alias '*{event.anchor}' {why}", help)
            return _Node(span, complete=True)
        self.count(span, target.size)
        self.aliased += target.size
        if self.aliased > MAX_ALIASED:
            raise self.stop(
                reading.ALIAS,
                span,
                f"aliases add more than {MAX_ALIASED:,} values to the file",
                "write the values out, or take them from a data source",
            )
        return _Node(span, target.scalar, target.items, target.entries, target.size, complete=True)


_LISTED = "write a list (- AAPL) or a map (fast: [momentum(5)])"
_TAB = ("a tab stands where only spaces count", "replace it by spaces")


def unseen(text: str) -> re.Match[str] | None:
    """The first character that cannot be seen, if the text has one."""
    return _unseen(text).search(text)


def _span(event: Any) -> Span:
    return Span(event.start_mark.index, event.end_mark.index)


def _end(event: Any, last: Span) -> int:
    """Where a collection ends: its closing bracket, or the end of its last item (block style has no bracket)."""
    closing = _span(event)
    return closing.end if closing.end > closing.start else last.end
