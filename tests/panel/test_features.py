"""Every factor against a plain loop over its definition, and none that sees the future."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetspec.panel.features import (
    FEATURES,
    FeatureError,
    canonical,
    compute,
    examples,
    lookback,
    needs_volume,
    parse,
)

BARS = 5
NAMES = tuple(f"{name}({BARS})" for name in FEATURES)


@pytest.fixture
def market() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.normal(0, 0.01, 60), rng.integers(1, 1000, 60).astype(float)


def by_hand(name: str, returns: list[float], volume: list[float]) -> float:
    """The last value of a feature over exactly its look-back, in plain Python."""
    if name == "momentum":
        return math.fsum(returns)
    if name == "reversal":
        return -math.fsum(returns)
    if name == "rsi":
        gains = math.fsum(r for r in returns if r > 0)
        losses = -math.fsum(r for r in returns if r < 0)
        return 100 * gains / (gains + losses)
    if name == "bollinger":
        levels, level = [], 0.0
        for r in returns:
            level += r
            levels.append(level)
        mean = math.fsum(levels) / len(levels)
        deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in levels) / len(levels))
        return (levels[-1] - mean) / (2 * deviation)
    if name == "volatility":
        mean = math.fsum(returns) / len(returns)
        return math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / (len(returns) - 1))
    assert name == "volume_ratio"
    return volume[-1] / (math.fsum(volume) / len(volume))


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_equals_a_plain_loop(name, market):
    returns, volume = market
    values = compute([f"{name}({BARS})"], returns, volume)[:, 0]
    assert np.isnan(values[: BARS - 1]).all()
    for t in range(BARS - 1, len(returns)):
        window = slice(t - BARS + 1, t + 1)
        expected = by_hand(name, list(returns[window]), list(volume[window]))
        assert values[t] == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_the_future_changes_nothing(name, market):
    returns, volume = market
    before = compute([name], returns, volume)
    later_returns, later_volume = returns.copy(), volume.copy()
    later_returns[40:] = 9.9
    later_volume[40:] = 1e9
    after = compute([name], later_returns, later_volume)
    np.testing.assert_array_equal(after[:40], before[:40])
    assert (after[40:] != before[40:]).any()


def test_values_do_not_depend_on_where_a_window_starts(market):
    returns, volume = market
    whole = compute(NAMES, returns, volume)
    part = compute(NAMES, returns[17:], volume[17:])
    np.testing.assert_array_equal(part[BARS - 1 :], whole[17 + BARS - 1 :])


def test_edges():
    flat = np.zeros(10)
    values = compute(["rsi(3)", "bollinger(3)", "volume_ratio(3)"], flat, flat)
    assert values[5, 0] == 50.0
    assert values[5, 1] == 0.0
    assert np.isnan(values[5, 2])
    assert np.isnan(compute(["volume_ratio(3)"], flat, None)).all()
    assert np.isnan(compute(["momentum(11)"], flat, None)).all()
    assert compute(["rsi(3)"], np.array([0.1, 0.1, 0.1]), None)[2, 0] == 100.0


def test_examples_end_with_the_window():
    returns = np.arange(1.0, 11.0)
    features, target = examples(["momentum(3)"], returns, None, horizon=2)
    # Bar 2 sees 1+2+3 and is followed by 4+5; bar 7 sees 6+7+8 and is followed by 9+10; later ones have no label.
    np.testing.assert_array_equal(features[:, 0], [6.0, 9.0, 12.0, 15.0, 18.0, 21.0])
    np.testing.assert_array_equal(target, [9.0, 11.0, 13.0, 15.0, 17.0, 19.0])
    assert len(examples(["momentum(3)"], returns[:4], None, horizon=2)[1]) == 0


def test_names():
    assert parse("momentum(5)") == ("momentum", (5,))
    assert canonical(" rsi( 14 ) ") == "rsi(14)"
    assert needs_volume("volume_ratio(20)")
    assert not needs_volume("rsi(14)")
    assert lookback(["momentum(5)", "rsi(14)"]) == 14


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        ("momentun(5)", "no feature 'momentun'", "did you mean 'momentum'"),
        ("macd(5)", "no feature 'macd'", "known: bollinger(n)"),
        ("rsi", "needs one number", "rsi(20)"),
        ("rsi(a)", "needs one number", "rsi(20)"),
        ("rsi(5, 6)", "needs one number", "rsi(20)"),
        ("rsi(0)", "too few bars", "1 or more"),
        ("volatility(1)", "too few bars", "2 or more"),
        ("rsi(5", "needs one number", "rsi(20)"),
        ("", "no feature ''", "known:"),
    ],
)
def test_wrong_names(text, message, help):
    with pytest.raises(FeatureError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert help in caught.value.help
