"""When nodes are up and who pays for them: the nodes of one pool and pattern over a whole run.

A class calls as many nodes as its stage has of them: those that are not up boot. They are kept until the last of its
jobs there has ended and given back when they have been idle for ``IDLE_SECONDS``; a class that calls before that takes
them over, else nodes boot again. They are paid from boot until they are given back or the run ends.

Nodes are numbered, and a stage with n nodes has those below n: so all between two numbers of nodes that stages have are
alike, a *band*.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fleetspec.planner.formulation import IDLE_SECONDS

NodeKey = tuple[int, str]
"""Pool and pattern."""
Spans = list[tuple[tuple[int, ...], float, float]]
"""Stages that may overlap, from when on and until when."""


@dataclass(slots=True)
class Shift:
    """From boot until given back."""

    begin: float
    until: float


@dataclass(slots=True)
class Busy:
    """A stage on a group: released, last job ended, and seconds of its jobs."""

    start: float
    end: float
    work: float


class Group:
    """Nodes of one pool and pattern; ``nodes`` by stage."""

    def __init__(self, nodes: dict[int, int], boot: float) -> None:
        self.nodes, self.boot = nodes, boot
        self.edges = sorted(set(nodes.values()))
        self.sizes = [high - low for low, high in pairwise([0, *self.edges])]
        self.shifts: list[list[Shift]] = [[] for _ in self.edges]
        self.booted: dict[int, int] = defaultdict(int)
        self.busy: dict[int, Busy] = {}
        self.up: NDArray[np.float64] = np.zeros(max(self.edges))
        """When each node last began to work."""

    def call(self, stage: int, moment: float) -> None:
        """Have the stage's nodes up, or booting, from ``moment`` on."""
        for band, edge in enumerate(self.edges):
            shifts = self.shifts[band]
            if edge <= self.nodes[stage] and not (shifts and shifts[-1].until >= moment):
                shifts.append(Shift(moment, moment + IDLE_SECONDS))
                self.up[edge - self.sizes[band] : edge] = moment + self.boot
                self.booted[stage] += self.sizes[band]

    def keep(self, stage: int, start: float, end: float, work: float) -> None:
        """Have the stage's nodes until ``end``, the end of a class that was released at ``start``."""
        for band, edge in enumerate(self.edges):
            if edge <= self.nodes[stage]:
                self.shifts[band][-1].until = max(self.shifts[band][-1].until, end + IDLE_SECONDS)
        busy = self.busy.setdefault(stage, Busy(start, end, 0.0))
        busy.start, busy.end, busy.work = min(busy.start, start), max(busy.end, end), busy.work + work


@dataclass(frozen=True, slots=True)
class Paid:
    """A stage's time, and by group its nodes and the node-seconds paid for it."""

    stage: int
    start: float
    end: float
    nodes: dict[NodeKey, int]
    paid: dict[NodeKey, float]


def bill(groups: dict[NodeKey, Group], spans: Spans, end: float) -> list[Paid]:
    """All node-seconds of a run that ends at ``end``, each paid by one stage or shared by several.

    Between barriers they are paid by the stage that runs; where several may, by those that are at work on the node in
    proportion to their work a second, and where none is by all that work on it from boot to boot, by their work.
    """
    found = []
    for stages, begin, until in spans:
        paid: dict[int, dict[NodeKey, float]] = {s: {} for s in stages}
        nodes: dict[int, dict[NodeKey, int]] = {s: {} for s in stages}
        for key, group in groups.items():
            for s, edge, seconds in _pieces(group, stages, begin, until):
                paid[s][key] = paid[s].get(key, 0.0) + seconds
                nodes[s][key] = max(nodes[s].get(key, 0), edge)
        for s in stages:
            busy = [group.busy[s] for group in groups.values() if s in group.busy]
            start = min((one.start for one in busy), default=begin)
            last = max((one.end for one in busy), default=begin)
            found.append(Paid(s, start, last, nodes[s], paid[s]))
    return sorted(found, key=lambda one: one.stage)


def _pieces(group: Group, stages: tuple[int, ...], begin: float, until: float) -> list[tuple[int, int, float]]:
    """(stage, nodes, node-seconds) of a group between two moments; nodes counts from the first on."""
    found = []
    for band, (edge, size) in enumerate(zip(group.edges, group.sizes, strict=True)):
        users = {s: group.busy[s] for s in stages if s in group.busy and group.nodes[s] >= edge}
        for shift in group.shifts[band]:
            here = {s: one for s, one in users.items() if one.start <= shift.until and shift.begin <= one.end}
            low, high = max(shift.begin, begin), min(shift.until, until)
            if high < low or (high == low and not here):
                continue
            marks = {low, high, *(t for one in here.values() for t in (one.start, one.end) if low < t < high)}
            times = sorted(marks)
            for left, right in pairwise(times):
                for s, share in _payers(here, stages, left, right):
                    found.append((s, edge, size * (right - left) * share))
    return found


def _payers(here: dict[int, Busy], stages: tuple[int, ...], left: float, right: float) -> list[tuple[int, float]]:
    if len(stages) == 1:
        return [(stages[0], 1.0)]
    if not here:
        return [(stages[0], 1.0)]
    at_work = {s: one for s, one in here.items() if one.start <= left and right <= one.end}
    pace = {s: max(one.work, 1e-12) / max(one.end - one.start, 1e-12) for s, one in at_work.items()}
    weights = pace or {s: max(one.work, 1e-12) for s, one in here.items()}
    return [(s, each / sum(weights.values())) for s, each in weights.items()]


def most_at_once(groups: dict[NodeKey, Group], end: float) -> dict[int, int]:
    """By pool the most nodes that are up or boot at one time."""
    changes: dict[int, list[tuple[float, int, int]]] = defaultdict(list)
    for (k, _), group in groups.items():
        for band, size in enumerate(group.sizes):
            for shift in group.shifts[band]:
                # What is given back makes room before another boots.
                changes[k] += [(shift.begin, 1, size), (min(shift.until, end), 0, -size)]
    found = {}
    for k, listed in changes.items():
        now = most = 0
        for _, _, step in sorted(listed):
            now += step
            most = max(most, now)
        found[k] = most
    return found
