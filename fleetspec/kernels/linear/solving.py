"""From moments to solutions, for numba: scaling, coordinate descent, Cholesky, and the loop over all problems.

:func:`solve` is what Python calls. It is compiled from a copy of this text in the user's cache folder
(``kernels/keeping.py``). It looks at one problem at a time: what a problem comes to depends, to the last bit, on its
own rows, target and penalty.
"""

# mypy: disable-error-code="untyped-decorator, no-any-return"
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from fleetspec.kernels.linear.moments import CHUNK, DEPTH, FLAGS, add_up, grow

OK, NOT_CONVERGED, TOO_FEW_ROWS, NOT_FINITE, CONSTANT_TARGET, SINGULAR = 0, 1, 2, 3, 4, 5
"""``types.Status``."""
DIRECT_BELOW, BETWEEN_JUMPS = 1e-8, 8
"""From which tolerance on, and after how many passes each, the coefficients that are not 0 are solved for directly."""
_NO_L1 = 0.0
_EPSILON = 2.220446049250313e-16


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def duality_gap(w: Any, l1: float, l2: float, qw: Any, q: Any, yy: float, slope: Any) -> tuple[float, float]:
    """Upper bound of how far the objective is above its minimum, and the norm that scales its dual point; leaves
    X'r - l2 w in ``slope``. Without a penalty on absolute values it is the gap of ridge."""
    p = len(w)
    squares = fitted = quadratic = absolute = 0.0
    for j in range(p):
        squares += w[j] * w[j]
        fitted += w[j] * q[j]
        quadratic += w[j] * qw[j]
        absolute += abs(w[j])
    residual = yy + quadratic - 2.0 * fitted
    against = yy - fitted
    norm = 0.0
    if l1 == _NO_L1:
        for j in range(p):
            slope[j] = q[j] - qw[j]
            norm += slope[j] * slope[j]
        return residual + 0.5 * l2 * squares - against + norm / (2.0 * l2), norm
    for j in range(p):
        slope[j] = q[j] - qw[j] - l2 * w[j]
        norm = max(norm, abs(slope[j]))
    shrunk = l1 / norm if norm > l1 else 1.0
    ridge = residual + l2 * squares
    return 0.5 * ridge + l1 * absolute + 0.5 * shrunk * shrunk * ridge - shrunk * against, norm


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def screen(
    gram: Any, q: Any, qw: Any, w: Any, l1: float, l2: float, gap: float, norm: float, slope: Any, kept: Any, count: int
) -> int:
    """Of the first ``count`` features in ``kept``, keep those that may differ from 0 at the minimum (gap-safe spheres:
    Ndiaye, Fercoq, Gramfort and Salmon 2017); returns their number."""
    p, left = len(w), 0
    radius = math.sqrt(2.0 * abs(gap)) / l1
    for i in range(count):
        j = kept[i]
        distance = (1.0 - abs(slope[j] / max(l1, norm))) / math.sqrt(gram[j, j] + l2)
        if distance <= radius:
            kept[left] = j
            left += 1
        elif w[j] != 0.0:
            for m in range(p):
                qw[m] -= w[j] * gram[j, m]
            w[j] = 0.0
    return left


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def factor(gram: Any, p: int, alpha: float, lower: Any) -> bool:
    """Cholesky factor of the first p rows of gram + alpha I, rows of the lower triangle; False where a pivot is lost in
    rounding. A feature that does not vary has a pivot of its own, 1."""
    largest = alpha
    for i in range(p):
        largest = max(largest, gram[i, i] + alpha)
    least = 8.0 * p * _EPSILON * largest
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
def jump(gram: Any, q: Any, l1: float, l2: float, w: Any, qw: Any, chosen: Any, room: Any) -> bool:
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
    qw[:] = 0.0
    for a in range(count):
        weight, row = w[chosen[a]], gram[chosen[a]]
        for m in range(p):
            qw[m] += weight * row[m]
    return first >= 0


@njit(nogil=True, error_model="numpy", fastmath=FLAGS)
def descend(
    gram: Any, q: Any, yy: float, l1: float, l2: float, tol: float, max_iter: int,
    w: Any, qw: Any, slope: Any, kept: Any, room: Any,
) -> tuple[int, float, bool]:  # fmt: skip
    """Cyclic coordinate descent (Friedman, Hastie and Tibshirani 2010) from 0 on the Gram matrix (p, p), into ``w``.

    Steps, tests and their order are those of scikit-learn, so both stop at the same point and not only near the same
    minimum. Where ``tol`` is below :data:`DIRECT_BELOW` they stop at the minimum whatever the way to it, and every
    eighth pass ends with a :func:`jump`, which does what thousands of passes may not. Returns passes, relative gap and
    whether it is at most ``tol``.
    """
    p, count = len(w), 0
    w[:] = 0.0
    qw[:] = 0.0
    for j in range(p):
        if gram[j, j] != 0.0:
            kept[count] = j
            count += 1
    gap, norm = duality_gap(w, l1, l2, qw, q, yy, slope)
    if 0.0 <= gap <= tol * yy:
        return 0, gap / yy, True
    if l1 != _NO_L1:
        count = screen(gram, q, qw, w, l1, l2, gap, norm, slope, kept, count)
    chosen = np.empty(p, np.int64)
    for sweep in range(max_iter):
        largest = moved = 0.0
        for i in range(count):
            j = kept[i]
            before = w[j]
            pull = q[j] - qw[j] + before * gram[j, j]
            after = 0.0
            if pull > l1:
                after = (pull - l1) / (gram[j, j] + l2)
            elif pull < -l1:
                after = (pull + l1) / (gram[j, j] + l2)
            if after != before:
                w[j] = after
                step, row = after - before, gram[j]
                for m in range(p):
                    qw[m] += step * row[m]
                moved = max(moved, abs(step))
            largest = max(largest, abs(after))
        jumped = tol < DIRECT_BELOW and (sweep + 1) % BETWEEN_JUMPS == 0
        if jumped:
            while jump(gram, q, l1, l2, w, qw, chosen, room):
                pass
        if jumped or largest == 0.0 or moved / largest <= tol or sweep == max_iter - 1:
            gap, norm = duality_gap(w, l1, l2, qw, q, yy, slope)
            if gap <= tol * yy:
                return sweep + 1, gap / yy, True
            if l1 != _NO_L1:
                count = screen(gram, q, qw, w, l1, l2, gap, norm, slope, kept, count)
    return max_iter, gap / yy, False


@njit(nogil=True, error_model="numpy")
def shape(n: int, mx: Any, sxx: Any, standardise: bool, centred: bool, gram: Any, scale: Any) -> bool:
    """Gram matrix (p, p) of the features as they are solved for, per row, and what each was divided by. False where a
    feature is not finite."""
    p, at = len(mx), 0
    for i in range(p):
        variance = sxx[at] / n
        if not (math.isfinite(mx[i]) and math.isfinite(variance)):
            return False
        # Rounding of a mean looks like a variance of this size; scikit-learn's scaler draws the same line.
        still = variance <= n * _EPSILON * variance + (n * mx[i] * _EPSILON) ** 2
        scale[i] = 0.0 if still else math.sqrt(variance)
        at += p - i
    at = 0
    for i in range(p):
        for j in range(i, p):
            product = sxx[at + j - i] / n
            if not centred:
                product += mx[i] * mx[j]
            elif scale[i] == 0.0 or scale[j] == 0.0:
                product = 0.0
            if standardise and scale[i] > 0.0 and scale[j] > 0.0:
                product /= scale[i] * scale[j]
            gram[i, j] = product
            gram[j, i] = product
        at += p - i
    for i in range(p):
        if not standardise or scale[i] == 0.0:
            scale[i] = 1.0
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def solve(
    x: Any, y: Any, tree: Any, growth: Any, nodes: Any, windows: Any, problems: Any, options: Any, out: Any
) -> None:
    """Every problem: moments of its window out of the tree, scaling, solution.

    ``tree``: positions (T,), shift, ids, offsets. ``growth``: cuts, left and right of ``dyadic.Tree``. ``nodes``: room
    for the moments of its nodes. ``windows``: begin, end and, one longer, where the problems of each begin.
    ``problems``: column, alpha, l1_ratio. ``out``: the columns of ``types.Fits``, a row a problem.
    """
    begins, ends, firsts = windows
    columns, alphas, ratios = problems
    standardise, centred, tol, max_iter = options
    weights, means, scales, centres, spreads, rows, passes, gaps, status = out
    p, targets = x.shape[1], len(y)
    size = p * (p + 1) // 2
    into = (np.empty(p), np.empty(targets), np.empty(size), np.empty((targets, p)), np.empty(targets))
    other = (np.empty(p), np.empty(targets), np.empty(size), np.empty((targets, p)), np.empty(targets))
    scratch = (np.empty((CHUNK, p)), np.empty(CHUNK), np.empty(p), np.empty(2 * DEPTH, np.int64))
    mx, my, sxx, sxy, syy = into
    gram, lower, scale, q = np.empty((p, p)), np.empty((p, p)), np.empty(p), np.empty(p)
    w, qw, slope, kept = np.empty(p), np.empty(p), np.empty(p), np.empty(p, np.int64)
    room = (np.empty((p, p)), lower, np.empty(p), np.empty(p))
    grow(x, y, growth, nodes, scratch)
    for v in range(len(begins)):
        n = 0
        if ends[v] - begins[v] >= 2:
            n = add_up(x, y, tree, nodes, begins[v], ends[v], into, other, scratch)
        finite = n > 0 and shape(n, mx, sxx, standardise, centred, gram, scale)
        factored, sound = math.nan, False
        for i in range(firsts[v], firsts[v + 1]):
            k, alpha, ratio = columns[i], alphas[i], ratios[i]
            rows[i] = ends[v] - begins[v]
            if n == 0:
                status[i] = TOO_FEW_ROWS
                continue
            variance = syy[k] / n
            if not (finite and math.isfinite(my[k]) and math.isfinite(variance)):
                status[i] = NOT_FINITE
                continue
            still = variance <= n * _EPSILON * variance + (n * my[k] * _EPSILON) ** 2
            yy = variance if centred else variance + my[k] * my[k]
            if (still and centred) or yy == 0.0:
                status[i] = CONSTANT_TARGET
                continue
            spread = math.sqrt(variance) if standardise else 1.0
            yy /= spread * spread
            for j in range(p):
                q[j] = sxy[k, j] / n if centred else sxy[k, j] / n + mx[j] * my[k]
                q[j] = 0.0 if gram[j, j] == 0.0 else q[j] / (scale[j] * spread)
            if math.isnan(ratio):
                if alpha != factored:
                    factored, sound = alpha, factor(gram, p, alpha, lower)
                if not sound:
                    status[i] = SINGULAR
                    continue
                substitute(lower, p, q, w)
            else:
                l1, l2 = alpha * ratio, alpha * (1.0 - ratio)
                spent, gap, done = descend(gram, q, yy, l1, l2, tol, max_iter, w, qw, slope, kept, room)
                passes[i], gaps[i] = spent, gap
                if not done:
                    status[i] = NOT_CONVERGED
                    continue
            status[i] = OK
            for j in range(p):
                weights[i, j], scales[i, j] = w[j], scale[j]
                means[i, j] = mx[j] if centred else 0.0
            spreads[i], centres[i] = spread, my[k] if centred else 0.0
