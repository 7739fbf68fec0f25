"""Fields of an object: which differ between two states of it, and which manager holds one.

A path is a tuple of keys and indices; ``managedFields`` say who holds it, in the format ``fieldsV1``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fleetspec.renderer.ownership import MANAGER

Path = tuple[str | int, ...]

_OF_THE_SERVER = {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"}
_MISSING = object()
_OF_CONTROLLERS = (
    ("status",),
    ("metadata", "finalizers"),
    ("metadata", "ownerReferences"),
    ("spec", "suspend"),
)
_PREFIXES_OF_CONTROLLERS = ("ray.io/", "kueue.x-k8s.io/", "argocd.argoproj.io/", "deletion.")


def said(path: Path) -> str:
    """``spec.groups[0].max``; a key with a dot stands in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int) or "." in part or "/" in part:
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def changed(before: dict[str, Any], after: dict[str, Any]) -> tuple[Path, ...]:
    """Paths at which two states of an object differ, but for what the server and controllers keep."""
    return tuple(path for path in _differing(before, after, ()) if not _of_others(path))


def _differing(before: Any, after: Any, path: Path) -> Iterator[Path]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            if path == ("metadata",) and key in _OF_THE_SERVER:
                continue
            yield from _differing(before.get(key, _MISSING), after.get(key, _MISSING), (*path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differing(old, new, (*path, index))
    elif before != after:
        yield path


def _of_others(path: Path) -> bool:
    if any(path[: len(prefix)] == prefix for prefix in _OF_CONTROLLERS):
        return True
    return len(path) > 2 and path[0] == "metadata" and str(path[2]).startswith(_PREFIXES_OF_CONTROLLERS)


def at(value: Any, path: Path) -> Any:
    """What stands at a path; None where nothing does."""
    for part in path:
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and part < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def managers(value: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Each manager with the fields it holds, those of ``status`` left out."""
    entries = value["metadata"].get("managedFields") or []
    return [(one.get("manager", "?"), one.get("fieldsV1") or {}) for one in entries if not one.get("subresource")]


def is_applied(value: dict[str, Any]) -> bool:
    """Whether fleetspec has applied this object before."""
    return any(name == MANAGER for name, _ in managers(value))


def holders(value: dict[str, Any], path: Path) -> tuple[str, ...]:
    """Who holds the field at a path, or the nearest one above it."""
    depths = {name: max(_depth(fields, value, path), 0) for name, fields in managers(value)}
    deepest = max(depths.values(), default=0)
    return tuple(sorted(name for name, depth in depths.items() if depth == deepest and deepest))


def _depth(fields: dict[str, Any], value: Any, path: Path) -> int:
    """How far a set of fields follows a path; 0 where it stops before its end with other fields below."""
    reached = 0
    for number, part in enumerate(path, 1):
        key = _key(fields, value, part)
        if key is None:
            return reached if not fields or set(fields) == {"."} else 0
        fields, value, reached = fields[key], at(value, (part,)), number
    return reached


def _key(fields: dict[str, Any], value: Any, part: str | int) -> str | None:
    """The key of ``fieldsV1`` that stands for a key of a dict or an item of a list."""
    if isinstance(part, str):
        return f"f:{part}" if f"f:{part}" in fields else None
    item = at(value, (part,))
    for key in fields:
        if key.startswith("k:") and isinstance(item, dict):
            named = json.loads(key[2:])
            if all(item.get(name) == held for name, held in named.items()):
                return key
        elif key.startswith("v:") and json.loads(key[2:]) == item:
            return key
    return None


def added(value: dict[str, Any]) -> dict[Path, str]:
    """Fields that others than fleetspec hold alone, with who: what somebody put beside what was rendered."""
    ours = {path for name, fields in managers(value) if name == MANAGER for path in _leaves(fields, value, ())}
    found: dict[Path, str] = {}
    for name, fields in managers(value):
        if name == MANAGER:
            continue
        for path in _leaves(fields, value, ()):
            if path not in ours and not _of_others(path) and not any(path[: len(one)] == one for one in ours):
                found[path] = name
    return found


def _leaves(fields: dict[str, Any], value: Any, path: Path) -> Iterator[Path]:
    below = [key for key in fields if key != "."]
    if not below:
        if path:
            yield path
        return
    for key in below:
        part = _part(key, value)
        if part is not None:
            yield from _leaves(fields[key], at(value, (part,)), (*path, part))


def _part(key: str, value: Any) -> str | int | None:
    if key.startswith("f:"):
        return key[2:]
    items = value if isinstance(value, list) else []
    for index, item in enumerate(items):
        if _key({key: {}}, items, index) is not None and item is not None:
            return index
    return None
