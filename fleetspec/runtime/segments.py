"""Segments: the columnar files of a store, their columns and units, and how one is written.

A bundle's worker writes one file per table, the ledger's last: its appearance is the commit. Result rows
whose digest has no ledger row naming the segment do not exist for any reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fleetspec.files import write_atomically

KEY = pa.binary(16)


def _column(name: str, kind: pa.DataType, about: str) -> pa.Field:
    return pa.field(name, kind, metadata={"about": about})


_DIGEST = _column("digest", KEY, "128-bit content digest of the job")

LEDGER = pa.schema(
    [
        _DIGEST,
        _column("state", pa.string(), "done or quarantined"),
        _column("reason", pa.string(), "why the job is quarantined; null when done"),
        _column("note", pa.string(), "what a done job left out or ran otherwise than planned; null mostly"),
        _column("task", pa.string(), "fit, forecast or evaluate"),
        _column("klass", pa.string(), "job class: universe/group/family/task"),
        _column("family", pa.string(), "model family"),
        _column("seconds", pa.float64(), "seconds inside the job on its worker, reading and writing excluded"),
        _column("work", pa.float64(), "work units of one job of the class: observations seen, bars x series"),
        _column("device", pa.string(), "cpu, or the GPU the job ran on"),
        _column("slot", pa.string(), "cpu, gpu or the MIG slice the job held"),
        _column("run", pa.string(), "run that computed it: run-0001, run-0002 and so on"),
        _column("segment", pa.string(), "file stem of the job's rows in fits, forecasts and evaluations"),
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
    ]
)

FORECASTS = pa.schema(
    [
        _DIGEST,
        _column("series", pa.string(), "series forecast"),
        _column("origin", pa.date32(), "date of the last bar used"),
        _column("horizon", pa.int32(), "bars ahead"),
        _column(
            "quantity",
            pa.string(),
            "variance, mean, nu, skew, power, return or value_at_risk (a positive loss fraction)",
        ),
        _column("level", pa.float64(), "level of a value at risk as a fraction, NaN for other quantities"),
        _column("value", pa.float64(), "the prediction; returns are log returns over the horizon, as fractions"),
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
    ]
)

TABLES = {"ledger": LEDGER, "fits": FITS, "forecasts": FORECASTS, "evaluations": EVALUATIONS}


def write_segment(path: Path, table: pa.Table) -> None:
    """Write a zstd Parquet file so that it is whole or absent, also after a power cut."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_atomically(path, sink.getvalue().to_pybytes())


def read_segment(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of one segment; raises OSError or pyarrow.ArrowException where it is absent or damaged."""
    return pq.ParquetFile(path).read(columns=None if columns is None else list(columns), use_threads=False)


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
