"""``--var`` and ``--profile`` on the command line: from the words of a command to what is compiled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: small
owner: research
vars:
  series: {type: int, default: 3, max: 9}
  train: {type: bars, default: 500 bars}
  nightly: {type: money, default: 5 USD}
data:
  market: {from: "synthetic:market", series: "${var.series}", length: 700 sessions, seed: 1}
universes:
  equities: {data: market, calendar: XNYS, bar: 1 session}
horizons: [1 bar]
models:
  vol: {family: garch, target: variance, train: "${var.train}", refit: 5 sessions}
fleet:
  - {universes: equities, models: vol}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: "${var.nightly}"}
hardware:
  laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1, boot: 0s}
"""
PROFILE = """\
apiVersion: fleetspec/v1
kind: Defaults
+horizons: [5 bars]
models:
  more: {family: gjr, target: variance, train: 500 bars, refit: 5 sessions}
+fleet: [{universes: equities, models: more}]
"""


def fleetspec(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fleetspec", *arguments]
    settings = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80", **environment}
    return subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spec with vars and profiles, locked as it is."""
    made = tmp_path_factory.mktemp("given")
    (made / "profiles").mkdir()
    (made / "fleet.yaml").write_text(SPEC)
    (made / "profiles" / "wide.yaml").write_text(PROFILE)
    answer = fleetspec(made, "lock", "fleet.yaml")
    assert answer.returncode == 0, answer.stderr
    return made


def jobs(folder: Path, *arguments: str, **environment: str) -> int:
    answer = fleetspec(folder, "compile", "fleet.yaml", "--format", "json", *arguments, **environment)
    assert answer.returncode == 0, answer.stderr
    count = json.loads(answer.stdout)["jobs"]
    assert isinstance(count, int)
    return count


def test_one_lock_serves_every_value_that_leaves_the_data_alone(folder: Path) -> None:
    assert jobs(folder) == 6
    assert jobs(folder, "--var", "nightly=9 USD") == 6
    assert jobs(folder, "--profile", "wide") == 12
    assert jobs(folder, "--profile", "wide", FLEETSPEC_VAR_nightly="7 USD") == 12


@pytest.mark.parametrize("var", ["series=4", "train=400 bars"])
def test_a_lock_of_other_data_or_windows_is_refused(folder: Path, var: str) -> None:
    answer = fleetspec(folder, "compile", "fleet.yaml", "--var", var)
    assert answer.returncode == 1
    assert "error[FS234]" in answer.stderr
    assert "fleetspec lock" in answer.stderr


def test_both_sides_of_a_diff_get_the_vars(folder: Path) -> None:
    same = ("diff", "fleet.yaml", "fleet.yaml", "--detailed-exitcode")
    assert fleetspec(folder, *same, "--profile", "wide", "--var", "nightly=7 USD").returncode == 0


def test_a_saved_plan_is_complete_and_takes_no_vars(folder: Path) -> None:
    saved = fleetspec(folder, "plan", "fleet.yaml", "--profile", "wide", "--out", "night.fsp")
    assert saved.returncode == 0, saved.stderr
    assert fleetspec(folder, "show", "night.fsp", FLEETSPEC_VAR_nightly="x").returncode == 0
    for command in (("show", "night.fsp"), ("apply", "night.fsp", "--yes"), ("render", "night.fsp", "--to", "out")):
        answer = fleetspec(folder, *command, "--var", "nightly=1 USD")
        assert (answer.returncode, answer.stdout) == (1, "")
        assert "error[FS038]" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--var", "nightly"), 64, "write --var name=value"),
        (("--var", "=5"), 64, "write --var name=value"),
        (("--var", "nightly=1 USD", "--var", "nightly=2 USD"), 64, "given twice"),
        (("--var", "nigthly=1 USD"), 1, "did you mean 'nightly'?"),
        (("--var", "series=10"), 1, "write 9 or less"),
        (("--profile", "wdie"), 1, "did you mean 'wide'?"),
        (("--profile", "../profiles/wide"), 1, "error[FS025]"),
    ],
)
def test_wrong_words(folder: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    answer = fleetspec(folder, "validate", "fleet.yaml", *arguments)
    assert answer.returncode == code
    assert words in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("command", ["validate", "lock", "compile", "plan", "status", "results", "show", "report"])
def test_every_command_that_reads_a_spec_takes_them(folder: Path, command: str) -> None:
    more = {"show": ["small/equities/vol/garch/syn0001/_"]}.get(command, [])
    answer = fleetspec(folder, command, "fleet.yaml", *more, "--var", "nobody=1", "--profile", "wide")
    assert answer.returncode == 1
    assert "error[FS026]" in answer.stderr
