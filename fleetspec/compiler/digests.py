"""Columns of content digests (n, 16): which are equal, and which are among others.

Digests are compared by halves, two unsigned numbers each: sorting numbers is ten times as fast as sorting bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fleetspec.compiler.identity import Bytes

    Mask = NDArray[np.bool_]


def contained(keys: Bytes, within: Bytes) -> Mask:
    """Which digests (n, 16) are among others (k, 16)."""
    mine, theirs = halves(keys), halves(within)
    found = np.zeros(len(mine), dtype=bool)
    if not len(theirs) or not len(mine):
        return found
    # Both sides in order: looking up numbers at random costs ten times as much as sorting them first.
    order, other = np.argsort(mine[:, 0]), np.argsort(theirs[:, 0])
    sought, known = mine[order], theirs[other]
    if _ambiguous(known):
        # Two that share their first half, by a chance of one in ten million for a million of them.
        return np.isin(_voids(keys), _voids(within))
    at = np.minimum(np.searchsorted(known[:, 0], sought[:, 0]), len(known) - 1)
    found[order] = (known[at] == sought).all(axis=1)
    return found


def first_of_each(keys: Bytes) -> Mask:
    """Marks of all digests (n, 16) that are equal one: the first."""
    order, begins = _grouped(keys)
    first = np.zeros(len(keys), dtype=bool)
    first[order[begins]] = True
    return first


def first_equal(keys: Bytes, ranks: Callable[[], NDArray[np.int64]]) -> NDArray[np.int64]:
    """By digest (n, 16) the index of the first that is equal to it, (n,): of the least rank (n,), then as they come.

    Ranks are asked for only where some are equal.
    """
    order, begins = _grouped(keys)
    first = np.arange(len(keys))
    if begins.all():
        return first
    group = np.cumsum(begins) - 1
    several = np.flatnonzero(np.bincount(group)[group] > 1)
    # As they come already within each group, so that equal ranks stay so.
    order, group = order[several], group[several]
    order = order[np.lexsort((ranks()[order], group))]
    begins = np.append(True, group[1:] != group[:-1])
    first[order] = order[begins][np.cumsum(begins) - 1]
    return first


def halves(keys: Bytes) -> NDArray[np.uint64]:
    """Digests (n, 16) as (n, 2) numbers."""
    return np.ascontiguousarray(keys).view("<u8").reshape(len(keys), 2)


def _grouped(keys: Bytes) -> tuple[NDArray[np.int64], Mask]:
    """An order in which equal digests are neighbours, as they come, and where in it each group begins."""
    split = halves(keys)
    order = np.argsort(split[:, 0], kind="stable")
    if _ambiguous(split[order]):
        order = np.lexsort((split[:, 1], split[:, 0]))
    ordered = split[order]
    begins = np.ones(len(split), dtype=bool)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return order, begins


def _ambiguous(ordered: NDArray[np.uint64]) -> bool:
    same = ordered[1:] == ordered[:-1]
    return bool((same[:, 0] & ~same[:, 1]).any())


def _voids(keys: Bytes) -> NDArray[np.void]:
    return np.ascontiguousarray(keys).view("V16").ravel()
