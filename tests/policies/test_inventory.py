"""The model inventory: a row for each universe, group and family, with what store and approvals say of it."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from in_process import Run
from policy_fleet import QUICK, Fleet

from fleetspec.inventorying import COLUMNS, as_csv
from fleetspec.runtime.register import _outcome

RUN = ("--executor", "inline", "--yes", "--quiet")
DOCS = Path(__file__).resolve().parents[2] / "docs" / "policies.md"
TESTED = QUICK + "backtest: {scheme: walk-forward, models: [vol], step: 60 bars, within: 12h}\n"


def rows(run: Run, *more: str) -> dict[str, dict[str, str]]:
    answer = run("inventory", "prod.yaml", "--format", "csv", *more)
    assert answer.code == 0, answer.err
    return {row["group"]: row for row in csv.DictReader(io.StringIO(answer.out))}


def test_before_during_and_after(fleet: Fleet, run: Run) -> None:
    fleet.write(TESTED)
    assert run("lock", "prod.yaml").code == 0
    first = rows(run)
    assert list(first) == ["vol", "more"]
    assert all(not row[name] for row in first.values() for name in COLUMNS[-8:])
    vol = first["vol"]
    assert (vol["fleet"], vol["owner"], vol["tier"], vol["models"]) == ("prod", "research", "medium", "4")
    assert (vol["data_source"], vol["data_until"]) == ("synthetic:market", "2025-12-31")
    assert vol["code_version"].startswith("arima ")
    assert vol["purpose"] == "return"
    assert all(re.fullmatch("[0-9a-f]{16}", vol[name]) for name in ("data_version", "model_version"))
    assert run("apply", "prod.yaml", *RUN).code == 0
    assert run("apply", "prod.yaml", "--run", "backtest", *RUN).code == 0
    fleet.approve(
        "validations:\n"
        "  - {fleet: prod, family: arima, by: mo, on: 2024-11-01, outcome: rejected, record: old.pdf}\n"
        "  - {fleet: '*', family: arima, by: mo, on: 2025-11-01, outcome: accepted, record: a.pdf, "
        "expires: 2026-11-01}\n"
        "  - {fleet: other, family: arima, by: eve, on: 2025-12-01, outcome: rejected, record: b.pdf}\n"
        "  - {fleet: prod, family: arima, by: eve, on: 2027-12-01, outcome: rejected, record: c.pdf}\n"
    )
    then = rows(run)
    assert {row["last_forecast"] for row in then.values()} == {"2025-12-31"}
    assert {group: row["last_backtest"] for group, row in then.items()} == {"vol": "2025-12-31", "more": ""}
    assert then["vol"]["backtest_outcome"] == "4 models judged"
    assert then["vol"]["last_fit"] == "2025-12-31"
    validated = [then["vol"][name] for name in COLUMNS[-4:]]
    assert validated == ["2025-11-01", "accepted", "mo", "a.pdf"]
    assert rows(run, "--today", "2026-11-02")["vol"]["validation_outcome"] == "accepted, expired on 2026-11-01"
    shown = run("inventory", "prod.yaml", "prod.yaml").out
    assert "4 rows, 16 models" in shown
    assert run("inventory", "prod.yaml", "--format", "md").out.startswith("### prod · owner research · tier medium")


def test_versions_say_what_has_changed(fleet: Fleet, run: Run) -> None:
    fleet.write(QUICK)
    before = rows(run)
    fleet.write(QUICK.replace("family: arima, target: return, train: 250", "family: arima, target: return, train: 240"))
    after = rows(run)
    assert after["vol"]["model_version"] != before["vol"]["model_version"]
    assert after["more"]["model_version"] == before["more"]["model_version"]
    assert after["vol"]["data_version"] == before["vol"]["data_version"]
    fleet.write(QUICK.replace("seed: 3", "seed: 4"))
    assert run("lock", "prod.yaml").code == 0
    assert rows(run)["vol"]["data_version"] != before["vol"]["data_version"]


def test_how_a_backtest_ended() -> None:
    assert _outcome(3, {}) == "3 models judged"
    tests = {"kupiec": [0.05, 0.04, 0.9], "dq": [0.01]}
    assert _outcome(3, tests) == ("3 models judged; dq 0 of 1 not rejected at 5 %; kupiec 2 of 3 not rejected at 5 %")


def test_a_spreadsheet_takes_no_text_for_a_formula() -> None:
    row = dict.fromkeys(COLUMNS) | {"owner": '=HYPERLINK("x")', "models": 3}
    written = as_csv({"columns": COLUMNS, "rows": [row]})
    assert next(csv.DictReader(io.StringIO(written)))["owner"] == '\'=HYPERLINK("x")'


def test_every_column_is_explained() -> None:
    text = DOCS.read_text()
    section = text[text.index("## The inventory") :]
    for column in COLUMNS:
        assert f"`{column}`" in section, column
