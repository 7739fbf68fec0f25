"""``extends``: a spec and the Defaults files it names, merged into one document that knows where all came from.

Later files win, the file itself last. Maps merge; lists and single values replace. ``resolved_text`` writes the
merged document as one text that reads back to the same values: what a pod compiles again.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any

from fleetspec.compiler.document import MAX_BYTES, Document, parse
from fleetspec.diagnostics import Place, Report, Route, Source, Span, did_you_mean
from fleetspec.rules import reading

_SUFFIXES = (".yaml", ".yml")


def compose(path: Path, report: Report) -> Document | None:
    """Read a spec and what it extends. None when a file has an error, which is in the report with its place."""
    return _Composition(_root(path), report).read(path, ())


def compose_text(source: Source, report: Report) -> Document | None:
    """Read a resolved text, which extends nothing."""
    document = parse(source, report)
    if document is not None and "extends" in document.value:
        report.add(
            reading.EXTENDS_SHAPE,
            "a resolved spec extends nothing",
            place=document.keys[("extends",)],
            help="it was written with everything merged in: write it again from the original",
        )
        return None
    return document


def resolved_text(document: Document) -> str:
    """Canonical YAML of a document: keys sorted, every scalar quoted, no aliases. The same values, the same text."""
    lines: list[str] = []
    first = [key for key in ("apiVersion", "kind", "name") if key in document.value]
    for key in (*first, *sorted(document.value.keys() - set(first))):
        _write(lines, "", f"{_quoted(key)}:", document.value[key])
    return "".join(f"{line}\n" for line in lines)


def _write(lines: list[str], indent: str, lead: str, value: Any) -> None:
    """Block style for maps; a list stays on its line unless something in it is empty, which has no spelling there."""
    if isinstance(value, dict) and value:
        lines.append(f"{indent}{lead}")
        for key in sorted(value):
            _write(lines, indent + "  ", f"{_quoted(key)}:", value[key])
    elif isinstance(value, list) and _has_empty(value):
        lines.append(f"{indent}{lead}")
        for item in value:
            _write(lines, indent + "  ", "-", item)
    else:
        lines.append(f"{indent}{lead} {_inline(value)}".rstrip())


def _has_empty(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(_has_empty(item) for item in (value.values() if isinstance(value, dict) else value))
    return value is None


def _inline(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    return "{" + ", ".join(f"{_quoted(key)}: {_inline(value[key])}" for key in sorted(value)) + "}"


_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_TO_ESCAPE = re.compile('[\\\\"\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff]')


def _quoted(text: str) -> str:
    def escape(found: re.Match[str]) -> str:
        return _ESCAPED.get(found[0]) or f"\\u{ord(found[0]):04x}"

    return f'"{_TO_ESCAPE.sub(escape, text)}"'


def read_source(path: Path, report: Report, place: Place | None = None) -> Source | None:
    """A file's text; None when it cannot be read, with the reason at ``place`` (who names the file)."""
    try:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist"
            report.add(reading.UNREADABLE, f"{path} {what}", place=place, help=_beside(path))
            return None
        if path.stat().st_size > MAX_BYTES:
            report.add(reading.TOO_LARGE, f"{path} is larger than 10 MB", place=place, help="put data into a data file")
            return None
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        report.add(reading.UNREADABLE, f"{path} cannot be read: {reason}", place=place, help="check its permissions")
        return None
    try:
        return Source(str(path), data.decode())
    except UnicodeDecodeError as error:
        wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = data.decode(errors="replace")
        start = 0 if wide else len(data[: error.start].decode())
        report.add(
            reading.NOT_UTF8,
            "the file is UTF-16" if wide else f"byte 0x{data[error.start]:02x} is not UTF-8",
            place=Place(Source(str(path), text), Span(start, start + 1)),
            help="save the file as UTF-8",
        )
        return None


def _beside(path: Path) -> str:
    folder = path if path.is_dir() else path.parent
    names = [p.name for p in folder.iterdir() if p.suffix in _SUFFIXES] if folder.is_dir() else []
    if not names:
        return f"there is no YAML file in {folder}"
    if path.is_dir():
        return f"name one of the files in it: {', '.join(sorted(names))}"
    return did_you_mean(path.name, names)


def _root(path: Path) -> Path:
    """The repository a spec is in, else its folder: what it may extend lies inside."""
    folder = path.resolve().parent
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), folder)


class _Composition:
    """One walk over a spec and its files. Each file is read once, however often it is extended."""

    def __init__(self, root: Path, report: Report) -> None:
        self.root = root
        self.report = report
        self.read_before: dict[Path, Document | None] = {}

    def read(self, path: Path, stack: tuple[Path, ...], place: Place | None = None) -> Document | None:
        """The file with everything it extends merged in. ``stack`` holds the files that lead here."""
        resolved = path.resolve()
        if resolved not in self.read_before:
            self.read_before[resolved] = self._read(path, (*stack, resolved), place)
        return self.read_before[resolved]

    def _read(self, path: Path, stack: tuple[Path, ...], place: Place | None) -> Document | None:
        source = read_source(path, self.report, place)
        own = parse(source, self.report) if source is not None else None
        if own is None:
            return None
        files = self._files(own)
        if files is None:
            return None
        merged, sound = Document({}), True
        for index, name in files:
            below = self._extended(path, name, stack, own.values[("extends", index)])
            if below is None:
                sound = False
            else:
                _merge(merged, below, drop=("apiVersion", "kind"))
        if not sound:
            return None
        _merge(merged, own, drop=("extends",))
        return merged

    def _files(self, own: Document) -> list[tuple[int, str]] | None:
        listed = own.value.get("extends", [])
        if isinstance(listed, list) and all(isinstance(name, str) and name for name in listed):
            return list(enumerate(listed))
        help = f"extends: [{listed}]" if isinstance(listed, str) else "extends: [hardware.yaml]"
        place = own.place(("extends",))
        self.report.add(reading.EXTENDS_SHAPE, "`extends` is not a list of files", place=place, help=f"write {help}")
        return None

    def _extended(self, path: Path, name: str, stack: tuple[Path, ...], place: Place) -> Document | None:
        target = path.parent / name
        resolved = target.resolve()
        if Path(name).is_absolute() or not resolved.is_relative_to(self.root):
            self.report.add(
                reading.EXTENDS_OUTSIDE,
                f"'{name}' is outside of {self.root.name}",
                place=place,
                help="copy the file into the repository of the spec and name it relative to this file",
            )
            return None
        if resolved in stack:
            circle = " → ".join(p.name for p in (*stack[stack.index(resolved) :], resolved))
            self.report.add(
                reading.EXTENDS_CYCLE,
                f"'{name}' leads back to itself: {circle}",
                place=place,
                help="take one of these files out of the circle",
            )
            return None
        document = self.read(target, stack, place)
        if document is None:
            return None
        kind = document.value.get("kind")
        version = document.value.get("apiVersion")
        if kind != "Defaults" or version != "fleetspec/v1":
            said = f"kind: {kind}" if kind != "Defaults" else f"apiVersion: {version}"
            self.report.add(
                reading.NOT_DEFAULTS,
                f"'{name}' is {said}" if kind and version else f"'{name}' does not say what it is",
                place=place,
                help="an extended file begins with apiVersion: fleetspec/v1 and kind: Defaults",
            )
            return None
        return document


def _merge(into: Document, later: Document, drop: tuple[str, ...]) -> None:
    """Lay ``later`` over ``into``, values and places alike."""
    dropped = set(drop)
    into.values[()] = later.values[()]
    replaced: list[Route] = []
    _merge_maps(into.value, {k: v for k, v in later.value.items() if k not in dropped}, (), replaced)
    if replaced:
        gone = set(replaced)
        for places in (into.keys, into.values):
            for route in [r for r in places if any(r[:n] in gone for n in range(1, len(r)))]:
                del places[route]
    for places, new in ((into.keys, later.keys), (into.values, later.values)):
        places.update((route, place) for route, place in new.items() if route and route[0] not in dropped)


def _merge_maps(into: dict[str, Any], later: dict[str, Any], route: Route, replaced: list[Route]) -> None:
    for key, value in later.items():
        before = into.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            # A copy: the file's own document may be merged into others as well.
            into[key] = dict(before)
            _merge_maps(into[key], value, (*route, key), replaced)
        else:
            if key in into:
                replaced.append((*route, key))
            into[key] = value
