"""Text becomes exactly one YAML scalar, missing names are errors, and templates are found however it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import jinja2
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fleetspec.renderer import environment
from fleetspec.renderer.environment import block, quoted, render_template, scalar, template_texts

ROOT = Path(__file__).resolve().parents[2]
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


@given(TEXTS)
def test_a_quoted_text_reads_back(text: str) -> None:
    """Oracle: PyYAML's reader, alone and inside a map inside a list."""
    assert "\n" not in quoted(text)
    assert yaml.safe_load(quoted(text)) == text
    assert yaml.safe_load(f"- {{a: {quoted(text)}, {quoted(text)}: 1}}") == [{"a": text, text: 1}] or text == "a"


@given(st.lists(TEXTS, max_size=5).map("\n".join), st.booleans())
def test_a_block_reads_back(text: str, ended: bool) -> None:
    text += "\n" * ended
    assert yaml.safe_load(f"a:\n  b: {block(text, 4)}\n  c: 1\n") == {"a": {"b": text, "c": 1}}


def test_an_ordinary_text_is_a_readable_block() -> None:
    assert block("a: 1\n\n  b: 2\n", 2) == "|\n  a: 1\n\n    b: 2"


@pytest.mark.parametrize("text", ["a", "a\n\n", " a\n", "\na\n", "a\tb\n", "a\r\n", "a\n  \nb\n", "", "\n"])
def test_a_text_that_a_block_would_change_is_quoted(text: str) -> None:
    assert block(text, 2) == quoted(text)


def test_a_lone_surrogate_cannot_be_written() -> None:
    with pytest.raises(UnicodeEncodeError):
        quoted("\ud800")


def test_scalars_of_a_template() -> None:
    assert [scalar(value) for value in ("a b", 7, True, False)] == ['"a b"', "7", "true", "false"]
    for value in (None, 1.5, ["a"], {"a": 1}):
        with pytest.raises(TypeError):
            scalar(value)


def test_a_name_that_is_missing_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="job"):
        render_template("kustomization.yaml.j2", {"resources": []})
    with pytest.raises(jinja2.UndefinedError, match="namespace"):
        render_template("kustomization.yaml.j2", {"resources": [], "job": {}})


def test_every_template_is_listed_and_used() -> None:
    folder = ROOT / "templates"
    found = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert sorted(found) == sorted(environment.TEMPLATES)
    whole = "".join(template_texts().values())
    assert all(f'"{name}"' in whole for name in environment.TEMPLATES if name.startswith("_"))


def test_templates_of_somebody_else_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "fleetspec"
    package.mkdir(parents=True)
    (package.parent / "templates").mkdir()
    monkeypatch.setattr(environment, "files", lambda name: package)
    with pytest.raises(FileNotFoundError):
        template_texts()


PROBE = """
import fleetspec, sys
from fleetspec.renderer import environment
print(fleetspec.__file__)
sys.stdout.write("".join(environment.template_texts()[name] for name in environment.TEMPLATES))
"""


def probe(path: str) -> tuple[str, str]:
    """Where the package is, and the templates it finds, in a fresh interpreter that sees ``path`` first."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    place, _, texts = done.stdout.partition("\n")
    return place, texts


def test_templates_are_found_in_a_checkout_and_in_a_wheel(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="NO WHEEL WAS BUILT: hatchling is absent")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / done.stdout.split()[-1]) as wheel:
        assert not [name for name in wheel.namelist() if name.startswith(("templates/", "tests/"))]
        wheel.extractall(tmp_path / "installed")
    expected = "".join((ROOT / "templates" / name).read_text() for name in environment.TEMPLATES)
    for path in (ROOT, tmp_path / "installed"):
        place, texts = probe(str(path))
        assert Path(place).is_relative_to(path)
        assert texts == expected
