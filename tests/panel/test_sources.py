"""Where series come from: what is read, what is refused, and with which words."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from fleetspec.panel.series import stamp_text
from fleetspec.panel.sources import SourceError, SourceRequest, load
from fleetspec.panel.tables import numbers


def request(root, location, **settings) -> SourceRequest:
    return SourceRequest(location, root, **settings)


@pytest.fixture
def csv(tmp_path):
    """Write a CSV and get a request for it."""

    def write(text: str, **settings) -> SourceRequest:
        (tmp_path / "prices.csv").write_text(text)
        named = {"key": "ticker", "time": "date", "price": "close"} | settings
        return request(tmp_path, "prices.csv", **named)

    return write


def test_returns_between_known_prices(csv):
    found = load(
        csv(
            "date,ticker,close,vol\n2025-01-03,A,,7\n2025-01-02,A,100,5\n2025-01-06,A,110,9\n2025-01-07,A,99,\n",
            volume="vol",
        )
    )["A"]
    assert found.missing == 1
    assert [stamp_text(d) for d in found.dates] == ["2025-01-06", "2025-01-07"]
    np.testing.assert_allclose(found.returns, [math.log(1.1), math.log(0.9)], rtol=1e-13)
    np.testing.assert_array_equal(found.volume, [9.0, np.nan])


def test_returns_column_is_taken_as_it_is(csv):
    found = load(
        csv("date,ticker,r\n2025-01-02,A,0.5\n2025-01-03,A,NaN\n2025-01-06,A,-0.25\n", price=None, returns="r")
    )["A"]
    assert list(found.returns) == [0.5, -0.25]
    assert found.missing == 1
    assert found.volume is None


def test_names_stay_text(csv):
    rows = "".join(
        f"{name},2025-01-0{day},{day}\n" for name in ("ON", "000660", "NA", "1e5", "null", "BRK.B") for day in (2, 3)
    )
    assert list(load(csv("ticker,date,close\n" + rows))) == ["000660", "1e5", "BRK.B", "NA", "ON", "null"]


def test_order_of_rows_does_not_matter(csv):
    rows = [f"{name},2025-01-{day:02d},{day}.5\n" for name in "BA" for day in range(2, 20)]
    forward = load(csv("ticker,date,close\n" + "".join(rows)))
    backward = load(csv("ticker,date,close\n" + "".join(reversed(rows))))
    assert [s.digest() for s in forward.values()] == [s.digest() for s in backward.values()]
    assert list(forward) == list(backward) == ["A", "B"]


def test_only_some(csv):
    text = "ticker,date,close\nA,2025-01-02,1\nA,2025-01-03,2\nB,2025-01-02,1\nB,2025-01-02,2\n"
    assert list(load(csv(text), only=["A", "Z"])) == ["A"]
    assert list(load(csv(text))) == ["A", "B"]


def test_of_rows_at_one_time_the_first_counts(csv):
    text = "ticker,date,close\nA,2025-01-03,2\nA,2025-01-02,1\nA,2025-01-03,8\nA,2025-01-06,\nA,2025-01-06,4\n"
    found = load(csv(text))["A"]
    assert list(found.returns) == [np.log(2.0)]
    # A row without a value is a row: the other one of its day is the repeated one.
    assert (found.repeated, found.missing) == (2, 1)


def test_nothing_but_missing(csv):
    found = load(csv("ticker,date,close\nA,2025-01-02,\nA,2025-01-03,.\n"))["A"]
    assert (len(found), found.missing) == (0, 2)


def test_a_time_of_day_is_cut_off(csv):
    found = load(csv("ticker,date,close\nA,2025-01-02 00:00:00,1\nA,2025-01-03T16:00:00Z,2\n"))["A"]
    assert stamp_text(found.dates[0]) == "2025-01-03"


def test_arrays_are_read_only(csv):
    found = load(csv("ticker,date,close\nA,2025-01-02,1\nA,2025-01-03,2\n"))["A"]
    with pytest.raises(ValueError, match="read-only"):
        found.returns[0] = 1.0
    with pytest.raises(AttributeError, match="immutable"):
        found.name = "B"


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        ("ticker,date,clse\nA,2025-01-02,1\n", "no column 'close'", "did you mean 'clse'"),
        ("ticker,date,close\nA,2025-01-02,1\nA,02/01/2025,1\n", "'02/01/2025' in row 2 of 'date'", "year-month-day"),
        ("ticker,date,close\nA,2025-02-30,1\n", "'2025-02-30' in row 1", "year-month-day"),
        ("ticker,date,close\nA,,1\n", "'' in row 1 of 'date' is not a date", "year-month-day"),
        ("ticker,date,close\nA,2025-01-02,1\nA,2025-01-03,12O\n", "'12O' in row 2 of 'close' is not a number", "empty"),
        ("ticker,date,close\nA,2025-01-02,1\nA,2025-01-03,0\n", "the price of 'A' on 2025-01-03 is 0", "above 0"),
        ("ticker,date,close\nA,2025-01-02,-37.63\n", "the price of 'A' on 2025-01-02 is -37.63", "above 0"),
        ("ticker,date,close\nA,2025-01-02,inf\n", "the value of 'A' on 2025-01-02 is infinite", "empty"),
        ("ticker,date,close\n ,2025-01-02,1\n", "'ticker' is empty in row 1", "name of its series"),
        ("ticker,date,close\nA,2025-01-02,1,9\n", "cannot be read as csv", "csv table"),
        ("", "cannot be read as csv", "csv table"),
    ],
)
def test_wrong_csv(csv, text, message, help):
    with pytest.raises(SourceError) as caught:
        load(csv(text))
    assert message in str(caught.value)
    assert help in caught.value.help


def test_negative_volume(csv):
    with pytest.raises(SourceError, match="volume -1 in row 1 is below 0"):
        load(csv("ticker,date,close,v\nA,2025-01-02,1,-1\n", volume="v"))


def test_a_file_without_a_key_is_one_series(csv):
    (series,) = load(csv("date,close\n2025-01-02,1\n2025-01-03,2\n", key=None)).values()
    assert series.name == "prices"
    assert series.returns.tolist() == [math.log(2)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"time": None}, "needs `time:`"),
        ({"price": None}, "neither `price:` nor `returns:`"),
        ({"returns": "r"}, "both `price:` and `returns:`"),
        ({"series": 5}, "`series:` means nothing"),
        ({"format": "xlsx"}, "no known format"),
    ],
)
def test_wrong_settings(csv, settings, message):
    with pytest.raises(SourceError) as caught:
        load(csv("ticker,date,close\nA,2025-01-02,1\n", **settings))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("location", "message", "help"),
    [
        ("price.csv", "there is no file 'price.csv'", "did you mean 'prices.csv'"),
        ("nowhere/prices.csv", "there is no file", "folder of the spec"),
        ("s3://lake/bars/", "not a local file", "copy it beside the spec"),
        ("sample:archh", "no source 'sample:archh'", "did you mean 'sample:arch'"),
    ],
)
def test_wrong_location(csv, location, message, help):
    named = dataclasses.replace(csv("ticker,date,close\nA,2025-01-02,1\n"), location=location)
    with pytest.raises(SourceError) as caught:
        load(named)
    assert message in str(caught.value)
    assert help in caught.value.help


def test_an_unnamed_format_needs_to_be_said(tmp_path):
    (tmp_path / "prices.txt").write_text("ticker,date,close\nA,2025-01-02,1\nA,2025-01-03,2\n")
    named = request(tmp_path, "prices.txt", key="ticker", time="date", price="close")
    with pytest.raises(SourceError, match="no known format"):
        load(named)
    assert len(load(dataclasses.replace(named, format="csv"))["A"]) == 1


@pytest.mark.parametrize(
    "columns",
    [
        {
            "t": pa.array(["A", "A"]),
            "d": pa.array([date(2025, 1, 2), date(2025, 1, 3)]),
            "p": pa.array([1.0, 2.0]),
        },
        {
            "t": pa.array(["A", "A"]).dictionary_encode(),
            "d": pa.array([1735776000, 1735862400], pa.timestamp("s")),
            "p": pa.array([Decimal("1.0"), Decimal("2.0")]),
        },
        {"t": pa.array(["A", "A"]), "d": pa.array(["2025-01-02", "2025-01-03"]), "p": pa.array([1, 2], pa.int32())},
    ],
)
def test_parquet_types(tmp_path, columns):
    parquet.write_table(pa.table(columns), tmp_path / "prices.parquet")
    found = load(request(tmp_path, "prices.parquet", key="t", time="d", price="p"))["A"]
    assert [stamp_text(d) for d in found.dates] == ["2025-01-03"]
    assert found.returns[0] == math.log(2.0)


def test_wrong_parquet(tmp_path):
    (tmp_path / "prices.parquet").write_text("not parquet")
    named = request(tmp_path, "prices.parquet", key="t", time="d", price="p")
    with pytest.raises(SourceError, match="cannot be read as parquet"):
        load(named)
    table = pa.table({"t": ["A", None], "d": [date(2025, 1, 2), None], "p": [1.0, None]})
    parquet.write_table(table, tmp_path / "prices.parquet")
    with pytest.raises(SourceError, match="'t' is empty in row 2"):
        load(named)
    parquet.write_table(table.set_column(0, "t", pa.array(["A", "A"])), tmp_path / "prices.parquet")
    with pytest.raises(SourceError, match="'d' is empty in row 2"):
        load(named)


def test_digest_is_of_the_bytes(csv):
    found = load(csv("ticker,date,close,v\nA,2025-01-02,1,4\nA,2025-01-03,2,5\nA,2025-01-06,3,6\n", volume="v"))["A"]
    # Oracle: the documented layout, put together by hand. 2025-01-06 is day 20094 of the epoch.
    layout = b"volume" + (20094).to_bytes(8, "little") + np.array([math.log(3) - math.log(2), 6.0], "<f8").tobytes()
    assert found.digest(1, 2) == hashlib.blake2b(layout, digest_size=16).hexdigest()
    assert len({found.digest(), found.digest(1), found.digest(0, 1)}) == 3


def test_samples_of_arch(tmp_path):
    pytest.importorskip("arch")
    from arch.data import nasdaq, sp500, vix, wti

    found = load(request(tmp_path, "sample:arch"))
    assert list(found) == ["nasdaq", "sp500", "vix", "wti"]
    for name, frame, column in (
        ("sp500", sp500.load(), "Adj Close"),
        ("nasdaq", nasdaq.load(), "Adj Close"),
        ("vix", vix.load(), "vix"),
        ("wti", wti.load(), "DCOILWTICO"),
    ):
        prices = frame[column]
        known = prices.dropna()
        series = found[name]
        np.testing.assert_allclose(series.returns, np.diff(np.log(known.to_numpy())), rtol=1e-12)
        np.testing.assert_array_equal(series.dates, known.index[1:].to_numpy().astype("datetime64[D]"))
        assert series.missing == int(prices.isna().sum())
        assert (series.volume is not None) == (name in ("sp500", "nasdaq"))
    assert 0.02 < found["wti"].missing / (len(found["wti"]) + found["wti"].missing) < 0.04


def test_a_sample_takes_no_settings(tmp_path):
    with pytest.raises(SourceError, match="`price:` means nothing for 'sample:arch'"):
        load(request(tmp_path, "sample:arch", price="close"))


@given(
    st.lists(
        st.one_of(
            st.floats().map(repr),
            st.floats(allow_nan=False, allow_infinity=False).map("{:.6g}".format),
            st.integers(-(10**18), 10**18).map(str),
            st.sampled_from(
                ["+1.5", "1_000", " 2.5\t", "", ".", "NA", " nan ", "None", "N/A", "-0.0", ".5", "5.", "1E5", "inf"]
            ),
        ),
        max_size=20,
    )
)
def test_numbers_are_what_python_reads_in_them(texts: list[str]) -> None:
    """Read all at once or one by one, to the bit."""
    empty = {"", ".", "nan", "na", "n/a", "null", "none"}
    expected = [math.nan if text.strip().lower() in empty else float(text) for text in texts]
    found = numbers(pa.chunked_array([pa.array(texts, pa.string())]), "f.csv", "c")
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(~np.isnan(found), known)
    # As bits, so that -0.0 is not 0.0.
    np.testing.assert_array_equal(found[known].view(np.int64), np.array(expected)[known].view(np.int64))
