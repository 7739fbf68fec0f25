"""Averages of forecasts, done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from family_cases import installed, rows

from fleetspec.family import ForecastRequest, Forecasts, Rejection, SeriesWindow

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


def test_a_skewed_member_has_no_tail_to_average():
    plain = Forecasts.joined([block("variance", [1e-4] * 3), block("mean", [0.0] * 3), block("nu", [5.0] * 3)])
    skewed = Forecasts.joined([plain, block("skew", [-0.1] * 3)])
    assert set(average(plain, skewed).quantity) == {"variance", "mean"}
