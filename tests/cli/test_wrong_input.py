"""What a person gets wrong ends in one clear finding and the right exit code, never in a traceback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).resolve().parents[1] / "language" / "cases"


def fleetspec(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fleetspec", *arguments]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("alias-bomb", "FS010"),
        ("cyclic-extends", "FS016"),
        ("deadline-before-start", "FS219"),
        ("duplicate-key", "FS008"),
        ("missing-unit", "FS103"),
        ("pool-with-both-prices", "FS214"),
        ("pool-without-price", "FS214"),
        ("tab-as-indentation", "FS005"),
        ("tags", "FS009"),
        ("unknown-family", "FS202"),
        ("unknown-key", "FS101"),
        ("wrong-indentation", "FS006"),
    ],
)
def test_a_wrong_spec(case: str, code: str) -> None:
    answer = fleetspec("validate", f"{case}.yaml", folder=CASES)
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert f"error[{code}]" in answer.stderr
    assert ".yaml:" in answer.stderr
    assert "help: " in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("plna", "fleet.yaml"), 64, "did you mean 'plan'?"),
        (("plan",), 64, "Missing argument"),
        (("plan", "fleet.yaml", "--run", "weekly"), 64, "nightly"),
        (("plan", "fleet.yaml", "--session", "tomorrow"), 64, "year-month-day"),
        (("plan", "fleet.yaml", "--colour"), 64, "No such option"),
        (("plan", "."), 64, "name the spec file in it"),
        (("plan", "nowhere.yaml"), 1, "nowhere.yaml"),
        (("plan", "fleet.yaml"), 1, "fleetspec lock fleet.yaml"),
        (("plan", "fleet.lock"), 64, "name the spec that it lies beside: fleet.yaml"),
        (("plan", "fleet.yaml", "--base", "main.yaml"), 64, "'main.yaml' does not exist"),
        (("show", "fleet.yaml"), 64, "name a model"),
        (("show", "nowhere.fsp"), 1, "name a file that is there"),
        (("init", "nowhere.csv"), 1, "nowhere.csv"),
        (("init",), 64, "--force"),
    ],
)
def test_a_wrong_command(tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    assert fleetspec("init", folder=tmp_path).returncode == 0
    if arguments[0] == "init" and len(arguments) > 1:
        (tmp_path / "fleet.yaml").unlink()
    answer = fleetspec(*arguments, folder=tmp_path)
    assert answer.returncode == code, answer.stderr
    assert words in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_address_that_is_not_there(tmp_path: Path) -> None:
    fleetspec("init", folder=tmp_path)
    fleetspec("lock", "fleet.yaml", folder=tmp_path)
    answer = fleetspec("show", "fleet.yaml", "my-fleet/main/vol/garhc/syn0001/_", folder=tmp_path)
    assert answer.returncode == 1
    assert "garch" in answer.stderr


def test_a_plan_over_budget_says_what_would_do(tmp_path: Path) -> None:
    fleetspec("init", folder=tmp_path)
    spec = tmp_path / "fleet.yaml"
    spec.write_text(spec.read_text().replace("nightly: 5 USD", "nightly: 0.0000001 USD"))
    fleetspec("lock", "fleet.yaml", folder=tmp_path)
    answer = fleetspec("plan", "fleet.yaml", folder=tmp_path)
    assert answer.returncode == 3
    assert "INFEASIBLE" in answer.stdout
    assert "error[FS304]" in answer.stderr
    assert "budget.nightly" in answer.stdout + answer.stderr


def test_nothing_is_said_on_stdout_but_the_answer(tmp_path: Path) -> None:
    import json

    fleetspec("init", folder=tmp_path)
    fleetspec("lock", "fleet.yaml", folder=tmp_path)
    for command in ("plan", "compile", "validate", "status"):
        answer = fleetspec(command, "fleet.yaml", "--format", "json", folder=tmp_path)
        assert answer.returncode == 0, answer.stderr
        json.loads(answer.stdout)


def test_color_only_where_it_is_wanted(tmp_path: Path) -> None:
    fleetspec("init", folder=tmp_path)
    assert "\x1b" not in fleetspec("validate", "fleet.yaml", folder=tmp_path).stdout


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = fleetspec("init", "--out", "file/fleet.yaml", folder=tmp_path)
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert "file" in answer.stderr
    fleetspec("init", folder=tmp_path)
    fleetspec("lock", "fleet.yaml", folder=tmp_path)
    answer = fleetspec("plan", "fleet.yaml", "--out", "plans/tonight.fsp", folder=tmp_path)
    assert answer.returncode == 1
    assert re.search(r"there is no folder '.*plans': make it, or name another place", answer.stderr)
