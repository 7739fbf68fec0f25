"""What the tool has to say about an input: where, what, and the way out.

A stage never raises on the first fault. It adds a :class:`Diagnostic` to a :class:`Report` by *route* (the
path of keys and indices inside the document) and goes on; the report resolves routes to places once, when a
document is at hand, and a view renders it. :class:`Rejected` ends a command with a report and an exit code.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum, StrEnum
from typing import Any, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

Route = tuple[str | int, ...]


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class ExitCode(IntEnum):
    """The process exit codes of every command (SPEC §4)."""

    OK = 0
    ERROR = 1
    CHANGES = 2
    INFEASIBLE = 3
    POLICY = 4
    STALE = 5
    QUARANTINE = 6
    USAGE = 64
    INTERRUPTED = 130


class Source(Struct, frozen=True):
    """A text and the name a person knows it by."""

    name: str
    text: str

    def line_column(self, offset: int) -> tuple[int, int]:
        """1-based line and column (in characters) of a character offset."""
        return self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset)

    def line_at(self, offset: int) -> str:
        """The line that a character offset is on."""
        end = self.text.find("\n", offset)
        return self.text[self.text.rfind("\n", 0, offset) + 1 : len(self.text) if end < 0 else end].rstrip("\r")


class Span(Struct, frozen=True, order=True):
    """A half-open range of character offsets."""

    start: int
    end: int


class Place(Struct, frozen=True):
    """A span of a source."""

    source: Source
    span: Span

    @property
    def line(self) -> int:
        return self.source.line_column(self.span.start)[0]

    @property
    def column(self) -> int:
        return self.source.line_column(self.span.start)[1]

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


class Rule(Struct, frozen=True):
    """One thing that can be wrong. ``bad`` and ``good`` are YAML fragments or command lines."""

    code: str
    title: str
    why: str
    bad: str
    good: str
    severity: Severity = Severity.ERROR

    def to_json(self) -> dict[str, str]:
        """Plain data; views render from this alone."""
        return {
            "code": self.code,
            "severity": str(self.severity),
            "title": self.title,
            "why": self.why,
            "bad": self.bad,
            "good": self.good,
        }


class Diagnostic(Struct, frozen=True):
    """One finding. ``key`` points at the key of the route instead of its value.

    ``related`` are other places that bear on it, each with what it has to do with it; one that is given by route counts
    once the report has located it.
    """

    rule: Rule
    message: str
    help: str | None = None
    route: Route | None = None
    key: bool = False
    place: Place | None = None
    related: tuple[tuple[Place | Route, str], ...] = ()

    @property
    def is_error(self) -> bool:
        return self.rule.severity is Severity.ERROR

    def to_json(self) -> dict[str, Any]:
        """Plain data; views render from this alone."""
        entry: dict[str, Any] = {
            "code": self.rule.code,
            "severity": str(self.rule.severity),
            "message": self.message,
            "help": self.help,
            "route": None if self.route is None else list(self.route),
            "place": None if self.place is None else place_json(self.place),
            "related": [
                {"place": place_json(place), "text": text} for place, text in self.related if isinstance(place, Place)
            ],
        }
        return entry


def place_json(place: Place) -> dict[str, Any]:
    """File, position, the line itself and how much of it to underline."""
    line = place.source.line_at(place.span.start)
    number, column = place.source.line_column(place.span.start)
    width = max(1, min(place.span.end - place.span.start, len(line) - column + 1))
    return {"file": place.source.name, "line": number, "column": column, "snippet": line, "width": width}


class Placing(Protocol):
    """Whatever can turn a route into a place: a Document."""

    def place(self, route: Route, *, key: bool = False) -> Place | None: ...

    def related(self, route: Route) -> tuple[tuple[Place, str], ...]: ...


def _located(finding: Diagnostic, document: Placing) -> Diagnostic:
    place, related = finding.place, list(finding.related)
    if place is None and finding.route is not None:
        place = document.place(finding.route, key=finding.key)
        related += document.related(finding.route)
    found = ((where if isinstance(where, Place) else _related(where, document), text) for where, text in related)
    return replace(finding, place=place, related=tuple((where, text) for where, text in found if where is not None))


def _related(route: Route, document: Placing) -> Place | None:
    # The key of an entry says more than all that it holds; an item of a list has none.
    return document.place(route, key=bool(route) and isinstance(route[-1], str))


class Report(Struct):
    """All findings of a command, in the order they were made."""

    findings: list[Diagnostic] = field(default_factory=list)

    def add(
        self,
        rule: Rule,
        message: str,
        *,
        route: Route | None = None,
        key: bool = False,
        place: Place | None = None,
        help: str | None = None,
        related: Iterable[tuple[Place | Route, str]] = (),
    ) -> None:
        self.findings.append(Diagnostic(rule, message, help, route, key, place, tuple(related)))

    def locate(self, document: Placing) -> None:
        """Give every finding that has a route and no place its place, and the places that bear on it."""
        self.findings = [_located(d, document) for d in self.findings]

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self.findings if d.is_error]

    @property
    def warnings(self) -> list[Diagnostic]:
        return [d for d in self.findings if not d.is_error]

    def __iter__(self) -> Iterator[Diagnostic]:
        """Errors and warnings in reading order: by file, line and column, unplaced ones last."""

        def order(d: Diagnostic) -> tuple[bool, str, int, str]:
            if d.place is None:
                return (True, "", 0, d.rule.code)
            return (False, d.place.source.name, d.place.span.start, d.rule.code)

        return iter(sorted(self.findings, key=order))

    def __len__(self) -> int:
        return len(self.findings)

    def require(self, exit_code: ExitCode = ExitCode.ERROR) -> None:
        """Raise :class:`Rejected` if there is an error."""
        if self.errors:
            raise Rejected(self, exit_code)

    def to_json(self) -> list[dict[str, Any]]:
        return [d.to_json() for d in self]


class Rejected(Exception):
    """A command cannot go on; the report says why, the exit code says how the process ends."""

    def __init__(self, report: Report, exit_code: ExitCode = ExitCode.ERROR) -> None:
        super().__init__("; ".join(d.message for d in report.errors) or "rejected")
        self.report = report
        self.exit_code = exit_code


def reject(
    rule: Rule,
    message: str,
    *,
    help: str | None = None,
    place: Place | None = None,
    route: Route | None = None,
    exit_code: ExitCode = ExitCode.ERROR,
) -> Rejected:
    """A :class:`Rejected` with a single finding, to raise where nothing else can be checked."""
    report = Report()
    report.add(rule, message, help=help, place=place, route=route)
    return Rejected(report, exit_code)


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate a mistyped name most likely meant."""

    pool: Sequence[str] = list(candidates)
    folded = {c.casefold(): c for c in pool}
    wanted = name.casefold()
    found = difflib.get_close_matches(wanted, list(folded), n=3, cutoff=0.6)

    def likeness(other: str) -> tuple[float, int]:
        # Of names that share as many letters, the one that has more of them in their places.
        ratio = difflib.SequenceMatcher(None, other, wanted).ratio()
        return ratio, sum(a == b for a, b in zip(wanted, other, strict=False))

    return folded[max(found, key=likeness)] if found else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Help text for an unknown name: the nearest one, else the whole list, or how a long one begins."""
    pool = sorted(set(candidates))
    close = nearest(name, pool)
    if close is not None:
        return f"did you mean '{close}'?"
    if not pool:
        return "none is defined"
    text = f"known: {', '.join(pool)}"
    return text if len(text) < 200 else f"there are {len(pool)}: {', '.join(pool[:8])}, …"
