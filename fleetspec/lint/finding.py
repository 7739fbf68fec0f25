"""Files and folders → texts, within bounds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fleetspec.compiler.document import MAX_BYTES
from fleetspec.diagnostics import Place, Source, Span
from fleetspec.rules import reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from fleetspec.diagnostics import Report, Rule

MAX_FILES = 10_000
"""Files of one call; a folder that holds more is hardly meant."""
SUFFIXES = (".yaml", ".yml", ".json")
STANDARD_INPUT = "-"
_PLACE_OF_NONE = Span(0, 1)


def manifests_in(folder: Path, report: Report) -> list[Path]:
    """The files of a folder and those below that can hold manifests, in order; hidden ones are left out.

    Adds an error where there are none or too many. Links to folders are not followed.
    """
    found: list[Path] = []
    for path in _walk(folder):
        found.append(path)
        if len(found) > MAX_FILES:
            message = f"the folder holds more than {MAX_FILES:,} files"
            _say(report, reading.TOO_LARGE, str(folder), message, "name the folder of the manifests")
            return []
    if not found:
        message = f"no manifest is in this folder: no file ends in {', '.join(SUFFIXES)}"
        _say(report, reading.UNREADABLE, str(folder), message, "name a file, or another folder")
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for where, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            path = Path(where, name)
            if not name.startswith(".") and name.lower().endswith(SUFFIXES) and path.is_file():
                yield path


def text_of(path: Path, report: Report) -> Source | None:
    """The text of a file. None where it cannot be read, is too large or no UTF-8: that is in the report."""
    try:
        with path.open("rb") as stream:
            return _text(stream, str(path), report)
    except OSError as error:
        help = "check the path" if isinstance(error, FileNotFoundError) else "check its permissions"
        _say(report, reading.UNREADABLE, str(path), f"the file cannot be read: {error.strerror or error}", help)
    return None


def text_of_input(stream: BinaryIO, report: Report) -> Source | None:
    """The text that another program sends; as :func:`text_of`."""
    return _text(stream, "<stdin>", report)


def _text(stream: BinaryIO, name: str, report: Report) -> Source | None:
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        _say(report, reading.TOO_LARGE, name, "the file is larger than 10 MB", "split it into several files")
        return None
    try:
        return Source(name, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8"
        _say(report, reading.NOT_UTF8, name, message, "save the file as UTF-8")
        return None


def _say(report: Report, rule: Rule, name: str, message: str, help: str) -> None:
    report.add(rule, message, place=Place(Source(name, ""), _PLACE_OF_NONE), help=help)
