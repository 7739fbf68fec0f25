"""How the models of a graph fared, by the store: masks for selectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec.runtime.degrading import left_by_run
from fleetspec.runtime.ledger import Ledger, State
from fleetspec.runtime.store import Store, read_records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph

    Mask = NDArray[np.bool_]


def outcomes(store: Path, graph: JobGraph) -> Callable[[str], Mask]:
    """A mask over models by the name of an outcome.

    ``done``: every job has a result; ``quarantined``: one or more are set aside; ``missing``: one or more have not run;
    ``failed``: of these, those that the last run of this very graph left without a result though it ended by itself and
    was to run them.
    """
    place = Store.of(store, graph.fleet)
    ledger = Ledger.load(place, graph)
    ledger.spread()
    # A window that a model is judged without is settled.
    state = np.where(ledger.tolerated(), np.uint8(State.DONE), ledger.state)

    def of(name: str) -> Mask:
        if name == "done":
            return ~_any(graph, state != State.DONE)
        if name == "quarantined":
            return _any(graph, state == State.QUARANTINED)
        missing = state == State.MISSING
        if name == "missing":
            return _any(graph, missing)
        last = _last(store, graph)
        if last is None or last["state"] != "done":
            return np.zeros(len(graph.models), dtype=bool)
        for _, jobs in left_by_run(ledger, last):
            missing &= ~jobs[ledger.first]
        return _any(graph, missing)

    return of


def _any(graph: JobGraph, jobs: Mask) -> Mask:
    mask = np.zeros(len(graph.models), dtype=bool)
    mask[graph.model[jobs]] = True
    return mask


def _last(store: Path, graph: JobGraph) -> dict[str, Any] | None:
    """The record of the last run of this very graph."""
    records = [record for record in read_records(store, graph.fleet) if record["graph"] == graph.content]
    return records[-1] if records else None
