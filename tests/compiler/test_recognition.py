"""From a data file to a first spec: what is recognised, what is said of it, and what odd files are told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

from fleetspec import pipeline
from fleetspec.compiler.draft import Draft, draft
from fleetspec.diagnostics import Rejected
from fleetspec.sessions import sessions_between

HEADER = "Date,Ticker,Adj Close,High,Low,Volume,IV"


def write(path: Path, days: Iterable[object], header: str = HEADER, implied: float = 0.2) -> Path:
    lines = [header]
    for name in ("A", "ON"):
        rng, price = np.random.default_rng(len(name)), 100.0
        for day in days:
            price *= float(np.exp(rng.normal(0, 0.01)))
            lines.append(f"{day},{name},{price:.5f},{price * 1.01:.5f},{price * 0.99:.5f},100,{implied}")
    path.write_text("\n".join(lines) + "\n")
    return path


def weekdays(count: int, step: int = 1) -> list[date]:
    days = (date(2021, 1, 4) + timedelta(days=n) for n in range(0, 10_000, step))
    return [day for day in days if day.weekday() < 5][:count]


def sound(made: Draft) -> str:
    pipeline.read_text(made.text, "fleet.yaml")
    return made.text


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    made = draft("mine", write(tmp_path / "bars.csv", weekdays(400)), tmp_path)
    assert yaml.safe_load(sound(made))["data"]["bars"] == {
        "from": "bars.csv", "key": "Ticker", "time": "Date", "price": "Adj Close", "volume": "Volume", "high": "High",
        "low": "Low", "implied": "IV",
    }  # fmt: skip
    assert "train: 250 bars, chosen from a median length of 399" in made.notes
    assert any("Ticker is the key" in note and "IV is the implied" in note for note in made.notes)


@pytest.mark.parametrize("calendar", ["XLON", "XTKS"])
def test_the_calendar_is_the_one_whose_holidays_fit(tmp_path: Path, calendar: str) -> None:
    days = sorted(sessions_between(calendar, date(2022, 1, 4), date(2025, 6, 30)))
    made = draft("mine", write(tmp_path / "bars.csv", days), tmp_path)
    assert f"main: {{data: bars, calendar: {calendar}, bar: 1 session}}" in sound(made)
    assert f"schedule: {{calendar: {calendar}," in made.text
    assert any(f"calendar: {calendar}, whose holidays fit best (0 of the last" in note for note in made.notes)


def test_a_market_with_saturdays_never_closes(tmp_path: Path) -> None:
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(500)]
    made = draft("mine", write(tmp_path / "bars.csv", days), tmp_path)
    assert "main: {data: bars, calendar: 24/7, bar: 1 session}" in sound(made)
    assert "schedule: {calendar: XNYS," in made.text


def test_rows_within_a_day(tmp_path: Path) -> None:
    stamps = [f"{day} {m // 60:02d}:{m % 60:02d}" for day in weekdays(40) for m in range(575, 961, 5)]
    made = draft("mine", write(tmp_path / "bars.csv", stamps), tmp_path)
    assert "bar: 5m}" in sound(made)
    assert any(note.startswith("bar: 5m, as the rows are 5m apart") for note in made.notes)


def test_weekly_rows(tmp_path: Path) -> None:
    made = draft("mine", write(tmp_path / "bars.csv", weekdays(300, step=7)), tmp_path)
    assert "bar: 1 week}" in sound(made)
    assert any("cannot tell" in note for note in made.notes)


def test_implied_volatility_in_percent_is_left_out_with_a_word(tmp_path: Path) -> None:
    made = draft("mine", write(tmp_path / "bars.csv", weekdays(400), implied=20), tmp_path)
    assert "implied: IV" not in sound(made)
    assert not any("is the implied" in note for note in made.notes)
    assert any(note.startswith("IV is left out") and "0.20, not 20" in note for note in made.notes)


def test_of_two_prices_the_adjusted_one(tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", weekdays(400), header="date,ticker,close,adj_close,x,y,z")
    made = draft("mine", path, tmp_path)
    assert "price: adj_close" in sound(made)
    assert any("splits and dividends do not move" in note for note in made.notes)
    assert "price: close" in draft("mine", path, tmp_path, {"price": "close"}).text


def test_series_that_will_fail_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", weekdays(400))
    lines = path.read_text().splitlines()
    for number in range(30, 80):
        cells = lines[number].split(",")
        cells[2] = ""
        lines[number] = ",".join(cells)
    short = [f"{day},NEW,{100 + n},,,," for n, day in enumerate(weekdays(50))]
    path.write_text("\n".join([*lines, *short]) + "\n")
    made = draft("mine", path, tmp_path)
    assert "1 series are shorter than that, and will be quarantined" in made.notes
    assert "1 series miss more than 5% of their rows, and will be quarantined" in made.notes
    assert "1 series fail this as it is." in sound(made)


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        ("date;ticker;close\n2024-12-31;A;1,5\n", "are separated by ';', not by commas", "points in numbers"),
        ("date\tclose\n2024-12-31\t1\n", "are separated by tabs", "points in numbers"),
        ("2024-12-31,A,1\n2024-12-30,A,2\n", "holds values, not the names of columns", "date,ticker,close"),
        ("date,ticker,close\n31/12/2024,A,1\n", "'31/12/2024' in row 1 of 'date' is not a date", "dayfirst=True"),
        ("date,ticker,close\n31.12.24,A,1\n", "'31.12.24' in row 1 of 'date' is not a date", "year-month-day"),
        ("date,ticker,close,price\n2024-12-31,A,1,2\n", "close and price of", "--price close"),
        ("date,AAPL,MSFT\n2024-12-31,1,2\n", "no column of", "df.melt(id_vars='date'"),
        ("ticker,close\nA,1\n", "looks like a date", "--time COLUMN"),
        ("date,ticker,close\n2024-12-31,A,\n", "holds no price", "a row per series and date"),
        ("date,ticker,close\n2024-12-30,A,1\n2024-12-31,A,2\n", "too few to train on", "at least 125 prices"),
        ("", "cannot be read", "CSV or Parquet"),
    ],
)
def test_odd_files(tmp_path: Path, text: str, message: str, help: str) -> None:
    (tmp_path / "bars.csv").write_text(text)
    with pytest.raises(Rejected) as ending:
        draft("mine", tmp_path / "bars.csv", tmp_path)
    (told,) = ending.value.report.findings
    assert told.rule.code == "FS021"
    assert message in told.message
    assert help in (told.help or "")
