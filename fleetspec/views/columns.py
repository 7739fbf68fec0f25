"""Widths of a table's columns on a narrow page, and where its cells are broken: at spaces, and long names after a
slash, never in the middle of a word that has room elsewhere."""

from __future__ import annotations

import re

from rich.cells import cell_len

from fleetspec.sheets import Table

GAP = 2
"""Columns of signs between two columns of a table."""
INDENT = "  "
"""Before the second half of a name, so that it does not read as a row of its own."""
_SPACE = re.compile(r"(?<!×) (?!×|%|USD\b)")
"""Where a line may end: at a space, but never between a figure and its unit, or a number of nodes and what they are."""
_PART = re.compile(r".*?(?:/|× )|.+")


def fold(text: str, width: int) -> list[str]:
    """A text in lines of at most ``width`` signs. A word that is longer is broken after a slash and its rest indented;
    only a part that is longer still is cut."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for number, word in enumerate(_SPACE.split(paragraph)):
            joined = f"{line} {word}" if number else word
            if cell_len(joined) <= width:
                line = joined
                continue
            if line:
                lines.append(line)
            *full, line = _broken(word, width)
            lines += full
        lines.append(line)
    return lines


def _broken(word: str, width: int) -> list[str]:
    """A word in pieces that fit."""
    lines, line = [], ""
    for part in _PART.findall(word) or [""]:
        if cell_len(line + part) <= width:
            line += part
            continue
        if line.strip():
            lines.append(line)
            line = INDENT
        rest = line + part
        while cell_len(rest) > width:
            head = _head(rest, width)
            lines.append(head)
            rest = INDENT[: width // 2] + rest[len(head) :]
        line = rest
    return [*lines, line]


def _head(text: str, width: int) -> str:
    """As many signs of a text as are ``width`` wide, at least one."""
    room = width
    for at, sign in enumerate(text):
        room -= cell_len(sign)
        if room < 0:
            return text[: max(at, 1)]
    return text


def widths(table: Table, room: int) -> list[int] | None:
    """How wide each column of a table is that is wider than ``room``: columns of numbers stay whole, and of the others
    the widest gives way first. None where all of it fits, or where nothing can be done."""
    columns = [[name, *(row[at] for row in table.rows)] for at, name in enumerate(table.columns)]
    wide = [max(cell_len(cell) for cell in cells) for cells in columns]
    over = sum(wide) + GAP * (len(wide) - 1) - room
    if over <= 0:
        return None
    least = [
        wide[at] if name in table.right else max(map(_narrowest, columns[at])) for at, name in enumerate(table.columns)
    ]
    for _ in range(over):
        at = max(range(len(wide)), key=lambda at: (wide[at] - least[at] > 0, wide[at]))
        if wide[at] <= least[at]:
            return None
        wide[at] -= 1
    return wide


def _narrowest(cell: str) -> int:
    """The width below which a cell could not be broken well."""
    found = 1
    for word in _SPACE.split(cell):
        for at, part in enumerate(_PART.findall(word)):
            found = max(found, cell_len(part) + (len(INDENT) if at else 0))
    return found
