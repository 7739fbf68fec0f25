"""Answers for a pull request or a wiki: GitHub-flavoured markdown."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Example, Facts, Heading, Line, Snippet, Table, sheet

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|"})


def view(name: str, data: Any) -> str:
    """The sheet ``name`` of ``data`` as markdown that ends in a newline."""
    parts: list[str] = []
    for block in sheet(name, data):
        match block:
            case Heading(text):
                parts.append(f"### {_escape(text)}")
            case Line(text, tone):
                shown = _escape(text)
                parts.append(f"**{shown}**" if tone in ("strong", "good", "bad") else shown)
            case Facts(rows):
                parts.append("\n".join(f"- {_escape(label)}: {_escape(value)}" for label, value in rows))
            case Snippet():
                mark = " " * (block.column - 1) + "^" * block.width
                parts.append(f"`{block.where}`\n\n```\n{block.line}\n{mark} {block.note}".rstrip() + "\n```")
            case Example(text):
                parts.append(f"```\n{text}\n```")
            case Table():
                parts.append(_table(block))
    return "\n\n".join(parts) + "\n"


def _table(block: Table) -> str:
    rule = ["---:" if column in block.right else "---" for column in block.columns]
    rows = [[_escape(cell) for cell in row] for row in block.rows]
    if block.last_is_total and rows:
        rows[-1] = [f"**{cell}**" if cell else "" for cell in rows[-1]]
    lines = [[_escape(column) for column in block.columns], rule, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _escape(text: str) -> str:
    return text.translate(_SPECIAL).replace("\n", " ")
