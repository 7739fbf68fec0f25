"""Nights between sessions. Oracle: the exchange's published hours, written out in the tests."""

from datetime import UTC, date, datetime

import pytest

from fleetspec.sessions import CALENDARS, SessionTime, nights, session_on_or_before, shortest_night
from fleetspec.units import UnitError

START, DEADLINE = SessionTime.parse("close + 45m"), SessionTime.parse("open - 90m")


def test_the_shipped_calendar_names_are_those_of_exchange_calendars() -> None:
    import exchange_calendars

    assert set(exchange_calendars.get_calendar_names(include_aliases=False)) == CALENDARS


def test_an_early_close_makes_an_early_start() -> None:
    # New York closed at 13:00 EST (18:00 UTC) on 2025-11-28 and opened at 9:30 EST (14:30 UTC) on 2025-12-01.
    (night,) = nights("XNYS", START, DEADLINE, date(2025, 11, 28), count=1)
    assert night.start == datetime(2025, 11, 28, 18, 45, tzinfo=UTC)
    assert night.deadline == datetime(2025, 12, 1, 13, 0, tzinfo=UTC)


def test_the_shortest_of_the_next_nights_is_a_weekday_night() -> None:
    # From Wednesday 2025-11-26: Thanksgiving, a half day and a weekend come first; Monday's night is the first normal
    # one: 16:00 + 45m to 9:30 - 90m in New York is 15 h 15 min.
    night = shortest_night("XNYS", START, DEADLINE, date(2025, 11, 26))
    assert night.session == date(2025, 12, 1)
    assert night.seconds == 15 * 3600 + 15 * 60


def test_a_holiday_belongs_to_the_session_before() -> None:
    assert session_on_or_before("XNYS", date(2025, 11, 27)) == date(2025, 11, 26)


@pytest.mark.parametrize("text", ["close", "close + 45m", "open - 1h30m"])
def test_session_times_read_back_what_they_show(text: str) -> None:
    assert str(SessionTime.parse(text)) == text


@pytest.mark.parametrize("text", ["16:00", "closing + 45m", "close + 45", "close +", "noon"])
def test_a_wrong_session_time_is_refused(text: str) -> None:
    with pytest.raises(UnitError):
        SessionTime.parse(text)
