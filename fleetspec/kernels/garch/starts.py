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
_MEAN_SIZE = 0.8
"""E|z| of a normal variable, rounded: what a lag of |e| adds to a deviation."""


@cache
def grid(specification: Specification) -> Floats:
    """Parameters (c, k) of which the likeliest is the first start; the mean is the least-squares one."""
    if specification.process == "egarch":
        gammas = (0.0, -0.1) if specification.o else (0.0,)
        levels = [(a, g, b) for a in (0.06, 0.2) for g in gammas for b in (0.7, 0.93, 0.985)]
    else:
        gammas = (0.03, 0.12) if specification.o else (0.0,)
        spans = ((a, g, total) for a in (0.03, 0.08, 0.16) for g in gammas for total in (0.75, 0.93, 0.985))
        levels = [(a, g, total) for a, g, total in spans if a + g / 2 < total]
    return _stacked(
        specification, [(level, alphas, betas) for level in levels for alphas, betas in product(_WAYS, _WAYS)]
    )


@cache
def others(specification: Specification) -> Floats:
    """Starts (c, k) far from where the likeliest point of the grid leads: near a unit root, and near no memory.

    Orders above one have minima for every way in which lags can share a total, so they have more of these.
    """
    if specification.process == "egarch":
        levels = [(-0.05, 0.0, 0.97), (0.3, -0.05, 0.5), (-0.1, -0.05, 0.6), (0.03, -0.05, 0.99)]
    elif specification.process == "tgarch":
        levels = [(0.03, 0.0, 0.998), (0.03, 0.05, 0.3), (0.005, 0.0, 0.95)]
    else:
        levels = [(0.005, 0.0, 0.998), (0.04, 0.06, 0.3)]
    chosen = [(level, "even", "even") for level in levels]
    if max(specification.p, specification.q) > 1:
        unit, short = levels[0], levels[1]
        chosen = [
            (unit, "last", "even"), (unit, "even", "last"), (unit, "first", "first"), (unit, "last", "last"),
            ((0.25, 0.0, 0.95), "first", "even"), ((0.25, 0.0, 0.95), "first", "first"),
            ((0.1, 0.0, 0.93), "last", "even"), ((0.1, 0.0, 0.93), "even", "last"), (short, "even", "first"),
        ]  # fmt: skip
    return _stacked(specification, chosen)


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
