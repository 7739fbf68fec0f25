"""A pilot: a few jobs of each class, run before the night so that the plan need not guess.

The largest, the median and the smallest job of a class, and more between them, with whatever they rest on. Their
results are results: the night finds them in the store. One job of each class runs before the others and is not
measured: it loads libraries, and what they compile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.runtime import events

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.runtime.ledger import Ledger

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


QUICK_SECONDS = 0.2
"""Of quick jobs as many are sampled as take so long: three of a microsecond measure the call around them."""
MOST_QUICK = 500


@dataclass(frozen=True, slots=True)
class Pilot:
    """``sampled`` jobs by class code, ``warming`` ones to run before them, and ``carried`` ones that either rest on and
    the store lacks."""

    sampled: dict[int, NDArray[np.int64]]
    warming: NDArray[np.int64]
    carried: NDArray[np.int64]

    @property
    def jobs(self) -> NDArray[np.int64]:
        listed = [self.carried, self.warming, *self.sampled.values()]
        return np.unique(np.concatenate(listed)).astype(np.int64)


def sample_of(least: int, seconds: float) -> int:
    """Jobs to sample of a class whose jobs take so long: at least ``least``, and more of quick ones."""
    return max(least, min(int(QUICK_SECONDS / max(seconds, 1e-9)), MOST_QUICK))


def choose(ledger: Ledger, models: NDArray[np.bool_], sample: Callable[[int], int], without: Collection[int]) -> Pilot:
    """Jobs for a pilot of the masked models, ``sample`` of each class if it has as many.

    None of them is or rests on a class ``without``. Classes with more jobs than that spare one to warm up with.
    """
    graph = ledger.graph
    missing = np.zeros(len(graph), dtype=bool)
    missing[ledger.missing()] = True
    barred = _barred(ledger, missing, without)
    open_ = np.flatnonzero(missing & ~barred & models[graph.model])
    sampled, warming = {}, []
    for code in map(int, np.unique(graph.klass[open_])):
        here = open_[graph.klass[open_] == code]
        by_size = here[np.lexsort((here, graph.end[here] - graph.start[here]))]
        if len(by_size) > sample(code):
            # Neither the largest nor the smallest, which the sample is to have.
            warming.append(by_size[len(by_size) // 3])
            by_size = np.delete(by_size, len(by_size) // 3)
        sampled[code] = by_size[_spaced(len(by_size), sample(code))]
    warm = np.array(warming, dtype=np.int64)
    chosen = np.concatenate([warm, *sampled.values()])
    return Pilot(sampled, warm, carried(ledger, missing, chosen))


def _spaced(jobs: int, sample: int) -> NDArray[np.int64]:
    """Places of a sample, evenly from the smallest to the largest; of one, the largest."""
    if sample == 1 or jobs == 1:
        return np.array([jobs - 1], dtype=np.int64)
    return np.unique(np.rint(np.linspace(0, jobs - 1, min(sample, jobs))).astype(np.int64))


def _barred(ledger: Ledger, missing: NDArray[np.bool_], without: Collection[int]) -> NDArray[np.bool_]:
    """Jobs of classes ``without``, and those that rest on a missing one of them. Parents come before their children."""
    graph = ledger.graph
    barred = missing & np.isin(graph.klass, list(without))
    if barred.any():
        for job in np.flatnonzero(missing):
            barred[job] |= bool(barred[ledger.first[graph.parents(int(job))]].any())
    return barred


def carried(ledger: Ledger, missing: NDArray[np.bool_], chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Missing jobs that the chosen ones rest on, all the way down."""
    found: set[int] = set()
    todo, known = chosen.tolist(), set(chosen.tolist())
    while todo:
        for parent in ledger.first[ledger.graph.parents(todo.pop())].tolist():
            if missing[parent] and parent not in known:
                known.add(parent)
                found.add(parent)
                todo.append(parent)
    return np.array(sorted(found), dtype=np.int64)


@dataclass(slots=True)
class Growth:
    """Listens to a run in this process: by how much its memory grew at most in the bundles of each class, in MiB.

    Keys are universe, group, family and task. Empty where the system does not say (it is Linux that does).
    """

    mib: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    _before: int | None = None

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.BundleStarted):
            _reset_peak()
            self._before = _status_mib("VmRSS:")
        elif isinstance(event, events.BundleDone):
            key, peak = (event.universe, event.group, event.family, event.task), _status_mib("VmHWM:")
            if peak is not None and self._before is not None:
                self.mib[key] = max(self.mib.get(key, 0), peak - self._before)


def _reset_peak() -> None:
    try:
        _RESET.write_text("5")
    except OSError:
        return


def _status_mib(name: str) -> int | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(name)), None)
    return None if found is None else -(-int(found.split()[1]) // 1024)
