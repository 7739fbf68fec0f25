"""What a run counts while it goes on: how far it and each of its groups are, when it ends, and its slowest jobs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.runtime.ledger import State

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.runtime.degrading import Degrader
    from fleetspec.runtime.ledger import Ledger
    from fleetspec.runtime.worker import Receipt

_EVERY_SECONDS = 1.0
_SLOWEST = 5


@dataclass(frozen=True, slots=True)
class GroupProgress:
    """``done`` of a group's ``total`` missing jobs are settled, ``quarantined`` of them without a result."""

    name: str
    done: int
    total: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. ``done`` of ``total`` missing jobs are settled, ``quarantined`` of them without a result;
    ``busy_seconds`` are seconds inside jobs so far, ``wall_seconds`` since the run began.

    ``groups`` and ``end_seconds``, when the run ends at its pace so far, are at most a second old; the latter is None
    before that can be said. ``deadline_seconds`` is the plan's. Both count from the run's start.
    """

    run: str
    stage: int
    stages: int
    done: int
    total: int
    quarantined: int
    busy_seconds: float
    wall_seconds: float
    groups: tuple[GroupProgress, ...] = ()
    end_seconds: float | None = None
    deadline_seconds: float = 0.0


COUNTS = ("stage", "stages", "done", "total", "quarantined", "busy_seconds", "wall_seconds")
"""The fields of :class:`Progress` that events have too."""


@dataclass(frozen=True, slots=True)
class Slow:
    """One of the slowest jobs of a run: what it was, where it ran, and its seconds."""

    address: str
    task: str
    window: int
    device: str
    seconds: float


class Tally:
    """Counts for one run of ``missing`` jobs. What is counted over all jobs is looked at once a second."""

    def __init__(self, ledger: Ledger, missing: NDArray[np.int64], degrader: Degrader) -> None:
        graph = ledger.graph
        self._ledger, self._missing, self._degrader = ledger, missing, degrader
        self.names = sorted({klass.group for klass in graph.classes})
        code = {name: i for i, name in enumerate(self.names)}
        self._group = np.array([code[klass.group] for klass in graph.classes], dtype=np.int64)[graph.klass[missing]]
        self._looked = -_EVERY_SECONDS
        self._groups: tuple[GroupProgress, ...] = ()
        self._end: float | None = None
        self._slowest: list[tuple[float, int, str]] = []

    def receive(self, receipt: Receipt) -> None:
        for row in receipt.rows:
            one = row.seconds, row.job, row.device
            if len(self._slowest) < _SLOWEST or one > self._slowest[-1]:
                self._keep(one)

    def _keep(self, one: tuple[float, int, str]) -> None:
        """Jobs of one call have equal seconds: of a model's windows the slowest stands for all."""
        graph = self._ledger.graph
        kind = graph.model[one[1]], graph.task[one[1]]
        others = [kept for kept in self._slowest if (graph.model[kept[1]], graph.task[kept[1]]) != kind]
        mine = max([one, *(kept for kept in self._slowest if kept not in others)])
        self._slowest = sorted([*others, mine], reverse=True)[:_SLOWEST]

    def slowest(self) -> tuple[Slow, ...]:
        """The jobs that took longest, the longest first; of a model's jobs of one task the slowest."""
        graph = self._ledger.graph
        return tuple(
            Slow(
                address=graph.address(int(graph.model[job])),
                task=graph.classes[int(graph.klass[job])].task.label,
                window=int(graph.window[job]),
                device=device,
                seconds=seconds,
            )
            for seconds, job, device in sorted(self._slowest, key=lambda one: (-one[0], one[1]))
        )

    def look(self, wall: float, startup: float, last: bool = False) -> tuple[tuple[GroupProgress, ...], float | None]:
        """How far each group is, and when the run ends; ``last`` looks whenever that was done before."""
        if last or time.monotonic() - self._looked >= _EVERY_SECONDS:
            self._looked = time.monotonic()
            self._groups, self._end = self._counted(), self._degrader.predicted(wall, startup)
        return self._groups, self._end

    def _counted(self) -> tuple[GroupProgress, ...]:
        state, left = self._ledger.state[self._missing], self._degrader.left[self._missing]
        total, done, wrong = (
            np.bincount(self._group[here], minlength=len(self.names)).tolist()
            for here in (~left, state != State.MISSING, state == State.QUARANTINED)
        )
        rows = zip(self.names, done, total, wrong, strict=True)
        return tuple(GroupProgress(*row) for row in rows if row[2])
