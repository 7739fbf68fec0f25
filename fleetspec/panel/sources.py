"""Where series come from: shipped samples, a synthetic market, CSV and Parquet files. One entry: :func:`load`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from fleetspec.diagnostics import did_you_mean
from fleetspec.panel import samples, synthetic, tables
from fleetspec.panel.series import Series, SourceError

__all__ = ["SAMPLE", "SYNTHETIC", "Series", "SourceError", "SourceRequest", "load"]

SAMPLE = "sample:arch"
SYNTHETIC = "synthetic:market"
_FORMATS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """A data source as the spec names it. ``root`` is the folder relative paths start from.

    ``key``, ``time``, ``price``, ``returns`` and ``volume`` are column names of a file; without ``key`` the file is
    one series, named by the file's stem. ``series``, ``length`` (in bars) and ``seed`` describe a synthetic market.
    """

    location: str
    root: Path
    format: str | None = None
    key: str | None = None
    time: str | None = None
    price: str | None = None
    returns: str | None = None
    volume: str | None = None
    series: int | None = None
    length: int | None = None
    seed: int | None = None


def load(request: SourceRequest, only: Collection[str] | None = None) -> dict[str, Series]:
    """Every series of the source by name, names sorted; ``only`` reads no more than those of them that exist.

    Raises :class:`SourceError` when the source cannot be read as declared.
    """
    wanted = None if only is None else frozenset(only)
    if request.location == SAMPLE:
        _refuse(request, ("format", "key", "time", "price", "returns", "volume", "series", "length", "seed"))
        return samples.arch_series(wanted)
    if request.location == SYNTHETIC:
        return _synthetic(request, wanted)
    if "://" in request.location:
        raise SourceError(
            f"'{request.location}' is not a local file", "this version reads local files only: copy it beside the spec"
        )
    if Path(request.location).suffix.lower() not in _FORMATS and ":" in request.location:
        raise SourceError(
            f"there is no source '{request.location}'", did_you_mean(request.location, (SAMPLE, SYNTHETIC))
        )
    return _file(request, wanted)


def _synthetic(request: SourceRequest, wanted: frozenset[str] | None) -> dict[str, Series]:
    _refuse(request, ("format", "key", "time", "price", "returns", "volume"))
    if request.series is None or request.length is None:
        raise SourceError(
            f"{SYNTHETIC} needs its size", "write series: 200 and length: 1500 sessions (seed: is 0 unless given)"
        )
    if request.series < 1 or request.length < 1:
        raise SourceError(f"{SYNTHETIC} needs at least one series of one session", "write series: 200")
    if request.seed is not None and request.seed < 0:
        raise SourceError(f"seed {request.seed} is below 0", "write a seed of 0 or above")
    indices = None
    if wanted is not None:
        indices = [index for index, name in enumerate(synthetic.names(request.series)) if name in wanted]
    return dict(sorted(synthetic.market(request.series, request.length, request.seed or 0, indices).items()))


def _file(request: SourceRequest, wanted: frozenset[str] | None) -> dict[str, Series]:
    path = request.root / request.location
    if path.is_dir():
        raise SourceError(f"'{request.location}' is a folder", "name one .csv or .parquet file")
    if not path.is_file():
        beside = [p.name for p in path.parent.glob("*") if p.suffix in _FORMATS] if path.parent.is_dir() else []
        raise SourceError(
            f"there is no file '{request.location}'",
            did_you_mean(path.name, beside) if beside else "paths start from the folder of the spec",
        )
    kind = request.format or _FORMATS.get(path.suffix.lower())
    if kind not in ("csv", "parquet"):
        raise SourceError(f"'{request.location}' has no known format", "write format: csv or format: parquet")
    _refuse(request, ("series", "length", "seed"))
    if request.time is None:
        raise SourceError(
            f"'{request.location}' needs `time:`",
            "name the date column, as in time: date; a file of several series also needs key: ticker",
        )
    if (request.price is None) == (request.returns is None):
        both = "both `price:` and `returns:`" if request.price is not None else "neither `price:` nor `returns:`"
        raise SourceError(f"'{request.location}' has {both}", "name exactly one of the two columns")
    columns = tables.Columns(request.key, request.time, request.price, request.returns, request.volume)
    return tables.read(path, request.location, kind, columns, wanted)


def _refuse(request: SourceRequest, fields: tuple[str, ...]) -> None:
    """A setting that the kind of source does not know would be ignored: say so instead."""
    given = [name for name in fields if getattr(request, name) is not None]
    if given:
        raise SourceError(f"`{given[0]}:` means nothing for '{request.location}'", f"leave out {', '.join(given)}")
