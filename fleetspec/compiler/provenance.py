"""Where a value comes from: every place it was given in, and what each place did to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleetspec.compiler.document import Document
    from fleetspec.diagnostics import Place, Route

_SIGNS = {"+": "appends to it", "-": "removes from it", "!": "replaces the whole map"}


def origins(document: Document, route: Route) -> tuple[Place, ...]:
    """Every place the value at a route was given in, oldest first; empty where nothing is written."""
    known = document.origins.get(route)
    if known is None:
        known = (document.values[route],) if route in document.values else ()
    return known


def explain_origin(document: Document, route: Route) -> list[tuple[Place, str]]:
    """:func:`origins` with what each place says: ``replaces it: 500 bars``. Empty for what no file gives."""
    filled = dict(document.fills.get(route, ()))
    value = _value(document, route)
    is_map = isinstance(value, dict)
    told = []
    for index, place in enumerate(origins(document, route)):
        written = place.source.text[place.span.start : place.span.end]
        # A list or a map may be worked on by an operator; a single value may begin with a sign of its own.
        sign = _sign(written, route) if isinstance(value, dict | list) else None
        if place in filled:
            text = filled[place]
        elif sign is not None:
            text = _SIGNS[sign]
        else:
            text = "given here" if index == 0 else "merged into it" if is_map else "replaces it"
            if not isinstance(value, dict | list):
                text += f": {written.splitlines()[0] if written else ''}"
        told.append((place, text))
    return told


def _sign(written: str, route: Route) -> str | None:
    """The sign of an operator, whose place is its key; None for a place that is a value's."""
    key, name = written.strip("'\""), str(route[-1]) if route else ""
    return next((sign for sign, form in (("+", f"+{name}"), ("-", f"-{name}"), ("!", f"{name}!")) if key == form), None)


def _value(document: Document, route: Route) -> object:
    value: object = document.value
    for part in route:
        inside = dict(enumerate(value)) if isinstance(value, list) else value
        value = inside.get(part) if isinstance(inside, dict) else None
    return value
