"""Shards: a run in parts that rest on nothing of each other, each planned, rendered and run by itself.

Models that rest on each other's results, or share a job, stay together. Such groups go, heaviest first, to the part
that has least work so far (longest processing time first, Graham 1969), so the split depends on the graph alone: every
pod that compiles it again finds the same one.
"""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.diagnostics import reject
from fleetspec.rules import capacity as rules
from fleetspec.rules.reading import PLAN_IS_FIXED

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph

MOST = 99


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``number``, from 1 on, of ``of``."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """``2/3``. ValueError for what is no part of a whole of up to 99."""
        found = re.fullmatch(r"([1-9]\d?)/([1-9]\d?)", text, re.ASCII)
        if found is None or int(found[1]) > int(found[2]):
            raise ValueError(f"'{text}' is no shard: write 1/3, 2/3 or 3/3, of {MOST} at most")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def require_spec(path: Path, shard: Shard | None) -> None:
    """Raises Rejected for a shard of a saved plan, which is one of a whole run."""
    if shard is not None:
        raise reject(
            PLAN_IS_FIXED,
            f"{path} is a saved plan of a whole run, and a shard has a plan of its own",
            help=f"give the spec: --shard {shard} plans it",
        )


def jobs_of(graph: JobGraph, shard: Shard) -> NDArray[np.bool_]:
    """Mask over jobs: those of a shard. The masks of all shards have every job once.

    Raises Rejected (FS346) where the graph falls into fewer parts than there are shards.
    """
    group = _together(graph)
    names, member = np.unique(group, return_inverse=True)
    if len(names) < shard.of:
        raise reject(
            rules.TOO_MANY_SHARDS,
            f"the run falls into {len(names)} {'part' if len(names) == 1 else 'parts'} that rest on nothing of each "
            f"other, fewer than {shard.of} shards",
            help=f"write --shard 1/{len(names)}, or leave it out" if len(names) > 1 else "leave --shard out",
        )
    work = np.array([klass.work for klass in graph.classes])[graph.klass]
    load = np.bincount(member[graph.model], weights=work, minlength=len(names))
    loads = [(0.0, number) for number in range(shard.of)]
    part = np.empty(len(names), dtype=np.int64)
    # Equal loads in the order of their names, which is that of the models.
    for place in np.lexsort((names, -load)).tolist():
        least, number = heapq.heappop(loads)
        part[place] = number
        # A part without work counts, too: no shard is left empty while there are enough of them.
        heapq.heappush(loads, (least + max(float(load[place]), 1e-9), number))
    mine: NDArray[np.bool_] = part[member[graph.model]] == shard.number - 1
    return mine


def _together(graph: JobGraph) -> NDArray[np.int64]:
    """By model the lowest model that it must be run with."""
    child = np.repeat(graph.model, np.diff(graph.parent_ptr))
    parent = graph.model[graph.parent_index]
    _, first, same = np.unique(graph.keys, return_index=True, return_inverse=True)
    pairs = np.concatenate([np.stack([child, parent]), np.stack([graph.model, graph.model[first[same]]])], axis=1)
    left, right = np.unique(pairs[:, pairs[0] != pairs[1]], axis=1).astype(np.int64)
    lowest = np.arange(len(graph.models), dtype=np.int64)
    while True:
        after = lowest.copy()
        np.minimum.at(after, left, lowest[right])
        np.minimum.at(after, right, lowest[left])
        after = after[after]
        if np.array_equal(after, lowest):
            return lowest
        lowest = after
