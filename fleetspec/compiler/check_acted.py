"""What the language can say and no command does yet: told wherever a spec says it, so that nobody counts on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct
from pydantic import BaseModel

from fleetspec.rules import meaning_operation

if TYPE_CHECKING:
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Report, Route


class Waiting(Struct, frozen=True):
    """A key that is read, checked and shown. ``route`` leads to it, ``*`` standing for any entry; ``will`` is what it
    is for, ``meanwhile`` what to do until then. Only ``value`` waits where one is given."""

    route: tuple[str, ...]
    will: str
    meanwhile: str
    value: str | None = None


WAITING = (
    Waiting(("data", "*", "options"), "reach object stores and databases", "read the data from a file beside the spec"),
    Waiting(("schedule", "deadlines"), "order the night so that some groups are ready before others",
            "put them into a fleet of their own with an earlier deadline"),
)  # fmt: skip
"""Everything that waits. A change that makes one act deletes its line."""


def check_acted(spec: FleetSpec, report: Report) -> None:
    """Add a warning for each key that no command acts on."""
    for waiting in WAITING:
        for route in _found(spec, waiting.route):
            if waiting.value is None or str(_value(spec, route)) == waiting.value:
                report.add(
                    meaning_operation.NOT_ACTED_ON,
                    f"no command acts on {'.'.join(map(str, route))} yet: it is checked, and will {waiting.will}",
                    route=route,
                    key=True,
                    help=f"until then: {waiting.meanwhile}",
                )


def _found(spec: FleetSpec, pattern: tuple[str, ...]) -> list[Route]:
    """The routes of a pattern that a spec writes, and does not leave as they would be anyway."""
    found: list[tuple[Route, Any]] = [((), spec)]
    for part in pattern:
        found = [(below, value) for route, holder in found for below, value in _entries(route, holder, part)]
    return [route for route, value in found if value not in ((), {}, "none")]


def _entries(route: Route, holder: Any, part: str) -> list[tuple[Route, Any]]:
    if isinstance(holder, BaseModel):
        return [((*route, part), getattr(holder, part))] if part in holder.model_fields_set else []
    return [((*route, name), value) for name, value in holder.items() if part in ("*", name)]


def _value(spec: FleetSpec, route: Route) -> Any:
    value: Any = spec
    for part in route:
        value = getattr(value, str(part)) if isinstance(value, BaseModel) else value[part]
    return value
