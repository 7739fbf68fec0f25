"""`fmt` and `schema` on the command line: what is written, what is said, and the exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
UNTIDY, TIDY = "a:   {b:  'c'}  # d\n", "a: {b: c}  # d\n"


def fleetspec(*arguments: str, folder: Path, stdin: bytes = b"") -> tuple[int, str, str]:
    command = [sys.executable, "-m", "fleetspec", *arguments]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80"}
    done = subprocess.run(command, cwd=folder, env=environment, input=stdin, capture_output=True)
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "untidy.yaml").write_text(UNTIDY)
    (tmp_path / "tidy.yaml").write_text(TIDY)
    (tmp_path / "broken.yaml").write_text("a: {b: c\n")
    return tmp_path


def test_files_are_written_and_named(folder: Path) -> None:
    assert fleetspec("fmt", "untidy.yaml", "tidy.yaml", folder=folder) == (0, "untidy.yaml changed\n", "")
    assert (folder / "untidy.yaml").read_text() == TIDY
    assert fleetspec("fmt", "untidy.yaml", "tidy.yaml", folder=folder) == (0, "", "")


def test_check_writes_nothing(folder: Path) -> None:
    assert fleetspec("fmt", "--check", "untidy.yaml", "tidy.yaml", folder=folder) == (
        1,
        "untidy.yaml would change\n",
        "",
    )
    assert (folder / "untidy.yaml").read_text() == UNTIDY
    assert fleetspec("fmt", "--check", "tidy.yaml", folder=folder) == (0, "", "")


def test_diff_writes_nothing(folder: Path) -> None:
    code, out, _ = fleetspec("fmt", "--diff", "untidy.yaml", "tidy.yaml", folder=folder)
    assert code == 0
    assert out.splitlines() == [
        *("--- untidy.yaml", "+++ untidy.yaml (fmt)", "@@ -1 +1 @@"),
        *("-" + UNTIDY.rstrip(), "+" + TIDY.rstrip()),
    ]
    assert (folder / "untidy.yaml").read_text() == UNTIDY
    assert fleetspec("fmt", "--check", "--diff", "untidy.yaml", folder=folder)[:2] == (1, out)


def test_a_file_that_cannot_be_read_is_left_and_the_others_are_not(folder: Path) -> None:
    code, out, said = fleetspec("fmt", "broken.yaml", "untidy.yaml", "none.yaml", folder=folder)
    assert (code, out) == (1, "untidy.yaml changed\n")
    assert "error[FS006]" in said
    assert "broken.yaml:" in said
    assert "error[FS001]" in said
    assert (folder / "broken.yaml").read_text() == "a: {b: c\n"


def test_what_cannot_be_laid_out_is_left(folder: Path) -> None:
    text = "? " + "k" * 2000 + "\n: v\n"
    (folder / "long.yaml").write_text(text)
    code, out, said = fleetspec("fmt", "long.yaml", folder=folder)
    assert (code, out) == (1, "")
    assert "long.yaml is left as it is" in said
    assert (folder / "long.yaml").read_text() == text


def test_stdin_to_stdout(folder: Path) -> None:
    assert fleetspec("fmt", "-", folder=folder, stdin=UNTIDY.encode()) == (0, TIDY, "")
    assert fleetspec("fmt", "-", "--check", folder=folder, stdin=UNTIDY.encode())[0] == 1
    code, out, said = fleetspec("fmt", "-", folder=folder, stdin=b"a: \xff\n")
    assert (code, out) == (1, "")
    assert "error[FS002]" in said
    assert fleetspec("fmt", folder=folder)[0] == 64


def test_a_link_stays_a_link(folder: Path) -> None:
    (folder / "link.yaml").symlink_to("untidy.yaml")
    assert fleetspec("fmt", "link.yaml", folder=folder)[0] == 0
    assert (folder / "link.yaml").is_symlink()
    assert (folder / "untidy.yaml").read_text() == TIDY


def test_schema_is_printed_or_written(folder: Path) -> None:
    code, out, said = fleetspec("schema", folder=folder)
    assert (code, said) == (0, "")
    assert json.loads(out)["$id"] == "urn:fleetspec:v1:fleet"
    assert fleetspec("schema", "--kind", "defaults", "--out", "new/d.json", folder=folder)[0] == 0
    assert json.loads((folder / "new" / "d.json").read_text())["$id"] == "urn:fleetspec:v1:defaults"
    assert fleetspec("schema", "--kind", "plan", folder=folder)[0] == 64


EXAMPLES = sorted((ROOT / "specs").rglob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_formatted(path: Path) -> None:
    assert fleetspec("fmt", "--check", str(path), folder=ROOT) == (0, "", ""), "run `fleetspec fmt specs/*.yaml`"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_names_its_schema(path: Path) -> None:
    kind = yaml.safe_load(path.read_text()).get("kind")
    if kind is None:
        # A list of signals or members beside a spec.
        assert "apiVersion" not in path.read_text()
        return
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    named = json.loads((path.parent / first.partition("=")[2]).read_text())
    assert named["$id"] == f"urn:fleetspec:v1:{kind.lower()}"
