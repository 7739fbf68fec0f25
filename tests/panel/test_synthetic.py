"""The synthetic market: stable to the byte, and with the statistics it promises."""

from __future__ import annotations

import numpy as np
import pytest

from fleetspec.panel import synthetic
from fleetspec.panel.series import stamp_text
from fleetspec.panel.sources import SourceError, SourceRequest, load
from fleetspec.units import BarSize


def market(tmp_path, series=3, length=300, seed=7, only=None):
    return load(SourceRequest("synthetic:market", tmp_path, series=series, length=length, seed=seed), only)


def test_a_series_does_not_depend_on_the_others(tmp_path):
    small, large = market(tmp_path), market(tmp_path, series=40)
    one = market(tmp_path, series=40, only=["SYN0003", "NOPE"])
    assert list(small) == ["SYN0001", "SYN0002", "SYN0003"]
    assert list(one) == ["SYN0003"]
    assert small["SYN0003"].digest() == large["SYN0003"].digest() == one["SYN0003"].digest()


def test_series_and_seeds_differ(tmp_path):
    digests = {s.digest() for seed in (0, 1) for s in market(tmp_path, series=20, seed=seed).values()}
    assert len(digests) == 40


def test_length_and_dates(tmp_path):
    series = market(tmp_path, series=1, length=261)["SYN0001"]
    assert len(series) == 261
    # 2025 has 261 weekdays: 365 days are 52 weeks (260 weekdays) and one more Wednesday.
    assert (stamp_text(series.dates[0]), stamp_text(series.dates[-1])) == ("2025-01-01", "2025-12-31")
    assert (np.diff(series.dates).astype(int) > 0).all()
    assert np.is_busday(series.dates.astype("datetime64[D]")).all()
    assert series.missing == 0


def test_recursion_equals_a_plain_loop():
    z = np.random.default_rng(1).standard_normal((50, 2))
    paths, variances = synthetic._garch_paths(z)
    for column in range(2):
        variance = 1e-5 / (1 - 0.05 - 0.90)
        for day in range(50):
            expected = variance**0.5 * z[day, column]
            assert paths[day, column] == pytest.approx(expected, rel=1e-12)
            assert variances[day, column] == pytest.approx(variance, rel=1e-12)
            variance = 1e-5 + 0.05 * expected**2 + 0.90 * variance


def test_statistics(tmp_path):
    found = market(tmp_path, series=150, length=1500, seed=11)
    returns = np.array([s.returns for s in found.values()])
    volume = np.array([s.volume for s in found.values()])
    # Own variance 1e-5 / 0.05 = 2e-4, times 0.95 + 0.05 * 9 for the shocks = 2.8e-4; the market adds beta^2 * 2e-4,
    # with E[beta^2] = 1 + 1/12.
    assert returns.var(axis=1).mean() == pytest.approx(2.8e-4 + 2e-4 * 13 / 12, rel=0.15)
    # Two series share the market alone: correlation 2e-4 / (2.8e-4 + 2.17e-4) or so.
    correlation = np.corrcoef(returns)[np.triu_indices(150, 1)].mean()
    assert 0.3 < correlation < 0.5
    kurtosis = ((returns - returns.mean(axis=1, keepdims=True)) ** 4).mean(axis=1) / returns.var(axis=1) ** 2
    assert np.median(kurtosis) > 3.5
    rising = [np.corrcoef(np.abs(r), np.log(v))[0, 1] for r, v in zip(returns, volume, strict=True)]
    assert np.mean(rising) > 0.2


@pytest.mark.parametrize(
    ("bar", "last", "a_day"),
    [("5m", ["2025-12-31 15:55", "2025-12-31 16:00"], 78), ("1h", ["2025-12-31 15:00", "2025-12-31 16:00"], 6),
     ("4h", ["2025-12-30 16:00", "2025-12-31 16:00"], 1), ("1 week", ["2025-12-19", "2025-12-26"], 0),
     ("1 month", ["2025-11-28", "2025-12-31"], 0), ("1 quarter", ["2025-09-30", "2025-12-31"], 0)],
)  # fmt: skip
def test_bars_of_any_size(tmp_path, bar, last, a_day):
    size = BarSize.parse(bar)
    found = load(SourceRequest("synthetic:market", tmp_path, series=40, length=400, seed=5, bar=size))
    dates = found["SYN0001"].dates
    assert len(dates) == 400
    assert (np.diff(dates).astype(int) > 0).all()
    assert [stamp_text(stamp) for stamp in dates[-2:]] == last
    days = dates.astype("datetime64[D]")
    assert np.is_busday(days).all()
    clock = (dates - days).astype("timedelta64[m]").astype(int)
    if a_day:
        # A bar of 09:30 to 16:00 ends after it began.
        assert clock.min() >= 9 * 60 + 30 + size.minutes
        assert clock.max() == 16 * 60
        assert (days == days[-1]).sum() == a_day
    else:
        assert not clock.any()
    variance = np.array([s.returns for s in found.values()]).var(axis=1).mean()
    assert variance == pytest.approx(size.sessions * (2.8e-4 + 2e-4 * 13 / 12), rel=0.3)


def test_measures_are_of_the_true_variance(tmp_path):
    found = market(tmp_path, series=60, length=1500, seed=11)
    returns = np.array([s.returns for s in found.values()])
    measured = {m: np.array([s.measures[m] for s in found.values()]) for m in ("realised", "range", "implied")}
    for values in measured.values():
        assert (values > 0).all()
        assert values.mean() == pytest.approx((returns**2).mean(), rel=0.05)
    # The noise is that of 78 and of 4.9 squared returns: realised variance says more of the bar than its range does.
    fit = {m: np.corrcoef(values.ravel(), (returns**2).ravel())[0, 1] for m, values in measured.items()}
    assert fit["realised"] > fit["range"] > 0.2
    # Implied volatility is about the next bar: it knows more of it than what was realised before.
    ahead = {
        m: np.corrcoef(values[:, :-1].ravel(), (returns[:, 1:] ** 2).ravel())[0, 1] for m, values in measured.items()
    }
    assert ahead["implied"] > 1.5 * ahead["realised"] > 0.05


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"series": 5}, "needs its size"),
        ({"length": 5}, "needs its size"),
        ({"series": 10**9, "length": 1250}, "does not fit into memory"),
        ({"series": 0, "length": 5}, "at least one series"),
        ({"series": 1, "length": 5, "seed": -1}, "seed -1 is below 0"),
        ({"series": 1, "length": 5, "price": "close"}, "`price:` means nothing"),
    ],
)
def test_wrong_size(tmp_path, settings, message):
    with pytest.raises(SourceError, match=message):
        load(SourceRequest("synthetic:market", tmp_path, **settings))
