"""Where jobs may run: the rooms of a problem's pools, sorted into kinds that are alike for every class."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

from fleetspec.planner.precedence import Precedence, precedence
from fleetspec.planner.problem import CPU_SLOT, CapacityPool, CapacityProblem, DemandClass, Placement

NODE = ""
"""The pattern of a node without a GPU."""


@dataclass(frozen=True, slots=True)
class Kind:
    """κ: rooms of one pool that are alike for every class. ``count`` maps a pattern to the rooms on a node."""

    pool: int
    slot: str
    count: tuple[tuple[str, int], ...]
    cores: int
    memory_mib: int


@dataclass(frozen=True)
class Terrain:
    """A problem with its kinds worked out: which class may run where, and how long a job takes there."""

    problem: CapacityProblem
    classes: tuple[DemandClass, ...]
    """Those with jobs to run."""
    kinds: tuple[Kind, ...]
    places: tuple[tuple[tuple[int, Placement], ...], ...]
    """By class: (kind, placement)."""

    @property
    def pools(self) -> tuple[CapacityPool, ...]:
        return self.problem.pools

    @cached_property
    def stages(self) -> tuple[int, ...]:
        """Stages in which something runs, in order."""
        return tuple(sorted({one.stage for one in self.classes}))

    @cached_property
    def order(self) -> Precedence:
        """Which of the classes wait for which."""
        return precedence(self.problem.classes)

    @cached_property
    def least(self) -> tuple[float, ...]:
        """By class the seconds that it takes at least: one job where it is quickest, or all of them in all rooms."""
        found = []
        for one, here in zip(self.classes, self.places, strict=True):
            rate = 0.0
            for index, placement in here:
                kind = self.kinds[index]
                pool, rooms = self.pools[kind.pool], float(max(count for _, count in kind.count))
                if pool.gpu is None:
                    rooms = min(pool.cpu / max(one.cores, 1), pool.memory_mib / max(one.memory_mib, 1))
                rate += pool.cap * rooms / placement.seconds
            quickest = min(placement.seconds for _, placement in here)
            found.append(max(quickest, one.jobs / rate if rate > 0 else math.inf))
        return tuple(found)

    @cached_property
    def patterns(self) -> tuple[tuple[str, ...], ...]:
        """By pool: the patterns in which some class has room."""
        useful: list[list[str]] = [[] for _ in self.pools]
        for kind in self.kinds:
            for pattern, _ in kind.count:
                if pattern not in useful[kind.pool]:
                    useful[kind.pool].append(pattern)
        ordered = []
        for pool, names in zip(self.pools, useful, strict=True):
            listed = [pattern.name for pattern in pool.patterns] or [NODE]
            ordered.append(tuple(name for name in listed if name in names))
        return tuple(ordered)

    @cached_property
    def unit(self) -> float:
        """u: seconds per unit of time, so that a stage's work is neither tiny nor huge."""
        total = sum(
            one.jobs * min(p.seconds for _, p in here) for one, here in zip(self.classes, self.places, strict=True)
        )
        return max(total / 100, 1e-6)

    @property
    def time(self) -> float:
        """Seconds for all stages: D - overhead."""
        return float(self.problem.deadline_seconds - self.problem.overhead_seconds)

    @cached_property
    def timeless(self) -> CapacityProblem:
        """The problem without its limits on time and money: what given nodes do does not depend on these."""
        return replace(self.problem, deadline_seconds=0, budget_usd=None, on_time=None, objective="cost")

    def serial(self, stage: int) -> float:
        """Seconds after which a stage is over even on a single lane: no length above it is of use."""
        return sum(
            one.jobs * max(p.seconds for _, p in here)
            for one, here in zip(self.classes, self.places, strict=True)
            if one.stage == stage
        )


def survey(problem: CapacityProblem) -> Terrain:
    """Work out the kinds of room. A class with jobs must have a placement (``pose`` has seen to it)."""
    classes = tuple(one for one in problem.classes if one.jobs)
    kinds: list[Kind] = []
    places: list[list[tuple[int, Placement]]] = [[] for _ in classes]
    for index, pool in enumerate(problem.pools):
        if pool.gpu is None:
            kinds.append(Kind(index, CPU_SLOT, ((NODE, 1),), pool.cpu, pool.memory_mib))
            for row, one in enumerate(classes):
                places[row] += [(len(kinds) - 1, p) for p in one.placements if p.pool == pool.name]
            continue
        # Slots of one name may have different shares of the node in different patterns; those into which the same
        # classes fit are one kind.
        alike: dict[tuple[str, tuple[int, ...]], list[tuple[str, int]]] = {}
        share: dict[tuple[str, tuple[int, ...]], tuple[int, int]] = {}
        for pattern in pool.patterns:
            for slot, count in pattern.slots:
                inside = tuple(
                    row
                    for row, one in enumerate(classes)
                    if one.cores <= pattern.cores_per_slot
                    and one.memory_mib <= pattern.memory_mib_per_slot
                    and any(p.pool == pool.name and p.slot == slot for p in one.placements)
                )
                if inside:
                    alike.setdefault((slot, inside), []).append((pattern.name, count))
                    least = share.get((slot, inside), (pattern.cores_per_slot, pattern.memory_mib_per_slot))
                    share[slot, inside] = (
                        min(least[0], pattern.cores_per_slot),
                        min(least[1], pattern.memory_mib_per_slot),
                    )
        for (slot, inside), counts in alike.items():
            kinds.append(Kind(index, slot, tuple(counts), *share[slot, inside]))
            for row in inside:
                places[row] += [
                    (len(kinds) - 1, p) for p in classes[row].placements if p.pool == pool.name and p.slot == slot
                ]
    return Terrain(problem, classes, tuple(kinds), tuple(tuple(here) for here in places))
