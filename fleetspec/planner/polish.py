"""A replayed plan made cheaper by small changes, each judged by its own replay.

What programs cannot see (whole jobs in whole lanes, boots, idle time of whole nodes) is most of the cost of a small
fleet. So a plan's neighbours are replayed in turn, and one that is better is gone on from:

- a node less, or more, of a pool's layout in one stage or in all;
- a class as a whole in another room, with a node for it where there is none;
- a pool's nodes in another layout, with their classes in the rooms this has;
- all classes of a pool on another one, which none of them alone makes cheaper.

It ends when no neighbour is better, or after so many replays that the same plan comes of the same problem on any
machine: ``TRIES`` of a few classes, fewer of many (a replay takes as long as it has classes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fleetspec.planner.formulation import Allocation
from fleetspec.planner.simulate import Replay, replay
from fleetspec.planner.terrain import Terrain

TRIES = 150
"""Replays of one polish at most."""
WORK = 1500
"""Replays times classes of one polish."""
ENOUGH = 0.02
"""A plan in time that costs within this share of its bound is left as it is."""
SMALLEST = 0.005
"""Share of the cost by which a change has to be better: less is not worth other rooms and other assumptions."""

SAME = 1 + 1e-9
"""Figures within this factor are one."""

Nodes = dict[tuple[int, str, int], int]
Shares = dict[tuple[int, int], float]


def polished(land: Terrain, start: Replay, bound_usd: float, least: int = 0) -> Replay:
    """The best of a plan and of what small changes make of it: in time before late, then cheap. ``least`` is how many
    are tried of ever so many classes."""
    best, tried = start, 0
    tries = max(min(TRIES, WORK // len(land.classes)), least)
    better = _score(land, start) > (0.0, bound_usd * (1 + ENOUGH)) or dear(land, start)
    while better:
        better = False
        for one in _neighbours(land, best.allocation, late=best.end > land.problem.deadline_seconds):
            if tried == tries:
                return best
            tried += 1
            found = replay(land, one, barriers=start.barriers, urgent=start.urgent)
            # Where the budget is missed, by however little, so is every little worth it.
            if _score(land, found) < _score(land, best, 0.0 if dear(land, best) else SMALLEST):
                best, better = found, True
                break
    return best


def plainer(land: Terrain, start: Replay) -> Replay:
    """A plan with layouts of equal slots in place of mixed ones, where it costs no more and ends no later: a program
    takes either of two that do the same, and a person would ask what the odd slot is for."""
    best = start
    for k, old in sorted({key[:2] for key in start.allocation.nodes}):
        slots = {pattern.name: dict(pattern.slots) for pattern in land.pools[k].patterns}
        if len(slots.get(old, {})) < 2:
            continue
        for new, alike in slots.items():
            if len(alike) > 1 or sum(alike.values()) < sum(slots[old].values()):
                continue
            one = _relaid(land, best.allocation, k, old, new)
            found = None if one is None else replay(land, one, barriers=start.barriers, urgent=start.urgent)
            if found is not None and found.cost_usd <= best.cost_usd * SAME and found.end <= best.end * SAME:
                best = found
                break
    return best


def dear(land: Terrain, one: Replay) -> bool:
    """Whether a plan that ends in time costs more than there is."""
    budget = land.problem.budget_usd
    return budget is not None and one.end <= land.problem.deadline_seconds and one.cost_usd > budget


def _score(land: Terrain, one: Replay, less: float = 0.0) -> tuple[float, float]:
    """Seconds late and USD, by ``less`` smaller than they are."""
    late = max(one.end - land.problem.deadline_seconds, 0.0)
    return late * (1 - less), one.cost_usd * (1 - less)


def _neighbours(land: Terrain, now: Allocation, late: bool) -> Iterator[Allocation]:
    yield from _counts(land, now, late)
    yield from _moves(land, now)
    yield from layouts(land, now)
    yield from _emptied(land, now)


def _counts(land: Terrain, now: Allocation, late: bool) -> Iterator[Allocation]:
    """A node less of each group, the dearest pools first, or more: in all stages, then in each. What is late is first
    given more, the cheapest pools first."""
    groups = sorted({key[:2] for key in now.nodes}, key=lambda key: (-land.pools[key[0]].usd_per_hour, key))
    for step, listed in [(1, groups[::-1]), (-1, groups)] if late else [(-1, groups), (1, groups)]:
        for group in listed:
            stages = [key for key in now.nodes if key[:2] == group]
            for keys in [stages, *([key] for key in stages if len(stages) > 1)]:
                nodes = now.nodes | {key: now.nodes[key] + step for key in keys}
                if min(nodes.values()) > 0 and within(land, nodes):
                    yield replace(now, nodes=nodes)


def _moves(land: Terrain, now: Allocation) -> Iterator[Allocation]:
    """Each class as a whole in each room it may run in."""
    for row, one in enumerate(land.classes):
        held = {kind for r, kind in now.shares if r == row}
        for kind, _ in land.places[row]:
            if held == {kind}:
                continue
            shares = {key: share for key, share in now.shares.items() if key[0] != row} | {(row, kind): 1.0}
            room = land.kinds[kind]
            there = [name for name, _ in room.count if (room.pool, name, one.stage) in now.nodes]
            for name in [""] if there else _hosts(land, now, kind):
                added = {} if there else {(room.pool, name, one.stage): 1}
                nodes = _used(land, now.nodes | added, shares)
                if within(land, nodes):
                    yield replace(now, nodes=nodes, shares=shares)


def _hosts(land: Terrain, now: Allocation, kind: int) -> list[str]:
    """Layouts to buy a node in for a room of this kind: one that other stages have, and the one with most of it."""
    room = land.kinds[kind]
    had = [name for name, _ in room.count if any(key[:2] == (room.pool, name) for key in now.nodes)]
    most = max(room.count, key=lambda entry: entry[1])[0]
    return list(dict.fromkeys([*had, most]))


def layouts(land: Terrain, now: Allocation) -> Iterator[Allocation]:
    """All nodes that a pool has in one layout in another one."""
    for k, old in sorted({key[:2] for key in now.nodes}):
        for new in land.patterns[k]:
            one = _relaid(land, now, k, old, new) if new != old else None
            if one is not None:
                yield one


def _relaid(land: Terrain, now: Allocation, k: int, old: str, new: str) -> Allocation | None:
    """All nodes of pool k in one layout in another one; None where a class has no room in it."""
    shares = _rehoused(land, now, k, old, new)
    if shares is None:
        return None
    nodes: Nodes = {}
    for (pool, name, s), count in now.nodes.items():
        key = (pool, new if (pool, name) == (k, old) else name, s)
        nodes[key] = nodes.get(key, 0) + count
    return replace(now, nodes=_used(land, nodes, shares), shares=shares)


def _emptied(land: Terrain, now: Allocation) -> Iterator[Allocation]:
    """A pool without work: its classes each in the cheapest room of one other pool."""
    for old in sorted({k for k, _, _ in now.nodes}):
        for new in range(len(land.pools)):
            moved = _moved(land, now.shares, old, new) if new != old else None
            if moved is None:
                continue
            nodes = _used(land, now.nodes, moved)
            for row, kind in moved:
                room, stage = land.kinds[kind], land.classes[row].stage
                if room.pool == new and not any((new, name, stage) in nodes for name, _ in room.count):
                    nodes[new, _hosts(land, now, kind)[0], stage] = 1
            if within(land, nodes):
                yield replace(now, nodes=nodes, shares=moved)


def _moved(land: Terrain, shares: Shares, old: int, new: int) -> Shares | None:
    """Shares with all that runs on one pool on another; None where a class has no room there."""
    found: Shares = {}
    for (row, kind), share in shares.items():
        target = kind
        if land.kinds[kind].pool == old:
            rooms = [(place.seconds, index) for index, place in land.places[row] if land.kinds[index].pool == new]
            if not rooms:
                return None
            target = min(rooms)[1]
        found[row, target] = found.get((row, target), 0.0) + share
    return found


def _rehoused(land: Terrain, now: Allocation, k: int, old: str, new: str) -> Shares | None:
    """Shares when nodes of pool k change their layout; None where a class has no room in the new one."""
    shares: Shares = {}
    for (row, kind), share in now.shares.items():
        room = land.kinds[kind]
        names = {name for name, _ in room.count}
        stage = land.classes[row].stage
        others = any((k, name, stage) in now.nodes for name in names - {old})
        target = kind
        if room.pool == k and old in names and new not in names and not others:
            fitting = [
                (place.seconds / dict(land.kinds[index].count)[new], index)
                for index, place in land.places[row]
                if land.kinds[index].pool == k and new in dict(land.kinds[index].count)
            ]
            if not fitting:
                return None
            target = min(fitting)[1]
        shares[row, target] = shares.get((row, target), 0.0) + share
    return shares


def _used(land: Terrain, nodes: Nodes, shares: Shares) -> Nodes:
    """Nodes without those in whose rooms nothing of their stage runs."""
    busy = {
        (land.kinds[kind].pool, name, land.classes[row].stage)
        for row, kind in shares
        for name, _ in land.kinds[kind].count
    }
    return {key: count for key, count in nodes.items() if key in busy}


def within(land: Terrain, nodes: Nodes) -> bool:
    """A node keeps its layout and its offer: the most nodes of each of them together are at most the pool's cap."""
    peaks: dict[tuple[int, str], int] = {}
    for (k, name, _), count in nodes.items():
        peaks[k, name] = max(peaks.get((k, name), 0), count)
    return all(
        sum(count for (k, _), count in peaks.items() if k in members) <= max(land.pools[k].cap for k in members)
        for members in land.problem.offers
    )
