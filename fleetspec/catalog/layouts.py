"""Legal MIG layouts of a GPU, derived from where its slices may start.

An *instance* is a slice at a start; a *positioned layout* is a set of instances that do not overlap in memory
slots, take no more compute slices than there are, and no more of one profile than the driver makes. The planner
needs only how many of each profile, and only multisets that no other legal one contains.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fleetspec.catalog.types import Layout

if TYPE_CHECKING:
    from fleetspec.catalog.types import Device, Slice

Positions = frozenset[tuple[str, int]]
"""A positioned layout: (profile, start slot)."""


def layouts(device: Device) -> tuple[Layout, ...]:
    """The non-dominated multisets of slices of one GPU, in a fixed order; () where MIG does not exist."""
    counts = {_counted(positions) for positions in positioned_maximal(device)}
    names = [piece.name for piece in device.slices]
    kept = [one for one in counts if not any(one != other and _contains(other, one) for other in counts)]
    # Largest slices first: the order people list layouts in.
    rank = {name: -place for place, name in enumerate(names)}
    kept.sort(key=lambda one: sorted(((rank[name], -count) for name, count in one)))
    return tuple(Layout(one) for one in kept)


def positioned_maximal(device: Device) -> frozenset[Positions]:
    """Every positioned layout to which no further instance can be added."""
    instances = [(piece, start) for piece in device.slices for start in piece.starts]
    found: set[Positions] = set()
    _place(device, instances, (), found)
    return frozenset(found)


def _place(
    device: Device,
    instances: list[tuple[Slice, int]],
    chosen: tuple[tuple[Slice, int], ...],
    found: set[Positions],
    begin: int = 0,
) -> None:
    """Extend ``chosen`` by instances from ``begin`` on, and keep it when none at all can be added."""
    for index in range(begin, len(instances)):
        if _fits(device, chosen, instances[index]):
            _place(device, instances, (*chosen, instances[index]), found, index + 1)
    if chosen and not any(_fits(device, chosen, instance) for instance in instances):
        found.add(frozenset((piece.name, start) for piece, start in chosen))


def _fits(device: Device, chosen: tuple[tuple[Slice, int], ...], instance: tuple[Slice, int]) -> bool:
    piece, start = instance
    if start + piece.size > device.memory_slots:
        return False
    if piece.compute + sum(other.compute for other, _ in chosen) > device.compute_slices:
        return False
    if sum(other.name == piece.name for other, _ in chosen) >= piece.max_instances:
        return False
    return all(start + piece.size <= at or at + other.size <= start for other, at in chosen)


def _counted(positions: Positions) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(name for name, _ in positions).items()))


def _contains(outer: tuple[tuple[str, int], ...], inner: tuple[tuple[str, int], ...]) -> bool:
    has = dict(outer)
    return all(has.get(name, 0) >= count for name, count in inner)
