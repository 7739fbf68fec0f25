"""Moments of blocks of rows and their sums, for numba.

Moments of a block are its count, means, and sums of products of deviations from *its own* means. ``sxx`` is packed:
rows of the upper triangle one after the other, (p (p + 1) / 2). Targets are (K, T), features (T, p). Two blocks are
joined by the update of Chan, Golub and LeVeque (1983), which adds squares and subtracts none.

No loop changes the order of a sum (no ``reassoc``) and none mixes two targets, so that sums of one target are the same,
to the last bit, beside any others.
"""

# mypy: disable-error-code="untyped-decorator, no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

FLAGS = {"contract", "nsz"}
CHUNK = 32
"""Rows that are centred at a time: with their features they fit into the processor's nearest cache."""
DEPTH = 64
"""Levels a tree can have: positions are 64-bit integers."""


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def gather(
    x: Any, y: Any, begin: int, end: int, mx: Any, my: Any, sxx: Any, sxy: Any, syy: Any, dx: Any, dy: Any
) -> None:
    """Moments of the rows ``begin`` to ``end``, at least one; ``dx`` (CHUNK, p) and ``dy`` (CHUNK,) are scratch."""
    p, rows = x.shape[1], end - begin
    mx[:] = 0.0
    for r in range(begin, end):
        for j in range(p):
            mx[j] += x[r, j]
    for j in range(p):
        mx[j] /= rows
    for k in range(len(y)):
        total = 0.0
        for r in range(begin, end):
            total += y[k, r]
        my[k] = total / rows
    sxx[:] = 0.0
    sxy[:] = 0.0
    syy[:] = 0.0
    for first in range(begin, end, CHUNK):
        count = min(CHUNK, end - first)
        padded = (count + 3) // 4 * 4
        for r in range(count):
            for j in range(p):
                dx[r, j] = x[first + r, j] - mx[j]
        # Rows of zeros fill up the last four: they add nothing.
        dx[count:padded] = 0.0
        for r in range(0, padded, 4):
            at = 0
            for i in range(p):
                a, b, c, d = dx[r, i], dx[r + 1, i], dx[r + 2, i], dx[r + 3, i]
                for j in range(i, p):
                    sxx[at + j - i] += a * dx[r, j] + b * dx[r + 1, j] + c * dx[r + 2, j] + d * dx[r + 3, j]
                at += p - i
        for k in range(len(y)):
            for r in range(count):
                dy[r] = y[k, first + r] - my[k]
            dy[count:padded] = 0.0
            row = sxy[k]
            squares = 0.0
            for r in range(0, padded, 4):
                a, b, c, d = dy[r], dy[r + 1], dy[r + 2], dy[r + 3]
                squares += a * a + b * b + c * c + d * d
                for j in range(p):
                    row[j] += a * dx[r, j] + b * dx[r + 1, j] + c * dx[r + 2, j] + d * dx[r + 3, j]
            syy[k] += squares


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def join(
    n: int,
    mx: Any,
    my: Any,
    sxx: Any,
    sxy: Any,
    syy: Any,
    m: int,
    nx: Any,
    ny: Any,
    txx: Any,
    txy: Any,
    tyy: Any,
    step: Any,
) -> int:
    """Add to moments of n rows those of the m rows after them, in place; returns n + m."""
    p = len(mx)
    if n == 0:
        for j in range(p):
            mx[j] = nx[j]
        for i in range(len(sxx)):
            sxx[i] = txx[i]
        for k in range(len(my)):
            my[k], syy[k] = ny[k], tyy[k]
            for j in range(p):
                sxy[k, j] = txy[k, j]
        return m
    total = n + m
    share, weight = m / total, n * m / total
    for j in range(p):
        step[j] = nx[j] - mx[j]
    at = 0
    for i in range(p):
        lever = weight * step[i]
        for j in range(i, p):
            sxx[at + j - i] += txx[at + j - i] + lever * step[j]
        at += p - i
    for k in range(len(my)):
        d = ny[k] - my[k]
        lever = weight * d
        row, other = sxy[k], txy[k]
        for j in range(p):
            row[j] += other[j] + lever * step[j]
        syy[k] += tyy[k] + lever * d
        my[k] += d * share
    for j in range(p):
        mx[j] += step[j] * share
    return total


@njit(nogil=True, error_model="numpy")
def grow(x: Any, y: Any, growth: Any, nodes: Any, scratch: Any) -> None:
    """Moments of every node of the tree: leaves first, rows ``cuts[i]`` to ``cuts[i + 1]``; then joins of nodes before
    them, ``right`` -1 where a node has one child only."""
    cuts, left, right = growth
    counts, mx, my, sxx, sxy, syy = nodes
    dx, dy, step, _ = scratch
    leaves = len(cuts) - 1
    for i in range(leaves):
        gather(x, y, cuts[i], cuts[i + 1], mx[i], my[i], sxx[i], sxy[i], syy[i], dx, dy)
        counts[i] = cuts[i + 1] - cuts[i]
    for i in range(len(left)):
        to, a, b = leaves + i, left[i], right[i]
        n = 0
        for child in (a, b):
            if child >= 0:
                n = join(
                    n, mx[to], my[to], sxx[to], sxy[to], syy[to],
                    counts[child], mx[child], my[child], sxx[child], sxy[child], syy[child], step,
                )  # fmt: skip
        counts[to] = n


@njit(nogil=True, error_model="numpy")
def find(ids: Any, offsets: Any, level: int, node: int) -> int:
    """Where a node of a level stands, -1 where no row lies in it."""
    if level + 1 >= len(offsets):
        return -1
    low, high = offsets[level], offsets[level + 1]
    while low < high:
        middle = (low + high) // 2
        if ids[middle] < node:
            low = middle + 1
        else:
            high = middle
    return low if low < offsets[level + 1] and ids[low] == node else -1


@njit(nogil=True, error_model="numpy")
def cover(positions: Any, shift: int, ids: Any, offsets: Any, begin: int, end: int, nodes: Any) -> tuple[int, int, int]:
    """The window ``begin`` to ``end`` as rows before the first whole leaf, the largest nodes inside, and rows after
    them: ends the head at the first result, begins the tail at the second, with so many ``nodes`` between."""
    low = (positions[begin] + (1 << shift) - 1) >> shift
    high = (positions[end - 1] + 1) >> shift
    head, tail = begin, end
    while head < end and positions[head] >> shift < low:
        head += 1
    while tail > head and positions[tail - 1] >> shift >= high:
        tail -= 1
    after = np.empty(DEPTH, np.int64)
    level = count = rights = 0
    while low < high:
        if low & 1:
            nodes[count] = find(ids, offsets, level, low)
            count += nodes[count] >= 0
            low += 1
        if high & 1:
            high -= 1
            after[rights] = find(ids, offsets, level, high)
            rights += after[rights] >= 0
        low, high, level = low >> 1, high >> 1, level + 1
    for i in range(rights):
        nodes[count + i] = after[rights - 1 - i]
    return head, tail, count + rights


@njit(nogil=True, error_model="numpy")
def add_up(x: Any, y: Any, tree: Any, nodes: Any, begin: int, end: int, into: Any, other: Any, scratch: Any) -> int:
    """Moments of the rows ``begin`` to ``end`` out of those of the ``nodes`` of a tree, into the arrays ``into``;
    ``other`` are such arrays too. Returns the number of rows."""
    positions, shift, ids, offsets = tree
    counts, node_mx, node_my, node_sxx, node_sxy, node_syy = nodes
    mx, my, sxx, sxy, syy = into
    tx, ty, txx, txy, tyy = other
    dx, dy, step, inside = scratch
    n = 0
    head, tail, found = cover(positions, shift, ids, offsets, begin, end, inside)
    if head > begin:
        gather(x, y, begin, head, mx, my, sxx, sxy, syy, dx, dy)
        n = head - begin
    for i in range(found):
        a = inside[i]
        n = join(
            n, mx, my, sxx, sxy, syy,
            counts[a], node_mx[a], node_my[a], node_sxx[a], node_sxy[a], node_syy[a], step,
        )  # fmt: skip
    if tail < end:
        gather(x, y, tail, end, tx, ty, txx, txy, tyy, dx, dy)
        n = join(n, mx, my, sxx, sxy, syy, end - tail, tx, ty, txx, txy, tyy, step)
    return n
