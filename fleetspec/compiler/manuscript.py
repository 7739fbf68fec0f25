"""Text → manuscript: the structure of a spec as it was written, with its comments, anchors and aliases.

A :class:`~fleetspec.compiler.document.Document` holds what a spec says, a manuscript how it is laid out. Every comment
belongs to an entry: above it, beside it, or below the last entry of its block.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ENDS = yaml.SequenceEndEvent | yaml.MappingEndEvent
# A directive (%TAG) may hold a '#' that begins no comment.
_REMARK = re.compile(r"^%[^\n]*?(?= #|$)|#[^\n]*", re.MULTILINE)
_ANCHOR = re.compile(r"&\S+(?:\s+#[^\n]*|\s)*")
_BLOCK_HEAD = re.compile(r"(?:&\S+\s+)?[|>][-+0-9]*[ ]+(#[^\n]*)")


class Kind(Enum):
    TEXT = auto()
    ALIAS = auto()
    MAP = auto()
    LIST = auto()


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment with its ``#``. ``blank``: the line above it is empty."""

    text: str
    blank: bool = False


@dataclass(slots=True)
class Node:
    """A value. ``text`` is that of a scalar (None where nothing is written) or the anchor an alias repeats.

    ``start`` and ``end`` are character offsets. ``folded`` and ``literal`` are the block styles ``>`` and ``|``.
    ``head`` stands beside the key of a block, ``below`` after its last entry.
    """

    kind: Kind
    start: int
    end: int
    text: str | None = None
    anchor: str | None = None
    flow: bool = False
    folded: bool = False
    literal: bool = False
    entries: list[Entry] = field(default_factory=list)
    head: str | None = None
    below: list[Comment] = field(default_factory=list)

    @property
    def is_block(self) -> bool:
        return self.kind in (Kind.MAP, Kind.LIST) and not self.flow


@dataclass(slots=True)
class Entry:
    """An item of a list, or a key with its value. ``broken``: it was written on a line after its neighbour's."""

    key: Node | None
    value: Node
    above: list[Comment] = field(default_factory=list)
    beside: str | None = None
    blank: bool = False
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Manuscript:
    """``anchors``: names of anchors (``&a``) and aliases (``*a``), in the order in which they are written."""

    root: Node
    anchors: tuple[str, ...]
    comments: tuple[str, ...]


def manuscript(text: str) -> Manuscript:
    """The manuscript of a text that ``document.parse`` has accepted. Lines end in ``\\n``."""
    reader = _Reader(text)
    root = reader.read()
    _settle(root)
    return Manuscript(root, tuple(reader.names), tuple(comment for _, comment in reader.comments))


@dataclass(slots=True)
class _Reader:
    text: str
    comments: list[tuple[int, str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    taken: int = 0
    """How many comments have found their entry."""
    lines: list[int] = field(default_factory=list)
    """Where each line begins."""
    events: Iterator[Any] = field(default_factory=lambda: iter(()))

    def read(self) -> Node:
        events: Iterator[Any] = yaml.parse(self.text, Loader=_Loader)
        found = [event for event in events if isinstance(event, yaml.NodeEvent | _ENDS)]
        self.lines = [0, *(match.end() for match in re.finditer("\n", self.text))]
        self.comments = list(self._find_comments(found))
        self.events = iter(found)
        root = self.node(next(self.events), -1)
        rest = self.until(len(self.text) + 1)
        if root.entries:
            last = root.entries[-1]
            for offset, comment in rest:
                if root.flow and last.beside is None and not root.below and self.same_line(root.end, offset):
                    last.beside = comment
                else:
                    root.below.append(self.remark(offset, comment))
        else:
            root.below += [self.remark(offset, comment) for offset, comment in rest]
        return root

    def _find_comments(self, events: list[Any]) -> Iterator[tuple[int, str]]:
        """Outside of scalars, and in the head of a block scalar, a ``#`` can only begin a comment."""
        last = 0
        scalars: list[Any] = [event for event in events if isinstance(event, yaml.ScalarEvent)]
        spans = [(event.start_mark.index, event.end_mark.index, event.style) for event in scalars]
        for start, end, style in [*spans, (len(self.text), len(self.text), None)]:
            for part in _REMARK.finditer(self.text[last:start]):
                if part[0].startswith("#"):
                    yield last + part.start(), part[0].rstrip()
            if style in ("|", ">") and (head := _BLOCK_HEAD.match(self.text, start)):
                yield head.start(1), head[1].rstrip()
            last = max(last, end)

    def line(self, offset: int) -> int:
        return bisect_right(self.lines, offset) - 1

    def column(self, offset: int) -> int:
        return offset - self.lines[self.line(offset)]

    def same_line(self, a: int, b: int) -> bool:
        return self.line(a) == self.line(b)

    def is_below_a_blank(self, offset: int) -> bool:
        line = self.line(offset)
        return line > 0 and not self.text[self.lines[line - 1] : self.lines[line]].strip()

    def remark(self, offset: int, comment: str) -> Comment:
        alone = not self.text[self.lines[self.line(offset)] : offset].strip()
        return Comment(comment, alone and self.is_below_a_blank(offset))

    def until(self, offset: int) -> list[tuple[int, str]]:
        """Take the comments before ``offset``."""
        first = self.taken
        while self.taken < len(self.comments) and self.comments[self.taken][0] < offset:
            self.taken += 1
        return self.comments[first : self.taken]

    def node(self, event: Any, outer: int) -> Node:
        """``outer`` is the column of the block this value is in, -1 for the root."""
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.AliasEvent):
            self.names.append(f"*{event.anchor}")
            return Node(Kind.ALIAS, start, end, event.anchor)
        if event.anchor is not None:
            self.names.append(f"&{event.anchor}")
        if isinstance(event, yaml.ScalarEvent):
            if _is_empty(event):
                end = start + (0 if event.anchor is None else len(event.anchor) + 1)
                return Node(Kind.TEXT, start, end, anchor=event.anchor)
            end = start + len(self.text[start:end].rstrip())
            folded, literal, text = event.style == ">", event.style == "|", event.value
            return Node(Kind.TEXT, start, end, text, event.anchor, folded=folded, literal=literal)
        kind = Kind.LIST if isinstance(event, yaml.SequenceStartEvent) else Kind.MAP
        node = Node(kind, start, end, anchor=event.anchor, flow=bool(event.flow_style))
        self.fill(node, outer)
        return node

    def fill(self, node: Node, outer: int) -> None:
        last: Entry | None = None
        column = outer
        for event in self.events:
            if isinstance(event, _ENDS):
                self.close(node, event, column, outer)
                return
            start = event.start_mark.index
            if last is None:
                column = self.column(start) if node.kind is Kind.MAP or node.flow else self.column_of_dash(node)
            above: list[Comment] = []
            for offset, comment in self.until(start):
                if last is None and node.is_block and node.anchor is not None and self.same_line(node.start, offset):
                    node.head = comment
                elif last is not None and not above and self.is_beside(last, offset):
                    last.beside = comment
                else:
                    above.append(self.remark(offset, comment))
            broken = last is not None and not self.same_line(last.value.end, start)
            entry = self.entry(node, event, column)
            entry.above = above + entry.above
            entry.blank = self.is_below_a_blank(start) and not self.text[self.lines[self.line(start)] : start].strip(
                " -"
            )
            entry.broken = broken
            node.entries.append(entry)
            last = entry

    def is_beside(self, entry: Entry, offset: int) -> bool:
        return entry.beside is None and self.same_line(entry.value.end, offset)

    def column_of_dash(self, node: Node) -> int:
        anchor = _ANCHOR.match(self.text, node.start) if node.anchor is not None else None
        return self.column(anchor.end() if anchor else node.start)

    def entry(self, node: Node, event: Any, column: int) -> Entry:
        if node.kind is Kind.LIST:
            value = self.node(event, column)
            above = _taken_from_the_top(value) if value.is_block else []
            if value.kind is Kind.TEXT:
                above += [Comment(comment) for _, comment in self.until(value.end)]
            return Entry(None, value, above)
        key = self.node(event, column)
        following = next(self.events)
        if isinstance(following, yaml.ScalarEvent) and following.anchor is None and _is_empty(following):
            # Parsers differ on where nothing stands: here, it is right behind its key.
            return Entry(key, Node(Kind.TEXT, key.end, key.end))
        between = self.until(following.start_mark.index)
        is_block = isinstance(following, yaml.CollectionStartEvent) and not following.flow_style
        head = None
        if is_block and between and self.same_line(key.end, between[0][0]):
            head = between.pop(0)[1]
        if is_block:
            # What stands above the first entry is that entry's business.
            self.taken -= len(between)
            between = []
        value = self.node(following, column)
        if head is not None:
            value.entries[0].above[:0] = [] if value.head is None else [Comment(value.head)]
            value.head = head
        if isinstance(following, yaml.ScalarEvent):
            # The comment in the head of a block scalar is inside of the scalar's extent.
            between += self.until(value.end)
        made = Entry(key, value)
        simple = value.kind in (Kind.TEXT, Kind.ALIAS) and not node.flow
        if simple and len(between) == 1 and self.same_line(key.end, between[0][0]) and not self.is_commented(value):
            made.beside = between[0][1]
        else:
            made.above = [Comment(comment) for _, comment in between]
        return made

    def is_commented(self, value: Node) -> bool:
        """Whether a comment follows on the line on which a value ends."""
        return self.taken < len(self.comments) and self.same_line(value.end, self.comments[self.taken][0])

    def close(self, node: Node, event: Any, column: int, outer: int) -> None:
        closing = event.end_mark.index
        if node.flow:
            node.end = max(closing, node.entries[-1].value.end if node.entries else 0)
            for offset, comment in self.until(node.end):
                last = node.entries[-1] if node.entries else None
                if (
                    last is not None
                    and last.beside is None
                    and not node.below
                    and self.same_line(last.value.end, offset)
                ):
                    last.beside = comment
                else:
                    node.below.append(self.remark(offset, comment))
            return
        last = node.entries[-1]
        node.end = last.value.end
        # A block has no bracket: what is indented like its entries, or further, is still in it.
        while self.taken < len(self.comments) and self.comments[self.taken][0] < closing:
            offset, comment = self.comments[self.taken]
            if self.same_line(node.end, offset):
                if last.value.is_block or last.beside is not None:
                    return
                last.beside = comment
            elif self.column(offset) >= column > outer:
                node.below.append(self.remark(offset, comment))
            else:
                return
            self.taken += 1


def _is_empty(event: Any) -> bool:
    return event.value == "" and not event.style


def _taken_from_the_top(value: Node) -> list[Comment]:
    """Comments between a dash and the first entry of the block beside it: above the item there is room for them."""
    first = value.entries[0]
    taken = [Comment(text) for text in (value.head,) if text is not None]
    taken += [replace(comment, blank=False) for comment in first.above]
    value.head, first.above = None, []
    return taken


def _settle(node: Node) -> None:
    """A comment beside the last entry of a bracket is one beside the bracket, unless that has its own."""
    for entry in node.entries:
        value = entry.value
        _settle(value)
        if not value.flow or not value.entries or value.below or value.entries[-1].beside is None:
            continue
        last = value.entries[-1]
        if entry.beside is None:
            entry.beside = last.beside
        else:
            last.above.append(Comment(str(last.beside)))
        last.beside = None
