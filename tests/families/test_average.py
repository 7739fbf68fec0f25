"""Averages of forecasts, done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from family_cases import installed, rows

from fleetspec.families.average import akaike_weights
from fleetspec.family import Fit, ForecastRequest, Forecasts, Rejection, SeriesWindow

DATES = np.arange("2025-01-01", "2025-01-07", dtype="datetime64[D]").astype("datetime64[s]")


def window(name: str, dates=DATES) -> SeriesWindow:
    return SeriesWindow(name, dates, np.zeros(len(dates)), None)


def block(quantity: str, values, first: int = 3, series: str = "A", horizon: int = 1) -> Forecasts:
    return Forecasts.block(series, DATES[first : first + len(values)], horizon, quantity, np.array(values, dtype=float))


def average(*members: Forecasts, windows=None, horizons=(1,)) -> Forecasts:
    family = installed("average")
    windows = windows or (window("A"),)
    return family.forecast(ForecastRequest(None, windows, 3, horizons, family.params(), (), members=members))


def test_a_mean_of_returns_over_any_number_of_members():
    made = average(block("return", [0.1, 0.2, 0.3]), block("return", [0.3, 0.0, 0.0]), block("return", [0.2, 0.1, 0.9]))
    assert list(rows(made, "return", 1)) == pytest.approx([0.2, 0.1, 0.4])
    assert list(made.origin) == list(DATES[3:])


def test_members_without_an_origin_keep_it_out():
    made = average(block("return", [0.1, 0.2, 0.3]), block("return", [0.4], first=4))
    assert list(made.value) == pytest.approx([0.3])
    assert list(made.origin) == [DATES[4]]


def test_rows_may_lie_in_any_order_and_beside_others():
    one = block("return", [0.1, 0.2, 0.3])
    other = Forecasts.joined([block("return", [9.0] * 3, series="B"), block("return", [8.0] * 3, horizon=5), one])
    turned = other.at(np.argsort(other.value, kind="stable")[::-1])
    assert list(average(one, turned).value) == pytest.approx([0.1, 0.2, 0.3])


def test_a_variance_brings_its_mean_and_tail():
    members = [
        Forecasts.joined([block("variance", [v] * 3), block("mean", [m] * 3), block("nu", [nu] * 3)])
        for v, m, nu in ((1e-4, 0.001, 5.0), (3e-4, 0.003, math.inf))
    ]
    made = average(*members)
    assert rows(made, "variance", 1) == pytest.approx([2e-4] * 3)
    assert rows(made, "mean", 1) == pytest.approx([0.002] * 3)
    # 1 / ((1/5 + 0) / 2)
    assert rows(made, "nu", 1) == pytest.approx([10.0] * 3)
    assert np.isinf(rows(average(members[1], members[1]), "nu", 1)).all()


def test_a_value_at_risk_can_be_made_from_it():
    member = Forecasts.joined([block("variance", [1e-4] * 3), block("mean", [0.0] * 3), block("nu", [math.inf] * 3)])
    family = installed("vol-scaled")
    made = family.forecast(
        ForecastRequest(
            None, (window("A"),), 3, (1,), family.params(), (), levels=(0.99,), members=(average(member, member),)
        )
    )
    assert made.value[made.quantity == "value_at_risk"] == pytest.approx([0.01 * 2.326347874] * 3)


def test_a_universe_is_averaged_series_by_series():
    members = [
        Forecasts.joined([block("return", [a] * 3), block("return", [b] * 3, series="B")])
        for a, b in ((1.0, 2.0), (3.0, 6.0))
    ]
    made = average(*members, windows=(window("A"), window("B"), window("C")))
    assert {name: set(made.value[made.series == name]) for name in set(made.series)} == {"A": {2.0}, "B": {4.0}}


def test_what_cannot_be_averaged():
    with pytest.raises(Rejection, match="neither all a return nor all a variance"):
        average(block("return", [0.1]), block("variance", [0.1]))
    with pytest.raises(Rejection, match="no origin at which all members"):
        average(block("return", [0.1], first=3), block("return", [0.1], first=4))
    with pytest.raises(Rejection, match="no member forecast"):
        average()


def test_akaike_weights_by_hand():
    """Burnham and Anderson 2002, section 2.6: differences of 0, 2, 7 and 20 have evidence 1, 0.37, 0.03 and 0.00005."""
    weights = akaike_weights([-100.0, -101.0, -102.5, -110.0], [3, 3, 4, 3])
    assert weights == pytest.approx([0.7147, 0.2629, 0.0216, 0.0000324], abs=1e-3)
    total = 1 + 0.36787944 + 0.03019738 + 4.539993e-05
    assert weights == pytest.approx([1 / total, 0.36787944 / total, 0.03019738 / total, 4.539993e-05 / total], rel=1e-6)
    # Far from zero, where exp(-AIC / 2) alone is 0 or infinite.
    assert akaike_weights([-90_000.0, -90_001.0], [3, 3]) == pytest.approx([0.7310586, 0.2689414], rel=1e-6)


def weighed(fits, *members: Forecasts) -> Forecasts:
    family = installed("average")
    params = family.params(weights="aic")
    asked = ForecastRequest(None, (window("A"),), 3, (1,), params, (), members=members, member_fits=tuple(fits))
    return family.forecast(asked)


def one_fit(likelihood: float, parameters: int, bars: int = 500) -> Fit:
    return Fit({f"p{i}": 1.0 for i in range(parameters)}, bars, likelihood)


def test_weights_by_fit_reach_variance_mean_and_tail():
    members = [
        Forecasts.joined([block("variance", [v] * 3), block("mean", [m] * 3), block("nu", [nu] * 3)])
        for v, m, nu in ((1e-4, 0.001, 5.0), (3e-4, 0.003, math.inf))
    ]
    # AIC 2 * 4 + 200 = 208 and 2 * 3 + 200 = 206: weights 1 / (1 + e) and e / (1 + e).
    made = weighed([one_fit(-100.0, 4), one_fit(-100.0, 3)], *members)
    small, large = 1 / (1 + math.e), math.e / (1 + math.e)
    assert rows(made, "variance", 1) == pytest.approx([small * 1e-4 + large * 3e-4] * 3)
    assert rows(made, "mean", 1) == pytest.approx([small * 0.001 + large * 0.003] * 3)
    assert rows(made, "nu", 1) == pytest.approx([1 / (small / 5)] * 3)


def test_fits_that_cannot_be_compared():
    members = [block("variance", [1e-4] * 3), block("variance", [2e-4] * 3)]
    with pytest.raises(Rejection, match="1 of 2 members have no fit"):
        weighed([one_fit(-1.0, 2), None], *members)
    with pytest.raises(Rejection, match="no likelihood"):
        weighed([one_fit(-1.0, 2), one_fit(math.nan, 2)], *members)
    with pytest.raises(Rejection, match="fitted on 400 and 500 bars"):
        weighed([one_fit(-1.0, 2), one_fit(-1.0, 2, 400)], *members)


def test_a_skewed_member_has_no_tail_to_average():
    plain = Forecasts.joined([block("variance", [1e-4] * 3), block("mean", [0.0] * 3), block("nu", [5.0] * 3)])
    skewed = Forecasts.joined([plain, block("skew", [-0.1] * 3)])
    assert set(average(plain, skewed).quantity) == {"variance", "mean"}
