"""``quality``: what the gate finds, in text and as JSON, as locked and fresh; and a run that agrees with it."""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from fleetspec.cli import main
from fleetspec.compiler.lock import LockedSeries, lock_from_bytes
from fleetspec.diagnostics import Report

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: looked
owner: research
data: {bars: {from: bars.csv, key: ticker, time: date, price: close}}
quality: {QUALITY}
universes: {all: {data: bars, calendar: XNYS, bar: 1 session}}
horizons: [1 bar]
models: {linear: {family: ridge, target: return, features: tech, train: 200 bars, refit: 5 sessions}}
features: {tech: [momentum(5)]}
fleet: [{universes: all, models: linear}]
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 1 USD}
hardware: {laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}}
"""
EVERYTHING = "max_jump: 20 sigma, max_flat: 10 bars, max_absent: 10%, max_closed: 10%, unit_root: {level: 1%}"
WRONG = {
    "DOUBLE": ["max_repeated"],
    "FLAT": ["max_flat"],
    "HOLES": ["max_absent"],
    "JUMP": ["max_jump"],
    "WALK": ["unit_root.adf", "unit_root.kpss"],
    "WEEKEND": ["max_closed"],
}


def table() -> str:
    rng = np.random.default_rng(8)
    days = [day for n in range(560) if (day := date(2023, 1, 3) + timedelta(days=n)).weekday() < 5]
    lines = ["ticker,date,close"]
    for name in ("GOOD", *WRONG):
        steps = rng.normal(0, 0.01, len(days))
        if name == "WALK":
            steps = np.cumsum(steps) * 0.1
        if name == "JUMP":
            steps[200] = 0.5
        if name == "FLAT":
            steps[100:120] = 0.0
        prices = 100 * np.exp(np.cumsum(steps))
        for number, (day, price) in enumerate(zip(days, prices, strict=True)):
            if name == "HOLES" and number % 4 == 1:
                continue
            lines.append(f"{name},{day},{price:.8f}")
            if name == "DOUBLE" and number == 7:
                lines.append(f"{name},{day},{price:.8f}")
            if name == "WEEKEND" and day.weekday() == 4:
                lines.append(f"{name},{day + timedelta(days=1)},{price * 1.001:.8f}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bars.csv").write_text(table())
    (tmp_path / "fleet.yaml").write_text(SPEC.replace("QUALITY", EVERYTHING))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        main(list(arguments))
    return int(ending.value.code or 0)


def test_each_fault_is_a_finding_of_its_series(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lock", "fleet.yaml") == 0
    capsys.readouterr()
    assert run("quality", "fleet.yaml", "--format", "json") == 6
    data = json.loads(capsys.readouterr().out)
    (panel,) = data["panels"]
    found: dict[str, list[str]] = {}
    for one in panel["findings"]:
        found.setdefault(one["series"], []).append(one["check"])
    assert found == WRONG
    assert (data["data"], data["series"], data["failed"]) == ("locked", 7, 6)
    assert {row["check"]: row["failed"] for row in panel["checks"] if row["failed"]} == {
        check: 1 for checks in WRONG.values() for check in checks
    }

    # A run sets the same series aside, for the same reasons.
    assert run("apply", "fleet.yaml", "--yes", "--store", "store") == 6
    capsys.readouterr()
    assert run("results", "fleet.yaml", "--store", "store", "--table", "quarantine", "--format", "json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    reasons = {row["address"].split("/")[4].upper(): row["reason"] for row in rows if row["task"] == "fit"}
    assert reasons == {
        name: "; ".join(one["reason"] for one in panel["findings"] if one["series"] == name) for name in WRONG
    }


def test_text_fits_eighty_columns_and_names_the_worst(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("quality", "fleet.yaml", "--fresh") == 6
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "all · 7 series at bars of 1 session · 6 fail" in text
    worst = {line.split()[0]: line for line in text.splitlines() if line.startswith(("max_", "unit_root"))}
    for name, checks in WRONG.items():
        assert all(name in worst[check] for check in checks)


def test_fresh_measures_what_is_not_asked_for(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fleet / "fleet.yaml").write_text(SPEC.replace("QUALITY", "max_repeated: 1%, max_quarantined: 5%"))
    assert run("quality", "fleet.yaml") == 1
    assert "fleetspec lock fleet.yaml" in capsys.readouterr().err
    assert run("quality", "fleet.yaml", "--fresh", "--format", "json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["failed"] == 0
    rows = {row["check"]: row for row in data["panels"][0]["checks"]}
    assert rows["max_flat"] == {"check": "max_flat", "limit": None, "worst": 20.0, "worst_series": "FLAT", "failed": 0}
    assert rows["unit_root.adf"]["worst_series"] == "WALK"
    assert not list(fleet.glob("*.lock"))

    # What is not asked for is not in the lock, and no word of it.
    assert run("lock", "fleet.yaml") == 0
    report = Report()
    lock = lock_from_bytes((fleet / "fleet.lock").read_bytes(), "fleet.lock", report)
    assert lock is not None
    held: dict[str, LockedSeries] = lock.data["bars"]
    assert held["DOUBLE"].found == {"repeated": 1.0}
    assert all(not one.found for name, one in held.items() if name != "DOUBLE")
    capsys.readouterr()
    assert run("quality", "fleet.yaml") == 0
    assert "not measured" in capsys.readouterr().out


def test_no_series_may_fail_where_the_spec_says_stop(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fleet / "fleet.yaml").write_text(SPEC.replace("QUALITY", "on_fail: stop, max_quarantined: 90%"))
    assert run("lock", "fleet.yaml") == 0
    assert run("quality", "fleet.yaml") == 6
    assert run("plan", "fleet.yaml") == 1
    assert "error[FS276]: 1 of 7 series" in capsys.readouterr().err


def test_without_statsmodels_a_lock_says_what_to_install_and_a_plan_needs_nothing(
    fleet: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (fleet / "fleet.yaml").write_text(SPEC.replace("QUALITY", f"{EVERYTHING}, max_quarantined: 100%"))
    assert run("lock", "fleet.yaml") == 0
    monkeypatch.setitem(sys.modules, "statsmodels.tsa.adfvalues", None)
    capsys.readouterr()
    assert run("plan", "fleet.yaml") == 0
    assert run("lock", "fleet.yaml") == 1
    told = capsys.readouterr().err
    assert "error[FS540]" in told
    assert "pip install 'fleetspec[run]'" in told
