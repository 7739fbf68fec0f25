"""``file:`` values: lists of series and values of axes that lie in files of their own, put in where they are named.

After this a document stands alone: its resolved text needs no files. A finding about what came from a file points
into that file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetspec.compiler.compose import followed, read_source
from fleetspec.compiler.document import Document, parse_part
from fleetspec.compiler.price_books import put_in
from fleetspec.diagnostics import Place, Span
from fleetspec.rules import data

if TYPE_CHECKING:
    from fleetspec.diagnostics import Report, Route, Source

MARK = "file:"
MAX_NAMES = 100_000
"""Entries a file may hold: a universe of that many series would be a data source of its own."""

_HEADINGS = ("series", "ticker", "symbol", "key", "name")
_YAML = (".yaml", ".yml")


def inline(document: Document, root: Path, report: Report) -> None:
    """Replace every ``file:`` value of ``universes.*.series``, ``models.*.axes.*`` and ``prices`` by what a file holds.

    Paths start from the file that names them and stay inside ``root``. What cannot be used is in the report.
    """
    put_in(document, root, report)
    for route, text in list(_named(document.value)):
        place = document.place(route)
        found = _held(route, text, place, root, report)
        if found is None:
            continue
        value, places = found
        _put(document.value, route, value)
        document.keys.update({(*route, *below): at for below, at in places.keys.items()})
        document.values.update({(*route, *below): at for below, at in places.values.items() if below})


def _named(value: dict[str, Any]) -> Iterator[tuple[Route, str]]:
    for name, universe in _maps(value.get("universes")):
        if isinstance(universe.get("series"), str) and universe["series"].startswith(MARK):
            yield ("universes", name, "series"), universe["series"]
    for name, group in _maps(value.get("models")):
        axes = group.get("axes")
        for axis, text in axes.items() if isinstance(axes, dict) else ():
            if isinstance(text, str) and text.startswith(MARK):
                yield ("models", name, "axes", axis), text


def _maps(value: Any) -> list[tuple[str, dict[str, Any]]]:
    """The entries of a map that are maps; shape is checked later."""
    entries = value.items() if isinstance(value, dict) else ()
    return [(name, entry) for name, entry in entries if isinstance(entry, dict)]


def _put(value: dict[str, Any], route: Route, new: Any) -> None:
    """Set what stands at a route. The maps above it are copied: another document may share them."""
    for part in route[:-1]:
        value[str(part)] = value = dict(value[str(part)])
    value[str(route[-1])] = new


def _held(route: Route, text: str, place: Place | None, root: Path, report: Report) -> tuple[Any, Document] | None:
    """The value that a file holds, and the places of everything in it."""
    name = text.removeprefix(MARK).strip()
    beside = Path(place.source.name).parent if place is not None else root
    path = beside / name
    target = followed(path)
    if not name or Path(name).is_absolute() or target is None or not target.is_relative_to(root):
        report.add(
            data.NAMED_FILE,
            f"'{name}' is outside of the folder '{root.name}'" if name else "file: names no file",
            place=place,
            help="put the file into the repository of the spec, and name it relative to this file: file:series.csv",
        )
        return None
    source = read_source(path, report, place, (*_YAML, ".csv"))
    if source is None:
        return None
    axis = route[0] == "models"
    if path.suffix.lower() not in _YAML:
        return _names(_cells(source), source, name, place, report)
    found = parse_part(source, report)
    if found is None:
        return None
    value, places = found
    if axis and isinstance(value, dict):
        return found if _few(len(value), name, place, report) else None
    if isinstance(value, dict):
        report.add(
            data.NAMED_FILE,
            f"{name} holds a map, not a list",
            place=places.place(()),
            help="write one name per line: - AAPL",
        )
        return None
    for index, item in enumerate(value):
        if not isinstance(item, str):
            report.add(
                data.NAMED_FILE,
                f"entry {index + 1} of {name} is {'empty' if item is None else 'no name'}",
                place=places.place((index,)),
                help="write one name per line: - AAPL",
            )
            return None
    return found if _few(len(value), name, place, report) else None


def _few(count: int, name: str, place: Place | None, report: Report) -> bool:
    if 0 < count <= MAX_NAMES:
        return True
    report.add(
        data.NAMED_FILE,
        f"{name} holds {'nothing' if count == 0 else f'{count:,} entries, {MAX_NAMES:,} are the most'}",
        place=place,
        help="write one name per line" if count == 0 else "choose members by where:, from columns of the data",
    )
    return False


def _names(
    cells: list[tuple[str, Span]], source: Source, name: str, place: Place | None, report: Report
) -> tuple[Any, Document] | None:
    if not _few(len(cells), name, place, report):
        return None
    places = Document({})
    places.values.update({(index,): Place(source, span) for index, (_, span) in enumerate(cells)})
    return [text for text, _ in cells], places


def _cells(source: Source) -> list[tuple[str, Span]]:
    """The names of a CSV with their places: the column that is headed like names, else the first of every line."""
    lines, offset = [], 0
    for line in source.text.splitlines(keepends=True):
        lines.append((offset, line.rstrip("\r\n")))
        offset += len(line)
    lines = [(at, line) for at, line in lines if line.strip()]
    if not lines:
        return []
    delimiter = max(",;\t", key=lines[0][1].count)
    first = [cell.strip().casefold() for cell in next(csv.reader([lines[0][1]], delimiter=delimiter))]
    column = next((first.index(heading) for heading in _HEADINGS if heading in first), None)
    found = []
    for at, line in lines if column is None else lines[1:]:
        row = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
        text = row[column or 0].strip() if len(row) > (column or 0) else ""
        if text:
            start = at + max(line.find(text), 0)
            found.append((text, Span(start, start + len(text))))
    return found
