"""Objects on a cluster: where they lie, whose they are, and the reads and writes that take one by its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleetspec.cluster.connection import Fault
from fleetspec.diagnostics import Rejected, reject
from fleetspec.renderer.ownership import FLEET, MANAGED_BY, MANAGER
from fleetspec.rules import cluster as rules

if TYPE_CHECKING:
    from fleetspec.cluster.connection import Connection

Object = dict[str, Any]
PAGE = 500
"""Objects a list brings at a time."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """The name of an object; ``namespace`` is empty where its kind has none."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, value: Object) -> Ref:
        meta = value["metadata"]
        return cls(value["apiVersion"], value["kind"], meta.get("namespace") or "", meta["name"])

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    def to_json(self) -> dict[str, str]:
        return {"apiVersion": self.api_version, "kind": self.kind, "namespace": self.namespace, "name": self.name}


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a kind's objects lie."""

    root: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        place = f"{self.root}/namespaces/{namespace}" if self.namespaced and namespace else self.root
        return f"{place}/{self.plural}/{name}".rstrip("/")


class Objects:
    """The objects of one cluster by name. Kinds are looked up once."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._kinds: dict[str, dict[str, Kind]] = {}

    def kind(self, api_version: str, kind: str) -> Kind | None:
        """Where objects of a kind lie; None where the cluster does not know it."""
        if api_version not in self._kinds:
            root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            try:
                listed = self.connection.get(root).get("resources") or []
            except Fault as fault:
                if fault.status != 404:
                    raise refused(f"list the kinds of {api_version}", fault) from fault
                listed = []
            self._kinds[api_version] = {
                one["kind"]: Kind(root, one["name"], bool(one["namespaced"]))
                for one in listed
                if "/" not in one["name"]
            }
        return self._kinds[api_version].get(kind)

    def known(self, api_version: str, kind: str) -> Kind:
        """Where objects of a kind lie. Rejected (FS653) where the cluster does not know it."""
        found = self.kind(api_version, kind)
        if found is None:
            raise reject(
                rules.KIND_UNKNOWN,
                f"cluster '{self.connection.name}' knows no {kind} of {api_version}",
                help=f"install {_bringer(api_version)}; `fleetspec doctor` says what else is missing",
            )
        return found

    def get(self, ref: Ref) -> Object | None:
        """The object as it is now; None where it is not there."""
        kind = self.kind(ref.api_version, ref.kind)
        if kind is None:
            return None
        try:
            return self.connection.get(kind.path(ref.namespace, ref.name))
        except Fault as fault:
            if fault.status in (404, 410):
                return None
            raise refused(f"read {ref}", fault) from fault

    def every(self, api_version: str, kind: str, namespace: str, labels: str = "", fields: str = "") -> list[Object]:
        """All objects of a kind, page by page; none where the cluster does not know the kind."""
        place = self.kind(api_version, kind)
        if place is None:
            return []
        try:
            return list(self._pages(place.path(namespace), {"labelSelector": labels, "fieldSelector": fields}))
        except Fault as fault:
            if fault.status == 404:
                return []
            raise refused(f"list {kind} objects" + (f" in {namespace}" if namespace else ""), fault) from fault

    def seen(self, api_version: str, kind: str, namespace: str, labels: str = "") -> list[Object]:
        """As :meth:`every`, but none where this account may not list the kind."""
        try:
            return self.every(api_version, kind, namespace, labels)
        except Rejected as ending:
            if any(one.rule is not rules.REFUSED for one in ending.report):
                raise
            return []

    def _pages(self, path: str, selectors: dict[str, str]) -> Iterator[Object]:
        query: dict[str, str | int] = {name: text for name, text in selectors.items() if text}
        query["limit"] = PAGE
        held: list[Object] = []
        while True:
            try:
                page = self.connection.get(path, query)
            except Fault as fault:
                if fault.status != 410 or "continue" not in query:
                    raise
                # The list has grown too old between two pages: it is read again from its start.
                held, query = [], {name: value for name, value in query.items() if name != "continue"}
                continue
            held += page.get("items") or []
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                yield from held
                return
            query["continue"] = token

    def apply(self, value: Object, *, dry_run: bool = False, force: bool = False) -> Object:
        """Server-side apply as ``fleetspec``; what the object is then. Fault as the server gives it."""
        ref = Ref.of(value)
        query: dict[str, str | int] = {"fieldManager": MANAGER, "force": "true" if force else "false"}
        if dry_run:
            query["dryRun"] = "All"
        return self.connection.apply(self.known(ref.api_version, ref.kind).path(ref.namespace, ref.name), value, query)

    def delete(self, ref: Ref, uid: str) -> None:
        """Ask for the deletion of this very object and of all it owns. One that is gone already is fine."""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": uid},
        }
        try:
            self.connection.delete(self.known(ref.api_version, ref.kind).path(ref.namespace, ref.name), body)
        except Fault as fault:
            # 409: the name is another object's by now, which nobody asked to delete.
            if fault.status not in (404, 409, 410):
                raise refused(f"delete {ref}", fault) from fault


def of_fleet(fleet: str) -> str:
    """The label selector of all that was rendered for a fleet."""
    return f"{MANAGED_BY}={MANAGER},{FLEET}={fleet}"


def refused(what: str, fault: Fault) -> Rejected:
    """Rejected (FS652): the cluster does not let this account do ``what``."""
    return reject(
        rules.REFUSED,
        f"the cluster refuses to {what} ({fault.status} {fault.reason}): {fault.message}".replace(" )", ")"),
        help="`fleetspec doctor` lists the permissions that are missing"
        if fault.status in (401, 403)
        else "see what it says",
    )


def _bringer(api_version: str) -> str:
    group = api_version.partition("/")[0]
    known = {"ray.io": "KubeRay", "kueue.x-k8s.io": "Kueue", "amd.com": "the AMD GPU operator"}
    known["monitoring.coreos.com"] = "the Prometheus operator"
    return known.get(group, f"what brings {group}")
