"""Trees against xgboost called directly, on rows built by hand."""

from __future__ import annotations

import numpy as np
import pytest
from family_cases import FEATURES, HORIZON, fit_request, forecast_request, installed

from fleetspec.family import Rejection, SeriesWindow
from fleetspec.panel.features import compute

TRAIN = 300


def test_equals_xgboost_on_pooled_rows(windows):
    family = installed("xgboost")
    import xgboost

    features, target = [], []
    for window in windows:
        values = compute(FEATURES, window.returns, window.volume)
        for t in range(19, TRAIN - HORIZON):
            features.append(values[t])
            target.append(window.returns[t + 1] + window.returns[t + 2])
    scale = np.std(target)
    oracle = xgboost.train(
        {"tree_method": "hist", "max_bin": 64, "max_depth": 2, "eta": 0.1, "subsample": 1.0, "min_child_weight": 5},
        xgboost.DMatrix(np.array(features), np.array(target) / scale),
        num_boost_round=20,
    )
    params = {"n_estimators": "20", "max_depth": "2", "learning_rate": "0.1", "subsample": "1"}
    fit = family.fit(fit_request(family, tuple(w.head(TRAIN) for w in windows), **params))
    assert fit.observations == len(target)
    assert fit.estimates["scale"] == pytest.approx(scale, rel=1e-12)
    made = family.forecast(forecast_request(family, fit, windows, TRAIN - 1, **params))
    rows = np.concatenate([compute(FEATURES, w.returns, w.volume)[TRAIN - 1 :] for w in windows])
    np.testing.assert_allclose(made.value, oracle.predict(xgboost.DMatrix(rows)) * scale, rtol=1e-4, atol=1e-7)
    assert np.ptp(made.value) > 0


def test_the_seed_draws_the_rows(windows):
    family = installed("xgboost")
    fits = [family.fit(fit_request(family, windows[:1], seed=seed)) for seed in (1, 2)]
    assert fits[0].artifact != fits[1].artifact


def test_volume_may_be_missing(windows):
    family, window = installed("xgboost"), windows[0]
    bare = SeriesWindow("bare", window.dates, window.returns, None)
    fit = family.fit(fit_request(family, (window.head(TRAIN), bare.head(TRAIN))))
    made = family.forecast(forecast_request(family, fit, (window, bare), 398))
    assert list(made.series) == ["SYN0001", "SYN0001", "bare", "bare"]
    assert np.isfinite(made.value).all()


def test_one_poisoned_member_is_named(windows):
    family = installed("xgboost")
    with pytest.raises(Rejection, match="SYN0002: 5 usable bars, at least 100 are needed"):
        family.fit(fit_request(family, (windows[0], windows[1].head(5))))


def test_too_few_usable_rows(windows):
    family = installed("xgboost")
    request = fit_request(family, (windows[0].head(110),))
    with pytest.raises(Rejection, match="9 usable rows, at least 50 are needed"):
        family.fit(type(request)(request.windows, request.params, ("momentum(100)",), HORIZON, 0))


def test_the_device_used_is_recorded(windows):
    family = installed("xgboost")
    assert family.fit(fit_request(family, windows[:1])).device == "cpu"
