"""The lock of a change: what an edit makes necessary is fitted on the data of the fleet it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from fleetspec.compiler.identity import canonical, digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetspec.compiler.lock import Lock, LockedSeries


def pinned(head: Lock, base: Lock) -> Lock:
    """The head's lock with the series of the base's wherever both read them from the same source.

    Universes have the head's members; series and bars that only the head has stay as they are.
    """
    data = {}
    for key, series in head.data.items():
        source = f"data.{key.partition(' @ ')[0]}"
        held = base.data.get(key, {}) if head.declared.get(source) == base.declared.get(source) else {}
        data[key] = {name: _pinned(one, held.get(name)) for name, one in series.items()}
    return replace(head, data=data)


def pinned_with_members(head: Lock, base: Lock, called: Mapping[str, str]) -> Lock:
    """The head's lock with the base's series as in :func:`pinned`, and with the base's members of every universe that
    both specs say in the same words. ``called`` is the base's name of each of the head's universes.
    """
    made = pinned(head, base)
    same = {
        name: then
        for name, then in called.items()
        if then in base.universes and head.declared.get(f"universes.{name}") == base.declared.get(f"universes.{then}")
    }
    universes = {name: base.universes[same[name]] if name in same else held for name, held in head.universes.items()}
    spans = {}
    for key, held in head.spans.items():
        name, mark, bar = key.partition(" @ ")
        spans[key] = base.spans.get(f"{same[name]}{mark}{bar}", held) if name in same else held
    return replace(made, universes=universes, spans=spans, data={k: _with_left(k, made, base) for k in made.data})


def _with_left(key: str, made: Lock, base: Lock) -> dict[str, LockedSeries]:
    """The series of a source and those that only the base's lock has: a member that left was one."""
    source = f"data.{key.partition(' @ ')[0]}"
    if made.declared.get(source) != base.declared.get(source):
        return made.data[key]
    windows = {cadence: "" for series in made.data[key].values() for cadence in series.windows}
    left = {
        name: _pinned(replace(held, digest="", windows=windows), held)
        for name, held in base.data.get(key, {}).items()
        if name not in made.data[key]
    }
    return {**made.data[key], **left}


def _pinned(head: LockedSeries, base: LockedSeries | None) -> LockedSeries:
    if base is None or base.digest == head.digest:
        return head
    # The base has no digest of a window that only the head asks for. Its bars and the cadence say which one it is.
    windows = {
        cadence: base.windows.get(cadence) or digest("window", canonical([base.digest, cadence])).hex()
        for cadence in head.windows
    }
    return replace(base, windows=windows)
