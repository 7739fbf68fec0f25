"""Schedules: what is known without a calendar agrees with what the calendar says."""

from __future__ import annotations

from datetime import date

import pytest

from fleetspec.compiler.check_schedule import check_start_and_deadline
from fleetspec.compiler.spec import Schedule
from fleetspec.diagnostics import Report
from fleetspec.sessions import (
    CALENDARS,
    ROUND_THE_CLOCK,
    SHORTEST_CLOSED,
    SessionTime,
    is_plain_night,
    nights,
    session_on_or_before,
)

CLOSE, OPEN = SessionTime.parse("close"), SessionTime.parse("open")


@pytest.mark.parametrize("calendar", sorted(CALENDARS - ROUND_THE_CLOCK))
def test_markets_close_for_as_long_as_is_claimed(calendar: str) -> None:
    first = session_on_or_before(calendar, date(2025, 9, 1))
    assert min(night.seconds for night in nights(calendar, CLOSE, OPEN, first, 30)) >= SHORTEST_CLOSED


def codes(calendar: str, start: str, deadline: str) -> list[str]:
    report = Report()
    values = {"calendar": calendar, "start": start, "deadline": deadline}
    check_start_and_deadline(Schedule.model_validate(values), report)
    return [finding.rule.code for finding in report]


@pytest.mark.parametrize(
    ("calendar", "start", "deadline", "expected"),
    [
        ("XNYS", "close + 45m", "open - 90m", []),
        # New York is closed for 17.5 hours: from 21:00 to 14:30 UTC in winter.
        ("XNYS", "close + 45m", "open - 16h", []),
        ("XNYS", "close + 45m", "open - 17h", ["FS219"]),
        ("XNYS", "close + 17h30m", "open", ["FS219"]),
        ("XNYS", "close + 17h29m", "open", []),
        ("XNYS", "open", "close", ["FS220"]),
        ("XNYS", "open + 1h", "open", []),
        ("XNYS", "close", "open + 10h", ["FS220"]),
        ("24/7", "close", "open", ["FS219"]),
        ("24/7", "close + 1h", "close", []),
        ("24/5", "close + 45m", "open - 90m", ["FS219"]),
    ],
)
def test_a_schedule_leaves_a_night(calendar: str, start: str, deadline: str, expected: list[str]) -> None:
    assert codes(calendar, start, deadline) == expected


def test_a_plain_night_asks_no_calendar() -> None:
    assert is_plain_night("XNYS", SessionTime.parse("close + 45m"), SessionTime.parse("open - 90m"))
    assert not is_plain_night("XNYS", SessionTime.parse("close + 5h"), SessionTime.parse("open - 3h"))
    assert not is_plain_night("24/5", CLOSE, OPEN)
    assert not is_plain_night("XNYS", SessionTime.parse("close - 1h"), OPEN)
