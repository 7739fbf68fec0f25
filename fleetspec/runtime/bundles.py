"""Bundles: jobs of one class cut into pieces of a second or a few of predicted work, in the turns of the plan's lanes.

Measured against one task per fit and fixed chunks, a second of work per call keeps dispatch below a percent of the
work. Towards the end of a stage pieces shrink, so that no worker waits long for the last one: each is half of an even
share of what is left (factoring, Hummel, Schonberg and Flynn 1992), and none reaches beyond the end that all would have
if every prediction were right.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.planner.problem import CPU_SLOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.planner.plans import Lane, Plan
    from fleetspec.runtime.ledger import Ledger

TARGET_SECONDS, MOST_SECONDS = 1.0, 4.0
PLENTY = 100
"""Bundles of an even share each from which on they may be longer than the target: what is lost with a worker, and how
fine the end is, stays as it was, and there are fewer files."""
SMALLEST_SECONDS = 0.05
LARGEST_BUNDLE = 2000
UNPLANNED_SECONDS = 0.01
"""Predicted seconds of a job the plan has no lane for (it was reused when planned, and is missing now)."""


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """What a worker must hold to run a job as planned. ``gpu`` is the GPU's name in the catalog, '' on CPUs."""

    pool: str
    slot: str
    gpu: str
    cores: int
    memory_mib: int

    @property
    def on_gpu(self) -> bool:
        return self.slot != CPU_SLOT

    def __str__(self) -> str:
        return f"{self.pool} {self.slot}" if self.on_gpu else self.pool


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """Jobs of one class for one worker call. ``name`` is the stem of its segments, a digest of its jobs.

    ``parents`` are the stems of the segments its jobs read from; ``seconds`` is the predicted work. ``together``
    allows one call for all jobs; after the death of a worker in such a call they run one by one. ``holes`` are windows
    that evaluations do without, by the digest of the forecasts, and the reasons why.
    """

    name: str
    klass: int
    jobs: NDArray[np.int64]
    need: Need
    seconds: float
    parents: tuple[str, ...]
    together: bool = True
    holes: Mapping[bytes, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.jobs)


def make_bundle(ledger: Ledger, klass: int, jobs: NDArray[np.int64], need: Need, seconds: float) -> Bundle:
    hasher = hashlib.blake2b(digest_size=12)
    hasher.update(np.ascontiguousarray(ledger.graph.digest[jobs]).tobytes())
    segments = ledger.parent_segments(jobs)
    return Bundle(hasher.hexdigest(), klass, jobs, need, seconds, segments, holes=ledger.holes(jobs))


def part_of(bundle: Bundle, ledger: Ledger, jobs: NDArray[np.int64]) -> Bundle:
    """Some of a bundle's jobs, as a bundle of their own."""
    part = make_bundle(ledger, bundle.klass, jobs, bundle.need, bundle.seconds * len(jobs) / max(len(bundle), 1))
    return replace(part, together=bundle.together)


def lanes_of(plan: Plan) -> dict[str, list[Lane]]:
    """The plan's lanes by class name, those with the most jobs first."""
    lanes: dict[str, list[Lane]] = {}
    for lane in plan.lanes:
        lanes.setdefault(lane.klass, []).append(lane)
    return {name: sorted(found, key=lambda lane: (-lane.jobs, lane.pool, lane.slot)) for name, found in lanes.items()}


def seconds_by_class(graph: JobGraph, plan: Plan) -> list[float]:
    """Predicted seconds of a job, by class: the mean over the plan's lanes."""
    lanes, each = lanes_of(plan), []
    for klass in graph.classes:
        planned = lanes.get(klass.name, [])
        jobs = sum(lane.jobs for lane in planned)
        seconds = sum(lane.jobs * lane.seconds_per_job for lane in planned)
        each.append(seconds / jobs if jobs else UNPLANNED_SECONDS)
    return each


def cut(
    ledger: Ledger,
    plan: Plan,
    jobs: NDArray[np.int64],
    width: Callable[[Need], int],
    place: Callable[[Need], Hashable] = lambda need: (need.slot, need.gpu),
) -> list[Bundle]:
    """Bundles of ``jobs`` (released together), in the turns of the plan's lanes. ``width`` is how many workers a need
    gets, ``place`` tells needs apart that different workers meet.

    A class that the plan gives several lanes is split in their proportion.
    """
    graph, lanes, gpus = ledger.graph, lanes_of(plan), {line.pool: line.gpu or "" for line in plan.pools}
    ranked: list[tuple[int, tuple[float, int, Need, NDArray[np.int64]]]] = []
    for klass in np.unique(graph.klass[jobs]):
        here = _by_parent(ledger, jobs[graph.klass[jobs] == klass])
        description = graph.classes[int(klass)]
        profile = _profile(graph, int(here[0]))
        planned = lanes.get(description.name, [])
        for lane, share in _shares(planned, len(here)):
            mine, here = here[:share], here[share:]
            if not len(mine):
                continue
            pool, slot, seconds = (
                ("", CPU_SLOT, UNPLANNED_SECONDS) if lane is None else (lane.pool, lane.slot, lane.seconds_per_job)
            )
            need = Need(pool, slot, gpus.get(pool, ""), profile[0], profile[1])
            ranked.append((0 if lane is None else lane.turn, (seconds, int(klass), need, mine)))
    # Heaviest single jobs of a turn first: a long job begun last is a tail nobody can help with.
    ranked.sort(key=lambda one: (one[0], -one[1][0], one[1][1]))
    parts = [part for _, part in ranked]
    crews: dict[Hashable, list[int]] = {}
    for number, (_, _, need, _) in enumerate(parts):
        crews.setdefault(place(need), []).append(number)
    counts: dict[int, list[int]] = {}
    for numbers in crews.values():
        workers = min(width(parts[number][2]) for number in numbers)
        dealt = sizes([(len(parts[number][3]), parts[number][0]) for number in numbers], workers)
        counts |= dict(zip(numbers, dealt, strict=True))
    return [
        make_bundle(ledger, code, part, need, seconds * len(part))
        for number, (seconds, code, need, mine) in enumerate(parts)
        for part in np.split(mine, np.cumsum(counts[number])[:-1])
    ]


def sizes(parts: Sequence[tuple[int, float]], workers: int) -> list[list[int]]:
    """How many jobs each bundle of each part holds, in the order in which they are handed out to ``workers``. A part is
    a number of jobs and the seconds that each takes.

    A bundle is half of an even share of what is left: a second at most, or up to four where the whole is long, and a
    twentieth of one at least. It ends when all could end: a worker that would be left with less than half of that until
    then takes it too.
    """
    parts = [(jobs, max(seconds, 1e-6)) for jobs, seconds in parts]
    left = sum(jobs * seconds for jobs, seconds in parts)
    longest = max((seconds for _, seconds in parts), default=0.0)
    end = max(left / workers, longest)
    most = min(max(left / workers / PLENTY, TARGET_SECONDS), MOST_SECONDS)
    free, dealt = [0.0] * workers, []
    for number, (jobs, seconds) in enumerate(parts):
        last, counts = number == len(parts) - 1, []
        while jobs:
            wanted = most
            if workers > 1:
                wanted, room = min(max(left / (2 * workers), SMALLEST_SECONDS), most), end - free[0]
                if room - wanted < SMALLEST_SECONDS / 2:
                    # What lighter jobs can fill is left to them; the last ones leave nothing.
                    wanted = min(room + (seconds - 1e-9 if last else 0.0), most)
            count = min(max(int(wanted / seconds + 1e-9), 1), LARGEST_BUNDLE, jobs)
            counts.append(count)
            jobs -= count
            left -= count * seconds
            heapq.heapreplace(free, free[0] + count * seconds)
        dealt.append(counts)
    return dealt


def makespan(seconds: Iterable[float], workers: int) -> float:
    """When the last of the pieces of work ends that ``workers`` take from a list one after the other, each as soon as
    it is free (Graham 1966)."""
    free = [0.0] * workers
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def _shares(lanes: list[Lane], jobs: int) -> Iterable[tuple[Lane | None, int]]:
    """Jobs per lane in proportion to the plan's; the last lane takes what rounding leaves."""
    if not lanes:
        return [(None, jobs)]
    total = sum(lane.jobs for lane in lanes) or 1
    counts = [jobs * lane.jobs // total for lane in lanes]
    counts[-1] += jobs - sum(counts)
    return list(zip(lanes, counts, strict=True))


def _by_parent(ledger: Ledger, jobs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Jobs whose parents lie in the same segment next to each other: a bundle then reads few files."""
    graph = ledger.graph
    ptr = graph.parent_ptr
    has = ptr[jobs + 1] > ptr[jobs]
    of = np.full(len(jobs), -1, dtype=np.int64)
    of[has] = ledger.segment[ledger.first[graph.parent_index[ptr[jobs[has]]]]]
    return jobs[np.lexsort((jobs, of))]


def _profile(graph: JobGraph, job: int) -> tuple[int, int]:
    models = graph.models
    profile = models.settings[int(models.setting[int(graph.model[job])])].family.profile
    return profile.cores, profile.memory_mib
