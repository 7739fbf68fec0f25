"""Members by condition: on a day, or day by day with the spans of bars in which each belongs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from data_specs import spec_with, write_bars
from hypothesis import given
from hypothesis import strategies as st

from fleetspec.catalog.types import Catalog
from fleetspec.compiler.lock import Lock, lock_from_bytes
from fleetspec.compiler.membership import belongs, members_now, runs
from fleetspec.compiler.pinning import make_lock
from fleetspec.diagnostics import Rejected, Report

CATALOG = Catalog({}, {}, digest="")
DAYS = 120
IN, OUT = "SPX", ""
INDEX = {
    # Rows count from the first price, bars from the first return: bar b is row b + 1.
    "ALWAYS": [IN] * DAYS,
    "NEVER": [OUT] * DAYS,
    "JOINED": [OUT] * 50 + [IN] * 70,
    "LEFT": [IN] * 50 + [OUT] * 70,
    "TWICE": [IN] * 10 + [OUT] * 30 + [IN] * 20 + [OUT] * 60,
    "FIRST-ONLY": [IN] + [OUT] * 119,
}


def locked(folder: Path, as_of: str, where: str = "index = 'SPX'", bar: str = "1 session") -> Lock:
    write_bars(folder, list(INDEX), DAYS, INDEX)
    change = f'where: "{where}", as_of: {as_of}, calendar: XNYS, bar: {bar}'
    return make_lock(spec_with(("calendar: XNYS, bar: 1 session", change)), folder, CATALOG)


def test_day_by_day(tmp_path: Path) -> None:
    lock = locked(tmp_path, "point-in-time")
    # Whoever was a member on the first price alone never was on a bar.
    assert lock.universes["us"] == ("ALWAYS", "JOINED", "LEFT", "TWICE")
    spans = lock.spans_of("us", "1 session")
    assert spans == {
        "ALWAYS": ((0, 119),), "JOINED": ((49, 119),), "LEFT": ((0, 49),), "TWICE": ((0, 9), (39, 59)),
    }  # fmt: skip
    assert lock_from_bytes(lock.to_bytes(), "x", Report()) == lock
    assert members_now(lock.universes["us"], dict.fromkeys(INDEX, 119), spans) == ("ALWAYS", "JOINED")


def test_the_last_day(tmp_path: Path) -> None:
    lock = locked(tmp_path, "latest")
    assert lock.universes["us"] == ("ALWAYS", "JOINED")
    assert lock.spans_of("us", "1 session") is None
    assert members_now(lock.universes["us"], {"ALWAYS": 119, "JOINED": 119}, None) == ("ALWAYS", "JOINED")


@pytest.mark.parametrize(
    ("day", "members"),
    [
        ("2025-01-10", ("ALWAYS", "LEFT", "TWICE")),
        # Row 49 is 11 March 2025, a Tuesday; row 50 is the day after.
        ("2025-03-11", ("ALWAYS", "LEFT", "TWICE")),
        ("2025-03-12", ("ALWAYS", "JOINED", "TWICE")),
        ("2030-01-01", ("ALWAYS", "JOINED")),
    ],
)
def test_a_day(tmp_path: Path, day: str, members: tuple[str, ...]) -> None:
    assert locked(tmp_path, day).universes["us"] == members


def test_a_weekend_has_the_members_of_its_friday(tmp_path: Path) -> None:
    assert locked(tmp_path, "2025-03-16").universes["us"] == locked(tmp_path, "2025-03-14").universes["us"]


def test_weeks_have_the_members_of_their_last_day(tmp_path: Path) -> None:
    lock = locked(tmp_path, "point-in-time", bar="1 week")
    # JOINED is in from Wednesday 12 March: the tenth whole week after 1 January ends on 14 March.
    (span,) = lock.spans_of("us", "1 week")["JOINED"]
    assert span[0] == 9
    assert span[1] == lock.data["bars @ 1 week"]["JOINED"].bars


def test_a_list_is_narrowed_by_a_condition(tmp_path: Path) -> None:
    write_bars(tmp_path, list(INDEX), DAYS, INDEX)
    change = "series: [LEFT, ALWAYS], where: \"index = 'SPX'\", as_of: latest, calendar: XNYS, bar: 1 session"
    lock = make_lock(spec_with(("calendar: XNYS, bar: 1 session", change)), tmp_path, CATALOG)
    assert lock.universes["us"] == ("ALWAYS",)


@pytest.mark.parametrize(
    ("where", "message", "help"),
    [
        ("indx = 'SPX'", "bars.csv has no column 'indx'", "did you mean 'index'?"),
        ("index > 5", "'index' is compared with a number and holds 'SPX'", "index = 'SPX'"),
        ("index = 'NDX'", "no series of data 'bars' satisfies it", "columns it compares: index"),
    ],
)
def test_conditions_that_the_data_do_not_fit(tmp_path: Path, where: str, message: str, help: str) -> None:
    with pytest.raises(Rejected) as ending:
        locked(tmp_path, "latest", where)
    (told,) = ending.value.report.findings
    assert (told.rule.code, told.route) == ("FS271", ("universes", "us", "where"))
    assert message in told.message
    assert help in (told.help or "")


def test_a_synthetic_market_has_nothing_to_choose_by(tmp_path: Path) -> None:
    spec = spec_with(
        ("from: bars.csv, key: ticker, time: date, price: close, high: high, low: low",
         'from: "synthetic:market", series: 3, length: 60 sessions'),
        ("bar: 1 session", "bar: 1 session, where: \"index = 'SPX'\", as_of: latest"),
    )  # fmt: skip
    with pytest.raises(Rejected) as ending:
        make_lock(spec, tmp_path, CATALOG)
    assert "has no columns to choose by" in str(ending.value)


@given(st.lists(st.booleans(), max_size=30))
def test_spans_are_where_the_mask_is_true(mask: list[bool]) -> None:
    spans = runs(np.array(mask, dtype=bool))
    assert [belongs(spans, bar) for bar in range(len(mask))] == mask
    assert all(before[1] < after[0] for before, after in pairwise(spans))
