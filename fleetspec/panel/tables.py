"""Long tables, one row per series and time, from CSV and Parquet, one file or several that are one table together.

In CSV every cell is read as text and typed here, so the ticker ``ON`` or ``000660`` is never a flag or a number.
An empty cell, ``NaN``, ``NA``, ``null`` or ``.`` in a numeric column is a missing value. A stamp keeps the clock that
the file keeps: its zone says which clock that is and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fleetspec.diagnostics import did_you_mean
from fleetspec.panel.series import SourceError, from_prices, from_returns

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from fleetspec.panel.series import Dates, Floats, Rows

_EMPTY = frozenset({"", ".", "nan", "na", "n/a", "null", "none"})
_STAMP = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]+(\d{2}:\d{2}(?::\d{2})?)(?:\.\d*)?\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?)?")
_PERCENT = 3.0
"""An annualised volatility of 300 % at the median is no market's: it was written in percent."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns to read; exactly one of ``price`` and ``returns`` is set, and no ``key`` means one series.

    ``beside`` maps roles of :data:`fleetspec.panel.series.BESIDE` to columns.
    """

    key: str | None
    time: str
    price: str | None
    returns: str | None
    beside: Mapping[str, str]

    @property
    def value(self) -> str:
        return self.price or self.returns or ""


class File(NamedTuple):
    """One file of a table. ``shown`` is how the user would name it, for messages; ``kind`` is csv or parquet."""

    path: Path
    shown: str
    kind: str


class _Piece(NamedTuple):
    """What a file has of one series, in the order of its rows."""

    stamps: Dates
    values: Floats
    beside: dict[str, Floats]


def read(files: Sequence[File], columns: Columns, wanted: frozenset[str] | None) -> dict[str, Rows]:
    """The rows of all files by series name, sorted. Without a key each file is one series; with one, a series may be
    spread over several, and of two rows at one time that of the earlier file counts."""
    pieces: dict[str, list[_Piece]] = {}
    for file in files:
        if columns.key is not None or wanted is None or file.path.stem in wanted:
            for name, piece in _pieces(file, columns):
                if wanted is None or name in wanted:
                    pieces.setdefault(name, []).append(piece)
    build = from_prices if columns.price is not None else from_returns
    found = {}
    for name in sorted(pieces):
        parts = pieces.pop(name)
        beside = {role: np.concatenate([part.beside[role] for part in parts]) for role in columns.beside}
        stamps, values = (np.concatenate([part[at] for part in parts]) for at in (0, 1))
        found[name] = build(name, stamps, values, beside)
    return found


def _pieces(file: File, columns: Columns) -> Iterator[tuple[str, _Piece]]:
    path, shown, kind = file
    named = (columns.key, columns.time, columns.value, *columns.beside.values())
    table = _table(path, shown, kind, [column for column in named if column is not None])
    groups = _by_series(table, path, shown, columns.key)
    stamps = _stamps(table[columns.time], shown, columns.time)
    values = numbers(table[columns.value], shown, columns.value)
    beside = {role: numbers(table[column], shown, column) for role, column in columns.beside.items()}
    _check_beside(beside, columns.beside, shown)
    for name, rows in groups:
        yield name, _Piece(stamps[rows], values[rows], {role: column[rows] for role, column in beside.items()})


@dataclass(frozen=True, slots=True, eq=False)
class Attributes:
    """What the rows of one series say of it, oldest first: ``stamps`` (R,) and text columns (R,), '' where empty."""

    stamps: Dates
    columns: Mapping[str, list[str]]


def read_attributes(files: Sequence[File], key: str | None, time: str, names: Iterable[str]) -> dict[str, Attributes]:
    """Columns of all files as text by series name; rows without a value count too, and of rows at one time the first,
    as of prices."""
    listed = list(names)
    parts: dict[str, list[tuple[Dates, dict[str, list[str]]]]] = {}
    for path, shown, kind in files:
        table = _table(path, shown, kind, [column for column in (key, time, *listed) if column is not None])
        stamps = _stamps(table[time], shown, time)
        texts = {name: _texts(table[name]) for name in listed}
        for series, rows in _by_series(table, path, shown, key):
            here = {name: [texts[name][row] for row in rows] for name in listed}
            parts.setdefault(series, []).append((stamps[rows], here))
    found = {}
    for series, pieces in sorted(parts.items()):
        stamps = np.concatenate([of for of, _ in pieces])
        order = np.argsort(stamps, kind="stable")
        order = order[np.append(True, np.diff(stamps[order]) > np.timedelta64(0, "s"))]
        whole = {name: [text for _, texts in pieces for text in texts[name]] for name in listed}
        found[series] = Attributes(stamps[order], {name: [whole[name][row] for row in order] for name in listed})
    return found


def header(path: Path, kind: str) -> list[str]:
    """The names of a file's columns. Raises pyarrow.ArrowInvalid where it is no such file."""
    from pyarrow import csv, parquet

    return list(csv.open_csv(path).schema.names if kind == "csv" else parquet.read_schema(path).names)


def _check_beside(beside: Mapping[str, Floats], columns: Mapping[str, str], shown: str) -> None:
    for role, values in beside.items():
        # A price of 0 has no logarithm; volume and variance may be nothing.
        wrong = np.flatnonzero((values <= 0) | np.isinf(values) if role in ("high", "low") else values < 0)
        if len(wrong):
            least = "not above 0" if role in ("high", "low") else "below 0"
            raise SourceError(
                f"{shown}: {role} {values[wrong[0]]:g} in row {wrong[0] + 1} is {least}",
                "leave it empty where it is not known",
            )
    if "high" in beside and "low" in beside:
        wrong = np.flatnonzero(beside["high"] < beside["low"])
        if len(wrong):
            row = int(wrong[0])
            raise SourceError(
                f"{shown}: the high {beside['high'][row]:g} in row {row + 1} is below the low {beside['low'][row]:g}",
                f"check that high: {columns['high']} and low: {columns['low']} are not swapped",
            )
    implied = beside.get("implied")
    if implied is not None and not np.isnan(implied).all() and np.nanmedian(implied) > _PERCENT:
        raise SourceError(
            f"{shown}: implied volatility '{columns['implied']}' is {np.nanmedian(implied):g} at the median",
            "write it as a fraction a year: 0.20, not 20",
        )


def _by_series(table: pa.Table, path: Path, shown: str, key: str | None) -> list[tuple[str, NDArray[np.intp]]]:
    """(series, its row numbers), by name."""
    if key is None:
        return [(path.stem, np.arange(len(table)))]
    codes, keys = _keys(table[key], shown, key)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(keys) + 1))
    return sorted((name, order[bounds[i] : bounds[i + 1]]) for i, name in enumerate(keys))


def _table(path: Path, shown: str, kind: str, wanted: list[str]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv, parquet

    try:
        known = header(path, kind)
        for column in wanted:
            if column not in known:
                raise SourceError(f"{shown} has no column '{column}'", did_you_mean(column, known))
        distinct = list(dict.fromkeys(wanted))
        if kind == "parquet":
            return parquet.read_table(path, columns=distinct)
        options = csv.ConvertOptions(
            include_columns=distinct, column_types=dict.fromkeys(distinct, pa.string()), strings_can_be_null=False
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


def _stamps(column: pa.ChunkedArray, shown: str, name: str) -> Dates:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        if getattr(column.type, "tz", None):
            # The hour on the clock that the file keeps, not the one it is in Greenwich.
            column = pc.local_timestamp(column)
        stamps = np.array(column.to_numpy(zero_copy_only=False)).astype("datetime64[s]")
        _no_empty_date(np.isnat(stamps), shown, name)
        return stamps
    text = column.cast(pa.string()).combine_chunks().dictionary_encode()
    distinct = text.dictionary.to_pylist()
    parsed = np.array([_stamp(value) for value in distinct], dtype="datetime64[s]").reshape(len(distinct))
    codes = np.array(text.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
    _no_empty_date(codes < 0, shown, name)
    wrong = np.flatnonzero(np.isnat(parsed))
    if len(wrong):
        value = distinct[int(wrong[0])]
        row = int(np.flatnonzero(codes == wrong[0])[0]) + 1
        raise SourceError(
            f"{shown}: '{value}' in row {row} of '{name}' is not a date",
            "write year-month-day: 2025-12-31, or 2025-12-31 16:00 for bars within a day",
        )
    return parsed[codes]


def _no_empty_date(empty: NDArray[np.bool_], shown: str, name: str) -> None:
    if empty.any():
        row = int(np.flatnonzero(empty)[0]) + 1
        raise SourceError(f"{shown}: '{name}' is empty in row {row}", "every row needs a date: 2025-12-31")


def _stamp(text: str) -> np.datetime64:
    """Date and time as written: an offset says whose clock it is, and each source is on one clock."""
    found = _STAMP.fullmatch(text.strip())
    if found:
        try:
            return np.datetime64(f"{found[1]}T{found[2] or '00:00'}", "s")
        except ValueError:
            pass
    return np.datetime64("NaT", "s")


def _texts(column: pa.ChunkedArray) -> list[str]:
    import pyarrow as pa

    return [text or "" for text in column.cast(pa.string()).to_pylist()]


def _parsed(text: pa.ChunkedArray) -> Floats:
    """Texts of numbers all at once, to the bit what ``float`` makes of each. Raises pyarrow.ArrowInvalid."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(text)
    empty = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(sorted(_EMPTY)))
    known = pc.if_else(empty, pa.scalar(None, pa.string()), trimmed).cast(pa.float64())
    return np.array(known.to_numpy(zero_copy_only=False), dtype=np.float64)


def numbers(column: pa.ChunkedArray, shown: str, name: str) -> Floats:
    """The column as float64; missing values are NaN."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return np.array(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    text = column.cast(pa.string())
    try:
        return _parsed(text)
    except pa.ArrowInvalid:
        # What Arrow does not read Python may ("+1", "1_000"), or it is told with its row.
        texts = text.to_pylist()
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
