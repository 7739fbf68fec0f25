"""Locks: what they pin, that they read back, and what is said of damaged ones."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from toy_specs import BARS, SPEC, make_lock, read_spec

from fleetspec.catalog.types import Catalog
from fleetspec.compiler.check_lock import check_against_lock, check_session
from fleetspec.compiler.lock import Lock, LockedSeries, lock_from_bytes, lock_path, read_lock
from fleetspec.compiler.pinning import make_lock as pin
from fleetspec.compiler.spec import FleetSpec
from fleetspec.diagnostics import Rejected, Report
from fleetspec.panel.sources import SourceRequest, load

CATALOG = Catalog({}, {}, digest="prices")


def write_bars(path: Path, closes: dict[str, list[float | None]]) -> None:
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2025-01-01"))
    lines = ["ticker,date,close"]
    for name, values in closes.items():
        lines += [f"{name},{day},{'' if v is None else v}" for day, v in zip(days, values, strict=False)]
    path.write_text("\n".join(lines) + "\n")


def walk(bars: int, seed: int) -> list[float | None]:
    return list(100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, bars + 1))))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    gaps = walk(120, 3)
    gaps[5] = gaps[6] = None
    write_bars(tmp_path / "bars.csv", {"A": walk(150, 1), "ON": gaps, "EMPTY": [None] * 10})
    write_bars(tmp_path / "rates.csv", {"EUR": walk(200, 2)})
    return tmp_path


def test_a_lock_pins_bars_dates_and_the_windows_of_every_cadence(folder: Path, spec: FleetSpec) -> None:
    lock = pin(spec, folder, CATALOG)
    assert lock.universes == {"fx": ("EUR",), "main": ("A", "EMPTY", "ON")}
    assert lock.catalog == "prices"
    one = lock.data["bars"]["ON"]
    assert (one.bars, one.missing, one.first, one.last) == (118, 2, date(2024, 1, 2), date(2024, 4, 30))
    series = load(SourceRequest("bars.csv", folder, key="ticker", time="date", price="close"))["ON"]
    assert one.digest == series.digest()
    # vol: 100 bars every 5 of 118; line: 60 every 3; tree: 60 every 5.
    assert one.windows == {
        "100/5": series.digest(15, 115), "60/3": series.digest(57, 117), "60/5": series.digest(55, 115),
    }  # fmt: skip
    # tree is not on fx, so fx has no such window.
    assert set(lock.data["rates"]["EUR"].windows) == {"100/5", "60/3"}
    empty = lock.data["bars"]["EMPTY"]
    assert (empty.bars, empty.missing, empty.first, empty.last) == (0, 10, None, None)


def test_only_the_named_members_are_locked(folder: Path) -> None:
    text = SPEC.replace("main: {data: bars,", "main: {data: bars, series: [ON, A],")
    lock = pin(read_spec(text), folder, CATALOG)
    assert lock.universes["main"] == ("ON", "A")
    assert set(lock.data["bars"]) == {"A", "ON"}


def test_the_same_data_give_the_same_bytes_and_read_back(folder: Path, spec: FleetSpec) -> None:
    lock = pin(spec, folder, CATALOG)
    data = lock.to_bytes()
    assert pin(spec, folder, CATALOG).to_bytes() == data
    report = Report()
    assert lock_from_bytes(data, "fleet.lock", report) == lock
    assert len(report) == 0
    # One series a line: a diff names what changed.
    assert sum(line.startswith(b'{"name":"ON","bars":118,') for line in data.splitlines()) == 1


def test_names_of_any_script_read_back() -> None:
    series = LockedSeries('Ü "7203" \\ \U0001f600', 1, 0, date(2024, 1, 1), date(2024, 1, 1), "0" * 32, {})
    lock = Lock({"d": {series.name: series}}, {"u": (series.name,), "v": ()}, {}, "")
    assert lock_from_bytes(lock.to_bytes(), "x", Report()) == lock


def test_a_missing_source_and_a_missing_member_are_told_at_their_place(folder: Path) -> None:
    text = SPEC.replace("main: {data: bars,", "main: {data: bars, series: [A, ONE],").replace("rates.csv", "rate.csv")
    with pytest.raises(Rejected) as ending:
        pin(read_spec(text), folder, CATALOG)
    told = {d.rule.code: (d.route, d.help) for d in ending.value.report}
    assert told["FS201"] == (("universes", "main", "series", 1), "did you mean 'ON'?")
    assert told["FS230"][0] == ("data", "rates", "from")


def test_the_lock_lies_beside_the_spec() -> None:
    assert lock_path(Path("specs/prod.yaml")) == Path("specs/prod.lock")


def test_a_spec_without_a_lock_says_how_to_write_one(tmp_path: Path) -> None:
    report = Report()
    assert read_lock(tmp_path / "fleet.lock", report) is None
    (finding,) = report
    assert finding.rule.code == "FS231"
    assert finding.help == f"write it from the data: fleetspec lock {tmp_path / 'fleet.yaml'}"


def damaged() -> list[bytes]:
    good = make_lock(read_spec(SPEC), BARS)
    content = json.loads(good.to_bytes())
    missing = {k: v for k, v in content.items() if k != "universes"}
    digest = json.loads(json.dumps(content))
    digest["data"]["bars"][0]["digest"] = "abc"
    bars = json.loads(json.dumps(content))
    bars["data"]["bars"][0]["bars"] = "150"
    return [
        b"", b"{", b"[]", b"null", b"\xff", good.to_bytes()[:-20], b"<<<<<<< ours\n" + good.to_bytes(),
        b'{"version": 2}',
        json.dumps(missing).encode(), json.dumps(digest).encode(), json.dumps(bars).encode(), b"[" * 100_000,
        b'{"version":1,"data":[],"universes":{},"declared":{},"catalog":""}',
    ]  # fmt: skip


@pytest.mark.parametrize("data", damaged(), ids=range(len(damaged())))
def test_a_damaged_lock_is_one_clear_error(data: bytes) -> None:
    report = Report()
    assert lock_from_bytes(data, "fleet.lock", report) is None
    (finding,) = report
    assert finding.rule.code == "FS232"
    assert "fleetspec lock" in (finding.help or "")


def told(spec: FleetSpec, lock: Lock, session: date | None = None) -> list[tuple[str, object]]:
    report = Report()
    check_against_lock(spec, lock, report, session)
    return [(d.rule.code, d.route) for d in report.findings]


def test_spec_and_lock_belong_together_or_say_why_not(spec: FleetSpec) -> None:
    long = {"bars": {"A": 150, "B": 131}, "rates": {"EUR": 200}}
    lock = make_lock(spec, long)
    assert told(spec, lock) == []
    assert told(spec, make_lock(spec, {"bars": {}, "rates": {"EUR": 200}})) == [("FS240", ("universes", "main"))]
    half = replace(lock, data={"bars": {"A": lock.data["bars"]["A"]}, "rates": lock.data["rates"]})
    assert told(spec, half) == [("FS233", ("universes", "main"))]


def test_what_decides_no_member_is_no_change_of_the_lock(spec: FleetSpec) -> None:
    lock = make_lock(spec, {"bars": {"A": 150}, "rates": {"EUR": 200}})
    other = (
        SPEC.replace("owner: me", "owner: you")
        .replace("nightly: 5 USD", "nightly: 9 USD")
        .replace("seed: 7", "seed: 8")
    )
    assert told(read_spec(other), lock) == []


def test_sessions_exist_and_are_held_against_the_lock(spec: FleetSpec) -> None:
    lock = make_lock(spec, {"bars": {"A": 150}, "rates": {"EUR": 200}})
    assert told(spec, lock, date(2025, 12, 31)) == []
    assert told(spec, lock, date(2025, 12, 25)) == [("FS238", None)]
    assert told(spec, lock, date(2025, 12, 30)) == [("FS243", None)]
    assert told(spec, lock, date(2026, 1, 5)) == [("FS239", None)]
    report = Report()
    check_session(spec, lock, date(2025, 12, 25), report)
    # Christmas; 24 December was a (short) session of the NYSE.
    assert report.findings[0].help == "the session before it is 2025-12-24"


def test_a_day_no_calendar_reaches_is_no_session(spec: FleetSpec) -> None:
    assert told(spec, make_lock(spec, {"bars": {"A": 150}, "rates": {"EUR": 200}}), date(1, 6, 1)) == [("FS238", None)]
