"""A placebo promotes no more than its rate, and the same path promotes what is really there."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fleetspec import pipeline
from fleetspec.cli import _root
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.lock import lock_path
from fleetspec.diagnostics import ExitCode, Rejected, Report
from fleetspec.placebo import Asked, _promoted, _summed, placebo
from fleetspec.runtime.worker import run_bundle

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: alphas
owner: me
data: {bars: {from: bars.csv, key: name, time: date, returns: r}}
universes: {main: {data: bars, calendar: XNYS, bar: 1 session}}
horizons: [1 bar]
features: {tech: [momentum(1), momentum(5), rsi(14), volatility(10)]}
models:
  alpha:
    {families: [ridge, lasso], target: return, features: tech, train: 250 bars, refit: 5 sessions,
     axes: {penalty: {weak: {params: {alpha: 0.0001}}, none: {params: {alpha: 0.00001}}}}}
fleet: [{universes: main, models: [alpha]}]
backtest: {scheme: walk-forward, models: [alpha], step: 50 bars, tests: [diebold_mariano], within: 1h}
gates: [{models: alpha, test: diebold_mariano, shows: better, fdr: 10%, min_obs: 100}]
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 1 USD}
hardware: {laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}}
"""


def write(folder: Path, memory: float) -> Path:
    """Six series in which a return is ``memory`` of the one before, and noise."""
    rng = np.random.default_rng(8)
    days = np.arange(np.datetime64("2018-01-01"), np.datetime64("2022-01-01"))
    days = days[np.is_busday(days)][:700]
    lines = ["name,date,r"]
    for name in "ABCDEF":
        value = 0.0
        for day in days:
            value = memory * value + 0.01 * rng.standard_t(5)
            lines.append(f"{name},{day},{value:.8f}")
    (folder / "bars.csv").write_text("\n".join(lines) + "\n")
    path = folder / "fleet.yaml"
    path.write_text(SPEC)
    return path


def promoted(path: Path) -> dict:
    """What is promoted on the data as they are."""
    around, report = pipeline.world(), Report()
    read = pipeline.read(path, around, report)
    lock_path(path).write_bytes(pipeline.lock(read, around).to_bytes())
    compiled = pipeline.compile(read, around, report, RunKind.BACKTEST)
    pipeline.run(pipeline.plan(compiled, around), path.parent / "store", "inline")
    return _promoted(path.parent / "store", compiled, "alpha", 0.10)


def test_what_is_there_is_promoted_and_its_placebo_is_not(tmp_path: Path) -> None:
    """24 models of series with memory: all pass; with the same rows shuffled, of ten draws no more than chance."""
    path = write(tmp_path, memory=0.35)
    real = promoted(path)
    assert (real["models"], real["tests"]) == (24, 24)
    assert real["promoted"] >= 20
    data = placebo(path, Asked(draws=10, seed=1), Report())
    (group,) = data["groups"]
    assert (group["group"], group["fdr"], group["draws"], group["tests"]) == ("alpha", 0.10, 10, 240)
    # More than 4 of 10 draws with a false promotion come in 1 of 600 cases at 10 %.
    assert group["draws_with_any"] <= 4
    assert group["promoted"] <= 0.1 * 240
    assert group["holds"]
    # The same seeds give the same draws.
    again = placebo(path, Asked(draws=1, seed=1), Report())
    assert again["draws"] == data["draws"][:1]


def test_a_rate_that_does_not_hold_is_told() -> None:
    binom = pytest.importorskip("scipy.stats").binom
    draws = [
        {"seed": n, "groups": [{"group": "a", "models": 5, "tests": 5, "promoted": int(n < 4), "below": 0.1}]}
        for n in range(20)
    ]
    summed = _summed("a", 0.05, draws)
    assert summed["chance"] == pytest.approx(binom.sf(3, 20, 0.05))
    assert not _summed("a", 0.02, draws)["holds"]
    assert summed["holds"]
    assert _summed("a", 0.05, [{"seed": 1, "groups": [draws[0]["groups"][0] | {"tests": 0}]}])["holds"] is False


def test_on_the_command_line(tmp_path: Path) -> None:
    path = write(tmp_path, memory=0.0)
    arguments = [
        "placebo",
        str(path),
        "--draws",
        "1",
        "--seed",
        "3",
        "--keep",
        str(tmp_path / "kept"),
        "--format",
        "json",
    ]
    done = CliRunner().invoke(_root, arguments)
    assert done.exit_code == ExitCode.OK, done.output
    data = json.loads(done.stdout)
    assert data["groups"][0]["tests"] == 24
    kept = tmp_path / "kept" / "placebo-3"
    assert {one.name for one in kept.iterdir()} >= {"bars.parquet", "fleet.yaml", "fleet.lock", "store"}
    assert not (tmp_path / ".fleetspec").exists()
    assert "no more is promoted" in CliRunner().invoke(_root, arguments[:-2]).output


def test_a_fleet_without_alphas_has_no_placebo(tmp_path: Path) -> None:
    path = write(tmp_path, memory=0.0)
    text = SPEC[: SPEC.index("models:")] + (
        "models: {vol: {family: garch, target: variance, train: 250 bars, refit: 5 sessions}}\n"
        "fleet: [{universes: main, models: [vol]}]\n"
        "backtest: {scheme: walk-forward, models: [vol], step: 50 bars, within: 1h}\n"
    )
    path.write_text(text + SPEC[SPEC.index("schedule:") :])
    with pytest.raises(Rejected) as caught:
        placebo(path, Asked(), Report())
    assert [found.rule.code for found in caught.value.report.errors] == ["FS417"]


def test_a_signal_ends_all_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM in the first bundle: no other is run, in this draw or the next, and nothing is said of promotions."""
    from fleetspec.runtime import executor

    path, ran = write(tmp_path, memory=0.0), []

    def stopped(*arguments, **named):
        ran.append(1)
        os.kill(os.getpid(), signal.SIGTERM)
        return run_bundle(*arguments, **named)

    monkeypatch.setattr(executor, "run_bundle", stopped)
    done = CliRunner().invoke(_root, ["placebo", str(path), "--draws", "3", "--format", "json"])
    assert done.exit_code == ExitCode.INTERRUPTED, done.output
    assert (len(ran), done.stdout) == (1, "")
    assert "without --keep nothing is kept" in done.stderr


def test_a_draw_whose_jobs_fail_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk or a lost machine leaves fewer models to judge, and silence would pass for the rate."""
    from fleetspec.runtime import executor

    def broken(*arguments, **named):
        raise ConnectionError("the machine is away")

    path = write(tmp_path, memory=0.0)
    monkeypatch.setattr(executor, "run_bundle", broken)
    with pytest.raises(Rejected) as caught:
        placebo(path, Asked(), Report())
    assert [found.rule.code for found in caught.value.report.errors] == ["FS512"]
