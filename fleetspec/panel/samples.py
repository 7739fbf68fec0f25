"""The daily series shipped inside the ``arch`` package, read from its files without importing it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.panel.series import SourceError, from_prices
from fleetspec.panel.tables import numbers

if TYPE_CHECKING:
    from fleetspec.panel.series import Dates, Rows

_BESIDE = {"volume": "Volume", "high": "High", "low": "Low"}
_FILES: dict[str, tuple[str, dict[str, str]]] = {
    "nasdaq": ("Adj Close", _BESIDE),
    "sp500": ("Adj Close", _BESIDE),
    "vix": ("vix", {}),
    "wti": ("DCOILWTICO", {}),
}

NAMES: tuple[str, ...] = tuple(_FILES)


def arch_series(only: frozenset[str] | None = None) -> dict[str, Rows]:
    """S&P 500 and NASDAQ (1999-2018, with volume, high and low), WTI crude (1986-2018) and VIX (2014-2018), daily.

    WTI and VIX have about 3 % of rows without a price; they are counted as missing.
    """
    spec = importlib.util.find_spec("arch")
    if spec is None or spec.origin is None:
        raise SourceError(
            "sample:arch reads series shipped in the 'arch' package, which is not installed",
            "install the runtime extra: pip install 'fleetspec[run]'",
        )
    folder = Path(spec.origin).parent / "data"
    return {name: _read(folder, name) for name in NAMES if only is None or name in only}


def _read(folder: Path, name: str) -> Rows:
    from pyarrow import csv

    price, columns = _FILES[name]
    file = folder / name / f"{name}.csv.gz"
    table = csv.read_csv(file)
    dates = _us_dates(table["Date"].to_pylist())
    beside = {role: numbers(table[column], file.name, column) for role, column in columns.items()}
    return from_prices(name, dates, numbers(table[price], file.name, price), beside)


def _us_dates(texts: list[str]) -> Dates:
    """``1/31/1999`` is how these files write a date."""
    parts = np.array([text.split("/") for text in texts], dtype=np.int64)
    months = (parts[:, 2] - 1970) * 12 + parts[:, 0] - 1
    dates: Dates = months.astype("datetime64[M]").astype("datetime64[D]") + (parts[:, 1] - 1).astype("timedelta64[D]")
    return dates
