"""Bars from finer rows, each against a plain loop over the definition; and what cannot be made."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fleetspec.panel.bars import TooCoarse, spacing
from fleetspec.panel.series import SourceError, stamp_text
from fleetspec.panel.sources import Series, SourceRequest, load
from fleetspec.units import BarSize

COLUMNS = {"key": "k", "time": "t", "price": "p", "volume": "v", "high": "h", "low": "l", "implied": "i"}
Row = tuple[datetime, float, float, float, float, float]
"""Stamp, price, volume, high, low, implied volatility."""


def rows_of(stamps: list[datetime], seed: int = 1) -> list[Row]:
    rng = np.random.default_rng(seed)
    made, price = [], 100.0
    for stamp in stamps:
        price *= math.exp(rng.normal(0, 0.01))
        high, low = price * (1 + rng.uniform(0, 0.01)), price * (1 - rng.uniform(0, 0.01))
        made.append((stamp, price, float(rng.integers(1, 99)), high, low, rng.uniform(0.1, 0.3)))
    return made


def weekdays(first: date, last: date) -> list[datetime]:
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [datetime(d.year, d.month, d.day) for d in days if d.weekday() < 5]


def five_minutes(days: list[datetime], close: int = 16 * 60) -> list[datetime]:
    return [day + timedelta(minutes=m) for day in days for m in range(9 * 60 + 35, close + 1, 5)]


def write(path: Path, rows: list[Row], name: str = "A") -> None:
    lines = [f"{name},{row[0].isoformat()},{','.join(map(repr, row[1:]))}" for row in rows]
    path.write_text("k,t,p,v,h,l,i\n" + "\n".join(lines) + "\n")


def bars(folder: Path, rows: list[Row], bar: str, calendar: str = "XNYS", **columns: str | None) -> Series:
    write(folder / "rows.csv", rows)
    request = SourceRequest("rows.csv", folder, **(COLUMNS | columns), bar=BarSize.parse(bar), calendar=calendar)
    return load(request)["A"]


def expected(rows: list[Row], groups: list[list[int]], sessions: float) -> dict[str, list[float]]:
    """What the bars hold, from the rows' numbers in each, in plain Python."""
    logs = [math.log(row[1]) for row in rows]
    moves = [float("nan"), *(b - a for a, b in pairwise(logs))]
    return {
        "returns": [math.fsum(moves[i] for i in group) for group in groups],
        "volume": [math.fsum(rows[i][2] for i in group) for group in groups],
        "realised": [math.fsum(moves[i] ** 2 for i in group) for group in groups],
        "range": [
            math.log(max(rows[i][3] for i in g) / min(rows[i][4] for i in g)) ** 2 / (4 * math.log(2)) for g in groups
        ],
        "implied": [rows[group[-1]][5] ** 2 / 252 * sessions for group in groups],
    }


def assert_bars(made: Series, wanted: dict[str, list[float]], labels: list[str]) -> None:
    assert [stamp_text(stamp) for stamp in made.dates] == labels
    np.testing.assert_allclose(made.returns, wanted["returns"], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(made.volume, wanted["volume"])
    for measure in ("realised", "range", "implied"):
        np.testing.assert_allclose(made.measures[measure], wanted[measure], rtol=1e-11, atol=1e-18)


@pytest.mark.parametrize(("bar", "sessions"), [("1 week", 5.0), ("1 month", 21.0), ("1 quarter", 63.0)])
def test_bars_of_the_calendar_hold_whole_periods(tmp_path: Path, bar: str, sessions: float) -> None:
    rows = rows_of(weekdays(date(2025, 1, 15), date(2025, 11, 12)))

    def period(day: datetime) -> tuple[int, int]:
        if bar == "1 week":
            return (day.isocalendar().year, day.isocalendar().week)
        return (day.year, day.month if bar == "1 month" else (day.month - 1) // 3)

    inside: dict[tuple[int, int], list[int]] = {}
    for number, row in enumerate(rows):
        inside.setdefault(period(row[0]), []).append(number)
    # The first period begins before the data and the last one is not over.
    groups = list(inside.values())[1:-1]
    made = bars(tmp_path, rows, bar)
    assert_bars(made, expected(rows, groups, sessions), [str(rows[g[-1]][0].date()) for g in groups])


def test_a_period_is_over_with_its_last_session(tmp_path: Path) -> None:
    # Good Friday 2025 was 18 April: the week ended on Thursday. It began on Monday, whose return needs Friday's price.
    rows = rows_of(weekdays(date(2025, 4, 4), date(2025, 4, 17)))
    assert [stamp_text(d) for d in bars(tmp_path, rows, "1 week").dates] == ["2025-04-11", "2025-04-17"]
    assert [stamp_text(d) for d in bars(tmp_path, rows[:-1], "1 week").dates] == ["2025-04-11"]
    # Without the Friday before, the first week lacks the return of its Monday.
    assert [stamp_text(d) for d in bars(tmp_path, rows[1:], "1 week").dates] == ["2025-04-17"]
    # A market that trades on Good Friday is not done on Thursday.
    assert [stamp_text(d) for d in bars(tmp_path, rows, "1 week", "24/5").dates] == ["2025-04-11"]


def test_bars_within_a_day_end_on_the_clock(tmp_path: Path) -> None:
    rows = rows_of(five_minutes(weekdays(date(2025, 11, 17), date(2025, 11, 19))))
    groups: dict[datetime, list[int]] = {}
    for number, (stamp, *_) in enumerate(rows):
        minutes = -(-(stamp.hour * 60 + stamp.minute) // 30) * 30
        groups.setdefault(datetime(stamp.year, stamp.month, stamp.day) + timedelta(minutes=minutes), []).append(number)
    # The first bar lacks the return of its first row.
    ends = list(groups)[1:]
    made = bars(tmp_path, rows, "30m")
    wanted = expected(rows, [groups[end] for end in ends], 30 / 390)
    assert_bars(made, wanted, [end.isoformat(sep=" ", timespec="minutes") for end in ends])
    assert len(made) == 3 * 13 - 1
    unfinished = bars(tmp_path, rows[:-1], "30m")
    assert stamp_text(unfinished.dates[-1]) == "2025-11-19 15:30"


def test_a_session_from_five_minutes(tmp_path: Path) -> None:
    days = weekdays(date(2025, 11, 17), date(2025, 11, 21))
    rows = rows_of(five_minutes(days))
    groups = [[i for i, row in enumerate(rows) if row[0].date() == day.date()] for day in days[1:]]
    made = bars(tmp_path, rows, "1 session")
    assert_bars(made, expected(rows, groups, 1.0), [str(day.date()) for day in days[1:]])
    # Cut off in the afternoon, Friday is no session yet.
    assert stamp_text(bars(tmp_path, rows[:-10], "1 session").dates[-1]) == "2025-11-20"


def test_an_early_close_ends_a_session(tmp_path: Path) -> None:
    days = weekdays(date(2025, 11, 21), date(2025, 11, 26))
    # The Friday after Thanksgiving ends at 13:00 in New York.
    rows = rows_of([*five_minutes(days), *five_minutes([datetime(2025, 11, 28)], close=13 * 60)])
    assert stamp_text(bars(tmp_path, rows, "1 session").dates[-1]) == "2025-11-28"
    assert stamp_text(bars(tmp_path, rows[:-1], "1 session").dates[-1]) == "2025-11-26"
    assert stamp_text(bars(tmp_path, rows, "1 session", "24/5").dates[-1]) == "2025-11-26"


def test_a_realised_column_is_summed_instead_of_squares(tmp_path: Path) -> None:
    rows = rows_of(weekdays(date(2025, 4, 4), date(2025, 4, 17)))
    made = bars(tmp_path, rows, "1 week", realised="v", volume=None)
    np.testing.assert_allclose(made.measures["realised"], [sum(r[2] for r in rows[1:6]), sum(r[2] for r in rows[6:])])
    assert made.volume is None


def test_rows_that_are_the_bars_have_no_realised_variance_of_their_own(tmp_path: Path) -> None:
    made = bars(tmp_path, rows_of(weekdays(date(2025, 1, 1), date(2025, 3, 1))), "1 session")
    assert set(made.measures) == {"range", "implied"}


def test_missing_rows_are_counted_in_bars(tmp_path: Path) -> None:
    rows = rows_of(weekdays(date(2025, 1, 3), date(2025, 12, 31)))
    for number in range(20, 40):
        rows[number] = (rows[number][0], float("nan"), *rows[number][2:])
    assert bars(tmp_path, rows, "1 session").missing == 20
    weekly = bars(tmp_path, rows, "1 week")
    # 20 rows, where 238 others lie in 49 weeks, are 4.1 weeks, rounded up; the last week is not over.
    assert (weekly.missing, len(weekly)) == (5, 48)


@pytest.mark.parametrize(
    ("stamps", "apart"),
    [
        (weekdays(date(2025, 1, 1), date(2025, 3, 1)), "1 session"),
        (five_minutes(weekdays(date(2025, 1, 1), date(2025, 1, 9))), "5m"),
        ([datetime(2025, 1, 3) + timedelta(days=7 * n) for n in range(20)], "1 week"),
        ([datetime(2025, month, 28) for month in range(1, 13)], "1 month"),
        ([datetime(2020 + n // 4, 3 * (n % 4) + 3, 28) for n in range(12)], "1 quarter"),
    ],
)
def test_how_far_apart_rows_are(stamps: list[datetime], apart: str) -> None:
    assert str(spacing(np.array(stamps, dtype="datetime64[s]"))) == apart


def test_nobody_can_tell_from_three_rows() -> None:
    assert spacing(np.array(["2025-01-01", "2025-01-08", "2025-01-15"], dtype="datetime64[s]")) is None


@pytest.mark.parametrize(
    ("bar", "message"),
    [
        ("5m", r"the rows of 'A' are 1 session apart, further apart than the bar"),
        ("4h", r"no bars of 4h: the rows of 'A' are 1 session apart"),
    ],
)
def test_bars_finer_than_the_rows_cannot_be_made(tmp_path: Path, bar: str, message: str) -> None:
    with pytest.raises(TooCoarse, match=message) as caught:
        bars(tmp_path, rows_of(weekdays(date(2025, 1, 1), date(2025, 3, 1))), bar)
    assert caught.value.help == f"write bar: 1 session, or bring rows that are at least as fine as {bar}"


def test_weekly_rows_make_no_sessions(tmp_path: Path) -> None:
    weekly = rows_of([datetime(2025, 1, 3) + timedelta(days=7 * n) for n in range(20)])
    with pytest.raises(TooCoarse, match="the rows of 'A' are 1 week apart"):
        bars(tmp_path, weekly, "1 session")
    made = bars(tmp_path, weekly, "1 week")
    assert (len(made), set(made.measures)) == (19, {"range", "implied"})


def test_bars_that_rows_do_not_add_up_to(tmp_path: Path) -> None:
    stamps = [
        day + timedelta(minutes=m) for day in weekdays(date(2025, 1, 1), date(2025, 1, 9)) for m in (600, 602, 604)
    ]
    with pytest.raises(TooCoarse, match="the rows of 'A' are 2m apart, no whole part of 5m"):
        bars(tmp_path, rows_of(stamps), "5m")


def test_two_rows_of_a_day_in_daily_data_are_counted(tmp_path: Path) -> None:
    stamps = weekdays(date(2025, 1, 1), date(2025, 3, 1))
    once = bars(tmp_path, rows_of(stamps), "1 session")
    assert once.repeated == 0
    twice = bars(tmp_path, rows_of([*stamps[:5], stamps[4] + timedelta(hours=16), *stamps[5:]]), "1 session")
    assert (twice.repeated, len(twice)) == (1, len(once))
    assert (twice.dates == once.dates).all()


def test_an_hour_that_comes_twice_is_counted(tmp_path: Path) -> None:
    stamps = five_minutes(weekdays(date(2025, 1, 1), date(2025, 1, 9)))
    assert bars(tmp_path, rows_of([*stamps, stamps[1]]), "5m").repeated == 1


@pytest.mark.parametrize(
    ("column", "value", "message", "help"),
    [
        (2, -1.0, "volume -1 in row 3 is below 0", "leave it empty"),
        (3, 0.0, "high 0 in row 3 is not above 0", "leave it empty"),
        (4, -2.0, "low -2 in row 3 is not above 0", "leave it empty"),
        (3, 1e-9, "the high 1e-09 in row 3 is below the low", "check that high: h and low: l are not swapped"),
    ],
)
def test_values_that_cannot_be(tmp_path: Path, column: int, value: float, message: str, help: str) -> None:
    rows = rows_of(weekdays(date(2025, 1, 1), date(2025, 3, 1)))
    changed = list(rows[2])
    changed[column] = value
    rows[2] = tuple(changed)  # type: ignore[assignment]
    with pytest.raises(SourceError, match=message) as caught:
        bars(tmp_path, rows, "1 session")
    assert help in caught.value.help


def test_an_implied_volatility_is_the_last_one_known(tmp_path: Path) -> None:
    """Quotes are missing on some days: a week has its last quote, and one without any has none."""
    rows = rows_of(weekdays(date(2024, 1, 1), date(2024, 2, 2)))
    quoted = [0, 1, 2, 5, 9, 16, 20]
    rows = [row if at in quoted else (*row[:5], float("nan")) for at, row in enumerate(rows)]
    made = bars(tmp_path, rows, "1 week")
    # The first day is a holiday, so the first week is whole; of the third no day is quoted.
    expected = [rows[2][5], rows[9][5], float("nan"), rows[16][5], rows[20][5]]
    np.testing.assert_allclose(made.measures["implied"], [v**2 / 252 * 5 for v in expected], rtol=1e-13)


def test_an_implied_volatility_in_percent(tmp_path: Path) -> None:
    rows = [(*row[:5], 100 * row[5]) for row in rows_of(weekdays(date(2025, 1, 1), date(2025, 3, 1)))]
    with pytest.raises(SourceError, match=r"implied volatility 'i' is .* at the median") as caught:
        bars(tmp_path, rows, "1 session")
    assert caught.value.help == "write it as a fraction a year: 0.20, not 20"


def test_a_high_without_a_low(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has `high:` and no `low:`"):
        bars(tmp_path, rows_of(weekdays(date(2025, 1, 1), date(2025, 3, 1))), "1 session", low=None)


def test_digests_cover_the_measure_that_is_read(tmp_path: Path) -> None:
    rows = rows_of(weekdays(date(2025, 1, 1), date(2025, 3, 1)))
    one = bars(tmp_path, rows, "1 session")
    rows[10] = (*rows[10][:5], rows[10][5] + 0.01)
    two = bars(tmp_path, rows, "1 session")
    assert one.digest() == two.digest()
    assert one.digest(measure="range") == two.digest(measure="range")
    assert one.digest(measure="implied") != two.digest(measure="implied")
    assert one.digest(0, 9, measure="implied") == two.digest(0, 9, measure="implied")
    assert len({one.digest(measure=m) for m in ("returns", "realised", "range", "implied")}) == 4


def test_minutes_and_days_hash_apart(tmp_path: Path) -> None:
    rows = rows_of(five_minutes(weekdays(date(2025, 1, 1), date(2025, 1, 9))))
    shifted = [(row[0] + timedelta(minutes=5), *row[1:]) for row in rows]
    assert bars(tmp_path, rows, "5m").digest() != bars(tmp_path, shifted, "5m").digest()
