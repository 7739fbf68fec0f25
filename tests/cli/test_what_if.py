"""``plan --what-if`` and ``plan --frontier`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_given import SPEC, fleetspec


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("what-if")
    (made / "fleet.yaml").write_text(SPEC)
    assert fleetspec(made, "lock", "fleet.yaml").returncode == 0
    return made


def test_the_plan_with_another_value_beside_the_plan(folder: Path) -> None:
    before = (folder / "fleet.yaml").read_text()
    answer = fleetspec(
        folder, "plan", "fleet.yaml", "--what-if", "hardware.laptop.price=0.30 USD/h", "--format", "json"
    )
    assert answer.returncode == 0, answer.stderr
    data = json.loads(answer.stdout)
    assert data["head"]["cost_usd"] == pytest.approx(3 * data["base"]["cost_usd"])
    assert data["jobs_to_run"] == 0
    assert [(one["route"], one["base"], one["head"]) for one in data["settings"]] == [
        ("hardware.laptop.price", "0.10 USD/h", "0.30 USD/h")
    ]
    assert (folder / "fleet.yaml").read_text() == before


def test_several_values_count_together_and_may_make_it_infeasible(folder: Path) -> None:
    answer = fleetspec(
        folder, "plan", "fleet.yaml", "--what-if", "budget.nightly=0.0001 USD", "--what-if",
        "hardware.laptop.price=90000 USD/h",
    )  # fmt: skip
    assert answer.returncode == 3
    assert "infeasible" in answer.stdout
    assert "FS304" in answer.stderr


def test_a_value_may_refer_to_a_var(folder: Path) -> None:
    answer = fleetspec(folder, "plan", "fleet.yaml", "--what-if", "budget.nightly=${var.nightly}", "--format", "json")
    assert answer.returncode == 0, answer.stderr
    assert not json.loads(answer.stdout)["changes"]


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ("hardware.labtop.max=3", 1, "error[FS040]: hardware has no map 'labtop'"),
        ("hardware.laptop.mx=3", 1, "'mx' is not a key of hardware.laptop"),
        ("hardware.laptop.max=many", 1, "--what-if hardware.laptop.max:3:12"),
        ("name.first=x", 1, "the spec has no map 'name' to change something in"),
        ("hardware.laptop.max", 64, "write --what-if route=value"),
        ("=3", 64, "write --what-if route=value"),
        ("hardware.laptop.max=[", 1, "error[FS0"),
    ],
)
def test_a_wrong_change_is_told_at_its_place(folder: Path, change: str, code: int, told: str) -> None:
    answer = fleetspec(folder, "plan", "fleet.yaml", "--what-if", change)
    assert (answer.returncode, answer.stdout) == (code, "")
    assert told in answer.stderr


def test_cost_against_deadline(folder: Path) -> None:
    answer = fleetspec(folder, "plan", "fleet.yaml", "--frontier")
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    assert "(the spec's)" in answer.stdout
    assert all(len(line) <= 80 for line in answer.stdout.splitlines())
    data = json.loads(fleetspec(folder, "plan", "fleet.yaml", "--frontier", "--format", "json").stdout)
    assert [p["asked"] for p in data["points"]][-1]


def test_one_answer_at_a_time(folder: Path) -> None:
    answer = fleetspec(folder, "plan", "fleet.yaml", "--frontier", "--out", "night.fsp")
    assert answer.returncode == 64
    assert "three answers" in answer.stderr
