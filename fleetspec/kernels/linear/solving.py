"""From moments to solutions, for numba: scaling, and the loop over all problems.

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

from fleetspec.kernels.linear.descending import EPSILON, WIDTH, descend, factor, substitute
from fleetspec.kernels.linear.moments import CHUNK, DEPTH, add_up, grow

OK, NOT_CONVERGED, TOO_FEW_ROWS, NOT_FINITE, CONSTANT_TARGET, SINGULAR = 0, 1, 2, 3, 4, 5
"""``types.Status``."""


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
        still = variance <= n * EPSILON * variance + (n * mx[i] * EPSILON) ** 2
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
    w, rest, slope, kept, chosen = np.empty(p), np.empty(p), np.empty(p), np.empty(p, np.int64), np.empty(p, np.int64)
    room = (np.empty((p, p)), lower, np.empty(p), np.empty(p))
    wide = (p + WIDTH - 1) // WIDTH * WIDTH
    whole = np.zeros(1, np.bool_)
    dense = (np.empty((p, wide)), np.empty(wide), np.empty(wide), np.empty(wide), whole)
    grow(x, y, growth, nodes, scratch)
    for v in range(len(begins)):
        n = 0
        if ends[v] - begins[v] >= 2:
            n = add_up(x, y, tree, nodes, begins[v], ends[v], into, other, scratch)
        finite = n > 0 and shape(n, mx, sxx, standardise, centred, gram, scale)
        factored, sound, whole[0] = math.nan, False, False
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
            still = variance <= n * EPSILON * variance + (n * my[k] * EPSILON) ** 2
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
                spent, gap, done = descend(
                    gram, q, yy, l1, l2, tol, max_iter, w, rest, slope, kept, chosen, room, dense
                )
                passes[i], gaps[i] = spent, gap
                if not done:
                    status[i] = NOT_CONVERGED
                    continue
            status[i] = OK
            for j in range(p):
                weights[i, j], scales[i, j] = w[j], scale[j]
                means[i, j] = mx[j] if centred else 0.0
            spreads[i], centres[i] = spread, my[k] if centred else 0.0
