"""Sequential quadratic programming under linear constraints, for numba: one minimisation as a state machine.

The caller evaluates, ``advance`` decides: take the step and propose the next, shorten it, or stop. So an engine may
run one minimisation at a time or one in each lane, by the same rules. The first steps take the information matrix as
curvature (scoring); later ones a damped BFGS update (Powell 1978), which learns what expectations do not know.
Steps solve the quadratic model inside the constraints by an active set (Nocedal and Wright 2006, 16.5), and are
halved towards sufficient decrease.

``native/optimiser.hpp`` is the same for lanes; a change here is a change there.
"""

# mypy: disable-error-code="untyped-decorator, no-any-return"
from __future__ import annotations

import math
from typing import Any

from numba import njit

CONVERGED, STALLED, OUT_OF_ITERATIONS, NOT_FINITE = 0, 1, 2, 3
"""How a minimisation ended; ``STALLED``: no step along a descending direction descends, as on a kink."""

SCORING_STEPS = 4
BEGUN = 3
"""After so many evaluations a minimisation that is near a known minimum leads there: see ``leads``."""
ANEW = 10
"""After so many steps curvature is begun anew: what was learnt far away, or where there was none, is in the way."""
MOST_HALVINGS = 7

# Places in the state arrays.
VALUE, LENGTH, SLOPE = 0, 1, 2
PHASE, SCORINGS, ACTIVE, ITERATIONS, HALVINGS, RESTARTS, OUTCOME = 0, 1, 2, 3, 4, 5, 6
REALS, COUNTS = 3, 7

_SUFFICIENT = 1e-4
_TIGHT = 1e-12
_RIDGE = 1e-10
_MOST_CHANGES = 60
_REDUNDANT = 1e-14
"""A constraint of which the others leave a smaller share than this says what they say already."""


@njit(cache=True, error_model="numpy")
def factored(matrix: Any, held: Any, lower: Any, size: int) -> None:
    """Cholesky factor of ``matrix`` without what is ``held``, with a ridge where it is not positive.

    The diagonal holds reciprocals. Rows and columns of what is held are the identity's.
    """
    for i in range(size):
        for j in range(i + 1):
            if held[i] or held[j]:
                lower[i, j] = 1.0 if i == j else 0.0
                continue
            rest = matrix[i, j]
            for k in range(j):
                rest -= lower[i, k] * lower[j, k]
            if i == j:
                least = _RIDGE * abs(matrix[i, i]) + 1e-12
                if not rest > least:
                    rest = 1e-3 * abs(matrix[i, i]) + 1e-3
                lower[i, i] = 1.0 / math.sqrt(rest)
            else:
                lower[i, j] = rest * lower[j, j]


@njit(cache=True, error_model="numpy")
def factored_gram(gram: Any, size: int) -> None:
    """The same of ``gram``, in its place and without a ridge: what the others contain gets a zero, so no multiplier."""
    for i in range(size):
        for j in range(i + 1):
            rest = gram[i, j]
            for k in range(j):
                rest -= gram[i, k] * gram[j, k]
            if i == j:
                gram[i, i] = 1.0 / math.sqrt(rest) if rest > _REDUNDANT * abs(gram[i, i]) else 0.0
            else:
                gram[i, j] = rest * gram[j, j]


@njit(cache=True, error_model="numpy")
def solved(lower: Any, right: Any, size: int, out: Any) -> None:
    for i in range(size):
        rest = right[i]
        for k in range(i):
            rest -= lower[i, k] * out[k]
        out[i] = rest * lower[i, i]
    for i in range(size - 1, -1, -1):
        rest = out[i]
        for k in range(i + 1, size):
            rest -= lower[k, i] * out[k]
        out[i] = rest * lower[i, i]


@njit(cache=True, error_model="numpy")
def targeted(
    hessian: Any, g: Any, normals: Any, slack: Any, active: Any, count: int, target: Any, multipliers: Any, work: Any
) -> None:
    """Sets ``target`` to the minimum of g'd + d'Hd/2 where the ``active`` rows hold it, and their ``multipliers``.

    Bounds take their parameter out of the system. Multipliers for them would be differences of the inverse's large
    numbers where curvature tells lags hardly apart, and steps would leave the region. The other rows get one each.
    """
    n, others = len(g), 0
    lower, pulls, gram = work[:n], work[n : 2 * n], work[2 * n + 6 :]
    right, held, which, loads = work[2 * n], work[2 * n + 2], work[2 * n + 4], work[2 * n + 5]
    for i in range(n):
        held[i] = target[i] = 0.0
    for a in range(count):
        at = bounded(normals[active[a]])
        if at >= 0:
            held[at], target[at] = 1.0, -slack[active[a]] / normals[active[a], at]
        else:
            which[others] = a
            others += 1
    factored(hessian, held, lower, n)
    for i in range(n):
        right[i] = target[i]
        if not held[i]:
            right[i] = -g[i]
            for j in range(n):
                if held[j]:
                    right[i] -= hessian[i, j] * target[j]
    solved(lower, right, n, target)
    for c in range(others):
        row = active[int(which[c])]
        for i in range(n):
            right[i] = 0.0 if held[i] else normals[row, i]
        solved(lower, right, n, pulls[c])
        loads[c] = -slack[row]
        for i in range(n):
            loads[c] -= normals[row, i] * target[i]
        for e in range(c + 1):
            product = 0.0
            for i in range(n):
                product += normals[active[int(which[e])], i] * pulls[c, i]
            gram[c, e] = product
    if others:
        factored_gram(gram, others)
        solved(gram, loads, others, right)
        for c in range(others):
            loads[c] = right[c]
            for i in range(n):
                target[i] += right[c] * pulls[c, i]
    for c in range(others):
        multipliers[int(which[c])] = loads[c]
    for a in range(count):
        at = bounded(normals[active[a]])
        if at >= 0:
            rest = g[at]
            for j in range(n):
                rest += hessian[at, j] * target[j]
            for c in range(others):
                rest -= loads[c] * normals[active[int(which[c])], at]
            multipliers[a] = rest / normals[active[a], at]


@njit(cache=True, error_model="numpy")
def bounded(normal: Any) -> int:
    """Which parameter alone ``normal`` is about, or -1 where it is about several."""
    at = -1
    for i in range(len(normal)):
        if normal[i] != 0.0:
            if at >= 0:
                return -1
            at = i
    return at


@njit(cache=True, error_model="numpy")
def stepped(hessian: Any, g: Any, normals: Any, slack: Any, d: Any, active: Any, count: int, work: Any) -> int:
    """Sets ``d`` to the minimum of g'd + d'Hd/2 with normals d >= -slack; returns how many rows hold it.

    ``slack`` is not negative, so d = 0 is feasible. ``active`` starts with ``count`` tight rows to try first.
    ``work`` is (3 n + 6, n) scratch.
    """
    n, rows = len(g), len(slack)
    target, multipliers = work[2 * n + 1], work[2 * n + 3]
    for i in range(n):
        d[i] = 0.0
    for _ in range(_MOST_CHANGES):
        targeted(hessian, g, normals, slack, active, count, target, multipliers, work)
        share, blocking = 1.0, -1
        for row in range(rows):
            known = False
            for a in range(count):
                known = known or active[a] == row
            if known:
                continue
            change, room = 0.0, slack[row]
            for i in range(n):
                change += normals[row, i] * (target[i] - d[i])
                room += normals[row, i] * d[i]
            if change < -1e-14 and room + share * change < 0.0:
                share, blocking = max(room, 0.0) / -change, row
        for i in range(n):
            d[i] += share * (target[i] - d[i])
        if blocking >= 0:
            if count == n:
                return count
            active[count] = blocking
            count += 1
            continue
        worst, leaving = -1e-9, -1
        for a in range(count):
            if multipliers[a] < worst:
                worst, leaving = multipliers[a], a
        if leaving < 0:
            return count
        for a in range(leaving, count - 1):
            active[a] = active[a + 1]
        count -= 1
    return count


@njit(cache=True, error_model="numpy")
def updated(hessian: Any, step: Any, change: Any, product: Any) -> None:
    """Damped BFGS: ``hessian`` learns that ``step`` changed the gradient by ``change``, and stays positive definite."""
    n = len(step)
    curvature, seen = 0.0, 0.0
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += hessian[i, j] * step[j]
        product[i] = total
        curvature += total * step[i]
        seen += step[i] * change[i]
    if not curvature > 0.0:
        return
    trust = 1.0
    if seen < 0.2 * curvature:
        trust = 0.8 * curvature / (curvature - seen)
    seen = 0.0
    for i in range(n):
        change[i] = trust * change[i] + (1.0 - trust) * product[i]
        seen += step[i] * change[i]
    for i in range(n):
        for j in range(n):
            hessian[i, j] += change[i] * change[j] / seen - product[i] * product[j] / curvature


@njit(cache=True, error_model="numpy")
def spread(packed: Any, hessian: Any, frozen: int) -> None:
    """The packed lower triangle as a full matrix; the first ``frozen`` parameters do not move."""
    n, at = len(hessian), 0
    for i in range(n):
        for j in range(i + 1):
            hessian[i, j] = hessian[j, i] = packed[at]
            at += 1
    for i in range(frozen):
        for j in range(n):
            hessian[i, j] = hessian[j, i] = 0.0
        hessian[i, i] = 1.0


@njit(cache=True, error_model="numpy")
def proposed(
    terms: Any,
    x: Any,
    g: Any,
    hessian: Any,
    d: Any,
    trial: Any,
    normals: Any,
    bounds: Any,
    reals: Any,
    counts: Any,
    active: Any,
    work: Any,
) -> bool:
    """Sets the next ``trial``; False where the model promises too little more, or iterations have run out."""
    _, _, tolerance, most_iterations = terms
    n, rows = len(x), len(bounds)
    if counts[ITERATIONS] >= most_iterations:
        counts[OUTCOME] = OUT_OF_ITERATIONS
        return False
    counts[ITERATIONS] += 1
    slack = work[3 * n + 6 :].ravel()[:rows]
    for row in range(rows):
        room = -bounds[row]
        for i in range(n):
            room += normals[row, i] * x[i]
        slack[row] = max(room, 0.0)
    kept = 0
    for a in range(counts[ACTIVE]):
        if slack[active[a]] <= _TIGHT:
            active[kept] = active[a]
            kept += 1
    counts[ACTIVE] = stepped(hessian, g, normals, slack, d, active, kept, work)
    slope = 0.0
    for i in range(n):
        slope += g[i] * d[i]
    reals[SLOPE] = slope
    if not slope < -tolerance:
        counts[OUTCOME] = CONVERGED if slope == slope else NOT_FINITE
        return False
    reals[LENGTH] = 1.0
    counts[HALVINGS] = 0
    counts[PHASE] = 1
    for i in range(n):
        trial[i] = x[i] + d[i]
    return True


@njit(cache=True, error_model="numpy")
def advance(
    value: float,
    new: Any,
    packed: Any,
    terms: Any,
    x: Any,
    g: Any,
    hessian: Any,
    kept: Any,
    d: Any,
    trial: Any,
    normals: Any,
    bounds: Any,
    reals: Any,
    counts: Any,
    active: Any,
    work: Any,
) -> bool:
    """Takes an evaluation at ``trial``: its value, gradient ``new`` and packed information. False: finished at ``x``.

    ``terms`` are (frozen, restarts, tolerance, iterations): the first ``frozen`` parameters do not move; where no step
    descends, the curvature is begun anew ``restarts`` times; the others are those of ``preparation.Effort``.
    """
    n = len(x)
    frozen, restarts, _, _ = terms
    for i in range(frozen):
        new[i] = 0.0
    if counts[PHASE] == 0:
        if not abs(value) < 1e300:
            counts[OUTCOME] = NOT_FINITE
            return False
        reals[VALUE] = value
        counts[SCORINGS] = 1
        for i in range(n):
            x[i] = trial[i]
            g[i] = new[i]
        for i in range(len(packed)):
            kept[i] = packed[i]
        spread(packed, hessian, frozen)
        return proposed(terms, x, g, hessian, d, trial, normals, bounds, reals, counts, active, work)
    length, slope, before = reals[LENGTH], reals[SLOPE], reals[VALUE]
    if not value <= before + _SUFFICIENT * length * slope:
        counts[HALVINGS] += 1
        if counts[HALVINGS] > MOST_HALVINGS:
            if counts[RESTARTS] >= restarts or counts[ITERATIONS] <= SCORING_STEPS:
                counts[OUTCOME] = STALLED
                return False
            counts[RESTARTS] += 1
            counts[ACTIVE] = 0
            spread(kept, hessian, frozen)
            return proposed(terms, x, g, hessian, d, trial, normals, bounds, reals, counts, active, work)
        shorter = 0.1 * length
        if abs(value) < 1e300:
            fitted = -slope * length * length / (2.0 * (value - before - slope * length))
            shorter = min(max(fitted, 0.1 * length), 0.5 * length)
        reals[LENGTH] = shorter
        for i in range(n):
            trial[i] = x[i] + shorter * d[i]
        return True
    for i in range(len(packed)):
        kept[i] = packed[i]
    if counts[SCORINGS] < SCORING_STEPS or counts[ITERATIONS] % ANEW == 0:
        counts[SCORINGS] += 1
        spread(packed, hessian, frozen)
    else:
        step, change, product = work[0], work[1], work[2]
        for i in range(n):
            step[i] = length * d[i]
            change[i] = new[i] - g[i]
        updated(hessian, step, change, product)
    reals[VALUE] = value
    for i in range(n):
        x[i] = trial[i]
        g[i] = new[i]
    return proposed(terms, x, g, hessian, d, trial, normals, bounds, reals, counts, active, work)


@njit(cache=True, error_model="numpy")
def leads(x: Any, value: float, at: int, known: Any) -> bool:
    """Whether ``x`` is near the minimum that is known in row ``at``: see ``preparation.Known``."""
    points, values, first, last, radius = known
    if at >= len(values) or not value >= values[at]:
        return False
    for i in range(first, last):  # noqa: SIM110 - numba
        if not abs(x[i] - points[at, i]) <= radius:
            return False
    return True


def scratch_rows(parameters: int, constraints: int) -> int:
    """How many rows of ``parameters`` numbers ``work`` has."""
    return 3 * parameters + 6 + -(-constraints // parameters) + 1


def packed_size(parameters: int) -> int:
    return parameters * (parameters + 1) // 2
