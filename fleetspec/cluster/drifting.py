"""How a cluster differs from what is rendered: missing, changed and by whom, or there beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fleetspec.cluster.connection import Fault
from fleetspec.cluster.fields import Path, added, at, changed, holders, said
from fleetspec.cluster.objects import Object, Ref, refused
from fleetspec.renderer.ownership import is_owned

if TYPE_CHECKING:
    from fleetspec.cluster.objects import Objects
    from fleetspec.cluster.record import Inventory

_SHOWN = 60
"""Characters of a value that are told."""


def drift(objects: Objects, values: Sequence[Object], held: Inventory, fleet: str) -> list[dict[str, Any]]:
    """One entry an object that differs: ``object``, ``state`` (missing, foreign, changed, extra) and its ``fields``.

    What the server would make of the rendered object is asked of it by a dry run, so its defaults are no difference.
    """
    found: list[dict[str, Any]] = []
    for value in values:
        ref, live = Ref.of(value), objects.get(Ref.of(value))
        if live is None:
            found.append(_entry(ref, "missing"))
        elif not is_owned(live, fleet):
            found.append(_entry(ref, "foreign"))
        elif fields := _fields(objects, value, live, ref):
            found.append(_entry(ref, "changed", fields))
    rendered = {Ref.of(value) for value in values}
    recorded = {ref for record in held.records for ref in record.objects}
    extra = [ref for ref in held.strays if ref not in rendered | recorded]
    return found + [_entry(ref, "extra") for ref in extra]


def _fields(objects: Objects, value: Object, live: Object, ref: Ref) -> list[dict[str, Any]]:
    try:
        wanted = objects.apply(value, dry_run=True, force=True)
    except Fault as fault:
        raise refused(f"compare {ref}", fault) from fault
    fields = [_field(path, live, at(wanted, path), holders(live, path)) for path in changed(live, wanted)]
    beside = [entry for entry in sorted(added(live).items(), key=_by_path) if at(value, entry[0]) is None]
    return fields + [_field(path, live, None, (name,)) for path, name in beside]


def _by_path(entry: tuple[Path, str]) -> str:
    return said(entry[0])


def _field(path: Path, live: Object, wanted: Any, by: tuple[str, ...]) -> dict[str, Any]:
    return {"field": said(path), "live": _short(at(live, path)), "rendered": _short(wanted), "by": list(by)}


def _short(value: Any) -> str | None:
    if value is None:
        return None
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _entry(ref: Ref, state: str, fields: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return {"object": str(ref), "state": state, "fields": list(fields)}
