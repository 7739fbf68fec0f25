"""Taking jobs out of quarantine: a row in the ledger for each, and the next run finds them missing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleetspec.compiler.jobgraph import Task
from fleetspec.runtime import segments
from fleetspec.runtime.ledger import PARENT, Ledger, State
from fleetspec.runtime.store import DONE, QUARANTINED, RELEASED, Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph

    Mask = NDArray[np.bool_]

_CAUSES = 20


@dataclass(eq=False)
class _Side:
    """One run's graph with its quarantine. ``marked`` are the jobs to release; edges go from parent to child. ``holed``
    are evaluations that were made without a quarantined window: with the window they are made again."""

    graph: JobGraph
    ledger: Ledger
    quarantined: Mask
    inherited: Mask
    parent: NDArray[np.int64]
    child: NDArray[np.int64]
    marked: Mask
    holed: Mask

    @classmethod
    def of(cls, store: Store, graph: JobGraph, models: Mask) -> _Side:
        ledger = Ledger.load(store, graph)
        ledger.spread()
        quarantined = ledger.state == State.QUARANTINED
        inherited = np.zeros(len(graph), dtype=bool)
        below = [job for job, reason in ledger.reasons.items() if reason.startswith(PARENT)]
        inherited[below] = True
        child = np.repeat(np.arange(len(graph)), np.diff(graph.parent_ptr))
        parent = graph.parent_index.astype(np.int64)
        marked = quarantined & models[graph.model]
        holed = np.zeros(len(graph), dtype=bool)
        holed[child[quarantined[parent]]] = True
        holed &= (graph.task == Task.EVALUATE) & (ledger.state == State.DONE)
        return cls(graph, ledger, quarantined, inherited[ledger.first], parent, child, marked, holed)

    def reach_up(self) -> None:
        """Mark whatever a marked job was quarantined for: released alone it would be set aside again at once."""
        while True:
            blamed = self.marked[self.child] & self.inherited[self.child] & self.quarantined[self.parent]
            if not self._mark(self.parent[blamed]):
                return

    def reach_down(self) -> None:
        """Mark whatever was quarantined for a marked job's sake."""
        while True:
            fallen = (self.inherited & self.quarantined) | self.holed
            orphaned = self.marked[self.parent] & fallen[self.child]
            if not self._mark(self.child[orphaned]):
                return

    def leave_searches_that_ended(self) -> int:
        """Unmark trials whose search went on and has a result: what it chose is not undone. Returns how many."""
        settled = np.zeros(len(self.graph), dtype=bool)
        settled[self.parent[self.ledger.state[self.child] == State.DONE]] = True
        left = self.marked & settled & (self.graph.task == Task.TRIAL)
        self.marked &= ~left
        return int(left.sum())

    def _mark(self, jobs: NDArray[np.int64]) -> bool:
        before = int(self.marked.sum())
        self.marked[jobs] = True
        return int(self.marked.sum()) > before


def release(store: Path, selected: Sequence[tuple[JobGraph, Mask]]) -> dict[str, Any]:
    """Take the quarantined jobs of the selected models (a mask per graph of one fleet) out of quarantine.

    With them go the jobs they were quarantined for, and those that were quarantined for them, in every graph given.
    One segment is written, whole or not at all. Raises Rejected (FS502) where a run holds the store.
    """
    place = Store.of(store, selected[0][0].fleet)
    if not place.root.is_dir():
        return _answer(place, [], 0, 0)
    with place.held():
        sides = [_Side.of(place, graph, models) for graph, models in selected]
        asked = len(_digests(sides))
        for side in sides:
            side.reach_up()
        left = sum(side.leave_searches_that_ended() for side in sides)
        _spread_over(sides)
        keys = _digests(sides)
        if len(keys):
            # First these: were it the other way round and this process killed in between, they would stand for good.
            _forget(place, np.concatenate([side.graph.keys[side.marked & side.holed] for side in sides]))
            _write(place, keys)
        return _answer(place, sides, max(len(keys) - asked, 0), left)


def _spread_over(sides: list[_Side]) -> None:
    """What is released in one run's graph is in the others, with what rests on it there."""
    found = -1
    while found != (keys := _digests(sides)).size:
        found = keys.size
        for side in sides:
            side.marked |= (side.quarantined | side.holed) & np.isin(side.graph.keys, keys)
            side.reach_down()


def _digests(sides: list[_Side]) -> NDArray[np.void]:
    marked = [side.graph.keys[side.marked] for side in sides]
    return np.unique(np.concatenate(marked)) if marked else np.zeros(0, dtype="V16")


def _forget(place: Store, keys: NDArray[np.void]) -> None:
    """Take results out of the ledger that did without what is released now."""
    if not len(keys):
        return
    rows = place.ledger_rows()
    wanted = segments.key_array(np.ascontiguousarray(keys).view("u1").reshape(-1, 16))
    holed = pc.and_(pc.equal(rows["state"], DONE), pc.is_in(rows["digest"], value_set=wanted))
    said = hashlib.blake2b(np.sort(keys).tobytes(), digest_size=12).hexdigest()
    place.replace_ledger(f"whole-{said}", rows.filter(pc.invert(holed)))


def _write(place: Store, keys: NDArray[np.void]) -> None:
    rows = place.ledger()
    wanted = segments.key_array(np.ascontiguousarray(keys).view("u1").reshape(-1, 16))
    rows = rows.filter(pc.and_(pc.equal(rows["state"], QUARANTINED), pc.is_in(rows["digest"], value_set=wanted)))
    at = rows.schema.get_field_index("state")
    released = rows.set_column(at, segments.LEDGER.field("state"), pa.array([RELEASED] * len(rows), pa.string()))
    # Named by what it takes back: a name of its own, that does not depend on a clock.
    said = hashlib.blake2b(digest_size=12)
    for digest, run in zip(rows["digest"].to_pylist(), rows["run"].to_pylist(), strict=True):
        said.update(digest + str(run).encode())
    segments.write_segment(place.segment("ledger", f"retry-{said.hexdigest()}"), released)


def _answer(place: Store, sides: list[_Side], beyond: int, left: int) -> dict[str, Any]:
    """Counts over distinct jobs and models, reasons of their own with the first address, and every address."""
    addresses: dict[str, None] = {}
    causes: dict[str, list[str]] = {}
    seen: set[bytes] = set()
    for side in sides:
        models = np.unique(side.graph.model[side.marked])
        addresses.update(dict.fromkeys(side.graph.address(int(model)) for model in models))
        for job in np.flatnonzero(side.marked & ~side.inherited & ~side.holed):
            key = side.graph.digest[job].tobytes()
            if key not in seen:
                seen.add(key)
                address = side.graph.address(int(side.graph.model[job]))
                causes.setdefault(side.ledger.reason(int(job)) or "no reason recorded", []).append(address)
    ranked = sorted(causes.items(), key=lambda item: (-len(item[1]), item[0]))[:_CAUSES]
    return {
        "fleet": place.root.name,
        "store": str(place.root.parent),
        "jobs": len(_digests(sides)),
        "models": len(addresses),
        "beyond": beyond,
        "left": left,
        "causes": [{"reason": reason, "jobs": len(found), "address": found[0]} for reason, found in ranked],
        "addresses": list(addresses),
    }
