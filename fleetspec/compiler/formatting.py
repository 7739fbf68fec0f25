"""``fmt``: a spec in its canonical layout, with the same values, comments, anchors and order of keys.

Two spaces of indentation; brackets on one line of up to ``WIDTH`` columns, else over several; the values of sibling
brackets begin in one column; quotes only where the text would be read as something else without them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from fleetspec.compiler.document import parse
from fleetspec.compiler.manuscript import Comment, Kind, manuscript
from fleetspec.diagnostics import Report, Source

if TYPE_CHECKING:
    from fleetspec.compiler.document import Document
    from fleetspec.compiler.manuscript import Entry, Manuscript, Node

WIDTH = 110
_WIDEST = 120
"""Columns up to which comments beside neighbouring lines are moved to one column."""
_FAR = 48
"""Column from which a bracket's entries begin on a line of their own."""
_UNEVEN = 16
"""Keys that differ by more than this are not aligned: the gap would be larger than the words."""

# What YAML reads as one plain word: no sign at its start that begins something else, nothing inside that ends it.
_PLAIN_IN_BLOCK = re.compile(
    r"""(?:[^\s\-?:,\[\]{}#&*!|>'"%@`]|-(?=[^\s,\[\]{}]))(?:[^\n\r\t:#]|:(?=[^\s,\[\]{}])|(?<!\s)\#)*"""
)
_PLAIN_IN_BRACKETS = re.compile(_PLAIN_IN_BLOCK.pattern.replace(r"[^\n\r\t:#]", r"[^\n\r\t:#,?\[\]{}]"))
_NEVER_PLAIN = re.compile(r"<<|=|---.*|\.\.\..*")
"""Merge key, default key and document markers."""


class FormatError(Exception):
    """The text has values that the canonical layout cannot hold; nothing was changed."""


@dataclass(slots=True)
class _Line:
    text: str
    beside: str | None = None


def formatted(source: Source, report: Report) -> str | None:
    """The canonical layout of a text; None when it cannot be read, which is in the report with its place.

    Raises FormatError where values, comments or anchors would not survive.
    """
    before = parse(source, report)
    if before is None:
        return None
    text = source.text.replace("\r\n", "\n").replace("\r", "\n")
    old = manuscript(text)
    result = _text(old)
    after = parse(Source(source.name, result), Report())
    if after is None or not _same(before, after):
        raise FormatError("a value would not survive the canonical layout")
    new = manuscript(result)
    if new.anchors != old.anchors or sorted(new.comments) != sorted(old.comments):
        raise FormatError("a comment or an anchor would not survive the canonical layout")
    return result


def _same(a: Document, b: Document) -> bool:
    return json.dumps(a.value) == json.dumps(b.value)


def _text(found: Manuscript) -> str:
    root = found.root
    # A whole spec in brackets is JSON; its entries are the blocks of a spec.
    root.flow = not root.entries
    if root.entries:
        lines = ([_Line(f"&{root.anchor}", root.head)] if root.anchor else []) + _block(root, 0)
    else:
        lines = [_Line(c.text) for c in root.below] + [_Line(_anchored(root, "{}"))]
    while lines and not lines[0].text and lines[0].beside is None:
        lines.pop(0)
    return "".join(f"{line}\n" for line in _with_comments(lines))


def _with_comments(lines: list[_Line]) -> list[str]:
    """Comments beside neighbouring lines in one column, where that keeps them readable."""
    written: list[str] = []
    for beside, run in groupby(lines, lambda line: line.beside is not None):
        group = list(run)
        if not beside:
            written += [line.text for line in group]
            continue
        column = max(len(line.text) for line in group) + 2
        aligned = all(column + len(line.beside or "") <= _WIDEST for line in group)
        written += [
            f"{line.text.ljust(column - 2 if aligned else 0)}  {line.beside}" if line.text else str(line.beside)
            for line in group
        ]
    return written


def _remarks(comments: list[Comment], column: int) -> list[_Line]:
    lines: list[_Line] = []
    for comment in comments:
        lines += [_Line("")] if comment.blank else []
        lines.append(_Line(" " * column + comment.text))
    return lines


def _block(node: Node, column: int) -> list[_Line]:
    """The lines of a block whose entries begin in a column."""
    lines: list[_Line] = []
    pads = _pads(node)
    for index, entry in enumerate(node.entries):
        lines += _remarks(entry.above, column)
        lines += [_Line("")] if entry.blank and (index > 0 or entry.above) else []
        lead = "-" if entry.key is None else _key(entry.key, brackets=False)
        written = _entry(lead, entry.value, column, pads[index])
        if entry.beside is not None:
            # A text of several lines has room for a comment beside its sign only.
            written[0 if entry.value.kind is Kind.TEXT else -1].beside = entry.beside
        lines += written
    lines += _remarks(node.below, column)
    if lines and not lines[0].text and lines[0].beside is None and column > 0:
        lines.pop(0)
    return lines


def _entry(lead: str, value: Node, column: int, pad: int) -> list[_Line]:
    start = " " * column + lead
    if value.is_block:
        below = _block(value, column + 2)
        if lead == "-" and value.anchor is None:
            below[0].text = f"{start} {below[0].text.lstrip()}"
            return below
        return [_Line(_anchored(value, start, after=True), value.head), *below]
    if value.kind is Kind.TEXT and value.text is not None and (value.literal or value.folded):
        texts = _block_text(value, WIDTH - column - 2)
        if texts is not None:
            inside = " " * (column + 2)
            head = _Line(f"{start} {_anchored(value, texts[0])}")
            return [head, *(_Line(inside + text if text else "") for text in texts[1:])]
    start = f"{start} {' ' * pad}"
    first, *rest = _pieces(value, len(start), column, 0, brackets=False)
    return [_Line((start + first.text).rstrip(), first.beside), *rest]


def _pads(node: Node) -> list[int]:
    """Spaces before each value, so that the maps in brackets of neighbouring keys begin in one column."""
    pads = [0] * len(node.entries)
    first = 0
    for index, entry in enumerate(node.entries):
        following = node.entries[index + 1] if index + 1 < len(node.entries) else None
        parted = following is None or not _is_map(following) or following.blank or following.above
        if not _is_map(entry):
            first = index + 1
        elif parted:
            lengths = [len(_key(e.key, brackets=False)) for e in node.entries[first : index + 1] if e.key is not None]
            if lengths and max(lengths) - min(lengths) <= _UNEVEN:
                pads[first : index + 1] = [max(lengths) - length for length in lengths]
            first = index + 1
    return pads


def _key(key: Node, brackets: bool) -> str:
    text = _scalar(key, brackets)
    # A name of an anchor may hold a colon.
    return f"{text} :" if key.kind is Kind.ALIAS else f"{text}:"


def _anchored(node: Node, text: str, after: bool = False) -> str:
    if node.anchor is None:
        return text
    return f"{text} &{node.anchor}" if after else f"&{node.anchor} {text}".rstrip()


def _scalar(node: Node, brackets: bool) -> str:
    if node.kind is Kind.ALIAS:
        return f"*{node.text}"
    return _anchored(node, "" if node.text is None else _quoted(node.text, brackets))


def _quoted(text: str, brackets: bool) -> str:
    """The text in quotes, or plain where that is read as the same text."""
    plain = _PLAIN_IN_BRACKETS if brackets else _PLAIN_IN_BLOCK
    if plain.fullmatch(text) and text == text.strip() and not _NEVER_PLAIN.fullmatch(text):
        return text
    if ('"' in text or "\\" in text) and not re.search(r"[\n\r\t]", text):
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text, ensure_ascii=False)


def _block_text(node: Node, width: int) -> list[str] | None:
    """A text of several lines after ``|`` or ``>``; None where only quotes hold it."""
    text = node.text or ""
    body = text.removesuffix("\n")
    # Empty lines at the end, and spaces or breaks at the start, would need signs that say how many count.
    if not body.strip() or re.search(r"\r|\A\n*[ \t]|\n[ \t]*\Z", body):
        return None
    mark = (">" if node.folded else "|") + ("" if text.endswith("\n") else "-")
    if not node.folded:
        return [mark, *body.split("\n")]
    if body.startswith("\n") or re.search(r"^[ \t]|[ \t]$", body, re.MULTILINE):
        return None
    return [mark, *_folded(body.split("\n"), width)]


def _folded(lines: list[str], width: int) -> list[str]:
    """Lines that folding joins to the given ones: breaks in place of single spaces, and an empty line for a break."""
    written: list[str] = []
    for index, line in enumerate(lines):
        written += [""] if index and line else []
        current, *words = re.split(r"(?<=\S) (?=\S)", line)
        for word in words:
            if len(current) + 1 + len(word) <= width:
                current += f" {word}"
            else:
                written.append(current)
                current = word
        written.append(current)
    return written


def _inline(node: Node) -> str | None:
    """A value on one line; None where comments stand inside."""
    if node.kind in (Kind.TEXT, Kind.ALIAS):
        return _scalar(node, brackets=True)
    parts = []
    for entry in node.entries:
        value = _inline(entry.value)
        if value is None or entry.above or entry.beside is not None:
            return None
        parts.append(value if entry.key is None else f"{_key(entry.key, brackets=True)} {value}")
    if node.below:
        return None
    opening, closing = "[]" if node.kind is Kind.LIST else "{}"
    return _anchored(node, opening + ", ".join(parts) + closing)


def _pieces(node: Node, column: int, indent: int, after: int, *, brackets: bool) -> list[_Line]:
    """A value's lines, the first one without what stands before ``column`` on it.

    ``indent`` is the column of the block or bracket it is in; ``after`` the signs that must follow on its last line.
    """
    if node.kind in (Kind.TEXT, Kind.ALIAS):
        return [_Line(_scalar(node, brackets))]
    whole = _inline(node)
    if whole is not None and column + len(whole) + after <= WIDTH:
        return [_Line(whole)]
    opening, closing = "[]" if node.kind is Kind.LIST else "{}"
    current = _Line(_anchored(node, opening))
    offset = column
    inner = column + len(current.text)
    lines: list[_Line] = []

    def flush() -> None:
        nonlocal current, offset
        if current.text.strip():
            lines.append(_Line(current.text.rstrip(), current.beside))
        current, offset = _Line(" " * inner), 0

    entries = node.entries
    if not entries or entries[0].above or inner > _FAR:
        inner = indent + 2
        flush()
    for index, entry in enumerate(entries):
        tail = 1 if index + 1 < len(entries) or node.below else 1 + after
        lead = "" if entry.key is None else f"{_key(entry.key, brackets=True)} "
        short = _inline(entry.value)
        if entry.above:
            flush()
            lines += _remarks([Comment(comment.text) for comment in entry.above], inner)
        elif index > 0:
            previous = entries[index - 1]
            at = offset + len(current.text) + 1
            fits = short is not None and at + len(lead) + len(short) + tail <= WIDTH
            if previous.beside is not None or not fits or (entry.broken and _keeps_breaks(node)) or _is_table(node):
                flush()
            else:
                current.text += " "
        first, *rest = _pieces(entry.value, offset + len(current.text) + len(lead), inner, tail, brackets=True)
        current.text += lead + first.text
        current.beside = first.beside
        if rest:
            lines.append(current)
            *middle, current = rest
            lines += middle
            offset = 0
        current.text += "," if index + 1 < len(entries) else ""
        if entry.beside is not None:
            current.beside = entry.beside
    if node.below or current.beside is not None:
        flush()
        lines += _remarks([Comment(comment.text) for comment in node.below], inner)
    current.text += closing
    return [*lines, current]


def _keeps_breaks(node: Node) -> bool:
    """Lists of words are filled line by line; elsewhere a break says what belongs together."""
    return node.kind is Kind.MAP or any(entry.value.flow for entry in node.entries)


def _is_table(node: Node) -> bool:
    """Whether every entry is a map: one a line, like rows."""
    return all(_is_map(entry) for entry in node.entries)


def _is_map(entry: Entry) -> bool:
    return entry.value.flow and entry.value.kind is Kind.MAP
