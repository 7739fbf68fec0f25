"""A folder of files is one table: what one long file of the same rows says, and what cannot be one table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from pyarrow import parquet

from fleetspec.panel.sources import SourceError, SourceRequest, attributes, load

NAMES = ("AAA", "ON", "000660")
DAYS = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-03-01")).astype(str)


def rows(name: str, days=DAYS) -> pa.Table:
    rng = np.random.default_rng(len(name) + ord(name[0]))
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, len(DAYS))))[: len(days)]
    return pa.table(
        {
            "Date": days.tolist(),
            "Close": close,
            "Volume": rng.integers(1, 100, len(days)),
            "sector": ["Tech" if name == "ON" else "Food"] * len(days),
        }
    )


def write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        parquet.write_table(table, path)


def keyed(name: str, table: pa.Table) -> pa.Table:
    return table.append_column("ticker", pa.array([name] * len(table)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file a series, of both kinds, beside what is no data; and the same rows as one long file."""
    for name, ending in zip(NAMES, (".csv", ".parquet", ".pq"), strict=True):
        write(tmp_path / "prices" / f"{name}{ending}", rows(name))
    (tmp_path / "prices" / "README.md").write_text("prices of three stocks")
    (tmp_path / "prices" / ".half.csv").write_text("Dat")
    write(tmp_path / "long.parquet", pa.concat_tables([keyed(name, rows(name)) for name in NAMES]))
    return tmp_path


def asked(folder: Path, location: str, **more) -> SourceRequest:
    return SourceRequest(location, folder, **({"time": "Date", "price": "Close", "volume": "Volume"} | more))


def test_a_file_a_series_is_what_one_long_file_is(folder: Path) -> None:
    apart, long = load(asked(folder, "prices")), load(asked(folder, "long.parquet", key="ticker"))
    assert list(apart) == list(long) == sorted(NAMES)
    for name, series in apart.items():
        assert (series.digest(), series.missing) == (long[name].digest(), 0)
    assert list(load(asked(folder, "prices/"), ["ON"])) == ["ON"]


def test_with_a_key_a_series_may_be_spread_over_files(folder: Path) -> None:
    for half, name in ((DAYS[:30], "2024a.csv"), (DAYS[30:], "2024b.csv")):
        parts = []
        for series in NAMES:
            whole = rows(series)
            here = slice(0, 30) if name == "2024a.csv" else slice(30, None)
            parts.append(keyed(series, whole.slice(here.start, here.stop and len(half))))
        write(folder / "years" / name, pa.concat_tables(parts))
    spread, long = load(asked(folder, "years", key="ticker")), load(asked(folder, "long.parquet", key="ticker"))
    assert {name: one.digest() for name, one in spread.items()} == {name: one.digest() for name, one in long.items()}


def test_of_two_files_with_a_row_of_one_time_the_earlier_counts(folder: Path) -> None:
    whole = keyed("AAA", rows("AAA"))
    other = whole.slice(20, 5).set_column(1, "Close", pa.array([1.0] * 5))
    write(folder / "both" / "a.csv", whole)
    write(folder / "both" / "b.csv", other)
    (found,) = load(asked(folder, "both", key="ticker")).values()
    assert found.repeated == 5
    assert found.digest() == load(asked(folder, "long.parquet", key="ticker"))["AAA"].digest()


def test_only_the_files_of_the_series_asked_for_are_read(folder: Path) -> None:
    (folder / "prices" / "BAD.csv").write_text("Date,Close,Volume\nnever,1,1\n")
    assert list(load(asked(folder, "prices"), NAMES)) == sorted(NAMES)
    with pytest.raises(SourceError, match=r"prices/BAD.csv: 'never' in row 1 of 'Date' is not a date"):
        load(asked(folder, "prices"))


def test_members_are_chosen_by_the_columns_of_their_files(folder: Path) -> None:
    found = attributes(asked(folder, "prices"), ["sector"])
    assert {name: set(one.columns["sector"]) for name, one in found.items()} == {
        "000660": {"Food"}, "AAA": {"Food"}, "ON": {"Tech"},
    }  # fmt: skip


def test_of_repeated_rows_the_first_says_what_its_series_is(tmp_path: Path) -> None:
    """The row whose price counts is the one whose sector does, in one file and over two."""
    lines = ("2024-01-02,1,Food", "2024-01-03,2,Food", "2024-01-03,9,Tech", "2024-01-04,3,Food")
    (tmp_path / "one.csv").write_text("Date,Close,sector\n" + "\n".join(lines) + "\n")
    asking = SourceRequest("one.csv", tmp_path, time="Date", price="Close")
    (said,), (series,) = attributes(asking, ["sector"]).values(), load(asking).values()
    assert said.columns["sector"] == ["Food"] * 3
    assert list(said.stamps[1:]) == list(series.dates)


@pytest.mark.parametrize(
    ("location", "more", "message", "help"),
    [
        ("empty", {}, "the folder 'empty' has no .csv and no .parquet file", "folders below it are not read"),
        ("none", {}, "the folder 'none' has no .csv and no .parquet file", "put the data there"),
        ("prices/*.csv", {}, "is a pattern", "name the folder"),
        ("prices", {"format": "csv"}, "`format:` means nothing for the folder 'prices'", "by their endings"),
        ("prices", {"price": "Adj"}, "prices/000660.pq has no column 'Adj'", "known: Close, Date"),
        ("twice", {}, "twice/AAA.parquet is the second file of the series 'AAA'", "key:"),
    ],
)
def test_what_cannot_be_one_table(folder: Path, location: str, more: dict, message: str, help: str) -> None:
    (folder / "empty" / "below").mkdir(parents=True)
    (folder / "none").mkdir()
    for ending in ("csv", "parquet"):
        write(folder / "twice" / f"AAA.{ending}", rows("AAA"))
    with pytest.raises(SourceError) as caught:
        load(asked(folder, location, **more))
    assert message in str(caught.value)
    assert help in caught.value.help
