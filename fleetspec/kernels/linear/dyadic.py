"""Windows of rows as sums of aligned blocks, so that windows which overlap share what they have in common.

Rows have integer positions. Positions are cut into leaves of 2^shift, two neighbouring leaves make a node of the next
level, and so on: a binary tree that is fixed by the positions alone. The moments of a window are those of the largest
nodes inside it, first to last, with rows at either end that fill no leaf added one leaf's way. Nothing is subtracted,
so nothing drifts from window to window, and which windows are asked for together decides what is computed once, but
not what comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from fleetspec.kernels.linear.types import Floats, Integers

LEAVES = 16
"""A window has 16 to 32 leaves: at its ends about one leaf is summed anew, inside there are a handful of nodes."""
SMALLEST_SHIFT = 3


class Tree(Struct, frozen=True, eq=False):
    """Nodes by level: ``ids[offsets[l]:offsets[l + 1]]`` are those of level l that hold rows. ``cuts`` bound the rows
    of the leaves; ``left`` and ``right`` are children of the nodes above them, -1 for none."""

    ids: Integers
    offsets: Integers
    cuts: Integers
    left: Integers
    right: Integers


def shift_of(span: Integers) -> Integers:
    """The size of a leaf as a power of 2, for windows of so many positions: a function of the window alone."""
    leaf = np.maximum(span // LEAVES, 1)
    return np.maximum(np.floor(np.log2(leaf)).astype(np.int64), SMALLEST_SHIFT)


def planted(positions: Integers, begin: int, end: int, shift: int, longest: int) -> Tree:
    """The tree over rows ``begin`` to ``end``, as high as windows of ``longest`` positions can use it."""
    leaf = positions[begin:end] >> shift
    starts = _firsts(leaf)
    ids, levels = leaf[starts], [leaf[starts]]
    left, right, base = [], [], 0
    for _ in range(int(longest >> shift).bit_length() - 1):
        parents = ids >> 1
        first = _firsts(parents)
        children = base + first
        left.append(children)
        right.append(np.where(np.append(first[1:], len(ids)) - first > 1, children + 1, -1))
        base, ids = base + len(ids), parents[first]
        levels.append(ids)
    none = np.empty(0, np.int64)
    return Tree(
        ids=np.concatenate(levels),
        offsets=np.cumsum([0, *map(len, levels)]),
        cuts=np.append(starts, end - begin) + begin,
        left=np.concatenate([none, *left]),
        right=np.concatenate([none, *right]),
    )


def _firsts(ids: Integers) -> Integers:
    """Where each of the sorted ids stands first."""
    fresh = np.ones(len(ids), dtype=bool)
    np.not_equal(ids[1:], ids[:-1], out=fresh[1:])
    return np.flatnonzero(fresh)


def moments_of(features: Floats, targets: Floats, tree: Tree) -> tuple[Floats, ...]:
    """Room for the moments of every node; see ``moments.grow``."""
    p, count, n = features.shape[1], len(targets), len(tree.ids)
    return (
        np.empty(n, np.int64),
        np.empty((n, p)),
        np.empty((n, count)),
        np.empty((n, p * (p + 1) // 2)),
        np.empty((n, count, p)),
        np.empty((n, count)),
    )
