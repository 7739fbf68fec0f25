"""Windows against their definition, walked bar by bar."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleetspec.compiler.windows import backtest_windows, nightly_window, nightly_windows

sizes = st.integers(1, 60)


@given(bars=st.integers(0, 300), train=sizes, refit=sizes)
def test_the_nightly_window_is_the_last_one_on_the_grid(bars: int, train: int, refit: int) -> None:
    ends = list(range(train, bars + 1, refit))
    expected = (ends[-1] - train, ends[-1]) if ends else (0, bars)
    assert nightly_window(bars, train, refit) == expected
    start, end = nightly_windows(np.array([bars, bars]), train, refit)
    assert (start.tolist(), end.tolist()) == ([expected[0]] * 2, [expected[1]] * 2)


@given(bars=st.integers(0, 300), train=sizes, refit=sizes)
def test_a_window_stands_still_until_refit_bars_have_come(bars: int, train: int, refit: int) -> None:
    moves = {nightly_window(bars + more, train, refit) for more in range(refit)}
    assert len(moves) <= (2 if bars >= train else refit + 1)
    if bars >= train and (bars - train) % refit == 0:
        assert len(moves) == 1


@given(bars=st.integers(2, 300), train=sizes, step=sizes)
def test_every_bar_that_can_be_an_origin_is_one_in_exactly_one_window(bars: int, train: int, step: int) -> None:
    walk = backtest_windows(bars, train, step)
    if bars <= train:
        assert (walk.start.tolist(), walk.end.tolist()) == ([0], [bars])
        return
    origins = [o for first, end in zip(walk.first_origin, walk.origin_end, strict=True) for o in range(first, end)]
    # From the close of the first full window to the last bar that has another one after it.
    assert origins == list(range(train - 1, bars - 1))
    for start, end, first in zip(walk.start, walk.end, walk.first_origin, strict=True):
        assert end - start == train
        assert first == end - 1


def test_a_worked_example() -> None:
    # 100 bars of training, refitted every 20, of 150: windows end at bars 100, 120, 140.
    walk = backtest_windows(150, 100, 20)
    assert walk.end.tolist() == [100, 120, 140]
    assert walk.start.tolist() == [0, 20, 40]
    assert walk.first_origin.tolist() == [99, 119, 139]
    assert walk.origin_end.tolist() == [119, 139, 149]
    assert nightly_window(1258, 1000, 5) == (255, 1255)
