"""Every value of a spec, written or not, with where it comes from: what ``compile --show-defaults`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleetspec.compiler.provenance import origins
from fleetspec.compiler.shape import Shape

if TYPE_CHECKING:
    from fleetspec.compiler.document import Document
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Route

DEFAULT = "default"


def every_value(spec: FleetSpec, document: Document) -> list[dict[str, Any]]:
    """``{"route", "value", "origin"}`` of every setting in the order of the language; the origin is the places that
    gave it, oldest first, or :data:`DEFAULT`. What may be left out and is, such as a backtest, has no row."""
    rows: list[dict[str, Any]] = []
    _walk(spec, (), document, rows)
    return rows


def _walk(value: Any, route: Route, document: Document, rows: list[dict[str, Any]]) -> None:
    if isinstance(value, Shape):
        for name, info in type(value).model_fields.items():
            _walk(getattr(value, name), (*route, info.alias or name), document, rows)
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            _walk(item, (*route, key), document, rows)
    elif isinstance(value, tuple) and any(isinstance(item, Shape) for item in value):
        for index, item in enumerate(value):
            _walk(item, (*route, index), document, rows)
    elif value is not None and value not in ((), {}):
        places = [str(place) for place in origins(document, route)]
        rows.append({"route": dotted(route), "value": shown(value), "origin": places or [DEFAULT]})


def dotted(route: Route) -> str:
    """``models.vol.train``, ``fleet[0].models``: a route as code spells it."""
    text = ""
    for part in route:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def shown(value: Any) -> str:
    """A value as the language writes it."""
    if isinstance(value, tuple | list):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
