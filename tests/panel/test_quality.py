"""The quality rule: its three verdicts, and the jump it judges by."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from fleetspec.panel.quality import Standard, jump, verdict

STRICT = Standard(0.02, 12.0, date(2025, 11, 24))
DAY = date(2025, 11, 24)


@pytest.mark.parametrize(
    ("missing", "bars", "largest", "last", "reason"),
    [
        (2, 98, 12.0, DAY, None),
        (3, 97, 1.0, DAY, "3% of its values are missing, max_missing is 2%"),
        (0, 98, 12.5, DAY, "its largest return is 12.5 sigma, max_jump is 12 sigma"),
        (0, 98, None, DAY, None),
        (0, 98, 1.0, date(2025, 11, 21), "its last bar ended on 2025-11-21, stale_after asks for 2025-11-24 or later"),
        (5, 0, None, None, "no valid bars: all values are missing"),
        (0, 0, None, None, "no valid bars: all values are missing"),
        (50, 50, 99.0, date(2020, 1, 1), "50% of its values are missing, max_missing is 2%"),
    ],
)
def test_verdicts(missing: int, bars: int, largest: float | None, last: date | None, reason: str | None) -> None:
    assert verdict(missing, bars, largest, last, STRICT) == reason


def test_what_is_not_asked_for_is_not_judged() -> None:
    assert verdict(0, 10, 1e9, date(1999, 1, 1), Standard(0.05)) is None


def test_the_jump_is_in_robust_sigmas() -> None:
    rng = np.random.default_rng(1)
    calm = rng.normal(0, 0.01, 20_001)
    assert jump(calm) == pytest.approx(np.abs(calm).max() / 0.01, rel=0.03)
    # One bad print moves the jump and not what it is measured in.
    assert jump(np.append(calm, -0.5)) == pytest.approx(50, rel=0.03)


def test_a_series_that_hardly_moves_has_no_jump() -> None:
    assert jump(np.zeros(9)) is None
    assert jump(np.array([0.0, 0.0, 0.0, 0.1])) is None
    assert jump(np.zeros(0)) is None
