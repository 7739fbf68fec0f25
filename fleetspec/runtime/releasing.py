"""What of a run may begin when: stage by stage or, where the plan lets stages overlap, class by class.

A class is released when every job of the classes it reads from is settled or left out. Of what is released, bundles for
CPUs of one size run side by side: workers of one size fill the CPUs of a node, so those of another size wait until
these are over; GPU bundles hold other nodes and wait for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.runtime.ledger import State

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.planner.plans import Plan
    from fleetspec.runtime.bundles import Bundle, Need
    from fleetspec.runtime.ledger import Ledger
    from fleetspec.runtime.workload import Station

    Jobs = NDArray[np.int64]

_CHUNK = 4096


@dataclass(eq=False)
class _Open:
    """Jobs, of which the first ``over`` are known to be settled: each is looked at once and a few times more."""

    jobs: Jobs
    over: int = 0

    def done(self, settled: Callable[[Jobs], NDArray[np.bool_]]) -> bool:
        while self.over < len(self.jobs):
            here = settled(self.jobs[self.over : self.over + _CHUNK])
            if not here.all():
                self.over += int(np.argmin(here))
                return False
            self.over += len(here)
        return True


@dataclass(eq=False)
class _Unit:
    """Jobs released together: those of a stage or of a class. ``waits`` are the numbers of others."""

    number: int
    stage: int
    waits: frozenset[int]
    open: _Open


@dataclass(eq=False)
class Releases:
    """Releases jobs of ``missing`` (jobs,) as the plan allows. ``left`` marks jobs that do not run any more; it is read
    anew each time, as the states of the ledger are."""

    ledger: Ledger
    plan: Plan
    missing: Jobs
    left: NDArray[np.bool_]
    station: Callable[[Need], Station]
    _sizes: dict[int, list[Bundle]] = field(default_factory=dict)
    _gpu: list[Bundle] = field(default_factory=list)
    _running: list[_Open] = field(default_factory=list)
    _cores: int = 0

    def __post_init__(self) -> None:
        graph = self.ledger.graph
        stage = np.array([klass.stage for klass in graph.classes], dtype=np.int64)
        self.stages = int(stage[graph.klass[self.missing]].max(initial=-1)) + 1
        codes = graph.klass if self.plan.overlap is not None else stage[graph.klass]
        mine = codes[self.missing]
        self._closed: set[int] = set()
        self._released: list[_Unit] = []
        self._waiting: list[_Unit] = []
        for number in map(int, np.unique(mine)):
            at, before = number, frozenset(range(number))
            if self.plan.overlap is not None:
                at, before = int(stage[number]), frozenset(graph.reads[number])
            waits = before & frozenset(map(int, np.unique(mine)))
            self._waiting.append(_Unit(number, at, waits, _Open(self.missing[mine == number])))

    @property
    def stage(self) -> int:
        """The first stage of which something is not over."""
        return min((unit.stage for unit in (*self._released, *self._waiting)), default=max(self.stages - 1, 0))

    def fresh(self) -> list[tuple[int, Jobs]]:
        """What may begin now and might not before: number of the class or stage, and its jobs that are to run."""
        over = [unit for unit in self._released if unit.open.done(self._settled)]
        self._closed |= {unit.number for unit in over}
        self._released = [unit for unit in self._released if unit not in over]
        found = [unit for unit in self._waiting if unit.waits <= self._closed]
        self._waiting = [unit for unit in self._waiting if unit not in found]
        self._released += found
        return [(unit.number, unit.open.jobs[~self._settled(unit.open.jobs)]) for unit in found]

    def queue(self, bundles: Sequence[Bundle]) -> None:
        """Bundles of what was released, in order."""
        for bundle in bundles:
            station = self.station(bundle.need)
            mine = self._gpu if station.device == "cuda" else self._sizes.setdefault(station.cores, [])
            mine.append(bundle)

    def next(self) -> list[Bundle]:
        """Those of the queue that may be handed out now."""
        found, self._gpu = self._gpu, []
        self._running = [each for each in self._running if not each.done(self._settled)]
        if not self._running:
            self._cores = max(self._sizes, default=0)
        mine = self._sizes.pop(self._cores, [])
        if mine:
            self._running.append(_Open(np.concatenate([bundle.jobs for bundle in mine])))
        return [*found, *mine]

    def drained(self) -> None:
        """Nothing is queued or running any more, whatever became of it."""
        self._running.clear()
        if not self._sizes:
            self._closed |= {unit.number for unit in self._released}
            self._released.clear()

    def _settled(self, jobs: Jobs) -> NDArray[np.bool_]:
        over: NDArray[np.bool_] = (self.ledger.state[jobs] != State.MISSING) | self.left[jobs]
        return over
