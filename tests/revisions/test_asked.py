"""What arguments mean: which are ranges, which are paths at a ref, and where paths start."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetspec.revisions.asked import AtRef, Between, at_ref, between, from_top, is_below


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("main..HEAD", Between("main", "HEAD", False)),
        ("main...HEAD", Between("main", "HEAD", True)),
        ("main..", Between("main", "HEAD", False)),
        ("..topic", Between("HEAD", "topic", False)),
        ("v1.0..v1.1", Between("v1.0", "v1.1", False)),
        ("origin/main...feature/x", Between("origin/main", "feature/x", True)),
        ("HEAD~2..HEAD^", Between("HEAD~2", "HEAD^", False)),
        ("../fleet.yaml", None),
        ("specs/../fleet.yaml", None),
        ("../../specs", None),
        ("..", None),
        (".", None),
        ("fleet.yaml", None),
        ("main:specs/../fleet.yaml", None),
    ],
)
def test_ranges(text: str, asked: Between | None) -> None:
    assert between(text) == asked


def test_a_file_of_that_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a..b", "a:b.yaml"):
        (tmp_path / name).write_text("")
    assert between("a..b") is None
    assert at_ref("a:b.yaml") is None


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("main:specs/prod.yaml", AtRef("main", "specs/prod.yaml")),
        ("HEAD~1:./prod.yaml", AtRef("HEAD~1", "./prod.yaml")),
        ("main:", AtRef("main", "")),
        ("prod.yaml", None),
        (":prod.yaml", None),
        ("C:\\specs\\prod.yaml", None),
    ],
)
def test_paths_at_a_ref(text: str, asked: AtRef | None) -> None:
    assert at_ref(text) == asked


@pytest.mark.parametrize(
    ("path", "here", "found"),
    [
        ("prod.yaml", False, "prod.yaml"),
        ("./prod.yaml", False, "specs/prod.yaml"),
        ("../prod.yaml", False, "prod.yaml"),
        ("prod.yaml", True, "specs/prod.yaml"),
        (".", True, "specs"),
        ("..", True, ""),
        ("", False, ""),
        ("eu/", True, "specs/eu"),
    ],
)
def test_where_paths_start(path: str, here: bool, found: str) -> None:
    assert from_top(path, "specs/", here=here) == found


def test_what_is_below() -> None:
    assert is_below("specs/a.yaml", [])
    assert is_below("specs/a.yaml", [""])
    assert is_below("specs/a.yaml", ["specs"])
    assert is_below("specs/a.yaml", ["other", "specs/a.yaml"])
    assert not is_below("specs-old/a.yaml", ["specs"])
