"""Rows for ``fleetspec/catalog/measured.yaml``: how long a job of a family that answers bundles takes in one.

    python bench/profiles.py [garch gjr egarch tgarch elasticnet lasso ridge]

Ten bundles of 120 series of the synthetic market, one window each, default parameters, for linear families five
features, one thread. Seconds are of the processor, the better of two calls, shared out over the bundle; a row has their
median at 1,000 bars, the exponent between 500 and 2,000 bars, the spread of log seconds over bundles, and the number of
series. Before them stands what arch takes for a GARCH(1,1) with Student t here and now: on a quiet core it is 14 ms, so
a larger figure tells how busy the machine is.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np

from fleetspec.families import registry
from fleetspec.family import Family, FitRequest, ForecastRequest, Rejection, SeriesWindow
from fleetspec.kernels.arch_fit import estimate
from fleetspec.kernels.garch import Specification
from fleetspec.panel.series import Series
from fleetspec.panel.synthetic import market

BUNDLES, SIZE, LENGTHS, SEED = 10, 120, (500, 1000, 2000), 3
FEATURES = ("momentum(5)", "momentum(20)", "rsi(14)", "bollinger(20)", "volume_ratio(20)")


def seconds_each(call: Callable[[Sequence[Any]], Any], requests: Sequence[Any]) -> float:
    best = math.inf
    for _ in range(2):
        begun = time.process_time()
        call(requests)
        best = min(best, (time.process_time() - begun) / len(requests))
    return best


def window(series: Series, bars: int) -> SeriesWindow:
    assert series.volume is not None
    return SeriesWindow(series.name, series.dates[-bars:], series.returns[-bars:], series.volume[-bars:])


def timed(family: Family, panel: list[Series], bars: int) -> tuple[list[float], list[float]]:
    """Seconds per fit and per forecast, one figure a bundle."""
    assert family.fit_many is not None
    assert family.forecast_many is not None
    params, features = family.params(), FEATURES if family.uses_features else ()
    fits, forecasts = [], []
    for begin in range(0, len(panel), SIZE):
        windows = [window(series, bars) for series in panel[begin : begin + SIZE]]
        requests = [FitRequest((one,), params, features, None if family.horizon_free else 1, 0) for one in windows]
        fits.append(seconds_each(family.fit_many, requests))
        ahead = [
            ForecastRequest(fit, request.windows, bars - 1, (1, 5) if family.horizon_free else (1,), params, features)
            for request, fit in zip(requests, family.fit_many(requests), strict=True)
            if not isinstance(fit, Rejection)
        ]
        forecasts.append(seconds_each(family.forecast_many, ahead))
    return fits, forecasts


def row(by_length: dict[int, list[float]]) -> str:
    median = {bars: float(np.median(seconds)) for bars, seconds in by_length.items()}
    exponent = math.log(median[LENGTHS[2]] / median[LENGTHS[0]]) / math.log(LENGTHS[2] / LENGTHS[0])
    spread = float(np.std(np.log(by_length[LENGTHS[1]])))
    return f"[{median[LENGTHS[1]]:.6f}, {exponent:.2f}, {spread:.2f}, {BUNDLES * SIZE}]"


def arch_seconds(panel: list[Series], count: int = 12) -> float:
    specification = Specification("garch", distribution="t")
    windows = [100 * series.returns[-LENGTHS[1] :] for series in panel[:count]]
    estimate(windows[0], specification)
    begun = time.process_time()
    for window in windows:
        estimate(window, specification)
    return (time.process_time() - begun) / count


def main() -> None:
    panel = list(market(BUNDLES * SIZE, LENGTHS[-1], SEED).values())
    print(f"arch: {1000 * arch_seconds(panel):.1f} ms", flush=True)
    for name in sys.argv[1:] or ["garch", "gjr", "egarch", "tgarch", "elasticnet", "lasso", "ridge"]:
        family = registry()[name]
        assert family.warm is not None
        family.warm(family.params())
        figures = {bars: timed(family, panel, bars) for bars in LENGTHS}
        fit, forecast = (row({bars: pair[k] for bars, pair in figures.items()}) for k in (0, 1))
        print(f"{name}: {{fit: {fit}, forecast: {forecast}}}", flush=True)


if __name__ == "__main__":
    main()
