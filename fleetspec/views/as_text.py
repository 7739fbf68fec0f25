"""Answers for a terminal: plain text with optional colour, never wider than asked."""

from __future__ import annotations

import io
from typing import Any

from fleetspec.sheets import Block, Example, Facts, Heading, Line, Snippet, Table, sheet

_STYLES = {"plain": "", "strong": "bold", "good": "green", "bad": "bold red", "warn": "yellow", "dim": "dim"}
_BULLET = "· "
"""How a sheet begins a line that is one of several."""


def view(name: str, data: Any, *, width: int = 80, color: bool = False) -> str:
    """The sheet ``name`` of ``data`` as text that ends in a newline."""
    blocks = sheet(name, data)
    if not color and all(isinstance(block, Line) and len(block.text) < width for block in blocks):
        # The answer of a command that people run on every save: no library is loaded to print a line of it.
        return "".join(f"{block.text}\n" for block in blocks if isinstance(block, Line))
    from rich.console import Console
    from rich.text import Text

    from fleetspec.views.columns import fold

    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        legacy_windows=False,
        emoji=False,
        markup=False,
    )
    before: Block | None = None
    for block in blocks:
        if _apart(before, block):
            console.print()
        before = block
        match block:
            case Heading(text):
                console.print()
                console.print(Text(text, style="bold"))
            case Line(text, tone):
                # Findings keep long lines whole: a terminal wraps them, a log or grep must not see them cut.
                shown = text if name == "findings" else _hanging(text, width)
                console.print(Text(shown, style=_STYLES[tone]), soft_wrap=True)
            case Facts(rows):
                pad = max((len(label) for label, _ in rows), default=0)
                for label, value in rows:
                    for number, line in enumerate(fold(value, max(20, width - pad - 2))):
                        console.print(Text(f"{label if number == 0 else '':<{pad}}  {line}"), soft_wrap=True)
            case Snippet():
                _snippet(console, block)
            case Example(text, tone):
                indented = "\n".join(f"    {line}" for line in text.split("\n"))
                console.print(Text(indented, style=_STYLES[tone]), soft_wrap=True)
            case Table():
                console.print(_table(block, width))
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def _apart(before: Block | None, block: Block) -> bool:
    """Whether an empty line keeps two blocks from reading as one: a table and what is around it."""
    match before, block:
        case Table(), Heading():
            return False
        case Table(), _:
            return True
        case Line(text, tone), Table():
            # A title, or a line that ends in a colon, belongs to the table.
            return tone in ("plain", "dim", "warn") and not text.endswith(":")
    return False


def _hanging(text: str, width: int) -> str:
    """A line in lines: what begins with a bullet, or is indented, stays so."""
    from fleetspec.views.columns import fold

    begin = text.startswith(_BULLET)
    lead = " " * (len(_BULLET) if begin else len(text) - len(text.lstrip(" ")))
    first, *others = fold(text[len(lead) :], max(20, width - len(lead)))
    return "\n".join([text[: len(lead)] + first, *(lead + line for line in others)])


def _table(block: Table, width: int) -> Any:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    from fleetspec.views.columns import fold, widths

    wide = widths(block, width)
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    for at, column in enumerate(block.columns):
        right = column in block.right
        table.add_column(
            column,
            justify="right" if right else "left",
            no_wrap=right,
            overflow="fold",
            width=None if wide is None else wide[at],
        )
    for number, row in enumerate(block.rows):
        if block.last_is_total and number == len(block.rows) - 1:
            table.add_section()
        table.add_row(*(Text(cell if wide is None else "\n".join(fold(cell, wide[at]))) for at, cell in enumerate(row)))
    return table


def _snippet(console: Any, block: Snippet) -> None:
    from rich.text import Text

    gutter = " " * len(str(block.line_number))
    mark = " " * (block.column - 1) + ("^" if block.tone == "bad" else "-") * block.width
    style = _STYLES[block.tone]
    console.print(Text(f"{gutter}--> {block.where}"), soft_wrap=True)
    console.print(Text(f"{block.line_number} | {block.line}"), soft_wrap=True)
    console.print(Text(f"{gutter} | "), Text(f"{mark} {block.note}".rstrip(), style=style), sep="", soft_wrap=True)
