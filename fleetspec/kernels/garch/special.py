"""Digamma and trigamma of positive numbers for numba: recurrence and asymptotic series (Abramowitz, Stegun 6.3-4)."""

from __future__ import annotations

import math

from numba import njit


@njit(cache=True)  # type: ignore[untyped-decorator]
def digamma(x: float) -> float:
    shift = 0.0
    while x < 8.0:
        shift -= 1.0 / x
        x += 1.0
    f = 1.0 / (x * x)
    series = f * (1.0 / 12.0 - f * (1.0 / 120.0 - f * (1.0 / 252.0 - f * (1.0 / 240.0 - f / 132.0))))
    return shift + math.log(x) - 0.5 / x - series


@njit(cache=True)  # type: ignore[untyped-decorator]
def trigamma(x: float) -> float:
    shift = 0.0
    while x < 8.0:
        shift += 1.0 / (x * x)
        x += 1.0
    i = 1.0 / x
    f = i * i
    return shift + i + 0.5 * f + i * f * (1.0 / 6.0 - f * (1.0 / 30.0 - f * (1.0 / 42.0 - f / 30.0)))
