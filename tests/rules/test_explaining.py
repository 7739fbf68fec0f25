"""What a code means: on the command line, and on the pages that are written from the rules."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fleetspec.rules import all_rules, rooms

PAGES = Path(__file__).resolve().parents[2] / "docs" / "rules"


def explain(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fleetspec", "explain", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def rendered() -> dict[str, str]:
    place = importlib.util.spec_from_file_location("generate", PAGES / "generate.py")
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module.pages()


@pytest.mark.parametrize("code", ["FS201", "fs201"])
def test_a_code(code: str) -> None:
    answer = explain(code)
    (rule,) = [rule for rule in all_rules() if rule.code == "FS201"]
    assert answer.returncode == 0
    lines = answer.stdout.splitlines()
    assert lines[0] == f"error[FS201]: {rule.title}"
    assert [f"    {rule.bad}", f"    {rule.good}"] == [line for line in lines if line.startswith("    ")]


def test_a_warning_of_several_lines_keeps_them() -> None:
    (rule,) = [rule for rule in all_rules() if rule.code == "FS226"]
    answer = explain("FS226")
    assert answer.stdout.startswith("warning[FS226]: ")
    first, second = rule.bad.split("\n")
    assert f"    {first}\n    {second}\n" in answer.stdout


def test_a_code_as_json_and_as_markdown() -> None:
    (rule,) = [rule for rule in all_rules() if rule.code == "FS005"]
    assert json.loads(explain("FS005", "--format", "json").stdout) == rule.to_json()
    assert f"```\n{rule.bad}\n```" in explain("FS005", "--format", "markdown").stdout


@pytest.mark.parametrize(
    ("code", "way_out"), [("FS2011", "did you mean 'FS2"), ("nothing", "`fleetspec explain` lists all codes")]
)
def test_an_unknown_code(code: str, way_out: str) -> None:
    answer = explain(code)
    assert (answer.returncode, answer.stdout) == (64, "")
    assert f"no code '{code}'" in answer.stderr
    assert way_out in answer.stderr


def test_without_a_code_all_are_listed_room_by_room() -> None:
    answer = explain("--format", "json")
    told = json.loads(answer.stdout)["rooms"]
    assert [room["name"] for room in told] == [
        *("reading", "shape", "meaning", "meaning_models", "meaning_operation", "data", "pricing", "changing"),
        *("capacity", "manifests", "evaluation"),
        *("lint_schema", "lint_operator", "lint_kueue", "lint_pods", "lint_traps", "running"),
        "calibration",
        *("revisions", "forges", "policies", "cluster"),
    ]
    assert sorted(rule["code"] for room in told for rule in room["rules"]) == [rule.code for rule in all_rules()]
    text = explain().stdout
    assert all(f"\n{rule.code}  " in text for rule in all_rules())


def test_every_room_says_what_it_is_about() -> None:
    for room in rooms():
        assert room.about.endswith(".")
        assert {f"{rule.code[:3]}xx" for rule in room.rules} == {room.span}


def test_the_pages_are_what_the_rules_say() -> None:
    committed = {page.name: page.read_text() for page in PAGES.glob("*.md")}
    assert committed == rendered(), "run `make rules` and commit what it writes"


def test_every_rule_has_its_place_on_a_page() -> None:
    texts = rendered()
    for room in rooms():
        page = texts[f"{room.name}.md"]
        assert all(f"\n### {rule.code}" in page and f"```\n{rule.good}\n```" in page for rule in room.rules)
        assert f"]({room.name}.md)" in texts["README.md"]
