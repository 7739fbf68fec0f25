"""Requests that every family's tests build the same way."""

from __future__ import annotations

import numpy as np
import pytest

from fleetspec.families import registry
from fleetspec.family import Family, Fit, FitRequest, ForecastRequest, Forecasts, SeriesWindow

FEATURES = ("momentum(5)", "momentum(20)", "rsi(14)", "bollinger(20)", "volume_ratio(20)")
SMALL = {
    "nbeats": {"backcast": "20", "hidden": "8", "blocks": "1", "layers": "1", "epochs": "1"},
    "xgboost": {"n_estimators": "10"},
    "lightgbm": {"n_estimators": "10"},
    "catboost": {"n_estimators": "10"},
    "prophet": {"yearly": "off"},
}
HORIZON = 2


def measure_of(family: Family) -> str:
    return "returns" if "returns" in family.measures else min(family.measures)


def installed(name: str) -> Family:
    """The family, or a skip that names what is missing."""
    family = registry()[name]
    for module in family.needs:
        pytest.importorskip(module, reason=f"{name} needs {module}: pip install 'fleetspec[{family.extra}]'")
    return family


def fit_request(
    family: Family, windows: tuple[SeriesWindow, ...], *, seed: int = 3, measure: str = "", **params: str
) -> FitRequest:
    return FitRequest(
        windows,
        family.params(**(SMALL.get(family.name, {}) | params)),
        FEATURES if family.uses_features else (),
        None if family.horizon_free else HORIZON,
        seed,
        measure=measure or measure_of(family),
    )


def forecast_request(
    family: Family,
    fit: Fit | None,
    windows: tuple[SeriesWindow, ...],
    first_origin: int,
    *,
    members: tuple[Forecasts, ...] = (),
    measure: str = "",
    **params: str,
) -> ForecastRequest:
    return ForecastRequest(
        fit,
        windows,
        first_origin,
        (1, HORIZON) if family.horizon_free else (HORIZON,),
        family.params(**(SMALL.get(family.name, {}) | params)),
        FEATURES if family.uses_features else (),
        levels=(0.99,) if family.transforms else (),
        members=members,
        seed=3,
        measure=measure or measure_of(family),
    )


def volatility_members(window: SeriesWindow, train: int, first_origin: int) -> tuple[Forecasts, ...]:
    """What garch and gjr forecast after a fit on the first ``train`` bars."""
    made = []
    for name in ("garch", "gjr"):
        family = installed(name)
        assert family.fit is not None
        fit = family.fit(fit_request(family, (window.head(train),)))
        made.append(family.forecast(forecast_request(family, fit, (window,), first_origin)))
    return tuple(made)


def rows(forecasts: Forecasts, quantity: str, horizon: int) -> np.ndarray:
    return forecasts.value[(forecasts.quantity == quantity) & (forecasts.horizon == horizon)]
