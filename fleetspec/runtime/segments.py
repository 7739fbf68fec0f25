"""Segments: the columnar files of a store, their columns and units, and how one is written.

A bundle's worker writes one file per table, the ledger's last: its appearance is the commit. Result rows
whose digest has no ledger row naming the segment do not exist for any reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fleetspec.files import write_atomically
from fleetspec.objects import is_object

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY = pa.binary(16)


def _column(name: str, kind: pa.DataType, about: str) -> pa.Field:
    return pa.field(name, kind, metadata={"about": about})


_DIGEST = _column("digest", KEY, "128-bit content digest of the job")

LEDGER = pa.schema(
    [
        _DIGEST,
        _column("state", pa.string(), "done, quarantined, or released: taken out of the quarantine that run put it in"),
        _column("reason", pa.string(), "why the job is, or was, quarantined; null when done"),
        _column("note", pa.string(), "what a done job left out or ran otherwise than planned; null mostly"),
        _column("task", pa.string(), "fit, forecast, evaluate or trial"),
        _column("klass", pa.string(), "job class: universe/group/family/task"),
        _column("family", pa.string(), "model family"),
        _column("seconds", pa.float64(), "seconds inside the job on its worker, reading and writing excluded"),
        _column("work", pa.float64(), "work units of one job of the class: observations seen, bars x series"),
        _column("device", pa.string(), "cpu, or the GPU the job ran on"),
        _column("slot", pa.string(), "cpu, gpu, or the slice or partition the job held"),
        _column("run", pa.string(), "run that computed it: run-0001, run-0002 and so on"),
        _column("segment", pa.string(), "file stem of the job's rows in fits, trials, forecasts and evaluations"),
    ]
)

FITS = pa.schema(
    [
        _DIGEST,
        _column("observations", pa.int64(), "observations the likelihood or loss was taken over"),
        _column("log_likelihood", pa.float64(), "natural log likelihood at the estimates; NaN where there is none"),
        _column("converged", pa.bool_(), "whether the optimiser said so"),
        _column("estimates", pa.map_(pa.string(), pa.float64()), "named estimates in the units the family documents"),
        _column("artifact_bytes", pa.int64(), "size of artifacts/<digest>.bin, 0 where there is none"),
        _column("device", pa.string(), "cpu or cuda, as the family reports it"),
        _column("params", pa.map_(pa.string(), pa.string()), "parameters a search has chosen; null without a search"),
    ]
)

TRIALS = pa.schema(
    [
        _DIGEST,
        _column("candidate", pa.int32(), "number of the candidate in its search space"),
        _column("params", pa.map_(pa.string(), pa.string()), "its parameters, as the spec would write them"),
        _column("metric", pa.string(), "what the search chooses by"),
        _column("value", pa.float64(), "the score, lower is better (minus a log likelihood); NaN where it lost"),
        _column("seconds", pa.float64(), "seconds of its fit and its forecasts"),
        _column("reason", pa.string(), "why it lost; null where it has a score"),
    ]
)

FORECASTS = pa.schema(
    [
        _DIGEST,
        _column("series", pa.string(), "series forecast"),
        _column("origin", pa.timestamp("s"), "end of the last bar used; midnight of its last session, or its time"),
        _column("horizon", pa.int32(), "bars ahead"),
        _column(
            "quantity",
            pa.string(),
            "variance, mean, nu, skew, power, return, covariance, value_at_risk or expected_shortfall (positive loss "
            "fractions)",
        ),
        _column("level", pa.float64(), "level of a value at risk as a fraction, NaN for other quantities"),
        _column("value", pa.float64(), "the prediction; returns are log returns over the horizon, as fractions"),
        _column("other", pa.string(), "second series of a covariance, the same one for its variance; null elsewhere"),
    ]
)

EVALUATIONS = pa.schema(
    [
        _DIGEST,
        _column("metric", pa.string(), "name of the metric or test statistic"),
        _column("horizon", pa.int32(), "bars ahead"),
        _column("level", pa.float64(), "level the metric is for as a fraction, NaN where it has none"),
        _column("value", pa.float64(), "the metric, in the units its definition states"),
        _column("n", pa.int64(), "forecasts the metric was taken over"),
        _column("period", pa.string(), "stretch of days it is of, by name; null where it is of all"),
    ]
)

TABLES = {"ledger": LEDGER, "fits": FITS, "trials": TRIALS, "forecasts": FORECASTS, "evaluations": EVALUATIONS}


def with_params(table: pa.Table) -> pa.Table:
    """A table of fits with the column of chosen parameters, which the first versions did not write."""
    if "artifact_bytes" not in table.column_names or "params" in table.column_names:
        return table
    field = FITS.field("params")
    return table.append_column(field, pa.nulls(len(table), field.type))


def with_periods(table: pa.Table) -> pa.Table:
    """A table of evaluations with the column of periods, which the first versions did not write."""
    if "metric" not in table.column_names or "candidate" in table.column_names or "period" in table.column_names:
        return table
    field = EVALUATIONS.field("period")
    return table.append_column(field, pa.nulls(len(table), field.type))


def with_origins(table: pa.Table) -> pa.Table:
    """A table of forecasts whose origins have one type, whichever version wrote it: dates were days at first."""
    at = table.schema.get_field_index("origin")
    return table if at < 0 else table.set_column(at, FORECASTS.field("origin"), table["origin"].cast(pa.timestamp("s")))


def with_others(table: pa.Table) -> pa.Table:
    """A table of forecasts with the column of second series, which the first versions did not write."""
    if "quantity" not in table.column_names or "other" in table.column_names:
        return table
    field = FORECASTS.field("other")
    return table.append_column(field, pa.nulls(len(table), field.type))


def paired(table: pa.Table) -> bool:
    """Whether a row of forecasts is of two series."""
    return "other" in table.column_names and table["other"].null_count < len(table)


def upgraded(table: pa.Table) -> pa.Table:
    """Rows of any table as this version writes them."""
    return with_periods(with_params(with_others(with_origins(table))))


def with_days(table: pa.Table) -> pa.Table:
    """A table of forecasts with days as origins, where all bars end with a session."""
    at = table.schema.get_field_index("origin")
    if at < 0:
        return table
    column = table["origin"]
    days = column.cast(pa.date32(), safe=False)
    whole = pc.all(pc.equal(days.cast(pa.timestamp("s")), column), min_count=0).as_py()
    return (
        table.set_column(at, pa.field("origin", pa.date32(), metadata=FORECASTS.field("origin").metadata), days)
        if whole
        else table
    )


def write_segment(path: Path, table: pa.Table) -> None:
    """Write a zstd Parquet file so that it is whole or absent, also after a power cut."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_atomically(path, sink.getvalue().to_pybytes())


def read_segment(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of one segment; raises OSError or pyarrow.ArrowException where it is absent or damaged."""
    source = pa.BufferReader(path.read_bytes()) if is_object(path) else path
    return pq.ParquetFile(source).read(columns=None if columns is None else list(columns), use_threads=False)


def key_array(digests: NDArray[np.uint8]) -> pa.FixedSizeBinaryArray:
    """(n, 16) uint8 digests as an Arrow column."""
    whole = np.ascontiguousarray(digests, dtype=np.uint8)
    return pa.FixedSizeBinaryArray.from_buffers(KEY, len(whole), [None, pa.py_buffer(whole.tobytes())])


def key_bytes(column: pa.ChunkedArray | pa.FixedSizeBinaryArray) -> NDArray[np.uint8]:
    """An Arrow column of digests as (n, 16) uint8."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], KEY)
    raw = array.buffers()[1]
    if raw is None or len(array) == 0:
        return np.zeros((0, 16), dtype=np.uint8)
    flat = np.frombuffer(raw, dtype=np.uint8, count=len(array) * 16, offset=array.offset * 16)
    return flat.reshape(-1, 16)
