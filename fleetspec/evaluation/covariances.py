"""How good forecasts of covariance matrices were, against the returns that followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fleetspec.evaluation.pairing import sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.evaluation.judging import Period
    from fleetspec.evaluation.pairing import Dates, Floats, Predictions, Realised


class Matrices(NamedTuple):
    """Forecasts that have been realised, by origin: ``covariance`` (n, N, N) and the log ``returns`` (n, N) of the
    horizon after each."""

    origin: Dates
    covariance: Floats
    returns: Floats


def matrices(
    parts: Sequence[Predictions], horizon: int, series: Mapping[str, Realised], period: Period | None = None
) -> list[Matrices]:
    """Matrices of one horizon, a group of them for each set of series that forecasts have. An origin is left out where
    the horizon of one of its series is not over, or does not lie in the period."""
    found: dict[tuple[str, ...], list[tuple[np.datetime64, Floats, Floats]]] = {}
    after = {name: _after(whole, horizon, period) for name, whole in series.items()}
    for part in parts:
        rows = np.flatnonzero((part.quantity == "covariance") & (part.horizon == horizon))
        rows = rows[np.argsort(part.origin[rows], kind="stable")]
        edges = np.flatnonzero(part.origin[rows][1:] != part.origin[rows][:-1]) + 1
        for here in np.split(rows, edges) if len(rows) else ():
            names, covariance = _matrix(part, here)
            origin = part.origin[here[0]]
            returns = np.array([after[name].get(origin, np.nan) for name in names])
            if np.isfinite(returns).all():
                found.setdefault(names, []).append((origin, covariance, returns))
    groups = []
    for listed in found.values():
        listed.sort(key=lambda one: one[0])
        origins, made, followed = zip(*listed, strict=True)
        groups.append(Matrices(np.array(origins), np.array(made), np.array(followed)))
    return groups


def covariance_scores(
    parts: Sequence[Predictions], horizon: int, series: Mapping[str, Realised], period: Period | None = None
) -> dict[str, tuple[float, int]]:
    """Value and number of matrices by metric; empty where none has been realised.

    - ``matrix_qlike``: mean of (log |H| + r'H^-1 r) / N, a ranking that survives a noisy proxy (Patton and Sheppard
      2009; Laurent, Rombouts and Violante 2013);
    - ``matrix_mse``: mean over elements of (H - rr')^2;
    - ``portfolio_qlike``: Patton's (2011) of the portfolio of equal weights, log v + x^2 / v with v = 1'H1 / N^2;
    - ``least_variance``: mean squared return of the portfolio of least variance, weights H^-1 1 scaled to a sum of 1:
      the better the covariances, the lower it is (Engle and Colacito 2006).
    """
    groups = matrices(parts, horizon, series, period)
    columns: dict[str, list[Floats]] = {}
    for group in groups:
        for name, values in losses(group).items():
            columns.setdefault(name, []).append(values)
    joined = {name: np.concatenate(values) for name, values in columns.items()}
    return {name: (float(values.mean()), len(values)) for name, values in joined.items()}


def losses(group: Matrices) -> dict[str, Floats]:
    """Loss (n,) at each origin, by the metrics of :func:`covariance_scores`."""
    h, r = group.covariance, group.returns
    n = r.shape[1]
    ones = np.ones((len(h), n, 1))
    solved = np.linalg.solve(h, np.concatenate([r[:, :, None], ones], axis=2))
    distance = (r * solved[:, :, 0]).sum(axis=1)
    equal = h.sum(axis=(1, 2)) / n**2
    weights = solved[:, :, 1] / solved[:, :, 1].sum(axis=1, keepdims=True)
    return {
        "matrix_qlike": (np.linalg.slogdet(h)[1] + distance) / n,
        "matrix_mse": ((h - r[:, :, None] * r[:, None, :]) ** 2).mean(axis=(1, 2)),
        "portfolio_qlike": np.log(equal) + r.mean(axis=1) ** 2 / equal,
        "least_variance": (weights * r).sum(axis=1) ** 2,
    }


def _matrix(part: Predictions, rows: NDArray[np.intp]) -> tuple[tuple[str, ...], Floats]:
    names, codes = np.unique(np.concatenate([part.series[rows], part.others[rows]]), return_inverse=True)
    one, other = codes[: len(rows)], codes[len(rows) :]
    covariance = np.full((len(names), len(names)), np.nan)
    covariance[one, other] = covariance[other, one] = part.value[rows]
    if np.isnan(covariance).any():
        raise ValueError(f"a pair of {len(names)} series has no covariance at {part.origin[rows[0]]}")
    return tuple(map(str, names)), covariance


def _after(whole: Realised, horizon: int, period: Period | None) -> dict[np.datetime64, float]:
    """The return of the bars after each origin that has so many, all of them in the period."""
    if len(whole.returns) <= horizon:
        return {}
    inside = np.ones(len(whole.returns) - horizon, dtype=bool)
    if period is not None:
        days = whole.dates.astype("datetime64[D]")
        first, last = np.datetime64(period.first), np.datetime64(period.last)
        inside = (days[1 : len(days) - horizon + 1] >= first) & (days[horizon:] <= last)
    returns = sums(whole.returns, horizon)[1:]
    return dict(zip(whole.dates[:-horizon][inside], returns[inside].tolist(), strict=True))
