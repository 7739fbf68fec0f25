"""Trees against lightgbm called directly, on rows built by hand."""

from __future__ import annotations

import numpy as np
import pytest
from family_cases import FEATURES, HORIZON, fit_request, forecast_request, installed

from fleetspec.family import SeriesWindow
from fleetspec.panel.features import compute

TRAIN = 300


def test_equals_lightgbm_on_pooled_rows(windows):
    family = installed("lightgbm")
    import lightgbm

    features, target = [], []
    for window in windows:
        values = compute(FEATURES, window.returns, window.volume)
        for t in range(19, TRAIN - HORIZON):
            features.append(values[t])
            target.append(window.returns[t + 1] + window.returns[t + 2])
    scale = np.std(target)
    oracle = lightgbm.LGBMRegressor(
        n_estimators=20, num_leaves=6, learning_rate=0.1, min_child_samples=20, reg_lambda=1.0, max_bin=63, n_jobs=1,
        deterministic=True, force_row_wise=True, verbosity=-1,
    ).fit(np.array(features), np.array(target) / scale)  # fmt: skip
    params = {"n_estimators": "20", "num_leaves": "6", "learning_rate": "0.1", "bagging_fraction": "1"}
    fit = family.fit(fit_request(family, tuple(w.head(TRAIN) for w in windows), **params))
    assert fit.observations == len(target)
    assert fit.estimates["scale"] == pytest.approx(scale, rel=1e-12)
    made = family.forecast(forecast_request(family, fit, windows, TRAIN - 1, **params))
    rows = np.concatenate([compute(FEATURES, w.returns, w.volume)[TRAIN - 1 :] for w in windows])
    np.testing.assert_allclose(made.value, oracle.booster_.predict(rows) * scale, rtol=1e-9)
    assert np.ptp(made.value) > 0


def test_the_seed_draws_the_rows(windows):
    family = installed("lightgbm")
    fits = [family.fit(fit_request(family, windows[:1], seed=seed)) for seed in (1, 2)]
    assert fits[0].artifact != fits[1].artifact


def test_volume_may_be_missing(windows):
    family, window = installed("lightgbm"), windows[0]
    bare = SeriesWindow("bare", window.dates, window.returns, None)
    fit = family.fit(fit_request(family, (window.head(TRAIN), bare.head(TRAIN))))
    made = family.forecast(forecast_request(family, fit, (window, bare), 398))
    assert list(made.series) == ["SYN0001", "SYN0001", "bare", "bare"]
    assert np.isfinite(made.value).all()
