"""What quality is judged by, counted by hand and against exchange_calendars."""

from __future__ import annotations

from datetime import date, timedelta

import exchange_calendars
import numpy as np
import pytest

from fleetspec.panel.readings import Reading, longest_run, measured
from fleetspec.panel.series import Series

ABSENT, CLOSED = Reading("absent", "XNYS"), Reading("closed", "XNYS")


def series(days: list[date], repeated: int = 0, hours: int = 0) -> Series:
    stamps = np.array(days, dtype="datetime64[s]") + np.timedelta64(hours, "h")
    return Series("A", stamps, np.random.default_rng(0).normal(0, 0.01, len(days)), None, 0, {}, repeated)


def sessions(first: str, last: str) -> list[date]:
    calendar = exchange_calendars.get_calendar("XNYS", start="2023-01-01", end="2025-12-31")
    return [day.date() for day in calendar.sessions_in_range(first, last)]


@pytest.mark.parametrize(
    ("returns", "run"), [([], 0), ([0.1, -0.2], 0), ([0.0], 1), ([0.0, 0.0, 0.1, 0.0], 2), ([0.1, 0.0, 0.0, 0.0], 3)]
)
def test_the_longest_run_of_still_prices(returns: list[float], run: int) -> None:
    assert longest_run(np.array(returns)) == run


def test_a_whole_calendar_has_nothing_absent() -> None:
    found = measured(series(sessions("2024-01-02", "2024-12-31")), [ABSENT, CLOSED])
    assert found == {"absent XNYS": 0.0, "closed XNYS": 0.0}


def test_holidays_and_holes_are_counted() -> None:
    days = sessions("2024-01-02", "2024-12-31")
    assert len(days) == 252
    fewer = days[:100] + days[103:]
    assert measured(series(fewer), [ABSENT])["absent XNYS"] == pytest.approx(3 / 252, abs=1e-6)
    # Independence Day, Christmas, and a Saturday.
    more = sorted([*days, date(2024, 7, 4), date(2024, 12, 25), date(2024, 3, 9)])
    found = measured(series(more), [ABSENT, CLOSED])
    assert found == {"absent XNYS": 0.0, "closed XNYS": pytest.approx(3 / 255, abs=1e-6)}


def test_what_lies_before_the_first_bar_or_after_the_last_is_not_absent() -> None:
    days = sessions("2023-01-03", "2024-12-31")
    assert measured(series(days[200:300]), [ABSENT]) == {"absent XNYS": 0.0}


def test_bars_within_a_day_are_of_their_day() -> None:
    days = sessions("2024-01-02", "2024-12-31")
    # A bar that ends at midnight is of the day before, whose last bar it is.
    ends = [day + timedelta(days=1) for day in days]
    stamps = np.sort(np.concatenate([np.array(ends, "datetime64[s]"), np.array(days, "datetime64[s]") + 3600 * 10]))
    one = Series("A", stamps, np.ones(len(stamps)), None, 0)
    assert measured(one, [ABSENT, CLOSED]) == {"absent XNYS": 0.0, "closed XNYS": 0.0}


def test_years_that_no_calendar_knows_are_not_judged() -> None:
    far = [date(1700, 1, 4) + timedelta(days=n) for n in range(30)]
    assert measured(series(far), [Reading("absent", "XKRX")]) == {"absent XKRX": None}


def test_levels_are_the_sum_of_returns() -> None:
    one = series(sessions("2023-01-03", "2024-12-31"))
    found = measured(one, [Reading(test, of, "constant") for test in ("adf", "kpss") for of in ("returns", "levels")])
    assert found["adf returns constant"] < 0.01 < found["adf levels constant"]
    assert found["kpss levels constant"] <= 0.05 < found["kpss returns constant"]


def test_only_series_with_repeated_rows_say_so() -> None:
    assert measured(series([date(2024, 1, 2)]), []) == {}
    assert measured(series([date(2024, 1, 2)], repeated=3), []) == {"repeated": 3.0}
