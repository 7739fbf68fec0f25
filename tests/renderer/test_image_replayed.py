"""The Dockerfile without a daemon: its RUN lines by a shell whose tools note what they are asked for, its COPYs in a
folder of their own, and from what was copied the package, built and started as the image starts it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("apt-get", "groupadd", "pip", "python", "rm", "useradd")
NOTE = """#!/bin/sh
printf '%s' "$(basename "$0")" >> "$NOTES"
for a in "$@"; do printf '\\037%s' "$a" >> "$NOTES"; done
echo >> "$NOTES"
"""


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "docker" / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def copied(folder: Path) -> None:
    """What the build stage copies out of its context, which .dockerignore keeps small."""
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for word, rest in instructions():
        if word != "COPY" or rest.startswith("--from"):
            continue
        *sources, target = rest.split()
        for source in sources:
            assert source in kept, f"{source} is not in the context"
            place = folder / (source if target in ("./", ".") else target)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
            else:
                shutil.copy(ROOT / source, place)


def run_lines(folder: Path, **arguments: str) -> list[list[str]]:
    """What the tools of the RUN lines are asked for, in order, by name and arguments. /opt and /var are below
    ``folder``."""
    tools, notes = folder / "opt" / "fleetspec" / "bin", folder / "notes"
    tools.mkdir(parents=True)
    for name in TOOLS:
        (tools / name).write_text(NOTE)
        (tools / name).chmod(0o755)
    environment = {"PATH": f"{tools}:/usr/bin:/bin", "NOTES": str(notes), **arguments}
    for word, rest in instructions():
        if word == "RUN":
            line = rest.replace("/opt/", f"{folder}/opt/").replace("/var/", f"{folder}/var/")
            run = subprocess.run(["sh", "-ec", line], cwd=folder, env=environment, capture_output=True, text=True)
            assert run.returncode == 0, (rest, run.stderr)
    return [line.split("\037") for line in notes.read_text().splitlines()]


def test_run_lines_ask_for_the_pinned_releases(tmp_path: Path) -> None:
    copied(tmp_path)
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    asked = run_lines(tmp_path, TORCH_INDEX="")
    assert [words for words in asked if words[0] == "pip"] == [
        ["pip", "install", f"torch=={pins['torch']}"],
        ["pip", "install", "-c", "constraints.txt", "ray[default]"],
        ["pip", "install", "-c", "constraints.txt", ".[all]"],
    ]
    assert ["python", "-m", "venv", f"{tmp_path}/opt/fleetspec"] == asked[0]
    assert ["useradd", "--uid", "10001", "--gid", "10001", "--create-home", "fleetspec"] in asked
    assert [words[0] for words in asked].index("groupadd") < [words[0] for words in asked].index("useradd")


def test_another_index_of_torch_is_one_argument(tmp_path: Path) -> None:
    copied(tmp_path)
    asked = run_lines(tmp_path, TORCH_INDEX="https://example.com/a b?c=d&e")
    assert asked[1][:4] == ["pip", "install", "--index-url", "https://example.com/a b?c=d&e"]
    assert asked[1][4].startswith("torch==")
    assert [words for words in asked[2:] if "--index-url" in words] == []


def test_what_is_copied_is_a_package_that_starts(tmp_path: Path) -> None:
    """The last pip line on the copied files alone, without what it depends on, which is here already; then the CMD."""
    pytest.importorskip("hatchling", reason="THE IMAGE'S PACKAGE WAS NOT BUILT: hatchling is absent")
    source, site = tmp_path / "src", tmp_path / "site"
    source.mkdir()
    copied(source)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--target", str(site)]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", *options, "."]
    made = subprocess.run(pip, cwd=source, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert not [path for path in site.rglob("*") if fnmatch(path.name, "*.so")]
    ((_, command),) = [each for each in instructions() if each[0] == "CMD"]
    start = [sys.executable, *json.loads(command)[1:]]
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    started = subprocess.run(start, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (started.returncode, started.stderr) == (0, "")
    assert "fleetspec" in started.stdout
    # The launcher renders inside the image: its templates come along.
    look = "import fleetspec, fleetspec.renderer.environment as e; print(fleetspec.__file__, len(e.template_texts()))"
    seen = subprocess.run([sys.executable, "-c", look], cwd=tmp_path, env=environment, capture_output=True, text=True)
    path, count = seen.stdout.split()
    assert Path(path).is_relative_to(site)
    assert int(count) > 20
