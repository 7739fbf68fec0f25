"""Series for the families' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetspec.family import SeriesWindow
from fleetspec.panel import synthetic
from fleetspec.panel.sources import SAMPLE, Series, SourceRequest, load


def as_window(series: Series) -> SeriesWindow:
    return SeriesWindow(series.name, series.dates, series.returns, series.volume, series.measures)


@pytest.fixture(scope="session")
def windows() -> tuple[SeriesWindow, ...]:
    """Three synthetic series of 400 bars."""
    return tuple(as_window(s) for s in synthetic.market(3, 400, seed=5).values())


@pytest.fixture(scope="session")
def sp500() -> SeriesWindow:
    """The last 1,500 bars of the S&P 500 that arch ships."""
    pytest.importorskip("arch", reason="the runtime extra is not installed: fits cannot be held against arch")
    series = load(SourceRequest(SAMPLE, Path()), only=["sp500"])["sp500"]
    part = slice(-1500, None)
    assert series.volume is not None
    return SeriesWindow("sp500", series.dates[part], series.returns[part], series.volume[part])
