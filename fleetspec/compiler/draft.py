"""A first spec for somebody's own data file: columns recognised by name, sizes read from the data.

Nothing is guessed silently: every choice is a note for the reader and a line of the spec they can change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fleetspec.compiler.formatting import formatted
from fleetspec.diagnostics import Report, Source, reject
from fleetspec.panel.sources import SourceError, SourceRequest, load
from fleetspec.rules.reading import DRAFT_UNREADABLE

SCHEMA = "fleet.schema.json"
"""The JSON Schema beside a drafted spec, which its first line names for editors."""

_KEYS = ("ticker", "symbol", "series", "asset", "id", "unique_id", "name", "key")
_TIMES = ("date", "time", "timestamp", "datetime", "day", "ds")
_PRICES = ("adj_close", "adj close", "adjusted_close", "close", "price", "last", "px_last", "settle")
_RETURNS = ("return", "returns", "ret", "log_return")
_VOLUMES = ("volume", "vol", "turnover")
_WINDOWS = (1000, 750, 500, 250)
_SHORTEST = 100
"""Bars below which the drafted families have too little to be fitted on."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A spec's text, what was taken for granted in it, and whether locking it needs an extra."""

    text: str
    notes: tuple[str, ...]


def draft(name: str, data: Path | None, root: Path, named: Mapping[str, str] | None = None) -> Draft:
    """A spec for ``data`` (CSV or Parquet), or for sample data where there is none.

    ``root`` is the folder the spec will stand in; the data's path is written relative to it. ``named`` columns by role
    (key, time, price, returns, volume) are taken as they are. Raises Rejected when the file cannot be read, no column
    can be recognised, or the series are too short to train on.
    """
    if data is None:
        source = '{from: "synthetic:market", series: 20, length: 1250 sessions, seed: 1}'
        return Draft(
            _text(name, source, 1000, True), ("the data are a synthetic market: put your own file in `data:`",)
        )
    columns = _columns(data)
    picked: dict[str, str | None] = {
        "key": _pick(columns, _KEYS),
        "time": _pick(columns, _TIMES),
        "price": _pick(columns, _PRICES),
        "returns": _pick(columns, _RETURNS),
        "volume": _pick(columns, _VOLUMES),
    }
    picked |= named or {}
    if picked["price"] is not None and "returns" not in (named or {}):
        picked["returns"] = None
    elif picked["returns"] is not None:
        picked["price"] = None
    for role, examples in (("time", _TIMES), ("price", _PRICES + _RETURNS)):
        if picked[role] is None and not (role == "price" and picked["returns"]):
            wanted = "a date" if role == "time" else "a price or a return"
            raise reject(
                DRAFT_UNREADABLE,
                f"no column of {data} looks like {wanted}: it has {', '.join(columns)}",
                help=f"name it: fleetspec init {data} --{role} COLUMN, or rename one to {examples[0]}",
            )
    location = _relative(data, root)
    try:
        series = load(_request(location, root, picked))
    except SourceError as error:
        raise reject(DRAFT_UNREADABLE, str(error), help=error.help) from None
    lengths = np.array([len(one) for one in series.values()] or [0])
    typical = int(np.median(lengths))
    train = next((window for window in _WINDOWS if window <= 0.8 * typical), int(0.8 * typical))
    if train < _SHORTEST:
        raise reject(
            DRAFT_UNREADABLE,
            f"the series of {data} have {typical} returns at the median, too few to train on",
            help=f"bring at least {int(_SHORTEST / 0.8)} prices per series",
        )
    fields = [f"from: {_quote(location)}"] + [f"{role}: {_quote(column)}" for role, column in picked.items() if column]
    notes = [
        f"{len(series)} series of "
        + (f"{typical} bars" if lengths.min() == lengths.max() else f"{lengths.min()} to {lengths.max()} bars"),
        "columns: " + ", ".join(f"{column} is the {role}" for role, column in picked.items() if column),
        *([] if picked["key"] else [f"no column of series names recognised: the file is one series, {data.stem}"]),
        f"train: {train} bars, chosen from a median length of {typical}",
        "calendar: XNYS, change it if your market is another",
    ]
    return Draft(_text(name, "{" + ", ".join(fields) + "}", train, picked["volume"] is not None), tuple(notes))


def _request(location: str, root: Path, picked: dict[str, str | None]) -> SourceRequest:
    return SourceRequest(
        location,
        root,
        key=picked["key"],
        time=picked["time"],
        price=picked["price"],
        returns=picked["returns"],
        volume=picked["volume"],
    )


def _columns(data: Path) -> list[str]:
    import pyarrow as pa
    from pyarrow import csv, parquet

    if not data.is_file():
        raise reject(DRAFT_UNREADABLE, f"there is no file {data}", help="name a CSV or Parquet file")
    try:
        if data.suffix.lower() == ".csv":
            return list(csv.open_csv(data).schema.names)
        return list(parquet.read_schema(data).names)
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0]
        raise reject(DRAFT_UNREADABLE, f"{data} cannot be read: {reason}", help="name a CSV or Parquet table") from None


def _pick(columns: list[str], known: tuple[str, ...]) -> str | None:
    folded = {column.strip().casefold(): column for column in reversed(columns)}
    return next((folded[name] for name in known if name in folded), None)


def _relative(data: Path, root: Path) -> str:
    resolved = data.resolve()
    base = root.resolve()
    return resolved.relative_to(base).as_posix() if resolved.is_relative_to(base) else str(resolved)


def _quote(text: str) -> str:
    return (
        text if re.fullmatch(r"[A-Za-z0-9_./-]+", text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )


def _text(name: str, source: str, train: int, volume: bool) -> str:
    features = "momentum(5), momentum(20), rsi(14), bollinger(20)" + (", volume_ratio(20)" if volume else "")
    text = f"""\
# yaml-language-server: $schema={SCHEMA}
# Written by `fleetspec init`. Every value is yours to change; `fleetspec validate` says what is wrong with it.
apiVersion: fleetspec/v1
kind: Fleet
name: {name}
owner: me
seed: 1

data:
  bars: {source}
quality: {{max_missing: 5%, max_quarantined: 2%}}

universes:
  main: {{data: bars, calendar: XNYS, bar: 1 session}}

horizons: [1 bar, 5 bars]

features:
  tech: [{features}]

models:
  vol:    {{families: [garch, gjr], target: variance, train: {train} bars, refit: 5 sessions,
           params: {{distribution: t}}}}
  var:    {{family: vol-scaled, over: vol, target: value_at_risk, levels: [99%, 97.5%]}}
  linear: {{family: elasticnet, target: return, features: tech, train: {train} bars, refit: 5 sessions}}

fleet:
  - {{universes: main, models: [vol, linear]}}
  - {{universes: main, models: var, horizons: [1 bar]}}

backtest: {{scheme: walk-forward, models: [vol, var], step: 20 bars, tests: [kupiec], within: 12h}}
schedule: {{calendar: XNYS, start: close + 45m, deadline: open - 90m}}
budget:   {{nightly: 5 USD, backtest: 20 USD}}

hardware:
  laptop: {{cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1, boot: 0s}}
cluster: {{startup: 5s}}
"""
    return formatted(Source(name, text), Report()) or text
