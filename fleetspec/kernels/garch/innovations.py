"""Innovations of unit variance: the expectations that forecasts are made of.

``shape`` is (n, parameters), one row a series, in the order of :data:`~fleetspec.kernels.garch.types.SHAPE_NAMES`.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fleetspec.kernels.garch.types import DistributionName, Floats

HALF = 2_500
"""Equally likely sizes that stand for one side of a distribution: the outermost is its 1 - 2 / 10,000 quantile."""
_NODES = 48
_T_DOMAIN = (0.0, 1.0 / 2.04)
"""Inverse degrees of freedom."""
_GED_DOMAIN = (-math.log(510.0), 0.0)
"""Logarithms of the inverse shape: towards 0 the quantiles of a GED bend too sharply for the inverse itself."""


def mean_absolute(distribution: DistributionName, shape: Floats) -> Floats:
    """E|z| of every row, (n,)."""
    if distribution == "skewt":
        return _skewt_below_zero(shape)[0] * 2.0
    from scipy.special import gammaln

    if distribution == "normal":
        return np.full(len(shape), math.sqrt(2.0 / math.pi))
    nu = shape[:, 0]
    if distribution == "t":
        ratio = np.exp(gammaln((nu + 1) / 2) - gammaln(nu / 2))
        return np.asarray(2.0 * np.sqrt((nu - 2) / math.pi) * ratio / (nu - 1))
    return np.asarray(np.exp(gammaln(2 / nu) - 0.5 * (gammaln(1 / nu) + gammaln(3 / nu))))


def square_below_zero(distribution: DistributionName, shape: Floats) -> Floats:
    """E[z^2; z < 0] of every row, (n,): a half where the distribution is symmetric."""
    return _skewt_below_zero(shape)[1] if distribution == "skewt" else np.full(len(shape), 0.5)


def quantiles(distribution: DistributionName, shape: Floats, probability: float) -> Floats:
    """The value below which an innovation falls with ``probability``, of every row, (n,)."""
    from scipy.special import gammaincinv, gammaln, ndtri, stdtrit

    if distribution == "normal":
        return np.full(len(shape), float(ndtri(probability)))
    nu = shape[:, 0]
    if distribution == "ged":
        size = (gammaincinv(1 / nu, abs(2 * probability - 1))) ** (1 / nu)
        return np.asarray(np.sign(probability - 0.5) * size * np.exp(0.5 * (gammaln(1 / nu) - gammaln(3 / nu))))
    unit = np.sqrt((nu - 2) / nu)
    if distribution == "t":
        return np.asarray(stdtrit(nu, probability) * unit)
    a, b, lam = _hansen(shape)
    left = probability < (1 - lam) / 2
    side = np.where(left, 1 - lam, 1 + lam)
    return np.asarray((side * stdtrit(nu, np.where(left, probability, probability + lam) / side) * unit - a) / b)


def tail_means(distribution: DistributionName, shape: Floats, probability: float) -> Floats:
    """E[z; z < q] / ``probability``, the mean of an innovation below its quantile q at ``probability``, (n,).

    Minus this is the expected shortfall of z. Closed forms of Rockafellar and Uryasev (2002) for the normal and of
    McNeil, Frey and Embrechts (2015, section 2.3) for the t; Hansen's density is two halves of a t, and a GED's size to
    the power nu is a gamma variable.
    """
    from scipy.special import gammaincc, gammaln, stdtr

    q = quantiles(distribution, shape, probability)
    if distribution == "normal":
        return np.asarray(-np.exp(-0.5 * q**2) / math.sqrt(2 * math.pi) / probability)
    nu = shape[:, 0]
    if distribution == "ged":
        half_mean = 0.5 * np.exp(gammaln(2 / nu) - 0.5 * (gammaln(1 / nu) + gammaln(3 / nu)))
        size = np.abs(q) * np.exp(0.5 * (gammaln(3 / nu) - gammaln(1 / nu)))
        return np.asarray(-half_mean * gammaincc(2 / nu, size**nu) / probability)
    if distribution == "t":
        return np.asarray(_t_below(nu, q) / probability)
    a, b, lam = _hansen(shape)
    left = probability < (1 - lam) / 2
    side = np.where(left, 1 - lam, 1 + lam)
    y = (b * q + a) / side
    # The mean of z is 0: what lies above q on the right half is minus what lies below it.
    beyond = stdtr(nu, np.where(left, y, -y) * np.sqrt(nu / (nu - 2)))
    mass = np.where(left, 1.0, -1.0) * a * beyond
    return np.asarray(side / b * (side * _t_below(nu, y) - mass) / probability)


def _t_below(nu: Floats, q: Floats) -> Floats:
    """E[y; y < q] of a t of unit variance; even in q."""
    from scipy.special import gammaln

    log_constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(math.pi * (nu - 2))
    density = np.exp(log_constant - (nu + 1) / 2 * np.log1p(q**2 / (nu - 2)))
    return np.asarray(-density * (nu - 2 + q**2) / (nu - 1))


def two_sided(distribution: DistributionName, shape: Floats) -> tuple[Floats, Floats, Floats]:
    """Values that stand for a distribution: above (n, HALF), below (n, HALF), and the weight of each above, (n,).

    Sizes at the probabilities (i + 1/2) / HALF of the symmetric distribution, with either sign; the skewed t scales
    and shifts them as Hansen's density does. Quantiles are read off a polynomial in the shape, exact to eleven digits:
    inverting a t distribution 2,500 times takes milliseconds.
    """
    n = len(shape)
    if distribution == "normal":
        sizes = np.broadcast_to(_normal_sizes(), (n, HALF))
        return sizes, -sizes, np.full(n, 0.5 / HALF)
    inverse = 1.0 / shape[:, 0]
    if distribution == "ged":
        sizes = _interpolated(_ged_table(), _GED_DOMAIN, np.log(inverse))
        return sizes, -sizes, np.full(n, 0.5 / HALF)
    sizes = _interpolated(_t_table(), _T_DOMAIN, inverse) * np.sqrt(1.0 - 2.0 * inverse)[:, None]
    if distribution == "t":
        return sizes, -sizes, np.full(n, 0.5 / HALF)
    a, b, lam = _hansen(shape)
    above = ((1 + lam)[:, None] * sizes - a[:, None]) / b[:, None]
    below = (-(1 - lam)[:, None] * sizes - a[:, None]) / b[:, None]
    return above, below, 0.5 * (1 + lam) / HALF


def _hansen(shape: Floats) -> tuple[Floats, Floats, Floats]:
    """Location a, scale b and skew of Hansen's density: z = (y - a) / b, with y two halves of a t."""
    from scipy.special import gammaln

    eta, lam = shape[:, 0], shape[:, 1]
    c = np.exp(gammaln((eta + 1) / 2) - gammaln(eta / 2)) / np.sqrt(math.pi * (eta - 2))
    a = 4 * lam * c * (eta - 2) / (eta - 1)
    return a, np.sqrt(1 + 3 * lam**2 - a**2), lam


def _skewt_below_zero(shape: Floats) -> tuple[Floats, Floats]:
    """E[-z; z < 0] and E[z^2; z < 0]: z is below zero where Hansen's y is below a."""
    from scipy.special import gammaln, stdtr

    eta = shape[:, 0]
    a, b, lam = _hansen(shape)
    unit = np.sqrt((eta - 2) / eta)

    def partial(x: Floats) -> tuple[Floats, Floats, Floats]:
        """E[1], E[tau] and E[tau^2] over tau <= x, for a t of unit variance."""
        t = x / unit
        log_density = gammaln((eta + 1) / 2) - gammaln(eta / 2) - 0.5 * np.log(math.pi * eta)
        density = np.exp(log_density - (eta + 1) / 2 * np.log1p(t**2 / eta))
        below = stdtr(eta, t)
        second = eta * (eta - 1) / (eta - 2) * stdtr(eta - 2, t * np.sqrt((eta - 2) / eta)) - eta * below
        return below, -unit * density * (eta + t**2) / (eta - 1), unit**2 * second

    zero = partial(np.zeros(len(eta)))
    left, right = partial(np.minimum(a, 0.0) / (1 - lam)), partial(np.maximum(a, 0.0) / (1 + lam))
    zeroth, first, second = (
        (1 - lam) ** (k + 1) * left[k] + (1 + lam) ** (k + 1) * (right[k] - zero[k]) for k in range(3)
    )
    return (a * zeroth - first) / b, (a**2 * zeroth - 2 * a * first + second) / b**2


def _probabilities() -> Floats:
    return (np.arange(HALF) + 0.5) / HALF


@cache
def _normal_sizes() -> Floats:
    from scipy.special import ndtri

    return np.asarray(ndtri(0.5 + 0.5 * _probabilities()))


def _nodes(domain: tuple[float, float]) -> Floats:
    low, high = domain
    return 0.5 * (low + high) - 0.5 * (high - low) * np.cos(math.pi * (np.arange(_NODES) + 0.5) / _NODES)


@cache
def _t_table() -> Floats:
    """Sizes of a t at the nodes of its inverse degrees of freedom, (nodes, HALF)."""
    from scipy.special import stdtrit

    return np.asarray(stdtrit((1.0 / _nodes(_T_DOMAIN))[:, None], 0.5 + 0.5 * _probabilities()))


@cache
def _ged_table() -> Floats:
    """Sizes of a GED of unit variance at the nodes of its log inverse shape, (nodes, HALF)."""
    from scipy.special import gammaincinv, gammaln

    inverse, p = np.exp(_nodes(_GED_DOMAIN))[:, None], _probabilities()
    root = np.asarray(gammaincinv(inverse, p))
    # Below the smallest floats the incomplete gamma function is its first term.
    log_root = np.where(root > 1e-200, np.log(np.maximum(root, 1e-300)), (np.log(p) + gammaln(1 + inverse)) / inverse)
    return np.asarray(np.exp(inverse * log_root + 0.5 * (gammaln(inverse) - gammaln(3 * inverse))))


def _interpolated(table: Floats, domain: tuple[float, float], at: Floats) -> Floats:
    """The polynomial through a table's nodes (barycentric, Chebyshev points of the first kind), (n, HALF)."""
    angles = math.pi * (np.arange(_NODES) + 0.5) / _NODES
    distance = at[:, None] - _nodes(domain)
    exact = distance == 0.0
    weights = (-1.0) ** np.arange(_NODES) * np.sin(angles) / np.where(exact, 1.0, distance)
    weights = np.where(exact.any(axis=1)[:, None], exact, weights)
    # Row by row: a product of matrices rounds a row otherwise in other company.
    return np.array([row @ table for row in weights / weights.sum(axis=1)[:, None]]).reshape(len(at), HALF)
