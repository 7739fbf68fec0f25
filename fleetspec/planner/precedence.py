"""Which classes wait for which, and what follows from it for the times at which they can run.

Sets of classes are bit masks over the rows of the classes that have jobs: bit r is row r.

*Milestones* are what a lower bound knows of precedence. Take sets S_1 ⊂ S_2 ⊂ … ⊂ S_d of classes, and let m_p be the
moment at which the last class of S_p has ended: m_1 ≤ m_2 ≤ … cut the time into phases, whatever the plan. A class of
S_p ends by m_p; one that waits for all of S_q begins after m_q. So it runs in phases q + 1 to p and in no others. Where
stages are barriers, sets of whole stages leave each class one phase, its stage. Any sets do; those worth a look are
what some classes wait for in common (the closed sets of formal concept analysis, Ganter and Wille 1999), because any
other set knows less than the least closed one that holds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from fleetspec.planner.problem import DemandClass

MOST_SETS = 120
"""Closed sets looked at; what classes wait for comes first, what they wait for in common after that."""
MOST_CHAINS = 6
"""Rows of milestones kept: each is a part of the program of the bound."""

Windows = tuple[tuple[int, int], ...]
"""By row the first and the last phase, from 0 on, in which a class can run."""


@dataclass(frozen=True)
class Precedence:
    """The classes with jobs. ``before`` is by row the set of all rows that must have ended before; ``stage`` by row."""

    before: tuple[int, ...]
    stage: tuple[int, ...]

    @cached_property
    def blocks(self) -> tuple[tuple[int, ...], ...]:
        """Stages that may overlap, together: everything of a block waits for everything of the blocks before."""
        stages = sorted(set(self.stage))
        blocks: list[list[int]] = []
        for at, stage in enumerate(stages):
            done = sum(1 << row for row, s in enumerate(self.stage) if s < stage)
            later = [row for row, s in enumerate(self.stage) if s >= stage]
            if at == 0 or all(self.before[row] & done == done for row in later):
                blocks.append([])
            blocks[-1].append(stage)
        return tuple(map(tuple, blocks))

    @cached_property
    def overlaps(self) -> bool:
        """Whether any two stages may overlap."""
        return any(len(block) > 1 for block in self.blocks)

    @cached_property
    def waiting(self) -> tuple[tuple[int, ...], ...]:
        """By row the rows that wait for it."""
        rows = range(len(self.before))
        return tuple(tuple(j for j in rows if self.before[j] >> row & 1) for row in rows)

    def windows(self, chain: tuple[int, ...]) -> Windows:
        """In which phases each class can run, of the milestones of growing sets; one phase more than sets."""
        found = []
        for row, before in enumerate(self.before):
            first = max((p + 1 for p, s in enumerate(chain) if before & s == s), default=0)
            last = min((p for p, s in enumerate(chain) if s >> row & 1), default=len(chain))
            found.append((first, last))
        return tuple(found)

    @cached_property
    def sets(self) -> tuple[int, ...]:
        """What classes wait for, and what several of them wait for in common; none is empty."""
        found = dict.fromkeys(sorted({before for before in self.before if before}))
        fresh = list(found)
        while fresh and len(found) < MOST_SETS:
            one = fresh.pop(0)
            for other in tuple(found):
                both = one & other
                if both and both not in found and len(found) < MOST_SETS:
                    found[both] = None
                    fresh.append(both)
        return tuple(sorted(found, key=lambda s: (s.bit_count(), s)))

    def chains(self, least: tuple[float, ...]) -> tuple[tuple[int, ...], ...]:
        """Rows of growing sets that say most; ``least`` is by row how long a class takes at least.

        For each set the row through it on which classes that must follow each other take longest; of these rows the
        longest. ((),) where nothing waits.
        """
        sets = self.sets
        slowest = sorted(range(len(least)), key=lambda row: (-least[row], row))
        every = (1 << len(least)) - 1

        def step(inner: int, outer: int) -> float:
            """What surely lies between two milestones: the longest of ``outer`` that waits for ``inner``."""
            return next((least[r] for r in slowest if outer >> r & 1 and self.before[r] & inner == inner), 0.0)

        above = [[at for at, other in enumerate(sets) if other != one and one & other == one] for one in sets]
        ahead = _Best([(step(one, every), 1, None) for one in sets])
        behind = _Best([(step(0, one), 1, None) for one in sets])
        for at in reversed(range(len(sets))):
            for outer in above[at]:
                ahead.offer(at, step(sets[at], sets[outer]), outer)
        for at in range(len(sets)):
            for outer in above[at]:
                behind.offer(outer, step(sets[at], sets[outer]), at)
        through = {}
        for at in range(len(sets)):
            row = tuple(sets[i] for i in (*reversed(behind.path(at)), *ahead.path(at)[1:]))
            through[row] = behind.known[at][0] + ahead.known[at][0]
        ranked = sorted(through, key=lambda row: (-through[row], -len(row), row))
        return tuple(ranked[:MOST_CHAINS]) or ((),)


class _Best:
    """By set the best row of sets to one side of it: what lies on it, how many sets it has, and the next of them."""

    def __init__(self, known: list[tuple[float, int, int | None]]) -> None:
        self.known = known

    def offer(self, at: int, step: float, beyond: int) -> None:
        """A way over another set, whose own best row is known."""
        value, count, _ = self.known[beyond]
        if (step + value, count + 1) > self.known[at][:2]:
            self.known[at] = (step + value, count + 1, beyond)

    def path(self, at: int) -> list[int]:
        """The row from a set on."""
        found: list[int] = []
        here: int | None = at
        while here is not None:
            found.append(here)
            here = self.known[here][2]
        return found


def precedence(classes: tuple[DemandClass, ...]) -> Precedence:
    """The order of the classes that have jobs. One that has none has its results: nobody waits for what it read."""
    listed = [one for one in classes if one.jobs]
    rows = {one.name: row for row, one in enumerate(listed)}
    every: dict[str, int] = {}
    for one in sorted(listed, key=lambda one: one.stage):
        names = [other.name for other in listed if other.stage < one.stage] if one.after is None else one.after
        mask = 0
        for name in names:
            if name in every:
                mask |= every[name] | 1 << rows[name]
        every[one.name] = mask
    return Precedence(tuple(every[one.name] for one in listed), tuple(one.stage for one in listed))
