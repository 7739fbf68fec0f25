"""What was applied, kept on the cluster: one ConfigMap a run, written first and deleted last.

Whatever breaks in between, every object of a run is named by a record, carries the fleet's labels, or both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleetspec.cluster.fields import at
from fleetspec.cluster.objects import Object, Ref, of_fleet
from fleetspec.diagnostics import Rejected
from fleetspec.renderer.ownership import FLEET, MANAGED_BY, MANAGER, PLAN, RUN, SCOPE, is_owned
from fleetspec.rules.cluster import REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetspec.cluster.objects import Objects

RECORD = "record"
"""The value of the label ``SCOPE`` of a record."""
_ENTRY = "record.json"
_NEEDED = (("ray.io/v1", "RayJob"), ("v1", "ConfigMap"))
_SWEPT = (
    ("batch/v1", "CronJob"),
    *_NEEDED,
    ("ray.io/v1", "RayCluster"),
    ("v1", "ServiceAccount"),
    ("kueue.x-k8s.io/v1beta2", "LocalQueue"),
    ("kueue.x-k8s.io/v1beta1", "LocalQueue"),
    ("monitoring.coreos.com/v1", "PodMonitor"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
)
"""Namespaced kinds that are looked through for objects no record names, in the order in which those are removed."""


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
    """All of a fleet in a namespace. ``strays`` carry its labels and belong to no run; ``unseen`` are kinds that this
    account may not list, so that strays of theirs are not known."""

    fleet: str
    namespace: str
    records: tuple[Record, ...]
    strays: tuple[Ref, ...]
    unseen: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.records or self.strays)


def inventory(objects: Objects, fleet: str, namespace: str) -> Inventory:
    """What is there of a fleet, from its records and its labels. Records by session, then name.

    A RayJob that no record names was created by somebody else from the same manifests (Argo CD, a schedule, kubectl):
    it is a run all the same, of the objects it mounts. What another object owns goes with that one and is no stray.
    """
    found, unseen = _swept(objects, fleet, namespace)
    held = [_read(value) for value in found.values() if value["metadata"]["labels"].get(SCOPE) == RECORD]
    records = [one for one in held if one is not None]
    named = {ref for one in records for ref in (*one.objects, one.ref)}
    for ref, value in found.items():
        if ref.kind == "RayJob" and ref not in named:
            made = _unrecorded(value, ref, found)
            records.append(made)
            named |= set(made.objects)
    strays = tuple(ref for ref, value in found.items() if ref not in named and is_owned(value, fleet))
    ordered = sorted(records, key=lambda one: (one.session, one.job))
    return Inventory(fleet, namespace, tuple(ordered), strays, unseen)


def _swept(objects: Objects, fleet: str, namespace: str) -> tuple[dict[Ref, Object], tuple[str, ...]]:
    found: dict[Ref, Object] = {}
    unseen: list[str] = []
    for api_version, kind in _SWEPT:
        try:
            listed = objects.every(api_version, kind, namespace, of_fleet(fleet))
        except Rejected as ending:
            if (api_version, kind) in _NEEDED or any(one.rule is not REFUSED for one in ending.report):
                raise
            unseen.append(kind)
            continue
        for value in listed:
            # Items of a list come without their kind.
            whole = {**value, "apiVersion": api_version, "kind": kind}
            if not value["metadata"].get("ownerReferences"):
                found[Ref.of(whole)] = whole
    return found, tuple(dict.fromkeys(unseen))


def _unrecorded(job: Object, ref: Ref, found: dict[Ref, Object]) -> Record:
    meta = job["metadata"]
    labels, notes = meta.get("labels") or {}, meta.get("annotations") or {}
    mounted = {ref for ref in found if ref.kind == "ConfigMap"} & set(_mounts(job))
    return Record(
        fleet=labels[FLEET],
        run=labels.get(RUN, "?"),
        session=notes.get("fleetspec.dev/session", "?"),
        plan=notes.get(PLAN, "?"),
        namespace=ref.namespace,
        job=ref.name,
        objects=(*sorted(mounted), ref),
    )


def _mounts(job: Object) -> list[Ref]:
    """The ConfigMaps that the pods of a RayJob mount."""
    cluster = job["spec"].get("rayClusterSpec") or {}
    groups = [cluster.get("headGroupSpec") or {}, *(cluster.get("workerGroupSpecs") or [])]
    volumes = [one for group in groups for one in at(group, ("template", "spec", "volumes")) or []]
    names = [at(volume, ("configMap", "name")) for volume in volumes]
    return [Ref("v1", "ConfigMap", job["metadata"]["namespace"], name) for name in names if name]
