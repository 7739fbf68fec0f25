"""Where minimisations begin: parameters inside, made for no particular series."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fleetspec.kernels.garch.types import Floats, Specification

_SHAPES = {"normal": (), "t": (1.0 / 8.0,), "skewt": (1.0 / 8.0, 0.0), "ged": (1.5,)}
_WAYS = ("even", "first", "last")
Level = tuple[float, float, float]
_HIGH_ORDERS: list[tuple[Level, str, str]] = [
    ((0.005, 0.0, 0.998), "last", "last"), ((0.45, 0.0, 0.95), "even", "even"), ((0.005, 0.0, 0.998), "first", "last"),
    ((0.03, 0.0, 0.998), "even", "even"), ((0.45, 0.0, 0.985), "last", "even"), ((0.03, 0.0, 0.998), "even", "first"),
    ((0.005, 0.0, 0.985), "last", "last"), ((0.03, 0.0, 0.3), "first", "first"), ((0.45, 0.0, 0.75), "even", "first"),
    ((0.45, 0.0, 0.95), "even", "first"), ((0.005, 0.0, 0.6), "first", "even"), ((0.03, 0.0, 0.998), "even", "last"),
]  # fmt: skip
"""The first eleven of 378 that a greedy choice takes to find the lowest minima of simulated series, and one
chosen in the same way on others."""
_MEAN_SIZE = 0.8
"""E|z| of a normal variable, rounded: what a lag of |e| adds to a deviation."""


def _levels(specification: Specification) -> list[Level]:
    """Totals of alpha, gamma and persistence (``egarch``: beta) of the grid."""
    if specification.process == "egarch":
        gammas = (0.0, -0.1) if specification.o else (0.0,)
        levels = [(a, g, b) for a in (0.06, 0.2) for g in gammas for b in (0.7, 0.93, 0.985)]
    else:
        gammas = (0.03, 0.12) if specification.o else (0.0,)
        spans = ((a, g, total) for a in (0.03, 0.08, 0.16) for g in gammas for total in (0.75, 0.93, 0.985))
        levels = [(a, g, total) for a, g, total in spans if a + g / 2 < total]
    return levels


@cache
def grid(specification: Specification) -> Floats:
    """Parameters (levels, ways, k) of which a likely one is the first start; the mean is the least-squares one.

    Along the second axis are ways in which lags share a total, evenly first; with lags of one there is one way.
    """
    ways = list(product(_WAYS, _WAYS)) if max(specification.p, specification.q) > 1 else [("even", "even")]
    points = np.array([[point(specification, level, *way) for way in ways] for level in _levels(specification)])
    points.setflags(write=False)
    return points


@cache
def others(specification: Specification) -> Floats:
    """Starts (c, k) far from where the likeliest point of the grid leads: near a unit root, and near no memory.

    Orders above one have minima for every way in which lags can share a total, so they have more of these. Those of
    ``garch`` and ``gjr`` were chosen greedily on simulated series, by how often they find the lowest minimum.
    """
    if specification.process == "egarch":
        levels = [(-0.05, 0.0, 0.97), (0.3, -0.05, 0.5), (-0.1, -0.05, 0.6), (0.03, -0.05, 0.99)]
    elif specification.process == "tgarch":
        levels = [(0.03, 0.0, 0.998), (0.03, 0.05, 0.3), (0.005, 0.0, 0.95)]
    else:
        levels = [(0.005, 0.0, 0.9995), (0.1, 0.0, 0.3)]
        levels += [(0.005, 0.0, 0.99)] if specification.process == "garch" else []
    chosen = [(level, "even", "even") for level in levels]
    if max(specification.p, specification.q) > 1:
        if specification.process == "egarch":
            chosen = [
                (level, *way) for level in levels for way in (("even", "even"), ("last", "last"), ("even", "last"))
            ]
        else:
            chosen = _HIGH_ORDERS
    return _stacked(specification, chosen)


def twins(specification: Specification, points: Floats) -> Floats:
    """Points (rows, 5, k) as slow as ``points`` (rows, k) of two betas, which share what is slow in other ways.

    What a shock leaves of itself after many bars falls by the larger root r of r^2 = beta1 r + beta2 a bar. The twins
    keep r, and by a common factor of omega, alphas and gammas what all shocks and the constant come to: the same
    variances but for a few bars, so that the likelihood has a ridge along them and often several minima. Betas are all
    on the first, all on the last, or even, with the alphas of the point; and all on the first or even with what the
    alphas come to on the first. Where betas come to one there is no such factor: the twins are not finite.
    """
    last = len(points[0]) - len(specification.shape_names)
    first, second = points[:, last - 2], points[:, last - 1]
    root = 0.5 * (first + np.sqrt(first * first + 4.0 * np.maximum(second, 0.0)))
    even = root * root / (1.0 + root)
    made = np.repeat(points[:, None, :], 5, axis=1)
    made[:, (0, 3), last - 2], made[:, (0, 3), last - 1] = root[:, None], 0.0
    made[:, 1, last - 2], made[:, 1, last - 1] = 0.0, root * root
    made[:, (2, 4), last - 2] = made[:, (2, 4), last - 1] = even[:, None]
    constant = len(specification.mean_names)
    alphas = slice(constant + 1, constant + 1 + specification.p)
    total = points[:, alphas].sum(axis=1)
    made[:, 3:, alphas] = 0.0
    made[:, 3:, constant + 1] = total[:, None]
    rest = 1.0 - made[:, :, last - 2 : last].sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        made[:, :, constant : last - 2] *= (rest / (1.0 - first - second)[:, None])[:, :, None]
    return made


def _stacked(specification: Specification, chosen: list[tuple[Level, str, str]]) -> Floats:
    """Each point once: with one lag there is one way to share."""
    rows = dict.fromkeys(point(specification, *one) for one in chosen)
    stacked = np.array(list(rows), dtype=np.float64)
    stacked.setflags(write=False)
    return stacked


def point(specification: Specification, level: Level, alphas: str, betas: str) -> tuple[float, ...]:
    """Totals of alpha, gamma and persistence as parameters inside, with a mean square of one or nearly.

    For ``egarch`` the last total is that of beta, for the others alpha + gamma / 2 + beta.
    """
    alpha, gamma, persistence = (
        total * bool(order) for total, order in zip(level, (specification.p, specification.o, 1), strict=True)
    )
    if specification.process == "egarch":
        beta, omega = persistence * bool(specification.q), 0.0
    else:
        beta = (persistence - alpha - gamma / 2) * bool(specification.q)
        size = _MEAN_SIZE if specification.process == "tgarch" else 1.0
        omega = 1.0 - size * (alpha + gamma / 2) - beta
    shared = (
        *_shared(alpha, specification.p, alphas),
        *_shared(gamma, specification.o, "even"),
        *_shared(beta, specification.q, betas),
    )
    return (*(0.0,) * len(specification.mean_names), omega, *shared, *_SHAPES[specification.distribution])


def _shared(total: float, order: int, way: str) -> tuple[float, ...]:
    """A total over lags: evenly, or all on the first or the last."""
    if way == "even":
        return (total / max(order, 1),) * order
    alone = 0 if way == "first" else order - 1
    return tuple(total if lag == alone else 0.0 for lag in range(order))
