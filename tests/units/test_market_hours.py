"""Market hours, computed and kept: against exchange_calendars, and with a cache that is damaged or out of reach."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fleetspec.market_hours import MarketHours, market_hours
from fleetspec.sessions import sessions_before, shortened_by


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    market_hours.cache_clear()
    return tmp_path


def anew(calendar: str, first: int, last: int) -> MarketHours:
    market_hours.cache_clear()
    return market_hours(calendar, first, last)


@pytest.mark.parametrize("calendar", ["XNYS", "XHKG", "24/7", "us_futures"])
def test_hours_are_those_of_exchange_calendars(cache: Path, calendar: str) -> None:
    import exchange_calendars

    hours = anew(calendar, 2024, 2025)
    theirs = exchange_calendars.get_calendar(calendar, start="2024-01-01", end="2025-12-31")
    assert list(hours.sessions) == [label.date() for label in theirs.sessions]
    assert [m.timestamp() for m in hours.opens] == [m.timestamp() for m in theirs.opens]
    assert [m.timestamp() for m in hours.closes] == [m.timestamp() for m in theirs.closes]
    for day in (date(2024, 3, 29), date(2025, 1, 1), date(2025, 7, 5)):
        assert hours.sessions[hours.before(day)] == theirs.date_to_session(day.isoformat(), "previous").date()
        assert (day in hours) == theirs.is_session(day.isoformat())


def test_what_is_kept_is_what_was_computed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = anew("XLON", 2024, 2025)
    (kept,) = cache.rglob("XLON-2024-2025.json")
    monkeypatch.setattr("fleetspec.market_hours._computed", lambda *_: pytest.fail("it is in the cache"))
    assert anew("XLON", 2024, 2025) == first
    assert kept.parent.parent == cache / "fleetspec"


HALF = b'{"first": "2024-01-01", "last": "2024-12-31", "sessions": ["2024-01-02"], "opens": [], "closes": []}'


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", HALF, b"\xff"])
def test_a_damaged_cache_is_written_anew(cache: Path, damage: bytes) -> None:
    first = anew("XLON", 2024, 2024)
    (kept,) = cache.rglob("XLON-2024-2024.json")
    sound = kept.read_bytes()
    kept.write_bytes(damage)
    assert anew("XLON", 2024, 2024) == first
    assert kept.read_bytes() == sound


def test_a_cache_that_cannot_be_written_costs_nothing_else(cache: Path) -> None:
    (cache / "fleetspec").write_text("a file where the folder should be")
    assert anew("XLON", 2024, 2024).sessions


def test_a_calendar_that_begins_late_is_cut_there(cache: Path) -> None:
    hours = anew("XSAU", 2020, 2022)
    assert hours.first == date(2021, 1, 1)
    with pytest.raises(ValueError, match="beyond the sessions of XSAU"):
        hours.before(date(2020, 6, 1))
    with pytest.raises(ValueError, match="no session that early"):
        anew("XSAU", 2001, 2002)


def test_sessions_before_the_first_and_after_the_last_are_none(cache: Path) -> None:
    # The calendar begins in 2021 and ends in 2029: what lies beyond is no session of the other end.
    assert sessions_before("XSAU", date(2021, 3, 1), 3) < date(2021, 3, 1)
    with pytest.raises(ValueError, match="no session that far"):
        sessions_before("XSAU", date(2021, 1, 5), 200)
    with pytest.raises(ValueError, match="no session that far"):
        sessions_before("XSAU", date(2029, 12, 27), -40)
    first = anew("XSAU", 2021, 2022).sessions[2]
    assert shortened_by("XSAU", first) == 0
