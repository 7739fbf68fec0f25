"""Where minimisations begin: parameters inside, made for no particular series."""

from __future__ import annotations

from itertools import product

import numpy as np

from fleetspec.kernels.garch.types import Floats, Specification

_SHAPES = {"normal": (), "t": (1.0 / 8.0,), "skewt": (1.0 / 8.0, 0.0), "ged": (1.5,)}
_MEAN_SIZE = 0.8
"""E|z| of a normal variable, rounded: what a lag of |e| adds to a deviation."""


def grid(specification: Specification) -> Floats:
    """Parameters (c, k) of which the likeliest is the first start; the mean is the least-squares one."""
    if specification.process == "egarch":
        gammas = (0.0, -0.1) if specification.o else (0.0,)
        return points(specification, [(a, g, b) for a in (0.05, 0.15, 0.3) for g in gammas for b in (0.7, 0.92, 0.98)])
    gammas = (0.03, 0.12) if specification.o else (0.0,)
    spans = ((a, g, b) for a in (0.03, 0.08, 0.16) for g in gammas for b in (0.75, 0.93, 0.985))
    return points(specification, [(a, g, total) for a, g, total in spans if a + g / 2 < total])


def points(specification: Specification, levels: list[tuple[float, float, float]], split: bool = True) -> Floats:
    """Totals (alpha, gamma, persistence) as parameters; orders above one share a total in every way there is.

    For ``egarch`` the last figure is the total of beta, for the others it is alpha + gamma / 2 + beta.
    """
    rows = []
    for alpha, gamma, persistence in levels:
        if specification.process == "egarch":
            beta, omega = persistence, 0.0
        else:
            beta = persistence - alpha - gamma / 2 if specification.q else 0.0
            news = (alpha * bool(specification.p) + gamma / 2 * bool(specification.o)) * (
                _MEAN_SIZE if specification.process == "tgarch" else 1.0
            )
            omega = 1.0 - news - beta
        for shares in product(
            _shares(specification.p, split), _shares(specification.o, False), _shares(specification.q, split)
        ):
            row = [0.0] * len(specification.mean_names) + [omega]
            for total, parts in zip((alpha, gamma, beta), shares, strict=True):
                row += [total * part for part in parts]
            rows.append(row + list(_SHAPES[specification.distribution]))
    return np.array(rows, dtype=np.float64)


def _shares(order: int, split: bool) -> list[tuple[float, ...]]:
    if order <= 1:
        return [(1.0,) * order]
    even = (1.0 / order,) * order
    if not split:
        return [even]
    first, last = (1.0,) + (0.0,) * (order - 1), (0.0,) * (order - 1) + (1.0,)
    return [even, first, last]


def others(specification: Specification) -> Floats:
    """Starts (c, k) far from where the likeliest point of the grid leads: near a unit root, and near no memory."""
    if specification.process == "egarch":
        levels = [(-0.05, 0.0, 0.97), (0.3, -0.05, 0.5), (-0.1, -0.05, 0.6), (0.03, -0.05, 0.99)]
    elif specification.process == "tgarch":
        levels = [(0.03, 0.0, 0.998), (0.03, 0.05, 0.3), (0.005, 0.0, 0.95)]
    else:
        levels = [(0.005, 0.0, 0.998), (0.04, 0.06, 0.3)]
    return points(specification, levels)
