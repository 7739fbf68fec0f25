"""The elastic net against a pipeline of scikit-learn, and its purge."""

from __future__ import annotations

import numpy as np
import pytest
from family_cases import FEATURES, HORIZON, fit_request, forecast_request, installed

from fleetspec.family import Rejection, SeriesWindow
from fleetspec.panel.features import compute

TRAIN = 300


def without_volume(window: SeriesWindow) -> SeriesWindow:
    return SeriesWindow(window.series, window.dates, window.returns, None)


def rows_by_hand(window: SeriesWindow) -> tuple[np.ndarray, np.ndarray]:
    features = compute(FEATURES, window.returns, window.volume)
    kept, target = [], []
    for t in range(len(window)):
        if t + HORIZON < len(window) and np.isfinite(features[t]).all():
            kept.append(features[t])
            target.append(sum(window.returns[t + 1 : t + 1 + HORIZON]))
    return np.array(kept), np.array(target)


def test_equals_a_pipeline_of_scikit_learn(windows):
    family, window = installed("elasticnet"), windows[0].head(TRAIN)
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.linear_model import ElasticNet
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, target = rows_by_hand(window)
    oracle = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), ElasticNet(alpha=0.02, l1_ratio=0.3, tol=1e-12)), transformer=StandardScaler()
    ).fit(features, target)
    fit = family.fit(fit_request(family, (window,), alpha="0.02", l1_ratio="0.3"))
    assert fit.observations == len(target) == TRAIN - 19 - HORIZON
    made = family.forecast(forecast_request(family, fit, (windows[0],), TRAIN - 1))
    expected = oracle.predict(compute(FEATURES, windows[0].returns, windows[0].volume)[TRAIN - 1 :])
    np.testing.assert_allclose(made.value, expected, rtol=1e-6, atol=1e-12)
    assert np.ptp(made.value) > 0


def test_pooled_windows_are_one_regression(windows):
    family, used = installed("elasticnet"), tuple(window.head(TRAIN) for window in windows[:3])
    from sklearn.linear_model import ElasticNet

    rows = [rows_by_hand(window) for window in used]
    features, target = np.concatenate([x for x, _ in rows]), np.concatenate([y for _, y in rows])
    mean, scale = features.mean(axis=0), features.std(axis=0)
    oracle = ElasticNet(alpha=0.02, l1_ratio=0.3, tol=1e-12).fit(
        (features - mean) / scale, (target - target.mean()) / target.std()
    )
    fit = family.fit(fit_request(family, used, alpha="0.02", l1_ratio="0.3"))
    assert fit.observations == len(target)
    for name, coefficient in zip(FEATURES, oracle.coef_, strict=True):
        assert fit.estimates[f"coef[{name}]"] == pytest.approx(coefficient * target.std(), rel=1e-6, abs=1e-12)
    made = family.forecast(forecast_request(family, fit, tuple(windows[:3]), TRAIN - 1))
    assert set(made.series) == {window.series for window in used}


def test_estimates_have_names(windows):
    family = installed("elasticnet")
    estimates = family.fit(fit_request(family, (windows[0].head(TRAIN),))).estimates
    parts = {f"{part}[{name}]" for part in ("coef", "mean", "scale") for name in FEATURES}
    assert set(estimates) == parts | {"intercept"}


def test_a_large_penalty_leaves_the_mean(windows):
    family, window = installed("elasticnet"), windows[0].head(TRAIN)
    fit = family.fit(fit_request(family, (window,), alpha="10"))
    assert all(value == 0 for name, value in fit.estimates.items() if name.startswith("coef"))
    assert fit.estimates["intercept"] == pytest.approx(rows_by_hand(window)[1].mean(), rel=1e-12)


def test_a_series_without_volume_goes_without_its_features(windows):
    family, window = installed("elasticnet"), without_volume(windows[0])
    fit = family.fit(fit_request(family, (window.head(TRAIN),)))
    assert not any("volume_ratio" in name for name in fit.estimates)
    made = family.forecast(forecast_request(family, fit, (window,), TRAIN - 1))
    assert len(made) == len(window) - TRAIN + 1


def test_nothing_but_volume_features(windows):
    family = installed("elasticnet")
    request = fit_request(family, (without_volume(windows[0]),))
    with pytest.raises(Rejection, match="every feature needs volume"):
        family.fit(type(request)(request.windows, request.params, ("volume_ratio(20)",), HORIZON, 0))


def test_too_few_usable_rows(windows):
    family = installed("elasticnet")
    request = fit_request(family, (windows[0].head(80),))
    with pytest.raises(Rejection, match="18 usable rows, at least 30 are needed"):
        family.fit(type(request)(request.windows, request.params, ("momentum(61)",), HORIZON, 0))


def test_an_unknown_volume_skips_an_origin(windows):
    family, window = installed("elasticnet"), windows[0]
    fit = family.fit(fit_request(family, (window.head(TRAIN),)))
    volume = window.volume.copy()
    volume[370] = np.nan
    gap = SeriesWindow(window.series, window.dates, window.returns, volume)
    made = family.forecast(forecast_request(family, fit, (gap,), 365))
    # A look-back of 20 bars holds bar 370 from there to bar 389.
    np.testing.assert_array_equal(made.origin, window.dates[[*range(365, 370), *range(390, 400)]])
    with pytest.raises(Rejection, match="no origin has a value for every feature"):
        family.forecast(forecast_request(family, fit, (gap.head(380),), 372))
