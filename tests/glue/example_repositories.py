"""A repository made of an example, with a branch that edits its spec, and an ``origin`` that both are pushed to."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    calm = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, text=True, env={**os.environ, **calm}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def repository(example: str, folder: Path) -> Path:
    """The example as a clone of a bare repository, on the branch ``topic``, one commit after ``main``."""
    folder.mkdir(parents=True)
    origin, clone = folder / "origin.git", folder / "fleets"
    git(folder, "init", "-q", "--bare", "-b", "main", str(origin))
    shutil.copytree(ROOT / "examples" / example, clone)
    git(clone, "init", "-q", "-b", "main")
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "start")
    git(clone, "remote", "add", "origin", str(origin))
    git(clone, "push", "-q", "origin", "main")
    git(clone, "checkout", "-qb", "topic")
    edit(clone, "refit: 5 sessions", "refit: 5 sessions, params: {distribution: normal}")
    git(clone, "push", "-q", "origin", "topic")
    return clone


def edit(clone: Path, before: str, after: str) -> None:
    spec = clone / "specs" / "night.yaml"
    text = spec.read_text()
    assert text.count(before) == 1, before
    spec.write_text(text.replace(before, after))
    git(clone, "commit", "-qam", "edit")
