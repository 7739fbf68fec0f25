"""Files that were written before forecasts had a second series are read as having none."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest

from fleetspec.runtime import editions, segments
from fleetspec.runtime.covariances import with_correlations
from fleetspec.runtime.editions import Pointer
from fleetspec.runtime.places import Folder

ROW = {
    "digest": b"0" * 16, "series": "A", "origin": datetime.datetime(2025, 1, 2), "horizon": 1, "quantity": "return",
    "level": float("nan"), "value": 0.1,
}  # fmt: skip


def test_forecasts_of_earlier_versions():
    schema = pa.schema([field for field in segments.FORECASTS if field.name != "other"])
    old = segments.upgraded(pa.Table.from_pylist([ROW], schema))
    assert old.schema.equals(segments.FORECASTS)
    assert old["other"].to_pylist() == [None]
    assert not segments.paired(old)


def test_editions_of_earlier_versions(tmp_path):
    schema = pa.schema([field for field in editions.EDITION if field.name != "other"])
    row = {"address": "f/u/g/x/a/1", "series": "A", "value": 0.1}
    content = editions.encoded(pa.Table.from_pylist([dict.fromkeys(schema.names) | row], schema), "parquet")
    place = Folder(tmp_path)
    place.write("f/g/old.parquet", content)
    read = editions.read_edition(place, Pointer("f", "g", "2025-01-02", "current", (), edition="old.parquet"))
    assert read.schema.equals(editions.EDITION)
    assert read["other"].to_pylist() == [None]


def test_correlations_are_of_the_matrix_that_a_row_lies_in():
    """Two origins and two horizons with variances of their own, rows in any order."""
    rows, expected = [], {}
    rng = np.random.default_rng(2)
    for day in (2, 3):
        for horizon in (1, 5):
            deviation = dict(zip("ABC", rng.uniform(0.5, 2, 3), strict=True))
            for i, one in enumerate("ABC"):
                for other in "ABC"[i:]:
                    r = 1.0 if one == other else float(rng.uniform(-0.9, 0.9))
                    origin = datetime.datetime(2025, 1, day)
                    expected[origin, horizon, one, other] = r
                    rows.append(ROW | {
                        "address": "f/u/g/dcc/_/_", "window": 0, "series": one, "other": other, "horizon": horizon,
                        "origin": origin, "quantity": "covariance", "value": r * deviation[one] * deviation[other],
                    })  # fmt: skip
    rows.append(ROW | {"address": "f/u/g/x/_/_", "window": 0, "other": None})
    found = with_correlations(pa.Table.from_pylist([rows[k] for k in rng.permutation(len(rows))]))
    assert len(found) == len(expected)
    for row in found.to_pylist():
        key = (row["origin"], row["horizon"], row["series"], row["other"])
        assert row["correlation"] == pytest.approx(expected[key])
