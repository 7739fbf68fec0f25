"""Coordinate descent on a Gram matrix, for numba.

Steps, tests and their order are those of scikit-learn, so both stop at the same point and not only near the same
minimum. What is its own is how a pass is made: over a dense matrix of the features that are not screened, whose rows
are filled up to what a compiler's loop takes at a time, and so that a coordinate waits for nothing but the step of the
one before it.
"""

# mypy: disable-error-code="untyped-decorator, no-any-return"
from __future__ import annotations

import math
from typing import Any

from numba import njit

from fleetspec.kernels.linear.moments import FLAGS

DIRECT_BELOW, BETWEEN_JUMPS = 1e-8, 8
"""From which tolerance on, and after how many passes each, the coefficients that are not 0 are solved for directly."""
WIDTH = 16
"""Rows of the dense matrix are filled up with zeros to a multiple of this, which a compiler's loop takes at a time."""
NO_L1 = 0.0
EPSILON = 2.220446049250313e-16


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def duality_gap(p: int, w: Any, l1: float, l2: float, r: Any, q: Any, yy: float) -> tuple[float, float]:
    """Upper bound of how far the objective is above its minimum, and the norm that scales its dual point, of the first
    ``p`` entries; ``r`` is what of ``q`` is left to explain. Without a penalty on absolute values it is ridge's."""
    squares = fitted = quadratic = absolute = norm = 0.0
    for j in range(p):
        squares += w[j] * w[j]
        fitted += w[j] * q[j]
        quadratic += w[j] * (q[j] - r[j])
        absolute += abs(w[j])
    residual = yy + quadratic - 2.0 * fitted
    against = yy - fitted
    if l1 == NO_L1:
        for j in range(p):
            norm += r[j] * r[j]
        return residual + 0.5 * l2 * squares - against + norm / (2.0 * l2), norm
    for j in range(p):
        norm = max(norm, abs(r[j] - l2 * w[j]))
    shrunk = l1 / norm if norm > l1 else 1.0
    ridge = residual + l2 * squares
    return 0.5 * ridge + l1 * absolute + 0.5 * shrunk * shrunk * ridge - shrunk * against, norm


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def screen(
    gram: Any, r: Any, w: Any, l1: float, l2: float, gap: float, norm: float, slope: Any, kept: Any, count: int
) -> int:
    """Of the first ``count`` features in ``kept``, keep those that may differ from 0 at the minimum (gap-safe spheres:
    Ndiaye, Fercoq, Gramfort and Salmon 2017); returns their number."""
    p, left = len(w), 0
    radius = math.sqrt(2.0 * abs(gap)) / l1
    for j in range(p):
        slope[j] = r[j] - l2 * w[j]
    for i in range(count):
        j = kept[i]
        distance = (1.0 - abs(slope[j] / max(l1, norm))) / math.sqrt(gram[j, j] + l2)
        if distance <= radius:
            kept[left] = j
            left += 1
        elif w[j] != 0.0:
            for m in range(p):
                r[m] += w[j] * gram[j, m]
            w[j] = 0.0
    return left


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def factor(gram: Any, p: int, alpha: float, lower: Any) -> bool:
    """Cholesky factor of the first p rows of gram + alpha I, rows of the lower triangle; False where a pivot is lost in
    rounding. A feature that does not vary has a pivot of its own, 1."""
    largest = alpha
    for i in range(p):
        largest = max(largest, gram[i, i] + alpha)
    least = 8.0 * p * EPSILON * largest
    for i in range(p):
        for j in range(i + 1):
            total = gram[i, j]
            for m in range(j):
                total -= lower[i, m] * lower[j, m]
            if i != j:
                lower[i, j] = total / lower[j, j]
                continue
            pivot = total + alpha
            if gram[i, i] == 0.0:
                pivot = 1.0
            elif not pivot > least:
                return False
            lower[i, i] = math.sqrt(pivot)
    return True


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def substitute(lower: Any, p: int, q: Any, w: Any) -> None:
    """Solve lower lower' w = q, p equations."""
    for i in range(p):
        total = q[i]
        for m in range(i):
            total -= lower[i, m] * w[m]
        w[i] = total / lower[i, i]
    for i in range(p - 1, -1, -1):
        w[i] /= lower[i, i]
        for m in range(i):
            w[m] -= lower[i, m] * w[i]


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def jump(gram: Any, q: Any, l1: float, l2: float, w: Any, r: Any, chosen: Any, room: Any) -> bool:
    """Go from ``w`` towards the minimum over its coefficients that are not 0, with their signs as they are, until one
    of them becomes 0 (Lee, Battle, Raina and Ng 2007: feature-sign search); whether one did. The objective falls on the
    way.

    ``room``: a matrix for the Gram matrix of the chosen, one for its factor, their right side and solution.
    """
    part, lower, right, aim = room
    p, count = len(w), 0
    for j in range(p):
        if w[j] != 0.0:
            chosen[count] = j
            count += 1
    for a in range(count):
        right[a] = q[chosen[a]] - math.copysign(l1, w[chosen[a]])
        for b in range(a + 1):
            part[a, b] = gram[chosen[a], chosen[b]]
    if count == 0 or not factor(part, count, l2, lower):
        return False
    substitute(lower, count, right, aim)
    share, first = 1.0, -1
    for a in range(count):
        before = w[chosen[a]]
        if aim[a] * before <= 0.0 and before / (before - aim[a]) < share:
            share, first = before / (before - aim[a]), a
    for a in range(count):
        j = chosen[a]
        w[j] = 0.0 if a == first else w[j] + share * (aim[a] - w[j])
    for m in range(p):
        r[m] = q[m]
    for a in range(count):
        weight, row = w[chosen[a]], gram[chosen[a]]
        for m in range(p):
            r[m] -= weight * row[m]
    return first >= 0


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def gather_rows(gram: Any, w: Any, r: Any, l2: float, kept: Any, count: int, dense: Any) -> int:
    """Rows and columns of the kept features into the dense matrix, and their vectors; returns its padded width.

    A matrix of all features serves one target after the other: ``whole`` says that it is there.
    """
    rows, v, rest, scale, whole = dense
    wide = (count + WIDTH - 1) // WIDTH * WIDTH
    for a in range(count):
        j = kept[a]
        v[a], rest[a], scale[a] = w[j], r[j], 1.0 / (gram[j, j] + l2)
    rest[count:wide] = 0.0
    if count == len(w) and whole[0]:
        return wide
    whole[0] = count == len(w)
    for a in range(count):
        for b in range(count):
            rows[a, b] = gram[kept[a], kept[b]]
        for b in range(count, wide):
            rows[a, b] = 0.0
    return wide


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def one_pass(dense: Any, count: int, wide: int, l1: float, l2: float) -> tuple[float, float]:
    """One sweep over the dense matrix; the largest coefficient and the largest step."""
    rows, v, rest, scale, _ = dense
    largest = moved = 0.0
    own = rest[0]
    for a in range(count):
        row, before = rows[a], v[a]
        pull = own + before * row[a]
        # (pull -+ l1) / (row[a] + l2) - before, of which only `own` is waited for. What a coordinate costs is how long
        # the next one waits for it, so what is left for the next is worked out before all others.
        if pull > l1:
            step = (own - (l1 + l2 * before)) * scale[a]
        elif pull < -l1:
            step = (own + (l1 - l2 * before)) * scale[a]
        else:
            step = -before
        following = a + 1 if a + 1 < count else 0
        if step == 0.0:
            own = rest[following]
        else:
            own = rest[following] - step * row[following]
            before += step
            v[a] = before
            for m in range(wide):
                rest[m] -= step * row[m]
            moved = max(moved, abs(step))
        largest = max(largest, abs(before))
    return largest, moved


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def settle(gram: Any, w: Any, r: Any, kept: Any, count: int, full: int, dense: Any) -> None:
    """What the passes came to, back into all ``full`` coefficients and what is left to explain."""
    p, v, rest = len(w), dense[1], dense[2]
    if count < full:
        for a in range(count):
            step, row = v[a] - w[kept[a]], gram[kept[a]]
            if step != 0.0:
                for m in range(p):
                    r[m] -= step * row[m]
    for a in range(count):
        w[kept[a]], r[kept[a]] = v[a], rest[a]


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def descend(
    gram: Any, q: Any, yy: float, l1: float, l2: float, tol: float, max_iter: int,
    w: Any, r: Any, slope: Any, kept: Any, chosen: Any, room: Any, dense: Any,
) -> tuple[int, float, bool]:  # fmt: skip
    """Cyclic coordinate descent (Friedman, Hastie and Tibshirani 2010) from 0 on the Gram matrix (p, p), into ``w``.

    Where ``tol`` is below :data:`DIRECT_BELOW` it stops at the minimum whatever the way to it, and every eighth pass
    ends with a :func:`jump`, which does what thousands of passes may not. Returns passes, relative gap and whether it
    is at most ``tol``. ``dense`` is room for a matrix (p, wide) and three vectors of its width, which is p filled up to
    a multiple of :data:`WIDTH`, and a flag that is False for a Gram matrix which was not seen before.
    """
    p, full, reach = len(w), 0, 0.0
    for j in range(p):
        w[j], r[j] = 0.0, q[j]
        if gram[j, j] != 0.0:
            kept[full] = j
            full += 1
            reach = max(reach, 1.0 / math.sqrt(gram[j, j] + l2))
    gap, norm = duality_gap(p, w, l1, l2, r, q, yy)
    if 0.0 <= gap <= tol * yy:
        return 0, gap / yy, True
    count = full
    if l1 != NO_L1:
        count = screen(gram, r, w, l1, l2, gap, norm, slope, kept, full)
    wide = gather_rows(gram, w, r, l2, kept, count, dense)
    for sweep in range(1, max_iter + 1):
        largest, moved = one_pass(dense, count, wide, l1, l2)
        jumped = tol < DIRECT_BELOW and sweep % BETWEEN_JUMPS == 0
        if not (jumped or largest == 0.0 or moved / largest <= tol or sweep == max_iter):
            continue
        settle(gram, w, r, kept, count, full, dense)
        if jumped:
            while jump(gram, q, l1, l2, w, r, chosen, room):
                pass
        gap, norm = duality_gap(p, w, l1, l2, r, q, yy)
        if gap <= tol * yy:
            return sweep, gap / yy, True
        # No feature is further than `reach` from the sphere.
        screened = l1 != NO_L1 and math.sqrt(2.0 * abs(gap)) < reach * l1
        if screened:
            count = screen(gram, r, w, l1, l2, gap, norm, slope, kept, count)
        if screened or jumped:
            wide = gather_rows(gram, w, r, l2, kept, count, dense)
    return max_iter, gap / yy, False
