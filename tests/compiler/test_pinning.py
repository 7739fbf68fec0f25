"""Locks of bars and measures: what is pinned where, and what is said where the data do not give it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from data_specs import spec_with, write_bars

from fleetspec.catalog.types import Catalog
from fleetspec.compiler.check_lock import check_against_lock, check_usable
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.lock import Lock, lock_from_bytes, panel_key
from fleetspec.compiler.pinning import make_lock
from fleetspec.compiler.spec import FleetSpec
from fleetspec.diagnostics import Rejected, Report
from fleetspec.panel.sources import SourceRequest, load
from fleetspec.units import BarSize

CATALOG = Catalog({}, {}, digest="prices")
GROUP = "vol: {family: wave, target: variance, train: 20 bars, refit: 5 sessions}"
AXES = "vol: {target: variance, train: 20 bars, refit: 5 sessions, axes: {bar: [1 session, 1 week]}, family: wave}"
RANGE = "vol: {family: wave, target: variance, measure: range, train: 20 bars, refit: 5 sessions}"
SYNTHETIC = (
    "from: bars.csv, key: ticker, time: date, price: close, high: high, low: low",
    'from: "synthetic:market", series: 3, length: 60 sessions',
)


def locked(spec: FleetSpec, folder: Path) -> Lock:
    return make_lock(spec, folder, CATALOG)


def rejected(spec: FleetSpec, folder: Path) -> list[tuple[str, object, str, str | None]]:
    with pytest.raises(Rejected) as ending:
        make_lock(spec, folder, CATALOG)
    return [(d.rule.code, d.route, d.message, d.help) for d in ending.value.report]


def series(folder: Path, bar: str, name: str):  # type: ignore[no-untyped-def]
    request = SourceRequest(
        "bars.csv", folder, key="ticker", time="date", price="close", high="high", low="low", bar=BarSize.parse(bar)
    )
    return load(request)[name]


def test_every_bar_that_is_asked_for_is_locked_by_itself(tmp_path: Path) -> None:
    write_bars(tmp_path, ["A", "B"], days=200)
    lock = locked(spec_with((GROUP, AXES)), tmp_path)
    assert set(lock.data) == {"bars", "bars @ 1 week"}
    weekly, one = series(tmp_path, "1 week", "A"), lock.data["bars @ 1 week"]["A"]
    assert (one.bars, one.digest) == (len(weekly), weekly.digest())
    assert one.windows == {
        "20/5": weekly.digest(len(weekly) - 20 - (len(weekly) - 20) % 5, 20 + (len(weekly) - 20) // 5 * 5)
    }
    report = Report()
    check_against_lock(spec_with((GROUP, AXES)), lock, report)
    assert not report.findings


def test_a_measure_is_pinned_where_it_is_read_and_nowhere_else(tmp_path: Path) -> None:
    write_bars(tmp_path, ["A"])
    one = locked(spec_with((GROUP, RANGE)), tmp_path).data["bars"]["A"]
    daily = series(tmp_path, "1 session", "A")
    assert one.measures == {"range": daily.digest(measure="range")}
    assert one.windows == {"20/5/range": daily.digest(95, 115, measure="range")}
    plain = locked(spec_with(), tmp_path).data["bars"]["A"]
    assert (plain.measures, set(plain.windows)) == ({}, {"20/5"})


def test_a_changed_high_changes_nothing_where_returns_are_read(tmp_path: Path) -> None:
    write_bars(tmp_path, ["A"])
    before = {name: locked(spec_with(*changes), tmp_path).to_bytes() for name, changes in VARIANTS.items()}
    text = (tmp_path / "bars.csv").read_text().splitlines()
    cells = text[60].split(",")
    cells[3] = f"{float(cells[3]) * 1.5:.6f}"
    text[60] = ",".join(cells)
    (tmp_path / "bars.csv").write_text("\n".join(text) + "\n")
    after = {name: locked(spec_with(*changes), tmp_path).to_bytes() for name, changes in VARIANTS.items()}
    assert before["returns"] == after["returns"]
    assert before["range"] != after["range"]


VARIANTS: dict[str, list[tuple[str, str]]] = {"returns": [], "range": [(GROUP, RANGE)]}


def test_the_jump_is_locked_and_reads_back(tmp_path: Path) -> None:
    write_bars(tmp_path, ["A", "B"])
    lock = locked(spec_with(), tmp_path)
    returns = series(tmp_path, "1 session", "A").returns
    spread = 1.4826 * np.median(np.abs(returns - np.median(returns)))
    assert lock.data["bars"]["A"].jump == pytest.approx(np.abs(returns).max() / spread, rel=1e-5)
    assert lock_from_bytes(lock.to_bytes(), "x", Report()) == lock


def test_a_bar_finer_than_the_rows_is_an_error_at_the_bar(tmp_path: Path) -> None:
    write_bars(tmp_path, ["A"])
    (told,) = rejected(spec_with(("bar: 1 session", "bar: 5m")), tmp_path)
    assert told[:2] == ("FS274", ("universes", "us", "bar"))
    assert "the rows of 'A' are 1 session apart" in told[2]
    (told,) = rejected(spec_with((GROUP, AXES.replace("1 week", "5m"))), tmp_path)
    assert told[:2] == ("FS274", ("models", "vol", "axes", "bar"))


@pytest.mark.parametrize(
    ("measure", "help"),
    [
        ("realised", "rows that are finer than the bar"),
        ("implied", "the column implied:"),
    ],
)
def test_a_measure_that_the_data_lack(tmp_path: Path, measure: str, help: str) -> None:
    write_bars(tmp_path, ["A"])
    (told,) = rejected(spec_with((GROUP, RANGE.replace("range", measure))), tmp_path)
    assert told[:2] == ("FS275", ("models", "vol"))
    assert help in (told[3] or "")


def test_synthetic_markets_make_every_bar_and_measure(tmp_path: Path) -> None:
    changed = AXES.replace("family: wave", "family: wave, measure: implied").replace("1 week", "5m, 1 quarter")
    lock = locked(spec_with((GROUP, changed), SYNTHETIC), tmp_path)
    assert set(lock.data) == {"bars", "bars @ 5m", "bars @ 1 quarter"}
    for key in lock.data:
        assert {s.bars for s in lock.data[key].values()} == {60}
        assert all(set(s.measures) == {"implied"} for s in lock.data[key].values())


def night(spec: FleetSpec, lock: Lock, session: date, run: RunKind = RunKind.NIGHTLY) -> list[tuple[str, str]]:
    report = Report()
    check_usable(spec, lock, run, session, report)
    return [(d.rule.code, d.message) for d in report.findings]


def test_on_fail_stop_names_the_series(tmp_path: Path) -> None:
    write_bars(tmp_path, ["A", "B", "C"])
    lock = locked(spec_with(), tmp_path)
    session = date(2025, 6, 17)
    assert lock.newest() == session
    quality = "quality: {max_jump: 1 sigma, on_fail: stop}\nhorizons:"
    (told,) = night(spec_with(("horizons:", quality)), lock, session)
    assert told[0] == "FS276"
    assert "3 of 3 series of universe 'us' fail at bars of 1 session (A: its largest return is" in told[1]
    assert night(spec_with(("horizons:", quality.replace("on_fail: stop", "on_fail: quarantine"))), lock, session) == []
    assert night(spec_with(("horizons:", quality.replace("1 sigma", "99 sigma"))), lock, session) == []


def test_stale_data_stop_a_night_and_no_backtest(tmp_path: Path) -> None:
    write_bars(tmp_path, ["A"])
    spec = spec_with(("horizons:", "quality: {stale_after: 2 sessions, on_fail: stop}\nhorizons:"))
    lock = locked(spec, tmp_path)
    # 19 June 2025 is a holiday: 20 June is two sessions after the 17th, 23 June three.
    assert night(spec, lock, date(2025, 6, 20)) == []
    (told,) = night(spec, lock, date(2025, 6, 23))
    assert "its last bar ended on 2025-06-17, stale_after asks for 2025-06-18 or later" in told[1]
    assert night(spec, lock, date(2025, 6, 23), RunKind.BACKTEST) == []
    lagged = spec_with(
        ("horizons:", "quality: {stale_after: 2 sessions, on_fail: stop}\nhorizons:"),
        ("low: low", "low: low, lag: 1 session"),
    )
    assert night(lagged, lock, date(2025, 6, 23)) == []
    assert [code for code, _ in night(lagged, lock, date(2025, 6, 24))] == ["FS276"]


def test_weeks_are_stale_by_the_week(tmp_path: Path) -> None:
    write_bars(tmp_path, ["A"], days=122)
    spec = spec_with(
        ("horizons:", "quality: {stale_after: 1 session, on_fail: stop}\nhorizons:"),
        ("bar: 1 session", "bar: 1 week"),
    )
    lock = locked(spec, tmp_path)
    assert lock.data[panel_key("bars", "1 week")]["A"].last == date(2025, 6, 13)
    # Thursday the 19th was a holiday; the week ends with Friday the 20th.
    assert night(spec, lock, date(2025, 6, 18)) == []
    assert [code for code, _ in night(spec, lock, date(2025, 6, 20))] == ["FS276"]


def test_a_lag_moves_the_session_on(tmp_path: Path) -> None:
    write_bars(tmp_path, ["A"])
    spec = spec_with(("low: low", "low: low, lag: 1 session"))
    lock = locked(spec, tmp_path)
    assert night(spec, lock, date(2025, 6, 18)) == []
    ((code, message),) = night(spec, lock, date(2025, 6, 17))
    assert code == "FS243"
    assert "end with 2025-06-17, and with lag: 1 session those of 2025-06-16 are the newest" in message
    from fleetspec.compiler.lower import default_session

    assert default_session(spec, lock) == date(2025, 6, 18)
    assert default_session(spec_with(), lock) == date(2025, 6, 17)


@pytest.mark.parametrize(
    ("change", "outdated"),
    [
        (("bar: 1 session", "bar: 1 session, where: \"index = 'SPX'\", as_of: latest"), True),
        (("calendar: XNYS, bar", "calendar: XNAS, bar"), False),
        (("low: low", "low: low, available: close + 30m"), False),
        (("high: high", "high: close"), True),
    ],
)
def test_what_a_lock_depends_on(tmp_path: Path, change: tuple[str, str], outdated: bool) -> None:
    write_bars(tmp_path, ["A"])
    report = Report()
    check_against_lock(spec_with(change), locked(spec_with(), tmp_path), report)
    assert [d.rule.code for d in report.findings] == (["FS234"] if outdated else [])


def test_weeks_depend_on_the_calendar(tmp_path: Path) -> None:
    write_bars(tmp_path, ["A"], days=200)
    lock = locked(spec_with(("bar: 1 session", "bar: 1 week")), tmp_path)
    report = Report()
    check_against_lock(spec_with(("calendar: XNYS, bar: 1 session", "calendar: XLON, bar: 1 week")), lock, report)
    assert [(d.rule.code, d.route) for d in report.findings] == [("FS234", ("universes", "us"))]
