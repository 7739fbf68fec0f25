"""Data, sessions and specs that moved since the last time: noticed, and said with the way out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_fleet import Shell, small_fleet, write_prices

NAMES = ["AAA", "BBB"]
RUN = ("--yes", "--executor", "inline", "-q")


@pytest.fixture
def full(shell: Shell) -> Shell:
    """A fleet of which everything is in the store."""
    small_fleet(shell, NAMES)
    shell.good("apply", "fleet.yaml", *RUN)
    return shell


def bars(shell: Shell) -> Path:
    return shell.folder / "bars.csv"


def test_a_changed_bar_is_noticed_even_where_nothing_is_missing(full: Shell) -> None:
    write_prices(bars(full), NAMES, 420, seed=6)
    answer = full("apply", "fleet.yaml", *RUN)
    assert answer.code == 5
    assert "FS501" in answer.err


def test_data_that_are_gone_are_noticed(full: Shell) -> None:
    bars(full).unlink()
    answer = full("apply", "fleet.yaml", *RUN)
    assert answer.code == 1
    assert "bars.csv" in answer.err


def test_newer_bars_are_pointed_out(full: Shell) -> None:
    with bars(full).open("a") as file:
        file.write("AAA,2026-01-02,100.0,5000\n")
    answer = full("apply", "fleet.yaml", *RUN, "--format", "json")
    assert answer.code == 0
    assert json.loads(answer.out)["notes"] == [
        "data 'bars': 1 series has bars newer than the lock; lock again to use them"
    ]


def test_a_session_before_the_locked_data_is_look_ahead(full: Shell) -> None:
    answer = full("plan", "fleet.yaml", "--session", "2019-01-03")
    assert answer.code == 1
    assert "FS243" in answer.err


@pytest.mark.parametrize(("old", "new"), [('"bars":420', '"bars":421'), ('["AAA","BBB"]', '["AAA"]')])
def test_an_edited_lock_is_refused(full: Shell, old: str, new: str) -> None:
    lock = full.folder / "fleet.lock"
    text = lock.read_text()
    assert old in text
    lock.write_text(text.replace(old, new, 1))
    answer = full("plan", "fleet.yaml")
    assert answer.code == 1
    assert "was changed after it was written" in answer.err
    assert "fleetspec lock fleet.yaml" in answer.err


def test_a_diff_shows_settings_that_reach_no_model(full: Shell) -> None:
    text = (full.folder / "fleet.yaml").read_text()
    full.write("other.yaml", "# a comment\n" + text.replace("nightly: 1 USD", "nightly: 2 USD"))
    full.write("other.lock", (full.folder / "fleet.lock").read_text())
    answer = full("diff", "fleet.yaml", "other.yaml", "--detailed-exitcode", "--format", "json")
    assert answer.code == 2
    changes = json.loads(answer.out)
    (setting,) = changes["settings"]
    assert setting == {
        "route": "budget.nightly", "base": "1 USD", "head": "2 USD", "class": "capacity", "place": "other.yaml:23",
    }  # fmt: skip
    assert changes["groups"] == []


def test_a_comment_is_no_change(full: Shell) -> None:
    full.write("other.yaml", "# a comment\n" + (full.folder / "fleet.yaml").read_text())
    full.write("other.lock", (full.folder / "fleet.lock").read_text())
    answer = full("diff", "fleet.yaml", "other.yaml", "--detailed-exitcode")
    assert answer.code == 0
    assert "No change" in answer.out


def test_a_diff_counts_and_gives_reasons(full: Shell) -> None:
    text = (full.folder / "fleet.yaml").read_text()
    full.write("other.yaml", text.replace("families: [garch, gjr]", "families: [garch]").replace("rsi(14)", "rsi(10)"))
    full.write("other.lock", (full.folder / "fleet.lock").read_text())
    changes = json.loads(full.good("diff", "fleet.yaml", "other.yaml", "--format", "json"))
    found = {group["family"]: (group["added"], group["changed"], group["removed"]) for group in changes["groups"]}
    # 2 series: both GJR models go, value at risk at 2 horizons rests on fewer members, elastic net has other features.
    assert found == {"gjr": (0, 0, 2), "vol-scaled": (0, 4, 0), "elasticnet": (0, 4, 0)}
    reasons = {group["family"]: group["reasons"] for group in changes["groups"]}
    where = "(other.yaml:15)"
    assert reasons["vol-scaled"] == [f"upstream: vol changed: models.vol.families [garch, gjr] → [garch] {where}"]
    assert "rsi(14)" in reasons["elasticnet"][0]
    back = json.loads(full.good("diff", "other.yaml", "fleet.yaml", "--format", "json"))
    mirrored = {group["family"]: (group["removed"], group["changed"], group["added"]) for group in back["groups"]}
    assert mirrored == found


def test_models_of_the_same_content_are_planned_and_run_once(full: Shell) -> None:
    text = (full.folder / "fleet.yaml").read_text()
    twice = text.replace("  main: {data: bars, calendar: XNYS, bar: 1 session}", "  main: {data: bars, calendar: XNYS, "
                         "bar: 1 session}\n  again: {data: bars, calendar: XNYS, bar: 1 session}")  # fmt: skip
    full.write("fleet.yaml", twice.replace("universes: main", "universes: [main, again]"))
    full.good("lock", "fleet.yaml")
    plan = json.loads(full.good("plan", "fleet.yaml", "--store", "new", "--format", "json"))["plan"]
    summary = json.loads(full.good("apply", "fleet.yaml", "--store", "new", *RUN, "--format", "json"))
    assert plan["jobs"] == summary["done"]
    assert plan["reused"] == plan["jobs"]


def test_a_run_is_rendered_whole_whatever_the_local_store_holds(full: Shell) -> None:
    full.good("render", "fleet.yaml", "--to", "out")
    assert (full.folder / "out" / "rayjob.yaml").is_file()


def test_an_address_can_be_pasted_from_a_table(full: Shell) -> None:
    shown = full.good("show", "fleet.yaml", "main/vol/garch/aaa")
    assert shown == full.good("show", "fleet.yaml", "small/main/vol/garch/aaa/_")
