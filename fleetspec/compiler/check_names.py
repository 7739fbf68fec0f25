"""Lists that name something, nothing twice, and only what exists."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING

from fleetspec.diagnostics import did_you_mean
from fleetspec.rules import meaning

if TYPE_CHECKING:
    from fleetspec.diagnostics import Report, Route


def check_listed(route: Route, listed: Iterable[Hashable], report: Report) -> None:
    """A list names something, and nothing twice."""
    first: dict[Hashable, int] = {}
    for index, item in enumerate(listed):
        if item in first:
            report.add(
                meaning.LISTED_TWICE,
                f"'{item}' is listed twice",
                route=(*route, index),
                help="take one of them out",
                related=[((*route, first[item]), "listed here already")],
            )
        first.setdefault(item, index)
    if not first:
        report.add(meaning.EMPTY_LIST, f"'{route[-1]}' is an empty list", route=route, help="name at least one")


def check_name(what: str, name: str, known: Mapping[str, object], route: Route, report: Report) -> bool:
    """Whether a name is one of those that exist. ``what`` may say where it would be: ``group in models``."""
    if name in known:
        return True
    kind, at, place = what.partition(" in ")
    report.add(
        meaning.UNKNOWN_NAME, f"there is no {kind} '{name}'{at}{place}", route=route, help=did_you_mean(name, known)
    )
    return False


def item_route(route: Route, value: object, index: int) -> Route:
    """The route of an item of a value that may be a name or a list of names."""
    return (*route, index) if isinstance(value, tuple) else route
