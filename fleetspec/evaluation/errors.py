"""How far point forecasts were from what followed: means over arrays (n,), lower is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleetspec.evaluation.pairing import sums

if TYPE_CHECKING:
    from fleetspec.evaluation.pairing import Floats


def rmse(forecast: Floats, realised: Floats) -> float:
    """Root mean squared error, in the unit of the forecast."""
    return float(np.sqrt(np.mean((forecast - realised) ** 2)))


def mae(forecast: Floats, realised: Floats) -> float:
    """Mean absolute error, in the unit of the forecast: the CRPS of a point forecast (Gneiting and Raftery 2007)."""
    return float(np.mean(np.abs(forecast - realised)))


def rmse_ratio_to_zero(forecast: Floats, realised: Floats) -> float:
    """RMSE over that of always forecasting 0: below 1 is skill, above 1 is worse than nothing. NaN if all realised
    values are 0."""
    naive = rmse(np.zeros_like(realised), realised)
    return rmse(forecast, realised) / naive if naive > 0 else float("nan")


def smape(forecast: Floats, realised: Floats) -> float:
    """Symmetric mean absolute percentage error (Makridakis 1993) as a fraction: the mean of 2 |f - y| / (|f| + |y|),
    from 0 to 2; 0 where both are 0. It says little of values around 0, which returns are."""
    size = np.abs(forecast) + np.abs(realised)
    return float(np.mean(np.where(size > 0, 2 * np.abs(forecast - realised) / np.where(size > 0, size, 1.0), 0.0)))


def qlike(variance: Floats, proxy: Floats) -> float:
    """Mean of log v + proxy / v (Patton 2011): the ranking of variance forecasts survives a noisy proxy such as the
    squared return. Lower is better; the level depends on the scale of returns."""
    return float(np.mean(np.log(variance) + proxy / variance))


def mase(forecast: Floats, realised: Floats, unit: Floats) -> float:
    """Mean absolute error, each in units of the naive error of its series (Hyndman and Koehler 2006): below 1 is better
    than taking the last value for the next. NaN where a unit is not above 0."""
    return float(np.mean(np.abs(forecast - realised) / unit)) if (unit > 0).all() else float("nan")


def naive_error(returns: Floats, horizon: int, target: str) -> float:
    """Mean absolute error, within ``returns`` (T,), of taking the last value for the next: the h-bar return before, or
    its square for ``variance``. NaN where there are too few bars."""
    if len(returns) <= 2 * horizon - 1:
        return float("nan")
    values = sums(returns, horizon)
    values = values**2 if target == "variance" else values
    return float(np.mean(np.abs(values[horizon:] - values[:-horizon])))
