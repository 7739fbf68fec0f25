"""Series of a run by source and bar: packed as they were locked, cut as jobs see them, refused where they changed."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "compiler"))

from data_specs import spec_with, write_bars

from fleetspec.catalog.types import Catalog
from fleetspec.compiler.pinning import make_lock
from fleetspec.diagnostics import ExitCode, Rejected
from fleetspec.panel.quality import Standard
from fleetspec.panel.sources import SourceRequest, load
from fleetspec.runtime.inputs import load_blocks
from fleetspec.units import BarSize

SPEC = spec_with(
    (
        "vol: {family: wave, target: variance, train: 20 bars, refit: 5 sessions}",
        "vol: {family: wave, target: variance, measure: range, train: 20 bars, refit: 5 sessions, "
        "axes: {bar: [1 session, 1 week]}}",
    )
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bars(tmp_path, ["A", "B"], days=200)
    return tmp_path


def test_every_bar_has_its_block(folder: Path) -> None:
    lock = make_lock(SPEC, folder, Catalog({}, {}))
    inputs = load_blocks(SPEC, lock, folder, ["us"])
    assert set(inputs.blocks) == {"bars", "bars @ 1 week"}
    assert inputs.grown == {}
    for bar, key in (("1 session", "bars"), ("1 week", "bars @ 1 week")):
        request = SourceRequest(
            "bars.csv", folder, key="ticker", time="date", price="close", high="high", low="low", bar=BarSize.parse(bar)
        )
        series = load(request)["B"]
        window = inputs.blocks[key].window("B", 5, 12)
        np.testing.assert_array_equal(window.dates, series.dates[5:12])
        np.testing.assert_array_equal(window.returns, series.returns[5:12])
        np.testing.assert_array_equal(window.observed("range"), series.measures["range"][5:12])
        # Realised variances of the weeks are there too; nothing reads them, so nothing carries them.
        assert set(window.measures) == {"range"}
        assert window.volume is None
        assert not window.measures["range"].flags.writeable
        np.testing.assert_array_equal(window.head(3).measures["range"], series.measures["range"][5:8])


def test_new_bars_are_counted_and_not_used(folder: Path) -> None:
    lock = make_lock(SPEC, folder, Catalog({}, {}))
    write_bars(folder, ["A", "B"], days=210)
    inputs = load_blocks(SPEC, lock, folder, ["us"])
    assert inputs.grown == {"bars": 2, "bars @ 1 week": 2}
    assert inputs.blocks["bars"].bars("A") == lock.data["bars"]["A"].bars


def test_a_changed_measure_is_told(folder: Path) -> None:
    lock = make_lock(SPEC, folder, Catalog({}, {}))
    text = (folder / "bars.csv").read_text().splitlines()
    cells = text[60].split(",")
    cells[3] = f"{float(cells[3]) * 1.5:.6f}"
    text[60] = ",".join(cells)
    (folder / "bars.csv").write_text("\n".join(text) + "\n")
    with pytest.raises(Rejected, match="'A' of data 'bars' has other range variances") as ending:
        load_blocks(SPEC, lock, folder, ["us"])
    assert ending.value.exit_code is ExitCode.STALE


def test_the_gate_judges_what_was_locked(folder: Path) -> None:
    lock = make_lock(SPEC, folder, Catalog({}, {}))
    block = load_blocks(SPEC, lock, folder, ["us"]).blocks["bars"]
    assert block.verdict("A", Standard(0.05, 99.0, date(2025, 1, 1))) is None
    assert "max_jump is 1 sigma" in (block.verdict("A", Standard(0.05, 1.0)) or "")
    assert "stale_after" in (block.verdict("A", Standard(0.05, None, date(2026, 1, 1))) or "")


def test_a_run_of_one_market_reads_bars_as_they_were_locked(tmp_path: Path) -> None:
    """Data end on the Thursday before Good Friday: New York's week is over, Tokyo's is not. Both share the source."""
    both = spec_with(
        (
            "us: {data: bars, calendar: XNYS, bar: 1 session}",
            "am: {data: bars, calendar: XNYS, bar: 1 week}\n  jp: {data: bars, calendar: XTKS, bar: 1 week}",
        ),
        ("universes: us,", "universes: [am, jp],"),
        ("train: 20 bars, refit: 5 sessions", "train: 10 bars, refit: 5 bars"),
    )
    write_bars(tmp_path, ["A"], days=77)
    lock = make_lock(both, tmp_path, Catalog({}, {}))
    locked = lock.data["bars @ 1 week"]["A"]
    assert locked.last == date(2025, 4, 17)
    for universe in ("am", "jp"):
        block = load_blocks(both, lock, tmp_path, [universe]).blocks["bars @ 1 week"]
        assert block.bars("A") == locked.bars
