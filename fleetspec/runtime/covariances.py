"""Covariances of a store with their correlations, which are not stored: the one follows from the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleetspec.runtime.store import read_forecasts

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph

OF_A_MATRIX = ("address", "window", "origin", "horizon")
"""Columns that the rows of one matrix have alike."""
_COLUMNS = ("address", "universe", "group", "family", "window", "digest", "origin", "horizon", "series", "other")


def read_covariances(store: Path, graph: JobGraph, mask: NDArray[np.bool_] | None = None) -> pa.Table:
    """Covariances of the masked models: one row for each pair of series, origin and horizon, and one for each series
    with itself, its variance. ``covariance`` is of log returns over the horizon, as fractions squared;
    ``correlation`` is it over the root of both variances, 1 for a series with itself."""
    return with_correlations(read_forecasts(store, graph, mask)).select([*_COLUMNS, "covariance", "correlation"])


def with_correlations(forecasts: pa.Table) -> pa.Table:
    """The covariances among forecasts, ``value`` as ``covariance``, with a column ``correlation``."""
    rows = forecasts.filter(pc.equal(forecasts["quantity"], "covariance"))
    value = np.asarray(rows["value"], dtype=np.float64)
    names, codes = np.unique(np.concatenate([_texts(rows["series"]), _texts(rows["other"])]), return_inverse=True)
    one, other = codes[: len(rows)], codes[len(rows) :]
    matrix = np.zeros(len(rows), dtype=np.int64)
    for column in OF_A_MATRIX:
        kinds, code = np.unique(np.asarray(rows[column]), return_inverse=True)
        # Numbered anew after each column, so that products of many kinds do not overflow.
        matrix = np.unique(matrix * len(kinds) + code, return_inverse=True)[1]
    alone = one == other
    keys = (matrix * len(names) + one)[alone]
    order = np.argsort(keys)
    found = [np.searchsorted(keys[order], matrix * len(names) + side) for side in (one, other)]
    variances = [value[alone][order][at] for at in found]
    correlation = np.where(alone, 1.0, value / np.sqrt(variances[0] * variances[1]))
    at = rows.column_names.index("value")
    return rows.set_column(at, "covariance", rows["value"]).append_column("correlation", pa.array(correlation))


def _texts(column: pa.ChunkedArray) -> NDArray[np.str_]:
    return np.array(column.to_pylist(), dtype=str)
