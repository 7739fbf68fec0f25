"""A spec, the Defaults files it extends and the profiles given, as one document that knows where all came from.

Later files win, the file itself over them, profiles over all; then vars are filled in. ``resolved_text`` writes the
document as one text that reads back to the same values: what a pod compiles again.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetspec.compiler.document import MAX_BYTES, Document, parse
from fleetspec.compiler.given import NOTHING
from fleetspec.compiler.merge import lay_over, refuse_operators
from fleetspec.compiler.references import fill, may_refer, secrets
from fleetspec.diagnostics import Place, Source, Span, did_you_mean
from fleetspec.rules import reading

if TYPE_CHECKING:
    from fleetspec.compiler.given import Given
    from fleetspec.diagnostics import Report

MAX_MENTIONS = 100
"""Names in all `extends` of a spec together: each is one merge."""

_SUFFIXES = (".yaml", ".yml")
_PROFILES = "profiles"
"""The folder of profiles beside a spec."""
_DATA = "put data into a data file"


def compose(path: Path, report: Report, given: Given = NOTHING) -> Document | None:
    """Read a spec, what it extends, the profiles and changes given, and fill in its vars.

    None when a file has an error, which is in the report with its place.
    """
    from fleetspec.compiler.price_books import put_in_given

    before = len(report.errors)
    try:
        walk = _Composition(repository(path), report)
        document = walk.read(path, ())
        if document is None:
            return None
        for name in given.profiles:
            walk.lay_profile(document, path.parent / _PROFILES, name)
        for route, value in given.changes:
            walk.lay_change(document, route, value)
        if given.prices is not None:
            put_in_given(document, given.prices, report)
    except _TooMany:
        return None
    if len(report.errors) == before and (walk.refers or given.vars or "vars" in document.value):
        fill(document, given, walk.defaults, report)
    return document if len(report.errors) == before else None


def compose_text(source: Source, report: Report) -> Document | None:
    """Read a resolved text: it extends nothing, has no vars, and every text in it stands for itself."""
    document = parse(source, report)
    if document is None:
        return None
    for key in ("extends", "vars"):
        if key in document.value:
            what = "extends nothing" if key == "extends" else "has no vars"
            report.add(
                reading.EXTENDS_SHAPE,
                f"a resolved spec {what}",
                place=document.keys[(key,)],
                help="it was written with everything merged in: write it again from the original",
            )
            return None
    if may_refer(source):
        document.secrets.update(secrets(document))
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


def read_source(
    path: Path, report: Report, place: Place | None = None, suffixes: tuple[str, ...] = _SUFFIXES
) -> Source | None:
    """A file's text; None when it cannot be read, with the reason at ``place`` (who names the file).

    ``suffixes`` are those of files that may be meant instead.
    """
    try:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist"
            report.add(reading.UNREADABLE, f"{path} {what}", place=place, help=_beside(path, suffixes))
            return None
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            report.add(reading.TOO_LARGE, f"{path} is larger than 10 MB", place=place, help=_DATA)
            return None
        data = data.removeprefix(codecs.BOM_UTF8)
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


def _beside(path: Path, suffixes: tuple[str, ...]) -> str:
    folder = path if path.is_dir() else path.parent
    names = [p.name for p in folder.iterdir() if p.suffix in suffixes] if folder.is_dir() else []
    if not names:
        return f"there is no file {' or '.join(f'*{suffix}' for suffix in suffixes)} in {folder}"
    if path.is_dir():
        return f"name one of the files in it: {', '.join(sorted(names))}"
    return did_you_mean(path.name, names)


def followed(path: Path) -> Path | None:
    """Where a path leads, links followed; None when they lead in a circle."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return None


def repository(path: Path) -> Path:
    """The repository a spec is in, else its folder: what it may extend or name lies inside."""
    folder = (followed(path) or path.absolute()).parent
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), folder)


class _TooMany(Exception):
    """The spec is made of too much to go on; it has been reported."""


class _Composition:
    """One walk over a spec and its files. Each file is read once, however often it is extended.

    ``defaults`` names the sources that are Defaults files; ``refers`` says whether any file may hold ``${…}``.
    """

    def __init__(self, root: Path, report: Report) -> None:
        self.root = root
        self.report = report
        self.read_before: dict[Path, Document | None] = {}
        self.defaults: set[str] = set()
        self.refers = False
        self.mentions = 0
        self.size = 0

    def read(self, path: Path, stack: tuple[Path, ...], place: Place | None = None) -> Document | None:
        """The file with everything it extends merged in. ``stack`` holds the files that lead here."""
        resolved = followed(path)
        if resolved is None:
            message = f"{path} is a link that leads back to itself"
            self.report.add(reading.UNREADABLE, message, place=place, help="name the file itself")
            return None
        if resolved not in self.read_before:
            self.read_before[resolved] = self._read(path, (*stack, resolved), place)
        return self.read_before[resolved]

    def lay_change(self, document: Document, route: str, value: str) -> None:
        """Lay one value over the document, at a dotted route: ``hardware.pool.max``, ``3``. The value is YAML."""
        *maps, last = route.split(".")
        above = document.value
        for depth, key in enumerate(maps):
            if not isinstance(above.get(key), dict):
                where = ".".join(maps[:depth]) or "the spec"
                source = Source("--what-if", f"{route}={value}")
                start = sum(len(name) + 1 for name in maps[:depth])
                self.report.add(
                    reading.NO_SUCH_ROUTE,
                    f"{where} has no map '{key}' to change something in",
                    place=Place(source, Span(start, start + max(len(key), 1))),
                    help=did_you_mean(key, [name for name, held in above.items() if isinstance(held, dict)]),
                )
                return
            above = above[key]
        lines = [f"{'  ' * depth}{_quoted(key)}:\n" for depth, key in enumerate(maps)]
        text = "".join(lines) + f"{'  ' * len(maps)}{_quoted(last)}: {value}\n"
        other = parse(Source(f"--what-if {route}", text), self.report)
        if other is not None:
            self.refers = self.refers or may_refer(Source("", text))
            lay_over(document, other, (), self.report)

    def lay_profile(self, document: Document, folder: Path, name: str) -> None:
        """Lay the profile of that name over the document: what it extends first, then the file itself."""
        place = Place(Source("--profile", name), Span(0, max(len(name), 1)))
        present = [file.stem for file in folder.iterdir() if file.suffix == ".yaml"] if folder.is_dir() else []
        if name not in present:
            help = did_you_mean(name, present) if present else f"write it: {folder / (name or 'dev')}.yaml"
            self.report.add(reading.UNKNOWN_PROFILE, f"there is no profile '{name}'", place=place, help=help)
            return
        file = folder / f"{name}.yaml"
        resolved = self._inside(file, f"profile '{name}'", place)
        own = self._own(file, place) if resolved is not None else None
        if own is None or not self._is_defaults(own, f"{_PROFILES}/{name}.yaml", place):
            return
        start = document.values[()]
        for index, other in self._files(own) or []:
            below = self._extended(file, other, (file.resolve(),), own.values[("extends", index)])
            if below is not None:
                lay_over(document, below, ("apiVersion", "kind"), self.report)
        lay_over(document, own, ("apiVersion", "kind", "extends"), self.report)
        # What the whole spec lacks is still missing in the spec, not in its profile.
        document.values[()] = start

    def _own(self, path: Path, place: Place | None) -> Document | None:
        """One file as it is written."""
        source = read_source(path, self.report, place)
        if source is None:
            return None
        self.size += len(source.text)
        if self.size > MAX_BYTES:
            message = "the spec and what it extends are together larger than 10 MB"
            self.report.add(reading.TOO_LARGE, message, place=place or Place(source, Span(0, 1)), help=_DATA)
            raise _TooMany
        own = parse(source, self.report)
        if own is not None:
            self.refers = self.refers or may_refer(source)
            if own.value.get("kind") == "Defaults":
                self.defaults.add(source.name)
        return own

    def _read(self, path: Path, stack: tuple[Path, ...], place: Place | None) -> Document | None:
        own = self._own(path, place)
        files = self._files(own) if own is not None else None
        if own is None or files is None:
            return None
        before = len(self.report.errors)
        if not files:
            refuse_operators(own, self.report)
            if "extends" not in own.value:
                return own if len(self.report.errors) == before else None
        merged = Document({})
        for index, name in files:
            below = self._extended(path, name, stack, own.values[("extends", index)])
            if below is not None:
                lay_over(merged, below, ("apiVersion", "kind"), self.report)
        if len(self.report.errors) > before:
            return None
        lay_over(merged, own, ("extends",), self.report)
        return merged if len(self.report.errors) == before else None

    def _files(self, own: Document) -> list[tuple[int, str]] | None:
        listed = own.value.get("extends", [])
        if not isinstance(listed, list) or not all(isinstance(name, str) and name for name in listed):
            help = f"extends: [{listed}]" if isinstance(listed, str) else "extends: [hardware.yaml]"
            place = own.place(("extends",))
            message = "`extends` is not a list of files"
            self.report.add(reading.EXTENDS_SHAPE, message, place=place, help=f"write {help}")
            return None
        named = [index for index, name in enumerate(listed) if "${" in name]
        for index in named:
            self.report.add(
                reading.REFERENCE_ELSEWHERE,
                "'${' stands in `extends`, which is read before anything is filled in",
                place=own.values[("extends", index)],
                help="name the file; a profile chooses between files: --profile dev",
            )
        return None if named else list(enumerate(listed))

    def _extended(self, path: Path, name: str, stack: tuple[Path, ...], place: Place) -> Document | None:
        self.mentions += 1
        if self.mentions > MAX_MENTIONS:
            message = f"`extends` names more than {MAX_MENTIONS} files, all together"
            self.report.add(
                reading.TOO_MANY_FILES, message, place=place, help="put what belongs together into one file"
            )
            raise _TooMany
        target = path.parent / name
        resolved = self._inside(target, f"'{name}'", place, absolute=Path(name).is_absolute())
        if resolved is None:
            return None
        if resolved in stack:
            circle = " → ".join(p.name for p in (*stack[stack.index(resolved) :], resolved))
            self.report.add(
                reading.EXTENDS_CYCLE,
                f"'{name}' leads back to itself: {circle}",
                place=place,
                help=f"take '{name}' out of this `extends`, or break the circle in another of these files",
            )
            return None
        document = self.read(target, stack, place)
        return document if document is not None and self._is_defaults(document, name, place) else None

    def _inside(self, target: Path, shown: str, place: Place, *, absolute: bool = False) -> Path | None:
        """The file that a path leads to, links followed; None, and told, where it is outside of the repository."""
        resolved = followed(target)
        if resolved is None:
            message = f"{shown} is a link that leads back to itself"
            self.report.add(reading.UNREADABLE, message, place=place, help="name the file itself")
        elif absolute or not resolved.is_relative_to(self.root):
            self.report.add(
                reading.EXTENDS_OUTSIDE,
                f"{shown} is outside of the folder '{self.root.name}'",
                place=place,
                help="copy the file into that folder, the repository of the spec, and name it relative to this file",
            )
        else:
            return resolved
        return None

    def _is_defaults(self, document: Document, name: str, place: Place) -> bool:
        kind = document.value.get("kind")
        version = document.value.get("apiVersion")
        if kind == "Defaults" and version == "fleetspec/v1":
            return True
        said = f"kind: {kind}" if kind != "Defaults" else f"apiVersion: {version}"
        self.report.add(
            reading.NOT_DEFAULTS,
            f"'{name}' is {said}, not Defaults" if kind and version else f"'{name}' does not say what it is",
            place=place,
            help="name a file that begins with apiVersion: fleetspec/v1 and kind: Defaults",
        )
        return False
