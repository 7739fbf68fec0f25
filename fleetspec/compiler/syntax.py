"""What a YAML parser's complaint means, in words that say what to change."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from fleetspec.diagnostics import Span


class Problem(Struct, frozen=True):
    """``opened`` is where the unfinished thing began, when that is known."""

    span: Span
    message: str
    help: str
    opened: Span | None = None


def explain(error: Any, text: str) -> Problem:
    """A PyYAML error as a message, a help and the place of the fault.

    The two parsers of PyYAML word things differently and sometimes point at the end of the file; the answers
    here depend on the kind of complaint, not on its words.
    """
    at = _index(getattr(error, "problem_mark", None), text)
    opened = _index(getattr(error, "context_mark", None), text)
    problem = str(getattr(error, "problem", None) or "")
    context = str(getattr(error, "context", None) or "")
    said = f"{context} {problem}"
    if "quoted scalar" in said and "end of stream" in said:
        return Problem(_line_from(text, opened), "the quote is not closed", "end it with the same quote sign")
    if "flow mapping" in said or "flow sequence" in said:
        sign, what = ("}", "map") if "flow mapping" in said else ("]", "list")
        return Problem(
            _token(text, at),
            f"a ',' or the closing '{sign}' of the {what} is missing before this place",
            f"close it with '{sign}', and put ',' between its entries",
            Span(opened, opened + 1),
        )
    if "mapping values are not allowed" in said:
        return Problem(
            _token(text, at),
            "a ':' is not expected here",
            "indent the line like its neighbours, or quote a value that holds ': '",
        )
    if "could not find expected ':'" in said:
        start = opened if opened < at else at
        return Problem(_line_from(text, start), "a key without ':'", "write key: value")
    if "sequence entries are not allowed" in said:
        return Problem(_token(text, at), "'-' is not expected here", "begin a list of lines on the line below its key")
    if "node content" in said:
        return Problem(_token(text, at), "a value is missing before this place", "write one, or delete the sign")
    if "block" in said and text[text.rfind("\n", 0, at) + 1 : at].strip(" -"):
        return Problem(
            _token(text, at), "this belongs to no value: the one before it has ended", "put the whole value in quotes"
        )
    if "block" in said and text[at : at + 1] == ":":
        return Problem(_token(text, at), "a key is missing before ':'", "write key: value")
    if "block end" in said or "block mapping" in said or "block collection" in said:
        return Problem(
            _token(text, at),
            "the indentation does not fit: this line belongs to nothing above it",
            "keys of one map, and entries of one list, begin in the same column",
            Span(opened, opened + 1) if opened < at else None,
        )
    if "cannot start any token" in said:
        return Problem(Span(at, at + 1), f"'{text[at : at + 1]}' cannot begin a value", "put the value in quotes")
    if "escape" in said:
        start = text.rfind("\\", 0, at + 1)
        return Problem(
            _token(text, start if start >= 0 else at), "an escape that YAML does not know", "write \\\\ for a backslash"
        )
    return Problem(_token(text, at), f"not valid YAML: {problem or error}", "put a value with special signs in quotes")


def _index(mark: Any, text: str) -> int:
    """The offset of a mark; at the end of the text, of the last sign that can be seen."""
    index = int(getattr(mark, "index", None) or 0)
    last = max(len(text.rstrip()) - 1, 0)
    return index if index <= last or text[index : index + 1] == "\t" else last


def _token(text: str, start: int) -> Span:
    found = re.compile(r"[^\s,:\[\]{}]+|\S").match(text, start)
    return Span(*found.span()) if found else Span(start, start + 1)


def _line_from(text: str, start: int) -> Span:
    end = text.find("\n", start)
    return Span(start, len(text.rstrip()) if end < 0 else end)
