"""Shuffled rows: the same rows, in an order that all series share and that no day foretells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fleetspec.panel import synthetic
from fleetspec.panel.series import Rows
from fleetspec.panel.shuffling import rows_of, shuffled, write_rows
from fleetspec.panel.sources import SourceRequest, load


@pytest.fixture(scope="module")
def market() -> dict[str, Rows]:
    return {name: rows_of(series) for name, series in synthetic.market(3, 500, seed=2).items()}


def test_a_row_moves_as_a_whole_and_none_is_lost(market):
    made = shuffled(market, seed=1)
    for name, one in market.items():
        order = [int(np.flatnonzero(one.returns == value)[0]) for value in made[name].returns]
        assert sorted(order) == list(range(500))
        assert order != sorted(order)
        np.testing.assert_array_equal(made[name].stamps, one.stamps)
        for column, values in one.beside.items():
            np.testing.assert_array_equal(made[name].beside[column], values[order])


def test_what_a_quality_gate_counts_stays_with_the_series(market):
    """A series that fails for its missing or repeated rows fails in a placebo, too."""
    one = market["SYN0001"]
    made = shuffled({"A": Rows("A", one.stamps, one.returns, {}, 7, 3)}, seed=1)["A"]
    assert (made.missing, made.repeated) == (7, 3)


def test_series_stay_in_step(market):
    made = shuffled(market, seed=1)
    before = np.corrcoef([one.returns for one in market.values()])
    np.testing.assert_allclose(np.corrcoef([one.returns for one in made.values()]), before)


def test_a_series_with_fewer_days_keeps_the_common_order(market):
    whole = market["SYN0001"]
    part = Rows("PART", whole.stamps[100:], whole.returns[100:], {}, 0)
    made = shuffled({"SYN0001": whole, "PART": part}, seed=4)
    mine = [value for value in made["SYN0001"].returns if value in set(part.returns)]
    np.testing.assert_array_equal(made["PART"].returns, mine)


def test_blocks_stay_together(market):
    one = market["SYN0001"]
    made = shuffled(market, seed=1, block=50)["SYN0001"].returns
    order = np.array([int(np.flatnonzero(one.returns == value)[0]) for value in made]).reshape(-1, 50)
    assert (np.diff(order, axis=1) == 1).all()
    assert (order[:, 0] % 50 == 0).all()


def test_seeds_differ_and_repeat(market):
    first, again, other = (shuffled(market, seed)["SYN0002"].returns for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_no_day_foretells_the_next():
    rng = np.random.default_rng(3)
    trend = np.convolve(rng.normal(size=2010), np.ones(10), "valid")[:2000]
    stamps = np.arange(2000).astype("datetime64[D]").astype("datetime64[s]")
    made = shuffled({"A": Rows("A", stamps, trend, {}, 0)}, seed=1)["A"].returns
    assert np.corrcoef(trend[1:], trend[:-1])[0, 1] > 0.8
    assert abs(np.corrcoef(made[1:], made[:-1])[0, 1]) < 0.08


def test_a_file_of_rows_reads_back_as_the_same_bars(market, tmp_path: Path):
    said = write_rows(tmp_path / "market.parquet", market)
    location = said.pop("from")
    made = load(SourceRequest(location, tmp_path, **said))
    for name, series in synthetic.market(3, 500, seed=2).items():
        np.testing.assert_array_equal(made[name].dates, series.dates)
        np.testing.assert_array_equal(made[name].returns, series.returns)
        np.testing.assert_array_equal(made[name].volume, series.volume)
        for measure, values in series.measures.items():
            np.testing.assert_allclose(made[name].measures[measure], values, rtol=1e-9)
