"""One object of a manifest file, and how a check speaks about it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from fleetspec.compiler.document import MAX_FAULTS
from fleetspec.diagnostics import Place, Route, Span, nearest
from fleetspec.lint import reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetspec.diagnostics import Report, Rule, Source


_LONGEST = 400
"""Characters of a message."""
_LONGEST_NAME = 100
_MOST_CHOICES = 100
"""Bounds of what is compared for likeness, which takes its time."""


class Manifest(Struct):
    """An object of the API: ``value`` is its plain data, ``node`` the same with places.

    ``namespace`` is "" where none is written.
    """

    source: Source
    node: reading.Node
    value: dict[str, Any]
    api: str
    kind: str
    name: str = ""
    namespace: str = ""

    @property
    def group(self) -> str:
        """The API group: "" for the core of Kubernetes."""
        return self.api.rpartition("/")[0]

    def place(self, route: Route, *, key: bool = False) -> Place:
        """Where the value at a route of this object stands."""
        return reading.place(self.source, self.node, route, key=key)

    def written(self, route: Route) -> str:
        """The text of a scalar as it stands in the file."""
        span: Span = self.place(route).span
        return self.source.text[span.start : span.end]


class Findings(Struct):
    """Adds findings on one object to a report, the first :data:`~fleetspec.compiler.document.MAX_FAULTS`.

    Of one route only the first fault is told: the next follows from it.
    """

    report: Report
    manifest: Manifest
    told: set[Route] = field(default_factory=set)

    def __call__(
        self,
        rule: Rule,
        message: str,
        *route: str | int,
        help: str | None = None,
        key: bool = False,
        related: Iterable[tuple[Place, str]] = (),
    ) -> None:
        if route in self.told or self.full:
            return
        self.told.add(route)
        place = self.manifest.place(route, key=key)
        self.report.add(rule, _cut(message), route=route, place=place, help=help and _cut(help), related=related)

    @property
    def full(self) -> bool:
        """Whether no more is told of the object: nobody mends more in one go."""
        return len(self.told) >= MAX_FAULTS


def _cut(text: str) -> str:
    # A value may be megabytes long; its place says where all of it is.
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 :]}"


def meant(name: str, choices: Iterable[str], otherwise: str | None = None) -> str:
    """Help for a name that is none of the choices: the nearest of them, else ``otherwise``, by default the choices."""
    pool = list(islice(choices, _MOST_CHOICES))
    close = nearest(name, pool) if len(name) <= _LONGEST_NAME else None
    return f"did you mean '{close}'?" if close else otherwise or f"one of: {', '.join(pool)}"


def at(value: Any, *route: str | int) -> Any:
    """The value at a route, None where the route leads nowhere: that something is missing is for the schema to say."""
    for step in route:
        if type(value) is dict:
            value = value.get(step)
        elif type(value) is list and type(step) is int and step < len(value):
            value = value[step]
        else:
            return None
    return value


def table(value: Any, *route: str | int) -> dict[str, Any]:
    """The map at a route, an empty one where there is none."""
    found = at(value, *route)
    return found if isinstance(found, dict) else {}


def tables(value: Any, *route: str | int) -> list[tuple[int, dict[str, Any]]]:
    """The maps of the list at a route, each with its index."""
    found = at(value, *route)
    return [(n, item) for n, item in enumerate(found) if isinstance(item, dict)] if isinstance(found, list) else []


def text(value: Any, *route: str | int) -> str:
    """The string at a route, an empty one where there is none."""
    found = at(value, *route)
    return found if isinstance(found, str) else ""


def number(value: Any, *route: str | int) -> int | None:
    """The whole number at a route, None where there is none."""
    found = at(value, *route)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def texts(value: Any, *route: str | int) -> list[tuple[int, str]]:
    """The strings of the list at a route, each with its index."""
    found = at(value, *route)
    return [(n, item) for n, item in enumerate(found) if isinstance(item, str)] if isinstance(found, list) else []
