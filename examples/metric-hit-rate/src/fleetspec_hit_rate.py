"""How often the sign of a forecast was right (Pesaran and Timmermann 1992 test it)."""

from __future__ import annotations

import numpy as np

from fleetspec.evaluation.plugins import Metric


def hit_rate(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Share of forecasts (n,) with the sign of what came, of those where neither is 0; NaN where there are none."""
    told = (predicted != 0) & (observed != 0)
    return float(np.mean(np.sign(predicted[told]) == np.sign(observed[told]))) if told.any() else float("nan")


METRIC = Metric("hit-rate", "1", "share of forecasts with the right sign", frozenset({"return"}), hit_rate)
