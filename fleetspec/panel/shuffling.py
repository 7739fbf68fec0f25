"""Series without a past that foretells their future: rows dealt out anew over the days they have.

One order is drawn for all series, so what happened on one day to several of them still happens on one day; a row moves
as a whole, with its volume and measures. What is left is every mean, spread, tail and correlation within a day, and
nothing that goes from one day to a later one, but within a block where blocks are longer than a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.panel.series import BESIDE, MEASURES, Rows

if TYPE_CHECKING:
    from fleetspec.panel.series import Series

_PARKINSON = 4 * np.log(2)
_SESSIONS_A_YEAR = 252


def shuffled(rows: Mapping[str, Rows], seed: int, block: int = 1) -> dict[str, Rows]:
    """The rows of every series in an order that is drawn for blocks of ``block`` stamps, those of all series together.

    Stamps stay where they are. Series with the same stamps stay in step; one that lacks some of them takes its own rows
    in the common order.
    """
    stamps = np.unique(np.concatenate([one.stamps for one in rows.values()]))
    blocks = np.arange(len(stamps)) // block
    drawn = np.random.default_rng(seed).permutation(blocks[-1] + 1)
    place = np.argsort(np.argsort(drawn[blocks], kind="stable"), kind="stable")
    found = {}
    for name, one in rows.items():
        order = np.argsort(place[np.searchsorted(stamps, one.stamps)], kind="stable")
        beside = {column: values[order] for column, values in one.beside.items()}
        found[name] = Rows(name, one.stamps, one.returns[order], beside, one.missing, one.repeated)
    return found


def rows_of(series: Series) -> Rows:
    """Bars of a session as rows that make the same bars: measures as a file would have them."""
    beside = {} if series.volume is None else {"volume": series.volume}
    for measure in MEASURES:
        values = series.measures.get(measure)
        if values is None:
            continue
        if measure == "realised":
            beside["realised"] = values
        elif measure == "implied":
            beside["implied"] = np.sqrt(values * _SESSIONS_A_YEAR)
        else:
            beside |= {"high": np.exp(np.sqrt(values * _PARKINSON)), "low": np.ones(len(values))}
    return Rows(series.name, series.dates, series.returns, beside, series.missing, series.repeated)


def write_rows(path: Path, rows: Mapping[str, Rows]) -> dict[str, str]:
    """A Parquet file of the rows; what a spec says to read it. A ratio of high and low is kept, their level is not."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    there = [column for column in BESIDE if any(column in one.beside for one in rows.values())]
    parts = []
    for one in rows.values():
        stamps = one.stamps.astype("datetime64[s]")
        columns = {
            "series": pa.array([one.name] * len(one), pa.string()),
            "time": pa.array(stamps, pa.timestamp("s")),
            "returns": pa.array(one.returns, pa.float64()),
        }
        for column in there:
            values = one.beside.get(column, np.full(len(one), np.nan))
            if column in ("high", "low") and "low" in one.beside:
                values = values / one.beside["low"]
            columns[column] = pa.array(values, pa.float64())
        parts.append(pa.table(columns))
    table = pa.concat_tables(parts)
    whole_days = all((one.stamps.astype("datetime64[D]") == one.stamps).all() for one in rows.values())
    if whole_days:
        table = table.set_column(1, "time", table["time"].cast(pa.date32()))
    pq.write_table(table, path)
    return {"from": path.name, "key": "series", "time": "time", "returns": "returns"} | {name: name for name in there}
