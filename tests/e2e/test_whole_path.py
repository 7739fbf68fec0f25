"""From a file to forecasts on the command line, with the ways in which it must not break."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from small_fleet import Shell, small_fleet, write_prices

NAMES = ["AAA", "BBB", "ON", "000660"]


def counts(shell: Shell, *arguments: str) -> dict:
    answer = shell("apply", *arguments, "--yes", "--executor", "inline", "--format", "json")
    assert answer.out, answer.err
    return json.loads(answer.out) | {"code": answer.code, "err": answer.err}


def test_from_a_csv_to_forecasts(shell: Shell) -> None:
    write_prices(shell.folder / "bars.csv", NAMES, 420)
    assert "close is the price" in shell.good("init", "bars.csv")
    shell.good("lock", "fleet.yaml")
    shell.good("plan", "fleet.yaml")
    first = counts(shell, "fleet.yaml")
    assert first["code"] == 0
    assert first["quarantined"] == first["remaining"] == first["failed"] == 0
    again = counts(shell, "fleet.yaml")
    assert (again["run"], again["done"], again["reused"]) == (None, 0, first["jobs"])
    rows = json.loads(shell.good("results", "fleet.yaml", "series:000660", "--format", "json", "--limit", "500"))
    assert {row["series"] for row in rows["rows"]} == {"000660"}
    assert {row["quantity"] for row in rows["rows"]} == {
        *("variance", "mean", "nu", "value_at_risk", "expected_shortfall", "return")
    }


def test_plan_says_what_is_reused(shell: Shell) -> None:
    spec = small_fleet(shell, NAMES)
    before = json.loads(shell.good("plan", spec, "--format", "json"))["plan"]
    counts(shell, spec)
    after = json.loads(shell.good("plan", spec, "--format", "json"))["plan"]
    assert (before["reused"], after["jobs"]) == (0, 0)
    assert after["reused"] == before["jobs"]


def test_plan_needs_the_lock_and_not_the_data(shell: Shell) -> None:
    spec = small_fleet(shell, NAMES)
    (shell.folder / "bars.csv").unlink()
    shell.good("plan", spec)
    (shell.folder / "fleet.lock").unlink()
    answer = shell("plan", spec)
    assert answer.code == 1
    assert "fleetspec lock fleet.yaml" in answer.err
    assert "Traceback" not in answer.err


def test_two_plans_have_the_same_bytes(shell: Shell) -> None:
    spec = small_fleet(shell, NAMES)
    first, second = (shell("plan", spec, "--format", "json", PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert first.out == second.out
    for seed in ("1", "2"):
        shell("plan", spec, "--out", f"{seed}.fsp", PYTHONHASHSEED=seed)
    assert (shell.folder / "1.fsp").read_bytes() == (shell.folder / "2.fsp").read_bytes()


def test_a_saved_plan_can_be_shown_and_applied(shell: Shell) -> None:
    spec = small_fleet(shell, NAMES)
    shell.good("plan", spec, "--out", "plan.fsp")
    assert shell.good("show", "plan.fsp") == shell.good("plan", spec)
    assert counts(shell, "plan.fsp")["code"] == 0
    assert counts(shell, spec)["done"] == 0


def test_data_that_moved_since_the_lock_are_refused(shell: Shell) -> None:
    spec = small_fleet(shell, NAMES)
    write_prices(shell.folder / "bars.csv", NAMES, 420, seed=6)
    answer = shell("apply", spec, "--yes", "--executor", "inline")
    assert answer.code == 5
    assert "fleetspec lock" in answer.err


def test_later_bars_do_not_matter_until_they_are_locked(shell: Shell) -> None:
    spec = small_fleet(shell, NAMES)
    with (shell.folder / "bars.csv").open("a") as file:
        file.writelines(f"{name},2026-01-02,100.0,5000\n" for name in NAMES)
    assert counts(shell, spec)["code"] == 0


POISON = {
    "nan": "no valid bars: all values are missing",
    "short": "5 bars, train needs 300",
    "flat": "constant",
}


@pytest.mark.parametrize(("limit", "code"), [("50%", 0), ("2%", 6)])
def test_a_poisoned_series_is_quarantined_and_the_rest_is_unharmed(shell: Shell, limit: str, code: int) -> None:
    spec = small_fleet(shell, [*NAMES, *POISON], limit=limit)
    summary = counts(shell, spec)
    assert summary["code"] == code
    assert "quarantined" in summary["err"]
    rows = json.loads(shell.good("results", spec, "--table", "quarantine", "--format", "json", "--limit", "500"))[
        "rows"
    ]
    for name, reason in POISON.items():
        reasons = {row["reason"] for row in rows if f"/{name}/" in row["address"] and row["task"] == "fit"}
        assert reasons, name
        assert all(reason in found for found in reasons), (name, reasons)
    assert {row["address"].split("/")[4] for row in rows} == set(POISON)
    kept = json.loads(shell.good("results", spec, "--format", "json", "--limit", "1000"))["rows"]
    assert {row["series"] for row in kept} == set(NAMES)


def test_a_backtest_is_stored_and_tested(shell: Shell) -> None:
    spec = small_fleet(shell, NAMES)
    assert counts(shell, spec, "--run", "backtest")["code"] == 0
    rows = json.loads(shell.good("results", spec, "--run", "backtest", "--format", "json", "--limit", "500"))["rows"]
    tested = [row for row in rows if row["metric"] == "kupiec_p_value"]
    # 420 bars, 300 to train: 120 bars follow the first origin, each of the 4 series is tested at 2 levels.
    assert len(tested) == 8
    assert {row["n"] for row in tested} == {120}
    assert all(0 <= row["value"] <= 1 for row in tested)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_what_stops_the_driver_loses_nothing(shell: Shell, how: signal.Signals) -> None:
    spec = small_fleet(shell, [f"S{number:02d}" for number in range(60)])
    arguments = ("apply", spec, "--yes", "--executor", "inline", "--run", "backtest", "--format", "json")
    command = shell.command(*arguments)
    process = subprocess.Popen(
        command, cwd=shell.folder, env=shell.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    ledger = shell.folder / ".fleetspec" / "small" / "ledger"
    while process.poll() is None and len(list(ledger.glob("[!.]*.parquet"))) < 2:
        time.sleep(0.02)
    assert process.poll() is None, "the run ended before it could be stopped"
    process.send_signal(how)
    process.communicate()
    assert process.returncode == (130 if how is signal.SIGINT else -signal.SIGKILL)
    stored = sum(pq.read_metadata(path).num_rows for path in ledger.glob("[!.]*.parquet"))
    after = counts(shell, spec, "--run", "backtest")
    assert after["code"] == 0
    assert after["reused"] == stored > 0
    assert after["done"] == after["jobs"] - stored
    evaluations = json.loads(shell.good("results", spec, "--run", "backtest", "--format", "json", "--limit", "10000"))
    addresses = [(row["address"], row["metric"], row["horizon"], row["level"]) for row in evaluations["rows"]]
    assert len(addresses) == len(set(addresses)), "something was done twice"


def test_the_same_fleet_gives_the_same_results_in_another_store(
    shell: Shell, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spec = small_fleet(shell, NAMES)
    counts(shell, spec)
    other = Shell(tmp_path_factory.mktemp("other"))
    small_fleet(other, NAMES)
    counts(other, spec)
    for where in (shell, other):
        where.good("results", spec, "--table", "forecasts", "--out", "all.parquet")
    first, second = (pq.read_table(where.folder / "all.parquet") for where in (shell, other))
    # As text, since a level that does not apply is NaN, which equals nothing.
    assert repr(first.to_pylist()) == repr(second.to_pylist())
    assert len(first) > 0


def test_the_forecast_of_the_stored_fit_is_the_stored_forecast(shell: Shell) -> None:
    """Oracle: the one-bar variance of a GARCH(1,1) written out from the stored estimates and the file's prices."""
    spec = small_fleet(shell, NAMES[:1])
    counts(shell, spec)
    fit = json.loads(shell.good("results", spec, "family:garch", "--table", "fits", "--format", "json"))["rows"][0]
    rows = json.loads(shell.good("results", spec, "family:garch", "--format", "json"))["rows"]
    stored = next(row["value"] for row in rows if row["quantity"] == "variance" and row["horizon"] == 1)
    prices = [float(line.split(",")[2]) for line in (shell.folder / "bars.csv").read_text().splitlines()[1:]]
    returns = 100 * np.diff(np.log(prices))[420 - 300 :]
    at = fit["estimates"]
    residuals = returns - at["mu"]
    weights = 0.94 ** np.arange(75)
    variance = (residuals[:75] ** 2 * weights).sum() / weights.sum()
    variance = at["omega"] + (at["alpha[1]"] + at["beta[1]"]) * variance
    for residual in residuals:
        following = at["omega"] + at["alpha[1]"] * residual**2 + at["beta[1]"] * variance
        variance = following
    assert stored == pytest.approx(variance / 100**2, rel=1e-6)


def test_nothing_is_written_outside_the_store(shell: Shell) -> None:
    spec = small_fleet(shell, NAMES[:1])
    before = {path.name for path in Path(shell.folder).iterdir()}
    counts(shell, spec, "--store", "elsewhere")
    assert {path.name for path in Path(shell.folder).iterdir()} == before | {"elsewhere"}
