"""``calibrate`` on a small fleet, as a person would call it: propose, measure, plan on it, hold runs against it."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from test_operating import SPEC, write_returns

from fleetspec.cli import main

pytest.importorskip("sklearn")


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "fleet.yaml").write_text(SPEC)
    write_returns(tmp_path / "bars.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    assert call("lock", "fleet.yaml")[0] == 0
    return tmp_path


def call(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ending:
        main(list(arguments))
    return int(ending.value.code or 0), out.getvalue(), err.getvalue()


def asked(*arguments: str) -> dict[str, Any]:
    code, out, err = call(*arguments, "--format", "json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_proposal_prices_a_pilot_and_runs_nothing(fleet: Path) -> None:
    data = asked("calibrate", "fleet.yaml", "--dry-run", "--sample", "2")
    assert data["jobs"] > 0
    assert data["predicted_seconds"] > 0
    assert data["planned_usd"] > 0
    assert data["spent_seconds"] is None
    assert not list((fleet / ".fleetspec").glob("*/ledger/*.parquet"))


def test_a_pilot_is_what_the_next_plan_rests_on(fleet: Path) -> None:
    data = asked("calibrate", "fleet.yaml", "-s", "family:elasticnet")
    by_task = {row["name"].rsplit("/", 1)[1]: row for row in data["classes"]}
    fit = by_task["fit"]
    # The shipped figure rests on 1,200 jobs of another machine; now it is this fleet's own few.
    assert fit["before"]["n"] == 1200
    assert 1 <= fit["after"]["n"] <= 6
    plan = asked("plan", "fleet.yaml")["plan"]
    line = next(one for one in plan["classes"] if one["name"] == fit["name"])
    assert line["source"].endswith("jobs of fleet small")
    assert line["p95"] == pytest.approx(fit["after"]["p95"], rel=1e-3, abs=2e-6)
    # What the pilot ran is not run again.
    assert plan["reused"] >= data["jobs"] - 1
    memory = json.loads((fleet / ".fleetspec" / "small" / "measured.json").read_text())["memory"]
    assert {row["klass"] for row in memory} <= {row["name"] for row in data["classes"]}


def test_a_second_pilot_of_all_that_is_done_says_so(fleet: Path) -> None:
    call("calibrate", "fleet.yaml", "-s", "family:elasticnet", "--sample", "50")
    code, _, err = call("calibrate", "fleet.yaml", "-s", "family:elasticnet", "--sample", "50")
    assert code == 1
    assert "FS520" in err
    assert "--check" in err


def test_text_shows_both_figures_of_a_class(fleet: Path) -> None:
    code, out, _ = call("calibrate", "fleet.yaml", "-s", "family:elasticnet")
    assert code == 0
    assert "a pilot" in out
    assert "→" in out
    assert "their results are kept" in out


def test_finished_runs_are_held_against_their_plans(fleet: Path) -> None:
    assert "no finished run" in call("calibrate", "fleet.yaml", "--check")[1]
    call("apply", "fleet.yaml", "--yes", "--quiet", "--executor", "inline")
    rows = asked("calibrate", "fleet.yaml", "--check")["rows"]
    # Four fits are too few to alarm anybody, however far off they are.
    assert rows
    assert not any(row["alarm"] for row in rows)
    assert all(0 <= row["below"] <= 1 and row["n"] > 0 for row in rows)


def test_check_takes_no_selection(fleet: Path) -> None:
    assert call("calibrate", "fleet.yaml", "--check", "--dry-run")[0] == 64
