"""Bundles: jobs of one class cut into pieces of about a second of predicted work, heaviest class first.

Measured against one task per fit and fixed chunks, a second of work per call keeps dispatch below a percent of the
work. Towards the end of a stage pieces shrink, so that no worker waits long for the last one: each is half of an even
share of what is left (factoring, Hummel, Schonberg and Flynn 1992).
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.planner.problem import CPU_SLOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.planner.plans import Lane, Plan
    from fleetspec.runtime.ledger import Ledger

TARGET_SECONDS = 1.0
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


def cut(ledger: Ledger, plan: Plan, jobs: NDArray[np.int64], width: Callable[[Need], int]) -> list[Bundle]:
    """Bundles of ``jobs`` (of one stage), the heaviest classes first. ``width`` is how many workers a need gets.

    A class that the plan gives several lanes is split in their proportion.
    """
    graph, lanes, gpus = ledger.graph, lanes_of(plan), {line.pool: line.gpu or "" for line in plan.pools}
    parts: list[tuple[float, int, Need, NDArray[np.int64]]] = []
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
            parts.append((seconds, int(klass), need, mine))
    # Heaviest single jobs first: a long job begun last is a tail nobody can help with.
    parts.sort(key=lambda part: (-part[0], part[1]))
    left: dict[tuple[str, str], float] = {}
    for seconds, _, need, mine in parts:
        left[need.slot, need.gpu] = left.get((need.slot, need.gpu), 0.0) + seconds * len(mine)
    bundles: list[Bundle] = []
    for seconds, code, need, mine in parts:
        counts = sizes(len(mine), seconds, width(need), left[need.slot, need.gpu])
        left[need.slot, need.gpu] -= seconds * len(mine)
        for part in np.split(mine, np.cumsum(counts)[:-1]):
            bundles.append(make_bundle(ledger, code, part, need, seconds * len(part)))
    return bundles


def sizes(jobs: int, seconds: float, workers: int, left: float) -> list[int]:
    """How many jobs each bundle holds, in the order in which they are handed out, of ``jobs`` that take ``seconds``
    each. ``left`` are the seconds of work of the stage from the first of them on.

    A bundle is half of what an even share of the rest would be: a second at most, a twentieth of one at least.
    """
    seconds, counts = max(seconds, 1e-6), []
    while jobs:
        share = left / (2 * workers) if workers > 1 else TARGET_SECONDS
        wanted = min(max(share, SMALLEST_SECONDS), TARGET_SECONDS)
        counts.append(min(max(int(wanted / seconds + 1e-9), 1), LARGEST_BUNDLE, jobs))
        jobs -= counts[-1]
        left -= counts[-1] * seconds
    return counts


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
