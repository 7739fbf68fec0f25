"""Files that are large, deep, repetitive, linked in circles or not text: one clear error each, and work in proportion.

Nothing here measures time. Where a limit did not hold, a case would take hours or all memory.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleetspec.compiler import document as reader
from fleetspec.compiler.compose import MAX_MENTIONS, compose
from fleetspec.compiler.document import MAX_BYTES, MAX_FAULTS, parse
from fleetspec.compiler.given import NOTHING, Given
from fleetspec.compiler.references import MAX_TEXT
from fleetspec.diagnostics import Report, Source

DEFAULTS = "apiVersion: fleetspec/v1\nkind: Defaults\n"
FLEET = "apiVersion: fleetspec/v1\nkind: Fleet\n"


def told(path: Path, given: Given = NOTHING) -> list[tuple[str, str]]:
    report = Report()
    assert compose(path, report, given) is None
    for finding in report:
        assert finding.help, finding.message
        assert finding.to_json()
    return [(finding.rule.code, finding.message) for finding in report]


def codes(text: str) -> list[str]:
    report = Report()
    assert parse(Source("fleet.yaml", text), report) is None
    return [finding.rule.code for finding in report]


@pytest.mark.parametrize(
    "text",
    [
        "a: [" + "x," * 1000 + "]",
        "a:\n" + "- {}\n" * 1000,
        "".join(f"k{n}: 1\n" for n in range(500)),
        "a:\n" + "- &b x\n" * 1000,
        "a: &b [" + "x," * 499 + "]\nc: *b",
    ],
    ids=["flow", "block", "keys", "anchors", "aliases"],
)
def test_more_values_than_the_bound_are_data(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(reader, "MAX_VALUES", 1000)
    assert codes(text) == ["FS004"]


def test_values_up_to_the_bound_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_VALUES", 1000)
    text = "a: [" + ",".join("x" * 997) + "]"
    report = Report()
    document = parse(Source("fleet.yaml", text), report)
    assert document is not None
    assert len(document.value["a"]) == 997
    assert codes(text.replace("]", ",x]")) == ["FS004"]


@pytest.mark.parametrize("line", ["a: 1\n", "a: *b\n", "? [x]\n: !x y\n"], ids=["keys", "aliases", "tags"])
def test_faults_are_told_up_to_a_bound(line: str) -> None:
    assert len(codes(line * 100_000)) == MAX_FAULTS


@pytest.mark.parametrize("sign", ["[", "{a: ", "- ", "? ", "&a [", "!x ["])
def test_however_deep_it_goes_one_level_too_many_is_told(sign: str) -> None:
    assert set(codes("a: " * (sign == "[") + sign * 1_000_000)) <= {"FS006", "FS007", "FS009", "FS014"}


def test_an_endless_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    with path.open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)
    assert told(path) == [("FS004", f"{path} is larger than 10 MB")]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no endless device here")
def test_a_device_and_a_pipe_are_no_files(tmp_path: Path) -> None:
    assert [code for code, _ in told(Path("/dev/zero"))] == ["FS001"]
    os.mkfifo(tmp_path / "pipe.yaml")
    assert [code for code, _ in told(tmp_path / "pipe.yaml")] == ["FS001"]


def test_small_files_that_are_large_together(tmp_path: Path) -> None:
    lines = DEFAULTS + "# " + "x" * (MAX_BYTES // 4) + "\n"
    for n in range(4):
        (tmp_path / f"{n}.yaml").write_text(lines)
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET + "extends: [0.yaml, 1.yaml, 2.yaml, 3.yaml]\n")
    assert told(path) == [("FS004", "the spec and what it extends are together larger than 10 MB")]


def test_a_chain_of_files_has_an_end(tmp_path: Path) -> None:
    for n in range(2 * MAX_MENTIONS):
        (tmp_path / f"{n}.yaml").write_text(DEFAULTS + f"extends: [{n + 1}.yaml]\n")
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET + "extends: [0.yaml]\n")
    assert [code for code, _ in told(path)] == ["FS024"]
    (tmp_path / f"{MAX_MENTIONS - 1}.yaml").write_text(DEFAULTS + "a: 1\n")
    assert compose(path, Report()) is not None


def test_links_that_lead_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET + "extends: [a.yaml]\n")
    assert [code for code, _ in told(path)] == ["FS001"]
    assert [code for code, _ in told(tmp_path / "a.yaml")] == ["FS001"]
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "dev.yaml").symlink_to("dev.yaml")
    path.write_text(FLEET)
    assert [code for code, _ in told(path, Given(profiles=("dev",)))] == ["FS001"]


def test_a_profile_is_no_way_out_of_the_repository(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    (inside / "profiles").mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text(DEFAULTS + "a: 1\n")
    (inside / "profiles" / "dev.yaml").symlink_to(tmp_path / "secret.yaml")
    (inside / "profiles" / "far.yaml").write_text(DEFAULTS + "extends: [../../secret.yaml]\n")
    (inside / "fleet.yaml").write_text(FLEET)
    for name in ("dev", "far"):
        assert [code for code, _ in told(inside / "fleet.yaml", Given(profiles=(name,)))] == ["FS017"]
    (inside / "profiles" / "dev.yaml").unlink()
    (inside / "profiles" / "far.yaml").unlink()
    (inside / "profiles").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "dev.yaml").write_text(DEFAULTS + "a: 1\n")
    (inside / "profiles").symlink_to(tmp_path / "elsewhere")
    assert [code for code, _ in told(inside / "fleet.yaml", Given(profiles=("dev",)))] == ["FS017"]


@pytest.mark.parametrize("name", ["x" * 300 + ".yaml", "a/" * 3000 + "b.yaml", "", " ", "~/x.yaml", "..", "."])
def test_names_that_no_file_has(tmp_path: Path, name: str) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET + f'extends: ["{name}"]\n')
    assert len(told(path)) == 1


def test_vars_in_a_long_chain_and_vars_that_double(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    chain = "".join(f'  v{n}: {{type: text, default: "${{var.v{n + 1}}}"}}\n' for n in range(3_000))
    path.write_text(FLEET + "vars:\n" + chain + "  v3000: {type: text, default: end}\na: ${var.v0}\n")
    document = compose(path, Report())
    assert document is not None
    assert document.value["a"] == "end"
    circle = chain + '  v3000: {type: text, default: "${var.v0}"}\n'
    path.write_text(FLEET + "vars:\n" + circle)
    assert [code for code, _ in told(path)] == ["FS031"]
    double = "".join(f'  v{n}: {{type: text, default: "${{var.v{n + 1}}}${{var.v{n + 1}}}"}}\n' for n in range(60))
    path.write_text(FLEET + "vars:\n" + double + "  v60: {type: text, default: x}\n")
    assert {code for code, _ in told(path)} == {"FS037"}


def test_one_long_value_in_many_places(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    many = ", ".join(["*a"] * 400)
    path.write_text(FLEET + f'vars: {{v: {{type: text}}}}\na: &a ["${{var.v}}"]\nb: [{many}]\n')
    report = Report()
    assert compose(path, report, Given({"v": "x" * (MAX_TEXT - 1)})) is None
    assert {finding.rule.code for finding in report} == {"FS037"}
    assert len(report) <= MAX_FAULTS


def test_many_items_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(DEFAULTS + "l: [" + ",".join(f"a{n}" for n in range(5_000)) + "]\n")
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET + "extends: [base.yaml]\n-l: [" + ",".join(f"b{n}" for n in range(5_000)) + "]\n")
    assert len(told(path)) == 5
    path.write_text(FLEET + "extends: [base.yaml]\n-l: [" + ",".join(f"a{n}" for n in range(5_000)) + "]\n")
    document = compose(path, Report())
    assert document is not None
    assert document.value["l"] == []
