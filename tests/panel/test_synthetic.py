"""The synthetic market: stable to the byte, and with the statistics it promises."""

from __future__ import annotations

import numpy as np
import pytest

from fleetspec.panel import synthetic
from fleetspec.panel.sources import SourceError, SourceRequest, load


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
    assert (str(series.dates[0]), str(series.dates[-1])) == ("2025-01-01", "2025-12-31")
    assert (np.diff(series.dates).astype(int) > 0).all()
    assert np.is_busday(series.dates).all()
    assert series.missing == 0


def test_recursion_equals_a_plain_loop():
    z = np.random.default_rng(1).standard_normal((50, 2))
    paths = synthetic._garch_paths(z)
    for column in range(2):
        variance = 1e-5 / (1 - 0.05 - 0.90)
        for day in range(50):
            expected = variance**0.5 * z[day, column]
            assert paths[day, column] == pytest.approx(expected, rel=1e-12)
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
    ("settings", "message"),
    [
        ({"series": 5}, "needs its size"),
        ({"length": 5}, "needs its size"),
        ({"series": 0, "length": 5}, "at least one series"),
        ({"series": 1, "length": 5, "seed": -1}, "seed -1 is below 0"),
        ({"series": 1, "length": 5, "price": "close"}, "`price:` means nothing"),
    ],
)
def test_wrong_size(tmp_path, settings, message):
    with pytest.raises(SourceError, match=message):
        load(SourceRequest("synthetic:market", tmp_path, **settings))
