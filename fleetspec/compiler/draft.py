"""A first spec for somebody's own data file: a guide with a comment per block on what was taken for granted.

Nothing is guessed silently: every choice is a note for the reader and a line of the spec they can change.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.compiler.formatting import formatted
from fleetspec.compiler.recognition import recognise
from fleetspec.diagnostics import Report, Source, reject
from fleetspec.panel.bars import SESSION
from fleetspec.rules.reading import DRAFT_UNREADABLE
from fleetspec.sessions import ROUND_THE_CLOCK
from fleetspec.units import Share

if TYPE_CHECKING:
    from fleetspec.compiler.recognition import Recognised
    from fleetspec.units import BarSize

SCHEMA = "fleet.schema.json"
"""The JSON Schema beside a drafted spec, which its first line names for editors."""

_WINDOWS = (1000, 750, 500, 250)
_SHORTEST = 100
"""Bars below which the drafted families have too little to be fitted on."""
_MAX_MISSING = 0.05
_MAX_QUARANTINED = 2
"""Percent of models, where no more than that are known to be set aside."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A spec's text, and what was taken for granted in it."""

    text: str
    notes: tuple[str, ...]


def draft(name: str, data: Path | None, root: Path, named: Mapping[str, str] | None = None) -> Draft:
    """A spec for ``data`` (CSV or Parquet, or a folder of them), or for sample data where there is none.

    ``root`` is the folder the spec will stand in; the data's path is written relative to it. ``named`` columns by role
    (key, time, price, returns, volume) are taken as they are. Raises Rejected when the file cannot be read, no column
    can be recognised, or the series are too short to train on.
    """
    if data is None:
        source = '{from: "synthetic:market", series: 20, length: 1250 sessions, seed: 1}'
        about = "A synthetic market, made from its seed. Put your own file here, or run `fleetspec init FILE`."
        note = "the data are a synthetic market: put your own file in `data:`"
        return Draft(_text(name, source, about, _Choices(1000, "of 1250", SESSION, "XNYS", True, "")), (note,))
    location = _relative(data, root)
    found = recognise(data, location, root, named or {}, _MAX_MISSING)
    typical = int(np.median(found.lengths))
    train = next((window for window in _WINDOWS if window <= 0.8 * typical), int(0.8 * typical))
    if train < _SHORTEST:
        raise reject(
            DRAFT_UNREADABLE,
            f"the series of {data} have {typical} returns at the median, too few to train on",
            help=f"bring at least {int(_SHORTEST / 0.8)} prices per series",
        )
    fields = [f"from: {_quote(location)}"] + [f"{role}: {_quote(column)}" for role, column in found.columns.items()]
    notes = [*found.notes, f"train: {train} bars, chosen from a median length of {typical}"]
    short = sum(length < train for length in found.lengths)
    if short:
        notes.append(f"{short} series are shorter than that, and will be quarantined")
    if found.sparse:
        share = Share(_MAX_MISSING)
        notes.append(f"{found.sparse} series miss more than {share} of their rows, and will be quarantined")
    out = min(math.ceil(100 * (short + found.sparse) / len(found.lengths)), 100)
    limit = _MAX_QUARANTINED if out <= _MAX_QUARANTINED else min(out + 1, 100)
    if limit > _MAX_QUARANTINED:
        notes.append(f"max_quarantined: {limit}%, so that a run counts without them: leave them out, and lower it")
    choices = _Choices(
        train,
        f"of {typical} at the median",
        found.bar,
        found.calendar,
        "volume" in found.columns,
        _missing(found),
        limit,
    )
    return Draft(_text(name, "{" + ", ".join(fields) + "}", _about(found), choices), tuple(notes))


def _about(found: Recognised) -> str:
    """What to add to the source, where the file did not show it."""
    lacking = [column for column in ("high", "low", "implied", "volume") if column not in found.columns]
    return "One row per series and time. " + (
        f"Columns it could have as well: {', '.join(lacking)}." if lacking else "Every column that models can use."
    )


def _missing(found: Recognised) -> str:
    return f" {found.sparse} series fail this as it is." if found.sparse else ""


def _relative(data: Path, root: Path) -> str:
    resolved = data.resolve()
    base = root.resolve()
    return resolved.relative_to(base).as_posix() if resolved.is_relative_to(base) else str(resolved)


def _quote(text: str) -> str:
    return (
        text if re.fullmatch(r"[A-Za-z0-9_./-]+", text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )


@dataclass(frozen=True, slots=True)
class _Choices:
    """What a spec says that the data decide."""

    train: int
    of: str
    bar: BarSize
    calendar: str
    volume: bool
    missing: str
    limit: int = _MAX_QUARANTINED


def _text(name: str, source: str, about: str, choices: _Choices) -> str:
    features = "momentum(5), momentum(20), rsi(14), bollinger(20)" + (", volume_ratio(20)" if choices.volume else "")
    train = choices.train
    refit = "5 sessions" if choices.bar == SESSION else "5 bars"
    # A market that does not close has no night: the run follows the sessions of one that does.
    night = "XNYS" if choices.calendar in ROUND_THE_CLOCK else choices.calendar
    text = f"""\
# yaml-language-server: $schema={SCHEMA}
# Written by `fleetspec init`. Every value is yours to change; `fleetspec validate` says what is wrong with it.
apiVersion: fleetspec/v1
kind: Fleet
name: {name}
owner: me
seed: 1

# {about}
data:
  bars: {source}
# When a series is set aside, and when too many are for a run to count.{choices.missing}
quality: {{max_missing: 5%, max_quarantined: {choices.limit}%}}

# Which series, on whose sessions, how often. Members may be a list: series: [A, B], or series: file:members.csv
universes:
  main: {{data: bars, calendar: {choices.calendar}, bar: {choices.bar}}}

# How far ahead, in bars.
horizons: [1 bar, 5 bars]

# Inputs of models that learn from features; each looks back so many bars.
features:
  tech: [{features}]

# What is fitted: on {train} bars {choices.of}, and anew every {refit}. A longer window leaves less to test on.
models:
  vol:    {{families: [garch, gjr], target: variance, train: {train} bars, refit: {refit},
           params: {{distribution: t}}}}
  var:    {{family: vol-scaled, over: vol, target: value_at_risk, levels: [99%, 97.5%]}}
  linear: {{family: elasticnet, target: return, features: tech, train: {train} bars, refit: {refit}}}

# Which groups on which universes. Value at risk over several bars overlaps, so it is made for one.
fleet:
  - {{universes: main, models: [vol, linear]}}
  - {{universes: main, models: var, horizons: [1 bar]}}

# The walk-forward: refit every 20 bars, forecast in between, test the whole.
backtest: {{scheme: walk-forward, models: [vol, var], step: 20 bars, tests: [kupiec], within: 12h}}
# The night: set start to when your data are there, deadline to when the forecasts are needed.
schedule: {{calendar: {night}, start: close + 45m, deadline: open - 90m}}
# What a run may cost, and the machines it may use: replace laptop by your own, or by offers of a cloud.
budget:   {{nightly: 5 USD, backtest: 20 USD}}
hardware:
  laptop: {{cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1, boot: 0s}}
cluster: {{startup: 5s}}
"""
    return formatted(Source(name, text), Report()) or text
