"""Which models rest on which: distinct pairs of a job graph's models, and what can be reached along them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph

    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]


def edges(graph: JobGraph) -> tuple[Ints, Ints]:
    """Distinct pairs (child, parent) of models: the child's jobs read results of the parent's."""
    child = np.repeat(graph.model.astype(np.int64), np.diff(graph.parent_ptr))
    parent = graph.model[graph.parent_index].astype(np.int64)
    other = child != parent
    # One number per pair, sorted: distinct rows, or distinct numbers by hashing, take many times as long.
    size = max(len(graph.models), 1)
    pairs = np.sort(child[other] * size + parent[other])
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return pairs // size, pairs % size


def closed(mask: Mask, source: Ints, target: Ints) -> Mask:
    """``mask`` and everything that can be reached from it along the pairs."""
    reached = mask.copy()
    while True:
        wider = reached.copy()
        wider[target[reached[source]]] = True
        if (wider == reached).all():
            return reached
        reached = wider
