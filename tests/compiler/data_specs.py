"""A spec of one file of prices and one group, and the files it may read: what tests of locking vary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from toy_specs import read_spec

from fleetspec.compiler.spec import FleetSpec

TEXT = """\
apiVersion: fleetspec/v1
kind: Fleet
name: prices
owner: me
data:
  bars: {from: bars.csv, key: ticker, time: date, price: close, high: high, low: low}
universes:
  us: {data: bars, calendar: XNYS, bar: 1 session}
horizons: [1 bar]
models:
  vol: {family: wave, target: variance, train: 20 bars, refit: 5 sessions}
fleet:
  - {universes: us, models: vol}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 5 USD}
hardware:
  laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}
"""
FIRST = "2025-01-01"


def spec_with(*changes: tuple[str, str]) -> FleetSpec:
    """The spec with some of its text replaced."""
    text = TEXT
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return read_spec(text)


def write_bars(
    folder: Path, names: list[str], days: int = 120, index: dict[str, list[str]] | None = None, seed: int = 1
) -> None:
    """``bars.csv``: weekdays of 2025 with close, high, low, and an index that each series is in (or '')."""
    dates = np.busday_offset(np.datetime64(FIRST), np.arange(days), roll="forward")
    lines = ["ticker,date,close,high,low,index"]
    for number, name in enumerate(names):
        rng = np.random.default_rng((seed, number))
        prices = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, days)))
        for day, (date, price) in enumerate(zip(dates, prices, strict=True)):
            of = index[name][day] if index is not None else ""
            lines.append(f"{name},{date},{price:.6f},{price * 1.01:.6f},{price * 0.99:.6f},{of}")
    (folder / "bars.csv").write_text("\n".join(lines) + "\n")
