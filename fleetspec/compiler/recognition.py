"""What somebody's data file is: which column is what, how far apart rows are, and on whose calendar they lie.

Nothing is guessed silently: every choice is a note, and what leaves room for doubt ends with what to write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.diagnostics import reject
from fleetspec.panel.bars import SESSION, spacing
from fleetspec.panel.sources import SourceError, SourceRequest, files_of, load_rows
from fleetspec.panel.tables import header
from fleetspec.rules.reading import DRAFT_UNREADABLE
from fleetspec.sessions import sessions_between
from fleetspec.units import BarSize, UnitError

if TYPE_CHECKING:
    from fleetspec.diagnostics import Rejected
    from fleetspec.panel.series import Rows

_NAMES: dict[str, tuple[str, ...]] = {
    "key": ("ticker", "symbol", "series", "asset", "id", "unique_id", "name", "key"),
    "time": ("date", "time", "timestamp", "datetime", "day", "ds"),
    "price": ("adj_close", "adjusted_close", "close", "price", "last", "px_last", "settle"),
    "returns": ("return", "returns", "ret", "log_return"),
    "volume": ("volume", "vol", "turnover"),
    "high": ("high", "px_high", "high_price"),
    "low": ("low", "px_low", "low_price"),
    "realised": ("realised_variance", "realized_variance", "realised", "realized", "rv"),
    "implied": ("implied_volatility", "implied_vol", "implied", "iv", "atm_iv"),
}
_ADJUSTED = ("adj_close", "adjusted_close")
_CALENDARS = ("XNYS", "XLON", "XETR", "XPAR", "XSWX", "XTSE", "XTKS", "XHKG", "XASX", "BVMF", "24/5")
"""Calendars that are tried; of two that fit alike the earlier one is taken."""
_TRIED_DAYS = 3 * 365
_LONGEST_LINE = 65_536
_DAY_FIRST = re.compile(r"'(\d{1,2}[/.]\d{1,2}[/.]\d{2,4})'")
_VALUE = re.compile(r"[-+]?\d+([.,]\d+)?([eE][-+]?\d+)?|\d{4}-\d{2}-\d{2}.*|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}")


@dataclass(frozen=True, slots=True)
class Recognised:
    """A data file as a spec would name it. ``columns`` maps roles to columns, ``lengths`` are bars of each series,
    ``notes`` say what was taken for granted."""

    columns: dict[str, str]
    bar: BarSize
    calendar: str
    lengths: tuple[int, ...]
    sparse: int
    notes: tuple[str, ...]


def recognise(data: Path, location: str, root: Path, named: Mapping[str, str], max_missing: float) -> Recognised:
    """Look at a file, or a folder of files. ``named`` columns by role are taken as they are; ``sparse`` counts series
    with a larger share of missing rows than ``max_missing``. Rejected (FS021) where a file cannot be read or leaves
    room for doubt."""
    files = _files(data, location, root)
    columns, notes = _columns(data, _header(files[0]), named)
    rows = _rows(data, location, root, columns, notes)
    apart = _typical(rows)
    bar, told = _bar(apart)
    calendar, why = _calendar(rows, apart)
    lengths = tuple(len(one) for one in rows.values())
    shown = ", ".join(f"{column} is the {role}" for role, column in columns.items())
    listed = [
        f"{len(rows)} series of {_range(lengths)} bars",
        f"columns: {shown}",
        *([] if "key" in columns else ["no column of series names recognised: " + _by_file(data, len(files))]),
        *notes,
        told,
        why,
    ]
    sparse = sum(one.missing > max_missing * (len(one) + one.missing) for one in rows.values())
    return Recognised(columns, bar, calendar, lengths, sparse, tuple(note for note in listed if note))


def _by_file(data: Path, files: int) -> str:
    return f"each of {files} files is one series" if data.is_dir() else f"the file is one series, {data.stem}"


def _files(data: Path, location: str, root: Path) -> list[Path]:
    if not data.is_dir():
        return [data]
    try:
        # Two files of one name are told once it is known whether a column names the series.
        return [file.path for file in files_of(SourceRequest(location, root, key="?"))]
    except SourceError as error:
        raise reject(DRAFT_UNREADABLE, str(error), help=error.help) from None


def _range(lengths: tuple[int, ...]) -> str:
    return str(lengths[0]) if min(lengths) == max(lengths) else f"{min(lengths)} to {max(lengths)}"


def _header(data: Path) -> list[str]:
    import pyarrow as pa

    if not data.is_file():
        raise reject(
            DRAFT_UNREADABLE, f"there is no file {data}", help="name a CSV or Parquet file, or a folder of them"
        )
    csv = data.suffix.lower() == ".csv"
    if csv:
        _require_commas(data)
    try:
        known = header(data, "csv" if csv else "parquet")
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0]
        raise reject(DRAFT_UNREADABLE, f"{data} cannot be read: {reason}", help="name a CSV or Parquet table") from None
    values = [name for name in known if _VALUE.fullmatch(name.strip())]
    if values:
        raise reject(
            DRAFT_UNREADABLE,
            f"the first line of {data} holds values, not the names of columns: {', '.join(known)}",
            help="put a line of names on top, such as: date,ticker,close",
        )
    return known


def _require_commas(data: Path) -> None:
    with data.open(errors="replace") as stream:
        line = stream.readline(_LONGEST_LINE)
    sign = max(";\t|", key=line.count)
    if line.count(sign) > line.count(","):
        raise reject(
            DRAFT_UNREADABLE,
            f"the columns of {data} are separated by {'tabs' if sign == chr(9) else repr(sign)}, not by commas",
            help="save it with commas between columns and points in numbers, or as Parquet",
        )


def _columns(data: Path, known: list[str], named: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Columns by role, and notes on choices among several."""
    notes: list[str] = []
    folded = {_folded(column): column for column in reversed(known)}
    found = {role: [folded[name] for name in names if name in folded] for role, names in _NAMES.items()}
    columns = {role: candidates[0] for role, candidates in found.items() if candidates} | dict(named)
    if "price" in columns and "returns" not in named:
        columns.pop("returns", None)
    elif "returns" in columns:
        columns.pop("price", None)
    if "price" not in named and "price" in columns and len(found["price"]) > 1:
        notes.append(_two_prices(data, found["price"]))
    if ("high" in columns) != ("low" in columns):
        columns.pop("high", None)
        columns.pop("low", None)
    _require(data, known, columns)
    return columns, notes


def _folded(column: str) -> str:
    return re.sub(r"[\s_]+", "_", column.strip().casefold())


def _two_prices(data: Path, prices: list[str]) -> str:
    first, second = prices[:2]
    if _folded(first) in _ADJUSTED:
        return f"{first} and {second} are both prices: {first} is taken, which splits and dividends do not move"
    raise reject(
        DRAFT_UNREADABLE,
        f"{first} and {second} of {data} both look like the price",
        help=f"say which: fleetspec init {data} --price {first}",
    )


def _require(data: Path, known: list[str], columns: dict[str, str]) -> None:
    for role in ("time", "price"):
        if role in columns or (role == "price" and "returns" in columns):
            continue
        wanted = "a date" if role == "time" else "a price or a return"
        example = "date" if role == "time" else "close"
        help = f"name it: fleetspec init {data} --{role} COLUMN, or rename one to {example}"
        if role == "price" and len(known) > 2 and "key" not in columns:
            help += (
                "; a table with a column per series is made long by pandas: "
                f"df.melt(id_vars='{columns['time']}', var_name='ticker', value_name='close')"
            )
        message = f"no column of {data} looks like {wanted}: it has {', '.join(known)}"
        raise reject(DRAFT_UNREADABLE, message, help=help)


def _rows(data: Path, location: str, root: Path, columns: dict[str, str], notes: list[str]) -> dict[str, Rows]:
    """The rows of the file. A column that cannot be what its name says is taken out of ``columns``, with a note."""
    try:
        rows = load_rows(SourceRequest(location, root, **columns))  # type: ignore[arg-type]
    except SourceError as error:
        for role in ("implied", "realised"):
            if role in columns and f"{role} " in str(error):
                notes.append(f"{columns.pop(role)} is left out: {error}; {error.help}")
                return _rows(data, location, root, columns, notes)
        raise _unreadable(error) from None
    if not rows or not any(map(len, rows.values())):
        raise reject(DRAFT_UNREADABLE, f"{data} holds no price", help="bring a row per series and date")
    return rows


def _unreadable(error: SourceError) -> Rejected:
    help, found = error.help, _DAY_FIRST.search(str(error))
    if found:
        help = (
            f"write dates year-month-day; pandas reads {found[1]} by pd.to_datetime(column, dayfirst=True), "
            "or dayfirst=False where the month stands first"
        )
    return reject(DRAFT_UNREADABLE, str(error), help=help)


def _typical(rows: Mapping[str, Rows]) -> BarSize:
    """How far apart the rows of most series are."""
    found = [apart for one in rows.values() if (apart := spacing(one.stamps)) is not None]
    return sorted(found, key=lambda apart: apart.sessions)[len(found) // 2] if found else SESSION


def _bar(apart: BarSize) -> tuple[BarSize, str]:
    """The finest bar of the language that rows so far apart add up to, and why."""
    if not apart.intraday:
        return apart, "" if apart == SESSION else f"bar: {apart}, as far apart as the rows are"
    for minutes in range(apart.minutes, 241, apart.minutes):
        try:
            bar = BarSize.parse(f"{minutes}m")
        except UnitError:
            continue
        return bar, f"bar: {bar}, as the rows are {apart} apart; coarser bars are made from them: 1h, 1 session, 1 week"
    return SESSION, f"bar: 1 session, made from rows that are {apart} apart"


def _calendar(rows: Mapping[str, Rows], apart: BarSize) -> tuple[str, str]:
    """The calendar whose sessions differ least from the days of the data, and how much they do."""
    if apart.sessions > 1:
        return "XNYS", "calendar: XNYS, which rows that far apart cannot tell: change it if your market is another"
    days = np.unique(np.concatenate([one.stamps.astype("datetime64[D]") for one in rows.values()]))
    last = days[-1].astype(object)
    recent = frozenset(days[days > days[-1] - _TRIED_DAYS].astype(object).tolist())
    if sum(day.weekday() == 5 for day in recent) > 0.05 * len(recent):
        return "24/7", "calendar: 24/7, since there are Saturdays"
    apart_by = {}
    for name in _CALENDARS:
        differ = _differences(name, recent, last)
        if differ is not None:
            apart_by[name] = differ
        if differ == 0:
            break
    if not apart_by:
        return "XNYS", "calendar: XNYS, since no calendar reaches the data: change it if your market is another"
    best = min(apart_by, key=lambda name: apart_by[name])
    fit = f"{apart_by[best]} of the last {len(recent)} days differ from its sessions"
    doubt = "" if apart_by[best] <= 0.02 * len(recent) else ": change it if your market is another"
    return best, f"calendar: {best}, whose holidays fit best ({fit}){doubt}"


def _differences(calendar: str, days: frozenset[date], last: date) -> int | None:
    try:
        return len(sessions_between(calendar, min(days), last) ^ days)
    except ValueError:
        return None
