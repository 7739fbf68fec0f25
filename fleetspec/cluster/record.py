"""What was applied, kept on the cluster: one ConfigMap a run, written first and deleted last.

Whatever breaks in between, every object of a run is named by a record, carries the fleet's labels, or both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleetspec.cluster.objects import Object, Ref, of_fleet
from fleetspec.renderer.ownership import FLEET, MANAGED_BY, MANAGER, PLAN, RUN, SCOPE, is_owned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetspec.cluster.objects import Objects

RECORD = "record"
"""The value of the label ``SCOPE`` of a record."""
_ENTRY = "record.json"
_SWEPT = (
    ("ray.io/v1", "RayJob"),
    ("ray.io/v1", "RayCluster"),
    ("v1", "ConfigMap"),
    ("v1", "ServiceAccount"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("monitoring.coreos.com/v1", "PodMonitor"),
)
"""Namespaced kinds that are looked through for objects no record names."""


@dataclass(frozen=True, slots=True)
class Record:
    """One run as it was applied: its objects in the order of applying. ``job`` is the name of its RayJob."""

    fleet: str
    run: str
    session: str
    plan: str
    namespace: str
    job: str
    objects: tuple[Ref, ...]

    @property
    def ref(self) -> Ref:
        return Ref("v1", "ConfigMap", self.namespace, f"{self.job}-record")

    def manifest(self) -> Object:
        held = {
            "fleet": self.fleet,
            "run": self.run,
            "session": self.session,
            "plan": self.plan,
            "job": self.job,
            "objects": [ref.to_json() for ref in self.objects],
        }
        labels = {
            MANAGED_BY: MANAGER,
            FLEET: self.fleet,
            RUN: self.run,
            SCOPE: RECORD,
        }
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": self.ref.name, "namespace": self.namespace, "labels": labels},
            "data": {_ENTRY: json.dumps(held, sort_keys=True)},
        }


def record_of(objects: Iterable[Object]) -> Record:
    """The record of the objects of one run. ValueError unless one RayJob is among them."""
    listed = list(objects)
    jobs = [value for value in listed if value["kind"] == "RayJob"]
    if len(jobs) != 1:
        raise ValueError(f"a run has one RayJob, these are {len(jobs)}")
    meta = jobs[0]["metadata"]
    return Record(
        fleet=meta["labels"][FLEET],
        run=meta["labels"][RUN],
        session=meta["annotations"]["fleetspec.dev/session"],
        plan=meta["annotations"][PLAN],
        namespace=meta["namespace"],
        job=meta["name"],
        objects=tuple(Ref.of(value) for value in listed),
    )


def _read(value: Object) -> Record | None:
    """The record in a ConfigMap; None where somebody has broken it."""
    try:
        held: dict[str, Any] = json.loads(value["data"][_ENTRY])
        refs = tuple(Ref(one["apiVersion"], one["kind"], one["namespace"], one["name"]) for one in held["objects"])
        texts = {key: str(held[key]) for key in ("fleet", "run", "session", "plan", "job")}
    except (KeyError, TypeError, ValueError):
        return None
    return Record(**texts, namespace=value["metadata"]["namespace"], objects=refs)


@dataclass(frozen=True, slots=True)
class Inventory:
    """All of a fleet in a namespace. ``strays`` carry its labels and are named by no record."""

    fleet: str
    namespace: str
    records: tuple[Record, ...]
    strays: tuple[Ref, ...]

    def __bool__(self) -> bool:
        return bool(self.records or self.strays)


def inventory(objects: Objects, fleet: str, namespace: str) -> Inventory:
    """What is there of a fleet, from its records and its labels. Records by session, then name.

    What another object owns goes with that one and is no stray.
    """
    found: dict[Ref, Object] = {}
    for api_version, kind in _SWEPT:
        for value in objects.list(api_version, kind, namespace, of_fleet(fleet)):
            # Items of a list come without their kind.
            whole = {**value, "apiVersion": api_version, "kind": kind}
            if not value["metadata"].get("ownerReferences"):
                found[Ref.of(whole)] = whole
    held = {ref: _read(value) for ref, value in found.items() if value["metadata"]["labels"].get(SCOPE) == RECORD}
    records = sorted((one for one in held.values() if one is not None), key=lambda one: (one.session, one.job))
    named = {ref for one in records for ref in one.objects} | {one.ref for one in records}
    strays = sorted(ref for ref, value in found.items() if ref not in named and is_owned(value, fleet))
    return Inventory(fleet, namespace, tuple(records), tuple(strays))
