"""Value at risk from variance, mean and tail, against sums done with scipy's quantiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from family_cases import installed

from fleetspec.family import ForecastRequest, Forecasts, Rejection, SeriesWindow

DATES = np.arange("2025-01-01", "2025-01-05", dtype="datetime64[D]")
WINDOW = SeriesWindow("A", DATES, np.array([0.01, -0.01, 0.02, 0.0]), None)
FIRST = 2


def member(variance, mean, nu, horizon=1, dates=DATES[FIRST:], series="A") -> Forecasts:
    return Forecasts.joined(
        Forecasts.block(series, dates, horizon, quantity, value)
        for quantity, value in (("variance", np.array(variance)), ("mean", mean), ("nu", nu))
    )


def at_risk(*members, levels=(0.99,), horizons=(1,)) -> Forecasts:
    family = installed("vol-scaled")
    found = family.forecast(
        ForecastRequest(None, (WINDOW,), FIRST, horizons, family.params(), (), levels=levels, members=members)
    )
    return found.at(found.quantity == "value_at_risk")


def test_normal_member_by_hand():
    # The 1 % quantile of a normal is -2.326347874; sqrt(0.0004) = 0.02, so 0.02 * 2.326347874 - 0.001.
    found = at_risk(member([0.0004, 0.0009], 0.001, math.inf))
    assert found.value == pytest.approx([0.02 * 2.326347874 - 0.001, 0.03 * 2.326347874 - 0.001], abs=1e-10)
    assert set(found.quantity) == {"value_at_risk"}
    assert list(found.level) == [0.99, 0.99]
    assert list(found.origin) == list(DATES[FIRST:])


def test_mean_over_members_against_scipy():
    stats = pytest.importorskip("scipy.stats")
    found = at_risk(
        member([0.0004, 0.0009], 0.001, 5.0), member([0.0001, 0.0004], -0.002, math.inf), levels=(0.99, 0.975)
    )
    for level in (0.99, 0.975):
        tail = stats.t.ppf(1 - level, 5, scale=math.sqrt(3 / 5))
        normal = stats.norm.ppf(1 - level)
        expected = [(-(0.001 + a * tail) - (-0.002 + b * normal)) / 2 for a, b in ((0.02, 0.01), (0.03, 0.02))]
        assert found.value[found.level == level] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("tail", "oracle"),
    [({"nu": 6.0, "skew": -0.3}, "SkewStudent"), ({"nu": math.inf, "power": 1.3}, "GeneralizedError")],
)
def test_tails_of_other_distributions_are_those_of_arch(tail, oracle):
    univariate = pytest.importorskip("arch.univariate")
    shape = [value for value in tail.values() if math.isfinite(value)]
    blocks = [
        Forecasts.block("A", DATES[FIRST:], 1, name, value)
        for name, value in ({"variance": 0.0004, "mean": 0.001} | tail).items()
    ]
    found = at_risk(Forecasts.joined(blocks))
    quantile = getattr(univariate, oracle)().ppf(0.01, np.array(shape))
    assert found.value == pytest.approx(-(0.001 + 0.02 * float(quantile)), rel=1e-9)


def test_quantile_has_variance_one():
    """The Student-t is scaled: over many levels its squared quantiles average to 1."""
    levels = tuple(np.linspace(0, 1, 4001)[1:-1])
    squares = at_risk(member([1.0, 1.0], 0.0, 12.0), levels=levels).value ** 2
    assert squares.mean() == pytest.approx(1.0, abs=0.01)


def test_horizons_are_kept_apart():
    both = Forecasts.joined([member([0.0001, 0.0001], 0.0, math.inf, 5), member([0.0004, 0.0004], 0.0, math.inf, 1)])
    found = at_risk(both, horizons=(1, 5))
    assert found.value[found.horizon == 1] == pytest.approx(2 * found.value[found.horizon == 5])


def test_members_may_hold_more_and_in_any_order():
    wide = member([0.01, 0.01, 0.0004, 0.0009], 0.001, math.inf, dates=DATES)
    backwards = np.arange(len(wide))[::-1]
    fields = ("series", "origin", "horizon", "quantity", "level", "value")
    shuffled = Forecasts(*(getattr(wide, name)[backwards] for name in fields))
    np.testing.assert_array_equal(at_risk(shuffled).value, at_risk(member([0.0004, 0.0009], 0.001, math.inf)).value)


@pytest.mark.parametrize(
    ("members", "levels", "reason"),
    [
        ((), (0.99,), "no member forecast"),
        ((member([0.1], 0.0, 5.0, dates=DATES[3:]),), (0.99,), "no variance over 1 bars at 2025-01-03"),
        ((member([0.1, 0.1], 0.0, 5.0, horizon=5),), (0.99,), "no variance over 1 bars"),
        ((member([0.1, 0.1], 0.0, 5.0, series="B"),), (0.99,), "no variance"),
        ((member([0.1, 0.1], 0.0, 5.0),), (), "at least one level"),
    ],
)
def test_what_cannot_be_scaled(members, levels, reason):
    with pytest.raises(Rejection, match=reason):
        at_risk(*members, levels=levels)


def test_a_short_position_by_hand():
    # The 99 % quantile of a normal is 2.326347874: above the mean for a short position, below it for a long one.
    family = installed("vol-scaled")
    members = (member([0.0004, 0.0009], 0.001, math.inf),)
    request = ForecastRequest(
        None, (WINDOW,), FIRST, (1,), family.params(), (), levels=(0.99,), members=members, side="short"
    )
    found = family.forecast(request)
    assert found.value[found.quantity == "value_at_risk"] == pytest.approx(
        [0.02 * 2.326347874 + 0.001, 0.03 * 2.326347874 + 0.001], abs=1e-10
    )


def shortfall(found: Forecasts) -> np.ndarray:
    return found.value[found.quantity == "expected_shortfall"]


@pytest.mark.parametrize(
    ("tail", "oracle"),
    [
        ({"nu": 5.0}, "StudentsT"),
        ({"nu": 6.0, "skew": -0.3}, "SkewStudent"),
        ({"nu": 4.0, "skew": 0.97}, "SkewStudent"),
        ({"nu": math.inf, "power": 1.3}, "GeneralizedError"),
        ({"nu": math.inf}, "Normal"),
    ],
)
@pytest.mark.parametrize("side", ["long", "short"])
def test_shortfall_is_the_mean_of_quantiles_beyond(tail, oracle, side):
    """Integrated over arch's quantiles, for both positions."""
    univariate = pytest.importorskip("arch.univariate")
    integrate = pytest.importorskip("scipy.integrate")
    shape = [value for value in tail.values() if math.isfinite(value)]
    blocks = [
        Forecasts.block("A", DATES[FIRST:], 1, name, value)
        for name, value in ({"variance": 0.0004, "mean": 0.001} | tail).items()
    ]
    family = installed("vol-scaled")
    found = family.forecast(
        ForecastRequest(
            None, (WINDOW,), FIRST, (1,), family.params(), (), (0.975,), (Forecasts.joined(blocks),), side=side
        )
    )
    quantile, sign = getattr(univariate, oracle)().ppf, 1 if side == "long" else -1
    at = (lambda p: p) if side == "long" else (lambda p: 1 - p)
    total, _ = integrate.quad(
        lambda p: sign * float(np.ravel(quantile(at(p), np.array(shape)))[0]), 0, 0.025, limit=200
    )
    assert shortfall(found) == pytest.approx(-(sign * 0.001 + 0.02 * total / 0.025), rel=1e-6)
    assert (shortfall(found) > found.value[found.quantity == "value_at_risk"]).all()
