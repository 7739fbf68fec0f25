"""Files are whole, whoever else writes them at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetspec.files import stage, write_atomically


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    """As on two machines that share a folder, where both processes have one number."""
    path = tmp_path / "rows.parquet"
    first, second = stage(path, b"one" * 1000), stage(path, b"two")
    first.commit()
    assert path.read_bytes() == b"one" * 1000
    second.commit()
    assert path.read_bytes() == b"two"
    assert [one.name for one in tmp_path.iterdir()] == ["rows.parquet"]


def test_what_is_not_committed_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, b"old")
    stage(path, b"new").discard()
    assert path.read_bytes() == b"old"
    with pytest.raises(OSError, match="nowhere"):
        write_atomically(tmp_path / "nowhere" / "a.json", b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]
