"""A day is the one on the clock that the file keeps."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fleetspec.panel.series import stamp_text
from fleetspec.panel.sources import SourceRequest, load


@pytest.mark.parametrize(("zone", "hour"), [("Asia/Tokyo", 0), ("America/New_York", 20), ("UTC", 12)])
def test_stamps_with_a_zone_keep_their_local_day(tmp_path: Path, zone: str, hour: int) -> None:
    stamps = [datetime(2025, 1, day, hour, tzinfo=ZoneInfo(zone)) for day in (2, 3, 6)]
    table = pa.table({"d": pa.array(stamps, pa.timestamp("us", tz=zone)), "k": ["A", "A", "A"], "p": [1.0, 2.0, 3.0]})
    pq.write_table(table, tmp_path / "p.parquet")
    series = load(SourceRequest("p.parquet", tmp_path, key="k", time="d", price="p"))["A"]
    assert [stamp_text(day) for day in series.dates] == ["2025-01-03", "2025-01-06"]
