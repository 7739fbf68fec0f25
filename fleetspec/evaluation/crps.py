"""The continuous ranked probability score of the distributions that families forecast, in closed form.

The score of a distribution F and an outcome y is the integral of (F(x) - 1[x >= y])^2 over x, or E|X - y| - E|X - X'|
/ 2 for independent X and X' of F (Gneiting and Raftery 2007, eqs. 20 and 21): an absolute error, in the unit of y, that
the true distribution minimises on average. The first term needs the distribution's function and its partial mean; the
second, here *half the mean difference*, depends on the shape alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from fleetspec.evaluation.pairing import Floats


class _Base(NamedTuple):
    """A symmetric distribution of variance 1 at points x (n,): ``below`` is F(x), ``partial`` the integral of u dF(u)
    up to x, ``half_mean`` E|X| / 2 and ``spread`` E|X - X'| / 2."""

    below: Floats
    partial: Floats
    half_mean: Floats
    spread: Floats


def crps(deviation: Floats, variance: Floats, nu: Floats, skew: Floats, power: Floats) -> Floats:
    """(n,) score of a return's ``deviation`` from its forecast mean, in the unit of returns; lower is better.

    The innovation, scaled to ``variance``, is a GED where ``power`` is known, else Hansen's (1994) skewed t where
    ``skew`` is, else a Student t of ``nu`` degrees of freedom (above 2), normal where they are infinite. Sources of the
    closed forms: Jordan, Krueger and Lerch (2019) for the normal and t; the skewed t is two halves of a t.
    """
    z = deviation / np.sqrt(variance)
    scores = np.empty_like(z)
    ged = ~np.isnan(power)
    skewed = ~ged & np.isfinite(nu) & (np.nan_to_num(skew) != 0)
    plain_t = ~ged & np.isfinite(nu) & ~skewed
    normal = ~ged & ~np.isfinite(nu)
    for rows, base in ((normal, _normal), (plain_t, _student), (ged, _generalised)):
        if rows.any():
            shape = power[rows] if base is _generalised else nu[rows]
            scores[rows] = _symmetric(z[rows], base(z[rows], shape))
    if skewed.any():
        scores[skewed] = _two_halves(z[skewed], nu[skewed], skew[skewed])
    return scores * np.sqrt(variance)


def _symmetric(z: Floats, base: _Base) -> Floats:
    scores: Floats = z * (2 * base.below - 1) - 2 * base.partial - base.spread
    return scores


def _two_halves(z: Floats, nu: Floats, skew: Floats) -> Floats:
    """Hansen's skewed t: b z + a has half a t, (1 - skew) times as wide, on the left of 0, and another, (1 + skew)
    times, on the right; each has the share of its width."""
    half_mean = _student(np.zeros_like(z), nu).half_mean
    # a is the mean of b z + a, and b its standard deviation.
    a = 4 * skew * half_mean
    b = np.sqrt(1 + 3 * skew**2 - a**2)
    u = b * z + a
    left, right = 1 - skew, 1 + skew
    on_left = u < 0
    base = _student(np.where(on_left, u / left, u / right), nu)
    below = np.where(on_left, left * base.below, left / 2 + right * (base.below - 0.5))
    partial = np.where(on_left, left**2 * base.partial, -(left**2) * half_mean + right**2 * (base.partial + half_mean))
    # Of the base, the integral of F^2 up to 0; with it that of F (1 - F) on either side.
    squared = half_mean - base.spread / 2
    spread = left * (left * half_mean - left**2 * squared) + right * (right * half_mean - right**2 * squared)
    scores: Floats = (u * (2 * below - 1) + a - 2 * partial - spread) / b
    return scores


def _normal(x: Floats, _: Floats) -> _Base:
    from scipy.special import ndtr

    density = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
    ones = np.ones_like(x)
    return _Base(ndtr(x), -density, ones / np.sqrt(2 * np.pi), ones / np.sqrt(np.pi))


def _student(x: Floats, nu: Floats) -> _Base:
    from scipy.special import betaln, stdtr

    scale = np.sqrt((nu - 2) / nu)
    t = x / scale
    height = np.exp(-betaln(0.5, nu / 2)) / np.sqrt(nu)

    def partial(at: Floats) -> Floats:
        density = height * (1 + at**2 / nu) ** (-(nu + 1) / 2)
        found: Floats = -scale * density * (nu + at**2) / (nu - 1)
        return found

    spread = 2 * scale * np.sqrt(nu) / (nu - 1) * np.exp(betaln(0.5, nu - 0.5) - 2 * betaln(0.5, nu / 2))
    return _Base(stdtr(nu, t), partial(t), -partial(np.zeros_like(t)), spread)


def _generalised(x: Floats, power: Floats) -> _Base:
    """Nelson's (1991) GED. |X|^power is a gamma variable; of two of those the share of one in the sum is beta and
    independent of the sum, which gives the mean of the smaller |X|, and with it the spread."""
    from scipy.special import betainc, betaln, gammainc, gammaincc, gammaln

    a = 1 / power
    scale = np.exp((gammaln(a) - gammaln(3 * a)) / 2)
    size = (np.abs(x) / scale) ** power
    below = 0.5 + 0.5 * np.sign(x) * gammainc(a, size)
    mean = scale * np.exp(gammaln(2 * a) - gammaln(a))
    partial = -0.5 * mean * gammaincc(2 * a, size)
    smaller = 2 * scale * np.exp(gammaln(3 * a) - gammaln(2 * a) + betaln(2 * a, a) - betaln(a, a))
    smaller = smaller * betainc(2 * a, a, 0.5)
    return _Base(below, partial, mean / 2, mean - smaller / 2)
