"""What families on a measure of volatility share: the measure of a window as variances of its returns.

A measure sees less than the whole bar: realised variance and ranges leave the night out, and option prices carry a
premium. So it is scaled to the squared returns of the training window, which keeps its ups and downs and gives it their
level (Hansen and Lunde 2005).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from fleetspec.family import Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetspec.family import Floats, SeriesWindow


class Gauge(Struct, frozen=True, eq=False):
    """``values`` (T,) of a measure scaled to the variance of the window's returns, NaN where it is not known;
    ``scale`` is what it was multiplied by; ``mean`` is the mean log return of a bar."""

    values: Floats
    scale: float
    mean: float


def gauge(window: SeriesWindow, measure: str) -> Gauge:
    """A training window's measure. Raises Rejection where there are no values above 0."""
    if measure == "returns":
        raise Rejection("returns are no measure of volatility: write measure: realised, range or implied")
    values = window.observed(measure)
    known = np.isfinite(values)
    if (values[known] < 0).any():
        at = int(np.flatnonzero(known & (values < 0))[0])
        raise Rejection(f"the {measure} variance of bar {at + 1} is below 0")
    level = float(values[known].mean()) if known.any() else 0.0
    if level <= 0:
        raise Rejection(f"the series has no {measure} variance above 0")
    mean = float(window.returns.mean())
    scale = float(np.mean((window.returns[known] - mean) ** 2)) / level
    return Gauge(values * scale, scale, mean)


def readings(window: SeriesWindow, measure: str, estimates: Mapping[str, float]) -> Floats:
    """Returns in percent, or the centred logarithm of the scaled measure, NaN where that is not above 0: a model
    skips such bars."""
    if measure == "returns":
        return window.returns * 100
    values = window.observed(measure) * estimates["scale"]
    return np.log(np.where(values > 0, values, np.nan)) - estimates["centre"]
