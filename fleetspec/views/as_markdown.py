"""Answers for a pull request or a wiki: GitHub-flavoured markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fleetspec.sheets import Block, Example, Facts, Heading, Line, Snippet, Table, sheet

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|"})
_BULLET = "· "
"""How a sheet begins a line that is one of several."""
_MENTION = re.compile(r"@(?=\w)")


def view(name: str, data: Any) -> str:
    """The sheet ``name`` of ``data`` as markdown that ends in a newline."""
    return markdown(sheet(name, data)) + "\n"


def markdown(blocks: Iterable[Block]) -> str:
    """Blocks as paragraphs, lists, tables and code."""
    parts: list[str] = []
    before: Block | None = None
    for block in blocks:
        match block:
            case Heading(text):
                parts.append(f"### {escape(text)}")
            case Line(text, tone) if text.startswith(_BULLET):
                item = f"- {escape(text.removeprefix(_BULLET))}"
                # Items in a row are one list.
                if isinstance(before, Line) and before.text.startswith(_BULLET):
                    parts[-1] += f"\n{item}"
                else:
                    parts.append(item)
            case Line(text, tone):
                shown = escape(text)
                parts.append(f"**{shown}**" if tone in ("strong", "good", "bad") else shown)
            case Facts(rows):
                parts.append("\n".join(f"- {escape(label)}: {escape(value)}" for label, value in rows))
            case Snippet():
                mark = " " * (block.column - 1) + "^" * block.width
                where = escape(block.where) if "`" in block.where else f"`{block.where}`"
                parts.append(f"{where}\n\n{_fenced(f'{block.line}{chr(10)}{mark} {block.note}'.rstrip())}")
            case Example(text):
                parts.append(_fenced(text))
            case Table():
                parts.append(_table(block))
        before = block
    return "\n\n".join(parts)


def _fenced(text: str) -> str:
    """Code, between fences that are longer than any in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _table(block: Table) -> str:
    rule = ["---:" if column in block.right else "---" for column in block.columns]
    rows = [[escape(cell) for cell in row] for row in block.rows]
    if block.last_is_total and rows:
        rows[-1] = [f"**{cell}**" if cell else "" for cell in rows[-1]]
    lines = [[escape(column) for column in block.columns], rule, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def escape(text: str) -> str:
    """A text in which nothing is markup, on one line, and no name calls its bearer."""
    plain = " ".join(text.splitlines()) if len(text.splitlines()) > 1 else text
    return _MENTION.sub("@\u200b", plain.translate(_SPECIAL)).replace("\n", " ").replace("\r", " ")
