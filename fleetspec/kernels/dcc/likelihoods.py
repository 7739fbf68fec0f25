"""The recursion of Q and its likelihoods, compiled: one pass over the bars, states in memory that stays in a cache."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from fleetspec.kernels.dcc.types import Floats

Function = TypeVar("Function", bound=Callable[..., Any])
_MATHS = {"contract", "arcp", "nsz", "reassoc"}
_TOGETHER = 16
"""Bars whose determinants are multiplied before a logarithm is taken: each is above 1e-9 by far."""

try:
    from numba import njit
except ImportError:  # pragma: no cover

    def compiled(function: Function) -> Function:
        return function
else:

    def compiled(function: Function) -> Function:
        """Compiled when first called, and kept beside this file."""
        return cast(Function, njit(cache=True, nogil=True, error_model="numpy", fastmath=_MATHS)(function))


@compiled
def scales(z: Floats, a: float, b: float, out: Floats) -> None:
    """Fills ``out`` (T, N), the diagonal of Q at every bar under Aielli's correction, where it is 1 in the target."""
    bars, n = z.shape
    for i in range(n):
        value = 1.0
        for t in range(bars):
            out[t, i] = value
            value = (1.0 - a - b) + (a * z[t, i] * z[t, i] + b) * value


@compiled
def moved(q: Floats, target: Floats, x: Floats, a: float, b: float) -> None:
    """One step of the lower triangle of ``q`` (N, N), in place, by shocks ``x`` (N,)."""
    c = 1.0 - a - b
    for i in range(len(x)):
        ax = a * x[i]
        for j in range(i + 1):
            q[i, j] = c * target[i, j] + ax * x[j] + b * q[i, j]


@compiled
def composite(z: Floats, x: Floats, target: Floats, a: float, b: float, width: int) -> float:
    """Sum over bars and pairs of log 1 - r^2 and the quadratic form less z'z, minus a half of it; (T, N) ``z``, ``x``.

    A pair is of series less than ``width`` + 1 apart in their order.
    """
    bars, n = z.shape
    q, product, scaled = target.copy(), np.ones((n, n)), np.empty(n)
    logs, squares = 0.0, 0.0
    for t in range(bars):
        for i in range(n):
            scaled[i] = 1.0 / math.sqrt(q[i, i])
        for i in range(n):
            low = max(i - width, 0)
            zi, si = z[t, i], scaled[i]
            for j in range(low, i):
                r = q[i, j] * si * scaled[j]
                left = 1.0 - r * r
                product[i, j] *= left
                zj = z[t, j]
                # (zi^2 + zj^2 - 2 r zi zj) / (1 - r^2) - zi^2 - zj^2
                squares += r * (r * (zi * zi + zj * zj) - 2.0 * zi * zj) / left
        if t % _TOGETHER == _TOGETHER - 1 or t == bars - 1:
            for i in range(n):
                for j in range(max(i - width, 0), i):
                    logs += math.log(product[i, j])
                    product[i, j] = 1.0
        moved(q, target, x[t], a, b)
    return -0.5 * (logs + squares)


@compiled
def full(z: Floats, x: Floats, target: Floats, a: float, b: float) -> float:
    """Sum over bars of log |R| + z'R^-1 z - z'z, minus a half of it."""
    bars, n = z.shape
    q, root, solved = target.copy(), np.zeros((n, n)), np.empty(n)
    total = 0.0
    for t in range(bars):
        # R^-1 = D Q^-1 D with D = diag(Q)^1/2, so Q itself is factored: Q = L L'.
        for i in range(n):
            for j in range(i + 1):
                left = q[i, j]
                for k in range(j):
                    left -= root[i, k] * root[j, k]
                root[i, j] = math.sqrt(left) if i == j else left / root[j, j]
            value = math.sqrt(q[i, i]) * z[t, i]
            for k in range(i):
                value -= root[i, k] * solved[k]
            solved[i] = value / root[i, i]
            total += 2.0 * math.log(root[i, i]) - math.log(q[i, i]) + solved[i] * solved[i] - z[t, i] * z[t, i]
        moved(q, target, x[t], a, b)
    return -0.5 * total


@compiled
def states(x: Floats, target: Floats, a: float, b: float, first: int, out: Floats) -> None:
    """Fills ``out`` (T - first, N, N) with R for the bar after each bar from ``first`` on."""
    bars, n = x.shape
    q = target.copy()
    for t in range(bars):
        moved(q, target, x[t], a, b)
        if t >= first:
            for i in range(n):
                out[t - first, i, i] = 1.0
                for j in range(i):
                    out[t - first, i, j] = q[i, j] / math.sqrt(q[i, i] * q[j, j])
                    out[t - first, j, i] = out[t - first, i, j]
