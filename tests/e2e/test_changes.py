"""From one spec to the next on the command line: what changes, what is deployed, and the run of a change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_fleet import SPEC, Shell, small_fleet, write_prices

NAMES = ["AAA", "BBB"]
RUN = ("--yes", "--executor", "inline", "-q")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A fleet of which the night is deployed. Tests add specs of their own beside it."""
    shell = Shell(tmp_path_factory.mktemp("deployed"))
    small_fleet(shell, NAMES)
    shell.good("apply", "fleet.yaml", *RUN)
    return shell


def head(shell: Shell, name: str, *edits: tuple[str, str]) -> str:
    """Another version of the spec, with the same lock."""
    text = SPEC.replace("LIMIT", "2%")
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    shell.write(f"{name}.yaml", text)
    shell.write(f"{name}.lock", (shell.folder / "fleet.lock").read_text())
    return f"{name}.yaml"


def answered(shell: Shell, *arguments: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(shell.good(*arguments, "--format", "json"))
    return data


def test_an_apply_records_what_is_deployed(deployed: Shell) -> None:
    (path,) = (deployed.folder / ".fleetspec" / "small" / "deployed").iterdir()
    assert path.name == "nightly.json"
    record = json.loads(path.read_text())
    assert record["lock"] == (deployed.folder / "fleet.lock").read_text()
    assert (record["run"], record["models"]) == ("nightly", 12)


def test_a_damaged_record_is_named(deployed: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "small" / "deployed"
    folder.mkdir(parents=True)
    (folder / "nightly.json").write_text("{")
    answer = deployed("diff", "fleet.yaml", "--store", str(tmp_path))
    assert answer.code == 1
    assert "FS508" in answer.err


def test_one_spec_is_compared_with_what_is_deployed(deployed: Shell) -> None:
    assert deployed("diff", "fleet.yaml", "--detailed-exitcode").code == 0
    text = deployed("diff", head(deployed, "owned", ("owner: me", "owner: you")), "--detailed-exitcode")
    assert text.code == 2
    assert "metadata: changes no result" in text.out
    assert "owned.yaml:4" in text.out


def test_a_reformatted_spec_is_no_change(deployed: Shell) -> None:
    name = head(deployed, "again", ("owner: me", '# who asks\nowner:   "me"'), ("within: 2h", "within: 120m"),
                ("[garch, gjr]", "[gjr, garch]"))  # fmt: skip
    for view in ("text", "markdown", "json"):
        answer = deployed("diff", "fleet.yaml", name, "--detailed-exitcode", "--format", view)
        assert answer.code == 0, answer.out
    assert not json.loads(answer.out)["changes"]


def test_a_change_runs_what_the_edit_makes_necessary(deployed: Shell) -> None:
    name = head(deployed, "tuned", ("features: tech, train: 300 bars", "features: tech, train: 250 bars"),
                ("budget: {nightly: 1 USD", "budget: {change: 2 USD, nightly: 1 USD"))  # fmt: skip
    deployed.good("lock", name)
    plan = answered(deployed, "plan", name, "--run", "change")["plan"]
    # 2 series at 2 horizons: fit and forecast.
    assert (plan["run"], plan["jobs"]) == ("change", 8)
    assert plan["budget_usd"] == 2.0
    assert plan["deadline_seconds"] == 86_400
    assert (
        answered(deployed, "plan", name, "--run", "change", "--base", "fleet.yaml", "--store", "none")["plan"]["jobs"]
        == 8
    )
    other = answered(deployed, "diff", "fleet.yaml", name)
    assert {one["task"]: one["needed"] for one in other["work"]} == {"fit": 4, "forecast": 4}
    assert "models.linear.train 300 bars → 250 bars (tuned.yaml:17)" in other["groups"][0]["reasons"][0]


def test_a_change_stays_on_the_data_of_what_is_deployed(shell: Shell) -> None:
    small_fleet(shell, NAMES)
    shell.good("apply", "fleet.yaml", *RUN)
    write_prices(shell.folder / "more.csv", ["CCC"], 420, seed=9)
    added = (shell.folder / "more.csv").read_text().splitlines()[1:]
    later = [f"{name},2026-01-0{day},100.{day},5000" for name in NAMES for day in range(5, 10)]
    with (shell.folder / "bars.csv").open("a") as file:
        file.write("\n".join([*added, *later]) + "\n")
    shell.write(
        "fleet.yaml", SPEC.replace("LIMIT", "2%").replace("features: tech, train: 300", "features: tech, train: 280")
    )
    shell.good("lock", "fleet.yaml")
    answer = shell("plan", "fleet.yaml", "--run", "change", "--out", "change.fsp", "--format", "json")
    assert answer.code == 0, answer.err
    # The series that is new has 2 + 2 variance, 2 value at risk and 2 + 2 linear jobs; the two others the linear ones.
    assert json.loads(answer.out)["plan"]["jobs"] == 10 + 8
    first = answered(shell, "apply", "change.fsp", *RUN)
    assert (first["kind"], first["done"], first["quarantined"]) == ("change", 18, 0)
    # What was changed is deployed now, on the data of that night.
    assert answered(shell, "plan", "fleet.yaml", "--run", "change")["plan"]["jobs"] == 0
    assert answered(shell, "apply", "fleet.yaml", "--run", "change", *RUN)["done"] == 0
    states = answered(shell, "diff", "fleet.yaml")
    assert states["groups"]
    assert all(group["changed"] == group["data"] for group in states["groups"])


def test_nothing_to_start_from_is_said(deployed: Shell) -> None:
    answer = deployed("plan", "fleet.yaml", "--run", "change", "--store", "none")
    assert answer.code == 1
    assert "FS295" in answer.err
    assert "--base main.yaml" in answer.err


def test_selectors_of_state_and_result(deployed: Shell) -> None:
    name = head(deployed, "more", ("families: [garch, gjr]", "families: [garch, gjr, egarch]"))

    def counted(*selector: str) -> dict[str, int]:
        (run,) = [run for run in answered(deployed, "status", name, *selector)["runs"] if run["kind"] == "nightly"]
        return {key: run[key] for key in ("jobs", "done", "missing")}

    assert counted("state:new") == {"jobs": 4, "done": 0, "missing": 4}
    assert counted("state:upstream", "--base", "fleet.yaml") == {"jobs": 4, "done": 0, "missing": 4}
    assert counted("+state:upstream") == {"jobs": 16, "done": 8, "missing": 8}
    assert counted("state:unchanged", "--exclude", "group:linear") == {"jobs": 8, "done": 8, "missing": 0}
    assert counted("result:missing,family:egarch") == {"jobs": 4, "done": 0, "missing": 4}
    assert counted("result:failed") == {"jobs": 0, "done": 0, "missing": 0}
    done = answered(deployed, "results", name, "result:done", "--exclude", "series:BBB", "--exclude", "group:vol")
    assert done["models"] == 2
    wrong = deployed("results", name, "state:nwe")
    assert wrong.code == 1
    assert "did you mean 'new'?" in wrong.err


def test_growth_beyond_the_limit_is_refused(deployed: Shell) -> None:
    limit = ("budget:", "limits: {growth: 1.1x}\nbudget:")
    name = head(deployed, "grown", ("horizons: [1 bar, 5 bars]", "horizons: [1 bar, 5 bars, 20 bars]"), limit)
    for command in (("plan", name), ("diff", "fleet.yaml", name)):
        answer = deployed(*command)
        assert answer.code == 1
        assert "FS291" in answer.err
        assert "main/linear: 2 series × 1 variant × 1 family × 3 horizons" in answer.err


def test_a_move_is_told_with_its_line(deployed: Shell) -> None:
    moved = ("hardware:\n", "moved: [{from: main/garch, to: main/vol}]\nhardware:\n")
    answer = deployed("diff", "fleet.yaml", head(deployed, "moved", moved))
    assert answer.code == 0
    assert "FS293" in answer.err
    assert "moved.yaml:23" in answer.err
