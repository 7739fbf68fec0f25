"""How the models of a graph fared, by the store: masks for selectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.runtime.ledger import Ledger, State
from fleetspec.runtime.store import Store, read_records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph

    Mask = NDArray[np.bool_]


def outcomes(store: Path, graph: JobGraph) -> Callable[[str], Mask]:
    """A mask over models by the name of an outcome.

    ``done``: every job has a result; ``quarantined``: one or more are set aside; ``missing``: one or more have not run;
    ``failed``: of these, those that the last run of this very graph left without a result though it ended by itself.
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
        missing = _any(graph, state == State.MISSING)
        return missing if name == "missing" or _ended(store, graph) else np.zeros_like(missing)

    return of


def _any(graph: JobGraph, jobs: Mask) -> Mask:
    mask = np.zeros(len(graph.models), dtype=bool)
    mask[graph.model[jobs]] = True
    return mask


def _ended(store: Path, graph: JobGraph) -> bool:
    records = [record for record in read_records(store, graph.fleet) if record["graph"] == graph.content]
    return bool(records) and records[-1]["state"] == "done"
