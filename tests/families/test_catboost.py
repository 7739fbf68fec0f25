"""Trees against catboost called directly, on rows built by hand."""

from __future__ import annotations

import numpy as np
import pytest
from family_cases import FEATURES, HORIZON, fit_request, forecast_request, installed

from fleetspec.family import SeriesWindow
from fleetspec.panel.features import compute

TRAIN = 300


def test_equals_catboost_on_pooled_rows(windows):
    family = installed("catboost")
    import catboost

    features, target = [], []
    for window in windows:
        values = compute(FEATURES, window.returns, window.volume)
        for t in range(19, TRAIN - HORIZON):
            features.append(values[t])
            target.append(window.returns[t + 1] + window.returns[t + 2])
    scale = np.std(target)
    # Every option that is not a parameter of the family is CatBoost's default here.
    oracle = catboost.CatBoostRegressor(
        iterations=20, max_depth=4, eta=0.1, reg_lambda=2.0, subsample=1.0, bootstrap_type="Bernoulli",
        random_strength=0.0, max_bin=63, boosting_type="Plain", thread_count=1, allow_writing_files=False,
        verbose=False,
    ).fit(np.array(features), np.array(target) / scale)  # fmt: skip
    params = {
        "n_estimators": "20", "depth": "4", "learning_rate": "0.1", "l2_leaf_reg": "2", "subsample": "1",
        "random_strength": "0",
    }  # fmt: skip
    fit = family.fit(fit_request(family, tuple(w.head(TRAIN) for w in windows), **params))
    assert fit.observations == len(target)
    assert fit.estimates["scale"] == pytest.approx(scale, rel=1e-12)
    made = family.forecast(forecast_request(family, fit, windows, TRAIN - 1, **params))
    rows = np.concatenate([compute(FEATURES, w.returns, w.volume)[TRAIN - 1 :] for w in windows])
    np.testing.assert_allclose(made.value, oracle.predict(rows) * scale, rtol=1e-9)
    assert np.ptp(made.value) > 0


def test_the_artifact_has_no_time_and_no_name(windows):
    family = installed("catboost")
    fits = [family.fit(fit_request(family, windows[:1], seed=seed)) for seed in (1, 1, 2)]
    assert fits[0].artifact == fits[1].artifact
    assert fits[0].artifact != fits[2].artifact
    assert b"train_finish_time" not in fits[0].artifact


def test_volume_may_be_missing(windows):
    family, window = installed("catboost"), windows[0]
    bare = SeriesWindow("bare", window.dates, window.returns, None)
    fit = family.fit(fit_request(family, (window.head(TRAIN), bare.head(TRAIN))))
    made = family.forecast(forecast_request(family, fit, (window, bare), 398))
    assert list(made.series) == ["SYN0001", "SYN0001", "bare", "bare"]
    assert np.isfinite(made.value).all()
