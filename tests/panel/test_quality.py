"""The quality rule: its three verdicts, and the jump it judges by."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from fleetspec.compiler.lock import LockedSeries
from fleetspec.panel.quality import Standard, Stationarity, findings, jump, verdict

STRICT = Standard(0.02, 12.0, date(2025, 11, 24))
DAY = date(2025, 11, 24)


def series(
    missing: int, bars: int, jump: float | None, last: date | None, found: dict[str, float | None] | None = None
) -> LockedSeries:
    return LockedSeries("A", bars, missing, None, last, "", {}, jump, {}, found or {})


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
        (
            *(50, 50, 99.0, date(2020, 1, 1)),
            "50% of its values are missing, max_missing is 2%; its largest return is 99 sigma, max_jump is 12 sigma; "
            "its last bar ended on 2020-01-01, stale_after asks for 2025-11-24 or later",
        ),
    ],
)
def test_verdicts_on_what_every_lock_has(
    missing: int, bars: int, largest: float | None, last: date | None, reason: str | None
) -> None:
    assert verdict(series(missing, bars, largest, last), STRICT) == reason


def test_what_is_not_asked_for_is_not_judged() -> None:
    assert verdict(series(0, 10, 1e9, date(1999, 1, 1)), Standard(0.05)) is None
    everything = {"flat": 9.0, "absent XNYS": 1.0, "closed XNYS": 1.0, "adf returns constant": 1.0}
    assert verdict(series(0, 10, 1.0, DAY, everything), Standard(0.05, calendar="XNYS")) is None


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


@pytest.mark.parametrize(
    ("name", "limit", "good", "bad", "check", "reason"),
    [
        ("flat", {"max_flat": 5}, 5.0, 6.0, "max_flat", "its price stands still for 6 bars, max_flat is 5 bars"),
        (
            *("absent XNYS", {"max_absent": 0.01}, 0.01, 0.25, "max_absent"),
            "it has no bar in 25% of the sessions of XNYS, max_absent is 1%",
        ),
        (
            *("closed XNYS", {"max_closed": 0.01}, 0.01, 0.1, "max_closed"),
            "10% of its bars are of days without a session of XNYS, max_closed is 1%",
        ),
        ("repeated", {}, 0.0, 1.0, "max_repeated", "1 of its rows have the time of another, max_repeated is 0%"),
    ],
)
def test_verdicts_on_what_is_measured_where_asked_for(name, limit, good, bad, check, reason) -> None:
    standard = Standard(0.05, calendar="XNYS", **limit)
    assert verdict(series(0, 99, 1.0, DAY, {name: good}), standard) is None
    assert verdict(series(0, 99, 1.0, DAY, {name: None}), standard) is None, "what cannot be measured is no fault"
    found = list(findings(series(0, 99, 1.0, DAY, {name: bad}), standard))
    assert [(one.check, one.reason) for one in found] == [(check, reason)]


@pytest.mark.parametrize(("adf", "kpss", "failing"), [
    (0.001, 0.10, []), (0.01, 0.011, []), (0.2, 0.10, ["unit_root.adf"]), (0.001, 0.01, ["unit_root.kpss"]),
    (0.9, 0.01, ["unit_root.adf", "unit_root.kpss"]), (None, None, []),
])  # fmt: skip
def test_unit_roots_are_to_be_rejected_and_stationarity_is_not(adf, kpss, failing) -> None:
    asked = Stationarity(("adf", "kpss"), "levels", "trend", 0.01)
    standard = Standard(0.05, stationary=asked)
    assert [reading.name for reading in standard.readings] == ["adf levels trend", "kpss levels trend"]
    one = series(0, 99, 1.0, DAY, {"adf levels trend": adf, "kpss levels trend": kpss})
    assert [found.check for found in findings(one, standard)] == failing
