"""What an API server keeps and the rules it keeps it by: server-side apply, versions, history, owners and finalizers.

Written after the documentation of Kubernetes 1.36; lists are atomic, as most of those in the CRDs of Ray are. A lock
guards it: tests write to it while the server serves.
"""

from __future__ import annotations

import copy
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str, str, str]
"""Root such as ``/apis/ray.io/v1``, plural, namespace, name."""
Path = tuple[str, ...]

_SERVER_FIELDS = {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "deletionTimestamp"}


class Refusal(Exception):
    """An answer of kind Status."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details or {}

    @property
    def body(self) -> Object:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": self.code,
            "reason": self.reason,
            "message": self.message,
            "details": self.details,
        }


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Paths of a configuration to its scalars, lists and empty dicts, but for what names the object."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif path not in (("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")):
        yield path, value


def look(value: Any, path: Path) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def put(value: Object, path: Path, item: Any) -> None:
    for key in path[:-1]:
        value = value.setdefault(key, {})
    value[path[-1]] = copy.deepcopy(item)


def take(value: Object, path: Path) -> None:
    for key in path[:-1]:
        value = value.get(key) or {}
    value.pop(path[-1], None)


def fields_v1(paths: set[Path]) -> Object:
    found: Object = {}
    for path in sorted(paths):
        put(found, tuple(f"f:{key}" for key in path), {})
    return found


def paths_of(fields: Object, path: Path = ()) -> set[Path]:
    below = {key: item for key, item in fields.items() if key != "."}
    if not below:
        return {path} if path else set()
    return {one for key, item in below.items() for one in paths_of(item, (*path, key.removeprefix("f:")))}


@dataclass
class Store:
    """Objects by key, and what happened to them. ``plurals`` maps a root to its kinds: kind → (plural, namespaced)."""

    plurals: dict[str, dict[str, tuple[str, bool]]]
    objects: dict[Key, Object] = field(default_factory=dict)
    history: list[tuple[int, str, Key, Object]] = field(default_factory=list)
    oldest: int = 0
    """Watches from before this version are told 410."""
    version: int = 100
    refuse: Callable[[Object], None] = lambda value: None
    created: Callable[[Store, Key, Object], None] = lambda store, key, value: None
    """Plays the controllers: called when an object has been made."""

    def __post_init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())

    # What a server does

    def apply(self, key: Key, config: Object, manager: str, force: bool, dry_run: bool) -> tuple[int, Object]:
        """Server-side apply: status 200 or 201 and the object. Refusal 409 where another manager holds a field."""
        with self.changed:
            self._namespace(key)
            self.refuse(config)
            live = self.objects.get(key)
            value = copy.deepcopy(live) if live else self._blank(key, config)
            wanted = dict(leaves(config))
            held = {one["manager"]: paths_of(one["fieldsV1"]) for one in value["metadata"].get("managedFields", [])}
            if live:
                self._conflicts(value, wanted, held, manager, force)
            others = set().union(*(paths for name, paths in held.items() if name != manager))
            for path in held.get(manager, set()) - wanted.keys() - others:
                take(value, path)
            for path, item in wanted.items():
                put(value, path, item)
            held[manager] = set(wanted)
            self._keep_managers(value, held)
            if live and value == live:
                return 200, copy.deepcopy(live)
            if not dry_run:
                self._write(key, value, "MODIFIED" if live else "ADDED")
                if not live:
                    self.created(self, key, value)
            return 200 if live else 201, copy.deepcopy(value)

    def _conflicts(
        self, value: Object, wanted: dict[Path, Any], held: dict[str, set[Path]], manager: str, force: bool
    ) -> None:
        causes = []
        for path, item in wanted.items():
            for name in sorted(held.keys() - {manager}):
                if path in held[name] and look(value, path) != item:
                    if force:
                        held[name].discard(path)
                        continue
                    message = f'conflict with "{name}" using {value["apiVersion"]}'
                    text = "." + ".".join(path)
                    causes.append({"reason": "FieldManagerConflict", "message": message, "field": text})
        if causes:
            raise Refusal(409, "Conflict", f"Apply failed with {len(causes)} conflict", {"causes": causes})

    def delete(self, key: Key, uid: str | None, policy: str) -> None:
        with self.changed:
            live = self._live(key)
            if uid is not None and uid != live["metadata"]["uid"]:
                raise Refusal(409, "Conflict", "the UID in the precondition does not match")
            meta = live["metadata"]
            if policy == "Foreground" and self._owned_by(meta["uid"]):
                meta["finalizers"] = [*meta.get("finalizers", []), "foregroundDeletion"]
            if meta.get("finalizers"):
                if "deletionTimestamp" not in meta:
                    meta["deletionTimestamp"] = "2026-11-26T00:00:00Z"
                    self._write(key, live, "MODIFIED")
                self._collect()
            else:
                self._drop(key)

    def get(self, key: Key) -> Object:
        with self.changed:
            return copy.deepcopy(self._live(key))

    def list(self, root: str, plural: str, namespace: str, labels: str, fields: str) -> list[Object]:
        with self.changed:
            found = [
                copy.deepcopy(value)
                for key, value in sorted(self.objects.items())
                if key[:2] == (root, plural)
                and (not namespace or key[2] == namespace)
                and selected(value, labels, fields)
            ]
        for value in found:
            # Items of a typed list carry no kind of their own.
            del value["kind"], value["apiVersion"]
        return found

    # What tests and controllers do

    def add(self, value: Object, manager: str = "kubectl-create") -> Object:
        """Make an object by hand; what it says of metadata and status is kept."""
        with self.changed:
            key = self.key_of(value)
            made = {**copy.deepcopy(value), "metadata": {**self._blank(key, value)["metadata"], **value["metadata"]}}
            own = {path for path, _ in leaves(value) if path[0] != "status"}
            self._keep_managers(made, {manager: own})
            self._write(key, made, "ADDED")
            return copy.deepcopy(made)

    def edit(self, key: Key, path: Path, item: Any, manager: str = "kubectl-edit") -> None:
        """Set a field as ``kubectl edit`` or a controller does: it then is that manager's; None removes it."""
        with self.changed:
            value = self._live(key)
            if path[0] != "status":
                held = {one["manager"]: paths_of(one["fieldsV1"]) for one in value["metadata"].get("managedFields", [])}
                for paths in held.values():
                    paths.discard(path)
                if item is not None:
                    held.setdefault(manager, set()).add(path)
                self._keep_managers(value, held)
            if item is None:
                take(value, path)
            else:
                put(value, path, item)
            self._write(key, value, "MODIFIED")

    def release(self, key: Key, finalizer: str) -> None:
        """A controller takes its finalizer off."""
        with self.changed:
            self.objects[key]["metadata"]["finalizers"].remove(finalizer)
            self._collect()

    def forget(self) -> None:
        """Compact the history: watches that go on from before are told 410 Gone."""
        with self.changed:
            self.oldest = self.version + 1
            self.version += 2

    def key_of(self, value: Object) -> Key:
        version = value["apiVersion"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        plural, namespaced = self.plurals[root][value["kind"]]
        meta = value["metadata"]
        return root, plural, meta["namespace"] if namespaced else "", meta["name"]

    def names(self) -> set[str]:
        with self.changed:
            return {f"{key[1]}/{key[3]}" for key in self.objects if key[1] != "namespaces"}

    # Inside

    def _live(self, key: Key) -> Object:
        if key not in self.objects:
            self._namespace(key)
            raise Refusal(404, "NotFound", f'{key[1]} "{key[3]}" not found', {"name": key[3], "kind": key[1]})
        return self.objects[key]

    def _namespace(self, key: Key) -> None:
        if key[2] and ("/api/v1", "namespaces", "", key[2]) not in self.objects:
            details = {"name": key[2], "kind": "namespaces"}
            raise Refusal(404, "NotFound", f'namespaces "{key[2]}" not found', details)

    def _blank(self, key: Key, config: Object) -> Object:
        meta = {"name": key[3], "uid": str(uuid.uuid4()), "creationTimestamp": "2026-11-25T21:45:00Z"}
        if key[2]:
            meta["namespace"] = key[2]
        return {"apiVersion": config["apiVersion"], "kind": config["kind"], "metadata": meta}

    def _keep_managers(self, value: Object, held: dict[str, set[Path]]) -> None:
        entries = [
            {"manager": name, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": fields_v1(paths)}
            for name, paths in sorted(held.items())
            if paths
        ]
        value["metadata"]["managedFields"] = entries

    def _write(self, key: Key, value: Object, event: str) -> None:
        self.version += 1
        value["metadata"]["resourceVersion"] = str(self.version)
        self.objects[key] = value
        self.history.append((self.version, event, key, copy.deepcopy(value)))
        self.changed.notify_all()

    def _drop(self, key: Key) -> None:
        value = self.objects.pop(key)
        self.version += 1
        value["metadata"]["resourceVersion"] = str(self.version)
        self.history.append((self.version, "DELETED", key, value))
        for owned in self._owned_by(value["metadata"]["uid"]):
            if owned in self.objects:
                self._drop(owned)
        self.changed.notify_all()

    def _owned_by(self, uid: str) -> list[Key]:
        return [
            key
            for key, value in self.objects.items()
            if any(owner["uid"] == uid for owner in value["metadata"].get("ownerReferences", []))
        ]

    def _collect(self) -> None:
        """The garbage collector: what is owned goes first, then its owner, once no finalizer is left."""
        for value in list(self.objects.values()):
            meta = value["metadata"]
            if "foregroundDeletion" in meta.get("finalizers", []):
                for owned in self._owned_by(meta["uid"]):
                    if not self.objects[owned]["metadata"].get("finalizers"):
                        self._drop(owned)
                if not self._owned_by(meta["uid"]):
                    meta["finalizers"].remove("foregroundDeletion")
        for key, value in list(self.objects.items()):
            if value["metadata"].get("deletionTimestamp") and not value["metadata"].get("finalizers"):
                self._drop(key)


def selected(value: Object, labels: str, fields: str) -> bool:
    held = value["metadata"].get("labels") or {}
    wanted = dict(part.split("=", 1) for part in labels.split(",") if part)
    named = dict(part.split("=", 1) for part in fields.split(",") if part)
    return all(held.get(key) == text for key, text in wanted.items()) and all(
        look(value, tuple(key.split("."))) == text for key, text in named.items()
    )


def line(kind: str, value: Object) -> bytes:
    return json.dumps({"type": kind, "object": value}).encode() + b"\n"
