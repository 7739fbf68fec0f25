"""The lock of a change: what an edit makes necessary is fitted on the data of the fleet it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from fleetspec.compiler.identity import canonical, digest

if TYPE_CHECKING:
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


def _pinned(head: LockedSeries, base: LockedSeries | None) -> LockedSeries:
    if base is None or base.digest == head.digest:
        return head
    # The base has no digest of a window that only the head asks for. Its bars and the cadence say which one it is.
    windows = {
        cadence: base.windows.get(cadence) or digest("window", canonical([base.digest, cadence])).hex()
        for cadence in head.windows
    }
    return replace(base, windows=windows)
