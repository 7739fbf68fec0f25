"""Where series come from: shipped samples, a synthetic market, CSV and Parquet files and folders of them. One entry:
:func:`load`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fleetspec.diagnostics import did_you_mean
from fleetspec.panel import bars, samples, synthetic, tables
from fleetspec.panel.bars import SESSION
from fleetspec.panel.series import BESIDE, Series, SourceError

if TYPE_CHECKING:
    from fleetspec.panel.series import Rows
    from fleetspec.panel.tables import Attributes
    from fleetspec.units import BarSize

__all__ = [
    "SAMPLE",
    "SYNTHETIC",
    "Series",
    "SourceError",
    "SourceRequest",
    "attributes",
    "files_of",
    "load",
    "load_rows",
]

SAMPLE = "sample:arch"
SYNTHETIC = "synthetic:market"
_FORMATS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """A data source as the spec names it. ``root`` is the folder relative paths start from.

    ``key``, ``time``, ``price``, ``returns`` and what may stand beside them (``volume``, ``high``, ``low``,
    ``realised``, ``implied``) are column names of a file; without ``key`` the file is one series, named by the file's
    stem. Of a folder every file is read, and all are one table. ``series``, ``length`` (in bars) and ``seed`` describe
    a synthetic market. ``bar`` is the size of the bars wanted, ``calendar`` whose sessions they are of.
    """

    location: str
    root: Path
    format: str | None = None
    key: str | None = None
    time: str | None = None
    price: str | None = None
    returns: str | None = None
    volume: str | None = None
    high: str | None = None
    low: str | None = None
    realised: str | None = None
    implied: str | None = None
    series: int | None = None
    length: int | None = None
    seed: int | None = None
    bar: BarSize = SESSION
    calendar: str = "XNYS"

    @property
    def beside(self) -> dict[str, str]:
        """Columns beside the value, by role."""
        return {role: column for role in BESIDE if (column := getattr(self, role)) is not None}


MOST_BARS = 10**9
"""Of a synthetic market, all series together: eight gigabytes for each column of them."""
_COLUMNS = ("key", "time", "price", "returns", *BESIDE)


def load(request: SourceRequest, only: Collection[str] | None = None) -> dict[str, Series]:
    """Every series of the source by name, names sorted; ``only`` reads no more than those of them that exist.

    Raises :class:`SourceError` when the source cannot be read as declared, and its :class:`~bars.TooCoarse` when its
    rows are too far apart for the bars.
    """
    wanted = None if only is None else frozenset(only)
    if request.location == SYNTHETIC:
        return _synthetic(request, wanted)
    rows = load_rows(request, wanted)
    bars.require_fine(rows, request.bar)
    return {name: bars.series_of(one, request.bar, request.calendar) for name, one in rows.items()}


def load_rows(request: SourceRequest, wanted: frozenset[str] | None = None) -> dict[str, Rows]:
    """The rows of every series of a file or sample, as fine as they are."""
    if request.location == SAMPLE:
        _refuse(request, ("format", *_COLUMNS, "series", "length", "seed"))
        return samples.arch_series(wanted)
    files = files_of(request)
    _refuse(request, ("series", "length", "seed"))
    return tables.read(files, _columns(request), wanted)


def attributes(request: SourceRequest, names: Iterable[str]) -> dict[str, Attributes]:
    """Columns of the source's table as text, by series: what members are chosen by."""
    if request.location in (SAMPLE, SYNTHETIC):
        raise SourceError(
            f"'{request.location}' has no columns to choose by", "list its members: series: [A, B], or take them all"
        )
    files, columns = files_of(request), _columns(request)
    return tables.read_attributes(files, columns.key, columns.time, names)


def _synthetic(request: SourceRequest, wanted: frozenset[str] | None) -> dict[str, Series]:
    _refuse(request, ("format", *_COLUMNS))
    if request.series is None or request.length is None:
        raise SourceError(
            f"{SYNTHETIC} needs its size", "write series: 200 and length: 1500 sessions (seed: is 0 unless given)"
        )
    if request.series < 1 or request.length < 1:
        raise SourceError(f"{SYNTHETIC} needs at least one series of one session", "write series: 200")
    if request.series * request.length > MOST_BARS:
        told = f"{SYNTHETIC} of {request.series:,} series of {request.length:,} sessions does not fit into memory"
        raise SourceError(told, f"write fewer: series times length is at most {MOST_BARS:,}")
    if request.seed is not None and request.seed < 0:
        raise SourceError(f"seed {request.seed} is below 0", "write a seed of 0 or above")
    indices = None
    if wanted is not None:
        indices = [index for index, name in enumerate(synthetic.names(request.series)) if name in wanted]
    made = synthetic.market(request.series, request.length, request.seed or 0, indices, request.bar)
    return dict(sorted(made.items()))


def files_of(request: SourceRequest) -> list[tables.File]:
    """The file of a request, or those of its folder by name, each with its format."""
    if "://" in request.location:
        raise SourceError(
            f"'{request.location}' is not a local file", "this version reads local files only: copy it beside the spec"
        )
    if Path(request.location).suffix.lower() not in _FORMATS and ":" in request.location:
        raise SourceError(
            f"there is no source '{request.location}'", did_you_mean(request.location, (SAMPLE, SYNTHETIC))
        )
    path = request.root / request.location
    if path.is_dir():
        return _listed(path, request)
    if "*" in request.location:
        raise SourceError(
            f"'{request.location}' is a pattern", "name the folder: all of its .csv and .parquet files are read"
        )
    if not path.is_file():
        beside = [p.name for p in path.parent.glob("*") if p.suffix in _FORMATS] if path.parent.is_dir() else []
        raise SourceError(
            f"there is no file '{request.location}'",
            did_you_mean(path.name, beside) if beside else "paths start from the folder of the spec",
        )
    kind = request.format or _FORMATS.get(path.suffix.lower())
    if kind not in ("csv", "parquet"):
        raise SourceError(f"'{request.location}' has no known format", "write format: csv or format: parquet")
    return [tables.File(path, request.location, kind)]


def _listed(folder: Path, request: SourceRequest) -> list[tables.File]:
    """The .csv and .parquet files right in a folder; those of other kinds, and hidden ones, mean nothing."""
    shown = request.location.rstrip("/")
    found = [
        tables.File(path, f"{shown}/{path.name}", _FORMATS[path.suffix.lower()])
        for path in sorted(folder.iterdir())
        if path.name[0] != "." and path.is_file() and path.suffix.lower() in _FORMATS
    ]
    if request.format is not None:
        raise SourceError(
            f"`format:` means nothing for the folder '{request.location}'",
            "leave it out: files are read by their endings, .csv, .parquet and .pq",
        )
    if not found:
        below = any(path.is_dir() for path in folder.iterdir())
        raise SourceError(
            f"the folder '{request.location}' has no .csv and no .parquet file",
            "name the folder that they lie in: folders below it are not read" if below else "put the data there",
        )
    if request.key is None:
        stems = [file.path.stem for file in found]
        twice = [file for at, file in enumerate(found) if file.path.stem in stems[:at]]
        if twice:
            raise SourceError(
                f"{twice[0].shown} is the second file of the series '{twice[0].path.stem}'",
                "keep one of them, or name the column of series names with key:",
            )
    return found


def _columns(request: SourceRequest) -> tables.Columns:
    if request.time is None:
        raise SourceError(
            f"'{request.location}' needs `time:`",
            "name the date column, as in time: date; a file of several series also needs key: ticker",
        )
    if (request.price is None) == (request.returns is None):
        both = "both `price:` and `returns:`" if request.price is not None else "neither `price:` nor `returns:`"
        raise SourceError(f"'{request.location}' has {both}", "name exactly one of the two columns")
    if (request.high is None) != (request.low is None):
        given, lacking = ("high", "low") if request.low is None else ("low", "high")
        raise SourceError(
            f"'{request.location}' has `{given}:` and no `{lacking}:`", "a range needs both: name the other column too"
        )
    return tables.Columns(request.key, request.time, request.price, request.returns, request.beside)


def _refuse(request: SourceRequest, fields: tuple[str, ...]) -> None:
    """A setting that the kind of source does not know would be ignored: say so instead."""
    given = [name for name in fields if getattr(request, name) is not None]
    if given:
        raise SourceError(f"`{given[0]}:` means nothing for '{request.location}'", f"leave out {', '.join(given)}")
