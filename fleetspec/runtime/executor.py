"""Executors: whatever can run bundles. The protocol, and the one that runs them in this process."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fleetspec.runtime.worker import Receipt, run_bundle
from fleetspec.runtime.workload import Station

if TYPE_CHECKING:
    from fleetspec.runtime.bundles import Bundle, Need
    from fleetspec.runtime.request import RunRequest
    from fleetspec.runtime.workload import Workload


@dataclass(frozen=True, slots=True)
class Death:
    """A worker died in a bundle. ``position`` is the job it was at, ``worker.TOGETHER`` where it ran all of them in
    one call, None where it had not begun one."""

    bundle: Bundle
    position: int | None
    cause: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A bundle could not be run for a reason outside its jobs: nothing of it is in the store."""

    bundle: Bundle
    cause: str


@dataclass(frozen=True, slots=True)
class Started:
    """A bundle was handed to a worker."""

    bundle: Bundle


Event = Receipt | Death | Fault | Started


class Executor(Protocol):
    """Runs bundles with the workload it was made with. ``cores`` is how many it may use at a time."""

    name: str
    cores: int

    def station(self, need: Need) -> Station:
        """Where a need is met; raises Rejected (FS503) when it cannot be within the executor's patience."""
        ...

    def width(self, need: Need) -> int:
        """How many bundles of this need run at a time."""
        ...

    def submit(self, bundles: Iterable[Bundle]) -> None:
        """Queue bundles, to be started in this order. May be called while events are read."""
        ...

    def withdraw(self, rest: Callable[[Bundle], Bundle | None]) -> None:
        """Put in place of every bundle that is queued what ``rest`` makes of it, nothing where that is None. May be
        called while events are read."""
        ...

    def events(self, stopping: Callable[[], bool]) -> Iterator[Event]:
        """That each bundle was started and what became of it, as it happens, until nothing is queued or running. Once
        ``stopping`` says so, queued bundles are dropped and running ones end early or are given up after a bounded
        wait."""
        ...

    def close(self) -> None: ...


class InlineExecutor:
    """One bundle after the other in this process, on the CPU: for tests, and for machines without ray."""

    name = "inline"
    cores = 1

    def __init__(self, work: Workload) -> None:
        self._work = work
        self._queue: deque[Bundle] = deque()

    def station(self, need: Need) -> Station:
        return Station("cpu", "cpu", "cpu", min(need.cores, os.cpu_count() or 1))

    def width(self, need: Need) -> int:
        return 1

    def submit(self, bundles: Iterable[Bundle]) -> None:
        self._queue.extend(bundles)

    def withdraw(self, rest: Callable[[Bundle], Bundle | None]) -> None:
        self._queue = deque(kept for bundle in self._queue if (kept := rest(bundle)) is not None)

    def events(self, stopping: Callable[[], bool]) -> Iterator[Event]:
        while self._queue and not stopping():
            bundle = self._queue.popleft()
            yield Started(bundle)
            try:
                yield run_bundle(self._work, bundle, self.station(bundle.need), stopping=stopping)
            except Exception as error:
                yield Fault(bundle, f"{type(error).__name__}: {error}")
        self._queue.clear()

    def close(self) -> None:
        self._queue.clear()


def executor_of(request: RunRequest, work: Workload) -> Executor:
    if request.executor == "inline":
        return InlineExecutor(work)
    # Read when ray is imported: its notices of dead workers would otherwise land on stdout, between our data.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    from fleetspec.runtime.on_ray import RayExecutor

    return RayExecutor(work, request.plan, request.cpu_instead, request.patience_seconds)
