"""Long tables, one row per series and date, from CSV and Parquet.

In CSV every cell is read as text and typed here, so the ticker ``ON`` or ``000660`` is never a flag or a number.
An empty cell, ``NaN``, ``NA``, ``null`` or ``.`` in a numeric column is a missing value. A time of day in the date
column is cut off: bars are daily.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fleetspec.diagnostics import did_you_mean
from fleetspec.panel.series import Dates, Floats, Series, SourceError, from_prices, from_returns

if TYPE_CHECKING:
    import pyarrow as pa

_EMPTY = frozenset({"", ".", "nan", "na", "n/a", "null", "none"})
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns to read; exactly one of ``price`` and ``returns`` is set, and no ``key`` means one series."""

    key: str | None
    time: str
    price: str | None
    returns: str | None
    volume: str | None

    @property
    def value(self) -> str:
        return self.price or self.returns or ""


def read(path: Path, shown: str, kind: str, columns: Columns, wanted: frozenset[str] | None) -> dict[str, Series]:
    """The series of a file by name, sorted. ``shown`` is the file as the user wrote it, for messages."""
    table = _table(path, shown, kind, columns)
    if columns.key is None:
        codes, keys = np.zeros(len(table), dtype=np.int64), [path.stem]
    else:
        codes, keys = _keys(table[columns.key], shown, columns.key)
    dates = _dates(table[columns.time], shown, columns.time)
    values = numbers(table[columns.value], shown, columns.value)
    volume = None if columns.volume is None else numbers(table[columns.volume], shown, columns.volume)
    if volume is not None and (volume < 0).any():
        row = int(np.flatnonzero(volume < 0)[0])
        raise SourceError(
            f"{shown}: volume {volume[row]:g} in row {row + 1} is below 0", "leave it empty where it is not known"
        )
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(keys) + 1))
    build = from_prices if columns.price is not None else from_returns
    return {
        name: build(name, dates[rows], values[rows], None if volume is None else volume[rows])
        for name, rows in sorted((key, order[bounds[i] : bounds[i + 1]]) for i, key in enumerate(keys))
        if wanted is None or name in wanted
    }


def _table(path: Path, shown: str, kind: str, columns: Columns) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv, parquet

    try:
        header = csv.open_csv(path).schema.names if kind == "csv" else parquet.read_schema(path).names
        wanted = [c for c in (columns.key, columns.time, columns.value, columns.volume) if c is not None]
        for column in wanted:
            if column not in header:
                raise SourceError(f"{shown} has no column '{column}'", did_you_mean(column, header))
        if kind == "parquet":
            return parquet.read_table(path, columns=list(dict.fromkeys(wanted)))
        options = csv.ConvertOptions(
            include_columns=list(dict.fromkeys(wanted)),
            column_types=dict.fromkeys(wanted, pa.string()),
            strings_can_be_null=False,
        )
        return csv.read_csv(path, convert_options=options)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise SourceError(f"{shown} cannot be read as {kind}: {reason}", f"check that it is a {kind} table") from None


def _keys(column: pa.ChunkedArray, shown: str, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """Row → index into the distinct series names."""
    import pyarrow as pa

    text = column.cast(pa.string()).combine_chunks().dictionary_encode()
    keys: list[str] = text.dictionary.to_pylist()
    codes = np.array(text.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
    blank = np.isin(codes, [-1, *(i for i, key in enumerate(keys) if not key.strip())])
    if blank.any():
        row = int(np.flatnonzero(blank)[0]) + 1
        raise SourceError(f"{shown}: '{name}' is empty in row {row}", "every row needs the name of its series")
    return codes, keys


def _dates(column: pa.ChunkedArray, shown: str, name: str) -> Dates:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        if getattr(column.type, "tz", None):
            # The day on the clock that the file keeps, not the one it is in Greenwich.
            column = pc.local_timestamp(column)
        days = np.array(column.to_numpy(zero_copy_only=False)).astype("datetime64[D]")
        _no_empty_date(np.isnat(days), shown, name)
        return days
    text = column.cast(pa.string()).combine_chunks().dictionary_encode()
    distinct = text.dictionary.to_pylist()
    parsed = np.array([_day(value) for value in distinct], dtype="datetime64[D]").reshape(len(distinct))
    codes = np.array(text.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
    _no_empty_date(codes < 0, shown, name)
    wrong = np.flatnonzero(np.isnat(parsed))
    if len(wrong):
        value = distinct[int(wrong[0])]
        row = int(np.flatnonzero(codes == wrong[0])[0]) + 1
        raise SourceError(
            f"{shown}: '{value}' in row {row} of '{name}' is not a date", "write year-month-day: 2025-12-31"
        )
    return parsed[codes]


def _no_empty_date(empty: NDArray[np.bool_], shown: str, name: str) -> None:
    if empty.any():
        row = int(np.flatnonzero(empty)[0]) + 1
        raise SourceError(f"{shown}: '{name}' is empty in row {row}", "every row needs a date: 2025-12-31")


def _day(text: str) -> np.datetime64:
    if _DAY.fullmatch(text.strip()):
        try:
            return np.datetime64(text.strip()[:10], "D")
        except ValueError:
            pass
    return np.datetime64("NaT", "D")


def numbers(column: pa.ChunkedArray, shown: str, name: str) -> Floats:
    """The column as float64; missing values are NaN."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return np.array(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    texts = column.cast(pa.string()).to_pylist()
    values = np.empty(len(texts))
    for row, text in enumerate(texts):
        try:
            values[row] = float(text)
        except (TypeError, ValueError):
            if text is not None and text.strip().casefold() not in _EMPTY:
                raise SourceError(
                    f"{shown}: '{text}' in row {row + 1} of '{name}' is not a number",
                    "write digits with a point, and leave the cell empty where the value is not known",
                ) from None
            values[row] = np.nan
    return values
