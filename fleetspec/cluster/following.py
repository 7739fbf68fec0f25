"""Following a run to its end: a watch that begins again when the server forgets, hangs up or goes away for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fleetspec.cluster.connection import Fault
from fleetspec.cluster.objects import Object, Objects, Ref, refused
from fleetspec.cluster.state import RunState, job_ref, state_of

if TYPE_CHECKING:
    from fleetspec.cluster.record import Record

TICK = 15
"""Seconds after which a run is looked at again although its job has not changed: its pods may have."""
_SPIN = 1.0
"""Seconds that a round takes at least, so that a server that hangs up at once is not asked without end."""


def follow(objects: Objects, ref: Ref, tick: int = TICK) -> Iterator[Object | None]:
    """An object now, after each change, and every ``tick`` seconds; None, and the end, once it is gone.

    Every watch begins with a fresh read: what a lost connection or a forgotten version (410) left out is in that.
    """
    kind = objects.known(ref.api_version, ref.kind)
    while True:
        began = time.monotonic()
        live = objects.get(ref)
        yield live
        if live is None:
            return
        query: dict[str, str | int] = {
            "watch": "true",
            "fieldSelector": f"metadata.name={ref.name}",
            "resourceVersion": live["metadata"]["resourceVersion"],
            "timeoutSeconds": tick,
            "allowWatchBookmarks": "true",
        }
        try:
            for event in objects.connection.lines(kind.path(ref.namespace), query, tick + 5.0):
                if event.get("type") == "DELETED":
                    yield None
                    return
                if event.get("type") == "ERROR":
                    break
                if event.get("type") in ("ADDED", "MODIFIED"):
                    yield event["object"]
        except Fault as fault:
            if fault.status in (401, 403):
                raise refused(f"watch {ref.kind} objects", fault) from fault
        if (rest := _SPIN - (time.monotonic() - began)) > 0:
            objects.connection.pause(rest)


def follow_run(
    objects: Objects,
    record: Record,
    seconds: float | None,
    tell: Callable[[RunState], None],
    tick: int = TICK,
    clock: Callable[[], float] = time.monotonic,
) -> RunState:
    """Wait until a run has ended or ``seconds`` have passed; how it stands then. ``tell`` hears of every change."""
    patient = Objects(objects.connection.patiently())
    end = None if seconds is None else clock() + seconds
    before: RunState | None = None
    for job in follow(patient, job_ref(record), tick if seconds is None else max(1, min(tick, int(seconds)))):
        state = state_of(patient, record, job)
        if state != before:
            tell(state)
        before = state
        if job is None or state.ended or (end is not None and clock() >= end):
            return state
    raise AssertionError("a watch ends with its object")
