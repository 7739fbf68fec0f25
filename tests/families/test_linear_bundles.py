"""The linear families in bundles: each answer is that of its job alone, whatever else is asked for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from family_cases import FEATURES, fit_request, forecast_request, installed
from msgspec.structs import replace

from fleetspec import factors
from fleetspec.factors import following, strung
from fleetspec.family import Fit, FitRequest, ForecastRequest, Forecasts, Rejection, SeriesWindow

NAMES = ("elasticnet", "lasso", "ridge")


def cut(window: SeriesWindow, begin: int, end: int) -> SeriesWindow:
    """Copies, as they come from a store: nothing tells that two are of one series but what they hold."""
    volume = None if window.volume is None else window.volume[begin:end].copy()
    return SeriesWindow(window.series, window.dates[begin:end].copy(), window.returns[begin:end].copy(), volume)


def bundle(family, windows) -> list[FitRequest]:
    """A walk over each series, with horizons, penalties and features that vary, pools, and what cannot be fitted."""
    requests = []
    for window in windows:
        for begin in (0, 3, 40, 41, 120):
            for horizon in (1, 2, 10):
                for alpha in ("0.01", "0.3"):
                    one = fit_request(family, (cut(window, begin, begin + 250),), alpha=alpha)
                    requests.append(replace(one, horizon=horizon))
        requests.append(replace(requests[-1], features=FEATURES[:2]))
    pool = tuple(cut(window, 0, 200) for window in windows)
    requests += [fit_request(family, pool, alpha=alpha) for alpha in ("0.01", "0.3")]
    requests.append(fit_request(family, tuple(cut(window, 20, 220) for window in windows)))
    requests.append(fit_request(family, (cut(windows[0], 0, 30),)))
    requests.append(replace(requests[0], windows=(replace(cut(windows[0], 0, 250), volume=None),)))
    spoilt = cut(windows[1], 0, 250)
    spoilt.volume[100] = np.nan
    requests.append(replace(requests[0], windows=(spoilt,)))
    return [requests[i] for i in np.random.default_rng(0).permutation(len(requests))]


def alone(call, request):
    try:
        return call(request)
    except Rejection as rejection:
        return rejection


def equal(one: object, other: object) -> bool:
    if isinstance(one, Forecasts) and isinstance(other, Forecasts):
        pairs = [(getattr(one, name), getattr(other, name)) for name in Forecasts.__struct_fields__]
        return all(a is b is None or a.tobytes() == b.tobytes() for a, b in pairs)
    if isinstance(one, Fit) and isinstance(other, Fit):
        return (list(one.estimates.items()), one.observations) == (list(other.estimates.items()), other.observations)
    return isinstance(one, Rejection) and isinstance(other, Rejection) and one.reason == other.reason


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_answers_as_each_job_alone(name, windows):
    family = installed(name)
    requests = bundle(family, windows)
    together = family.fit_many(requests)
    assert sum(isinstance(answer, Rejection) for answer in together) == 1
    assert all(equal(answer, alone(family.fit, request)) for answer, request in zip(together, requests, strict=True))
    half = family.fit_many(requests[::2])
    assert all(map(equal, half, together[::2]))

    asked = []
    for request, fit in zip(requests, together, strict=True):
        first = len(request.windows[0]) - 3
        one = forecast_request(family, fit if isinstance(fit, Fit) else None, request.windows, first)
        asked.append(replace(one, features=request.features))
    made = family.forecast_many(asked)
    assert all(equal(answer, alone(family.forecast, request)) for answer, request in zip(made, asked, strict=True))
    assert sum(isinstance(answer, Forecasts) for answer in made) == len(made) - 1


def test_what_bundles_share_is_computed_once(windows, monkeypatch):
    family, seen = installed("elasticnet"), []
    kept = factors.compute
    monkeypatch.setattr(factors, "compute", lambda names, *rest: seen.append(names) or kept(names, *rest))
    family.fit_many(bundle(family, windows))
    # Each series with all features and with two, one without volume, one whose volume has a hole.
    assert sum(len(names) > 1 for names in seen) == 3 + 3 + 1 + 1


def test_windows_that_overlap_are_pieces_of_a_strand(windows):
    a, b = windows[:2]
    parts = [cut(a, 50, 120), cut(b, 0, 90), cut(a, 0, 100), cut(a, 60, 80), cut(a, 200, 300), cut(a, 119, 130)]
    strands, pieces = strung(parts)
    assert sorted(len(strand.dates) for strand in strands) == [90, 100, 130]
    for part, piece in zip(parts, pieces, strict=True):
        strand, inside = strands[piece.strand], slice(piece.begin, piece.end)
        np.testing.assert_array_equal(strand.dates[inside], part.dates)
        np.testing.assert_array_equal(strand.returns[inside], part.returns)
        np.testing.assert_array_equal(strand.volume[inside], part.volume)


def test_windows_that_differ_share_nothing(windows):
    one, other = cut(windows[0], 0, 100), cut(windows[0], 20, 120)
    other.returns[40] += 1e-12
    assert len(strung([one, other])[0]) == 2
    assert len(strung([one, replace(cut(windows[0], 20, 120), volume=None)])[0]) == 2
    assert len(strung([one, replace(cut(windows[0], 20, 120), series="OTHER")])[0]) == 2
    # Split-adjusted volume is restated too.
    restated = cut(windows[0], 20, 120)
    restated.volume[3] *= 2
    assert len(strung([one, restated])[0]) == 2


def test_months_are_not_equally_long(windows):
    """Windows without a February have a longer step between bars, and are still fitted beside those with one."""
    family = installed("ridge")
    months = np.arange("1990-01", "2023-05", dtype="datetime64[M]").astype("datetime64[D]").astype("datetime64[s]")
    window = SeriesWindow("M", months, windows[0].returns, windows[0].volume)
    whole = [replace(fit_request(family, (cut(window, b, b + 100),))) for b in range(0, 300, 7)]
    sparse = SeriesWindow("M", months[2:][::12], windows[0].returns[2:][::12], windows[0].volume[2:][::12])
    assert (
        len({int(np.diff(r.windows[0].dates).min().astype(int)) for r in [*whole, fit_request(family, (sparse,))]}) == 2
    )
    answers = family.fit_many(whole)
    assert all(equal(a, family.fit(r)) for a, r in zip(answers, whole, strict=True))


def test_bars_closer_than_those_of_the_windows_around_them(windows):
    """Two windows of sparse bars with a dense one between: positions of the strand repeat, and nothing is lost."""
    family = installed("ridge")
    days = np.cumsum([2] * 150 + [1] * 100 + [2] * 150)
    window = SeriesWindow(
        "S", np.datetime64("2000-01-01", "s") + days * np.timedelta64(86_400, "s"), *_halves(windows[0])
    )
    spans = [(0, 150), (100, 250), (140, 260), (250, 400)]
    requests = [fit_request(family, (cut(window, *span),)) for span in spans]
    answers = family.fit_many(requests)
    assert all(isinstance(a, Fit) and equal(a, family.fit(r)) for a, r in zip(answers, requests, strict=True))


def _halves(window: SeriesWindow) -> tuple[np.ndarray, np.ndarray | None]:
    return window.returns, window.volume


def test_a_return_that_follows_is_a_sum():
    returns = np.random.default_rng(0).normal(0, 0.01, 50)
    for horizon in (1, 3, 49, 50, 60):
        after = following(returns, horizon)
        assert np.isnan(after[-horizon:]).all()
        expected = [returns[t + 1 : t + 1 + horizon].sum() for t in range(50 - horizon)]
        np.testing.assert_allclose(after[: max(50 - horizon, 0)], expected, rtol=1e-12, atol=1e-17)


def test_lasso_and_ridge_are_scikit_learns(windows):
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the oracle")
    window = windows[0]
    request = fit_request(installed("lasso"), (window,), alpha="0.02")
    (strand,), (piece,) = strung([window])
    x, y = factors.Tables([strand]).pool(FEATURES, (piece,), request.horizon)
    x, y = (x - x.mean(axis=0)) / x.std(axis=0), (y - y.mean())
    for name, oracle in (
        ("lasso", linear_model.Lasso(alpha=0.02, tol=1e-12)),
        ("ridge", linear_model.Ridge(alpha=0.02 * len(y))),
    ):
        fit = installed(name).fit(fit_request(installed(name), (window,), alpha="0.02"))
        expected = oracle.fit(x, y / y.std()).coef_ * y.std()
        found = [fit.estimates[f"coef[{feature}]"] for feature in FEATURES]
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)


def test_more_features_than_rows_and_features_that_are_each_other(windows):
    many = tuple(f"{kind}({n})" for kind in ("momentum", "reversal", "volatility") for n in range(2, 22))
    for name in NAMES:
        family = installed(name)
        request = replace(fit_request(family, (windows[0].head(75),)), features=many)
        fit = family.fit(request)
        assert fit.observations == 75 - 20 - 2 < len(many)
        assert np.isfinite(list(fit.estimates.values())).all()
        if name == "ridge":
            # A reversal is its momentum with the other sign, and so is what ridge gives it.
            for n in (2, 9, 21):
                pair = fit.estimates[f"coef[momentum({n})]"], fit.estimates[f"coef[reversal({n})]"]
                assert pair[0] == pytest.approx(-pair[1], rel=1e-6)


def test_returns_that_are_known_before_are_constant(windows):
    """What is learned has no variance though the series moves: every second bar undoes the one before."""
    window = windows[0]
    beat = SeriesWindow("B", window.dates, np.tile([0.01, -0.01], 200), window.volume)
    for name in NAMES:
        family = installed(name)
        with pytest.raises(Rejection, match="the returns to be learned are constant"):
            family.fit(replace(fit_request(family, (beat,)), horizon=2))


def test_forecasts_without_a_fit_and_from_too_short_a_past(windows):
    family = installed("ridge")
    fit = family.fit(fit_request(family, (windows[0].head(300),)))
    requests = [
        forecast_request(family, None, windows[:1], 399),
        forecast_request(family, fit, (windows[0].head(12),), 5),
        # Bars before the window are in the bundle and not in the window: the look-back is not full at bar 5.
        forecast_request(family, fit, (cut(windows[0], 200, 240),), 5),
        forecast_request(family, fit, (cut(windows[0], 190, 240),), 40),
    ]
    made = family.forecast_many(requests)
    assert [getattr(answer, "reason", None) for answer in made[:2]] == [
        "there is no fit to forecast from",
        "no origin has a value for every feature",
    ]
    assert list(made[2].origin) == list(windows[0].dates[219:240])
    assert list(made[3].origin) == list(windows[0].dates[230:240])
    assert isinstance(requests[0], ForecastRequest)


def test_defaults_differ_where_families_do(windows):
    found = {name: installed(name).params() for name in NAMES}
    penalties = {name: params.penalty for name, params in found.items()}
    assert penalties["elasticnet"] == (0.01, 0.5)
    assert penalties["lasso"] == (0.01, 1.0)
    assert penalties["ridge"][0] == 0.1
    assert np.isnan(penalties["ridge"][1])
    fits = [installed(name).fit(fit_request(installed(name), windows[:1])).estimates for name in NAMES]
    assert all(dict(one) != dict(other) for one, other in pairwise(fits))
