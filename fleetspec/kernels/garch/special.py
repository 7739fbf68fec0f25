"""What numba has no fast function for: digamma and trigamma, and powers of many numbers at once.

Digamma and trigamma of positive numbers are by recurrence and asymptotic series (Abramowitz and Stegun 6.3, 6.4).
Logarithms and exponentials are written out without calls and branches, as in ``native/lanes.hpp``: then a compiler
makes vectors of the loops.
"""

# mypy: disable-error-code="untyped-decorator, no-any-return"
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

# Integers of one type throughout: numba makes a float of a signed and an unsigned one.
_LEAST_MANTISSA = np.uint64(0x3FE6A09E667F3BCD)
_SHIFT, _BIAS, _BIASED_SHIFT = np.uint64(52), np.uint64(1024), np.uint64(1024 << 52)
_TO_DOUBLE = np.uint64(0x4330000000000000)
_ORDER_KEPT = {"contract", "arcp", "nsz"}
"""What a compiler may do to the arithmetic, but for changing the order of sums: the exponential rounds by one."""


@njit(cache=True)
def digamma(x: float) -> float:
    shift = 0.0
    while x < 8.0:
        shift -= 1.0 / x
        x += 1.0
    f = 1.0 / (x * x)
    series = f * (1.0 / 12.0 - f * (1.0 / 120.0 - f * (1.0 / 252.0 - f * (1.0 / 240.0 - f / 132.0))))
    return shift + math.log(x) - 0.5 / x - series


@njit(cache=True)
def trigamma(x: float) -> float:
    shift = 0.0
    while x < 8.0:
        shift += 1.0 / (x * x)
        x += 1.0
    i = 1.0 / x
    f = i * i
    return shift + i + 0.5 * f + i * f * (1.0 / 6.0 - f * (1.0 / 30.0 - f * (1.0 / 42.0 - f / 30.0)))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_ORDER_KEPT)
def powers(squares: Any, nu: float, shift: float, logs: Any, ratios: Any) -> None:
    """Sets ``logs`` to those of the roots of ``squares`` less ``shift``, ``ratios`` to exp((nu - 2) logs)."""
    for t in range(len(squares)):
        log = 0.5 * _log(squares[t]) - shift
        logs[t] = log
        ratios[t] = _exp((nu - 2.0) * log)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_ORDER_KEPT)
def sum_of_powers(squares: Any, nu: float, shift: float) -> float:
    """The sum of exp(nu l), with l the logs of ``powers``; ``squares`` is overwritten."""
    for t in range(len(squares)):
        squares[t] = _exp(nu * (0.5 * _log(squares[t]) - shift))
    total = 0.0
    for t in range(len(squares)):
        total += squares[t]
    return total


@njit(cache=True, error_model="numpy", fastmath=_ORDER_KEPT)
def _log(x: float) -> float:
    """Of a positive, finite number, to 2e-14."""
    bits = np.float64(x).view(np.uint64)
    biased = np.uint64(np.uint64(np.uint64(bits - _LEAST_MANTISSA) + _BIASED_SHIFT) >> _SHIFT)
    k = np.uint64(biased | _TO_DOUBLE).view(np.float64) - (4503599627370496.0 + 1024.0)
    f = np.uint64(bits - np.uint64(np.uint64(biased - _BIAS) << _SHIFT)).view(np.float64) - 1.0
    f2 = f * f
    f4 = f2 * f2
    p01, p23 = 0.33333333333352627 - f * 0.2499999999867871, 0.19999999980522123 - f * 0.16666667051318582
    p45, p67 = 0.14285717668736875 - f * 0.12499969433813898, 0.1111088349318966 - f * 0.10000953786734261
    p89, pab = 0.09098288974656349 - f * 0.08322159925307124, 0.07570798143187561 - f * 0.07127949052581894
    pce = 0.07605896844297506 - f * 0.07432355424290839 + f2 * 0.03767538348469331
    series = (p01 + f2 * p23) + f4 * (p45 + f2 * p67) + f4 * f4 * ((p89 + f2 * pab) + f4 * pce)
    return k * 0.69314718055994530942 + (f - f2 * (0.5 - f * series))


@njit(cache=True, error_model="numpy", fastmath=_ORDER_KEPT)
def _exp(x: float) -> float:
    """Saturates near the ends of the range of doubles."""
    x = min(max(x, -708.0), 709.0)
    shifted = x * 1.44269504088896338700 + 6755399441055744.0
    k = shifted - 6755399441055744.0
    r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10
    r2 = r * r
    r4 = r2 * r2
    p01, p23, p45 = 1.0 + r, 0.5 + r * (1.0 / 6.0), 1.0 / 24.0 + r * (1.0 / 120.0)
    p67, p89 = 1.0 / 720.0 + r * (1.0 / 5040.0), 1.0 / 40320.0 + r * (1.0 / 362880.0)
    pab, pcd = 1.0 / 3628800.0 + r * (1.0 / 39916800.0), 1.0 / 479001600.0 + r * (1.0 / 6227020800.0)
    series = (p01 + r2 * p23) + r4 * (p45 + r2 * p67) + r4 * r4 * ((p89 + r2 * pab) + r4 * pcd)
    return np.uint64(
        np.float64(series).view(np.uint64) + np.uint64(np.float64(shifted).view(np.uint64) << _SHIFT)
    ).view(np.float64)


@njit(cache=True, error_model="numpy", fastmath=_ORDER_KEPT)
def small_exp(x: float) -> float:
    """To 7e-14, soonest where the argument is small: interpolated at Chebyshev's nodes up to 0.75."""
    if not abs(x) < 0.75:
        return math.exp(x)
    x2 = x * x
    p01, p23 = 0.999999999999968 + x, 0.5000000000041129 + x * 0.1666666666668426
    p45, p67 = 0.041666666581211126 + x * 0.00833333332861469, 0.0013888895386175977 + x * 0.00019841273910723838
    p89, pab = 2.479935463313308e-05 + x * 2.755579487084594e-06, 2.7910587308710674e-07 + x * 2.5309719345315354e-08
    return (p01 + x2 * p23) + x2 * x2 * ((p45 + x2 * p67) + x2 * x2 * (p89 + x2 * pab))
