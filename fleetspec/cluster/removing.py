"""Removing what a fleet has on a cluster: its own objects alone, each until it is gone, the record of a run last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fleetspec.cluster.fields import managers
from fleetspec.cluster.objects import Object, Ref
from fleetspec.diagnostics import Report
from fleetspec.renderer.ownership import SCOPE, is_owned
from fleetspec.rules import cluster as rules

if TYPE_CHECKING:
    from fleetspec.cluster.objects import Objects
    from fleetspec.cluster.record import Inventory, Record

_FIRST = ("CronJob", "RayJob")
_LOOKS_EVERY = 1.0
"""Seconds between two looks at an object that is going."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What is to go, in order, and what stays and why. ``records`` go once all of ``refs`` are gone."""

    fleet: str
    refs: tuple[Ref, ...]
    records: tuple[Record, ...]
    kept: tuple[tuple[Ref, str], ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        return {
            "fleet": self.fleet,
            "removed": [str(ref) for ref in (*self.refs, *(one.ref for one in self.records))],
            "kept": [{"object": str(ref), "why": why} for ref, why in self.kept],
        }


def removal(objects: Objects, held: Inventory, chosen: Iterable[Record], *, strays: bool, platform: bool) -> Removal:
    """What goes with the ``chosen`` records: jobs first, then what they used.

    An object stays that another record names, that is not this fleet's any more, or that serves more than this fleet
    (its scope is ``platform``) unless ``platform`` says that it goes too.
    """
    going = tuple(chosen)
    needed = {ref for one in held.records if one not in going for ref in one.objects}
    listed = list(dict.fromkeys(ref for one in going for ref in reversed(one.objects)))
    listed += [ref for ref in held.strays if strays and ref not in listed]
    # First what would make another run, then the runs, then what they use.
    listed.sort(key=lambda ref: _FIRST.index(ref.kind) if ref.kind in _FIRST else len(_FIRST))
    refs: list[Ref] = []
    kept: list[tuple[Ref, str]] = []
    for ref in listed:
        live = objects.get(ref)
        why = _stays(live, ref, held.fleet, needed, platform)
        if live is not None and why is None:
            refs.append(ref)
        elif why is not None:
            kept.append((ref, why))
    return Removal(held.fleet, tuple(refs), going, tuple(kept))


def _stays(live: Object | None, ref: Ref, fleet: str, needed: set[Ref], platform: bool) -> str | None:
    if live is None:
        return None
    if ref.kind == "Namespace":
        return "no namespace is removed: the store's volume lies in it"
    if ref in needed:
        return "another run uses it"
    if not is_owned(live, fleet):
        return "it does not carry this fleet's labels any more"
    if live["metadata"]["labels"].get(SCOPE) == "platform" and not platform:
        return "it serves more than this fleet (--platform removes it)"
    return None


def remove(
    objects: Objects,
    what: Removal,
    seconds: float,
    tell: Callable[[Ref], None] = lambda ref: None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Delete, and wait up to ``seconds`` until all is gone; then the records.

    Finalizers are left to their controllers. Rejected (FS658) for what is still there: the records stay, so that the
    same command goes on. Objects that are gone already, or are another's by now, are passed over.
    """
    end = clock() + seconds
    for ref in what.refs:
        live = objects.get(ref)
        if live is not None and is_owned(live, what.fleet):
            objects.delete(ref, live["metadata"]["uid"])
    report = Report()
    for ref in what.refs:
        left = _gone(objects, ref, what.fleet, end, clock)
        if left is None:
            tell(ref)
        else:
            _say_left(left, ref, seconds, report)
    report.require()
    for record in what.records:
        live = objects.get(record.ref)
        if live is not None:
            objects.delete(record.ref, live["metadata"]["uid"])
            tell(record.ref)


def _gone(objects: Objects, ref: Ref, fleet: str, end: float, clock: Callable[[], float]) -> Object | None:
    """None once the object is gone; else the object, as it is when time is up."""
    while True:
        live = objects.get(ref)
        if live is None or not is_owned(live, fleet):
            return None
        # One that is there and not going was made anew in the meantime: waiting longer changes nothing.
        if clock() >= end or not live["metadata"].get("deletionTimestamp"):
            return live
        objects.connection.pause(_LOOKS_EVERY)


def _say_left(live: Object, ref: Ref, seconds: float, report: Report) -> None:
    finalizers = live["metadata"].get("finalizers") or []
    if not live["metadata"].get("deletionTimestamp"):
        makers = ", ".join(sorted({name for name, _ in managers(live)})) or "somebody"
        report.add(
            rules.STILL_THERE,
            f"{ref} was made again by {makers} while it was removed",
            help="stop what applies it (Argo CD, a schedule, another shell), then destroy again",
        )
        return
    why = f"it waits for {', '.join(finalizers)}" if finalizers else "the cluster has not finished"
    report.add(
        rules.STILL_THERE,
        f"{ref} is still there after {seconds:.0f} s: {why}",
        help="see that the controller of the finalizer runs, then destroy again",
    )
