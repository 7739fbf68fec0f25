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
_WORD = re.compile(r".+")
"""A name left whole."""
_PART = re.compile(r".*?(?:/|× )|.+")
"""A part of a long name, up to where a reader would break it."""
_PIECE = re.compile(r".*?(?:[/@]|× |\.(?=[a-z]))|.+")
"""The same where that is not enough: mail addresses, routes and names of files are broken, too."""


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
    parts = _PART.findall(word) or [""]
    if any(cell_len(part) + len(INDENT) > width for part in parts):
        parts = _PIECE.findall(word)
    for part in parts:
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
    the widest gives way first, in the way that takes the fewest lines. None where all of it fits, or nothing helps."""
    columns = [[name, *(row[at] for row in table.rows)] for at, name in enumerate(table.columns)]
    wide = [max(cell_len(cell) for cell in cells) for cells in columns]
    over = sum(wide) + GAP * (len(wide) - 1) - room
    if over <= 0:
        return None
    found = (_shrunk(table, columns, wide, over, way) for way in (_WORD, _PART, _PIECE))
    return min((one for one in found if one is not None), key=lambda one: _lines(columns, one), default=None)


def _shrunk(
    table: Table, columns: list[list[str]], wide: list[int], over: int, way: re.Pattern[str]
) -> list[int] | None:
    """Columns narrower by ``over`` together, words broken in no other way than this; None where that is not enough."""
    wide = list(wide)
    least = [
        wide[at] if name in table.right else max(_narrowest(cell, way) for cell in columns[at])
        for at, name in enumerate(table.columns)
    ]
    if sum(wide) - sum(least) < over:
        return None
    for _ in range(over):
        at = max(range(len(wide)), key=lambda at: (wide[at] > least[at], wide[at]))
        wide[at] -= 1
    return wide


def _lines(columns: list[list[str]], wide: list[int]) -> int:
    """How many lines all rows take."""
    cells = [[len(fold(cell, width)) for cell in listed] for listed, width in zip(columns, wide, strict=True)]
    return sum(map(max, zip(*cells, strict=True)))


def _narrowest(cell: str, way: re.Pattern[str]) -> int:
    """The width below which a cell could not be broken well."""
    found = 1
    for word in _SPACE.split(cell):
        for at, part in enumerate(way.findall(word)):
            found = max(found, cell_len(part) + (len(INDENT) if at else 0))
    return found
